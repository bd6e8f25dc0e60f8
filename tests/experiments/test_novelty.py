"""The effect by days since exposure: the slope's error is clustered by unit, and the sentence says what it means."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from seatrial.experiments.novelty import trend
from seatrial.experiments.since import SinceExposure
from seatrial.records.readout import Trend

from .by_hand import a_plan, ask, observe, whole

DAYS, UNITS = 14, 800
PLAN = a_plan("metrics: {revenue: mean(revenue)}\nminimum_effect: 5%\n")
OBSERVED = observe({"revenue": whole((UNITS, 1.0, 1.0), (UNITS, 1.0, 1.0))})


def units(shape: np.ndarray, *, seed: int = 0, n: int = UNITS, phases: int = 1) -> list[list[np.ndarray]]:
    """(A)(P) arrays (n, D): days of one unit share its taste."""
    rng = np.random.default_rng(seed)
    return [
        [
            1 + phase + arm * shape + rng.normal(0, 0.7, (n, 1)) + rng.normal(0, 1, (n, len(shape)))
            for phase in range(phases)
        ]
        for arm in (0, 1)
    ]


def since(cells: list[list[np.ndarray]]) -> SinceExposure:
    return SinceExposure(
        n=np.array([[len(y) for y in arm] for arm in cells], dtype=float),
        values=np.array([[y.mean(axis=0) for y in arm] for arm in cells]),
        covariance=np.array([[np.cov(y, rowvar=False) / len(y) for y in arm] for arm in cells]),
    )


def found(cells: list[list[np.ndarray]]) -> Trend:
    return trend(since(cells), PLAN.metrics[0], 1, OBSERVED, ask(PLAN))


def test_a_novelty_is_found_and_the_steady_state_is_what_is_left() -> None:
    shape = 0.1 + 0.6 * 0.6 ** np.arange(DAYS)
    one = found(units(shape))
    assert one.p_value is not None
    assert one.p_value < 1e-6
    assert one.slope is not None
    assert one.slope < 0
    assert "fades (novelty)" in one.sentence
    assert one.steady_low is not None
    assert one.steady_high is not None
    assert one.steady_low < float(shape[-7:].mean()) < one.steady_high
    assert one.steady_high < float(np.mean(one.differences))  # type: ignore[arg-type]


def test_learning_grows_and_harm_that_wears_off_fades() -> None:
    assert "grows (learning)" in found(units(0.6 * (1 - 0.6 ** np.arange(DAYS)) + 0.1)).sentence
    assert "fades (novelty)" in found(units(-(0.1 + 0.6 * 0.6 ** np.arange(DAYS)))).sentence


def test_a_constant_effect_has_no_trend() -> None:
    one = found(units(np.full(DAYS, 0.3)))
    assert one.p_value is not None
    assert one.p_value > 0.05
    assert one.sentence.startswith("No sign that the effect")
    assert one.steady_low is not None
    assert one.steady_low < 0.3


def test_the_slope_is_generalised_least_squares_on_the_log_of_the_day() -> None:
    """statsmodels' GLS with the covariance of the days; Rao's factor for an estimated covariance beside it."""
    cells = units(np.linspace(0.5, 0.1, DAYS))
    given = since(cells)
    effects = given.values[1, 0] - given.values[0, 0]
    covariance = given.covariance.sum(axis=(0, 1))
    model = sm.GLS(effects, sm.add_constant(np.log(np.arange(1, DAYS + 1))), sigma=covariance)
    oracle = model.fit(cov_type="fixed scale")
    one = found(cells)
    v, q = 2 * UNITS - 2, DAYS - 2
    error = oracle.bse[1] * math.sqrt(v * (v - 1) / ((v - q) * (v - q - 1)))
    assert one.slope == pytest.approx(oracle.params[1], rel=1e-9)
    half = stats.t.isf(0.025, v - q) * error
    assert (one.slope_low, one.slope_high) == pytest.approx(
        (oracle.params[1] - half, oracle.params[1] + half), rel=1e-9
    )
    assert one.p_value == pytest.approx(2 * stats.t.sf(abs(oracle.params[1]) / error, v - q), rel=1e-9)


def test_days_as_independent_would_be_overconfident() -> None:
    """The taste cancels in the slope: errors of single days exceed the slope's by more than independence says."""
    cells = units(np.full(DAYS, 0.3))
    one = found(cells)
    errors = np.array([(h - lo) / 2 / 1.96 for lo, h in zip(one.lows, one.highs, strict=True)])  # type: ignore[operator]
    x = np.log(np.arange(1, DAYS + 1))
    independent = math.sqrt(float(errors.mean()) ** 2 / float(((x - x.mean()) ** 2).sum()))
    assert one.slope_high is not None
    assert one.slope_low is not None
    mine = (one.slope_high - one.slope_low) / 2 / 1.96
    assert mine < 0.95 * independent


def test_phases_are_weighted_by_their_units_and_one_without_an_arm_is_left_out() -> None:
    cells = units(np.full(DAYS, 0.3), phases=2)
    cells[0][1], cells[1][1] = cells[0][1][:200], cells[1][1][:600]
    one = found(cells)
    share = 2 * UNITS / (2 * UNITS + 800)
    gaps = [cells[1][p].mean(axis=0) - cells[0][p].mean(axis=0) for p in (0, 1)]
    assert one.differences == pytest.approx(tuple(share * gaps[0] + (1 - share) * gaps[1]), rel=1e-9)
    assert one.units == 2 * UNITS + 800
    lone = [[cells[0][0], cells[0][1][:1]], cells[1]]
    given = since([[lone[0][0], cells[0][1]], cells[1]])
    n = given.n.copy()
    n[0, 1] = 1
    left = trend(
        SinceExposure(n=n, values=given.values, covariance=given.covariance), PLAN.metrics[0], 1, OBSERVED, ask(PLAN)
    )
    assert left.differences == pytest.approx(tuple(gaps[0]), rel=1e-9)
    assert left.units == 2 * UNITS


@pytest.mark.parametrize(
    "cells",
    [
        [[np.ones((50, DAYS))], [np.ones((50, DAYS))]],  # constant
        [[np.outer(np.arange(50.0), np.ones(DAYS))], [np.outer(np.arange(50.0), np.ones(DAYS))]],  # days tied exactly
        units(np.zeros(2)),  # two days
        units(np.zeros(DAYS), n=3),  # fewer units than days
        [[np.full((1, DAYS), 2.0).repeat(2, axis=0)], [np.random.default_rng(0).normal(0, 1, (9, DAYS))]],
    ],
)
def test_where_there_is_no_slope_there_is_a_reason(cells: list[list[np.ndarray]]) -> None:
    one = found(cells)
    assert one.reason is not None
    assert one.p_value is None
    assert one.sentence == f"No trend of revenue by days since exposure: {one.reason}."
    assert Trend.model_validate_json(one.model_dump_json()) == one


def test_nobody_followed_is_a_reason() -> None:
    nobody = SinceExposure(
        n=np.zeros((2, 1)), values=np.full((2, 1, DAYS), np.nan), covariance=np.full((2, 1, DAYS, DAYS), np.nan)
    )
    one = trend(nobody, PLAN.metrics[0], 1, OBSERVED, ask(PLAN))
    assert one.reason is not None
    assert set(one.differences) == {None}
    assert one.units == 0
