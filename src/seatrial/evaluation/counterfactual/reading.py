"""Read a table of pairs back, reviewed or not, with the record beside it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatrial.data.datasets.files import read_columns
from seatrial.data.labels import label_text
from seatrial.errors import DataError, UsageError, did_you_mean
from seatrial.evaluation.counterfactual.building import counts
from seatrial.evaluation.counterfactual.edits import Edit
from seatrial.evaluation.counterfactual.outcomes import outcomes
from seatrial.evaluation.counterfactual.pairs import Pair, Pairs, digest_of
from seatrial.records.counterfactual import CounterfactualSet

__all__ = ["outcomes", "read_pairs", "record_path"]

_YES = {"yes", "y", "true", "1", "keep"}
_NO = {"no", "n", "false", "0", "drop"}
_STATUS = ("edited", "review", "unedited")


def record_path(table: str | Path) -> Path:
    """Where the record of a table of pairs is: beside it, `pairs.csv` and `pairs.record.json`.

    >>> record_path("a/pairs.csv").name
    'pairs.record.json'
    """
    path = Path(table)
    name = path.name
    for ending in (".gz", ".zst"):
        name = name.removesuffix(ending)
    return path.with_name(f"{Path(name).stem}.record.json")


def read_pairs(path: str | Path) -> Pairs:
    """Read a table of pairs as `seatrial counterfactual build` wrote it, with what a reader changed since.

    Without the record beside it the column of texts is called `text`. Raises `UsageError` for a file that is no table
    of pairs, `DataError` for one that says `keep: perhaps` or holds an id twice.
    """
    file = Path(path)
    columns = read_columns(file)
    for needed in ("id", "pair", "original", "edited"):
        if needed not in columns:
            raise UsageError(
                f"{file.name} has no column '{needed}', so it is no table of pairs; make one with 'seatrial "
                f"counterfactual build'.{did_you_mean(needed, columns)}"
            )
    n = len(columns["id"])
    nothing: list[Any] = [None] * n

    def column(name: str) -> list[Any]:
        return columns.get(name, nothing)

    ids = [_text(value) for value in columns["id"]]
    if len(set(ids)) < n:
        seen: set[str] = set()
        twice = next(one for one in ids if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        raise DataError(f"{file.name}: id '{twice}' is there twice; a pair has one id.")
    rows = tuple(
        Pair(
            id=ids[at],
            pair=_text(columns["pair"][at]),
            swap=_text(column("swap")[at]),
            original=_text(columns["original"][at]),
            edited=None if columns["edited"][at] is None else _text(columns["edited"][at]),
            edits=_edits(column("edits")[at]),
            status=_status(column("status")[at], columns["edited"][at], f"{file.name}, id '{ids[at]}'"),
            keep=_keep(column("keep")[at], f"{file.name}, id '{ids[at]}'"),
            identities=tuple(one for one in _text(column("identities")[at]).split(";") if one),
            label=column("label")[at],
            edited_label=column("edited_label")[at],
        )
        for at in range(n)
    )
    record = _record(file, rows)
    carried = {name.removeprefix("data."): values for name, values in columns.items() if name.startswith("data.")}
    inputs = tuple(name for name in record.inputs if name == record.column or name in carried) or (record.column,)
    label = (record.label or "label") if "label" in columns else None
    positive = record.positive
    if label is not None:
        rows = tuple(replace(row, label=_label(row.label), edited_label=_label(row.edited_label)) for row in rows)
    return Pairs(
        record=record,
        rows=rows,
        column=record.column,
        carried=carried,
        inputs=inputs,
        label=label,
        positive=positive,
    )


def _record(file: Path, rows: tuple[Pair, ...]) -> CounterfactualSet:
    beside = record_path(file)
    found = counts(rows)
    labelled = tuple(replace(row, label=_label(row.label), edited_label=_label(row.edited_label)) for row in rows)
    now = digest_of(labelled)
    if not beside.is_file():
        originals = {row.pair for row in rows}
        return CounterfactualSet.model_validate(
            {
                "name": file.name.split(".")[0],
                "digest_of_pairs": now,
                "source": file.name,
                "source_fingerprint": now,
                "column": "text",
                "inputs": ("text",),
                "rows": len(originals),
                "unedited_rows": len(originals) - found["edited_rows"],
                "notes": (f"{beside.name} is not beside the table: what it was built from is not known",),
                **found,
            }
        )
    try:
        given = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{beside.name} cannot be read: {error}.") from None
    record = CounterfactualSet.parse(given, what=beside.name)
    return record.model_copy(
        update={
            **found,
            "edited_rows": record.edited_rows,
            "digest_of_pairs": now,
            "changed_by_hand": record.changed_by_hand or now != record.digest_of_pairs,
        }
    )


def _label(value: Any) -> str | None:
    return None if value is None else label_text(value)


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else label_text(value)


def _keep(value: Any, place: str) -> str:
    said = _text(value).strip().lower()
    if not said:
        return ""
    if said in _YES:
        return "yes"
    if said in _NO:
        return "no"
    raise DataError(f"{place}: keep is '{said:.40}'; write yes or no, or leave it empty.")


def _status(value: Any, edited: Any, place: str) -> str:
    said = _text(value).strip().lower() or ("unedited" if edited is None else "edited")
    if said not in _STATUS:
        raise DataError(f"{place}: status is '{said:.40}'; it is one of {', '.join(_STATUS)}.")
    return said


def _edits(value: Any) -> tuple[Edit, ...]:
    if value is None or value == "":
        return ()
    try:
        given = json.loads(value) if isinstance(value, str) else value
        return tuple(
            Edit(start=int(s), end=int(e), before=str(b), after=str(a), ambiguous=bool(more))
            for s, e, b, a, *more in given
        )
    except (ValueError, TypeError):
        return ()
