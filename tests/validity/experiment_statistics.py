"""Planning and reading an experiment: sizes reach their power, lifts are covered; segments, shares, days keep alpha."""

import numpy as np
from numpy.typing import NDArray
from tests.validity.harness import (
    CONSERVATIVE_SIZE,
    COVERAGE,
    SIZE,
    Row,
    Simulation,
    covers,
    reject,
)

from seatrial.stats.heterogeneity import interaction_test, trend_test
from seatrial.stats.means import IndependentMeans
from seatrial.stats.miettinen_nurminen import UnpairedProportions
from seatrial.stats.paired import tango_interval
from seatrial.stats.relative import relative_interval
from seatrial.stats.sample_ratio import first_alarm, sample_ratio_martingale, sample_ratio_test
from seatrial.stats.sample_size import (
    guardrail_units_per_arm,
    paired_proportion_units,
    proportion_units_per_arm,
    units_per_arm,
)

Floats = NDArray[np.float64]
PLANNED = (0.773, 0.827)
"""Three standard errors of 2,000 simulations about .80."""
FALSE_PASS = (0.0, 0.0355)
"""alpha/2 and three standard errors of 2,000 simulations."""


def row(method: str, setting: str, quantity: str, measured: float, band: tuple[float, float] | None) -> Row:
    return Row(method=method, setting=setting, quantity=quantity, measured=float(measured), band=band)


def welch(treated: Floats, control: Floats) -> IndependentMeans:
    """Each row of the two arrays (S, n) is one experiment."""
    (s, n1), n0 = treated.shape, control.shape[1]
    return IndependentMeans(
        candidate=treated.mean(axis=1),
        baseline=control.mean(axis=1),
        var_candidate=treated.var(axis=1, ddof=1) / n1,
        var_baseline=control.var(axis=1, ddof=1) / n0,
        df_candidate=np.full(s, n1 - 1.0),
        df_baseline=np.full(s, n0 - 1.0),
        reasons=(None,) * s,
    )


def sizing(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    n = units_per_arm([1.0, 4.0], 0.25, weights=(2, 1))
    contrast = welch(rng.normal(0.25, 2, (simulations, n[1])), rng.normal(0, 1, (simulations, n[0])))
    setting = f"Welch t, variances 1 and 4, weights 2 to 1: {n[0]} and {n[1]} units"
    rows = [row("planned size, means", setting, "power", (contrast.interval(0.05)[0] > 0).mean(), PLANNED)]

    n = proportion_units_per_arm(0.10, 0.02)
    shares = proportions(rng, n, 0.12, 0.10, simulations)
    setting = f"score test, .10 to .12: {n[0]} units per arm"
    rows.append(row("planned size, shares", setting, "power", (shares.interval(0.05)[0] > 0).mean(), PLANNED))

    n = guardrail_units_per_arm(0.2 * 0.8, 0.02)
    setting = f"rate .20, margin .02: {n[0]} units per arm"
    for truth, quantity, band in (
        (0.2, "passes when flat", PLANNED),
        (0.18, "passes at a loss of the margin", FALSE_PASS),
    ):
        low = proportions(rng, n, truth, 0.2, simulations).interval(0.05)[0]
        rows.append(row("planned size, guardrail", setting, quantity, (low > -0.02).mean(), band))

    for margin, band in ((0.005, PLANNED), (0.02, None)):
        pairs = paired_proportion_units(0.06, margin=margin)
        setting = f"Tango, 6 % discordance, margin {margin}: {pairs} rows"
        flips = rng.multinomial(pairs, [0.03, 0.03, 0.94], simulations)
        low, _ = tango_interval(flips[:, 0], flips[:, 1], pairs)
        rows.append(row("planned size, paired guardrail", setting, "passes when flat", (low > -margin).mean(), band))
    return rows


def proportions(
    rng: np.random.Generator, n: NDArray[np.int64], treated: float, control: float, simulations: int
) -> UnpairedProportions:
    return UnpairedProportions(
        count_candidate=rng.binomial(n[1], treated, simulations),
        n_candidate=np.full(simulations, n[1]),
        count_baseline=rng.binomial(n[0], control, simulations),
        n_baseline=np.full(simulations, n[0]),
    )


def lifts(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    name, rows = "relative lift by inversion (Fieller)", []
    revenue = rng.lognormal(0, 1, (simulations, 3_000)), rng.lognormal(0, 1, (simulations, 3_000))
    few = rng.normal(6, 3, (simulations, 12)), rng.normal(5, 1, (simulations, 40))
    faint = rng.normal(0.6, 1, (simulations, 100)), rng.normal(0.5, 1, (simulations, 100))
    loss = rng.normal(-0.8, 1, (simulations, 80)), rng.normal(-1.0, 1, (simulations, 120))
    for setting, (treated, control), truth in (
        ("lognormal (log-sd 1), 3,000 per arm, true lift 0", revenue, 0.0),
        ("12 against 40 units, standard deviations 3 and 1, true lift 20 %", few, 0.2),
        ("control's mean at five of its standard errors, true lift 20 %", faint, 0.2),
        ("negative control's mean, true lift 20 %", loss, 0.2),
    ):
        contrast = welch(treated, control)
        found = relative_interval(contrast, contrast.baseline)
        refused = float(np.isnan(found.low).mean())
        full = setting + (f" ({refused:.1%} refused)" if refused else "")
        rows.append(row(name, full, "coverage of 95 %", covers((found.low, found.high), truth), COVERAGE))
        if truth == 0.0:
            agree = ((found.low > 0) | (found.high < 0)) == (contrast.p_value() < 0.05)
            rows.append(row(name, full, "agreement with the absolute test", agree.mean(), (1.0, 1.0)))
    contrast = welch(*faint)
    ratio = contrast.candidate / contrast.baseline
    error = np.sqrt(contrast.var_candidate + ratio**2 * contrast.var_baseline) / np.abs(contrast.baseline)
    linear = covers((ratio - 1 - 1.96 * error, ratio - 1 + 1.96 * error), 0.2)
    setting = "control's mean at five of its standard errors, true lift 20 %"
    return [*rows, row("relative lift, linear delta (not used)", setting, "coverage of 95 %", linear, None)]


def segments(simulations: int, seed: int) -> list[Row]:
    """20 segments without any effect; unequal variances between arms and segments."""
    rng = np.random.default_rng(seed)
    spread = np.stack([np.linspace(0.5, 2, 20), np.linspace(3, 1, 20)])
    rows = []
    for units, degrees in ((400, False), (20, True)):
        values = rng.standard_normal((simulations, units, 2, 20)) * spread
        difference = np.diff(values.mean(axis=1), axis=1)[:, 0]
        each = values.var(axis=1, ddof=1) / units
        error = np.sqrt(each.sum(axis=1))
        df = each.sum(axis=1) ** 2 / (each**2 / (units - 1)).sum(axis=1)
        plain = np.array([interaction_test(d, e).p_value for d, e in zip(difference, error, strict=True)])
        setting = f"20 null segments, 2 x {units} units each, unequal variances"
        if degrees:
            welch_f = np.array(
                [interaction_test(d, e, degrees=f).p_value for d, e, f in zip(difference, error, df, strict=True)]
            )
            rows.append(row("interaction, Welch's F", setting, "size at .05", reject(welch_f), SIZE))
        rows.append(
            row("interaction, Wald chi-square", setting, "size at .05", reject(plain), None if degrees else SIZE)
        )
        largest = np.abs(difference / error).max(axis=1) > 1.959964
        rows.append(
            row("any of 20 segments by its own test (not used)", setting, "a false claim", largest.mean(), None)
        )
    effects = np.array([0.04, -0.04]) + rng.normal(0, 0.01, (simulations, 2))
    found = np.array([interaction_test(effect, [0.01, 0.01]).p_value for effect in effects])
    setting = "two segments, +4 % and -4 %, standard errors 1 %"
    return [*rows, row("interaction, Wald chi-square", setting, "found", reject(found), (0.99, 1.0))]


def shares(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    weights = np.array([0.8, 0.15, 0.05])
    counts = rng.multinomial(20_000, weights, simulations)
    p = np.array([sample_ratio_test(n, weights).p_value for n in counts])
    rows = [row("sample ratio, chi-square", "three arms, 20,000 units", "size at .05", reject(p), SIZE)]

    ramp = np.array([[0.95, 0.05], [0.8, 0.2], [0.5, 0.5]])
    phases = np.stack([rng.multinomial(n, w, simulations) for n, w in zip((4_000, 6_000, 3_000), ramp, strict=True)], 1)
    p = np.array([sample_ratio_test(n, ramp).p_value for n in phases])
    rows.append(row("sample ratio, chi-square", "a ramp of three phases", "size at .05", reject(p), SIZE))

    counts = rng.multinomial(90, weights, simulations)
    p = np.array([sample_ratio_test(n, weights).p_value for n in counts])
    rows.append(row("sample ratio, exact", "three arms, 90 units", "size at .05", reject(p), CONSERVATIVE_SIZE))

    for planned in (np.array([0.5, 0.5]), np.array([0.95, 0.05])):
        alarms, naive = 0, 0
        for _ in range(simulations):
            looks = np.cumsum(rng.binomial(5, planned[0], 6_000))
            seen = np.stack([looks, 5 * np.arange(1, 6_001) - looks], axis=1)
            alarms += first_alarm(sample_ratio_martingale(seen, planned), 0.05) is not None
            whole = seen.sum(axis=1)
            chi = (seen[:, 0] - whole * planned[0]) ** 2 / (whole * planned.prod())
            naive += bool((chi[200:] > 3.841459).any())
        setting = f"{planned[0]:.0%} and {planned[1]:.0%}, looked at every 5 units up to 30,000"
        quantity = "alarm at .05 under the plan"
        rows.append(row("sample ratio, martingale", setting, quantity, alarms / simulations, (0.0, 0.05)))
        rows.append(row("sample ratio, chi-square (not used live)", setting, quantity, naive / simulations, None))
    return rows


def days(simulations: int, seed: int) -> list[Row]:
    """Fourteen days of the same units, whose days resemble each other; gamma values."""
    rng = np.random.default_rng(seed)
    x = np.log(np.arange(1, 15))
    rows = []
    for units, planted in ((400, 0.0), (40, 0.0), (400, -0.08)):
        p, plain, low, high = (np.empty(simulations) for _ in range(4))
        for k in range(simulations):
            unit = rng.gamma(2, 0.5, (2, units, 1))
            value = unit * rng.gamma(3, 1 / 3, (2, units, 14))
            value[1] += 0.2 + planted * x
            effect = value[1].mean(axis=0) - value[0].mean(axis=0)
            spread = (np.cov(value[0].T) + np.cov(value[1].T)) / units
            found = trend_test(effect, spread, degrees=2 * units - 2)
            p[k], low[k], high[k] = found.slope.p_value, found.slope.low, found.slope.high
            plain[k] = trend_test(effect, spread).slope.p_value
        setting = f"14 days of the same 2 x {units} units"
        if planted:
            setting += f", effect falling by {-planted} per unit of log day"
            rows.append(row("trend by days, GLS", setting, "found", reject(p), (0.9, 1.0)))
        else:
            rows.append(row("trend by days, GLS", setting, "size at .05", reject(p), SIZE))
            rows.append(
                row("trend by days, covariance taken as known (not used)", setting, "size at .05", reject(plain), None)
            )
        rows.append(row("trend by days, GLS", setting, "coverage of 95 %", covers((low, high), planted), COVERAGE))
    return rows


ALL = (
    Simulation(name="sizing", run=sizing),
    Simulation(name="lifts", run=lifts),
    Simulation(name="segments", run=segments),
    Simulation(name="shares", run=shares, slow=True),
    Simulation(name="days", run=days, slow=True),
)
