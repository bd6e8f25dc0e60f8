"""Nine metrics on every slice of six columns and their two-way crosses: Seatrial against its peers and the limit.

Every contender reads the same Parquet file in a process of its own and answers with its values, which are compared
with the limit's. Peers too slow to run whole are measured on some of the groupings and scaled up; the table says so.
"""

import argparse
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measuring
from benchmarks.limit import METRICS, by_hand, compiled, groupings, read_columns, slice_keys
from benchmarks.measuring import Cost, Work, markdown, seconds
from benchmarks.rows import ROLES, SLICES, make

BINS, ROWS_PER_BIN = 15, 50
SOME: list[tuple[int, ...]] = [(), (1,), (4,), (0, 5), (2, 4), (3, 5)]
"""Groupings the slow peers are measured on: 6 of 22 groupings, and as large a share (724 of 2,622) of the slices."""


def limit(given: argparse.Namespace) -> Any:
    """Values by the hand-written limit."""
    return _plain(by_hand(given.file))


def seatrial(given: argparse.Namespace) -> Any:
    """Values and intervals of one model."""
    import seatrial as st

    result = st.evaluate(given.file, metrics=list(METRICS), by=list(SLICES), cross=2, **ROLES)
    at = {(e.metric, tuple(sorted(e.slice.items()))): e for e in result.estimates}
    found = np.full((len(slice_keys()), len(METRICS)), np.nan)
    intervals = 0
    for s, key in enumerate(slice_keys()):
        for m, name in enumerate(METRICS):
            estimate = at.get((name, tuple(sorted(key.items()))))
            if estimate is not None and estimate.value is not None:
                found[s, m] = estimate.value
                intervals += estimate.low is not None
    return {"values": _plain(found), "intervals": intervals}


def seatrial_paired(given: argparse.Namespace) -> Any:
    """Two models: values, intervals and paired differences with corrected p-values."""
    import seatrial as st

    result = st.compare(given.file, given.other, metrics=list(METRICS), by=list(SLICES), cross=2, **ROLES)
    return {"effects": len(result.effects), "estimates": len(result.estimates)}


def scikit_learn(given: argparse.Namespace) -> Any:
    """A pandas groupby with scikit-learn's functions on each group."""
    import pandas as pd

    data = read_columns(given.file)
    frame = pd.DataFrame({name: column for name, column in data.items()})
    found = []
    for chosen in _chosen(given):
        keys = [SLICES[k] for k in chosen]
        groups = [(0, frame)] if not keys else frame.groupby(keys if len(keys) > 1 else keys[0])
        for _, group in groups:
            y, p, s = (group[name].to_numpy() for name in ("target", "prediction", "score"))
            found.append([function(y, p, s) for function in _functions().values()])
    return _plain(np.array(found))


def fairlearn(given: argparse.Namespace) -> Any:
    """fairlearn's MetricFrame, one a grouping and one a kind of input (labels, scores)."""
    import pandas as pd
    from fairlearn.metrics import MetricFrame

    data = read_columns(given.file)
    functions = _functions()
    of_labels = {name: _given_labels(functions[name]) for name in METRICS[:5]}
    of_scores = {name: _given_scores(functions[name]) for name in METRICS[5:]}
    slices = 0
    for chosen in _chosen(given):
        if not chosen:
            continue  # its overall value comes with every frame
        cuts = pd.DataFrame({SLICES[k]: data[SLICES[k]] for k in chosen})
        for metrics, column in ((of_labels, "prediction"), (of_scores, "score")):
            frame = MetricFrame(metrics=metrics, y_true=data["target"], y_pred=data[column], sensitive_features=cuts)
            slices += len(frame.by_group) // 2
    return {"slices": slices}


def _given_labels(function: Any) -> Any:
    return lambda y_true, y_pred: function(y_true, y_pred, None)


def _given_scores(function: Any) -> Any:
    return lambda y_true, y_pred: function(y_true, None, y_pred)


def _functions() -> dict[str, Any]:
    from sklearn import metrics as sk

    return {
        "accuracy": lambda y, p, s: sk.accuracy_score(y, p),
        "precision": lambda y, p, s: sk.precision_score(y, p, zero_division=np.nan),
        "recall": lambda y, p, s: sk.recall_score(y, p, zero_division=np.nan),
        "f1": lambda y, p, s: sk.f1_score(y, p, zero_division=np.nan),
        "specificity": lambda y, p, s: sk.recall_score(y, p, pos_label=0, zero_division=np.nan),
        "roc_auc": lambda y, p, s: sk.roc_auc_score(y, s) if 0 < y.sum() < len(y) else np.nan,
        "log_loss": lambda y, p, s: sk.log_loss(y, s, labels=[0, 1]),
        "brier_score": lambda y, p, s: sk.brier_score_loss(y, s),
        "expected_calibration_error": lambda y, p, s: _ece(y, s),
    }


def _ece(target: np.ndarray, score: np.ndarray) -> float:
    """Calibration error over equally filled bins, as Seatrial defines it."""
    bins = min(BINS, len(score) // ROWS_PER_BIN)
    if not bins:
        return np.nan
    order = np.argsort(score)
    gap = (target - score)[order]
    return float(np.abs(np.add.reduceat(gap, np.arange(bins) * len(gap) // bins)).sum() / len(gap))


def _chosen(given: argparse.Namespace) -> list[tuple[int, ...]]:
    return groupings() if given.many is None else SOME[: given.many]


def _plain(values: np.ndarray) -> list[list[float | None]]:
    return [[None if np.isnan(v) else float(v) for v in line] for line in values]


def _numbers(values: Any) -> np.ndarray:
    return np.array([[np.nan if v is None else v for v in line] for line in values], dtype=float)


WORKS: dict[str, Work] = {
    "limit": limit,
    "seatrial": seatrial,
    "seatrial-paired": seatrial_paired,
    "scikit-learn": scikit_learn,
    "fairlearn": fairlearn,
}


def bench(folder: Path, rows: int, *, peers: bool = True, paired: bool = True, repeat: int = 1) -> str:
    """Run every contender on so many rows; a Markdown table with ratios to the limit and to Seatrial."""
    file, other = make(folder, rows)
    compiled()  # beforehand: a user would not compile at every run
    run = partial(measuring.run, "benchmarks.sliced", file=file)
    costs: dict[str, Cost] = {}
    hand = _median([run("limit") for _ in range(repeat)])
    costs["hand-written limit (values only)"] = hand
    own = _median([run("seatrial") for _ in range(repeat)])
    costs["Seatrial, one model, all intervals"] = own
    apart = {"Seatrial": _apart(_numbers(own.found["values"]), _numbers(hand.found))}
    if paired:
        costs["Seatrial, two models paired, all intervals"] = run("seatrial-paired", other=other)
    if peers:
        sk, values = _scikit_learn(run, rows)
        costs["scikit-learn groupby (values only)"] = sk
        reference = _numbers(hand.found)
        if len(values) == len(reference):
            apart["scikit-learn"] = _apart(values, reference)
        costs["fairlearn MetricFrame (values only)"] = _fairlearn(folder, rows)
    return _report(rows, costs, hand, own, apart)


def _scikit_learn(run: Any, rows: int) -> tuple[Cost, np.ndarray]:
    """Whole up to a million rows; above, some groupings."""
    if rows <= 1_000_000:
        cost = run("scikit-learn")
        return cost, _numbers(cost.found)
    return _scaled(run("scikit-learn", many=len(SOME)), run("scikit-learn", many=0)), np.zeros((0, len(METRICS)))


def _fairlearn(folder: Path, rows: int) -> Cost:
    """Some groupings of at most a hundred thousand rows, scaled to all groupings and rows.

    Its cost has a part that grows with slices (2,600 groups cut out one metric at a time) and one that grows with rows;
    both are had from two sizes.
    """
    small, large = min(rows, 20_000), min(rows, 100_000)
    at_large = _fairlearn_at(folder, large)
    if rows <= large:
        return at_large
    slope = max(at_large.cpu - _fairlearn_at(folder, small).cpu, 0.0) / (large - small)
    grown = at_large.cpu + slope * (rows - large)
    return at_large.times(grown / at_large.cpu)


@cache
def _fairlearn_at(folder: Path, rows: int) -> Cost:
    few = partial(measuring.run, "benchmarks.sliced", "fairlearn", file=make(folder, rows)[0])
    return _scaled(few(many=len(SOME)), few(many=0))


def _scaled(some: Cost, nothing: Cost) -> Cost:
    """Work on some of the groupings, scaled to all of them; reading and imports (`nothing`) counted once."""
    factor = len(groupings()) / len(SOME)
    cpu = nothing.cpu + (some.cpu - nothing.cpu) * factor
    wall = nothing.wall + (some.wall - nothing.wall) * factor
    return Cost(wall=wall, cpu=cpu, peak=some.peak, scaled_by=factor)


def _median(costs: list[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.cpu)[len(costs) // 2]


def _apart(values: np.ndarray, reference: np.ndarray) -> float:
    """Largest difference of two sets of values; infinite where only one has a value."""
    both = np.isfinite(values) & np.isfinite(reference)
    one = np.isfinite(values) != np.isfinite(reference)
    return np.inf if one.any() else float(np.abs(values - reference)[both].max())


def _report(rows: int, costs: dict[str, Cost], hand: Cost, own: Cost, apart: dict[str, float]) -> str:
    lines = []
    for name, cost in costs.items():
        note = "" if cost.scaled_by == 1 else " *"
        lines.append(
            [
                name + note,
                seconds(cost.wall),
                seconds(cost.cpu),
                f"{cost.peak:,.0f} MB",
                f"{cost.cpu / hand.cpu:,.1f}",
                f"{cost.cpu / own.cpu:,.2f}" if cost.cpu < 10 * own.cpu else f"{cost.cpu / own.cpu:,.0f}",
            ]
        )
    table = markdown(["contender", "wall", "processor", "peak memory", "x limit", "x Seatrial"], lines)
    parts = [f"### {rows:,} rows, {len(slice_keys()):,} slices, {len(METRICS)} metrics", table]
    if any(cost.scaled_by != 1 for cost in costs.values()):
        parts.append(
            "\\* measured on a part of the groupings (fairlearn: also of the rows) and scaled up; memory is the part's."
        )
    parts.append(
        f"Seatrial gave {own.found['intervals']:,} intervals. Largest difference from the limit's values: "
        + ", ".join(f"{name} {value:.1e}" for name, value in apart.items())
        + "."
    )
    return "\n\n".join(parts)


if __name__ == "__main__":
    measuring.answer(WORKS)
