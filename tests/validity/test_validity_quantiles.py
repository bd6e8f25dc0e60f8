"""Size and coverage of quantiles."""

import pytest
from tests.validity.harness import SEED, SIMULATIONS, failures
from tests.validity.ranked import QUANTILES


@pytest.mark.parametrize(
    "simulation",
    [pytest.param(s, id=s.name, marks=[pytest.mark.validity] if s.slow else []) for s in QUANTILES],
)
def test_measured_within_its_band(simulation):
    assert failures(simulation.run(SIMULATIONS, SEED)) == []
