"""The decision of an experiment: what is shipped when nothing is there, when the planned effect is, and at the margin.

Every simulated experiment is a slice of the same arms; the plan's stopping rule is laid over all of them at once as a
readout lays it over one, on every day, and the reader stops at the worst moment: a wrong claim on any day counts.
`test_validity_experiment_decision.py` holds this reading against `read_out` itself, one experiment at a time.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tests.experiments.by_hand import a_plan, arm_means, ask, observe, readout
from tests.experiments.unit_tables import unit_table
from tests.validity.decision import Asked, room
from tests.validity.harness import COVERAGE, SIZE, Row, Simulation

from seatrial.effects.words import position
from seatrial.experiments.measure import measure
from seatrial.experiments.novelty import trend
from seatrial.experiments.powered import inflation
from seatrial.experiments.since import SinceExposure
from seatrial.experiments.stopping import (
    Clock,
    Looks,
    Unread,
    looks_taken,
    monitored,
    not_ready,
    planned_error,
    spending_clock,
)
from seatrial.records import ExperimentMetric, Plan
from seatrial.records.plan import Sizing
from seatrial.stats.arms import ArmMeans, contrast
from seatrial.stats.sample_size import units_per_arm

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
ALPHA, POWER, DAYS = 0.05, 0.8, 28
RULES = ("fixed", "group-sequential", "hybrid", "anytime")
NAMES = {"fixed": "fixed", "group-sequential": "group-sequential, 5 looks", "hybrid": "hybrid", "anytime": "anytime"}


def row(setting: str, quantity: str, measured: float, band: tuple[float, float] | None) -> Row:
    return Row(method="the decision of an experiment", setting=setting, quantity=quantity, measured=measured, band=band)


def the_plan(rule: str, *, guardrails: int = 0, days: int = DAYS, lower: bool = False) -> Plan:
    """One success metric and guardrails; the minimum effect and the margins are absolute, 0.1."""
    names = [f"g{k}" for k in range(guardrails)]
    body = "{formula: mean(%s), lower_is_better: true}" if lower else "mean(%s)"
    metrics = ", ".join(f"{name}: {body % name}" for name in ("y", *names))
    rules = ", ".join(f"{{metric: {name}, margin: 0.1}}" for name in names)
    return a_plan(
        f"metrics: {{{metrics}}}\nprimary: {{metric: y, margin: 0.1}}\nguardrails: [{rules}]\nminimum_effect: 0.1\n"
        f"stopping: {rule}\ndays: {days}\n"
    )


@dataclass(frozen=True, kw_only=True)
class Day:
    """One metric as it stood at the end of a day: arms with one slice a simulated experiment."""

    number: int
    arms: ArmMeans


def claims(plan: Plan, metrics: list[tuple[str, Iterator[Day], float, bool]], many: int) -> tuple[Bools, Bools, Bools]:
    """(ever shipped, ever harm claimed, shipped before any other end) by a reader of every day, each (S,).

    `metrics`: name, its days, its margin, is it the success metric. All have the same days.
    """
    ever, worse, first = (np.zeros(many, dtype=bool) for _ in range(3))
    over = np.zeros(many, dtype=bool)
    information: list[float] = []
    last = plan.days or DAYS
    for days in zip(*(one[1] for one in metrics), strict=True):
        now = Clock(finished=days[0].number == last, share=days[0].number / last, sentence="")
        looks: Looks | None = None
        asked: list[Asked] = []
        for (name, _, margin, success), day in zip(metrics, days, strict=True):
            raw = contrast(day.arms, 1).contrast
            share = (planned_error(margin, plan) / raw.standard_error) ** 2
            if plan.stopping.rule == "group-sequential" and looks is None:
                information.append(float(np.nanmedian(share)))
                elapsed = np.arange(1, len(information) + 1) / last
                history = spending_clock(np.array(information), elapsed, final=now.finished)
                looks = looks_taken(plan.stopping.looks, history.tolist(), final=now.finished)
            metric = plan.metric(name)
            laid = monitored(
                raw,
                plan,
                fraction=share,
                now=now,
                higher_is_better=metric.higher_is_better,
                not_ready=not_ready(day.arms, 1, plan, name),
                looks=looks,
            )
            asked.append(Asked(contrast=laid, margin=margin, success=success, higher_is_better=metric.higher_is_better))
        if any(isinstance(one.contrast, Unread) for one in asked):
            continue
        ship, fail, flat = _decided(asked, many)
        first |= ship & ~over
        over |= ship | fail | flat
        ever |= ship
        worse |= fail
    return ever, worse, first


def _decided(asked: list[Asked], many: int) -> tuple[Bools, Bools, Bools]:
    """(pass, fail for harm, fail for want of a gain) of a policy with at most one success metric, which needs no
    family (STATISTICS section 1)."""
    flat = np.zeros(many, dtype=bool)
    better, held, failed = np.ones(many, dtype=bool), np.ones(many, dtype=bool), np.zeros(many, dtype=bool)
    for one in asked:
        place = position(
            one.contrast,
            alpha=ALPHA,
            margin=one.margin,
            margin_is_relative=one.relative,
            higher_is_better=one.higher_is_better,
        )
        held &= place.above_loss
        failed |= place.at_loss
        if one.success:
            better &= place.above_zero
            failed |= place.below_zero
            flat = place.above_loss & place.below_gain & ~place.above_zero
    return better & held & ~failed, failed, flat & held & ~failed


# Streams of units


@dataclass(kw_only=True)
class Sums:
    """Running sums of many experiments: n, sum y, y^2, y^3 of each arm."""

    many: int
    rate: bool = False

    def __post_init__(self) -> None:
        self.n = np.zeros((2, self.many))
        self.s = np.zeros((3, 2, self.many))

    def add(self, arm: int, values: Floats) -> None:
        """Further units (S, m)."""
        self.n[arm] += values.shape[1]
        for power in range(3):
            self.s[power, arm] += (values ** (power + 1)).sum(axis=1)

    def add_counts(self, arm: int, units: int, events: Floats) -> None:
        self.n[arm] += units
        self.s[:, arm] += events

    def add_normal(self, rng: np.random.Generator, arm: int, units: int, mean: float, sd: float) -> None:
        """Sum and sum of squares of `units` normal values, drawn as such."""
        sums = rng.normal(units * mean, sd * math.sqrt(units), self.many)
        around = sd**2 * rng.chisquare(units - 1, self.many)
        self.n[arm] += units
        self.s[0, arm] += sums
        self.s[1, arm] += around + sums**2 / units

    def arms(self, *, skewed: bool = False) -> ArmMeans:
        n = self.n
        value = self.s[0] / n
        m2 = self.s[1] / n - value**2
        variance = np.maximum(m2, 0.0) / (n - 1)
        skewness = None
        if skewed:
            m3 = self.s[2] / n - 3 * value * self.s[1] / n + 2 * value**3
            skewness = (m3 / np.where(m2 > 0, m2, np.inf) ** 1.5)[:, None, :]
        shape = (2, 1, self.many)
        return ArmMeans(
            n=n[:, None, :].copy(),
            value=value[:, None, :],
            variance=variance[:, None, :],
            df=n[:, None, :] - 1,
            covariates=np.zeros((*shape, 0)),
            with_covariates=np.zeros((*shape, 0)),
            between_covariates=np.zeros((*shape, 0, 0)),
            count=self.s[0][:, None, :].copy() if self.rate else None,
            skewness=skewness,
        )


def normals(
    rng: np.random.Generator, many: int, per_day: tuple[int, int], *, gain: float = 0.0, days: int = DAYS
) -> Iterator[Day]:
    sums = Sums(many=many)
    for number in range(1, days + 1):
        for arm in (0, 1):
            sums.add_normal(rng, arm, per_day[arm], 1.0 + gain * arm, 1.0)
        yield Day(number=number, arms=sums.arms())


def rates(
    rng: np.random.Generator, many: int, per_day: tuple[int, int], *, base: float, gain: float = 0.0, days: int = DAYS
) -> Iterator[Day]:
    sums = Sums(many=many, rate=True)
    for number in range(1, days + 1):
        for arm in (0, 1):
            sums.add_counts(arm, per_day[arm], rng.binomial(per_day[arm], base + gain * arm, many).astype(float))
        yield Day(number=number, arms=sums.arms())


def revenues(
    rng: np.random.Generator, many: int, per_day: tuple[int, int], *, sigma: float, cap: float, days: int = DAYS
) -> Iterator[Day]:
    """One unit in ten pays, lognormal, each unit capped at the planned cap."""
    sums = Sums(many=many)
    for number in range(1, days + 1):
        for arm in (0, 1):
            shape = (many, per_day[arm])
            pays = rng.random(shape, dtype=np.float32) < 0.1
            spent = np.zeros(shape, dtype=np.float32)
            spent[pays] = np.minimum(np.exp(sigma * rng.standard_normal(int(pays.sum()), dtype=np.float32)), cap)
            sums.add(arm, spent.astype(np.float64))
        yield Day(number=number, arms=sums.arms(skewed=True))


def cumulative(rng: np.random.Generator, many: int, units: int, *, days: int = DAYS) -> Iterator[Day]:
    """What a unit has spent since it came: units come over the first half, each with a taste of its own, and stay."""
    start = rng.integers(1, days // 2 + 1, units)
    taste = rng.gamma(1.0, 1.0, (many, 2, units))
    total = np.zeros((many, 2, units))
    for number in range(1, days + 1):
        here = start <= number
        total[:, :, here] += rng.poisson(0.5 * taste[:, :, here])
        sums = Sums(many=many)
        for arm in (0, 1):
            sums.add(arm, total[:, arm][:, here])
        yield Day(number=number, arms=sums.arms(skewed=True))


def ramp(rng: np.random.Generator, many: int, size: int, *, days: int = DAYS) -> Iterator[Day]:
    """5, 20, 50 % treated in three phases while the base rate drifts from day to day, no effect."""
    shares = (0.05, 0.20, 0.50)
    ends = [days * (k + 1) // 3 for k in range(3)]
    held = [Sums(many=many, rate=True) for _ in shares]
    for number in range(1, days + 1):
        phase = next(k for k, end in enumerate(ends) if number <= end)
        base = 0.10 + 0.05 * number / days
        treated = round(size * shares[phase])
        for arm, n in ((0, size - treated), (1, treated)):
            held[phase].add_counts(arm, n, rng.binomial(n, base, many).astype(float))
        parts = [one.arms() if one.n.any() else None for one in held]
        yield Day(number=number, arms=_phases(parts, many))


def _phases(parts: list[ArmMeans | None], many: int) -> ArmMeans:
    """Phases side by side; one that has not begun has no units."""

    def joined(name: str, empty: float) -> Floats:
        blank = np.full((2, 1, many), empty)
        return np.concatenate([blank if part is None else getattr(part, name) for part in parts], axis=1)

    shape = (2, len(parts), many)
    return ArmMeans(
        n=joined("n", 0.0),
        value=joined("value", math.nan),
        variance=joined("variance", math.nan),
        df=joined("df", 0.0),
        covariates=np.zeros((*shape, 0)),
        with_covariates=np.zeros((*shape, 0)),
        between_covariates=np.zeros((*shape, 0, 0)),
        count=joined("count", 0.0),
    )


# What is measured


def _margin_plan(plan: Plan, margin: float) -> Plan:
    """The plan with another minimum effect."""
    return plan.model_copy(update={"minimum_effect": margin})


def _no_effect(plan: Plan, setting: str, days: Iterator[Day], many: int, *, margin: float = 0.1) -> list[Row]:
    ever, worse, _ = claims(_margin_plan(plan, margin), [("y", days, margin, True)], many)
    name = NAMES[plan.stopping.rule]
    limit = (0.0, ALPHA + room(ALPHA, many))
    one_sided = (0.0, ALPHA / 2 + room(ALPHA / 2, many))
    return [
        row(f"{name}: {setting}", "P(ship on any day given nothing there)", float(ever.mean()), one_sided),
        row(
            f"{name}: {setting}", "P(ship or harm on any day given nothing there)", float((ever | worse).mean()), limit
        ),
    ]


def nothing_there(simulations: int, seed: int) -> list[Row]:
    rng, rows, many = np.random.default_rng(seed), [], 2 * simulations
    for rule in RULES:
        rows += _no_effect(the_plan(rule), "28 daily looks, equal arms", normals(rng, many, (56, 56)), many)
        rows += _no_effect(
            the_plan(rule),
            "28 daily looks, 5 % arm, rate of 1 %",
            rates(rng, many, (9500, 500), base=0.01),
            many,
            margin=0.003,
        )
    return rows


def heavy_tails(simulations: int, seed: int) -> list[Row]:
    rng, rows = np.random.default_rng(seed), []
    many = simulations
    for rule in RULES:
        for cap, said in ((10.0, "capped at 10"), (math.inf, "not capped")):
            setting = f"28 daily looks, 5 % arm, lognormal revenue of one in ten (log-sd 1.2), {said}"
            days = revenues(rng, many, (760, 40), sigma=1.2, cap=cap)
            found = _no_effect(the_plan(rule), setting, days, many, margin=0.1)
            # without the cap a small arm of so heavy tails may under-cover at the one look: the readout says so
            rows += found if math.isfinite(cap) or rule == "anytime" else [replace(one, band=None) for one in found]
    return rows


def over_time(simulations: int, seed: int) -> list[Row]:
    rng, rows = np.random.default_rng(seed), []
    for rule in RULES:
        many = simulations
        rows += _no_effect(
            the_plan(rule),
            "what users spent so far, users stay and have tastes, 28 daily looks",
            cumulative(rng, many, 400),
            many,
            margin=0.9,
        )
        many = 5 * simulations
        rows += _no_effect(
            the_plan(rule),
            "rates on a 5/20/50 % ramp, base rate drifts by day from 10 to 15 %",
            ramp(rng, many, 1000),
            many,
            margin=0.015,
        )
    return rows


def _sized(rule: str, guardrails: int) -> tuple[Plan, int]:
    """A plan and its units per arm and day, by the package's own planning."""
    plan = the_plan(rule, guardrails=guardrails)
    each = 1 - (1 - POWER) / (1 + guardrails)
    grown = inflation(plan, alpha=ALPHA, power=each)
    units = units_per_arm(1.0, 0.1, weights=[1, 1], alpha=ALPHA, power=POWER, guardrails=guardrails, inflation=grown)
    sizing = Sizing(metric="y", source="simulated", deciding="y", power_each=each, inflation=grown)
    return plan.model_copy(update={"sizing": sizing}), math.ceil(int(units.max()) / DAYS)


def as_planned(simulations: int, seed: int) -> list[Row]:
    rng, rows, many = np.random.default_rng(seed), [], simulations
    band = (POWER - room(POWER, many), 1.0)
    for rule in RULES:
        for guardrails in (0, 2):
            plan, per_day = _sized(rule, guardrails)
            metrics = [("y", normals(rng, many, (per_day, per_day), gain=0.1), 0.1, True)]
            metrics += [(f"g{k}", normals(rng, many, (per_day, per_day)), 0.1, False) for k in range(guardrails)]
            _, _, first = claims(plan, metrics, many)
            setting = f"{NAMES[rule]}: {guardrails} guardrails, {per_day * DAYS:,} per arm"
            quantity = "P(ship given the effect planned for, guardrails flat)"
            rows.append(row(setting, quantity, float(first.mean()), band))
    return rows


def loss_at_the_margin(simulations: int, seed: int) -> list[Row]:
    rng, rows, many = np.random.default_rng(seed), [], 2 * simulations
    limit = ALPHA / 2 + room(ALPHA / 2, many)
    for rule in RULES:
        plan = a_plan(
            f"metrics: {{y: mean(y)}}\nguardrails: [{{metric: y, margin: 0.1}}]\nstopping: {rule}\ndays: {DAYS}\n"
        )
        for per_day in (20, 200):
            days = normals(rng, many, (per_day, per_day), gain=-0.1)
            ever, _, _ = claims(plan, [("y", days, 0.1, False)], many)
            setting = f"{NAMES[rule]}: guardrail, 28 daily looks, {per_day * DAYS:,} per arm"
            rows.append(row(setting, "P(pass on any day given a loss of the margin)", float(ever.mean()), (0.0, limit)))
    return rows


# Segments, novelty, clusters


def _segments(
    rng: np.random.Generator, levels: int, *, units: int, gains: Floats | None = None, registered: bool
) -> tuple[int, int, float]:
    """One experiment with so many segments: levels claimed, those claimed falsely, adjusted p of the interaction."""
    gain = np.zeros(levels) if gains is None else gains
    cells = []
    for arm in (0, 1):
        means = 1.0 + arm * gain + rng.normal(0, 1 / math.sqrt(units), levels)
        cells.append([(units, float(m), math.sqrt(rng.chisquare(units - 1) / (units - 1))) for m in means])
    by = arm_means(cells)
    total = arm_means([[(units * levels, float(np.mean([c[1] for c in arm])), 1.0)] for arm in cells])
    names = tuple(f"l{k}" for k in range(levels))
    plan = a_plan(
        "metrics: {y: mean(y)}\nminimum_effect: 0.1\nstopping: fixed\n" + ("segments: [s]\n" if registered else "")
    )
    observed = observe({"y": {(): total, ("s",): by}}, levels={"s": names})
    found = readout(observed, ask(plan, segments=["s"]))
    claimed = [one for one in found.effects if one.slice and one.word in ("better", "worse")]
    false = sum(gain[names.index(one.slice["s"])] == 0 for one in claimed)
    (test,) = found.segment_tests
    return len(claimed), false, 1.0 if test.adjusted_p_value is None else test.adjusted_p_value


def null_segments(simulations: int, seed: int) -> list[Row]:
    rng, rows = np.random.default_rng(seed), []
    many = max(simulations // 4, 100)
    for registered in (True, False):
        found = [_segments(rng, 20, units=500, registered=registered) for _ in range(many)]
        kind = "registered (Holm)" if registered else "explored (BH at .10)"
        limit = ALPHA if registered else 0.10
        setting = f"20 null segments, {kind}"
        any_claim = float(np.mean([one[0] > 0 for one in found]))
        rows.append(row(setting, "P(any level claimed)", any_claim, (0.0, limit + room(limit, many))))
        differs = float(np.mean([one[2] < ALPHA for one in found]))
        rows.append(
            row(setting, "P(interaction found)", differs, (ALPHA - room(ALPHA, many), ALPHA + room(ALPHA, many)))
        )
    gains = np.where(np.arange(20) < 5, 0.25, 0.0)
    found = [_segments(rng, 20, units=500, gains=gains, registered=False) for _ in range(many)]
    share = float(np.mean([one[1] / max(one[0], 1) for one in found]))
    rows.append(
        row("5 of 20 explored segments have an effect", "false discovery rate", share, (0.0, 0.10 + room(0.10, many)))
    )
    return rows


def planted(simulations: int, seed: int) -> list[Row]:
    rng, rows = np.random.default_rng(seed), []
    many = max(simulations // 20, 50)
    gains = np.array([0.04, -0.04])  # of a control of 1 with sd 1: +4 % and -4 %
    found = [_segments(rng, 2, units=20_000, gains=gains, registered=True) for _ in range(many)]
    setting = "+4 % and -4 % in two registered segments of 40,000 units, no effect in all"
    rows.append(row(setting, "P(interaction found)", float(np.mean([one[2] < ALPHA for one in found])), (0.95, 1.0)))
    rows.append(row(setting, "P(both levels claimed)", float(np.mean([one[0] == 2 for one in found])), (0.85, 1.0)))
    return rows


def novelty(simulations: int, seed: int) -> list[Row]:
    """Daily values of a unit share its taste; the effect is constant, or fades with a half-life of two days."""
    rng, rows = np.random.default_rng(seed), []
    many = max(simulations // 4, 300)
    days, units = 14, 400
    plan = a_plan("metrics: {y: mean(y)}\nminimum_effect: 0.1\nstopping: fixed\n")
    observed = observe({"y": arm_means([[(units, 1.0, 1.0)], [(units, 1.0, 1.0)]])})
    for name, shape in (("constant", np.full(days, 0.3)), ("fading", 0.05 + 0.5 * 0.7 ** np.arange(days))):
        flagged, said, covered = 0, 0, 0
        for _ in range(many):
            values, spread = [], []
            for arm in (0, 1):
                y = 1 + arm * shape + rng.normal(0, 0.7, (units, 1)) + rng.normal(0, 1, (units, days))
                values.append(y.mean(axis=0))
                spread.append(np.cov(y, rowvar=False) / units)
            since = SinceExposure(
                n=np.full((2, 1), float(units)),
                values=np.array(values)[:, None],
                covariance=np.array(spread)[:, None],
            )
            found = trend(since, plan.metrics[0], 1, observed, ask(plan))
            flagged += (found.p_value or 1.0) < ALPHA
            said += "fades (novelty)" in found.sentence
            truth = float(shape[-7:].mean())
            covered += (found.steady_low or -9) <= truth <= (found.steady_high or 9)
        setting = f"effect by 14 days since exposure, {name}, 400 units an arm"
        band = (SIZE[0] - 0.01, SIZE[1] + 0.01) if name == "constant" else (0.95, 1.0)
        quantity = "P(trend found)" if name == "fading" else "P(trend found given none)"
        rows.append(row(setting, quantity, flagged / many, band))
        if name == "fading":
            rows.append(row(setting, "P(said to be novelty)", said / many, (0.95, 1.0)))
        else:
            rows.append(
                row(setting, "coverage of the steady state", covered / many, (COVERAGE[0] - 0.01, COVERAGE[1] + 0.01))
            )
    return rows


def clusters(simulations: int, seed: int) -> list[Row]:
    """50 users of 10 sessions an arm, ICC .57: sessions as units, and the users that were randomised."""
    rng = np.random.default_rng(seed)
    batches, many, users, sessions = max(simulations // 400, 1), 200, 50, 10  # a table of 20,000 users each
    rows = []
    for skewed in (False, True):
        found = [_clustered(rng, many, users, sessions, skewed=skewed) for _ in range(batches)]
        setting = f"{users} users of {sessions} sessions an arm, ICC .57"
        if skewed:
            setting = f"{users} users an arm, sessions lognormal with log-sd 1.5, ICC .57"
        for clustered, who in ((True, "by user (cluster)"), (False, "sessions taken as units (not used)")):
            p = np.concatenate([one[clustered] for one in found])
            rest = room(ALPHA, int(np.isfinite(p).sum()))
            band = (ALPHA - 0.01 - rest, ALPHA + 0.01 + rest) if clustered else None
            said = f" ({np.isnan(p).mean():.1%} refused: under 5 effective)" if clustered and skewed else ""
            rows.append(row(f"{setting}: {who}{said}", "size at .05", float((p[np.isfinite(p)] < ALPHA).mean()), band))
    return rows


def _clustered(rng: np.random.Generator, many: int, users: int, sessions: int, *, skewed: bool) -> dict[bool, Floats]:
    """p of `many` experiments without an effect, measured by user and by session, each experiment a segment."""
    size = np.full((many, 2, users), sessions)
    if skewed:
        size = np.maximum(1, np.round(np.exp(rng.normal(1.2, 1.5, size.shape)))).astype(int).clip(max=200)
    experiment = np.repeat(np.arange(many * 2 * users) // (2 * users), size.ravel())
    arm = np.repeat(np.tile(np.repeat([0, 1], users), many), size.ravel())
    unit = np.repeat(np.arange(many * 2 * users), size.ravel())
    taste = np.repeat(rng.normal(0, math.sqrt(0.57), many * 2 * users), size.ravel())
    y = 5 + taste + rng.normal(0, math.sqrt(0.43), len(unit))
    names = [f"e{k}" for k in range(many)]
    metric = ExperimentMetric(name="y", formula="mean(y)")
    found = {}
    for clustered in (True, False):
        table = unit_table({"y": y}, arm=arm, unit=unit, segments={"e": (experiment, names)}, clustered=clustered)
        means = measure(table, [metric], [("e",)])["y"].by["e",]
        found[clustered] = np.asarray(contrast(means, 1).contrast.p_value(0.0))
    return found


ALL = (
    Simulation(name="nothing there, experiments", run=nothing_there),
    Simulation(name="heavy tails, experiments", run=heavy_tails, slow=True),
    Simulation(name="over time, experiments", run=over_time, slow=True),
    Simulation(name="as planned, experiments", run=as_planned),
    Simulation(name="loss at the margin, experiments", run=loss_at_the_margin),
    Simulation(name="null segments", run=null_segments, slow=True),
    Simulation(name="planted segments", run=planted),
    Simulation(name="novelty", run=novelty),
    Simulation(name="clusters of an experiment", run=clusters, slow=True),
)
