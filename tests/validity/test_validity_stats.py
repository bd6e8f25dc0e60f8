"""Every row of every simulation lies in its band; the slow ones run under the marker `validity`."""

import pytest
from tests.validity.harness import SEED, SIMULATIONS, Row, Simulation, failures, table
from tests.validity.make_table import page, simulations

EVERY = [
    pytest.param(found, id=found.name, marks=[pytest.mark.validity] if found.slow else []) for found in simulations()
]


@pytest.mark.parametrize("simulation", EVERY)
def test_every_row_is_in_its_band(simulation: Simulation) -> None:
    rows = simulation.run(SIMULATIONS, SEED)
    assert rows
    assert failures(rows) == []


def test_a_row_outside_its_band_is_told() -> None:
    rows = [
        Row(method="bad", setting="here", quantity="size", measured=0.09, band=(0.03, 0.07)),
        Row(method="good", setting="here", quantity="size", measured=0.05, band=(0.03, 0.07)),
        Row(method="other", setting="here", quantity="size", measured=0.40, band=None),
    ]
    assert failures(rows) == ["bad, here: size 0.0900 outside (0.03, 0.07)"]
    assert "**outside**" in table(rows)
    assert page(rows).count("\n| ") == 4
