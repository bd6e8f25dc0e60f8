"""The simulations read policies as `decide` does."""

import numpy as np
import pytest
from tests.validity.decision import Asked, agrees, both_classes, flips, latencies, shipped


@pytest.mark.parametrize("seed", [0, 1])
def test_the_simulated_reading_is_that_of_decide(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = {"positive": (0.03, 0.035), "negative": (0.07, 0.03)}
    accuracy, recall = both_classes(rng, 40, 1500, 0.4, shares)
    slower = latencies(rng, 40, 200, 1.03)
    asked = [
        Asked(contrast=accuracy, margin=0.01, success=True),
        Asked(contrast=recall, margin=0.02),
        Asked(contrast=slower, margin=0.05, relative=True, higher_is_better=False),
    ]
    assert 0 < shipped(asked).sum() < 40  # both answers occur
    assert agrees(asked, 40)
    several = [
        Asked(contrast=flips(rng, 40, 800, 0.08, 0.05), margin=0.01, success=True, candidate=f"c{k}") for k in range(3)
    ]
    assert 0 < shipped(several).sum() < 40
    assert agrees(several, 40)
