"""The main metric of each case over the runs of a suite, with the places where its level changes."""

from collections.abc import Sequence

import numpy as np

from seatrial.records.card import ChangePoint, History, HistoryPoint
from seatrial.records.run import CaseRun
from seatrial.stats.change_points import FEWEST, change_points
from seatrial.stats.distributions import normal_quantile
from seatrial.storage.store import Store, StoredRun

METHOD = (
    "Binary segmentation by the largest weighted jump, p simulated over all places (Hawkins 1977); the runs are taken "
    "as independent, which is cautious where they share their rows"
)


def histories(
    suite: str, cases: Sequence[str], *, models: Sequence[str], store: Store, alpha: float
) -> tuple[History, ...]:
    """One history a case and model that ran more than once; where each ran once, one of all of them.

    Oldest run first; only runs on the same rows, by the same metric, are in it. Where the store holds no other runs
    than those of `models` there is nothing to tell: they are laid side by side.
    """
    stored = sorted(store.runs(suite=suite), key=lambda one: one.when)
    found: list[History] = []
    for name in cases:
        held = [(one, case) for one in stored for case in one.run.cases if case.case == name]
        if not held:
            continue
        last = held[-1][1]
        points = [
            (point, error)
            for one, case in held
            if case.dataset.fingerprint == last.dataset.fingerprint and case.main_metric == last.main_metric
            if (read := _point(one, case)) is not None
            for point, error in [read]
        ]
        lines = [[both for both in points if both[0].model == model] for model in dict.fromkeys(models)]
        again = [line for line in lines if len(line) > 1]
        if not again and len(points) > max(len(models), 1):
            again = [points]
        found += [_line(name, last.main_metric or "", line, alpha=alpha) for line in again]
    return tuple(found)


def _point(one: StoredRun, case: CaseRun) -> tuple[HistoryPoint, float] | None:
    """The main metric of one run with its standard error, None where it has no value or no limits."""
    value = next((e for e in case.estimates if e.metric == case.main_metric and not e.slice), None)
    if value is None or value.value is None or value.low is None or value.high is None or value.level is None:
        return None
    point = HistoryPoint(
        run=one.digest,
        when=one.when,
        model=one.run.model.name,
        value=value.value,
        low=value.low,
        high=value.high,
        n=value.n,
        tags=tuple(one.tags),
    )
    return point, (value.high - value.low) / (2 * normal_quantile(1 - value.level))


def _line(case: str, metric: str, line: Sequence[tuple[HistoryPoint, float]], *, alpha: float) -> History:
    points = tuple(point for point, _ in line)
    few = len(points) < FEWEST
    errors = np.array([error for _, error in line])
    jumps = () if few else change_points(np.array([p.value for p in points]), errors, alpha=alpha)
    return History(
        case=case,
        metric=metric,
        points=points,
        changes=tuple(
            ChangePoint(
                at=jump.at,
                before=jump.before,
                after=jump.after,
                difference=jump.difference,
                low=jump.low,
                high=jump.high,
                p_value=jump.p_value,
            )
            for jump in jumps
        ),
        method=METHOD,
        reason=f"{len(points)} runs: changes are looked for from {FEWEST} on." if few else None,
    )
