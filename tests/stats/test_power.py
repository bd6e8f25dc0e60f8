"""Power: the smallest effect these rows could show, and the rows a target needs."""

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.stats.power import UNKNOWN, rows_needed, smallest_detectable_effect


def test_a_half_point_margin_at_6_percent_discordance_needs_18838_positives() -> None:
    standard_error = np.sqrt(0.06 / 1000)
    needed = rows_needed(1000, smallest_detectable_effect(standard_error), 0.005)
    assert needed == 18_838  # STATISTICS.md 3.12, by the closed formula


def test_rows_needed_reach_the_target() -> None:
    needed = rows_needed([500, 80], [0.02, 0.3], [0.01, 0.07])
    assert needed[0] == 2000
    assert 0.3 * np.sqrt(80 / needed[1]) <= 0.07 < 0.3 * np.sqrt(80 / (needed[1] - 1))


def test_no_target_names_no_number() -> None:
    detectable = np.array([0.02, np.nan, 0.02, 0.02])
    target = np.array([0.0, 0.01, np.nan, 1e-12])
    assert (rows_needed(1000, detectable, target) == UNKNOWN).all()


def test_power_of_the_detectable_effect_by_simulation() -> None:
    effect = float(smallest_detectable_effect(1.0, alpha=0.05, power=0.9))
    draws = np.random.default_rng(0).normal(effect, 1.0, 200_000)
    assert (np.abs(draws) > 1.959963984540054).mean() == pytest.approx(0.9, abs=0.003)


@pytest.mark.parametrize("power", [0.0, 1.0, 80.0])
def test_power_outside_0_1_is_refused(power: float) -> None:
    with pytest.raises(UsageError, match="Power must lie"):
        smallest_detectable_effect(1.0, power=power)
