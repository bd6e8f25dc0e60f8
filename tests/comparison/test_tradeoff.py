"""Break-even prices: by hand, at the edges, and as sentences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seatrial as st
from seatrial.stats.fieller import fieller_interval

Rows = Callable[..., dict[str, Any]]


def _side(rows: Rows, cost: float, flip: int, seed: int) -> dict[str, Any]:
    return rows(flip=flip, n=2000, cost=cost * (0.9 + 0.2 * np.random.default_rng(seed).random(2000)))


def _worth(result: Any) -> Any:
    return next(t for t in result.scorecard.tradeoffs if t.gain == "correct answers")


def test_fieller_limits_solve_their_equation() -> None:
    asked = {"var_top": 0.3, "var_bottom": 0.02, "covariance": 0.05, "critical": 1.9}
    for r in fieller_interval(4.0, 1.5, **asked):
        variance = 0.3 - 2 * r * 0.05 + r * r * 0.02
        assert (4.0 - r * 1.5) ** 2 == pytest.approx(1.9**2 * variance, rel=1e-12)


def test_fieller_has_no_ends_where_the_denominator_may_be_0() -> None:
    low, high = fieller_interval(1.0, 0.1, var_top=0.1, var_bottom=0.1, covariance=0.0, critical=2.0)
    assert (low, high) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("cost", "flip", "pays"),
    [(5.0, 20, "above"), (0.2, 20, "always"), (0.2, 4, "below"), (5.0, 4, "never")],
)
def test_every_quadrant(cost: float, flip: int, pays: str, rows: Rows) -> None:
    """Candidate against a baseline of cost 1 that is wrong on every fifth row."""
    result = st.compare(_side(rows, 1.0, 5, 1), _side(rows, cost, flip, 2))
    found = _worth(result)
    assert found.pays == pays
    assert (found.value is None) == (pays in ("always", "never"))
    assert (found.reason is not None) == (pays in ("always", "never"))
    if found.value is not None:
        effects = {e.metric: e.difference for e in result.effects}
        assert found.value == pytest.approx(effects["cost.mean"] / effects["accuracy"], rel=1e-9)
        assert found.low < found.value < found.high
    assert found.sentence.endswith(".")


def test_a_gain_that_is_not_settled_has_no_price(rows: Rows) -> None:
    answer = rows(flip=5, n=2000)["prediction"].copy()
    answer[[0, 1]] = 1 - answer[[0, 1]]  # one won, one lost
    found = _worth(st.compare(_side(rows, 1.0, 5, 1), {**_side(rows, 3.0, 5, 2), "prediction": answer}))
    assert found.pays == "unknown"
    assert found.value is None
    assert "not told from 0" in found.reason


def test_no_trade_off_without_pairs_or_on_bad_data(rows: Rows) -> None:
    one, two = _side(rows, 1.0, 5, 1), _side(rows, 5.0, 20, 2)
    assert st.compare(one, two, unpaired=True).scorecard.tradeoffs == ()
    ids = np.arange(2000)
    ids[1] = 0
    assert st.compare(one, {**two, "id": ids}).scorecard.tradeoffs == ()


def test_hostile_names_stay_names(rows: Rows) -> None:
    name = "cost_{0}%s<b>"
    one, two = _side(rows, 1.0, 5, 1), _side(rows, 5.0, 20, 2)
    for side in (one, two):
        side[name] = side.pop("cost")
    result = st.compare(one, two, metrics=["accuracy"])
    found = _worth(result)
    assert found.price == name
    assert name in found.sentence
