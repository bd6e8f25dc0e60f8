"""The threshold explorer: rates of every group over thresholds, and what rules that aim at parity would cost."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.effects.cases import Cases, spread
from seatrial.records.audit import Cost, DecisionRule, ThresholdPoint
from seatrial.stats.means import mean_interval
from seatrial.stats.paired import TANGO, tango_interval

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.intp]

POINTS = 50
GRID = 200
FOLDS = 2
EVERYONE = "everyone"
DELTA = "t on paired differences of rows"


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Rows with a score, a label and a decision, (n,); the favourable outcome is what `label` and `decided` hold."""

    score: Floats
    """More is more favourable."""
    label: Flags
    decided: Flags
    group: Codes
    """-1 for people of no ranked group."""
    groups: tuple[str, ...]
    weight: Floats
    weighted: bool = False
    frequency: bool = False
    cluster: Codes | None = None
    flipped: bool = False
    """Scores were turned round: the file's are of the unfavourable outcome."""
    benefit: float | None = None
    cost: float | None = None

    @property
    def n(self) -> int:
        return len(self.score)

    @cached_property
    def descending(self) -> Codes:
        """All rows from the highest score down: sorted once, for every group and half."""
        return np.argsort(-self.score, kind="stable")

    @property
    def money(self) -> Callable[[Flags], Floats] | None:
        """Money of each row under decisions, where both amounts are given."""
        if self.benefit is None or self.cost is None:
            return None
        gain, loss = self.benefit, self.cost
        return lambda chosen: np.asarray(np.where(chosen, np.where(self.label, gain, -loss), 0.0), dtype=np.float64)

    def shown(self, threshold: float) -> float:
        """A threshold as the file's scores have it."""
        return -threshold if self.flipped else threshold


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What is selected at each distinct score and above, from the highest down; the first entry selects nobody."""

    threshold: Floats
    selected: Floats
    true: Floats
    false: Floats
    positives: float
    negatives: float

    @property
    def size(self) -> float:
        return self.positives + self.negatives


def steps(of: Decisions, rows: Flags) -> Steps:
    """Cumulated weights over the distinct scores of some rows."""
    order = of.descending[rows[of.descending]]
    score, label, weight = of.score[order], of.label[order], of.weight[order]
    last = np.append(score[1:] != score[:-1], True) if len(score) else np.zeros(0, dtype=bool)
    true, every = np.cumsum(np.where(label, weight, 0.0)), np.cumsum(weight)
    top = np.nextafter(score[0], np.inf) if len(score) else np.inf
    return Steps(
        threshold=np.concatenate([[top], score[last]]),
        selected=np.concatenate([[0.0], every[last]]),
        true=np.concatenate([[0.0], true[last]]),
        false=np.concatenate([[0.0], (every - true)[last]]),
        positives=float(true[-1]) if len(true) else 0.0,
        negatives=float(every[-1] - true[-1]) if len(true) else 0.0,
    )


def gained(of: Decisions, at: Steps) -> Floats:
    """What a choice of threshold is worth in all: money where both amounts are given, else rows decided rightly."""
    if of.benefit is not None and of.cost is not None:
        return of.benefit * at.true - of.cost * at.false
    return np.asarray(at.true + at.negatives - at.false)


def points(of: Decisions) -> tuple[ThresholdPoint, ...]:
    """Rates of every group at about fifty thresholds between the lowest and the highest score."""
    low, high = float(of.score.min()), float(of.score.max())
    ends = (0.0, 1.0) if low >= 0 and high <= 1 else (-1.0, 0.0) if low >= -1 and high <= 0 else (low, high)
    grid = np.linspace(*ends, POINTS + 1)
    every = steps(of, np.ones(of.n, dtype=bool))
    own = {name: steps(of, of.group == code) for code, name in enumerate(of.groups)}
    found = []
    for threshold in grid.tolist():
        at = _at(every, threshold)
        worth = gained(of, every)[at] / every.size
        right = (every.true[at] + every.negatives - every.false[at]) / every.size
        places = {name: (one, _at(one, threshold)) for name, one in own.items()}
        found.append(
            ThresholdPoint(
                threshold=of.shown(threshold) + 0.0,
                accuracy=float(right),
                money=float(worth) if of.money is not None else None,
                selection_rate={name: _share(one.selected[k], one.size) for name, (one, k) in places.items()},
                true_positive_rate={name: _share(one.true[k], one.positives) for name, (one, k) in places.items()},
                false_positive_rate={name: _share(one.false[k], one.negatives) for name, (one, k) in places.items()},
            )
        )
    return tuple(found if not of.flipped else found[::-1])


Chooser = Callable[[Decisions, Flags], dict[str, float] | None]
"""(rows, which of them to choose on) -> a threshold for every group and `everyone`; None when nothing will do."""


def best_common(of: Decisions, rows: Flags) -> dict[str, float] | None:
    """One threshold for everyone, worth most."""
    at = steps(of, rows)
    return {EVERYONE: float(at.threshold[int(gained(of, at).argmax())])}


def common_within_four_fifths(of: Decisions, rows: Flags) -> dict[str, float] | None:
    """One threshold for everyone, worth most among those at which the impact ratio is at least 0.8."""
    every = steps(of, rows)
    worth = gained(of, every)
    some = np.unique(np.linspace(1, len(every.threshold) - 1, min(len(every.threshold) - 1, 2 * GRID)).astype(int))
    shares = []
    for code in range(len(of.groups)):
        one = steps(of, rows & (of.group == code))
        if one.size == 0:
            return None
        shares.append(one.selected[_places(one, every.threshold[some])] / one.size)
    selected = np.array(shares)
    most = selected.max(0)
    fair = (most > 0) & (selected.min(0) >= 0.8 * most)
    if not fair.any():
        return None
    kept = some[fair]
    return {EVERYONE: float(every.threshold[kept[int(worth[kept].argmax())]])}


def equal_selection(of: Decisions, rows: Flags) -> dict[str, float] | None:
    """A threshold per group at which the same share of each is selected, worth most."""
    return _parity(of, rows, lambda one: (one.selected, one.size))


def equal_opportunity(of: Decisions, rows: Flags) -> dict[str, float] | None:
    """A threshold per group at which the same share of those who merit it is selected, worth most."""
    return _parity(of, rows, lambda one: (one.true, one.positives))


CHOOSERS: tuple[tuple[str, bool, Chooser], ...] = (
    ("one threshold, worth most", False, best_common),
    ("one threshold within four fifths", False, common_within_four_fifths),
    ("threshold per group, equal selection", True, equal_selection),
    ("threshold per group, equal opportunity", True, equal_opportunity),
)


def _parity(of: Decisions, rows: Flags, rate: Callable[[Steps], tuple[Floats, float]]) -> dict[str, float] | None:
    wanted = np.linspace(0, 1, GRID + 1)
    worth = np.zeros(len(wanted))
    chosen: dict[str, Floats] = {}
    for code, name in enumerate(of.groups):
        one = steps(of, rows & (of.group == code))
        amounts, whole = rate(one)
        if whole <= 0:
            return None
        shares = amounts / whole
        above = np.clip(np.searchsorted(shares, wanted), 1, len(shares) - 1)
        place = np.where(wanted - shares[above - 1] <= shares[above] - wanted, above - 1, above)
        worth += gained(of, one)[place]
        chosen[name] = one.threshold[place]
    best = int(worth.argmax())
    common = best_common(of, rows)
    return {**{name: float(found[best]) for name, found in chosen.items()}, **(common or {})}


def decide(of: Decisions, thresholds: dict[str, float]) -> Flags:
    """The decisions of one rule on every row."""
    limits = np.array([thresholds.get(name, thresholds[EVERYONE]) for name in of.groups] + [thresholds[EVERYONE]])
    return np.asarray(of.score >= limits[of.group])


def folds(of: Decisions, seed: int) -> Codes:
    """Two halves of the rows, or of whole clusters; equal by group and label, so that shares match."""
    rng = np.random.default_rng(seed)
    if of.cluster is not None:
        distinct, where = np.unique(of.cluster, return_inverse=True)
        return np.asarray((rng.permutation(len(distinct)) % FOLDS)[where], dtype=np.intp)
    order = rng.permutation(of.n)
    strata = (of.group * 2 + of.label)[order]
    sorted_rows = order[np.argsort(strata, kind="stable")]
    fold = np.empty(of.n, dtype=np.intp)
    fold[sorted_rows] = np.arange(of.n) % FOLDS
    return fold


def chosen_elsewhere(of: Decisions, choose: Chooser, fold: Codes) -> Flags | None:
    """Decisions on each half by what was chosen on the other; None when a half has nothing that will do."""
    chosen = np.zeros(of.n, dtype=bool)
    for f in range(FOLDS):
        thresholds = choose(of, fold != f)
        if thresholds is None:
            return None
        chosen[fold == f] = decide(of, thresholds)[fold == f]
    return chosen


def tried(of: Decisions, fold: Codes, *, alpha: float) -> tuple[list[DecisionRule], Flags | None]:
    """Every rule, chosen on one half and measured on the other, its thresholds as chosen on all rows; and the decisions
    of the best single threshold."""
    found: list[DecisionRule] = []
    best: Flags | None = None
    for name, per_group, choose in CHOOSERS:
        chosen = chosen_elsewhere(of, choose, fold)
        if chosen is None:
            reason = "no threshold meets it on half of the rows"
            found.append(DecisionRule(name=name, source="seatrial", per_group=per_group, reason=reason))
            continue
        whole = choose(of, np.ones(of.n, dtype=bool)) or {}
        shown = {key: of.shown(value) for key, value in whole.items() if per_group != (key == EVERYONE)}
        rule = measured(of, chosen, name, "seatrial", per_group=per_group, thresholds=shown, best=best, alpha=alpha)
        best = chosen if best is None else best
        found.append(rule)
    return found, best


def measured(
    of: Decisions,
    chosen: Flags,
    name: str,
    source: Literal["as decided", "seatrial", "fairlearn"],
    *,
    per_group: bool,
    alpha: float,
    thresholds: dict[str, float] | None = None,
    best: Flags | None = None,
) -> DecisionRule:
    """What decisions give, what they change against those made, and their price against the best single threshold."""
    right, was = chosen == of.label, of.decided == of.label
    own = source == "as decided"
    money = of.money
    earned = money(chosen) if money is not None else None
    made = money(of.decided) if money is not None else None
    rates = [_rates(of, chosen, code) for code in range(len(of.groups))]
    selected, true, false = ([row[k] for row in rates] for k in range(3))
    known = [one for one in selected if one is not None]
    price = None
    if best is not None:
        price = (
            _accuracy_change(of, right, best == of.label, alpha)
            if money is None or earned is None
            else _change(of, earned - money(best), alpha)
        )
    return DecisionRule(
        name=name,
        source=source,
        per_group=per_group,
        thresholds=thresholds or {},
        accuracy=_mean(right, of.weight),
        accuracy_change=None if own else _accuracy_change(of, right, was, alpha),
        money=None if earned is None else _mean(earned, of.weight),
        money_change=None if own or earned is None or made is None else _change(of, earned - made, alpha),
        price=price,
        selection_difference=_range(selected),
        impact_ratio=min(known) / max(known) if len(known) > 1 and max(known) > 0 else None,
        true_positive_rate_difference=_range(true),
        false_positive_rate_difference=_range(false),
    )


def _accuracy_change(of: Decisions, right: Flags, was: Flags, alpha: float) -> Cost:
    if of.cluster is not None or (of.weighted and not of.frequency):
        return _change(of, right.astype(float) - was.astype(float), alpha)
    better, worse = float(of.weight[right & ~was].sum()), float(of.weight[was & ~right].sum())
    n = float(of.weight.sum())
    low, high = tango_interval([better], [worse], [n], alpha=alpha)
    return Cost(value=(better - worse) / n, low=float(low[0]), high=float(high[0]), method=TANGO)


def _change(of: Decisions, difference: Floats, alpha: float) -> Cost:
    value = _mean(difference, of.weight)
    cases = Cases(
        size=1,
        slice_index=np.zeros(of.n, dtype=np.int8),
        count=np.ones(of.n),
        target=None,
        predictions={},
        column=lambda name, model: difference,
        weight=of.weight if of.weighted else None,
        cluster=of.cluster,
        n_clusters=0 if of.cluster is None else int(of.cluster.max()) + 1,
        frequency=of.frequency,
    )
    found = spread(cases, [difference - value], np.ones(of.n, dtype=bool))
    if found.reasons[0] is not None:
        return Cost(value=value, reason=found.reasons[0])
    error = float(np.sqrt(found.covariance[0, 0, 0]))
    if error == 0:
        return Cost(value=value, reason="no decision changes")
    low, high = mean_interval([value], [error], found.df, alpha=alpha)
    return Cost(value=value, low=float(low[0]), high=float(high[0]), method=DELTA)


def _rates(of: Decisions, chosen: Flags, code: int) -> tuple[float | None, float | None, float | None]:
    mine = of.group == code
    return tuple(  # type: ignore[return-value]
        None if not rows.any() else _mean(chosen[rows], of.weight[rows])
        for rows in (mine, mine & of.label, mine & ~of.label)
    )


def _mean(values: NDArray[np.generic], weight: Floats) -> float:
    return float(np.average(values.astype(np.float64), weights=weight))


def _range(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) - min(known) if len(known) > 1 else None


def _at(one: Steps, threshold: float) -> int:
    """The last step whose scores reach the threshold."""
    return int(_places(one, np.array([threshold]))[0])


def _places(one: Steps, thresholds: Floats) -> NDArray[np.intp]:
    return np.asarray(np.searchsorted(-one.threshold, -thresholds, side="right") - 1).clip(0)


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None
