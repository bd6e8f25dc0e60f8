"""The model's rows in both tables, coded alike: targets, predictions, scores, slices, and the terms of its metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.align import align_apart
from seatrial.data.engine import DuckDBEngine
from seatrial.data.frame import Frame
from seatrial.data.predictions import Predictions
from seatrial.data.source import Source
from seatrial.effects.cases import Cases
from seatrial.effects.columns import Reader, column_array, label_names
from seatrial.effects.grouping import Grouping, grouping
from seatrial.effects.measure import Measurer, bind, catalogue_of
from seatrial.errors import DataError, UsageError
from seatrial.expressions import Node, text_columns
from seatrial.metrics.base import Formula, Metric, PerClass
from seatrial.metrics.catalogue import formula_metric, main_metric

Floats = NDArray[np.float64]


class Unlabelled(Source):
    """A source with one more column, without a value in any row: the target of a table that has none."""

    def __init__(self, source: Source, target: str) -> None:
        self._source = source
        self.name = source.name
        self.columns = (*source.columns, target)
        self.kinds = (*source.kinds, "VARCHAR")
        self.is_large = source.is_large
        self.numbers_rows = source.numbers_rows

    @property
    def identity(self) -> object:
        return ("unlabelled", self._source.identity)

    def scan(self, engine: DuckDBEngine, columns: Sequence[int]) -> str:
        own = len(self._source.columns)
        inner = self._source.scan(engine, [place for place in columns if place < own] or [0])
        return f"(SELECT *, CAST(NULL AS VARCHAR) AS c{own} FROM {inner} AS labelled)"

    def digest(self) -> str:
        return self._source.digest()


@dataclass(frozen=True, kw_only=True)
class ModelRows:
    """The reference and the current rows of one model, as two frames with the same labels and levels."""

    frames: tuple[Frame, Frame]
    measurers: tuple[Measurer, Measurer]
    metric: Metric
    labelled: bool
    """Whether the current table has targets."""

    @property
    def task(self) -> str:
        return self.frames[0].task

    @property
    def scored(self) -> bool:
        """Whether both tables have one score a row."""
        return self.task == "binary" and all(frame.scored == (True,) for frame in self.frames)

    @property
    def groupings(self) -> list[Grouping]:
        """One a slice column, with the levels of both tables."""
        return [grouping(self.frames[0], (k,)) for k in range(len(self.frames[0].slices))]

    def read(self, at: int, column: str) -> NDArray[Any]:
        """A column of a frame, in the order of its table's rows."""
        return self.measurers[at].read(column)

    def cases(self, at: int, *, weight: Floats | None = None, target: NDArray[Any] | None = None) -> Cases:
        """All rows of one table as cases, weighted or with other targets where asked."""
        frame = self.frames[at]
        read = self.measurers[at].read
        known: NDArray[Any] | None = None
        if frame.task in ("binary", "multiclass"):
            known = read("target") if target is None else target
        reader = read if target is None else _Replaced(read, target)

        def column(name: str, model: int) -> NDArray[Any]:
            return column_array(frame, name, model, read=reader)  # type: ignore[arg-type]

        return Cases(
            size=1,
            slice_index=np.zeros(frame.n, dtype=np.int8),
            count=np.ones(frame.n),
            target=known,
            predictions={0: read("prediction_0")} if known is not None else {},
            column=column,
            weight=weight,
            positive=frame.positive,
            labels=frame.labels,
            multilabel=frame.task == "multilabel",
            label_names=label_names(frame),
        )

    @property
    def tree(self) -> Node | None:
        """The metric as arithmetic over means of rows; None where it is not."""
        return self.metric.tree if isinstance(self.metric, (Formula, PerClass)) else None


class _Replaced:
    """Reads a frame's columns, but other targets."""

    def __init__(self, read: Reader, target: NDArray[Any]) -> None:
        self._read, self._target = read, target

    def __call__(self, column: str) -> NDArray[Any]:
        return self._target if column == "target" else self._read(column)


def model_rows(
    reference: Predictions, current: Predictions, *, labelled: bool, metric: str | None, by: Sequence[str], seed: int
) -> ModelRows:
    """Align both tables apart and choose the metric: as named (`f1`, `NAME=FORMULA`), else the task's main one."""
    formula = _formula(metric)
    columns = tuple(dict.fromkeys(_columns(formula, reference.source)))
    texts = tuple(name for name in (text_columns(formula.tree) if formula else ()) if name in reference.source.columns)
    named = tuple(name for name in columns if name not in texts)
    frames = align_apart([reference, current], slices=by, columns=named, texts=texts)
    first, second = frames
    if not (first.n and second.n):
        raise DataError("No row is left to measure the metric on.")
    if first.task != second.task or first.labels != second.labels:
        raise DataError(f"{reference.source_name} and {current.source_name} do not hold the same kind of target.")
    formulas = {} if formula is None else {formula.name: formula}
    catalogue = catalogue_of(first, operational=(), formulas=formulas)
    rare = _rarest(first)
    name = formula.name if formula else metric or main_metric(catalogue, rarest_share=rare)
    chosen = catalogue.get(name)
    if metric is None and not isinstance(chosen, (Formula, PerClass)) and first.task == "binary":
        chosen = catalogue.get("f1")  # of a rare class the usual lead is a rank metric, whose slices do not add up
    bound = bind(chosen, first, catalogue)
    measurers = (
        Measurer(frame=first, catalogue=catalogue, seed=seed),
        Measurer(frame=second, catalogue=catalogue, seed=seed),
    )
    return ModelRows(frames=(first, second), measurers=measurers, metric=bound, labelled=labelled)


def _formula(metric: str | None) -> Formula | None:
    """`NAME=FORMULA` as a metric; a bare name is one of the catalogue."""
    if metric is None:
        return None
    name, equals, text = metric.partition("=")
    if equals and name.strip().isidentifier():
        return formula_metric(name.strip(), text.strip())
    if any(mark in metric for mark in "(*/+"):
        raise UsageError(f"'{metric}': give the formula a name, as in --metric 'profit={metric}'.")
    return None


def _columns(formula: Formula | None, source: Source) -> list[str]:
    from seatrial.effects.measure import named_columns

    return [name for name in named_columns(formula.tree) if name in source.columns] if formula else []


def _rarest(frame: Frame) -> float | None:
    if frame.task not in ("binary", "multiclass"):
        return None
    target = np.asarray(frame.arrays(["target"])["target"])
    known = target[target >= 0].astype(np.int64)
    if not len(known):
        return None
    counts = np.bincount(known, minlength=len(frame.labels))
    return float(counts[counts > 0].min() / len(known))
