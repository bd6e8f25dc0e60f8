"""Arms, phases, covariates: against SciPy, statsmodels and what can be worked out by hand."""

from typing import Any

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from seatrial.stats.arms import ArmMeans, coefficients, contrast, phase_weights

Floats = NDArray[np.float64]


def arm_means(
    cells: list[list[Floats]], covariates: list[list[Floats]] | None = None, *, rate: bool = False
) -> ArmMeans:
    """From the units' values of each arm and phase, (A)(P); covariates (n, K) beside them."""
    k = 0 if covariates is None else covariates[0][0].shape[1]
    shape = (len(cells), len(cells[0]), 1)
    made: dict[str, Any] = {name: np.full(shape, np.nan) for name in ("n", "value", "variance", "df", "count")}
    made |= {
        "covariates": np.zeros((*shape, k)),
        "with_covariates": np.zeros((*shape, k)),
        "between_covariates": np.zeros((*shape, k, k)),
    }
    for a, arm in enumerate(cells):
        for p, y in enumerate(arm):
            n = len(y)
            at = (a, p, 0)
            made["n"][at], made["df"][at] = n, n - 1
            if n:
                made["value"][at] = y.mean()
                made["count"][at] = y.sum()
            if n > 1:
                x = np.empty((n, 0)) if covariates is None else covariates[a][p]
                together = np.atleast_2d(np.cov(np.column_stack([y, x]), rowvar=False)) / n
                made["variance"][at] = together[0, 0]
                made["covariates"][at] = x.mean(axis=0)
                made["with_covariates"][at] = together[0, 1:]
                made["between_covariates"][at] = together[1:, 1:]
    if not rate:
        made["count"] = None
    return ArmMeans(**made)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_one_phase_is_welch(rng: np.random.Generator) -> None:
    control, treatment = rng.normal(10, 3, 200), rng.normal(10.4, 5, 90)
    found = contrast(arm_means([[control], [treatment]]), 1).contrast
    oracle = scipy.stats.ttest_ind(treatment, control, equal_var=False)
    low, high = oracle.confidence_interval(0.95)
    assert found.p_value(0.0)[0] == pytest.approx(oracle.pvalue, rel=1e-9)
    assert [float(limit[0]) for limit in found.interval(0.05)] == pytest.approx([low, high], rel=1e-9)


def test_phases_are_weighted_by_all_their_units(rng: np.random.Generator) -> None:
    cells = [[rng.normal(0, 1, 950), rng.normal(5, 1, 500)], [rng.normal(0, 1, 50), rng.normal(5, 1, 500)]]
    found = contrast(arm_means(cells), 1)
    weights, _ = phase_weights(arm_means(cells), 1)
    assert weights[:, 0] == pytest.approx([0.5, 0.5])
    by_phase = [cells[1][p].mean() - cells[0][p].mean() for p in (0, 1)]
    variances = [sum(cells[a][p].var(ddof=1) / len(cells[a][p]) for a in (0, 1)) for p in (0, 1)]
    assert found.contrast.difference[0] == pytest.approx(np.mean(by_phase), rel=1e-12)
    assert found.contrast.standard_error[0] ** 2 == pytest.approx(sum(variances) / 4, rel=1e-12)
    assert "stratified by allocation phase" in found.contrast.methods[0]


def test_a_phase_without_one_arm_is_dropped_and_named(rng: np.random.Generator) -> None:
    cells = [[rng.normal(0, 1, 50), rng.normal(0, 1, 60)], [rng.normal(0, 1, 40), np.empty(0)]]
    found = contrast(arm_means(cells), 1)
    assert found.dropped == ((1,),)
    alone = contrast(arm_means([cells[0][:1], cells[1][:1]]), 1)
    assert found.contrast.difference[0] == alone.contrast.difference[0]
    assert found.contrast.p_value()[0] == pytest.approx(alone.contrast.p_value()[0], rel=1e-12)


@pytest.mark.parametrize(("sizes", "said"), [((0, 5), "no units"), ((1, 2), "fewer than 2")])
def test_too_few_units_is_a_reason(sizes: tuple[int, int], said: str, rng: np.random.Generator) -> None:
    found = contrast(arm_means([[rng.normal(size=sizes[0])], [rng.normal(size=sizes[1])]]), 1).contrast
    assert said in str(found.reasons[0])
    assert np.isnan(found.p_value()[0])


def test_cuped_takes_theta_from_within_the_arms(rng: np.random.Generator) -> None:
    """theta is the slope of y on x with an intercept an arm: statsmodels' analysis of covariance."""
    import statsmodels.api as sm

    x = [rng.normal(5, 2, n) for n in (300, 200)]
    y = [2 + 1.5 * x[a] + 0.3 * a + rng.normal(0, 1, len(x[a])) for a in (0, 1)]
    means = arm_means([[y[0]], [y[1]]], [[x[0][:, None]], [x[1][:, None]]])
    arm = np.repeat([0.0, 1.0], [300, 200])
    fitted = sm.OLS(np.concatenate(y), sm.add_constant(np.column_stack([arm, np.concatenate(x)]))).fit()
    assert coefficients(means)[0, 0] == pytest.approx(fitted.params[2], rel=1e-10)
    found = contrast(means, 1, adjusted=True)
    assert found.contrast.difference[0] == pytest.approx(fitted.params[1], rel=1e-10)
    # the same variance as the residuals' by hand
    theta = fitted.params[2]
    by_hand = sum((y[a] - theta * x[a]).var(ddof=1) / len(y[a]) for a in (0, 1))
    assert found.contrast.standard_error[0] ** 2 == pytest.approx(by_hand, rel=1e-10)
    raw = contrast(means, 1)
    assert found.variance_factor[0] == pytest.approx(by_hand / raw.contrast.standard_error[0] ** 2, rel=1e-10)


def test_cuped_agrees_with_tea_tasting(rng: np.random.Generator) -> None:
    tt = pytest.importorskip("tea_tasting")
    pa = pytest.importorskip("pyarrow")
    x = rng.gamma(2, 3, 900)
    variant = rng.integers(0, 2, 900)
    y = 0.8 * x + rng.normal(0, 2, 900) + 0.2 * variant
    table = pa.table({"variant": variant, "y": y, "x": x})
    oracle = tt.Experiment({"y": tt.Mean("y", covariate="x")}).analyze(table)["y"]
    cells = [[y[variant == a]] for a in (0, 1)]
    found = contrast(arm_means(cells, [[x[variant == a][:, None]] for a in (0, 1)]), 1, adjusted=True)
    assert found.contrast.difference[0] == pytest.approx(oracle.effect_size, rel=5e-3)
    assert found.contrast.standard_error[0] == pytest.approx(
        (oracle.effect_size_ci_upper - oracle.effect_size) / 1.9625, rel=5e-3
    )


def test_a_useless_or_constant_covariate_changes_nothing(rng: np.random.Generator) -> None:
    y = [rng.normal(size=80), rng.normal(size=70)]
    flat = [[np.ones((80, 1))], [np.ones((70, 1))]]
    adjusted = contrast(arm_means([[y[0]], [y[1]]], flat), 1, adjusted=True).contrast
    raw = contrast(arm_means([[y[0]], [y[1]]]), 1).contrast
    assert adjusted.difference[0] == pytest.approx(raw.difference[0], rel=1e-12)
    assert adjusted.standard_error[0] == pytest.approx(raw.standard_error[0], rel=1e-12)


def test_the_adjusted_sides_have_the_variance_they_say(rng: np.random.Generator) -> None:
    """Var(adjusted treatment - f x adjusted control) against 20,000 repeated experiments."""
    many, n_c, n_t, factor = 20_000, 60, 30, 0.8
    x = [rng.normal(1, 1, (many, n)) for n in (n_c, n_t)]
    y = [3 + 2 * x[a] + rng.normal(0, 1, x[a].shape) for a in (0, 1)]
    theta = 2.0
    gap = x[1].mean(1) - x[0].mean(1)
    share = n_t / (n_t + n_c)
    control = y[0].mean(1) + theta * share * gap
    treatment = y[1].mean(1) - theta * (1 - share) * gap
    truth = (treatment - factor * control).var()
    said = []
    for i in range(300):
        means = arm_means([[y[0][i]], [y[1][i]]], [[x[0][i][:, None]], [x[1][i][:, None]]])
        said.append(contrast(means, 1, adjusted=True).contrast.against(factor).standard_error[0] ** 2)
    assert np.mean(said) == pytest.approx(truth, rel=0.05)


def test_a_rate_without_events_in_an_arm_has_an_interval() -> None:
    cells = [[np.repeat([1.0, 0.0], [15, 57])], [np.zeros(16)]]
    found = contrast(arm_means(cells, rate=True), 1).contrast
    assert found.methods[0].startswith("Miettinen-Nurminen")
    assert [round(float(limit[0]), 4) for limit in found.interval(0.05)] == [-0.3164, -0.0056]


def test_a_rate_in_phases_never_has_a_variance_of_zero() -> None:
    nothing = [[np.zeros(100), np.zeros(100)], [np.zeros(100), np.zeros(100)]]
    found = contrast(arm_means(nothing, rate=True), 1).contrast
    low, high = found.interval(0.05)
    assert low[0] < 0 < high[0]
    assert found.p_value()[0] == pytest.approx(1.0)


def test_one_slice_can_be_taken_out(rng: np.random.Generator) -> None:
    means = arm_means([[rng.normal(size=30)], [rng.normal(size=30)]])
    assert means.at(0).n.shape == (2, 1, 1)
    assert contrast(means.at(-1), 1).contrast.difference[0] == contrast(means, 1).contrast.difference[0]
