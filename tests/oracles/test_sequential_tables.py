"""Sequential statistics against published tables, other programs' numbers and SciPy's multivariate normal.

J&T: Jennison and Turnbull, Group Sequential Methods with Applications to Clinical Trials (2000). rpact: expected values
of the unit tests of the R package rpact 3 (Wassmer and Pahlke). gsDesign: the printed default design of the R package
gsDesign (Anderson). One-sided designs of those are compared with the lower boundary put far away.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal, norm

from seatrial.stats.confidence_sequences import sequence_boundary
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.group_sequential import (
    boundaries,
    crossing_probability,
    drift_for_power,
    futility_boundaries,
    obrien_fleming_constant,
    pocock_constant,
    spending,
    stagewise,
)

NEVER = -40.0


def equal(count: int) -> list[float]:
    return [(k + 1) / count for k in range(count)]


@pytest.mark.parametrize(
    ("alpha", "constants"),
    [
        (0.05, {1: 1.960, 2: 2.178, 3: 2.289, 4: 2.361, 5: 2.413, 6: 2.453, 8: 2.512, 10: 2.555, 15: 2.626, 20: 2.672}),
        (0.01, {1: 2.576, 2: 2.772, 3: 2.873, 4: 2.939, 5: 2.986}),
        (0.10, {1: 1.645, 2: 1.875, 3: 1.992, 4: 2.067, 5: 2.122}),
    ],
)
def test_pocock_constants(alpha: float, constants: dict[int, float]) -> None:
    """J&T table 2.1."""
    for count, expected in constants.items():
        assert pocock_constant(count, alpha) == pytest.approx(expected, abs=5.1e-4)


@pytest.mark.parametrize(
    ("alpha", "constants"),
    [
        (0.05, {1: 1.960, 2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040, 6: 2.053, 8: 2.072, 10: 2.087, 15: 2.110, 20: 2.126}),
        (0.01, {1: 2.576, 2: 2.580, 3: 2.595, 4: 2.609, 5: 2.621}),
        (0.10, {1: 1.645, 2: 1.678, 3: 1.710, 4: 1.733, 5: 1.751}),
    ],
)
def test_obrien_fleming_constants(alpha: float, constants: dict[int, float]) -> None:
    """J&T table 2.3."""
    for count, expected in constants.items():
        assert obrien_fleming_constant(count, alpha) == pytest.approx(expected, abs=5.1e-4)


def test_constants_of_five_looks_to_four_digits() -> None:
    assert pocock_constant(5) == pytest.approx(2.4132, abs=5e-5)
    assert obrien_fleming_constant(5) == pytest.approx(2.0401, abs=5e-5)


@pytest.mark.parametrize(
    ("power", "pocock", "obrien_fleming"),
    [(0.8, (1.110, 1.166, 1.202, 1.229), (1.008, 1.017, 1.024, 1.028)),
     (0.9, (1.100, 1.151, 1.183, 1.207), (1.007, 1.016, 1.022, 1.026))],
)  # fmt: skip
def test_maximum_sample_sizes(power: float, pocock: tuple[float, ...], obrien_fleming: tuple[float, ...]) -> None:
    """J&T tables 2.2 and 2.4: ratios to the fixed sample size at two-sided .05, K = 2 to 5."""
    fixed = drift_for_power([1.0], [normal_quantile(0.05)], power=power)
    for count, flat, falling in zip((2, 3, 4, 5), pocock, obrien_fleming, strict=True):
        looks = equal(count)
        constant = np.full(count, pocock_constant(count))
        assert (drift_for_power(looks, constant, power=power) / fixed) ** 2 == pytest.approx(flat, abs=5.1e-4)
        shaped = obrien_fleming_constant(count) / np.sqrt(looks)
        assert (drift_for_power(looks, shaped, power=power) / fixed) ** 2 == pytest.approx(falling, abs=5.1e-4)


def test_naive_peeking() -> None:
    """Armitage, McPherson and Rowe (1969), table 2; J&T table 2.1: a fixed two-sided .05 test at each of K looks."""
    for count, expected in ((1, 0.050), (2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193), (20, 0.248)):
        up, down = crossing_probability(equal(count), np.full(count, normal_quantile(0.05)))
        assert up.sum() + down.sum() == pytest.approx(expected, abs=5.1e-4)


def test_lan_demets_boundaries() -> None:
    """Two-sided .05, five equal looks; Lan and DeMets (1983) as tabulated by DeMets and Lan, Stat. Med. 13 (1994)."""
    assert_allclose(boundaries(equal(5)), [4.8769, 3.3570, 2.6803, 2.2898, 2.0310], atol=5e-5)
    assert_allclose(boundaries(equal(5), family="pocock"), [2.438, 2.427, 2.410, 2.397, 2.386], atol=5.1e-4)


def test_lan_demets_with_two_looks() -> None:
    """gsDesign's sfLDOF at one-sided .025: 2.963 and 1.969."""
    assert_allclose(boundaries([0.5, 1.0]), [2.963, 1.969], atol=5.1e-4)


def test_the_default_design_of_gsdesign() -> None:
    """Three looks, one-sided .025, 90 % power, Hwang-Shih-DeCani -4 (alpha) and -2 (beta), non-binding futility."""
    plan = futility_boundaries(
        equal(3),
        power=0.9,
        family="hwang-shih-decani",
        parameter=-4,
        beta_family="hwang-shih-decani",
        beta_parameter=-2,
    )
    assert_allclose(plan.efficacy, [3.01, 2.55, 2.00], atol=0.0051)
    assert_allclose(plan.futility, [-0.24, 0.94, 2.00], atol=0.0051)
    fixed = drift_for_power([1.0], [normal_quantile(0.05)], power=0.9)
    assert_allclose((plan.drift / fixed) ** 2 * np.array(equal(3)), [0.357, 0.713, 1.070], atol=5.1e-4)
    assert_allclose(spending(equal(3), alpha=0.1, family="hwang-shih-decani", parameter=-2),
                    np.cumsum([0.0148, 0.0289, 0.0563]), atol=1e-4)  # fmt: skip


def test_hwang_shih_decani_design_of_rpact() -> None:
    """kMax 3 at (.2, .4, 1), one-sided .03, gammaA 0, beta .14: alpha spent, power, shift."""
    looks, critical = (0.2, 0.4, 1.0), (2.5121443, 2.4228747, 2.0280392)
    up, _ = crossing_probability(looks, critical, lower=[NEVER] * 3)
    assert_allclose(up.cumsum(), [0.006, 0.012, 0.03], atol=2e-8)
    assert_allclose(spending(looks, alpha=0.03, family="hwang-shih-decani", parameter=0), up.cumsum(), atol=2e-8)
    up, _ = crossing_probability(looks, critical, np.sqrt(9.4594102), lower=[NEVER] * 3)
    assert_allclose(up, [0.12783451, 0.21271713, 0.51944835], atol=2e-8)


def test_beta_spending_designs_of_rpact() -> None:
    """One-sided .07, gammaA -1, gammaB -2, beta .14 at (.2, .4, 1); one-sided .03, Kim-DeMets 2.2 and 3.2, beta .34.

    Ours are two-sided: below the lower boundary nobody goes on, which moves the later boundaries a little.
    """
    first = futility_boundaries(
        (0.2, 0.4, 1.0), alpha=0.14, power=0.86, family="hwang-shih-decani", parameter=-1,
        beta_family="hwang-shih-decani", beta_parameter=-2,
    )  # fmt: skip
    assert_allclose(first.efficacy, [2.364813, 2.1928805, 1.5660474], atol=2e-3)
    assert_allclose(first.futility[:2], [-1.1063623, -0.35992438], atol=2e-3)
    assert first.drift**2 == pytest.approx(7.1015943, rel=1e-3)
    up, down = crossing_probability(
        (0.2, 0.4, 1.0), [2.364813, 2.1928805, 1.5660474], np.sqrt(7.1015943), lower=[-1.1063623, -0.35992438, NEVER]
    )
    assert_allclose(up, [0.12038953, 0.20856311, 0.53104735], atol=3e-8)
    assert_allclose(down[:2], [0.010777094, 0.016077535], atol=3e-8)
    second = futility_boundaries(
        (0.3, 0.7, 1.0), alpha=0.06, power=0.66, family="kim-demets", parameter=2.2,
        beta_family="kim-demets", beta_parameter=3.2,
    )  # fmt: skip
    assert_allclose(second.efficacy, [2.8594012, 2.2435708, 1.9735737], atol=1e-4)
    assert_allclose(second.futility[:2], [-1.1558435, 0.72836893], atol=1e-4)
    assert second.drift**2 == pytest.approx(5.5513711, rel=1e-4)


def test_obrien_fleming_spending_of_rpact() -> None:
    """asOF, kMax 3, one-sided .03: alpha spent and critical values."""
    assert_allclose(spending(equal(3), alpha=0.03), [0.00017079385, 0.0078650906, 0.03], atol=1e-9)
    assert_allclose(boundaries(equal(3), alpha=0.06), [3.5815302, 2.417863, 1.9175839], atol=1e-6)


def test_stagewise_estimates_of_rpact() -> None:
    """Survival data, looks at (.2, .4, .6) of four: log-rank z 2.9 at the third, after 29 events in equal arms.

    Final p .013371274 (one-sided), hazard ratio 2.632639 (1.1294538 to 5.6956842); the log hazard ratio's standard
    error is 2/sqrt(events), with the information planned at 29/.6 events.
    """
    found = stagewise(2.9, [0.2, 0.4, 0.6], [2.4878815, 2.4031352, 2.3549063], lower=[NEVER] * 3)
    assert found.p / 2 == pytest.approx(0.013371274, abs=1e-8)
    per_drift = 2 / np.sqrt(29 / 0.6)
    ratios = np.exp(per_drift * np.array([found.drift, found.low, found.high]))
    assert_allclose(ratios, [2.632639, 1.1294538, 5.6956842], rtol=3e-7)


def test_stagewise_p_of_rpact() -> None:
    """One rate, looks at (.2, .4, .8): z 2.4192811 at the third, final p .0089457853."""
    found = stagewise(2.4192811, [0.2, 0.4, 0.8], [3.4542176, 2.9219298, 2.2448554], lower=[NEVER] * 3)
    assert found.p / 2 == pytest.approx(0.0089457853, abs=1e-8)


def test_crossing_probabilities_against_the_multivariate_normal() -> None:
    """Two looks by SciPy's bivariate distribution; a third by its density on a grid, and the third given the second."""
    rng = np.random.default_rng(0)
    nodes, weights = np.polynomial.legendre.leggauss(600)
    for _ in range(4):
        looks = np.sort(rng.uniform(0.02, 1.3, 3))
        high, low = rng.uniform(1.0, 3.0, 3), -rng.uniform(0.5, 3.0, 3)
        drift = float(rng.normal(0, 2))
        mean = drift * np.sqrt(looks)
        covariance = np.sqrt(np.minimum.outer(looks, looks) / np.maximum.outer(looks, looks))
        two = multivariate_normal(mean[:2], covariance[:2, :2])
        up, down = crossing_probability(looks.tolist(), high, drift, lower=low)
        stopped = (up + down).cumsum()
        assert 1 - stopped[1] == pytest.approx(two.cdf(high[:2], lower_limit=low[:2]), abs=1e-9)
        half, middle = (high - low)[:2] / 2, (high + low)[:2] / 2
        z1, z2 = np.meshgrid(middle[0] + half[0] * nodes, middle[1] + half[1] * nodes, indexing="ij")
        share = two.pdf(np.stack([z1, z2], axis=-1)) * np.outer(weights * half[0], weights * half[1])
        last = mean[2] + covariance[1, 2] * (z2 - mean[1])  # the walk is Markov: only the look before matters
        spread = np.sqrt(1 - covariance[1, 2] ** 2)
        inside = norm.cdf((high[2] - last) / spread) - norm.cdf((low[2] - last) / spread)
        assert 1 - stopped[2] == pytest.approx((share * inside).sum(), abs=1e-9)


def test_a_sequence_at_the_planned_end_against_the_fixed_interval() -> None:
    """c(.05) and the ratio of widths at I = I*, quoted in the plan of this project."""
    assert float(sequence_boundary(1.0)) / normal_quantile(0.05) == pytest.approx(1.5486, abs=5e-5)
