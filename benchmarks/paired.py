"""Paired difference of accuracy, F1 and AUC on 100,000 rows, with intervals: Seatrial against scipy.stats.bootstrap."""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measuring
from benchmarks.limit import read_columns
from benchmarks.measuring import Cost, Work, markdown, seconds, spent
from benchmarks.rows import ROLES, make

METRICS = ("accuracy", "f1", "roc_auc")
RESAMPLES = 10_000
FEW = {"accuracy": 40, "f1": 40, "roc_auc": 20}
"""Resamples that scipy is measured on; its time grows in proportion to them."""
TIMES = 5


def seatrial(given: argparse.Namespace) -> Any:
    """Seconds of the whole way from files or arrays to an interval, and of the statistics alone."""
    import seatrial as st
    from seatrial.stats.paired import PairedProportions
    from seatrial.stats.ranks import paired_auc

    first, second = (read_columns(path) for path in (given.file, given.other))
    target = first["target"]
    arrays = [
        {"id": np.arange(len(target)), "target": target, "prediction": side["prediction"], "score": side["score"]}
        for side in (first, second)
    ]

    def proportions() -> tuple[float, float]:
        right, other = first["prediction"] == target, second["prediction"] == target
        gained, lost = int((other & ~right).sum()), int((right & ~other).sum())
        contrast = PairedProportions(
            gained=np.array([gained]),
            lost=np.array([lost]),
            n=np.array([len(target)]),
            baseline_value=np.array([right.mean()]),
            identical=np.array([False]),
        )
        low, high = contrast.interval(0.05)
        return float(low[0]), float(high[0])

    def auc() -> tuple[float, float]:
        return paired_auc(first["score"], second["score"], target).interval(0.05)

    def compared(one: Any, other: Any, names: tuple[str, ...]) -> Callable[[], Any]:
        def run() -> Any:
            result = st.compare(one, other, metrics=list(names), **ROLES)
            return {e.metric: (e.low, e.high) for e in result.effects}

        return run

    works = {
        "accuracy, statistics alone": proportions,
        "roc_auc, statistics alone": auc,
        "roc_auc, compare() from arrays": compared(arrays[0], arrays[1], ("roc_auc",)),
        "all three, compare() from arrays": compared(arrays[0], arrays[1], METRICS),
        "all three, compare() from Parquet": compared(given.file, given.other, METRICS),
    }
    found = {}
    for name, work in works.items():
        work()
        costs = [spent(work) for _ in range(TIMES)]
        found[name] = {
            "wall": statistics.median(c.wall for c in costs),
            "cpu": statistics.median(c.cpu for c in costs),
            "found": costs[0].found,
        }
    return found


def scipy(given: argparse.Namespace) -> Any:
    """Seconds and limits of scipy's paired percentile bootstrap at few resamples, and how many."""
    from scipy.stats import bootstrap
    from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

    first, second = (read_columns(path) for path in (given.file, given.other))
    works = {
        "accuracy": (accuracy_score, "prediction"),
        "f1": (f1_score, "prediction"),
        "roc_auc": (roc_auc_score, "score"),
    }
    found = {}
    for name, (function, column) in works.items():

        def difference(y: Any, a: Any, b: Any, function: Any = function) -> float:
            return float(function(y, b) - function(y, a))

        def resampled(many: int, column: str = column, difference: Any = difference) -> tuple[float, float]:
            limits = bootstrap(
                (first["target"], first[column], second[column]),
                difference,
                n_resamples=many,
                paired=True,
                vectorized=False,
                method="percentile",
                batch=1,
                rng=np.random.default_rng(0),
            ).confidence_interval
            return float(limits.low), float(limits.high)

        resampled(2)
        cost = spent(lambda name=name, resampled=resampled: resampled(FEW[name]))
        found[name] = {"wall": cost.wall, "cpu": cost.cpu, "resamples": FEW[name]}
    return found


WORKS: dict[str, Work] = {"seatrial": seatrial, "scipy": scipy}


def bench(folder: Path, rows: int, *, peers: bool = True) -> str:
    """A Markdown table: seconds a difference with its interval, and how many times longer scipy takes."""
    file, other = make(folder, rows)
    own = measuring.run("benchmarks.paired", "seatrial", file=file, other=other).found
    lines = [[f"Seatrial: {name}", seconds(cost["wall"]), seconds(cost["cpu"]), ""] for name, cost in own.items()]
    whole = own["all three, compare() from Parquet"]
    parts = [f"### Paired differences with intervals, {rows:,} rows"]
    if peers:
        theirs = measuring.run("benchmarks.paired", "scipy", file=file, other=other).found
        total = Cost(wall=0.0, cpu=0.0, peak=0.0)
        for name, cost in theirs.items():
            factor = RESAMPLES / cost["resamples"]
            wall, cpu = cost["wall"] * factor, cost["cpu"] * factor
            total = Cost(wall=total.wall + wall, cpu=total.cpu + cpu, peak=0.0)
            alone = own.get(f"{name}, statistics alone")
            ratio = f"{cpu / alone['cpu']:,.0f} x the statistics alone" if alone else ""
            lines.append([f"scipy.stats.bootstrap: {name} *", seconds(wall), seconds(cpu), ratio])
        ratio = f"{total.cpu / whole['cpu']:,.0f} x compare() from Parquet"
        lines.append(["scipy.stats.bootstrap: all three *", seconds(total.wall), seconds(total.cpu), ratio])
    parts.append(markdown(["what", "wall", "processor", "ratio"], lines))
    if peers:
        counts = ", ".join(f"{name} {many}" for name, many in FEW.items())
        parts.append(
            f"\\* percentile method, paired, scikit-learn's functions; {RESAMPLES:,} resamples"
            f" from fewer ({counts}) in proportion."
        )
    alone, whole_way = (own[f"roc_auc, {name}"]["wall"] for name in ("statistics alone", "compare() from arrays"))
    parts.append(f"Paired AUC with its interval: {alone:.3f} s alone, {whole_way:.3f} s by `compare` from arrays.")
    return "\n\n".join(parts)


if __name__ == "__main__":
    measuring.answer(WORKS)
