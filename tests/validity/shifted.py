"""Shift: the size of its tests and how often its null bands hold, and the coverage of mix and within."""

import numpy as np
from numpy.typing import NDArray
from tests.validity.harness import CONSERVATIVE_SIZE, COVERAGE, SIZE, Row, Simulation
from tests.validity.logged import Tally

from seatrial.evaluation.shift_columns import Chance, Draft, level_counts, number_column
from seatrial.evaluation.shift_nature import _by_bins
from seatrial.stats.mix_and_within import METHOD as KITAGAWA
from seatrial.stats.mix_and_within import mix_and_within
from seatrial.stats.propensity import importance_weights, propensity
from seatrial.stats.two_samples import Bridges, Permutations

Floats = NDArray[np.float64]
BAND = (0.93, 1.0)
"""A 95 % null band must hold in 95 % of the cases; more is only conservative (ties, discrete counts)."""


def numbers(simulations: int, seed: int) -> list[Row]:
    """Columns of numbers from one population: KS, PSI, Wasserstein by their limit laws and by permutation."""
    rng = np.random.default_rng(seed)
    rows = []
    bridges = Bridges(draws=1000, seed=seed)
    settings = (
        ("normal", lambda n: rng.normal(size=n), 400, 300, False, SIZE),
        ("lognormal, sd 1.5", lambda n: rng.lognormal(0, 1.5, n), 1000, 250, False, CONSERVATIVE_SIZE),
        ("whole numbers 0 to 6", lambda n: rng.binomial(6, 0.3, n).astype(float), 400, 300, False, CONSERVATIVE_SIZE),
        ("whole numbers 0 to 6", lambda n: rng.binomial(6, 0.3, n).astype(float), 60, 40, True, CONSERVATIVE_SIZE),
        ("lognormal, sd 1.5", lambda n: rng.lognormal(0, 1.5, n), 30, 20, True, CONSERVATIVE_SIZE),
    )
    for name, draw, n, m, small, band in settings:
        permutations = Permutations.draw(n, m, draws=199, seed=seed) if small else None
        chance = Chance(permutations=permutations, bridges=bridges)
        tally = Tally(f"{name}, n = {n} and {m}, one population, {'permutations' if small else 'limit laws'}")
        for _ in range(simulations // 2):
            found = number_column(Draft(column="x", kind="number"), draw(n), draw(m), chance)
            for one in found.measures:
                if one.p_value is not None:
                    tally.add(one.name, "size at .05", one.p_value <= 0.05, band)
                elif one.by_chance is not None and one.value is not None:
                    tally.add(one.name, "null band of 95 % holds", one.value <= one.by_chance + 1e-12, BAND)
        rows += tally.rows()
    return rows


def categories(simulations: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for shares, n, m, small in (
        ((0.5, 0.3, 0.2), 400, 300, False),
        (tuple(np.r_[0.6, np.full(40, 0.01)]), 500, 400, False),
        ((0.7, 0.25, 0.05), 40, 25, True),
    ):
        permutations = Permutations.draw(n, m, draws=2, seed=seed) if small else None
        chance = Chance(permutations=permutations, bridges=Bridges(seed=seed), draws=199)
        how = "permutations" if small else "limit laws"
        tally = Tally(f"{len(shares)} levels, the rarest {min(shares):.0%}, n = {n} and {m}, one population, {how}")
        for _ in range(simulations // 2):
            codes = rng.choice(len(shares), n + m, p=np.array(shares) / np.sum(shares))
            names = [str(k) for k in range(len(shares))]
            a, b = (np.bincount(side, minlength=len(shares)).astype(float) for side in (codes[:n], codes[n:]))
            found = level_counts(Draft(column="x", kind="category"), names, a, b, chance)
            for one in found.measures:
                if one.p_value is not None:
                    tally.add(one.name, "size at .05", one.p_value <= 0.05, CONSERVATIVE_SIZE if small else SIZE)
                elif one.by_chance is not None and one.value is not None:
                    tally.add(one.name, "null band of 95 % holds", one.value <= one.by_chance + 1e-12, BAND)
        rows += tally.rows()
    return rows


def classifier(simulations: int, seed: int) -> list[Row]:
    """The classifier two-sample test on one population, and the coverage of its weights' means."""
    rng = np.random.default_rng(seed)
    rows = []
    for n, m, p in ((150, 100, 4), (100, 60, 20), (600, 600, 10)):
        tally = Tally(f"n = {n} and {m}, {p} columns, one population")
        for s in range(simulations // 4):
            x = rng.normal(size=(n + m, p))
            found = propensity(x, np.repeat([0, 1], [n, m]), seed=s)
            tally.add("classifier two-sample test", "size at .05, one-sided", found.p_value <= 0.05, CONSERVATIVE_SIZE)
            low, _ = found.interval(0.05)
            tally.add("classifier two-sample test", "told apart (low limit over .5)", low > 0.5, (0.0, 0.045))
        rows += tally.rows()
    return rows


def weights(simulations: int, seed: int) -> list[Row]:
    """What the weighted reference says of the current mean, under covariate shift."""
    rng = np.random.default_rng(seed)
    tally = Tally("n = 1,000 and 800, one covariate moved by .5 sd, outcome a curve of it")
    for s in range(simulations // 4):
        x, z = rng.normal(size=1000), rng.normal(0.5, 1, 800)
        truth = 1 / (1 + np.exp(-np.linspace(-6, 7, 4001)))
        density = np.exp(-((np.linspace(-6, 7, 4001) - 0.5) ** 2) / 2)
        wanted = float((truth * density).sum() / density.sum())
        y = (rng.random(1000) < 1 / (1 + np.exp(-x))).astype(float)
        rows = np.concatenate([x, z])
        design = np.column_stack([rows, rows**2 - (rows**2).mean()])
        found = propensity(design, np.repeat([0, 1], [1000, 800]), seed=s)
        w = importance_weights(found.log_odds[:1000], 1000, 800).weight
        value = float((w * y).sum() / w.sum())
        error = float(np.sqrt(((w * (y - value)) ** 2).sum()) / w.sum())
        inside = abs(value - wanted) <= 1.96 * error
        tally.add("reference rows weighted, weights taken as known", "coverage of 95 %", inside, (0.92, 1.0))
    return tally.rows()


def decomposition(simulations: int, seed: int) -> list[Row]:
    """Mix and within of an accuracy and of an F1 over three slices."""
    rng = np.random.default_rng(seed)
    p, q = np.array([0.6, 0.3, 0.1]), np.array([0.3, 0.3, 0.4])
    a, b = np.array([0.9, 0.8, 0.6]), np.array([0.88, 0.7, 0.6])
    mix, within = float((q - p) @ (a + b) / 2), float((p + q) @ (b - a) / 2)
    tally = Tally("accuracy over three slices, n = 500 and 400")
    for _ in range(simulations):
        sides = []
        for n, share, right in ((500, p, a), (400, q, b)):
            codes = rng.choice(3, n, p=share)
            sides.append((codes, (rng.random(n) < right[codes]).astype(float)[:, None]))
        found = mix_and_within(sides[0], sides[1], 3, lambda means: means[..., 0])
        for name, part, truth in (
            ("total", found.total, mix + within), ("mix", found.mix, mix), ("within", found.within, within)
        ):  # fmt: skip
            low, high = part.interval(0.05)
            tally.add(KITAGAWA, f"coverage of 95 %, {name}", low <= truth <= high, COVERAGE)
    return tally.rows()


def given_output(simulations: int, seed: int) -> list[Row]:
    """ "Did the target move given the model's output?", where only the inputs moved."""
    rng = np.random.default_rng(seed)
    tally = Tally("n = 3,000 and 2,500, scores moved by half a deviation")
    for _ in range(simulations // 2):
        lines = rng.normal(0, 1.5, 3000), rng.normal(0.75, 1.5, 2500)
        score = [1 / (1 + np.exp(-line)) for line in lines]
        for name, bent, band in (("calibrated scores", 1.0, SIZE), ("overconfident scores (x 1.5)", 1.5, SIZE)):
            said = [1 / (1 + np.exp(-bent * line)) for line in lines]
            error = [(rng.random(len(s)) < s) - t for s, t in zip(score, said, strict=True)]
            found = _by_bins("", list(said), error, "", 0.05, categories=False)
            tally.add(f"target given the output, {name}", "size at .05", bool(found.moved), band)
    return tally.rows()


ALL = (
    Simulation(name="shift of numbers", run=numbers, slow=True),
    Simulation(name="shift of categories", run=categories),
    Simulation(name="shift, all columns together", run=classifier, slow=True),
    Simulation(name="shift, weights", run=weights, slow=True),
    Simulation(name="shift, target given the output", run=given_output, slow=True),
    Simulation(name="mix and within", run=decomposition, slow=True),
)
