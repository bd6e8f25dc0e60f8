"""All columns together: can a classifier tell the tables apart, and which weights make one like the other?"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import DataError
from seatrial.evaluation.shift_reading import Tables
from seatrial.records.shift import JointShift
from seatrial.stats.propensity import METHOD, Propensity, propensity

Floats = NDArray[np.float64]
MOST_FEATURES = 400
LEVELS, FEWEST_OF_LEVEL = 20, 20
WORDS = 150
FEWEST_ROWS = 50
_WORD = re.compile(r"\w+")


@dataclass(kw_only=True)
class Design:
    """Standardised columns of the sampled rows of both tables, the reference's first, and the column each is of."""

    parts: list[Floats] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    full: list[str] = field(default_factory=list)
    """Columns for which no more room was left."""

    def add(self, name: str, columns: Sequence[Floats]) -> None:
        if len(self.parts) + len(columns) > MOST_FEATURES:
            self.full.append(name)
            return
        for column in columns:
            spread = column.std()
            if spread > 0:
                self.parts.append((column - column.mean()) / spread)
                self.owners.append(name)

    def number(self, name: str, values: Floats, *, square: bool = True) -> None:
        """The number, its square, and whether it is missing; cut at the pooled 0.5 and 99.5 %."""
        gone = np.isnan(values)
        known = values[~gone]
        if not len(known):
            return
        low, high = np.quantile(known, [0.005, 0.995])
        low, high = (low, high) if high > low else (known.min(), known.max())
        cut = np.where(gone, known.mean(), np.clip(values, low, high))
        spread = cut.std()
        scaled = (cut - cut.mean()) / spread if spread > 0 else np.zeros(len(cut))
        columns = [scaled, scaled**2] if square and len(np.unique(scaled[:2000])) > 2 else [scaled]
        if gone.any():
            columns.append(gone.astype(float))
        self.add(name, columns)

    def category(self, name: str, values: Sequence[str | None]) -> None:
        """One column for each frequent level, missing included."""
        counts = Counter(values)
        often = [level for level, count in counts.most_common(LEVELS) if count >= FEWEST_OF_LEVEL]
        array = np.array(values, dtype=object)
        self.add(name, [(array == level).astype(float) for level in sorted(often, key=str)])

    def text(self, name: str, values: Sequence[str | None]) -> None:
        """The length and the presence of frequent words."""
        words = [frozenset(_WORD.findall((value or "").casefold())) for value in values]
        length = np.log1p([len(value or "") for value in values])
        counts = Counter(word for one in words for word in one)
        room = min(WORDS, max(len(values) // 50, 5))
        ranked = sorted(((-count, word) for word, count in counts.items() if 20 <= count <= 0.95 * len(words)))[:room]
        place = {word: k for k, (_, word) in enumerate(ranked)}
        present = np.zeros((len(words), len(place)))
        for row, one in enumerate(words):
            for word in one & place.keys():
                present[row, place[word]] = 1.0
        scaled = (length - length.mean()) / (length.std() or 1.0)
        self.add(name, [scaled, scaled**2, *present.T])


@dataclass(frozen=True, kw_only=True)
class Joint:
    """The answer and, for weights, the model behind it."""

    record: JointShift
    fitted: Propensity | None
    rows: tuple[NDArray[np.intp], NDArray[np.intp]]
    """Positions of the rows it saw, in either table."""


def joint_shift(tables: Tables, *, alpha: float, seed: int) -> Joint:
    """Fit which table each row is from, on all columns but the target."""
    sides = (tables.reference, tables.current)
    rows = tables.reference.sampled, tables.current.sampled
    n, m = len(rows[0]), len(rows[1])
    used = [one for one in (*tables.columns, *tables.embedding) if one.part != "target"]
    names = tuple(one.name for one in used)
    few = min(n, m) < FEWEST_ROWS
    if few or not used:
        reason = f"{min(n, m)} rows are too few for a classifier (at least {FEWEST_ROWS})" if few else "no columns"
        return Joint(
            record=JointShift(n_reference=n, n_current=m, columns=names, reason=reason), fitted=None, rows=rows
        )
    design = Design()
    embedded = {one.name for one in tables.embedding}
    for one in used:
        if one.kind == "number" or one.typed:
            values = np.concatenate([side.sampled_numbers(one.places[at]) for at, side in enumerate(sides)])
            if one.kind == "category":
                design.category(one.name, [None if np.isnan(v) else repr(float(v)) for v in values])
            else:
                design.number(one.name, values, square=one.name not in embedded)
        else:
            texts = [text for at, side in enumerate(sides) for text in side.texts(one.places[at])]
            (design.text if one.kind == "text" else design.category)(one.name, texts)
    if not design.parts:
        reason = "every column holds one value in both tables"
        return Joint(
            record=JointShift(n_reference=n, n_current=m, columns=names, reason=reason), fitted=None, rows=rows
        )
    x = np.column_stack(design.parts)
    y = np.repeat([0, 1], [n, m])
    try:
        found = propensity(x, y, seed=seed)
    except (DataError, np.linalg.LinAlgError) as error:
        return _none(rows, names, str(error))
    low, high = found.interval(alpha)
    record = JointShift(
        auc=found.auc,
        low=low,
        high=high,
        p_value=found.p_value,
        told_apart=bool(low > 0.5),
        n_reference=n,
        n_current=m,
        columns=tuple(name for name in names if name not in design.full),
        by_column=_by_column(x, design.owners, found.slopes),
        method=f"{METHOD}; {x.shape[1]} columns made of {len(set(design.owners))}",
    )
    return Joint(record=record, fitted=found, rows=rows)


def _none(rows: tuple[NDArray[np.intp], NDArray[np.intp]], names: tuple[str, ...], reason: str) -> Joint:
    record = JointShift(n_reference=len(rows[0]), n_current=len(rows[1]), columns=names, reason=reason)
    return Joint(record=record, fitted=None, rows=rows)


def _by_column(x: Floats, owners: Sequence[str], slopes: Floats) -> dict[str, float]:
    """Standard deviation of each column's part of the log odds, most first."""
    part: dict[str, Floats] = {}
    for k, name in enumerate(owners):
        part[name] = part.get(name, np.zeros(len(x))) + slopes[k] * x[:, k]
    found = {name: float(line.std()) for name, line in part.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1])[:20])
