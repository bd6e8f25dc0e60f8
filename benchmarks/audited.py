"""A fairness audit with intervals of two protected columns and their cross: Seatrial against fairlearn's bootstrap.

fairlearn's MetricFrame gives percentile intervals of six rates by group; one hundred resamples are scaled up from few.
Seatrial gives those rates and calibration, AUC, differences and ratios between groups with analytic intervals, searches
for proxies and explores thresholds; mitigations, which are fairlearn's own, are left out.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import measuring
from benchmarks.measuring import Cost, Work, markdown, seconds

ROWS = 100_000
RESAMPLES, SOME = 100, 5
AIM = 1.0
RATES = ("selection rate", "true positive rate", "false positive rate", "false negative rate", "precision", "accuracy")


def make_decisions(folder: Path, rows: int, *, seed: int = 3) -> Path:
    """Write (or find) seeded decisions on people of two sexes and five races, with some difference between them."""
    path = folder / f"decisions_{rows}.parquet"
    if path.exists():
        return path
    rng = np.random.default_rng(seed)
    sex, race = rng.integers(0, 2, rows), rng.choice(5, rows, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    merit = rng.normal(0, 1, rows) + 0.2 * sex - 0.1 * (race == 1)
    score = 1 / (1 + np.exp(-(merit + rng.normal(0, 0.7, rows))))
    columns = {
        "id": np.arange(rows),
        "sex": np.array(["f", "m"])[sex],
        "race": np.array(list("abcde"))[race],
        "target": (rng.random(rows) < 1 / (1 + np.exp(-merit))).astype(np.int64),
        "score": score,
        "prediction": (score > 0.5).astype(np.int64),
    }
    pq.write_table(pa.table(columns), path)
    return path


def seatrial(given: argparse.Namespace) -> Any:
    """The audit twice in one process: the first loads what is loaded when needed."""
    import seatrial as st

    def audit() -> Any:
        return st.audit(
            given.file, protected="sex,race", label="target", prediction="prediction", score="score", mitigations=False
        )

    first, again = measuring.spent(audit), measuring.spent(audit)
    cuts = again.found.record.cuts
    groups = {" ".join(level for _, level in sorted(one.slice.items())): one for cut in cuts for one in cut.groups}
    return {
        "first": [first.wall, first.cpu],
        "again": [again.wall, again.cpu],
        "gaps": sum(gap.low is not None for cut in cuts for gap in cut.gaps),
        "selection rate": {key: _rate(one) for key, one in groups.items()},
    }


def fairlearn(given: argparse.Namespace) -> Any:
    """Three MetricFrames, with so many resamples (0: none)."""
    import pandas as pd
    from fairlearn import metrics as fl
    from sklearn import metrics as sk

    data = pd.read_parquet(given.file)
    rates = (fl.selection_rate, fl.true_positive_rate, fl.false_positive_rate, fl.false_negative_rate)
    functions = dict(zip(RATES, (*rates, sk.precision_score, sk.accuracy_score), strict=True))
    more: dict[str, Any] = {}
    if given.many:
        more = {"n_boot": given.many, "ci_quantiles": [0.025, 0.975], "random_state": 0}
    found = {}
    for columns in (["sex"], ["race"], ["race", "sex"]):
        frame = fl.MetricFrame(
            metrics=functions,
            y_true=data["target"],
            y_pred=data["prediction"],
            sensitive_features=data[columns],
            **more,
        )
        for key, value in frame.by_group["selection rate"].items():
            found[" ".join(key) if isinstance(key, tuple) else key] = float(value)
    return {"selection rate": found}


WORKS: dict[str, Work] = {"seatrial": seatrial, "fairlearn": fairlearn}


def bench(folder: Path, rows: int = ROWS, *, peers: bool = True) -> str:
    """A Markdown table of times and memory."""
    file = make_decisions(folder, rows)
    whole = measuring.run("benchmarks.audited", "seatrial", file=file)
    first, again = ({"wall": wall, "cpu": cpu} for wall, cpu in (whole.found["first"], whole.found["again"]))
    own = Cost(wall=whole.wall - again["wall"], cpu=whole.cpu - again["cpu"], peak=whole.peak)
    costs = {
        "Seatrial, the whole command": own,
        "Seatrial, audit() the first time": Cost(**first, peak=whole.peak),
        "Seatrial, audit() again": Cost(**again, peak=whole.peak),
    }
    apart = None
    if peers:
        some, none = (measuring.run("benchmarks.audited", "fairlearn", file=file, many=many) for many in (SOME, 0))
        factor = RESAMPLES / SOME
        costs[f"fairlearn MetricFrame, n_boot={RESAMPLES} *"] = Cost(
            wall=none.wall + (some.wall - none.wall) * factor,
            cpu=none.cpu + (some.cpu - none.cpu) * factor,
            peak=some.peak,
            scaled_by=factor,
        )
        theirs = none.found["selection rate"]
        apart = max(abs(theirs[key] - value) for key, value in whole.found["selection rate"].items())
    lines = [
        [label, seconds(cost.wall), seconds(cost.cpu), f"{cost.peak:,.0f} MB", f"{cost.cpu / own.cpu:,.1f}"]
        for label, cost in costs.items()
    ]
    parts = [
        f"### Fairness audit of {rows:,} decisions, two protected columns and their cross, with intervals",
        markdown(["contender", "wall", "processor", "peak memory", "x Seatrial"], lines),
    ]
    if peers:
        parts.append(f"\\* six rates in three frames; {RESAMPLES} resamples from {SOME} in proportion.")
    said = f"Seatrial gave {whole.found['gaps']} differences and ratios between groups with their intervals (aim: "
    said += f"audit() in under {AIM:g} s)."
    if apart is not None:
        said += f" Largest difference from fairlearn's selection rates: {apart:.1e}."
    parts.append(said)
    return "\n\n".join(parts)


def _rate(group: Any) -> float:
    return float(next(one.value for one in group.estimates if one.metric == "selection_rate"))


if __name__ == "__main__":
    measuring.answer(WORKS)
