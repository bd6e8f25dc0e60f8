import numpy as np
import pytest
from scipy import stats

from seatrial.errors import DataError
from seatrial.stats.uniformity import histogram, ks_uniform


@pytest.mark.parametrize(("seed", "power"), [(0, 1.0), (1, 1.0), (2, 1.05), (3, 1.15)])
def test_matches_scipy(seed: int, power: float) -> None:
    p = np.random.default_rng(seed).random(1000) ** power
    found = ks_uniform(p)
    asked = stats.kstest(p, "uniform")
    assert found[0] == pytest.approx(asked.statistic, abs=1e-12)
    assert found[1] == pytest.approx(asked.pvalue, rel=0.02, abs=0.002)  # Stephens' approximation against the exact one


def test_a_pile_at_one_is_not_uniform() -> None:
    p = np.concatenate([np.random.default_rng(0).random(800), np.ones(200)])
    assert ks_uniform(p)[1] < 1e-6


def test_histogram_holds_every_value() -> None:
    p = np.random.default_rng(0).random(500)
    assert histogram(p).tolist() == np.histogram(p, bins=20, range=(0, 1))[0].tolist()
    assert histogram([0.0, 1.0], 4).tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("bad", [[], [1.1], [np.nan]])
def test_refuses_what_is_no_p_value(bad: list[float]) -> None:
    with pytest.raises(DataError):
        ks_uniform(bad)
