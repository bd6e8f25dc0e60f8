"""Post-stratification and CUPAC as a user asks for them, against the same numbers by hand."""

import numpy as np
import pytest

from seatrial.actions.analyze import ReadoutResult, analyze
from seatrial.errors import UsageError

N = 3_000


@pytest.fixture(scope="module")
def units() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    treated = rng.integers(0, 2, N)
    shop = rng.integers(0, 3, N)
    known, other = rng.normal(size=N), rng.normal(size=N)
    spent = 3 + 2 * shop + known + 0.5 * other + rng.normal(size=N) + 0.2 * treated
    return {
        "user": np.arange(N),
        "arm": np.where(treated, "B", "A"),
        "spent": spent,
        "known": known,
        "other": other,
        "shop": np.array(["north", "south", "web"])[shop],
    }


def ask(units: dict[str, np.ndarray], **options: object) -> ReadoutResult:
    return analyze(units=units, metrics={"spending": "mean(spent)"}, control="A", **options)  # type: ignore[arg-type]


def test_post_stratification_holds_the_mix(units: dict[str, np.ndarray]) -> None:
    effect = next(e for e in ask(units, post_stratify="shop").effects if e.adjustment == "post-stratified")
    by_hand = 0.0
    for level in ("north", "south", "web"):
        here = units["shop"] == level
        gap = [units["spent"][here & (units["arm"] == arm)].mean() for arm in ("B", "A")]
        by_hand += here.mean() * (gap[0] - gap[1])
    assert effect.difference == pytest.approx(by_hand, rel=1e-9)
    assert effect.decides
    assert "post-stratified" in (effect.method or "")


def test_the_strata_are_no_segments_unless_asked(units: dict[str, np.ndarray]) -> None:
    assert all(e.segment is None for e in ask(units, post_stratify="shop").effects)
    assert any(e.segment for e in ask(units, post_stratify="shop", segments=["shop"]).effects)


def test_cupac_is_cuped_by_one_cross_fitted_prediction(units: dict[str, np.ndarray]) -> None:
    from seatrial.stats.cupac import cupac_covariate

    found = ask(units, covariates={"spending": ["known", "other"]}, cupac=["spending"])
    effect = next(e for e in found.effects if e.adjustment == "cupac")
    names = units["user"].astype(str)
    order = np.argsort(names)
    covariate = np.empty(N)
    covariate[order] = cupac_covariate(
        units["spent"][order], np.column_stack([units["known"], units["other"]])[order], units=names[order]
    )
    arms = [units["arm"] == arm for arm in ("A", "B")]
    centred = [(covariate[a] - covariate[a].mean(), units["spent"][a]) for a in arms]
    theta = sum((x * y).sum() for x, y in centred) / sum((x * x).sum() for x, _ in centred)
    left = units["spent"] - theta * covariate
    assert effect.difference == pytest.approx(left[arms[1]].mean() - left[arms[0]].mean(), rel=1e-6)
    raw = next(e for e in found.effects if e.adjustment == "none")
    assert effect.standard_error is not None
    assert raw.standard_error is not None
    assert effect.standard_error < raw.standard_error
    assert "CUPAC" in (effect.method or "")


def test_the_order_of_the_rows_is_nothing_to_cupac(units: dict[str, np.ndarray]) -> None:
    asked = {"covariates": {"spending": ["known", "other"]}, "cupac": ["spending"]}
    shuffled = np.random.default_rng(1).permutation(N)
    there, back = ask(units, **asked), ask({k: v[shuffled] for k, v in units.items()}, **asked)
    assert there.effects == back.effects


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cupac": ["spendings"]}, "Did you mean 'spending'"),
        ({"post_stratify": "shops"}, "Did you mean 'shop'"),
    ],
)
def test_a_wrong_name_is_answered(units: dict[str, np.ndarray], options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ask(units, **options)


def test_cupac_is_for_means(units: dict[str, np.ndarray]) -> None:
    with pytest.raises(UsageError, match="CUPAC predicts a mean"):
        analyze(
            units=units,
            metrics={"ratio": "spent / known"},
            control="A",
            covariates={"ratio": ["other"]},
            cupac=["ratio"],
        )
