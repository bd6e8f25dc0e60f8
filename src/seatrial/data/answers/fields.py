"""Key fields of a document: a JSON object of values, compared letter for letter and in normal form."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from seatrial.data.answers.canonical import canonical
from seatrial.data.answers.counting import RIGHT, load_json

BY_LABEL = ("gold_fields", "predicted_fields", "matched_fields", "exact_fields", "missing_fields", "spurious_fields")
COLUMNS = (*BY_LABEL, RIGHT, "row_exact")
_FORM = 'fields: a JSON object such as {"total": "12.50", "date": "2018-12-25"}'
Fields = dict[str, str]


def read(text: str, *, is_target: bool) -> Fields:
    """Read a JSON object; a field that is null or empty is not there, one inside another is `outer.inner`.

    >>> read('{"total": 9.5, "seller": {"name": "ACME", "vat": null}}', is_target=True)
    {'total': '9.5', 'seller.name': 'ACME'}
    """
    found = load_json(text, _FORM)
    if not isinstance(found, dict):
        raise ValueError(f"cannot be read as {_FORM}")
    return dict(_flat(found, ""))


def labels(answer: Fields) -> Iterable[str]:
    """The names of the fields."""
    return answer


def count(target: Fields, prediction: Fields, *, threshold: float = 0.5) -> tuple[Mapping[str, float], object]:
    """Counts of one document, over all fields and of each.

    >>> counts, _ = count({"total": "12.50", "date": "25/12/2018"}, {"total": "$12.5", "name": "x"})
    >>> [counts[name] for name in ("matched_fields", "exact_fields", "missing_fields", "spurious_fields")]
    [1.0, 0.0, 1.0, 1.0]
    """
    found = dict.fromkeys(COLUMNS, 0.0)
    for name in dict.fromkeys([*target, *prediction]):
        true, given = target.get(name), prediction.get(name)
        both = true is not None and given is not None
        of_field = {
            "gold_fields": true is not None,
            "predicted_fields": given is not None,
            "matched_fields": both and canonical(str(true)) == canonical(str(given)),
            "exact_fields": both and true == given,
            "missing_fields": given is None,
            "spurious_fields": true is None,
        }
        for column, holds in of_field.items():
            found[column] += float(holds)
            found[f"{column}[{name}]"] = float(holds)
    complete = found["spurious_fields"] == 0
    found[RIGHT] = float(complete and found["matched_fields"] == found["gold_fields"])
    found["row_exact"] = float(complete and found["exact_fields"] == found["gold_fields"])
    return found, None


def _flat(values: Mapping[str, Any], before: str) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
            continue
        text = value.strip() if isinstance(value, str) else "" if value is None else json.dumps(value)
        if text:
            yield f"{before}{name}", text
