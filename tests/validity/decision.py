"""The decision itself: how often a policy ships what is no better, ships what is, and passes a loss at the margin.

Each simulated comparison is a slice of one contrast, read by the rules of `decisions` (position, Holm, the order of the
policy) all at once; `agrees` holds the reading against `decide` itself, one comparison at a time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tests.validity.harness import Row, Simulation

from seatrial.decisions.checks import Evidence
from seatrial.decisions.verdict import decide
from seatrial.effects.words import position
from seatrial.records import Policy, Rule
from seatrial.stats.contrasts import Contrast
from seatrial.stats.means import PairedMeans
from seatrial.stats.multiplicity import holm
from seatrial.stats.paired import PairedProportions
from seatrial.stats.power import rows_needed, smallest_detectable_effect
from seatrial.stats.proportions import effective_size, proportion_interval

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
ALPHA, POWER = 0.05, 0.8
TIMES = 10
"""So many times the usual simulations: these cost little, and a small chance needs many."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One rule with its contrast over all simulations."""

    contrast: Contrast
    margin: float
    success: bool = False
    relative: bool = False
    higher_is_better: bool = True
    candidate: str = "candidate"


def shipped(asked: list[Asked], alpha: float = ALPHA) -> Bools:
    """Whether each simulated comparison passes for some candidate (STATISTICS section 1), (S,)."""
    success = [one for one in asked if one.success]
    levels = np.full((len(asked), len(np.ravel(asked[0].contrast.difference))), alpha)
    if success:
        p_values = np.stack([one.contrast.p_value(0.0) for one in success])
        found = np.stack([holm(column, alpha=alpha)[1] for column in p_values.T], axis=1)
        levels[[k for k, one in enumerate(asked) if one.success]] = found
    passed = np.zeros(levels.shape[1], dtype=bool)
    for name in dict.fromkeys(one.candidate for one in asked):
        mine = [k for k, one in enumerate(asked) if one.candidate == name]
        any_pass, held, worse = (np.zeros_like(passed), np.ones_like(passed), np.zeros_like(passed))
        for k in mine:
            guard = read(asked[k], np.full(levels.shape[1], alpha))
            held &= guard[2]
            if asked[k].success:
                own = read(asked[k], levels[k])
                any_pass |= own[0]
                worse |= own[1]
        needs = any(asked[k].success for k in mine)
        passed |= held & ~worse & (any_pass | ~np.array(needs))
    return passed


def read(one: Asked, alpha: Floats) -> tuple[Bools, Bools, Bools]:
    """(L > 0, U < 0, L > -m), each comparison at its own level."""
    found = [np.zeros(len(alpha), dtype=bool) for _ in range(3)]
    for level in np.unique(alpha):
        place = position(
            one.contrast,
            alpha=float(level),
            margin=one.margin,
            margin_is_relative=one.relative,
            higher_is_better=one.higher_is_better,
        )
        at = alpha == level
        for kept, flags in zip(found, (place.above_zero, place.below_zero, place.above_loss), strict=True):
            kept[at] = flags[at]
    return found[0], found[1], found[2]


def agrees(asked: list[Asked], many: int) -> bool:
    """Whether `decide` says pass exactly where `shipped` does, on the first comparisons."""
    ours = shipped(asked)
    names = list(dict.fromkeys(one.candidate for one in asked))
    per = [one for one in asked if one.candidate == names[0]]
    rules = tuple(
        Rule(
            metric=f"m{k}",
            role="success" if one.success else "guardrail",
            margin=one.margin,
            margin_is_relative=one.relative,
        )
        for k, one in enumerate(per)
    )
    place = {
        (f"m{k}", name): [one for one in asked if one.candidate == name][k] for name in names for k in range(len(per))
    }
    for s in range(many):

        def evidence(rule: Rule, candidate: str, s: int = s) -> Evidence:
            one = place[rule.metric, candidate]
            return Evidence(n=100, contrast=one.contrast.at(s), higher_is_better=one.higher_is_better)

        found = decide(Policy(rules=rules), findings=(), evidence=evidence, candidates=names, baseline="baseline")
        if (found.verdict.status == "pass") != bool(ours[s]):
            return False
    return True


def paired(gained: NDArray[np.int64], lost: NDArray[np.int64], n: NDArray[np.int64] | int) -> PairedProportions:
    rows = np.broadcast_to(n, gained.shape).astype(float)
    return PairedProportions(
        gained=gained,
        lost=lost,
        n=rows,
        baseline_value=np.full(gained.shape, 0.8),
        identical=np.zeros(gained.shape, bool),
    )


def flips(rng: np.random.Generator, many: int, n: int, gained: float, lost: float) -> PairedProportions:
    """`many` comparisons of n rows with the given shares of rows gained and lost."""
    drawn = rng.multinomial(n, [gained, lost, 1 - gained - lost], size=many)
    return paired(drawn[:, 0], drawn[:, 1], n)


def both_classes(
    rng: np.random.Generator, many: int, n: int, positive: float, shares: dict[str, tuple[float, float]]
) -> tuple[PairedProportions, PairedProportions]:
    """Accuracy on all rows and recall on the positive ones of the same rows; (gained, lost) of each class."""
    ones = rng.binomial(n, positive, many)
    found = {}
    for name, rows in (("positive", ones), ("negative", n - ones)):
        gained, lost = shares[name]
        first = rng.binomial(rows, gained)
        found[name] = (first, rng.binomial(rows - first, lost / (1 - gained)))
    (g1, l1), (g0, l0) = found["positive"], found["negative"]
    return paired(g1 + g0, l1 + l0, n), paired(g1, l1, ones)


def latencies(rng: np.random.Generator, many: int, n: int, ratio: float) -> PairedMeans:
    """Mean latency of lognormal rows, the candidate's `ratio` times the baseline's."""
    baseline = rng.lognormal(4, 0.5, (many, n))
    candidate = ratio * baseline * rng.lognormal(-0.02, 0.2, (many, n))
    change = candidate - baseline
    centred, moved = baseline - baseline.mean(axis=1, keepdims=True), change - change.mean(axis=1, keepdims=True)
    return PairedMeans(
        baseline=baseline.mean(axis=1),
        difference=change.mean(axis=1),
        var_difference=(moved**2).sum(axis=1) / (n - 1) / n,
        var_baseline=(centred**2).sum(axis=1) / (n - 1) / n,
        cov_baseline_difference=(centred * moved).sum(axis=1) / (n - 1) / n,
        df=np.full(many, n - 1.0),
        n=np.full(many, n),
        reasons=(None,) * many,
        method="paired t",
        identical=np.zeros(many, dtype=bool),
    )


def row(setting: str, quantity: str, measured: float, band: tuple[float, float] | None) -> Row:
    return Row(method="the decision", setting=setting, quantity=quantity, measured=measured, band=band)


def room(share: float, simulations: int) -> float:
    """Three standard errors of a simulated share."""
    return 3 * float(np.sqrt(share * (1 - share) / simulations))


def nothing_there(simulations: int, seed: int) -> list[Row]:
    rng, simulations = np.random.default_rng(seed), TIMES * simulations
    quantity, rows = "P(ship given nothing there)", []
    for n in (100, 1000, 10_000):
        accuracy = flips(rng, simulations, n, 0.05, 0.05)
        share = float(shipped([Asked(contrast=accuracy, margin=0.01, success=True)]).mean())
        rows.append(row(f"one success metric, n = {n:,}, 10 % flips", quantity, share, (0.0, ALPHA)))
    alike = {"positive": (0.05, 0.05), "negative": (0.05, 0.05)}
    accuracy, recall = both_classes(rng, simulations, 2000, 0.4, alike)
    asked = [Asked(contrast=accuracy, margin=0.01, success=True), Asked(contrast=recall, margin=0.02)]
    rows.append(
        row("success and a guardrail on recall, n = 2,000", quantity, float(shipped(asked).mean()), (0.0, ALPHA))
    )
    three = [Asked(contrast=flips(rng, simulations, 2000, 0.05, 0.05), margin=1.0, success=True) for _ in range(3)]
    rows.append(row("three independent success metrics (Holm)", quantity, float(shipped(three).mean()), (0.0, ALPHA)))
    several = [
        Asked(contrast=flips(rng, simulations, 2000, 0.05, 0.05), margin=1.0, success=True, candidate=f"c{k}")
        for k in range(5)
    ]
    rows.append(
        row("five candidates, one success metric (Holm)", quantity, float(shipped(several).mean()), (0.0, ALPHA))
    )
    return rows


def planned(n: int, spread: float, target: float, power: float) -> int:
    """Rows at which a difference of `target` is found with `power`, by the package's own planning."""
    effect = smallest_detectable_effect(np.sqrt(spread / n), alpha=ALPHA, power=power)
    return int(rows_needed(n, effect, target))


def as_planned(simulations: int, seed: int) -> list[Row]:
    """Power is shared: beta/(1 + guardrails) for each check."""
    rng, simulations = np.random.default_rng(seed), TIMES * simulations
    band = (POWER - room(POWER, simulations), 1.0)
    quantity, rows = "P(ship given the effect planned for, guardrails flat)", []
    alone = planned(1000, 0.10 - 0.02**2, 0.02, POWER)
    asked = [Asked(contrast=flips(rng, simulations, alone, 0.06, 0.04), margin=0.01, success=True)]
    rows.append(row(f"one success metric planned for .80, n = {alone:,}", quantity, float(shipped(asked).mean()), band))
    power = 1 - (1 - POWER) / 2
    shares = {"positive": (0.03, 0.03), "negative": (0.03 + 0.02 / 0.6, 0.03)}
    spread = 0.06 + 0.02 - 0.02**2
    need = max(planned(1000, spread, 0.02, power), int(np.ceil(planned(1000, 0.06, 0.02, power) / 0.4)))
    accuracy, recall = both_classes(rng, simulations, need, 0.4, shares)
    asked = [Asked(contrast=accuracy, margin=0.01, success=True), Asked(contrast=recall, margin=0.02)]
    setting = f"one success metric and a guardrail on recall, n = {need:,}"
    rows.append(row(setting, quantity, float(shipped(asked).mean()), band))
    power = 1 - (1 - POWER) / 3
    spreads = {"success": 0.10 - 0.02**2, "first": 0.06, "second": 0.08}
    need = max(planned(1000, spread, 0.02, power) for spread in spreads.values())
    asked = [
        Asked(contrast=flips(rng, simulations, need, 0.06, 0.04), margin=0.01, success=True),
        Asked(contrast=flips(rng, simulations, need, 0.03, 0.03), margin=0.02),
        Asked(contrast=flips(rng, simulations, need, 0.04, 0.04), margin=0.02),
    ]
    setting = f"one success metric and two independent guardrails, n = {need:,}"
    rows.append(row(setting, quantity, float(shipped(asked).mean()), band))
    return rows


def loss_at_the_margin(simulations: int, seed: int) -> list[Row]:
    rng, simulations = np.random.default_rng(seed), TIMES * simulations
    limit = ALPHA / 2 + room(ALPHA / 2, simulations)
    quantity, rows = "P(pass given a true loss at the margin)", []
    for n, lost in ((50, 0.04), (300, 0.03), (1000, 0.05), (10_000, 0.05)):
        asked = [Asked(contrast=flips(rng, simulations, n, lost - 0.02, lost), margin=0.02)]
        setting = f"guardrail with a margin of .02, n = {n:,}, {2 * lost - 0.02:.0%} flips"
        rows.append(row(setting, quantity, float(shipped(asked).mean()), (0.0, limit)))
    shares = {"positive": (0.02, 0.04), "negative": (0.09, 0.03)}
    accuracy, recall = both_classes(rng, simulations, 3000, 0.4, shares)
    asked = [Asked(contrast=accuracy, margin=0.01, success=True), Asked(contrast=recall, margin=0.02)]
    setting = "a real gain in accuracy, recall lost by its margin, n = 3,000"
    rows.append(row(setting, quantity, float(shipped(asked).mean()), (0.0, limit)))
    for n in (400, 2000):
        parts = [latencies(rng, simulations // 20, n, 1.05) for _ in range(20)]
        passed = [
            shipped([Asked(contrast=x, margin=0.05, relative=True, higher_is_better=False)]).mean() for x in parts
        ]
        setting = f"mean latency (lognormal, log-sd .5), 5 % of the baseline as margin, n = {n:,}"
        rows.append(row(setting, quantity, float(np.mean(passed)), (0.0, limit) if n > 400 else None))
    return rows


def weighted_share(simulations: int, seed: int) -> list[Row]:
    """Wilson with weights that go with the outcome: Kish's size knows the weights only, the design-based one both."""
    rng = np.random.default_rng(seed)
    rows = []
    for events, heavy in ((0.1, 4.0), (0.3, 1.0), (0.3, 4.0)):
        n = 400
        y = rng.random((simulations, n)) < events
        w = np.where(y, heavy, 1.0) * rng.gamma(4, 0.25, y.shape)
        total = w.sum(axis=1)
        share = (w * y).sum(axis=1) / total
        truth = heavy * events / (heavy * events + 1 - events)
        kish = total**2 / (w**2).sum(axis=1)
        variance = n / (n - 1) * ((w * (y - share[:, None])) ** 2).sum(axis=1) / total**2
        setting = f"n = {n}, {events:.0%} events, weights of events {heavy:g} times the others'"
        for method, size in (
            ("Wilson at Kish's size (not used)", kish),
            ("Wilson at the design-based size", effective_size(variance, share, n)),
        ):
            low, high, _ = proportion_interval(share * n, np.full(simulations, n), effective_n=size)
            measured = float(((low <= truth) & (truth <= high)).mean())
            band = None if size is kish else (0.9335, 1.0)
            rows.append(Row(method=method, setting=setting, quantity="coverage of 95 %", measured=measured, band=band))
    return rows


ALL = (
    Simulation(name="nothing_there", run=nothing_there),
    Simulation(name="as_planned", run=as_planned),
    Simulation(name="loss_at_the_margin", run=loss_at_the_margin),
    Simulation(name="weighted_share", run=weighted_share),
)
