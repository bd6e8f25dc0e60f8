"""What holds of every metric there is: a new one is tested by its place in the catalogue before anyone writes a test."""

import math
from functools import lru_cache

import numpy as np
import pytest
from tests.contracts.tables import DERIVED, MAKERS, OPERATIONAL, Table, names, take

import seatrial as st
from seatrial.metrics.base import Banded
from seatrial.metrics.catalogue import every_metric
from seatrial.records import Effect, Estimate

TASKS = tuple(MAKERS)
Key = tuple[str, str, tuple[tuple[str, str], ...]]

every_task = pytest.mark.parametrize("task", TASKS)
SLOW = {"ks"}
"""Bootstrapped on every slice; measured on all rows here and in its own tests."""
NOT_DIRECTED = {metric.name for metric in every_metric() if not metric.directed}
NOT_COMPARED = {metric.name for metric in every_metric() if isinstance(metric, Banded)}
POSITIVE = {"binary": "1"}


def quick(task: str) -> list[str]:
    return [name for name in names(task) if name not in SLOW]


def compared(task: str, a: Table, b: Table, **options) -> st.Result:
    options.setdefault("metrics", quick(task))
    return st.compare(a, b, positive=POSITIVE.get(task), task=task, examples=0, **options)


@lru_cache(maxsize=None)
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
        elif limits and x.metric not in but and not (
            near(x.low, y.low, to=1e3 * to, scale=scale) and near(x.high, y.high, to=1e3 * to, scale=scale)
        ):
            found.append(f"{key}: limits {x.low}..{x.high}, {y.low}..{y.high}")
    before, after = effects(first), effects(second)
    found += [f"{key}: effect in one of the two only" for key in before.keys() ^ after.keys()]
    for key in before.keys() & after.keys():
        e, f = before[key], after[key]
        scale = max(abs(e.baseline_value or 0), abs(e.difference or 0))
        if not near(e.difference, f.difference, to=to, scale=scale) or e.word != f.word or e.reason != f.reason:
            found.append(f"{key}: effect {e.difference} {e.word} {e.reason}, {f.difference} {f.word} {f.reason}")
        elif limits and e.metric not in but and not (
            near(e.low, f.low, to=1e3 * to, scale=scale)
            and near(e.high, f.high, to=1e3 * to, scale=scale)
            and near(e.p_value, f.p_value, to=1e4 * to)
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
        assert near(e.baseline_value, a.value) and near(e.candidate_value, b.value)
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
        assert near(e.low, -f.high, to=1e-8, scale=scale) and near(e.high, -f.low, to=1e-8, scale=scale), (e, f)
        assert near(e.p_value, f.p_value, to=1e-6), (e, f)
        if not e.margin_is_relative:
            assert f.word == opposite.get(e.word, e.word)


# The same rows said in another way


@every_task
def test_the_order_of_rows_does_not_matter(task: str) -> None:
    a, b = MAKERS[task]()
    rng = np.random.default_rng(5)
    shuffled = [take(table, rng.permutation(len(table["id"]))) for table in (a, b)]
    assert unlike(usual(task), compared(task, *shuffled, by=["sex", "region"], cross=2), to=1e-12) == []


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
