"""Size and coverage of AUC, average precision, Spearman, KS and calibration."""

import pytest
from tests.validity.harness import SEED, SIMULATIONS, failures
from tests.validity.ranked import RANKS


@pytest.mark.parametrize(
    "simulation",
    [pytest.param(s, id=s.name, marks=[pytest.mark.validity] if s.slow else []) for s in RANKS],
)
def test_measured_within_its_band(simulation):
    assert failures(simulation.run(SIMULATIONS, SEED)) == []
