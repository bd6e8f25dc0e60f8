"""Looking more than once: how often a true null is ever rejected when one stops at the worst moment.

A simulated experiment is rejected when *any* look rejects, which is what the worst stopping time sees. Sequences are
looked at after every batch of units, from the end of the burn-in to twice the planned information.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from tests.validity.harness import CONSERVATIVE_SIZE, COVERAGE, SIZE, Row, Simulation

from seatrial.stats.bernoulli_sequences import (
    JEFFREYS,
    BetaMixture,
    Side,
    betting_sequence,
    empirical_bernstein_sequence,
    planned_mixture,
    rate_difference_p_value,
    rate_log_e_value,
    rate_ratio_p_value,
)
from seatrial.stats.confidence_sequences import (
    burn_in,
    burn_in_of_rate,
    running_p_value,
    sequence_boundary,
    sequence_inflation,
)
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.group_sequential import (
    FAMILIES,
    Family,
    boundaries,
    crossing_probability,
    futility_boundaries,
    stagewise,
)
from seatrial.stats.means import IndependentMeans
from seatrial.stats.monitored import Anytime, GroupSequential, Hybrid

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
EXACT_ALPHA = (0.0, 0.05)
SPENT_ALPHA = (0.0499999, 0.0500001)
HALF = (0.0, 0.0355)
"""At most .025, plus three standard errors of 2,000 simulations."""
POWER = (0.7732, 1.0)
"""At least .80, less three standard errors."""
MEDIAN = (0.4665, 0.5335)
EVER = "P(any look rejects a true null) at .05"
NAIVE = "fixed test at every look (not used)"
SEQUENCE = "anytime-valid (asymptotic confidence sequence)"
FIXED = normal_quantile(0.05)
CHUNK = 100


def row(method: str, setting: str, quantity: str, measured: object, band: tuple[float, float] | None) -> Row:
    return Row(method=method, setting=setting, quantity=quantity, measured=float(measured), band=band)  # type: ignore[arg-type]


def peeking(simulations: int, seed: int) -> list[Row]:
    """Exact, by the recursion."""
    rows = []
    for count in (5, 10, 20):
        looks = [(k + 1) / count for k in range(count)]
        tests: list[tuple[str, Floats, tuple[float, float] | None]] = [
            (NAIVE, np.full(count, FIXED), None),
            (SEQUENCE, sequence_boundary(looks), EXACT_ALPHA),
        ]
        tests += [(f"group-sequential, {one}", boundaries(looks, family=one), SPENT_ALPHA) for one in FAMILIES]
        for method, critical, band in tests:
            up, down = crossing_probability(looks, critical)
            rows.append(row(method, f"{count} equally spaced looks, normal", EVER, up.sum() + down.sum(), band))
    return rows


class Arm:
    """Cumulative count, mean, variance and skewness of one arm at each look, from sums over batches of `size` units."""

    def __init__(self, sums: Floats, size: int) -> None:
        self.n = size * np.arange(1, sums.shape[-1] + 1)
        one, two, three = sums.cumsum(axis=-1) / self.n
        self.mean = one
        spread = np.maximum(two - one**2, 0.0)
        self.variance = spread * self.n / (self.n - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.skewness = np.nan_to_num((three - 3 * one * two + 2 * one**3) / spread**1.5)


Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]


def revenue(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """One unit in ten buys."""
    return np.where(rng.random(shape) < 0.1, rng.lognormal(0, 0.8, shape), 0.0)


def conversions(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return (rng.random(shape) < 0.01).astype(float)


def batch_sums(rng: np.random.Generator, draw: Draw, size: int, shape: tuple[int, int]) -> Floats:
    """Sums of values, squares and cubes over batches of `size` units, (3, *shape).

    The batches of a large arm are taken at random from 4,000 that were drawn once.
    """
    if size > 500:
        pool = _batches(rng, draw, size, (40, 100)).reshape(3, -1)
        return pool[:, rng.integers(0, pool.shape[1], shape)]
    return _batches(rng, draw, size, shape)


def _batches(rng: np.random.Generator, draw: Draw, size: int, shape: tuple[int, int]) -> Floats:
    found = np.empty((3, *shape))
    for start in range(0, shape[0], CHUNK):
        values = draw(rng, (min(CHUNK, shape[0] - start), shape[1], size))
        found[:, start : start + CHUNK] = [values.sum(axis=2), (values**2).sum(axis=2), (values**3).sum(axis=2)]
    return found


def ever(z: Floats, fraction: Floats, ready: Bools, alpha: float = 0.05, *, one_sided: bool = False) -> float:
    """Share of simulations in which the sequence rejects at any look at which it may be read."""
    p = running_p_value(np.where(ready, z, np.nan), fraction, one_sided=one_sided)
    return float((p[:, -1] < alpha).mean())


def _anytime(simulations: int, seed: int, draw: Draw, small: int, large: int, looks: int, setting: str) -> list[Row]:
    rng = np.random.default_rng(seed)
    treatment = Arm(batch_sums(rng, draw, small, (simulations, looks)), small)
    control = Arm(batch_sums(rng, draw, large, (simulations, looks)), large)
    variance = treatment.variance / treatment.n + control.variance / control.n
    known = variance > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(known, (treatment.mean - control.mean) / np.sqrt(variance), np.nan)
        information = np.where(known, 1 / variance, 0.0)
    fraction = information / np.median(information[:, looks // 2 - 1])

    def ready(alpha: float, one_sided: bool) -> Bools:
        if draw is conversions:
            enough = burn_in_of_rate(0.01, alpha=alpha, one_sided=one_sided)
            return np.asarray(known & (treatment.n >= enough) & (control.n >= enough))
        waits = [burn_in(arm.skewness, alpha=alpha, one_sided=one_sided) for arm in (treatment, control)]
        return np.asarray(known & (treatment.n >= waits[0]) & (control.n >= waits[1]))

    usual, half = ready(0.05, False), ready(0.025, True)
    where = f"{setting}, {looks} looks"
    naive = (np.where(usual, np.abs(z), 0.0) > FIXED).any(axis=1).mean()
    quantity = "P(any look says harm when there is none) at .025"
    return [
        row(NAIVE, where, EVER, naive, None),
        row(SEQUENCE, where, EVER, ever(z, fraction, usual), CONSERVATIVE_SIZE),
        row(f"{SEQUENCE}, one-sided", where, quantity, ever(-z, fraction, half, 0.025, one_sided=True), HALF),
        row(SEQUENCE, where, "still in the burn-in at the end", (~usual[:, -1]).mean(), None),
    ]


def lognormal(spread: float) -> Draw:
    return lambda rng, shape: rng.lognormal(0, spread, shape)


def anytime(simulations: int, seed: int) -> list[Row]:
    def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        return rng.normal(0, 1, shape)

    def exponential(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        return rng.exponential(1, shape)

    rows = _anytime(simulations, seed, normal, 5, 5, 800, "normal, two equal arms")
    return rows + _anytime(simulations, seed, exponential, 5, 95, 400, "exponential, a 5 % arm")


def anytime_rates_and_revenue(simulations: int, seed: int) -> list[Row]:
    settings: list[tuple[Draw, int, int, int, str]] = [
        (conversions, 50, 50, 400, "rates of 1 %, two equal arms"),
        (conversions, 100, 1900, 160, "rates of 1 %, a 5 % arm"),
        (revenue, 50, 50, 400, "revenue (10 % buy, lognormal with log-sd .8), two equal arms"),
        (revenue, 50, 950, 400, "revenue (10 % buy, lognormal with log-sd .8), a 5 % arm"),
        (lognormal(1.0), 50, 50, 400, "lognormal with log-sd 1 (skewness 6), two equal arms"),
        (lognormal(1.0), 50, 950, 400, "lognormal with log-sd 1 (skewness 6), a 5 % arm"),
        (lognormal(2.0), 50, 50, 200, "lognormal with log-sd 2 (skewness 414), two equal arms"),
    ]
    rows = []
    for draw, small, large, looks, setting in settings:
        rows += _anytime(simulations, seed, draw, small, large, looks, setting)
    return rows


def ramp(simulations: int, seed: int) -> list[Row]:
    """A week each at 5, 20 and 50 %, while the base rate drifts from 5 to 5.6 %: no effect on any day."""
    rng = np.random.default_rng(seed)
    days, per_day = 21, 4000
    base = np.linspace(0.050, 0.056, days)
    share = np.repeat([0.05, 0.20, 0.50], 7)
    n1 = np.rint(per_day * share).astype(int)
    n0 = per_day - n1
    x1, x0 = rng.binomial(n1, base, (simulations, days)), rng.binomial(n0, base, (simulations, days))
    weighted, variance = np.zeros((simulations, days)), np.zeros((simulations, days))
    phase = np.repeat(np.arange(3), 7)
    for day in range(days):
        units = (day + 1) * per_day
        for k in range(phase[day] + 1):
            within = np.flatnonzero((phase == k) & (np.arange(days) <= day))
            a, b = n1[within].sum(), n0[within].sum()
            p1, p0 = x1[:, within].sum(axis=1) / a, x0[:, within].sum(axis=1) / b
            weight = (a + b) / units
            weighted[:, day] += weight * (p1 - p0)
            variance[:, day] += weight**2 * (p1 * (1 - p1) / (a - 1) + p0 * (1 - p0) / (b - 1))
    ready = np.broadcast_to(n1.cumsum() >= burn_in_of_rate(0.05), weighted.shape)
    fraction = (1 / variance) / np.median(1 / variance[:, -1])
    z = weighted / np.sqrt(variance)
    one, two = x1.sum(axis=1) / n1.sum(), x0.sum(axis=1) / n0.sum()
    pooled = (one - two) / np.sqrt(one * (1 - one) / n1.sum() + two * (1 - two) / n0.sum())
    setting = "ramp 5, 20, 50 % with a drifting base rate"
    return [
        row("pooled over the ramp, one look (not used)", setting, EVER, (np.abs(pooled) > FIXED).mean(), None),
        row(f"{NAIVE}, stratified by phase", setting, EVER, (np.abs(z) > FIXED).any(axis=1).mean(), None),
        row(f"{SEQUENCE}, stratified by phase", setting, EVER, ever(z, fraction, ready), CONSERVATIVE_SIZE),
    ]


def rate_mixture(simulations: int, seed: int) -> list[Row]:
    """Exact, every path of 2,000 units: the distribution of the count among those never rejected so far."""
    units, rows = 2000, []
    cases: list[tuple[str, BetaMixture, Side]] = [
        ("Bernoulli mixture (Jeffreys)", JEFFREYS, "two-sided"),
        ("Bernoulli mixture (planned rate)", planned_mixture(0.01, units), "two-sided"),
        ("Bernoulli mixture (Jeffreys), one-sided", JEFFREYS, "above"),
        ("Bernoulli mixture (planned rate), one-sided", planned_mixture(0.01, units), "above"),
    ]
    for rate in (0.01, 0.2):
        most = int(rate * units + 10 * np.sqrt(rate * (1 - rate) * units)) + 20
        counts = np.arange(most + 1)
        for method, mixture, side in cases:
            alive = np.zeros(most + 1)
            alive[0] = 1.0
            for n in range(1, units + 1):
                moved = alive * (1 - rate)
                moved[1:] += alive[:-1] * rate
                log_e = rate_log_e_value(np.minimum(counts, n), n, rate, mixture=mixture, side=side)
                alive = np.where(log_e >= np.log(20), 0.0, moved)  # a count beyond `most` leaves as if rejected
            setting = f"rate {rate:.0%}, looked at after each of {units:,} units"
            rows.append(row(method, setting, EVER, 1 - alive.sum(), EXACT_ALPHA))
    return rows


def two_rates(simulations: int, seed: int) -> list[Row]:
    """From the first unit on, no burn-in."""
    rng = np.random.default_rng(seed)
    rows = []
    for rate, share, units in ((0.01, 0.05, 400), (0.01, 0.5, 200), (0.3, 0.5, 20)):
        looks = 100
        n1 = rng.binomial(units, share, (simulations, looks))
        x1 = rng.binomial(n1, rate).cumsum(axis=1)
        x0 = rng.binomial(units - n1, rate).cumsum(axis=1)
        n1, n0 = n1.cumsum(axis=1), (units - n1).cumsum(axis=1)
        setting = f"rates of {rate:.0%}, {share:.0%} of {units} units a look, {looks} looks"
        for method, p in (
            ("Bernoulli mixtures of both sides", rate_difference_p_value(x1, n1, x0, n0)),
            ("Bernoulli mixture of the events' sides", rate_ratio_p_value(x1, x0, share=share)),
            (
                "Bernoulli mixture of the events' sides, one-sided",
                rate_ratio_p_value(x1, x0, share=share, side="above"),
            ),
        ):
            rows.append(row(method, setting, EVER, (p < 0.05).any(axis=1).mean(), CONSERVATIVE_SIZE))
    return rows


def bounded(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for a, b in ((0.1, 0.9), (5.0, 5.0)):
        values, truth = rng.beta(a, b, (simulations, 1000)), a / (a + b)
        setting = f"Beta({a:g}, {b:g}), looked at after each of 1,000 values"
        low, high = empirical_bernstein_sequence(values)
        missed = ((low > truth) | (high < truth)).any(axis=1).mean()
        rows.append(row("empirical-Bernstein sequence", setting, "P(any look misses the mean)", missed, EXACT_ALPHA))
        parts = [betting_sequence(values[k : k + CHUNK]) for k in range(0, simulations, CHUNK)]
        lows, highs = (np.concatenate(side) for side in zip(*parts, strict=True))
        missed = ((lows > truth) | (highs < truth)).mean()
        rows.append(row("betting sequence", setting, "P(any look misses the mean)", missed, EXACT_ALPHA))
    return rows


def daily(rng: np.random.Generator, simulations: int, looks: list[int], effect: float) -> Iterator[IndependentMeans]:
    """Two normal arms of `looks[k]` units each at look k."""
    sums = np.zeros((2, 2, simulations))
    before = 0
    for n in looks:
        values = rng.normal(0, 1, (2, simulations, n - before))
        values[0] += effect
        sums += np.stack([values.sum(axis=2), (values**2).sum(axis=2)], axis=1)
        before = n
        mean = sums[:, 0] / n
        variance = (sums[:, 1] - n * mean**2) / (n - 1) / n
        yield IndependentMeans(
            candidate=mean[0],
            baseline=mean[1],
            var_candidate=variance[0],
            var_baseline=variance[1],
            df_candidate=np.full(simulations, n - 1.0),
            df_baseline=np.full(simulations, n - 1.0),
            reasons=(None,) * simulations,
        )


def group_sequential(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    plans: list[tuple[Family, float | None, list[int], str]] = [
        ("obrien-fleming", None, [30, 70, 80, 100], "looks at 30, 70, 80 and 100 of 100 per arm"),
        ("pocock", None, [10, 25, 60, 100], "looks at 10, 25, 60 and 100 of 100 per arm"),
        ("kim-demets", 2.0, [20, 40, 60, 80, 100], "five equal looks to 100 per arm"),
        ("hwang-shih-decani", -2.0, [50, 130], "looks at 50 and, overrun, 130 of 100 per arm"),
    ]
    for family, parameter, looks, setting in plans:
        fractions = tuple(n / 100 for n in looks)
        rejected, missed = np.zeros(simulations, dtype=bool), np.zeros(simulations, dtype=bool)
        for k, inner in enumerate(daily(rng, simulations, looks, 0.4)):
            test = GroupSequential(inner=inner, fractions=fractions[: k + 1], family=family, parameter=parameter)
            low, high = test.interval(0.05)
            missed |= (low > 0.4) | (high < 0.4)
            rejected |= test.p_value(0.4) < 0.05
        method = f"group-sequential, {family}"
        rows.append(row(method, setting, "P(any look rejects the true difference) at .05", rejected.mean(), SIZE))
        rows.append(
            row(method, setting, "simultaneous coverage of 95 % repeated intervals", 1 - missed.mean(), COVERAGE)
        )
    return rows


def stopped(simulations: int, seed: int) -> list[Row]:
    """Estimates after stopping at a boundary, or at the end."""
    rng = np.random.default_rng(seed)
    rows = []
    looks = (0.3, 0.6, 1.0)
    for family, drift in (("pocock", 2.5), ("obrien-fleming", 3.0)):
        critical = boundaries(looks, family=family)  # type: ignore[arg-type]
        steps = np.diff(looks, prepend=0.0)
        walk = (drift * steps + np.sqrt(steps) * rng.normal(0, 1, (simulations, 3))).cumsum(axis=1)
        z = walk / np.sqrt(looks)
        outside = np.abs(z) >= critical
        outside[:, -1] = True
        stop = outside.argmax(axis=1)
        found = [stagewise(float(z[s, k]), looks[: k + 1], critical[: k + 1]) for s, k in enumerate(stop.tolist())]
        naive = z[np.arange(simulations), stop] / np.sqrt(np.array(looks)[stop])
        above = np.array([one.drift for one in found]) > drift
        covered = np.array([one.low <= drift <= one.high for one in found])
        setting = f"{family}, looks at 30, 60 and 100 %, drift {drift}"
        quantity = "P(the estimate is too large)"
        rows.append(
            row("estimate as if there had been one look (not used)", setting, quantity, (naive > drift).mean(), None)
        )
        rows.append(row("median-unbiased estimate (stage-wise ordering)", setting, quantity, above.mean(), MEDIAN))
        rows.append(row("stage-wise interval", setting, "coverage of 95 %", covered.mean(), COVERAGE))
    return rows


def futility(simulations: int, seed: int) -> list[Row]:
    """Exact, by the recursion."""
    looks = (0.25, 0.5, 0.75, 1.0)
    plan = futility_boundaries(looks, power=0.8, beta_family="hwang-shih-decani", beta_parameter=-2.0)
    heeded = crossing_probability(looks, plan.efficacy, plan.drift, lower=plan.futility)[0].sum()
    ignored = crossing_probability(looks, plan.efficacy)[0].sum()
    setting = "four looks, O'Brien-Fleming, beta by Hwang-Shih-DeCani -2"
    method = "non-binding futility"
    return [
        row(method, setting, "P(better given nothing there), futility ignored", ignored, (0.0249999, 0.0250001)),
        row(method, setting, "P(better given the effect planned for), futility heeded", heeded, (0.7999999, 0.8000001)),
    ]


def hybrid(simulations: int, seed: int) -> list[Row]:
    """28 days, planned for .80 at a difference of .1 standard deviations with a fixed test: 1,570 units per arm."""
    rng = np.random.default_rng(seed)
    per_day = 57
    looks = [per_day * (day + 1) for day in range(28)]
    rows = []
    for effect, setting in ((0.0, "no effect"), (0.1, "the effect planned for"), (-0.1, "as large a harm")):
        harm, better = np.zeros(simulations, dtype=bool), np.zeros(simulations, dtype=bool)
        when = np.full(simulations, np.nan)
        for n, inner in zip(looks, daily(rng, simulations, looks, effect), strict=True):
            if n < burn_in(0.0, alpha=0.025, one_sided=True):
                continue
            fraction = (1 / inner.standard_error**2) / (looks[-1] / 2)
            test = Hybrid(inner=inner, fraction=fraction, finished=n == looks[-1])
            low, high = test.interval(0.05)
            when = np.where((high < 0) & ~harm, n / looks[-1], when)
            harm |= high < 0
            better |= (low > 0) & ~harm
        where = f"28 daily looks, {setting}"
        method = "hybrid"
        if effect == 0:
            rows.append(row(method, where, "P(harm said on any day)", harm.mean(), HALF))
            rows.append(row(method, where, "P(better said at the end)", better.mean(), HALF))
            rows.append(row(method, where, "P(either)", (harm | better).mean(), CONSERVATIVE_SIZE))
        elif effect > 0:
            rows.append(row(method, where, "P(better said at the end)", better.mean(), POWER))
        else:
            rows.append(row(method, where, "P(harm said by the end)", harm.mean(), None))
            rows.append(row(method, where, "share of the plan when harm is said (mean)", np.nanmean(when), None))
    return rows


def guardrails(simulations: int, seed: int) -> list[Row]:
    """Four independent guardrails at .05/4 each, none harmed beyond its margin; and the power of a sequence."""
    rng = np.random.default_rng(seed)
    looks = [50 * (k + 1) for k in range(40)]
    stopped_any = np.zeros(simulations, dtype=bool)
    for _ in range(4):
        for n, inner in zip(looks, daily(rng, simulations, looks, -0.05), strict=True):
            if n >= burn_in(0.0, alpha=0.0125, one_sided=True):
                test = Anytime(inner=inner, fraction=(1 / inner.standard_error**2) / 500.0)
                stopped_any |= test.harm_p_value(-0.05) < 0.05 / 4
    quantity = "P(any guardrail stops although none is beyond its margin) at .05"
    rows = [row("guardrails, live", "four, looked at 40 times", quantity, stopped_any.mean(), CONSERVATIVE_SIZE)]
    units = int(np.ceil(1570 * sequence_inflation()))
    looks = [int(units * (k + 1) / 30) for k in range(30)]
    found = np.zeros(simulations, dtype=bool)
    for inner in daily(rng, simulations, looks, 0.1):
        fraction = (1 / inner.standard_error**2) / (units / 2)
        found |= Anytime(inner=inner, fraction=fraction).interval(0.05)[0] > 0
    setting = f"planned for .80 with the sequence's inflation, {units:,} per arm, 30 looks"
    rows.append(row(SEQUENCE, setting, "P(better said by the end given the effect planned for)", found.mean(), POWER))
    return rows


ALL = (
    Simulation(name="peeking", run=peeking),
    Simulation(name="anytime", run=anytime),
    Simulation(name="anytime, rates and revenue", run=anytime_rates_and_revenue, slow=True),
    Simulation(name="ramp", run=ramp),
    Simulation(name="mixtures of a rate", run=rate_mixture, slow=True),
    Simulation(name="mixtures of two rates", run=two_rates, slow=True),
    Simulation(name="bounded means", run=bounded, slow=True),
    Simulation(name="group-sequential", run=group_sequential),
    Simulation(name="after stopping", run=stopped, slow=True),
    Simulation(name="futility", run=futility),
    Simulation(name="hybrid", run=hybrid),
    Simulation(name="guardrails, live", run=guardrails),
)
