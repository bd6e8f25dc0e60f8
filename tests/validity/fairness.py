"""Gaps between groups: limits over all pairs, groups equal and not; four fifths; stand-ins."""

import numpy as np
from numpy.typing import NDArray
from tests.validity.harness import CONSERVATIVE_COVERAGE, CONSERVATIVE_SIZE, Row, Simulation

from seatrial.evaluation.fairness.proxies import Coded, _alone, _folds
from seatrial.records.audit import Proxy
from seatrial.stats.rate_gaps import RateGap, rate_differences, rate_ratios, ratios_to_best, worst_of

Floats = NDArray[np.float64]
METHOD = "simultaneous Miettinen-Nurminen limits of the largest gap"
SETTINGS: tuple[tuple[str, tuple[float, ...], tuple[int, ...]], ...] = (
    ("2 equal groups at 30 %, n = 200 and 60", (0.3, 0.3), (200, 60)),
    ("5 equal groups at 10 %, n = 400, 100, 80, 50, 30", (0.1,) * 5, (400, 100, 80, 50, 30)),
    ("2 groups at 20 and 50 %, n = 150 and 40", (0.2, 0.5), (150, 40)),
    ("5 groups at 10 to 30 %, n = 300 each", (0.1, 0.15, 0.2, 0.25, 0.3), (300,) * 5),
    ("8 groups, one of them apart, n = 100 each", (0.5,) * 7 + (0.3,), (100,) * 8),
)


def _drawn(rng: np.random.Generator, rates: tuple[float, ...], sizes: tuple[int, ...], many: int) -> Floats:
    return np.asarray(rng.binomial(sizes, rates, size=(many, len(rates))), dtype=np.float64)


def _held(gap: RateGap, truth: float) -> float:
    known = ~np.isnan(gap.low)
    return float(((gap.low[known] <= truth + 1e-12) & (truth - 1e-12 <= gap.high[known])).mean())


def _row(setting: str, quantity: str, measured: float, band: tuple[float, float] | None, method: str = METHOD) -> Row:
    return Row(method=method, setting=setting, quantity=quantity, measured=measured, band=band)


def gaps(simulations: int, seed: int) -> list[Row]:
    """Coverage of difference and ratio; how often a gap is told where there is none."""
    return _gaps(SETTINGS[:3], simulations, seed)


def gaps_of_many(simulations: int, seed: int) -> list[Row]:
    """The same with more groups."""
    return _gaps(SETTINGS[3:], simulations, seed)


def _gaps(
    settings: tuple[tuple[str, tuple[float, ...], tuple[int, ...]], ...], simulations: int, seed: int
) -> list[Row]:
    rng = np.random.default_rng(seed)
    rows = []
    for setting, rates, sizes in settings:
        drawn = _drawn(rng, rates, sizes, simulations)
        difference, ratio = rate_differences(drawn, sizes), rate_ratios(drawn, sizes)
        truth = max(rates) - min(rates)
        rows += [
            _row(setting, "coverage of the difference", _held(difference, truth), CONSERVATIVE_COVERAGE),
            _row(setting, "coverage of the ratio", _held(ratio, min(rates) / max(rates)), CONSERVATIVE_COVERAGE),
        ]
        if truth == 0:
            rows.append(_row(setting, "a gap is told", float((difference.low > 0).mean()), CONSERVATIVE_SIZE))
            rows.append(_row(setting, "chi-square p < .05", float((difference.p_value < 0.05).mean()), (0.03, 0.07)))
    return rows


def equalised_odds(simulations: int, seed: int) -> list[Row]:
    """The worse of two rates, each over three groups, sharing alpha."""
    rng = np.random.default_rng(seed)
    merit, others = (0.7, 0.7, 0.5), (0.2, 0.25, 0.3)
    sizes = (200, 150, 60)
    found = worst_of(
        [rate_differences(_drawn(rng, rates, sizes, simulations), sizes, alpha=0.025) for rates in (merit, others)]
    )
    setting = "true positive rates 70, 70, 50 %, false positive rates 20, 25, 30 %"
    return [_row(setting, "coverage of equalised odds", _held(found, 0.2), CONSERVATIVE_COVERAGE)]


def four_fifths(simulations: int, seed: int) -> list[Row]:
    """A group exactly at four fifths of the best passes, and falls short, at most alpha/2 of the time."""
    rng = np.random.default_rng(seed)
    rates, sizes = (0.5, 0.4, 0.45), (400, 200, 150)
    found = ratios_to_best(_drawn(rng, rates, sizes, simulations), sizes)
    setting = "the second of three groups exactly at 0.8, n = 400, 200, 150"
    band = (0.0, 0.0325)
    method = "impact ratio by simultaneous limits"
    return [
        _row(setting, "called within four fifths", float((found.low[:, 1] >= 0.8).mean()), band, method),
        _row(setting, "called short of four fifths", float((found.high[:, 1] < 0.8).mean()), band, method),
    ]


def bootstrap(simulations: int, seed: int) -> list[Row]:
    """The usual way, shown: percentiles of a bootstrap of the largest gap never hold 0 where all groups are equal."""
    rng = np.random.default_rng(seed)
    setting, rates, sizes = SETTINGS[1]
    many = min(simulations, 400)
    drawn = _drawn(rng, rates, sizes, many)
    again = rng.binomial(sizes, drawn / sizes, size=(300, *drawn.shape)) / np.asarray(sizes)
    spread = again.max(-1) - again.min(-1)
    low = np.quantile(spread, 0.025, axis=0)
    return [_row(setting, "coverage of the difference", float((low <= 0).mean()), None, "percentile bootstrap")]


def stand_ins(simulations: int, seed: int) -> list[Row]:
    """A column without relation is called a stand-in at most alpha/2 of the time; one with relation is covered."""
    rng = np.random.default_rng(seed)
    many, told, held, n = min(simulations, 500), 0, 0, 400
    share = np.array([0.4, 0.2])
    truth = float(0.5 + (share[0] * (1 - share[1]) - share[1] * (1 - share[0])) / 2 / (2 * 0.3 * 0.7) / 2)
    for _ in range(many):
        fold = _folds(None, n, int(rng.integers(1 << 30)))
        found = _proxy(rng.integers(0, 12, n), 12, rng.random(n) < 0.25, fold)
        told += found.strength != "none told"
        codes = rng.integers(0, 2, n)
        found = _proxy(codes, 2, rng.random(n) < share[codes], fold)
        held += found.low is not None and found.high is not None and found.low <= truth <= found.high
    method = "cross-fitted AUC of a column"
    unrelated = "12 categories without relation, a quarter of 400 rows in the group"
    related = "2 categories, 40 and 20 % of 400 rows in the group"
    return [
        _row(unrelated, "called a stand-in", told / many, (0.0, 0.04), method),
        _row(related, "coverage of 95 %", held / many, CONSERVATIVE_COVERAGE, method),
    ]


def _proxy(codes: NDArray[np.intp], size: int, group: NDArray[np.bool_], fold: NDArray[np.intp]) -> Proxy:
    column = Coded(name="x", kind="categories", codes=codes, size=size)
    return _alone("sex", [("f", group)], column, group.astype(np.intp), fold, 0.05)


ALL = (
    Simulation(name="gaps between groups", run=gaps),
    Simulation(name="gaps between many groups", run=gaps_of_many, slow=True),
    Simulation(name="equalised odds", run=equalised_odds),
    Simulation(name="four fifths", run=four_fifths),
    Simulation(name="bootstrap of gaps", run=bootstrap),
    Simulation(name="stand-ins", run=stand_ins),
)
