"""Every group and intersection measured: base rate, selection, error rates, precision, calibration, AUC."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seatrial.data.engine import DuckDBEngine, quoted
from seatrial.data.frame import Frame
from seatrial.data.slicing import MISSING
from seatrial.effects.estimate import estimates
from seatrial.effects.grouping import Grouping, groupings
from seatrial.effects.measure import Measurer, catalogue_of
from seatrial.effects.measured import Floats, Measured
from seatrial.metrics.base import Formula
from seatrial.records import Estimate
from seatrial.stats.proportions import effective_size

RATES = (
    "prevalence",
    "selection_rate",
    "recall",
    "false_positive_rate",
    "false_negative_rate",
    "precision",
    "accuracy",
)
PROBABILITIES = ("expected_calibration_error", "brier_score")
SCORE_MINUS_RATE = "score_minus_rate"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One way to cut the rows, measured."""

    grouping: Grouping
    rows: Floats
    """(S,)."""
    shares: Floats
    """Of all rows, by weight where there are weights, (S,)."""
    kish: Floats
    """Effective share of the rows of each group under its weights; 1 without, (S,)."""
    ranked: NDArray[np.bool_]
    measured: dict[str, Measured]
    clustered: bool

    def estimates(self, model: str, index: int, *, alpha: float) -> tuple[Estimate, ...]:
        """Every measure of one group."""
        return tuple(
            one for found in self.measured.values() for one in estimates(found, (model,), alpha=alpha, only=index)
        )

    def is_missing(self, index: int) -> bool:
        """Whether a protected value of the group is missing."""
        return MISSING in self.grouping.key(index).values()

    def rates(self, name: str) -> tuple[Floats, Floats]:
        """Events and rows of a rate in every group, (S,), real effective numbers under clusters or weights."""
        value = self.measured[name].values[0]
        if value.count is not None and value.total is not None:
            return value.count, value.total
        rows = self.measured[name].n if value.rows is None else value.rows
        independent = value.df + 1 if self.clustered else rows * self.kish
        size = effective_size(
            value.standard_error**2,
            value.value,
            rows,
            df=value.df if self.clustered else None,
            independent=np.minimum(np.nan_to_num(independent, nan=0.0), rows),
        )
        size = np.where(np.isfinite(size), size, 0.0)
        return np.nan_to_num(value.value) * size, size

    def values(self, name: str) -> Floats:
        """A measure in every group, NaN where there is a reason."""
        value = self.measured[name].values[0]
        return np.where([reason is None for reason in value.reasons], value.value, np.nan)


@dataclass(frozen=True, kw_only=True)
class Groups:
    """All rows, then every cut."""

    whole: Cut
    cuts: tuple[Cut, ...]
    notes: tuple[str, ...]


def measure_groups(frame: Frame, favourable: int, *, cross: int, smallest: float, seed: int = 0) -> Groups:
    """Measure a frame of one binary model on every protected column and their crosses.

    Rates are of the outcome `favourable` (a label code); scores stay those of the frame's positive class, with which
    calibration and AUC do not change. A group under `smallest` of all rows, or of people without the protected value,
    is not ranked.
    """
    every = groupings(frame, explored=tuple(range(len(frame.slices))), cross=cross)
    labels = replace(frame, positive=favourable)
    held = _measure(labels, [name for name in RATES if name != "selection_rate"], every, seed)
    held |= _measure(_decided(labels), ["selection_rate"], every, seed)
    notes: list[str] = []
    if frame.scored and frame.scored[0]:
        low, high = score_range(frame)
        probabilities = low >= 0 and high <= 1
        if not probabilities:
            notes.append(
                f"scores run from {low:.4g} to {high:.4g}, so they are no probabilities: calibration is left out"
            )
        sign = "score - is_positive" if favourable == frame.positive else "is_positive - score"
        own = {SCORE_MINUS_RATE: _score_minus_rate(sign)} if probabilities else {}
        names = ["roc_auc", *(PROBABILITIES if probabilities else ()), *own]
        held |= _measure(frame, names, every, seed, own)
    cuts = tuple(_cut(frame, where, held, smallest) for where in every)
    return Groups(whole=cuts[0], cuts=cuts[1:], notes=tuple(notes))


def score_range(frame: Frame) -> tuple[float, float]:
    """The lowest and the highest score."""
    sql = f"SELECT min(score_0) AS low, max(score_0) AS high FROM {quoted(frame.table)} WHERE isfinite(score_0)"
    found = frame.engine.query(sql)
    return float(found["low"][0]), float(found["high"][0])


def _score_minus_rate(sign: str) -> Formula:
    return Formula(
        name=SCORE_MINUS_RATE,
        summary="mean score less the share of the labels: calibration in the large",
        formula=f"mean({sign})",
        tasks=frozenset({"binary"}),
        lowest=-1.0,
        directed=False,
        needs_scores=True,
    )


def _measure(
    frame: Frame,
    names: Sequence[str],
    every: Sequence[Grouping],
    seed: int,
    formulas: dict[str, Formula] | None = None,
) -> dict[tuple[str, Grouping], Measured]:
    catalogue = catalogue_of(frame, operational=(), formulas=formulas or {})
    measurer = Measurer(frame=frame, catalogue=catalogue, seed=seed, frequency=frame.weights == "counts")
    return measurer.measure([catalogue.get(name) for name in names], every, [(0,)])


def _decided(frame: Frame) -> Frame:
    """The frame for what needs a decision but no label: a missing label must not take a row out of the selection."""
    engine = frame.engine
    if not isinstance(engine, DuckDBEngine):
        return frame
    (lacking,) = engine.one(f"SELECT count(*) - count(target) FROM {quoted(frame.table)}")
    if not lacking:
        return frame
    view = engine.fresh("decided")
    engine.execute(
        f"CREATE VIEW {quoted(view)} AS SELECT * REPLACE (COALESCE(target, 0) AS target) FROM {quoted(frame.table)}"
    )
    engine.keep_order(view, "row")
    return replace(frame, table=view)


def _cut(frame: Frame, where: Grouping, held: dict[tuple[str, Grouping], Measured], smallest: float) -> Cut:
    rows, mass, squares = _counts(frame, where)
    shares = mass / mass.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        kish = np.where(rows > 0, mass**2 / squares / rows, 1.0)
    missing = np.array([MISSING in where.key(index).values() for index in range(where.size)])
    names = dict.fromkeys(name for name, _ in held)
    order = [name for name in (*RATES, SCORE_MINUS_RATE, *PROBABILITIES, "roc_auc") if name in names]
    return Cut(
        grouping=where,
        rows=rows,
        shares=shares,
        kish=kish if frame.weights != "counts" else np.ones_like(kish),
        ranked=(rows > 0) & (shares >= smallest) & ~missing,
        measured={name: held[name, where] for name in order},
        clustered=frame.cluster is not None,
    )


def _counts(frame: Frame, where: Grouping) -> tuple[Floats, Floats, Floats]:
    """Rows, weight and squared weight of every group."""
    weight = "1.0" if frame.weight is None else "weight"
    keys = ", ".join(f"slice_{k}" for k in where.columns)
    sums = f"count(*) AS n, sum({weight}) AS mass, sum({weight} * {weight}) AS squares"
    sql = f"SELECT {f'{keys}, ' if keys else ''}{sums} FROM {quoted(frame.table)}"
    found = frame.engine.query(f"{sql} GROUP BY {keys}" if keys else sql)
    at = (
        where.combine([found[f"slice_{k}"] for k in where.columns]) if where.columns else np.zeros(1, dtype=np.intp)
    ).astype(np.intp)
    rows, mass, squares = (np.zeros(where.size) for _ in range(3))
    rows[at], mass[at], squares[at] = (np.asarray(found[name], float) for name in ("n", "mass", "squares"))
    return rows, mass, squares
