"""What a suite does not test, said from the axes that are missing."""

from collections.abc import Sequence

from seatrial.errors import listed
from seatrial.records.run import CaseRun
from seatrial.records.suite import Suite


def not_tested(suite: Suite, runs: Sequence[CaseRun]) -> tuple[str, ...]:
    """One sentence for each thing a reader might think was tested and was not; `runs` are one model's cases."""
    cases = suite.cases
    said: list[str] = []

    def without(named: Sequence[str], axis: str, key: str) -> None:
        if named:
            where = "" if len(named) == len(cases) else f" in {listed(named, limit=4)}"
            said.append(f"{axis}{where}: {key}.")

    without(
        [c.name for c in cases if not c.slices and not c.protected],
        "How groups fare",
        "no slices and no protected columns are named",
    )
    without(
        [c.name for c in cases if not c.protected],
        "Fairness",
        "no protected columns are named, so no audit compares decisions between groups of people",
    )
    without([c.name for c in cases if not c.probes], "Robustness", "no perturbed inputs are tried (probes)")
    without(
        [c.name for c in cases if c.counterfactuals is None],
        "Counterfactuals",
        "no pairs that differ in one identity are asked",
    )
    without(
        [c.name for c in cases if c.train is None],
        "Leakage",
        "the training data are not named, so overlap with these rows was not looked for",
    )
    without(
        [r.case for r in runs if not r.dataset.roles.get("cluster") and r.repeats == 1],
        "Dependence between rows",
        "rows were taken as independent; name the user or document they share (roles.cluster)",
    )
    without(
        [r.case for r in runs if not r.dataset.roles.get("time")],
        "Age and drift",
        "no time column is named (roles.time), so nothing says whether these rows are like today's",
    )
    known = {r.case for r in runs for e in r.estimates if e.metric in _CALIBRATION and e.value is not None}
    uncalibrated = [r.case for r in runs if r.case not in known]
    without(uncalibrated, "Calibration", "no calibration metric was measured")
    without([r.case for r in runs if r.latency is None], "Latency", "no time was measured")
    if any(r.latency is not None for r in runs):
        said.append("Latency under load: rows were sent as fast as the model took them, on this machine alone.")
    if not suite.prices:
        said.append("Cost: the suite has no prices.")
    said += [f"{r.case}: {gap}" for r in runs for gap in r.dataset.gaps]
    if all(r.repeats == 1 for r in runs):
        said.append("Chance in the model: each row was asked once, and each version is one training run.")
    said.append("Errors in the labels: the targets were taken as true.")
    said.append("What users do: no live traffic is in a suite, so the effect on the business is not measured.")
    return tuple(dict.fromkeys(said))


_CALIBRATION = frozenset({"expected_calibration_error", "brier_score", "log_loss", "calibration_slope", "ece"})
