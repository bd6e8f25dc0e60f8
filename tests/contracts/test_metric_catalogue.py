"""What holds of every metric there is: a new one is tested by its place in the catalogue before anyone tests it."""

import math
from functools import cache

import numpy as np
import pytest
from tests.contracts.tables import DERIVED, MAKERS, OPERATIONAL, PERFECT, Table, names, take

import seatrial as st
from seatrial.metrics.base import Banded
from seatrial.metrics.catalogue import every_metric
from seatrial.records import Effect, Estimate
from seatrial.stats.moments import moments

TASKS = tuple(MAKERS)
Key = tuple[str, str, tuple[tuple[str, str], ...]]

every_task = pytest.mark.parametrize("task", TASKS)
SLOW = {"ks"}
"""Bootstrapped on every slice; measured on all rows here and in its own tests."""
DRAWN = frozenset({metric for task in MAKERS for metric in names(task) if metric.startswith("box_map")})
"""Resampled row by row: another order of the rows draws other samples."""
NOT_DIRECTED = {metric.name for metric in every_metric() if not metric.directed}
NOT_COMPARED = {metric.name for metric in every_metric() if isinstance(metric, Banded)}
POSITIVE = {"binary": "1"}


def quick(task: str) -> list[str]:
    return [name for name in names(task) if name not in SLOW]


def compared(task: str, a: Table, b: Table, **options) -> st.Result:
    options.setdefault("metrics", quick(task))
    return st.compare(a, b, positive=POSITIVE.get(task), task=task, examples=0, **options)


@cache
def usual(task: str) -> st.Result:
    """Two versions of every metric on all rows, two slice columns and their cross."""
    a, b = MAKERS[task]()
    return compared(task, a, b, by=["sex", "region"], cross=2)


def estimates(result: st.Result) -> dict[Key, Estimate]:
    side = {model: "ab"[at] for at, model in enumerate(result.scorecard.models)}
    return {(side[e.model], e.metric, tuple(sorted(e.slice.items()))): e for e in result.estimates}


def effects(result: st.Result) -> dict[Key, Effect]:
    return {("", e.metric, tuple(sorted(e.slice.items()))): e for e in result.effects}


def near(one: float | None, other: float | None, *, to: float = 1e-12, scale: float = 0.0) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=to, abs_tol=to * max(scale, 1e-3))


def unlike(
    first: st.Result, second: st.Result, *, to: float = 1e-12, limits: bool = True, but: frozenset[str] = frozenset()
) -> list[str]:
    """Where two results differ in value, limits, rows, words or reasons."""
    found = []
    one, other = estimates(first), estimates(second)
    found += [f"{key}: in one of the two only" for key in one.keys() ^ other.keys()]
    for key in one.keys() & other.keys():
        x, y = one[key], other[key]
        scale = abs(x.value or 0)
        if not near(x.value, y.value, to=to, scale=scale) or x.reason != y.reason or x.n != y.n:
            found.append(f"{key}: {x.value} ({x.reason}, n {x.n}), {y.value} ({y.reason}, n {y.n})")
        elif (
            limits
            and x.metric not in but
            and not (near(x.low, y.low, to=1e3 * to, scale=scale) and near(x.high, y.high, to=1e3 * to, scale=scale))
        ):
            found.append(f"{key}: limits {x.low}..{x.high}, {y.low}..{y.high}")
    before, after = effects(first), effects(second)
    found += [f"{key}: effect in one of the two only" for key in before.keys() ^ after.keys()]
    for key in before.keys() & after.keys():
        e, f = before[key], after[key]
        scale = max(abs(e.baseline_value or 0), abs(e.difference or 0))
        if not near(e.difference, f.difference, to=to, scale=scale) or e.word != f.word or e.reason != f.reason:
            found.append(f"{key}: effect {e.difference} {e.word} {e.reason}, {f.difference} {f.word} {f.reason}")
        elif (
            limits
            and e.metric not in but
            and not (
                near(e.low, f.low, to=1e3 * to, scale=scale)
                and near(e.high, f.high, to=1e3 * to, scale=scale)
                and near(e.p_value, f.p_value, to=1e4 * to)
            )
        ):
            found.append(f"{key}: effect {e.low}..{e.high} p {e.p_value}, {f.low}..{f.high} p {f.p_value}")
    return sorted(found)


# One result by itself


@every_task
def test_everything_asked_for_is_answered(task: str) -> None:
    metrics = {e.metric for e in usual(task).estimates}
    assert metrics == set(quick(task))
    assert {e.metric for e in usual(task).effects} == set(quick(task))
    assert set(DERIVED[task]) | set(OPERATIONAL) <= metrics


@every_task
def test_a_value_or_a_reason_and_never_a_nan(task: str) -> None:
    for e in (*usual(task).estimates, *usual(task).effects):
        number = e.value if isinstance(e, Estimate) else e.difference
        assert (number is None) <= (e.reason is not None), e
        if e.low is None or e.high is None:
            assert e.reason or any(note.startswith("no interval: ") for note in e.notes), e
        for field in ("value", "low", "high", "standard_error", "difference", "p_value", "adjusted_p_value"):
            amount = getattr(e, field, None)
            assert amount is None or math.isfinite(amount), (e.metric, field)


@every_task
def test_a_value_lies_inside_its_interval(task: str) -> None:
    for e in usual(task).estimates:
        if e.low is not None and e.high is not None:
            assert e.low <= e.value <= e.high, e
            assert e.low < e.high, e
            assert e.method not in (None, "none"), e


@every_task
def test_a_difference_is_candidate_minus_baseline_and_inside_its_interval(task: str) -> None:
    values = estimates(usual(task))
    for (_, metric, where), e in effects(usual(task)).items():
        a, b = values["a", metric, where], values["b", metric, where]
        if e.difference is None:
            assert a.value is None or b.value is None
            continue
        assert near(e.baseline_value, a.value)
        assert near(e.candidate_value, b.value)
        assert near(e.difference, b.value - a.value, to=1e-12, scale=abs(a.value)), e
        if e.low is not None:
            assert e.low <= e.difference <= e.high, e


@every_task
def test_one_interval_decides_p_and_word(task: str) -> None:
    for e in usual(task).effects:
        if e.low is None or e.p_value is None:
            assert e.word == "cannot tell", e
            continue
        outside = e.low > 0 or e.high < 0
        assert outside == (e.p_value < 1 - e.level), e
        sign = 1 if e.higher_is_better else -1
        low, high = sorted((sign * e.low, sign * e.high))
        if e.metric in NOT_DIRECTED:
            assert e.word in ("no meaningful difference", "cannot tell")
        elif e.small:
            assert e.word == "cannot tell"
        elif outside:
            assert e.word == ("better" if low > 0 else "worse"), e
        else:
            margin = e.margin * abs(e.baseline_value) if e.margin_is_relative else e.margin
            inside = low > -margin and high < margin
            # a relative margin is tested as a contrast, so that its edge is not exactly here
            if not e.margin_is_relative:
                assert e.word == ("no meaningful difference" if inside else "cannot tell"), e


@every_task
def test_a_better_version_is_better_in_the_direction_of_every_metric(task: str) -> None:
    for (_, metric, where), e in effects(usual(task)).items():
        if where or metric in NOT_DIRECTED:
            continue
        sign = 1 if e.higher_is_better else -1
        assert sign * e.difference > 0, e
        assert e.word in ("better", "cannot tell"), e


@every_task
def test_swapping_the_versions_flips_the_sign_and_the_limits(task: str) -> None:
    a, b = MAKERS[task]()
    forth = effects(compared(task, a, b, by=["sex"]))
    back = effects(compared(task, b, a, by=["sex"]))
    opposite = {"better": "worse", "worse": "better"}
    for key, e in forth.items():
        f = back[key]
        scale = max(abs(e.baseline_value), abs(e.difference))
        assert near(e.difference, -f.difference, to=1e-10, scale=scale), (e, f)
        if e.low is None:
            assert f.low is None
            continue
        assert near(e.low, -f.high, to=1e-8, scale=scale), (e, f)
        assert near(e.high, -f.low, to=1e-8, scale=scale), (e, f)
        assert near(e.p_value, f.p_value, to=1e-6), (e, f)
        if not e.margin_is_relative:
            assert f.word == opposite.get(e.word, e.word)


# The same rows said in another way


@every_task
def test_the_order_of_rows_does_not_matter(task: str) -> None:
    a, b = MAKERS[task]()
    rng = np.random.default_rng(5)
    shuffled = [take(table, rng.permutation(len(table["id"]))) for table in (a, b)]
    assert unlike(usual(task), compared(task, *shuffled, by=["sex", "region"], cross=2), to=1e-12, but=DRAWN) == []


@every_task
def test_counts_as_weights_are_rows_repeated(task: str) -> None:
    a, b = MAKERS[task]()
    times = np.repeat(np.arange(len(a["id"])), a["copies"])
    repeated = [{**take(table, times), "id": np.arange(len(times))} for table in (a, b)]
    weighted = compared(task, a, b, by=["sex"], weight="copies", weights="counts")
    apart = compared(task, *repeated, by=["sex"])
    assert unlike(weighted, apart, to=1e-10) == []


@every_task
def test_sampling_weights_of_one_are_no_weights(task: str) -> None:
    a, b = ({**table, "ones": np.ones(len(table["id"]))} for table in MAKERS[task]())
    weighted = compared(task, a, b, by=["sex"], weight="ones")
    # a difference of shares is Tango's without weights and a t with them: their values must agree, not their limits
    assert unlike(weighted, compared(task, a, b, by=["sex"]), to=1e-10, limits=False) == []


@every_task
def test_a_version_measured_alone_has_the_same_estimates(task: str) -> None:
    a, b = MAKERS[task]()
    alone = st.evaluate(b, metrics=quick(task), by=["sex"], task=task, positive=POSITIVE.get(task))
    together = estimates(compared(task, a, b, by=["sex"]))
    for e in alone.estimates:
        other = together["b", e.metric, tuple(sorted(e.slice.items()))]
        assert near(e.value, other.value, scale=abs(e.value or 0)), (e, other)
        assert e.n == other.n
        assert near(e.low, other.low, to=1e-9), (e, other)
        assert near(e.high, other.high, to=1e-9), (e, other)
        assert e.method == other.method


@every_task
def test_two_files_alike_differ_by_exactly_nothing(task: str) -> None:
    a, _ = MAKERS[task](300)
    for e in compared(task, a, {**a}, by=["sex"]).effects:
        assert e.metric in NOT_COMPARED or e.reason or (e.difference, e.low, e.high, e.p_value) == (0, 0, 0, 1), e
        assert e.metric in NOT_COMPARED or e.reason or (e.method, e.word) == ("identical", "no meaningful difference")


# Rows that cannot be measured


def sane(result: st.Result) -> None:
    """Every value is a number or has a reason, every interval is there or is explained, and no word is claimed."""
    for e in result.estimates:
        assert (e.value is None) == (e.reason is not None), e
        explained = e.reason or any(note.startswith("no interval: ") for note in e.notes)
        assert (e.low is not None and e.high is not None) or explained, e
        assert e.low is None or e.high is None or e.low <= e.value <= e.high, e
        assert e.low is None or e.high is None or e.low < e.high, e
    for e in result.effects:
        assert e.difference is not None or e.reason, e
        assert (e.low is not None and e.high is not None) or e.reason, e
        if e.reason:
            assert (e.word, e.p_value, e.low, e.high, e.method) == ("cannot tell", None, None, None, None), e


def blank(table: Table, rows: np.ndarray) -> Table:
    """Predictions and scores of some rows missing."""
    found = dict(table)
    for name in table:
        if name.startswith(("prediction", "score")):
            column = np.array(table[name], dtype=object)
            column[rows] = None
            found[name] = column
    return found


@every_task
def test_a_slice_without_any_prediction_has_reasons_and_the_others_their_values(task: str) -> None:
    a, b = MAKERS[task](600)
    gone = np.asarray(a["sex"]) == "F"
    result = compared(task, a, blank(b, gone), by=["sex"])
    sane(result)
    held = ~gone
    apart = estimates(compared(task, take(a, held), take(b, held)))
    for (side, metric, where), e in estimates(result).items():
        needs = metric not in OPERATIONAL
        if where == (("sex", "F"),) and needs:
            assert e.value is None
            assert e.missing == gone.sum()
            assert e.n == 0
        elif where == (("sex", "M"),) or (not where and needs):
            assert near(e.value, apart[side, metric, ()].value, to=1e-11, scale=1.0), e
            assert e.n == apart[side, metric, ()].n


@every_task
def test_missing_predictions_leave_every_version_and_are_counted(task: str) -> None:
    a, b = MAKERS[task](500)
    gone = np.zeros(500, dtype=bool)
    gone[::7] = True
    first, second = gone.copy(), gone.copy()
    first[100:], second[:100] = False, False
    result = compared(task, blank(a, first), blank(b, second))
    sane(result)
    apart = estimates(compared(task, take(a, ~gone), take(b, ~gone)))
    for key, e in estimates(result).items():
        if e.metric in OPERATIONAL:
            assert e.missing == 0
            continue
        assert near(e.value, apart[key].value, to=1e-11, scale=1.0), e
        assert e.n == apart[key].n
        assert e.missing == gone.sum()
        if e.metric in ("accuracy", "brier_score", "hamming_loss", "subset_accuracy", "selection_rate"):
            n, worst = 500 - e.missing, 2.0 if (task, e.metric) == ("multiclass", "brier_score") else 1.0
            assert e.bound_low == pytest.approx(e.value * n / 500)
            assert e.bound_high == pytest.approx((e.value * n + worst * e.missing) / 500)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("side", ["target", "prediction"])
def test_one_class_only(task: str, side: str) -> None:
    a, b = MAKERS[task](400)
    for table in (a, b):
        table[side] = np.full(400, {"binary": 0, "multiclass": "ant"}[task])
    result = compared(task, a, b, metrics=names(task), by=["sex"])
    sane(result)
    found = estimates(result)
    assert found["b", "matthews_corrcoef", ()].value is None
    if (task, side) == ("binary", "target"):
        for name in ("recall", "false_negative_rate", "roc_auc", "average_precision", "ks"):
            assert found["b", name, ()].value is None
            assert found["b", name, ()].reason


@every_task
def test_perfect_predictions(task: str) -> None:
    a, b = MAKERS[task](400)
    for name in b:
        if name.startswith("prediction"):
            b[name] = PERFECT.get(task, np.asarray)(b[name.replace("prediction", "target")])
    if task == "binary":
        b["score"] = np.asarray(b["target"], dtype=float)
    result = compared(task, a, b, metrics=names(task), by=["sex"])
    sane(result)
    best = {"mean_error": 0.0, "selection_rate": None, "prevalence": None, "bleu": 100.0, "chrf": 100.0}
    for metric in every_metric():
        if task in metric.tasks and not (metric.needs_scores and task != "binary"):
            value = best.get(metric.name, 1.0 if metric.higher_is_better else 0.0)
            found = estimates(result)["b", metric.name, ()].value
            assert value is None or found == pytest.approx(value, abs=1e-15), metric.name


def test_constant_scores_and_ties() -> None:
    a, b = MAKERS["binary"](400)
    a["score"], b["score"] = np.full(400, 0.5), np.asarray(b["score"]).round(1)
    result = compared("binary", a, b, metrics=names("binary"), by=["sex"])
    sane(result)
    found = estimates(result)
    assert found["a", "roc_auc", ()].value == 0.5
    assert found["a", "ks", ()].value == 0.0
    assert found["a", "average_precision", ()].value == pytest.approx(np.mean(a["target"]))
    assert found["a", "log_loss", ()].value == pytest.approx(math.log(2))


def test_a_target_that_does_not_vary_has_no_r2() -> None:
    a, b = MAKERS["regression"](400)
    for table in (a, b):
        table["target"] = np.where(np.asarray(table["sex"]) == "F", 3.25, table["target"])
    result = compared("regression", a, b, by=["sex"])
    sane(result)
    found = estimates(result)
    assert found["b", "r2", (("sex", "F"),)].value is None
    assert found["b", "r2", (("sex", "M"),)].value is not None


def test_very_few_rows() -> None:
    for task in TASKS:
        for n in (1, 3):
            a, b = MAKERS[task](60, seed=n)
            sane(compared(task, take(a, np.arange(n)), take(b, np.arange(n)), by=["sex"]))


# Adding up


@pytest.mark.parametrize("parts", [2, 5])
def test_moments_add_up_over_disjoint_rows(parts: int) -> None:
    rng = np.random.default_rng(parts)
    values = rng.lognormal(3, 1, (400, 3))
    where = rng.integers(0, parts, 400)
    centres = np.array([1e6, 20.0, 0.0])
    values[:, 0] += 1e6
    whole = moments(values, centres=centres)
    split = [moments(values[where == k], centres=centres) for k in range(parts)]
    total = split[0]
    for part in split[1:]:
        total = total + part
    assert total.n.tolist() == whole.n.tolist() == [400]
    np.testing.assert_allclose(total.means, whole.means, rtol=1e-13)
    np.testing.assert_allclose(total.covariance, whole.covariance, rtol=1e-10)
    np.testing.assert_allclose(whole.covariance[0], np.cov(values.T), rtol=1e-9)
    np.testing.assert_allclose(
        moments(values, centres=centres, codes=where, n_slices=parts).sums.sum(axis=0), whole.sums[0]
    )
    with pytest.raises(ValueError, match="same centres"):
        whole + moments(values)


@every_task
def test_counts_of_slices_add_up(task: str) -> None:
    for grouping in ({"sex"}, {"region"}, {"sex", "region"}):
        total: dict[tuple[str, str], list[int]] = {}
        for e in usual(task).estimates:
            if set(e.slice) == grouping and e.metric in (
                "accuracy",
                "root_mean_squared_error",
                "f1_micro",
                "latency_ms.p50",
            ):
                held = total.setdefault((e.model, e.metric), [0, 0])
                held[0] += e.n
                held[1] += e.missing
        assert total
        assert all(counts == [900, 0] for counts in total.values())
