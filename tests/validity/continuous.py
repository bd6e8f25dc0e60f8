"""Continuous and regular methods: 2,000 simulated data sets each, rejections under the null and coverage counted."""

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

from seatrial.stats.bootstrap import (
    BootstrapContrast,
    bca_interval,
    bootstrap_statistic,
    multinomial_draws,
    percentile_interval,
)
from seatrial.stats.clusters import METHOD, cluster_variance
from seatrial.stats.distributions import student_two_sided
from seatrial.stats.kolmogorov import ks_permutation_p
from seatrial.stats.means import IndependentMeans, PairedMeans
from seatrial.stats.multiplicity import benjamini_hochberg, holm
from seatrial.stats.power import smallest_detectable_effect
from seatrial.stats.proportions import effective_size, proportion_interval

Floats = NDArray[np.float64]


def both(method: str, setting: str, p: Floats, limits: tuple[Floats, Floats], truth: float) -> list[Row]:
    return [
        Row(method=method, setting=setting, quantity="size at .05", measured=reject(p), band=SIZE),
        Row(method=method, setting=setting, quantity="coverage of 95 %", measured=covers(limits, truth), band=COVERAGE),
    ]


def contrast_of(baseline: Floats, candidate: Floats) -> PairedMeans:
    """Each row of the two arrays (S, n) is one data set."""
    change, n = candidate - baseline, baseline.shape[1]
    centred = baseline - baseline.mean(axis=1, keepdims=True)
    return PairedMeans(
        baseline=baseline.mean(axis=1),
        difference=change.mean(axis=1),
        var_difference=change.var(axis=1, ddof=1) / n,
        var_baseline=baseline.var(axis=1, ddof=1) / n,
        cov_baseline_difference=(centred * change).sum(axis=1) / (n - 1) / n,
        df=np.full(len(change), n - 1.0),
        n=np.full(len(change), n),
        reasons=(None,) * len(change),
        method="paired t",
        identical=np.zeros(len(change), dtype=bool),
    )


def paired(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for n in (5, 30):
        baseline = rng.gamma(2, 3, (simulations, n))
        contrast = contrast_of(baseline, baseline + rng.normal(0, 1, (simulations, n)))
        rows += both("paired t", f"n = {n}, normal differences", contrast.p_value(), contrast.interval(0.05), 0.0)
    latency = rng.lognormal(4, 0.7, (simulations, 500))
    slower = 1.05 * latency * rng.lognormal(-0.02, 0.2, latency.shape)
    relative = contrast_of(latency, slower).against(1.05)
    setting = "n = 500, lognormal latencies, 5 % of the baseline as margin, true ratio 1.05"
    return rows + both(
        "paired t of candidate - 1.05 x baseline", setting, relative.p_value(), relative.interval(0.05), 0
    )


def independent(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    one, two = rng.normal(2, 4, (simulations, 12)), rng.normal(2, 1, (simulations, 40))
    contrast = IndependentMeans(
        candidate=one.mean(axis=1),
        baseline=two.mean(axis=1),
        var_candidate=one.var(axis=1, ddof=1) / 12,
        var_baseline=two.var(axis=1, ddof=1) / 40,
        df_candidate=np.full(simulations, 11.0),
        df_baseline=np.full(simulations, 39.0),
        reasons=(None,) * simulations,
    )
    setting = "12 against 40 rows, standard deviations 4 and 1"
    return both("Welch t", setting, contrast.p_value(), contrast.interval(0.05), 0.0)


def _clustered(rng: np.random.Generator, sizes: Floats, correlation: float) -> tuple[Floats, tuple[Floats, Floats]]:
    """CR2 p, and (naive p, CR1 p), of a null mean; `sizes` (S, G), totals drawn with the given ICC."""
    shared = rng.normal(0, np.sqrt(correlation), sizes.shape)
    totals = sizes * (shared + rng.normal(0, 1, sizes.shape) * np.sqrt((1 - correlation) / sizes))
    whole = sizes.sum(axis=1)
    estimate = totals.sum(axis=1) / whole
    influence = totals - sizes * estimate[:, None]
    found = cluster_variance(
        influence.ravel(), sizes.ravel(), np.repeat(np.arange(len(sizes)), sizes.shape[1]), len(sizes)
    )
    groups = sizes.shape[1]
    naive = student_two_sided(estimate * np.sqrt(whole), whole - 1)
    first = (influence**2).sum(axis=1) / whole**2 * groups / (groups - 1)
    return (
        student_two_sided(estimate / np.sqrt(found.variance), found.df),
        (naive, student_two_sided(estimate / np.sqrt(first), groups - 1.0)),
    )


def clusters(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    ours, (naive, _) = _clustered(rng, np.full((simulations, 50), 10.0), 0.57)
    setting = "50 clusters of 10, ICC .57"
    rows = [
        Row(method=METHOD, setting=setting, quantity="size at .05", measured=reject(ours), band=SIZE),
        Row(
            method="rows as independent (not used)",
            setting=setting,
            quantity="size at .05",
            measured=reject(naive),
            band=None,
        ),
    ]
    for groups in (40, 100, 300):
        sizes = np.maximum(1.0, np.rint(20 * rng.lognormal(0, 1.5, (simulations, groups))))
        ours, (_, first) = _clustered(rng, sizes, 0.57)
        refused = float(np.isnan(ours).mean())
        setting = (
            f"{groups} clusters, sizes lognormal with log-sd 1.5, ICC .57 ({refused:.1%} refused: under 5 effective)"
        )
        rows += [
            Row(method=METHOD, setting=setting, quantity="size at .05", measured=reject(ours), band=SIZE),
            Row(
                method="CR1 with t(G - 1) (not used)",
                setting=setting,
                quantity="size at .05",
                measured=reject(first),
                band=None,
            ),
        ]
    return rows


def clustered_proportion(simulations: int, seed: int) -> list[Row]:
    """Wilson at the effective size, cluster rates drawn from a beta."""
    rng = np.random.default_rng(seed)
    rows = []
    for groups, size, share, correlation in ((50, 10, 0.3, 0.3), (100, 8, 0.9, 0.2), (20, 30, 0.5, 0.1)):
        scale = 1 / correlation - 1
        rates = rng.beta(share * scale, (1 - share) * scale, (simulations, groups))
        events = rng.binomial(size, rates).astype(float)
        n = groups * size
        value = events.sum(axis=1) / n
        influence = events - size * value[:, None]
        index = np.repeat(np.arange(simulations), groups)
        found = cluster_variance(influence.ravel(), np.full(influence.size, size), index, simulations)
        effective = effective_size(found.variance, value, n, df=found.df, independent=found.clusters)
        low, high, _ = proportion_interval(events.sum(axis=1), n, effective_n=effective)
        setting = f"{groups} clusters of {size}, share {share}, ICC {correlation}"
        rows.append(
            Row(
                method="Wilson at the effective size",
                setting=setting,
                quantity="coverage of 95 %",
                measured=covers((low, high), share),
                band=COVERAGE,
            )
        )
    return rows


def families(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    wrong, false_share, uncovered = 0, 0.0, 0.0
    for _ in range(simulations):
        wrong += bool((holm(student_two_sided(rng.normal(size=6), np.inf))[0] < 0.05).any())
        truth = np.repeat([0.0, 3.0], [40, 10])
        z = truth + rng.normal(size=50)
        _, chosen, alpha = benjamini_hochberg(student_two_sided(z, np.inf), q=0.1)
        if chosen.any():
            false_share += float((truth[chosen] == 0).mean())
            missed = student_two_sided(z - truth, np.inf)[chosen] < alpha
            uncovered += float(missed.mean())
    settings = "6 true nulls", "40 true nulls of 50, effects of 3 standard errors"
    return [
        Row(
            method="Holm",
            setting=settings[0],
            quantity="any false claim",
            measured=wrong / simulations,
            band=CONSERVATIVE_SIZE,
        ),
        Row(
            method="Benjamini-Hochberg at .10",
            setting=settings[1],
            quantity="false discovery rate",
            measured=false_share / simulations,
            band=(0.0, 0.11),
        ),
        Row(
            method="FCR intervals at .10",
            setting=settings[1],
            quantity="false coverage rate",
            measured=uncovered / simulations,
            band=(0.0, 0.11),
        ),
    ]


def detectable(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    effect = float(smallest_detectable_effect(1 / np.sqrt(400)))
    baseline = rng.normal(0, 3, (simulations, 400))
    contrast = contrast_of(baseline, baseline + effect + rng.normal(0, 1, baseline.shape))
    return [
        Row(
            method="smallest detectable effect",
            setting="paired t, n = 400, true difference at the effect",
            quantity="power",
            measured=reject(contrast.p_value()),
            band=(0.773, 0.827),  # three standard errors of 2,000 simulations about .80
        )
    ]


def bootstraps(simulations: int, seed: int) -> list[Row]:
    """Resampling costs time: a quarter of the resamples that users get by default."""
    rng = np.random.default_rng(seed)
    plain, paired_p = np.empty((2, simulations)), np.empty(simulations)
    accelerated, skewed = np.empty((2, simulations)), np.empty((2, simulations))
    truth = float(np.exp(0.5**2 / 2))
    for k in range(simulations):
        baseline = rng.normal(0, 1, 200)
        candidate = baseline + rng.normal(0, 0.5, 200)
        stacked = np.stack([baseline, candidate])
        draws = bootstrap_statistic(lambda w, y=stacked: y @ w / w.sum(), rows=200, draws=499, seed=seed + k)
        contrast = BootstrapContrast(
            baseline=float(baseline.mean()),
            candidate=float(candidate.mean()),
            baseline_draws=draws[:, 0],
            candidate_draws=draws[:, 1],
        )
        plain[:, k] = np.ravel(contrast.interval(0.05))
        paired_p[k] = contrast.p_value()[0]
        values = rng.lognormal(0, 0.5, 80)
        draws = bootstrap_statistic(lambda w, y=values: y @ w / w.sum(), rows=80, draws=499, seed=seed + k)[:, 0]
        left_out = (values.sum() - values) / 79
        accelerated[:, k] = bca_interval(draws, float(values.mean()), left_out)
        skewed[:, k] = percentile_interval(draws)
    name = "Poisson bootstrap, percentile"
    rows = both(name, "paired means, n = 200, 499 resamples", paired_p, (plain[0], plain[1]), 0.0)
    setting = "lognormal mean (log-sd .5), n = 80, 499 resamples"
    for method, found, band in (("Poisson bootstrap, BCa", accelerated, COVERAGE), (name, skewed, None)):
        rows.append(
            Row(
                method=method,
                setting=setting,
                quantity="coverage of 95 %",
                measured=covers((found[0], found[1]), truth),
                band=band,
            )
        )
    return rows


def cells(simulations: int, seed: int) -> list[Row]:
    """Difference of F1 of two models by multinomial draws over the eight cells of (target, a, b)."""
    rng = np.random.default_rng(seed)
    shares = np.array(
        [0.45, 0.05, 0.05, 0.1, 0.04, 0.05, 0.05, 0.21]
    )  # (target, a, b) = 000 001 010 011 100 101 110 111

    def f1(counts: NDArray[np.float64], model: int) -> NDArray[np.float64]:
        said = np.array([[0, 0, 1, 1, 0, 0, 1, 1], [0, 1, 0, 1, 0, 1, 0, 1]])[model].astype(bool)
        target = np.arange(8) >= 4
        hits = counts[..., target & said].sum(axis=-1)
        misses = counts[..., target ^ said].sum(axis=-1)
        return 2 * hits / (2 * hits + misses)

    p, limits = np.empty(simulations), np.empty((2, simulations))
    for k in range(simulations):
        counts = rng.multinomial(400, shares)
        draws = multinomial_draws(counts, draws=1999, seed=seed + k)
        contrast = BootstrapContrast(
            baseline=float(f1(counts, 0)),
            candidate=float(f1(counts, 1)),
            baseline_draws=f1(draws, 0),
            candidate_draws=f1(draws, 1),
        )
        p[k], limits[:, k] = contrast.p_value()[0], np.ravel(contrast.interval(0.05))
    setting = "difference of F1, n = 400, 1,999 draws of the eight cells"
    return both("multinomial bootstrap, percentile", setting, p, (limits[0], limits[1]), 0.0)


def permutation(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    p = np.array(
        [
            ks_permutation_p(rng.integers(0, 40, 60) / 40, np.arange(60) < 20, draws=199, seed=seed + k)
            for k in range(simulations)
        ]
    )
    setting = "20 against 40 scores with ties, 199 permutations"
    size = float((p <= 0.05).mean())
    return [
        Row(method="Kolmogorov-Smirnov", setting=setting, quantity="size at .05", measured=size, band=CONSERVATIVE_SIZE)
    ]


ALL = (
    Simulation(name="paired", run=paired),
    Simulation(name="independent", run=independent),
    Simulation(name="clusters", run=clusters),
    Simulation(name="clustered_proportion", run=clustered_proportion),
    Simulation(name="families", run=families),
    Simulation(name="detectable", run=detectable),
    Simulation(name="permutation", run=permutation, slow=True),
    Simulation(name="cells", run=cells, slow=True),
    Simulation(name="bootstraps", run=bootstraps, slow=True),
)
