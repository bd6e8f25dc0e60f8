"""Gaps: what a data set does not test, said only where the data show it."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from seatrial.data.answers.entities import spans_of_tags
from seatrial.data.dataset import LoadedDataset
from seatrial.data.datasets.content import Digested
from seatrial.data.labels import label_text
from seatrial.errors import listed

FEW_ROWS = 30
"""Rows of a class under which a metric of that class alone says little."""
_MOST_NAMED = 6


def gaps_of(data: LoadedDataset, *, chosen: Collection[str] = ()) -> tuple[str, ...]:
    """Return one sentence for each thing these rows cannot show; `chosen` columns have one value on purpose."""
    gaps: list[str] = []
    if data.target is None and not data.targets:
        gaps.append("It has no labels: nothing that needs the truth can be measured.")
    elif data.target is not None:
        gaps += _of_labels(data, data.target)
    return tuple([*gaps, *_constant(data, chosen)])


def _constant(data: LoadedDataset, chosen: Collection[str]) -> list[str]:
    """Columns of text or truth that have one value only: nothing else was tried."""
    found: list[str] = []
    for name, values in data.columns.items():
        if name in (data.target, *data.targets.values(), *chosen) or isinstance(values, Digested) or len(values) < 2:
            continue
        first = values[0]
        if isinstance(first, str | bool) and all(value == first for value in values):
            found.append(f"{name} = {label_text(first):.40}")
    if not found:
        return []
    return [f"Every row has {listed(found, limit=_MOST_NAMED)}; other values are not tested."]


def _of_labels(data: LoadedDataset, target: str) -> list[str]:
    values = data.columns[target]
    gaps = []
    missing = sum(value is None for value in values)
    if missing:
        gaps.append(f"{missing:,} of {len(values):,} rows have no target and count for no metric that needs it.")
    if data.task in ("binary", "multiclass"):
        counts = Counter(value for value in values if value is not None)
        if len(counts) == 1:
            gaps.append(f"Only the class '{next(iter(counts))}' occurs; errors on others are not tested.")
        few = sorted(((n, str(label)) for label, n in counts.items() if n < FEW_ROWS))
        if few:
            named = listed((f"{label} ({n})" for n, label in few), limit=_MOST_NAMED)
            what = "class has" if len(few) == 1 else "classes have"
            gaps.append(f"{len(few)} {what} fewer than {FEW_ROWS} rows: {named}.")
    if data.task == "entities":
        types = Counter(label for value in values if value for label in _types(value))
        few = sorted(((n, label) for label, n in types.items() if n < FEW_ROWS))
        if few:
            named = listed((f"{label} ({n})" for n, label in few), limit=_MOST_NAMED)
            gaps.append(f"Entity types with fewer than {FEW_ROWS} mentions: {named}.")
    return gaps


def _types(value: Any) -> list[str]:
    """The types of one row's entities: spans, or tags (a list, or words between spaces)."""
    tags = value.split() if isinstance(value, str) else value
    if all(isinstance(tag, str) for tag in tags):
        try:
            return [kind for _, _, kind in spans_of_tags(tags)]
        except ValueError:
            return []
    return [span["label"] for span in tags if isinstance(span, Mapping) and "label" in span]
