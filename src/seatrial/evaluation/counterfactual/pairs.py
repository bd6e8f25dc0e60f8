"""Pairs: rows as they are and the same rows about another identity, kept by id."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from seatrial.data.dataset import LoadedDataset
from seatrial.data.datasets.content import fingerprint
from seatrial.data.labels import label_text
from seatrial.evaluation.counterfactual.edits import Edit
from seatrial.records.counterfactual import CounterfactualSet

COLUMNS = ("id", "pair", "swap", "original", "edited", "edits", "status", "keep", "identities")
"""Columns of the table of pairs; the data's own inputs and label follow."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One row of the table: an original and one edit of it, or an original that has none (`unedited`)."""

    id: str
    """`17~gay->straight`; of an unedited row the row's own id."""
    pair: str
    """Id of the original row: edits of one row are one cluster."""
    swap: str = ""
    original: str
    edited: str | None = None
    edits: tuple[Edit, ...] = ()
    status: str = "edited"
    """`edited`, `review` (a word could stand for several), `unedited` (nothing to swap)."""
    keep: str = ""
    """`yes` or `no` when somebody has looked at it."""
    identities: tuple[str, ...] = ()
    """Named in the original."""
    label: Any = None
    edited_label: Any = None
    """Where the edited text has a label of its own."""

    @property
    def used(self) -> bool:
        """Whether it is evidence: not refused, and not ambiguous and unseen."""
        return self.status != "unedited" and self.keep != "no" and (self.status != "review" or self.keep == "yes")


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """A counterfactual data set."""

    record: CounterfactualSet
    rows: tuple[Pair, ...]
    column: str
    """The input that was edited."""
    carried: dict[str, list[Any]] = field(default_factory=dict)
    """Other columns of the data, one value for each of `rows`."""
    inputs: tuple[str, ...] = ()
    """Columns a model is given, the edited one among them."""
    label: str | None = None
    positive: str | None = None

    @cached_property
    def used(self) -> tuple[int, ...]:
        """Positions of the pairs that are evidence."""
        return tuple(at for at, row in enumerate(self.rows) if row.used)

    @cached_property
    def negative(self) -> str | None:
        """The other label, where there are two and one is positive."""
        others = {str(row.label) for row in self.rows if row.label is not None} - {self.positive}
        return others.pop() if self.positive is not None and len(others) == 1 else None

    def originals(self, *, unedited: bool = False) -> LoadedDataset:
        """The original rows, each once; with `unedited` also those without a pair (for AUCs and label rates)."""
        chosen: dict[str, int] = {}
        for at, row in enumerate(self.rows):
            if row.used or unedited:
                chosen.setdefault(row.pair, at)
        return self._dataset(list(chosen.values()), tuple(chosen), edited=False)

    def edited(self) -> LoadedDataset:
        """The edited rows, one a pair, by their own ids; the label is the original's (or the edit's own)."""
        return self._dataset(list(self.used), tuple(self.rows[at].id for at in self.used), edited=True)

    def _dataset(self, places: Sequence[int], ids: tuple[str, ...], *, edited: bool) -> LoadedDataset:
        columns: dict[str, list[Any]] = {}
        for name in self.inputs:
            if name != self.column:
                columns[name] = [self.carried[name][at] for at in places]
        rows = [self.rows[at] for at in places]
        columns[self.column] = [(row.edited or "") if edited else row.original for row in rows]
        if self.label is not None:
            columns[self.label] = [
                row.edited_label if edited and row.edited_label is not None else row.label for row in rows
            ]
        return LoadedDataset(
            name=f"{self.record.name} ({'edited' if edited else 'as written'})",
            ids=ids,
            columns=columns,
            inputs=self.inputs,
            fingerprint=fingerprint(columns, ids),
            target=self.label,
            positive=self.positive,
            version=self.record.version,
        )

    def table(self) -> dict[str, list[Any]]:
        """Columns to write: what `seatrial counterfactual run` and a suite read back."""
        out: dict[str, list[Any]] = {
            "id": [row.id for row in self.rows],
            "pair": [row.pair for row in self.rows],
            "swap": [row.swap for row in self.rows],
            "original": [row.original for row in self.rows],
            "edited": [row.edited for row in self.rows],
            "edits": [edits_text(row.edits) for row in self.rows],
            "status": [row.status for row in self.rows],
            "keep": [row.keep for row in self.rows],
            "identities": [";".join(row.identities) for row in self.rows],
        }
        if self.label is not None:
            out["label"] = [row.label for row in self.rows]
            if any(row.edited_label is not None for row in self.rows):
                out["edited_label"] = [row.edited_label for row in self.rows]
        return out | {f"data.{name}": values for name, values in self.carried.items()}

    def with_record(self, **changed: Any) -> "Pairs":
        """The same pairs with some fields of the record replaced."""
        return replace(self, record=self.record.model_copy(update=changed))


def digest_of(rows: Sequence[Pair]) -> str:
    """SHA-256 of what a table of pairs says: ids, texts, swaps, labels, what was kept.

    >>> digest_of([Pair(id="1", pair="1", original="a")]) == digest_of([Pair(id="1", pair="1", original="b")])
    False
    """
    sha = hashlib.sha256()
    for row in rows:
        said = [row.id, row.pair, row.swap, row.original, row.edited, row.status, row.keep, _text(row.label)]
        sha.update(json.dumps([*said, _text(row.edited_label)], ensure_ascii=False).encode(errors="surrogatepass"))
    return sha.hexdigest()


def _text(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else label_text(value)


def edits_text(edits: Sequence[Edit]) -> str:
    """Edits as JSON: `[[start, end, before, after], ...]`, offsets in characters of the original; `"review"` follows
    where the word could become several."""
    if not edits:
        return ""
    said = [[e.start, e.end, e.before, e.after, *(["review"] if e.ambiguous else [])] for e in edits]
    return json.dumps(said, ensure_ascii=False)
