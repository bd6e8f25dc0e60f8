"""Off-policy values, Lin's regression, post-stratification, clustered quantiles, CUPAC: other people's numbers."""

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.linear_model import Ridge

from seatrial.stats.clustered_quantiles import clustered_quantile
from seatrial.stats.cupac import assign_folds, cupac_covariate
from seatrial.stats.heavy_tails import skewness
from seatrial.stats.interleaving import interleaved_preference
from seatrial.stats.off_policy import policy_values
from seatrial.stats.poststratification import cells, post_stratified
from seatrial.stats.quantiles import clustered_quantile_variance, grouped_quantiles
from seatrial.stats.regression_adjustment import lin_adjusted
from seatrial.stats.switchback import switchback_effect


def test_off_policy_values_are_those_of_obp() -> None:
    """obp 0.4.1 (st-tech/zr-obp), InverseProbabilityWeighting, SelfNormalized... and DoublyRobust on these ten rows."""
    reward = np.array([1.0, 0, 0, 1, 1, 0, 1, 0, 0, 1])
    arm = np.array([0, 1, 2, 0, 1, 2, 2, 0, 1, 1])
    propensity = np.array([0.5, 0.25, 0.25, 0.6, 0.3, 0.1, 0.2, 0.5, 0.4, 0.25])
    model = ((np.arange(30).reshape(10, 3) * 7) % 11) / 11
    found = policy_values(arm, reward, propensity, [0.2, 0.5, 0.3], predictions=model)
    assert found.ips.value == pytest.approx(0.5900000000000001, rel=1e-12)
    assert found.snips.value == pytest.approx(0.4290909090909091, rel=1e-12)
    assert found.dr.value == pytest.approx(0.2048484848484849, rel=1e-12)


def test_lin_is_statsmodels_with_interactions_and_hc2() -> None:
    rng = np.random.default_rng(0)
    x = rng.gamma(2, 1, (90, 2))
    arm = rng.permutation(90) < 30
    y = x @ [1.0, -0.5] + arm * (0.3 + x[:, 0]) + rng.normal(0, 1 + arm, 90)
    centred = x - x.mean(axis=0)
    design = np.column_stack([np.ones(90), arm, centred, centred * arm[:, None]])
    fitted = sm.OLS(y, design).fit(cov_type="HC2", use_t=True)
    found = lin_adjusted(y, arm, x)
    assert found.difference[0] == pytest.approx(fitted.params[1], rel=1e-9)
    assert found.standard_error[0] == pytest.approx(fitted.bse[1], rel=1e-9)
    assert_allclose(np.ravel(found.interval(0.05)), fitted.conf_int()[1], rtol=1e-9)
    assert found.p_value()[0] == pytest.approx(fitted.pvalues[1], rel=1e-9)
    # candidate - 0.9 x control is the contrast params[1] + 0.1 params[0]
    scaled = fitted.t_test([0.1, 1, 0, 0, 0, 0])
    assert found.against(0.9).p_value()[0] == pytest.approx(float(scaled.pvalue), rel=1e-8)


def test_post_stratification_is_saturated_regression_weighted_by_shares() -> None:
    rng = np.random.default_rng(1)
    code, arm = rng.integers(0, 4, 200), rng.random(200) < 0.5
    y = code + arm * 0.5 + rng.normal(size=200)
    design = np.column_stack([(code == k) & (arm == side) for k in range(4) for side in (False, True)]).astype(float)
    fitted = sm.OLS(y, design).fit(cov_type="HC2")
    share = np.bincount(code) / 200
    weights = np.column_stack([-share, share]).ravel()
    found = post_stratified(cells(y[arm], code[arm], 4), cells(y[~arm], code[~arm], 4)).contrast
    assert found.difference[0] == pytest.approx(weights @ fitted.params, rel=1e-9)
    given_shares = float(weights @ fitted.cov_params() @ weights)
    assert found.var_difference[0] >= given_shares * (1 - 1e-9)
    effects = fitted.params[1::2] - fitted.params[::2]
    assert found.var_difference[0] <= given_shares + share @ (effects - share @ effects) ** 2 / 200


def test_clustered_quantile_error_is_the_formula_of_deng_knoblich_lu() -> None:
    rng = np.random.default_rng(2)
    user = np.repeat(np.arange(150), 8)
    value = np.exp(rng.normal(size=150)[user] + rng.normal(size=1200))
    found = clustered_quantile(value, user, 0.9)
    plain = grouped_quantiles(value, np.zeros(1200, int), 1, (0.9,))
    below = sm.OLS((value <= plain.value[0, 0]).astype(float), np.ones(1200))
    # with clusters of one size CR2 is CR1 without its factor n - 1 over n - k, which is 1 here up to (n-1)/n
    robust = below.fit(cov_type="cluster", cov_kwds={"groups": user, "use_correction": False}).cov_params()[0, 0]
    variance = clustered_quantile_variance(plain.standard_error[0, 0] ** 2, robust * 150 / 149, 1200, 0.9)
    assert found.standard_error == pytest.approx(float(np.sqrt(variance)), rel=1e-9)
    assert found.value == float(np.quantile(value, 0.9))


def test_a_fold_is_predicted_by_scikit_learns_ridge_on_the_others() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 3)) * [1, 5, 0.2] + [0, 9, 1]
    y = x @ [1.0, 0.2, 3.0] + rng.normal(size=60)
    found = cupac_covariate(y, x, folds=3, ridge=2.0, seed=4)
    fold = assign_folds(np.arange(60), 3, seed=4)
    for k in range(3):
        rest = fold != k
        centre, scale = x[rest].mean(axis=0), x[rest].std(axis=0)
        model = Ridge(alpha=2.0).fit((x[rest] - centre) / scale, y[rest])
        assert_allclose(found[fold == k], model.predict((x[fold == k] - centre) / scale), rtol=1e-9)


def test_switchback_without_blocks_is_scipys_exact_permutation_test() -> None:
    y = np.array([3.1, 4.0, 2.2, 5.9, 4.4, 6.1, 3.9])
    arm = np.array([0, 1, 0, 1, 0, 1, 1])

    def gap(one: np.ndarray, two: np.ndarray, axis: int = 0) -> np.ndarray:
        return np.abs(one.mean(axis=axis) - two.mean(axis=axis))

    reference = stats.permutation_test((y[arm == 1], y[arm == 0]), gap, alternative="greater", vectorized=True)
    found = switchback_effect(y, arm)
    assert found.assignments == 35
    assert found.p_value == pytest.approx(reference.pvalue, rel=1e-12)


def test_preference_and_skewness_are_scipys() -> None:
    wins = np.array([3, 1, 0, 4, 2, 2])
    lost = np.array([1, 1, 2, 0, 3, 0])
    ties = np.array([0, 2, 1, 1, 1, 0])
    reference = stats.ttest_1samp((wins - lost) / (wins + lost + ties), 0.0)
    found = interleaved_preference(lost, wins, ties).contrast
    assert found.p_value()[0] == pytest.approx(reference.pvalue, rel=1e-9)
    x = np.random.default_rng(4).lognormal(3, 1, 50)
    off = x - 20
    ours = skewness(50, off.mean(), (off**2).mean(), (off**3).mean())
    assert float(ours) == pytest.approx(stats.skew(x), rel=1e-9)
