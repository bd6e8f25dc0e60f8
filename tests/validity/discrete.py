"""Discrete methods, enumerated exactly: every outcome with its probability, nothing drawn."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from tests.validity.harness import SCORE_SIZE, WILSON_LEAST, WILSON_MEAN, Row, Simulation

from seatrial.stats.paired import PairedProportions, tango_interval, tango_p_value
from seatrial.stats.proportions import (
    f1_interval,
    miettinen_nurminen_interval,
    miettinen_nurminen_p_value,
    proportion_interval,
)

SHARES = np.linspace(0.01, 0.5, 491)


def wilson(simulations: int, seed: int) -> list[Row]:
    """Under one expected event the coverage of Wilson's interval falls to 84 % at any n: shown, gated from one on."""
    rows = []
    for n in (10, 20, 50, 100, 300, 1000):
        counts = np.arange(n + 1)
        low, high, _ = proportion_interval(counts, n)
        inside = (low[:, None] <= SHARES) & (high[:, None] >= SHARES)
        coverage = (stats.binom.pmf(counts[:, None], n, SHARES) * inside).sum(axis=0)
        rare = n * SHARES < 1
        found = [
            ("mean coverage, share from .01 to .5", float(coverage.mean()), WILSON_MEAN),
            ("least coverage, at least one expected event", float(coverage[~rare].min()), WILSON_LEAST),
        ]
        if rare.any():
            found.append(("least coverage, under one expected event", float(coverage[rare].min()), None))
        rows += [
            Row(method="Wilson, exact at the edges", setting=f"n = {n}", quantity=what, measured=value, band=band)
            for what, value, band in found
        ]
    return rows


def f1(simulations: int, seed: int) -> list[Row]:
    """F1 of one class on n rows: m = tp + fp + fn is binomial, tp given m binomial with the Jaccard share."""
    rows = []
    for n, active in ((50, 0.3), (50, 0.6), (300, 0.2)):
        jaccards = np.linspace(0.1, 0.95, 18)
        m, tp = (x.ravel() for x in np.meshgrid(np.arange(1, n + 1), np.arange(n + 1), indexing="ij"))
        keep = tp <= m
        m, tp = m[keep], tp[keep]
        low, high, _ = f1_interval(tp, m - tp)
        weight = stats.binom.pmf(m, n, active)[:, None] * stats.binom.pmf(tp[:, None], m[:, None], jaccards)
        truth = 2 * jaccards / (1 + jaccards)
        coverage = (weight * ((low[:, None] <= truth) & (truth <= high[:, None]))).sum(axis=0) / weight.sum(axis=0)
        jaccard = tp / m
        value = 2 * jaccard / (1 + jaccard)
        error = np.sqrt(jaccard * (1 - jaccard) / m) * 2 / (1 + jaccard) ** 2
        delta = (weight * (np.abs(value[:, None] - truth) <= 1.96 * error[:, None])).sum(axis=0) / weight.sum(axis=0)
        setting = f"n = {n}, {active:.0%} of rows not true negatives, F1 from .18 to .97"
        rows += [
            Row(method="F1 of one class by Wilson", setting=setting, quantity=what, measured=found, band=band)
            for what, found, band in (
                ("mean coverage", float(coverage.mean()), WILSON_MEAN),
                ("least coverage", float(coverage.min()), WILSON_LEAST),
            )
        ]
        rows.append(
            Row(
                method="F1 by the plain delta method (not used)",
                setting=setting,
                quantity="least coverage",
                measured=float(delta.min()),
                band=None,
            )
        )
    return rows


@cache
def _triangle(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    b, c = (x.ravel() for x in np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij"))
    return b[b + c <= n], c[b + c <= n]


def _chance(n: int, gained: float, lost: float) -> NDArray[np.float64]:
    """Probability of every (b, c) with b + c <= n."""
    b, c = _triangle(n)
    flips = b + c
    with np.errstate(invalid="ignore"):
        split = stats.binom.pmf(b, flips, gained / (gained + lost))
    return np.asarray(stats.binom.pmf(flips, n, gained + lost) * split)


def tango(simulations: int, seed: int) -> list[Row]:
    """Size at no difference, false passes at the margin, coverage at any difference; 1 to 25 % gained and lost."""
    rows = []
    rates = (0.01, 0.02, 0.03, 0.05, 0.1, 0.25)
    for n in (30, 50, 100, 200):
        b, c = _triangle(n)
        low, high = tango_interval(b, c, n)
        rejected = tango_p_value(b, c, n) < 0.05
        size = max(float(_chance(n, rate, rate)[rejected].sum()) for rate in rates)
        passes = [float(_chance(n, g, g + m)[low > -m].sum()) for m in (0.01, 0.02, 0.05) for g in (0.0, *rates)]
        pairs = [(gained, lost) for gained in rates for lost in rates]
        found = [float(_chance(n, g, d)[(low <= g - d) & (g - d <= high)].sum()) for g, d in pairs]
        rows += [
            Row(method="Tango", setting=f"n = {n}", quantity=what, measured=value, band=band)
            for what, value, band in (
                ("largest size at no difference", size, SCORE_SIZE),
                ("largest false pass rate at the margin", max(passes), (0.0, SCORE_SIZE[1] / 2)),
                ("mean coverage", float(np.mean(found)), (WILSON_MEAN[0], 1.0)),
                ("least coverage", min(found), WILSON_LEAST),
            )
        ]
    return rows


def tango_against_wald(simulations: int, seed: int) -> list[Row]:
    """True loss .03, all by rows the candidate lost, margin .02: a paired t passes when there are no flips."""
    n = 30
    b, c = _triangle(n)
    chance = _chance(n, 0.0, 0.03)
    passes = tango_interval(b, c, n)[0] > -0.02
    change = (b - c) / n
    error = np.sqrt((b + c - n * change**2) / (n - 1) / n)
    t_passes = change - stats.t.isf(0.025, n - 1) * error > -0.02
    contrast = PairedProportions(
        gained=b, lost=c, n=np.full(b.shape, n), baseline_value=np.full(b.shape, 1.0), identical=np.zeros(b.shape, bool)
    )
    relative = contrast.against(0.98).interval(0.05)[0] > 0
    setting = "n = 30, true loss .03 against margin .02"
    return [
        Row(method=method, setting=setting, quantity="false pass rate", measured=float(chance[x].sum()), band=band)
        for method, x, band in (
            ("Tango", passes, (0.0, 0.025)),
            ("paired ratio score, margin 2 % of a baseline of 1", relative, (0.0, 0.025)),
            ("paired t (not used)", t_passes, None),
        )
    ]


def miettinen_nurminen(simulations: int, seed: int) -> list[Row]:
    rows = []
    for n1, n0 in ((30, 30), (50, 100), (100, 100), (40, 200)):
        x1, x0 = (x.ravel() for x in np.meshgrid(np.arange(n1 + 1), np.arange(n0 + 1), indexing="ij"))
        low, high = miettinen_nurminen_interval(x1, n1, x0, n0)
        for null in (0.0, -0.1):
            rejected = miettinen_nurminen_p_value(x1, n1, x0, n0, null) < 0.05
            shares = np.linspace(0.1, 0.9, 33)
            chances = [stats.binom.pmf(x1, n1, p + null) * stats.binom.pmf(x0, n0, p) for p in shares if p + null > 0]
            sizes = [float(p[rejected].sum()) for p in chances]
            setting = f"{n1} against {n0} rows, true difference {null:+.1f} at the tested value"
            inside = (low <= null) & (null <= high)
            agree = [float(p[inside].sum()) for p in chances]
            rows += [
                Row(
                    method="Miettinen-Nurminen",
                    setting=setting,
                    quantity="largest size",
                    measured=max(sizes),
                    band=SCORE_SIZE,
                ),
                Row(
                    method="Miettinen-Nurminen",
                    setting=setting,
                    quantity="mean coverage",
                    measured=float(np.mean(agree)),
                    band=(0.945, 0.96),
                ),
            ]
    return rows


ALL = (
    Simulation(name="wilson", run=wilson),
    Simulation(name="f1", run=f1),
    Simulation(name="tango", run=tango),
    Simulation(name="tango_against_wald", run=tango_against_wald),
    Simulation(name="miettinen_nurminen", run=miettinen_nurminen),
)
