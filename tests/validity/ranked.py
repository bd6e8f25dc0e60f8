"""AUC, average precision, Spearman, quantiles and calibration: coverage of intervals, size of paired differences.

The simulated data sets are the slices of one table, so a setting costs one scan.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special, stats
from tests.validity.harness import (
    CONSERVATIVE_COVERAGE,
    CONSERVATIVE_SIZE,
    COVERAGE,
    SIZE,
    Row,
    Simulation,
    covers,
    reject,
)

from seatrial.stats.auc_small import auc_bound_at_edge, few_rows_interval
from seatrial.stats.average_precision import grouped_average_precision, grouped_average_precision_influence
from seatrial.stats.calibration import grouped_ece, squared_calibration_influence
from seatrial.stats.distributions import student_two_sided
from seatrial.stats.kolmogorov import ks_permutation_p
from seatrial.stats.quantiles import clustered_quantile_variance, grouped_quantiles
from seatrial.stats.ranks import (
    grouped_auc,
    grouped_influence_covariance,
    grouped_paired_auc,
    logit_interval,
    spearman_influence,
)
from seatrial.stats.sorted_scores import SortedScores

Floats = NDArray[np.float64]
COVERED = "coverage of 95 %"


def _binormal(
    rng: np.random.Generator, simulations: int, n_pos: int, n_neg: int, distance: float, spread: float = 1.0
) -> tuple[Floats, NDArray[np.uint8], NDArray[np.int64], float]:
    """Scores, labels and data set of each row, and the true AUC."""
    score = np.concatenate(
        [rng.normal(size=(simulations, n_neg)), rng.normal(distance, spread, (simulations, n_pos))], axis=1
    )
    label = np.tile(np.repeat(np.array([0, 1], np.uint8), [n_neg, n_pos]), simulations)
    index = np.repeat(np.arange(simulations), n_pos + n_neg)
    return score.ravel(), label, index, float(special.ndtr(distance / np.sqrt(1 + spread**2)))


def auc(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for n_pos, n_neg, distance, spread in (
        (50, 50, 1.0, 1.0),
        (50, 500, 1.0, 1.0),
        (100, 100, 2.5, 1.0),
        (200, 2000, 2.3, 1.0),
        (500, 500, 1.0, 2.0),
    ):
        score, label, index, truth = _binormal(rng, simulations, n_pos, n_neg, distance, spread)
        found = grouped_auc(SortedScores(score, label).by(index, simulations))
        setting = f"{n_pos} positives, {n_neg} negatives, AUC {truth:.3f}"
        measured = covers(found.interval(0.05), truth)
        rows.append(
            Row(method="DeLong, t on logits", setting=setting, quantity=COVERED, measured=measured, band=COVERAGE)
        )
    return rows


def auc_few_rows(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for n_pos, n_neg, distance, spread in (
        (5, 50, 1.0, 1.0),
        (10, 1000, 1.5, 1.0),
        (10, 1000, 1.5, 2.0),
        (30, 30, 3.0, 1.0),
        (30, 300, 3.0, 1.0),
        (30, 300, 5.0, 2.5),
        (90, 1000, 2.8, 1.0),
        (90, 1000, 4.0, 2.0),
    ):
        score, label, index, truth = _binormal(rng, simulations, n_pos, n_neg, distance, spread)
        found = grouped_auc(SortedScores(score, label).by(index, simulations))
        low, high = few_rows_interval(found)
        perfect = found.value == 1
        low[perfect], high[perfect] = auc_bound_at_edge(1.0, n_pos, n_neg).low, 1.0
        setting = f"{n_pos} positives of sd {spread:g}, {n_neg} negatives, AUC {truth:.3f}"
        quantity = COVERED
        normal = logit_interval(found.value, found.variance)
        rows += [
            Row(
                method="AUC of few rows: t on logits, widened by Newcombe's",
                setting=setting,
                quantity=quantity,
                measured=covers((low, high), truth),
                band=CONSERVATIVE_COVERAGE,
            ),
            Row(
                method="normal on logits (not used)",
                setting=setting,
                quantity=quantity,
                measured=covers(normal, truth),
                band=None,
            ),
        ]
    return rows


def paired_auc(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for n_pos, n_neg, distance, shared, band in (
        (100, 100, 1.0, 0.5, SIZE),
        (100, 1000, 1.5, 0.8, SIZE),
        (300, 3000, 1.0, 0.8, SIZE),
        (10, 1000, 1.5, 0.5, CONSERVATIVE_SIZE),
        (15, 15, 2.0, 0.8, CONSERVATIVE_SIZE),
        (90, 1000, 2.8, 0.5, CONSERVATIVE_SIZE),
    ):
        common, label, index, truth = _binormal(rng, simulations, n_pos, n_neg, 0.0)
        versions = [
            np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=common.shape) + distance * label
            for _ in range(2)
        ]
        truth = float(special.ndtr(distance / np.sqrt(2)))
        orders = [SortedScores(version, label).by(index, simulations) for version in versions]
        found = grouped_paired_auc(orders[0], orders[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            p = student_two_sided(found.difference / np.sqrt(found.variance), found.df)
        setting = f"{n_pos} positives, {n_neg} negatives, both AUC {truth:.3f}, score correlation {shared}"
        rows.append(
            Row(method="DeLong, paired t", setting=setting, quantity="size at .05", measured=reject(p), band=band)
        )
    return rows


def _average_precision(share: float, distance: float) -> float:
    """True average precision of binormal scores: the mean over positive scores of P(Y = 1 | S >= t)."""

    def part(t: float) -> float:
        positive, negative = share * stats.norm.sf(t - distance), (1 - share) * stats.norm.sf(t)
        return float(stats.norm.pdf(t - distance) * positive / (positive + negative))

    return float(integrate.quad(part, -10, 12)[0])


def average_precision(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for n, share, distance in ((200, 0.5, 2.5), (1100, 0.1, 2.0), (1000, 0.5, 1.0), (2200, 0.1, 2.3), (5000, 0.1, 1.0)):
        label = (rng.random(simulations * n) < share).astype(np.uint8)
        index = np.repeat(np.arange(simulations), n)
        first, second = (rng.normal(size=label.size) + distance * label for _ in range(2))
        truth = _average_precision(share, distance)
        order = SortedScores(first, label).by(index, simulations)
        found, psi = grouped_average_precision_influence(order)
        other, psi_other = grouped_average_precision_influence(SortedScores(second, label).by(index, simulations))
        change = psi_other - psi
        variance = grouped_influence_covariance(change, change, index, simulations)
        p = student_two_sided((other.value - found.value) / np.sqrt(variance), found.df)
        setting = f"n = {n}, {share:.0%} positive, average precision {truth:.3f}"
        rows += [
            Row(
                method="average precision, t on logits of influences",
                setting=setting,
                quantity=COVERED,
                measured=covers(found.interval(0.05), truth),
                band=COVERAGE,
            ),
            Row(
                method="average precision, paired t on influences",
                setting=setting,
                quantity="size at .05",
                measured=reject(p),
                band=SIZE,
            ),
        ]
    return rows


def average_precision_few_rows(simulations: int, seed: int) -> list[Row]:
    """Shown, not gated: the smallest classes for which an interval is given."""
    rng = np.random.default_rng(seed)
    rows = []
    for n, share, distance in ((40, 0.5, 1.0), (220, 0.09, 1.0), (220, 0.09, 2.3)):
        label = (rng.random(simulations * n) < share).astype(np.uint8)
        score = rng.normal(size=label.size) + distance * label
        index = np.repeat(np.arange(simulations), n)
        found = grouped_average_precision(SortedScores(score, label).by(index, simulations))
        truth = _average_precision(share, distance)
        rows.append(
            Row(
                method="average precision, t on logits of influences",
                setting=f"n = {n}, {share:.0%} positive, average precision {truth:.3f}",
                quantity=COVERED,
                measured=covers(found.interval(0.05), truth),
                band=None,
            )
        )
    return rows


def spearman(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for n, correlation in ((200, 0.0), (500, 0.6)):
        truth = 6 / np.pi * np.arcsin(correlation / 2)
        low, high = np.empty(simulations), np.empty(simulations)
        for k in range(simulations):
            x = rng.normal(size=n)
            y = correlation * x + np.sqrt(1 - correlation**2) * rng.normal(size=n)
            value, psi = spearman_influence(x, y)
            half = float(special.stdtrit(n - 1, 0.975)) * np.sqrt(psi @ psi / (n * (n - 1)))
            low[k], high[k] = value - half, value + half
        rows.append(
            Row(
                method="Spearman, t on influences",
                setting=f"n = {n}, rho {truth:.3f}",
                quantity=COVERED,
                measured=covers((low, high), truth),
                band=COVERAGE,
            )
        )
    return rows


def quantiles(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for n, probability in ((30, 0.5), (200, 0.5), (200, 0.95), (1000, 0.95), (500, 0.99), (4000, 0.99)):
        values = rng.lognormal(4, 0.8, simulations * n)
        truth = float(np.exp(4 + 0.8 * special.ndtri(probability)))
        found = grouped_quantiles(values, np.repeat(np.arange(simulations), n), simulations, (probability,))
        rows.append(
            Row(
                method="quantile by order statistics",
                setting=f"n = {n}, p{probability * 100:g} of a lognormal",
                quantity=COVERED,
                measured=covers((found.low[:, 0], found.high[:, 0]), truth),
                band=CONSERVATIVE_COVERAGE,
            )
        )
    return rows


def paired_quantiles(simulations: int, seed: int) -> list[Row]:
    """Differences through the density that the limits imply; noisier than the limits, hence a larger n."""
    rng = np.random.default_rng(seed)
    rows = []
    for n, probability in ((1000, 0.5), (2000, 0.95)):
        index = np.repeat(np.arange(simulations), n)
        shared = rng.normal(4, 0.6, index.size)
        tables, psi = [], []
        for _ in range(2):
            values = np.exp(shared + rng.normal(0, 0.4, index.size))
            table = grouped_quantiles(values, index, simulations, (probability,))
            density = np.sqrt(probability * (1 - probability) / n) / table.standard_error[:, 0]
            at_most = values <= table.value[index, 0]
            share = np.bincount(index, weights=at_most) / n
            tables.append(table)
            psi.append((share[index] - at_most) / density[index])
        change = psi[1] - psi[0]
        variance = grouped_influence_covariance(change, change, index, simulations)
        p = student_two_sided((tables[1].value - tables[0].value)[:, 0] / np.sqrt(variance), n - 1)
        rows.append(
            Row(
                method="quantile, paired t on influences",
                setting=f"n = {n}, p{probability * 100:g} of lognormals, correlation of logs .69",
                quantity="size at .05",
                measured=reject(p),
                band=SIZE,
            )
        )
    return rows


def clustered_quantiles(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    groups, size, probability = 200, 10, 0.5
    n = groups * size
    index = np.repeat(np.arange(simulations), n)
    values = np.repeat(rng.normal(0, 0.8, simulations * groups), size) + rng.normal(0, 0.6, simulations * n)
    found = grouped_quantiles(values, index, simulations, (probability,))
    at_most = (values <= found.value[index, 0]).astype(float)
    excess = (at_most - np.repeat(at_most.reshape(simulations, n).mean(axis=1), n)).reshape(simulations, groups, size)
    between = (excess.sum(axis=2) ** 2).sum(axis=1) * groups / (groups - 1) / n**2
    variance = clustered_quantile_variance(found.standard_error[:, 0] ** 2, between, n, probability)
    half = float(special.stdtrit(groups - 1, 0.975)) * np.sqrt(variance)
    value = found.value[:, 0]
    setting = f"p50, {groups} clusters of {size}, ICC .64"
    return [
        Row(
            method="clustered quantile (Deng, Knoblich, Lu)",
            setting=setting,
            quantity=COVERED,
            measured=covers((value - half, value + half), 0.0),
            band=COVERAGE,
        ),
        Row(
            method="order statistics of clustered rows (not used)",
            setting=setting,
            quantity=COVERED,
            measured=covers((found.low[:, 0], found.high[:, 0]), 0.0),
            band=None,
        ),
    ]


def calibration(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for n in (100, 750, 5000):
        index = np.repeat(np.arange(simulations), n)
        score = rng.beta(2, 5, index.size)
        found = grouped_ece(SortedScores(score, rng.random(index.size) < score).by(index, simulations))
        rows += [
            Row(
                method="ECE bands",
                setting=f"calibrated, n = {n}",
                quantity=COVERED,
                measured=covers((found.low, found.high), 0.0),
                band=CONSERVATIVE_COVERAGE,
            ),
            Row(
                method="debiased squared error, normal",
                setting=f"calibrated, n = {n}",
                quantity="claims miscalibration at .025",
                measured=float((found.squared > 1.959964 * np.sqrt(found.squared_variance)).mean()),
                band=None,
            ),
        ]
    truth = 0.08
    for n in (750, 5000):
        index = np.repeat(np.arange(simulations), n)
        score = rng.uniform(0.1, 0.8, index.size)
        found = grouped_ece(SortedScores(score, rng.random(index.size) < score + truth).by(index, simulations))
        half = 1.959964 * np.sqrt(found.squared_variance)
        rows += [
            Row(
                method="ECE bands",
                setting=f"every chance .08 above the score, n = {n}",
                quantity=COVERED,
                measured=covers((found.low, found.high), truth),
                band=CONSERVATIVE_COVERAGE,
            ),
            Row(
                method="debiased squared error, normal",
                setting=f"every chance .08 above the score, n = {n}",
                quantity=COVERED,
                measured=covers((found.squared - half, found.squared + half), truth**2),
                band=CONSERVATIVE_COVERAGE if n == 750 else COVERAGE,
            ),
        ]
    return rows


def paired_calibration(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows, n = [], 1500
    for setting, shift, band in (
        ("both calibrated, one less sharp", 0.0, CONSERVATIVE_SIZE),
        ("one .1 too high, the other .1 too low", 0.1, SIZE),
    ):
        p = np.empty(simulations)
        for k in range(simulations):
            seen, unseen = rng.uniform(0.2, 0.6, n), rng.uniform(0.0, 0.2, n)
            label = rng.random(n) < seen + unseen
            a, psi_a = squared_calibration_influence(seen + unseen + shift, label)
            b, psi_b = squared_calibration_influence(seen + 0.1 - shift, label)
            change = psi_b - psi_a
            p[k] = student_two_sided((b - a) / np.sqrt(change @ change / (n * (n - 1))), n - 1)
        rows.append(
            Row(
                method="difference of debiased squared errors, paired t",
                setting=f"n = 1,500, {setting}",
                quantity="size at .05",
                measured=reject(p),
                band=band,
            )
        )
    return rows


def kolmogorov(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    p = np.array(
        [
            ks_permutation_p(rng.integers(0, 40, 60) / 40, np.arange(60) < 20, draws=199, seed=seed + k)
            for k in range(simulations)
        ]
    )
    return [
        Row(
            method="KS by permuting labels",
            setting="20 against 40 scores with ties, 199 permutations",
            quantity="size at .05",
            measured=float((p <= 0.05).mean()),
            band=CONSERVATIVE_SIZE,
        )
    ]


RANKS = (
    Simulation(name="auc", run=auc),
    Simulation(name="auc_few_rows", run=auc_few_rows),
    Simulation(name="paired_auc", run=paired_auc, slow=True),
    Simulation(name="average_precision", run=average_precision, slow=True),
    Simulation(name="average_precision_few_rows", run=average_precision_few_rows),
    Simulation(name="spearman", run=spearman),
    Simulation(name="calibration", run=calibration, slow=True),
    Simulation(name="paired_calibration", run=paired_calibration, slow=True),
    Simulation(name="kolmogorov", run=kolmogorov, slow=True),
)
QUANTILES = (
    Simulation(name="quantiles", run=quantiles, slow=True),
    Simulation(name="paired_quantiles", run=paired_quantiles),
    Simulation(name="clustered_quantiles", run=clustered_quantiles),
)
ALL = RANKS + QUANTILES
