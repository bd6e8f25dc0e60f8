"""Logs, clusters and designs of experiments: bandits, off-policy values, quantiles per user, switchbacks, covariates,
strata, and offline deltas against online ones."""

import numpy as np
from numpy.typing import NDArray
from tests.validity.harness import CONSERVATIVE_COVERAGE, COVERAGE, EXACT_SIZE, SIZE, Row, Simulation

from seatrial.stats import calibration_of_deltas as deltas
from seatrial.stats import interleaving, switchback
from seatrial.stats.bandits import arm_contrast, arm_values
from seatrial.stats.clustered_quantiles import METHOD as QUANTILE
from seatrial.stats.clustered_quantiles import clustered_quantile, clustered_quantile_contrast
from seatrial.stats.cupac import cupac_covariate
from seatrial.stats.distributions import normal_quantile, student_quantile
from seatrial.stats.heavy_tails import rows_for_nominal_coverage
from seatrial.stats.means import PairedMeans, mean_interval
from seatrial.stats.off_policy import policy_contrast, policy_values
from seatrial.stats.poststratification import METHOD as STRATA
from seatrial.stats.poststratification import cells, post_stratified
from seatrial.stats.quantiles import grouped_quantiles
from seatrial.stats.regression_adjustment import METHOD as LIN
from seatrial.stats.regression_adjustment import lin_adjusted

Floats = NDArray[np.float64]
Log = tuple[NDArray[np.intp], Floats, Floats, NDArray[np.intp], Floats]


class Tally:
    """How often each statement held."""

    def __init__(self, setting: str) -> None:
        self.setting = setting
        self.seen: dict[tuple[str, str], list[bool]] = {}
        self.bands: dict[tuple[str, str], tuple[float, float] | None] = {}

    def add(self, method: str, quantity: str, held: bool, band: tuple[float, float] | None) -> None:
        self.seen.setdefault((method, quantity), []).append(bool(held))
        self.bands[method, quantity] = band

    def contrast(self, found: PairedMeans, truth: float, band: tuple[float, float] | None = COVERAGE) -> None:
        low, high = found.interval(0.05)
        self.add(found.methods[0], "coverage of 95 %", bool(low[0] <= truth <= high[0]), band)

    def rows(self) -> list[Row]:
        return [
            Row(
                method=method,
                setting=self.setting,
                quantity=quantity,
                measured=float(np.mean(held)),
                band=self.bands[method, quantity],
            )
            for (method, quantity), held in self.seen.items()
        ]


def greedy(rng: np.random.Generator, means: Floats, batches: int, size: int, floor: float, drift: float) -> Log:
    """A bandit that gives all but a floor to the arm that leads: arm, reward, propensity, batch, propensities."""
    k = len(means)
    totals, counts = np.zeros(k), np.zeros(k)
    parts: list[Log] = []
    for b in range(batches):
        share = np.full(k, floor)
        share[np.argmax(totals / np.maximum(counts, 1)) if b else 0] += 1 - k * floor
        share = share if b else np.full(k, 1 / k)
        arm = rng.choice(k, size, p=share)
        reward = rng.normal(means[arm] + drift * b)
        np.add.at(totals, arm, reward)
        np.add.at(counts, arm, 1)
        parts.append((arm, reward, share[arm], np.full(size, b), np.tile(share, (size, 1))))
    arms, rewards, shares, batch, every = (np.concatenate(x) for x in zip(*parts, strict=True))
    return arms, rewards, shares, batch, every


def bandits(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for means, drift, batches, size, floor in (
        ((0.0, 0.0), 0.0, 100, 10, 0.02),
        ((0.0, 0.0, 0.0), 0.0, 40, 20, 0.02),
        ((0.0, 0.2), 0.0, 20, 50, 0.05),
        ((0.0, 0.0), 0.1, 20, 50, 0.05),
    ):
        truth = np.array(means)
        setting = f"{batches} batches of {size}, all but a floor of {100 * floor:g} % to the leading arm, means {means}"
        tally = Tally(setting + (f", all drifting by {drift} a batch" if drift else ""))
        for _ in range(simulations):
            arm, reward, chance, batch, every = greedy(rng, truth, batches, size, floor, drift)
            found = arm_values(arm, reward, chance, n_arms=len(means), batch=batch, propensities=every)
            if not drift:
                for part in (found.naive, found.aipw):
                    low, high = part.interval()
                    band = None if part is found.naive else COVERAGE
                    tally.add(part.method, "coverage of 95 %, first arm", low[0] <= truth[0] <= high[0], band)
                    low, high = part.interval(0.1)
                    band = None if part is found.naive else (0.0, 0.0665)
                    tally.add(part.method, "5 % upper limit under the truth, first arm", high[0] < truth[0], band)
                    tally.add(part.method, "estimate under the truth, first arm", part.value[0] < truth[0], None)
            else:
                low, high = found.aipw_equal.interval()
                over_time = drift * 19 / 2
                inside = low[0] <= over_time <= high[0]
                tally.add(found.aipw_equal.method, "coverage of 95 % of the average over time", inside, COVERAGE)
                gap = found.naive.value[1] - found.naive.value[0]
                error = np.hypot(*found.naive.standard_error)
                tally.add("naive difference (not used)", "size at .05", abs(gap) > 1.96 * error, None)
            contrast = arm_contrast(found).at(0)
            tally.contrast(contrast, truth[1] - truth[0])
        rows += tally.rows()
    return rows


def off_policy(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    tally = Tally("n = 2,000, three arms, rates of 5 to 35 % by context, log and policy lean opposite ways")
    rates = np.array([[0.05, 0.2, 0.35], [0.3, 0.1, 0.05]])
    logged, wanted = np.array([[0.6, 0.2, 0.2], [0.2, 0.3, 0.5]]), np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    truth, base = float((wanted * rates).sum(axis=1).mean()), float((logged * rates).sum(axis=1).mean())
    for _ in range(simulations):
        context = rng.integers(0, 2, 2000)
        arm = (rng.random(2000)[:, None] > np.cumsum(logged[context], axis=1)).sum(axis=1)
        reward = (rng.random(2000) < rates[context, arm]).astype(float)
        propensity = logged[context, arm]
        found = policy_values(arm, reward, propensity, wanted[context])
        for part in (found.ips, found.snips, found.dr):
            low, high = part.interval()
            tally.add(part.method, "coverage of 95 %", low <= truth <= high, COVERAGE)
        own = policy_values(arm, reward, propensity, logged[context]).ips
        tally.contrast(policy_contrast(found.dr, own), truth - base)
    return tally.rows()


def _events(rng: np.random.Generator, groups: int, size: float, between: float) -> tuple[Floats, NDArray[np.intp]]:
    sizes = np.maximum(1, np.rint(size * rng.lognormal(0, 0.7, groups))).astype(int)
    user = np.repeat(np.arange(groups), sizes)
    return np.exp(rng.normal(0, between, groups)[user] + rng.normal(0, 0.5, len(user))), user


def quantiles(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for groups, size, between, nu in ((200, 10, 0.5, 0.5), (200, 10, 0.5, 0.95), (1000, 10, 0.5, 0.99)):
        score = -normal_quantile(2 * nu) if nu < 0.5 else normal_quantile(2 * (1 - nu)) if nu > 0.5 else 0.0
        truth = float(np.exp(score * np.hypot(between, 0.5)))
        tally = Tally(f"p{100 * nu:g} of lognormal latencies, {groups} users of {size} on average, ICC .5")
        for _ in range(simulations):
            value, user = _events(rng, groups, size, between)
            found = clustered_quantile(value, user, nu)
            tally.add(QUANTILE, "coverage of 95 %", found.low <= truth <= found.high, COVERAGE)
            plain = grouped_quantiles(value, np.zeros(len(value), int), 1, (nu,))
            low, high = plain.low[0, 0], plain.high[0, 0]
            tally.add("events as independent (not used)", "coverage of 95 %", low <= truth <= high, None)
            half = float(student_quantile(found.df, 0.05)) * found.standard_error
            tally.add("value +- t se (not used)", "coverage of 95 %", abs(found.value - truth) <= half, None)
            contrast = clustered_quantile_contrast(found, clustered_quantile(*_events(rng, groups, size, between), nu))
            tally.add(contrast.method, "size at .05", contrast.p_value()[0] < 0.05, SIZE)
        rows += tally.rows()
    return rows


def preferences(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    tally = Tally("60 users of 1 to 40 queries whose tastes differ, equal on average")
    for _ in range(simulations):
        queries = rng.integers(1, 41, 60)
        taste = rng.beta(2, 2, 60)
        ties = rng.binomial(queries, 0.3)
        wins = rng.binomial(queries - ties, taste)
        found = interleaving.interleaved_preference(queries - ties - wins, wins, ties)
        tally.add(interleaving.METHOD, "size at .05", found.contrast.p_value()[0] < 0.05, SIZE)
        heard, more = queries.sum() - ties.sum(), wins.sum()
        z = (more - heard / 2) / np.sqrt(heard / 4)
        tally.add("queries as independent (not used)", "size at .05", abs(z) > 1.96, None)
    return tally.rows()


def switchbacks(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    days = np.repeat(np.arange(7), 4)
    for effect in (0.0, 1.0):
        tally = Tally(f"7 days of 4 periods, autocorrelated noise and a trend, effect {effect:g}")
        for s in range(simulations):
            noise = rng.normal(size=28)
            for t in range(1, 28):
                noise[t] += 0.7 * noise[t - 1]
            label = rng.permuted(np.tile([0, 0, 1, 1], (7, 1)), axis=1).ravel()
            found = switchback.switchback_effect(
                noise + 0.1 * np.arange(28) + effect * label, label, blocks=days, draws=999, seed=s
            )
            method = "permutation of periods within days"
            tally.add(method, "coverage of 95 %", found.low <= effect <= found.high, CONSERVATIVE_COVERAGE)
            if not effect:
                tally.add(method, "size at .05", found.p_value <= 0.05, SIZE)
        rows += tally.rows()
    return rows


def exact_switchback(simulations: int, seed: int) -> list[Row]:
    """Every assignment of 8 fixed outcomes: the size is a count, not an estimate."""
    y = np.random.default_rng(seed).lognormal(0, 1, 8)
    design = switchback._Design(y=y, z=np.tile([0.0, 1.0], 4), block=np.zeros(8, np.intp), w=np.ones(8), many=1)
    p = [switchback.switchback_effect(y, label).p_value for label in design.every()]
    setting = "8 periods of lognormal outcomes, all 70 assignments"
    measured = float(np.mean(np.array(p) <= 0.05))
    return [Row(method="permutation of periods", setting=setting, quantity="size", measured=measured, band=EXACT_SIZE)]


def covariates(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    tally = Tally("200 units, 40 covariates of which 2 matter, skewed noise, effect 1")
    for s in range(simulations):
        x = rng.normal(size=(200, 40))
        arm = rng.permutation(200) % 2 == 0
        y = x[:, 0] + x[:, 1] + rng.exponential(1, 200) + arm
        design = np.column_stack([np.ones(200), x])
        fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
        for name, covariate, band in (
            ("CUPED by a cross-fitted prediction (CUPAC)", cupac_covariate(y, x, seed=s), COVERAGE),
            ("CUPED by a prediction fitted to the same rows (not used)", fitted, None),
        ):
            inside = [(y[arm == side], covariate[arm == side]) for side in (True, False)]
            top = sum(((a - a.mean()) * (b - b.mean())).sum() for a, b in inside)
            theta = top / sum(((b - b.mean()) ** 2).sum() for _, b in inside)
            one, two = (a - theta * b for a, b in inside)
            z = (one.mean() - two.mean() - 1) / np.sqrt(one.var(ddof=1) / len(one) + two.var(ddof=1) / len(two))
            tally.add(name, "coverage of 95 %", abs(z) < student_quantile(197, 0.05), band)
    rows = tally.rows()
    tally = Tally("60 units, 20 treated, 2 covariates, effect growing with one of them, noise larger when treated")
    for _ in range(simulations):
        x = rng.normal(size=(60, 2))
        x -= x.mean(axis=0)
        arm = rng.permutation(60) < 20
        y = x[:, 0] + rng.normal(0, 1, 60) + arm * (0.5 + x[:, 0] + rng.normal(0, 1, 60))
        tally.contrast(lin_adjusted(y, arm, x), 0.5)
    return rows + [row for row in tally.rows() if row.method == LIN]


def strata(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    tally = Tally("240 units in 6 strata of .02 to .4, levels and effects that differ, arms of 120")
    share = np.array([0.4, 0.25, 0.15, 0.1, 0.08, 0.02])
    level, effect = np.array([0, 1, 2, 3, 5, 9.0]), np.array([0.5, 0, 1, -1, 2, 0.0])
    for _ in range(simulations):
        code = rng.choice(6, 240, p=share)
        arm = rng.permutation(240) < 120
        y = level[code] + arm * effect[code] + rng.normal(0, 1 + code / 5, 240)
        found = post_stratified(cells(y[arm], code[arm], 6), cells(y[~arm], code[~arm], 6))
        if not found.dropped:
            tally.contrast(found.contrast, float(share @ effect))
    return [row for row in tally.rows() if row.method == STRATA]


def tails(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    skew = 2.0
    enough = int(rows_for_nominal_coverage(skew))
    for n, band in ((enough, COVERAGE), (20, None)):
        value = rng.exponential(1, (simulations, n))
        error = value.std(axis=1, ddof=1) / np.sqrt(n)
        low, high = mean_interval(value.mean(axis=1), error, n - 1)
        setting = f"one sample of {n} exponential values (skewness 2: 355 skew^2 = {enough})"
        held = float(((low <= 1) & (high >= 1)).mean())
        rows.append(Row(method="Student t", setting=setting, quantity="coverage of 95 %", measured=held, band=band))
    return rows


def launches(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    slope, spread = 0.2, 0.1
    for n, offline, uneven in ((8, 0.5, False), (20, 0.7, True)):
        setting = f"{n} launches, noise of the offline delta {offline:g} of its spread"
        tally = Tally(setting + (", uneven" if uneven else ""))
        for s in range(simulations):
            scale = rng.lognormal(0, 0.4, (2, n + 1)) if uneven else np.ones((2, n + 1))
            u, v = offline * scale[0], 0.05 * scale[1]
            true = rng.normal(0.3, 1, n + 1)
            x = true + rng.normal(0, u)
            y = 0.1 + slope * true + rng.normal(0, spread, n + 1) + rng.normal(0, v)
            data = deltas._Data(x=x[:n], u=u[:n] ** 2, y=y[:n], v=v[:n] ** 2)
            drawn = deltas._draw(data, 400, np.random.default_rng(s), s)
            found, related = drawn.slope(0.05), drawn.correlation(0.05)
            held = found.reason is not None or found.low <= slope <= found.high
            tally.add("noise-corrected slope", "coverage of 95 %", held, CONSERVATIVE_COVERAGE)
            tally.add("noise-corrected slope", "no limits: refused", found.reason is not None, None)
            tally.add("noise-corrected slope", "estimate above the truth", found.value > slope, None)
            plain = np.cov(x[:n], y[:n])[0, 1] / x[:n].var(ddof=1)
            tally.add("plain slope (not used)", "estimate above the truth", plain > slope, None)
            rho = slope / np.hypot(slope, spread)
            held = related.reason is not None or related.low <= rho <= related.high
            tally.add("noise-corrected correlation", "coverage of 95 %", held, CONSERVATIVE_COVERAGE)
            _, low, high = drawn.foretold(x[n], u[n] ** 2, v[n] ** 2, 0.05)
            tally.add("prediction of the next launch", "coverage of 95 %", low <= y[n] <= high, CONSERVATIVE_COVERAGE)
        rows += tally.rows()
    return rows


ALL = (
    Simulation(name="bandit logs", run=bandits, slow=True),
    Simulation(name="off-policy values", run=off_policy, slow=True),
    Simulation(name="quantiles by user", run=quantiles, slow=True),
    Simulation(name="interleaving", run=preferences),
    Simulation(name="switchbacks", run=switchbacks, slow=True),
    Simulation(name="switchbacks, exact", run=exact_switchback),
    Simulation(name="covariates", run=covariates, slow=True),
    Simulation(name="strata", run=strata),
    Simulation(name="heavy tails", run=tails),
    Simulation(name="launches", run=launches, slow=True),
)
