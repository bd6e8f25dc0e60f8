"""The labels of a data set by identity: a bias that a model learns, and a test set repeats."""

from collections.abc import Sequence

from seatrial.evaluation.counterfactual.pairs import Pairs
from seatrial.evaluation.probes.shares import share_estimate
from seatrial.records.counterfactual import LabelAudit, LabelRate
from seatrial.stats.miettinen_nurminen import miettinen_nurminen_interval

METHOD = "Miettinen-Nurminen interval"
LABELS = "labels"


def label_audit(pairs: Pairs, *, names: Sequence[str], level: float = 0.95) -> LabelAudit:
    """How often rows that mention an identity carry the positive label against rows that do not, and how often the
    halves of a pair are labelled differently where each has a label of its own.

    Rates have Wilson's limits, their difference Miettinen and Nurminen's. Rows are the originals, each once.
    """
    if pairs.label is None:
        return LabelAudit(reason="the rows have no labels")
    differ = [
        row.label != row.edited_label
        for row in pairs.rows
        if row.used and row.label is not None and row.edited_label is not None
    ]
    halves = (
        share_estimate(differ, model=LABELS, metric="halves labelled differently", level=level, unit="pair")
        if differ
        else None
    )
    if pairs.positive is None:
        return LabelAudit(halves_differ=halves, reason="no class is positive; name one with --positive")
    seen: set[str] = set()
    rows: list[tuple[frozenset[str], bool]] = []
    for row in pairs.rows:
        if row.pair not in seen and row.label is not None:
            seen.add(row.pair)
            rows.append((frozenset(row.identities), str(row.label) == pairs.positive))
    rates = tuple(_rate(name, rows, level) for name in names if any(name in named for named, _ in rows))
    return LabelAudit(positive=pairs.positive, rates=rates, halves_differ=halves)


def _rate(name: str, rows: Sequence[tuple[frozenset[str], bool]], level: float) -> LabelRate:
    inside = [positive for named, positive in rows if name in named]
    outside = [positive for named, positive in rows if name not in named]
    metric = "share positive"
    mentioned = share_estimate(inside, model=LABELS, metric=metric, level=level, slice={"identity": name})
    others = share_estimate(outside, model=LABELS, metric=metric, level=level, slice={"identity": f"not {name}"})
    if mentioned.value is None or others.value is None:
        return LabelRate(
            identity=name,
            mentioned=mentioned,
            others=others,
            level=level,
            reason="every row mentions it: nothing to hold it against",
        )
    low, high = miettinen_nurminen_interval(sum(inside), len(inside), sum(outside), len(outside), alpha=1 - level)
    return LabelRate(
        identity=name,
        mentioned=mentioned,
        others=others,
        difference=mentioned.value - others.value,
        low=float(low),
        high=float(high),
        level=level,
        method=METHOD,
    )
