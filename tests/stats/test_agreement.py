"""Agreement: published tables, hand computations, what weights and missing labels do, and limits that cover."""

import numpy as np
import pytest

from seatrial.errors import DataError, UsageError
from seatrial.stats.agreement import Level, agreement, best_accuracy

KRIPPENDORFF = [
    "* * * * * 3 4 1 2 1 1 3 3 * 3",
    "1 * 2 1 3 3 4 3 * * * * * * *",
    "* * 2 1 3 4 4 * 2 1 1 3 3 * 4",
]
"""Three coders, fifteen units: the worked example of Krippendorff's alpha."""
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
"""Fourteen raters, ten subjects, five categories: the worked example of Fleiss' kappa."""


def coders(table: list[str]) -> np.ndarray:
    return np.array([[-1 if one == "*" else int(one) - 1 for one in row.split()] for row in table]).T


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.691), ("ordinal", 0.807), ("interval", 0.811), ("ratio", 0.809)]
)
def test_krippendorffs_own_example(level: Level, alpha: float) -> None:
    found = agreement(coders(KRIPPENDORFF), size=4, level=level, values=[1, 2, 3, 4])
    assert found.alpha.value == pytest.approx(alpha, abs=5e-4)
    assert (found.items, found.single) == (12, 3)


def test_fleiss_own_example() -> None:
    codes = np.array([np.repeat(np.arange(5), row) for row in FLEISS])
    found = agreement(codes, size=5).fleiss
    assert found is not None
    assert found.value == pytest.approx(0.210, abs=5e-4)


def test_cohens_textbook_table_and_gwets_paradox() -> None:
    plain = agreement([[0, 0]] * 20 + [[0, 1]] * 5 + [[1, 0]] * 10 + [[1, 1]] * 15, size=2)
    assert plain.cohen is not None
    assert plain.cohen.value == pytest.approx(0.4)
    # Gwet (2002): 118 and 0 agree, 5 and 2 differ; kappa is below 0 although 94 % agree
    rare = agreement([[0, 0]] * 118 + [[0, 1]] * 5 + [[1, 0]] * 2, size=2)
    assert rare.cohen is not None
    assert rare.cohen.value == pytest.approx(-0.0234, abs=5e-5)
    assert rare.gwet.value == pytest.approx(0.9408, abs=5e-5)
    assert rare.percent.value == pytest.approx(118 / 125)


def test_a_class_is_agreed_on_as_one_annotators_f1_against_the_other() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 3, 200)
    second = np.where(rng.random(200) < 0.7, first, rng.integers(0, 3, 200))
    found = agreement(np.stack([first, second], 1), size=3)
    for code in range(3):
        both, one, two = ((first == code) & (second == code)).sum(), (first == code).sum(), (second == code).sum()
        assert found.per_class[code].value == pytest.approx(2 * both / (one + two))
    weighted = agreement(np.stack([first, second], 1), size=3, weight=np.ones(200))
    assert weighted.per_class[1].value == pytest.approx(found.per_class[1].value)
    assert weighted.percent.value == pytest.approx(found.percent.value)


def test_integer_weights_are_repeated_items() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, (60, 3))
    weight = rng.integers(1, 5, 60)
    one, two = agreement(codes, size=3, weight=weight), agreement(np.repeat(codes, weight, axis=0), size=3)
    assert one.percent.value == pytest.approx(two.percent.value)
    assert one.gwet.value == pytest.approx(two.gwet.value)
    assert one.fleiss is not None
    assert two.fleiss is not None
    assert one.fleiss.value == pytest.approx(two.fleiss.value)


def test_annotators_of_no_skill_have_kappa_near_zero_and_perfect_ones_no_limits() -> None:
    rng = np.random.default_rng(2)
    found = agreement(rng.integers(0, 4, (4000, 2)), size=4)
    assert found.cohen is not None
    assert found.cohen.low is not None
    assert found.cohen.high is not None
    assert found.cohen.low < 0 < found.cohen.high
    same = agreement([[i % 2, i % 2] for i in range(60)], size=2)
    assert same.alpha.value == 1
    assert same.alpha.low is None
    assert same.alpha.reason is not None
    assert same.percent.low == pytest.approx(1 - (1 - 0.025 ** (1 / 60)), abs=1e-9)  # Clopper-Pearson at 60 of 60


def test_one_class_alone_has_no_agreement_beyond_chance() -> None:
    found = agreement([[0, 0]] * 30, size=1)
    assert found.percent.value == 1
    assert found.alpha.value is None
    assert found.alpha.reason is not None


def test_limits_cover_the_true_coefficients() -> None:
    """BCa over items at 100 items of three classes: between 93 and 98 % of 250 simulations."""
    rng = np.random.default_rng(3)

    def draw(n: int) -> np.ndarray:
        truth = rng.choice(3, n, p=[0.6, 0.3, 0.1])
        return np.stack([np.where(rng.random(n) > 0.85, rng.integers(0, 3, n), truth) for _ in range(2)], 1)

    big = agreement(draw(500_000), size=3, draws=3)
    assert big.cohen is not None
    assert big.cohen.value is not None
    covered = 0
    for seed in range(250):
        found = agreement(draw(100), size=3, draws=999, seed=seed).cohen
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= big.cohen.value <= found.high
    assert 0.92 <= covered / 250 <= 0.985


@pytest.mark.parametrize(("accuracy", "classes"), [(0.9, 2), (0.75, 4), (0.99, 10)])
def test_a_perfect_model_measures_the_annotators_accuracy(accuracy: float, classes: int) -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, classes, 200_000)
    both = [
        np.where(rng.random(200_000) < accuracy, truth, (truth + rng.integers(1, classes, 200_000)) % classes)
        for _ in range(2)
    ]
    best = best_accuracy(float((both[0] == both[1]).mean()), size=classes)
    assert best == pytest.approx(float((truth == both[0]).mean()), abs=0.005)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(DataError, match="two labels"):
        agreement([[0, -1]] * 5, size=2)
    with pytest.raises(UsageError, match="two annotators"):
        agreement([[0]] * 5, size=2)
    with pytest.raises(UsageError, match="as a number"):
        agreement([[0, 1]] * 5, size=2, level="interval")
