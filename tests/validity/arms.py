"""Independent arms: Welch, phases of a ramp with a drifting base rate, covariates."""

import numpy as np
from numpy.typing import NDArray
from tests.validity.harness import COVERAGE, SIZE, Row, Simulation, covers, reject

from seatrial.stats.arms import ArmMeans, contrast

Floats = NDArray[np.float64]


def cells_of(
    values: list[list[Floats]], covariates: list[list[Floats]] | None = None, *, rate: bool = False
) -> ArmMeans:
    """From (S, n) units of each arm and phase; covariates (S, n)."""
    arms, phases, many = len(values), len(values[0]), len(values[0][0])
    k = 0 if covariates is None else 1
    shape = (arms, phases, many)
    n, value, variance, count = (np.zeros(shape) for _ in range(4))
    x, xy, xx = np.zeros((*shape, k)), np.zeros((*shape, k)), np.zeros((*shape, k, k))
    for a in range(arms):
        for p in range(phases):
            y = values[a][p]
            size = y.shape[1]
            n[a, p], value[a, p], count[a, p] = size, y.mean(1), y.sum(1)
            variance[a, p] = y.var(1, ddof=1) / size
            if covariates is not None:
                z = covariates[a][p]
                x[a, p, :, 0] = z.mean(1)
                centred = z - z.mean(1, keepdims=True)
                xy[a, p, :, 0] = (centred * (y - y.mean(1, keepdims=True))).sum(1) / (size - 1) / size
                xx[a, p, :, 0, 0] = z.var(1, ddof=1) / size
    return ArmMeans(
        n=n,
        value=value,
        variance=variance,
        df=n - 1,
        covariates=x,
        with_covariates=xy,
        between_covariates=xx,
        count=count if rate else None,
    )


def _rows(method: str, setting: str, means: ArmMeans, truth: float, *, adjusted: bool = False) -> list[Row]:
    found = contrast(means, 1, adjusted=adjusted).contrast
    return [
        Row(method=method, setting=setting, quantity="size at .05", measured=reject(found.p_value(truth)), band=SIZE),
        Row(
            method=method,
            setting=setting,
            quantity="coverage of 95 %",
            measured=covers(found.interval(0.05), truth),
            band=COVERAGE,
        ),
    ]


def welch(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    found = []
    for sizes in ((2000, 2000), (3000, 150)):
        values = [[rng.gamma(2, 3 * (1 + a), (simulations, sizes[a])) - 6.0 * a] for a in (0, 1)]
        found += _rows("Welch t", f"gamma(2) units, n = {sizes[0]:,} and {sizes[1]:,}", cells_of(values), 0.0)
    return found


def ramp(simulations: int, seed: int) -> list[Row]:
    """5, 20, 50 % treated while the base rate drifts: pooled, a true null is rejected far too often."""
    rng = np.random.default_rng(seed)
    shares, bases, size = (0.05, 0.20, 0.50), (0.10, 0.12, 0.15), 4000
    treated = [int(size * s) for s in shares]
    values = [
        [(rng.random((simulations, size - t)) < b).astype(float) for t, b in zip(treated, bases, strict=True)],
        [(rng.random((simulations, t)) < b).astype(float) for t, b in zip(treated, bases, strict=True)],
    ]
    setting = "rates on a 5/20/50 % ramp, base rate 10/12/15 %, no effect"
    pooled = cells_of([[np.concatenate(arm, axis=1)] for arm in values])
    naive = reject(contrast(pooled, 1).contrast.p_value(0.0))
    shown = Row(method="pooled over the ramp", setting=setting, quantity="size at .05", measured=naive, band=None)
    return [*_rows("stratified by phase", setting, cells_of(values, rate=True), 0.0), shown]


def cuped(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    found = []
    for sizes in ((400, 400), (60, 40)):
        x = [[rng.gamma(2, 2, (simulations, n))] for n in sizes]
        y = [[1.2 * x[a][0] + rng.normal(0, 2, x[a][0].shape) + 0.5 * a] for a in (0, 1)]
        setting = f"covariate explains two thirds, n = {sizes[0]} and {sizes[1]}, effect 0.5"
        found += _rows("CUPED", setting, cells_of(y, x), 0.5, adjusted=True)
    return found


ALL = (
    Simulation(name="welch of arms", run=welch),
    Simulation(name="ramp", run=ramp),
    Simulation(name="cuped", run=cuped),
)
