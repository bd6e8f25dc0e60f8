"""The stopping rule laid over an experiment: where it is, which looks were taken, what may be read now."""

import math
import re
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from seatrial.experiments.monitoring import monitoring
from seatrial.experiments.stopping import (
    Clock,
    Unread,
    clock,
    looks_taken,
    monitored,
    not_ready,
    planned_error,
    spending_clock,
)
from seatrial.experiments.table import Daily
from seatrial.records.plan import Sizing
from seatrial.stats.group_sequential import boundaries
from seatrial.stats.means import IndependentMeans
from seatrial.stats.monitored import GroupSequential

from .by_hand import a_plan, arm_means, ask, check, effect, observe, readout, whole

REVENUE = "metrics: {revenue: mean(revenue)}\nminimum_effect: 5%\n"
LOOKS = "stopping: {rule: group-sequential, looks: 5}\n"
QUANTILE = float(stats.norm.isf(0.025) + stats.norm.isf(0.2))
SD = 5.0


def units_at(fraction: float, *, control: float = 10.0, effect_of: float = 0.05) -> int:
    """Units per arm at which 1/se^2 is that share of the planned (se = effect / (z + z))."""
    error = effect_of * control / QUANTILE / math.sqrt(fraction)
    return round(2 * SD**2 / error**2)


# Where it is


@pytest.mark.parametrize(
    ("days", "finished"), [(0.1, False), (6.99, False), (13.4, False), (13.6, True), (14.0, True), (20.0, True)]
)
def test_the_clock_by_days_forgives_half_a_day(days: float, finished: bool) -> None:
    now = clock(a_plan(REVENUE), days=days, smallest_arm=0)
    assert now.finished is finished
    assert now.sentence == f"day {min(math.ceil(days), 14)} of 14"


def test_a_one_day_test_ends_with_its_day() -> None:
    plan = a_plan(REVENUE + "days: 1\n")
    assert not clock(plan, days=0.7, smallest_arm=0).finished
    assert clock(plan, days=0.99, smallest_arm=0).finished


def test_without_days_the_planned_units_are_the_clock() -> None:
    sizing = Sizing(metric="revenue", source="history", units={"A": 9000, "B": 1000}, deciding="revenue")
    plan = a_plan(REVENUE, sizing=sizing, days=None)
    assert clock(plan, days=3.0, smallest_arm=999) == Clock(
        finished=False, share=0.999, sentence="999 of 1,000 planned units in the smallest arm"
    )
    assert clock(plan, days=None, smallest_arm=1000).finished


@pytest.mark.parametrize("rule", ["fixed", "hybrid", "anytime", "group-sequential"])
def test_a_plan_that_names_neither_days_nor_units_never_ends_but_for_the_fixed_rule(rule: str) -> None:
    plan = a_plan(REVENUE + f"stopping: {rule}\n", days=None)
    assert clock(plan, days=100.0, smallest_arm=10**9).finished is (rule == "fixed")


def test_the_planned_error_is_the_one_the_sample_size_was_made_for() -> None:
    plan = a_plan(REVENUE)
    assert planned_error(0.5, plan) == pytest.approx(0.5 / QUANTILE, rel=1e-12)
    sizing = Sizing(metric="revenue", source="history", deciding="revenue", power_each=0.9, inflation=1.21)
    sized = plan.model_copy(update={"sizing": sizing})
    reach = stats.norm.isf(0.025) + stats.norm.isf(0.1)
    assert planned_error(0.5, sized) == pytest.approx(0.5 / reach / 1.1, rel=1e-12)
    assert math.isnan(planned_error(0.0, plan))
    assert math.isnan(planned_error(math.nan, plan))


# Looks


FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize(
    ("history", "final", "fractions"),
    [
        ([0.2], False, (0.2,)),
        ([0.185], False, (0.185,)),  # within the tolerance
        ([0.1, 0.25, 0.45], False, (0.25, 0.45)),
        ([0.1, 0.5], False, (0.5,)),  # two looks were reached in one day: one look
        ([0.1, 0.3, 0.5, 0.7, 0.9, 1.3], True, (0.3, 0.5, 0.7, 0.9, 1.3)),  # overrun
        ([0.1, 0.3], True, (0.3,)),  # a look and the end at once
        ([0.1, 0.12], True, (0.12,)),  # the end far before the planned information
        ([0.3, 0.5, 50.0], True, (0.3, 0.5, 50.0)),
        ([math.nan, 0.3, 0.5], False, (0.3, 0.5)),
        ([0.3, math.nan], True, (0.3, 1.0)),
    ],
)
def test_a_look_is_the_first_day_that_reaches_it(
    history: list[float], final: bool, fractions: tuple[float, ...]
) -> None:
    found = looks_taken(FIVE, history, final=final)
    assert found.why is None
    assert found.fractions == pytest.approx(fractions)
    assert found.final is final


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([0.1], "the first look of the plan is at 20 % of the planned information, and this is 10 %"),
        ([0.1, 0.25, 0.3], "look 1 was reached on d2 (read it --as-of that day), the next is at 40 %"),
        ([0.9, 0.95], "look 4 was reached on d1 (read it --as-of that day), the next is the planned end"),
        ([0.9, 5.0], "look 4 was reached on d1"),  # the planned information is there, the planned end is not
        ([math.nan], "how far this is cannot be told"),
    ],
)
def test_between_two_looks_nothing_is_read_and_it_says_when(history: list[float], said: str) -> None:
    days = tuple(f"d{k + 1}" for k in range(len(history)))
    found = looks_taken(FIVE, history, final=False, days=days)
    assert found.why is not None
    assert said in found.why


def test_without_an_end_the_planned_information_is_the_end() -> None:
    assert looks_taken(FIVE, [0.5, 1.05], final=False, open_ended=True).final
    after = looks_taken(FIVE, [0.5, 1.05, 1.2], final=False, open_ended=True, days=("a", "b", "c"))
    assert after.why == "the last look of the plan was reached on b (read it --as-of that day)"


def test_information_that_falls_still_gives_rising_looks() -> None:
    """A metric whose variance grows while users stay: the last look spends what is left, just after the one before."""
    found = looks_taken(FIVE, [0.5, 0.45, 0.42], final=True)
    assert found.fractions == pytest.approx((0.5, 0.501))
    assert np.isfinite(boundaries(found.fractions, final=True)).all()


def test_the_clock_of_the_looks_is_information_but_never_ahead_of_time() -> None:
    """Revenue so far is small and known well on the first days: no reason to spend all alpha on day one."""
    days = np.arange(1, 5) / 4
    fast, slow = np.array([2.4, 1.5, 1.1, 0.9]), np.array([0.1, 0.2, 0.3, 0.4])
    assert spending_clock(fast, days, final=False).tolist() == [0.25, 0.5, 0.75, 0.9]
    assert spending_clock(slow, days, final=False).tolist() == slow.tolist()
    assert spending_clock(slow, days, final=True).tolist() == [0.1, 0.2, 0.3, 1.0]
    assert spending_clock(2 * fast, days, final=True).tolist() == [0.25, 0.5, 0.75, 1.8]
    assert spending_clock(np.array([np.nan, 0.2]), np.array([np.nan, np.nan]), final=False).tolist()[1] == 0.2


def test_a_metric_that_adds_up_does_not_end_the_test_on_its_first_day() -> None:
    """Absolute minimum effect of 0.5, revenue so far from 1 to 14: day one has 196 times the precision of the end."""
    cells = [[(200 * d, 1.0 * d + 0.3 * arm, 1.0 * d) for d in range(1, 15)] for arm in (0, 1)]
    days = tuple(f"2026-03-{k + 1:02d}" for k in range(14))
    means = arm_means(cells)
    plan = a_plan("metrics: {revenue: mean(revenue)}\nminimum_effect: 0.5\n" + LOOKS)
    daily = {"revenue": Daily(name="revenue", days=days, means=means)}
    taken = monitoring(observe({"revenue": means.at(-1)}, daily=daily), ask(plan)).taken
    assert next(iter(taken)) == days[2]  # 3 of 14 days
    assert list(taken)[-1] == days[-1]
    assert all(one.fractions[-1] <= (k + 1) / 14 + 1e-9 for k, d in enumerate(days[:-1]) if (one := taken.get(d)))


def test_early_looks_wait_for_the_units_that_their_far_tails_need() -> None:
    """An arm of 240 units with a skewness of 6: its 4.9 standard errors are no 1e-6; the end is one ordinary look."""
    plan = a_plan(REVENUE + LOOKS)
    arms = arm_means([[(4560, 10.0, SD)], [(240, 14.0, SD)]], skewness=6.0)
    early = readout(observe({"revenue": arms}, days=5.0), ask(plan))
    assert "not ready yet" in str(effect(early, "revenue").reason)
    assert readout(observe({"revenue": arms}), ask(plan)).verdict.status == "pass"


def test_reading_on_every_day_spends_no_more_than_alpha() -> None:
    """The worst stopping time over 28 daily readings of five looks: 6.2 % if each day were a look of its own."""
    rng = np.random.default_rng(0)
    days, many = 28, 100_000
    z = np.cumsum(rng.standard_normal((many, days)), axis=1) / np.sqrt(np.arange(1, days + 1))
    history = [(d + 1) / days for d in range(days)]
    crossed = np.zeros(many, dtype=bool)
    for d in range(days):
        looks = looks_taken(FIVE, history[: d + 1], final=d == days - 1)
        if looks.why is None:
            crossed |= np.abs(z[:, d]) > boundaries(looks.fractions, final=looks.final)[-1]
    assert 0.045 < crossed.mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / many)


# What may be read


def one_contrast(z: float = 3.0) -> IndependentMeans:
    one = np.ones(1)
    return IndependentMeans(
        candidate=10 * one + z * math.sqrt(0.02), baseline=10 * one, var_candidate=0.01 * one, var_baseline=0.01 * one,
        df_candidate=1e9 * one, df_baseline=1e9 * one, reasons=(None,),
    )  # fmt: skip


def test_what_may_not_be_read_has_a_difference_an_endless_interval_and_p_1() -> None:
    waiting = Clock(finished=False, share=0.5, sentence="day 7 of 14")
    read = monitored(one_contrast(), a_plan(REVENUE), fraction=np.ones(1), now=waiting, higher_is_better=True)
    assert isinstance(read, Unread)
    assert read.difference == one_contrast().difference
    for alpha in (0.2, 0.05, 1e-6):
        assert [float(x[0]) for x in read.interval(alpha)] == [-math.inf, math.inf]
    assert read.p_value(0.3).tolist() == read.against(0.9).p_value(0.0).tolist() == [1.0]
    assert "day 7 of 14" in read.why
    assert read.at(0).why == read.why


def test_group_sequential_at_its_looks_reads_the_published_boundaries() -> None:
    """Lan-DeMets of the O'Brien-Fleming type, five looks: 4.8769, 3.3570, 2.6803, 2.2898, 2.0310 (STATISTICS 3.7)."""
    plan = a_plan(REVENUE + LOOKS)
    published = (4.8769, 3.3570, 2.6803, 2.2898, 2.0310)
    for k, boundary in enumerate(published):
        now = Clock(finished=k == 4, share=FIVE[k], sentence="")
        looks = looks_taken(FIVE, FIVE[: k + 1], final=k == 4)
        for z, outside in ((boundary + 0.003, True), (boundary - 0.003, False)):
            read = monitored(one_contrast(z), plan, fraction=np.ones(1), now=now, higher_is_better=True, looks=looks)
            assert (float(read.interval(0.05)[0][0]) > 0) is outside, (k, z)
            assert (float(read.p_value()[0]) < 0.05) is outside


def by_days(fractions: tuple[float, ...], differences: tuple[float, ...]) -> Any:
    """A metric over days with such information, and its last day as the whole."""
    cells = [
        [(units_at(f), 10.0 + (arm * d), SD) for f, d in zip(fractions, differences, strict=True)] for arm in (0, 1)
    ]
    means = arm_means(cells)
    days = tuple(f"2026-03-{k + 1:02d}" for k in range(len(fractions)))
    return means.at(-1), Daily(name="revenue", days=days, means=means)


def test_the_readout_of_a_group_sequential_plan_day_by_day() -> None:
    plan = a_plan(REVENUE + LOOKS + "days: 6\n")  # the information never runs ahead of time
    history, gains = (0.1, 0.22, 0.3, 0.45, 0.65), (0.0, 0.9, 0.9, 0.9, 0.9)
    status, reasons = [], []
    for day in range(1, 6):
        last, daily = by_days(history[:day], gains[:day])
        found = readout(observe({"revenue": last}, daily={"revenue": daily}, days=float(day)), ask(plan))
        status.append(found.verdict.status)
        reasons.append(check(found, "revenue").reason)
        assert (found.sequences[0].decided_on is not None) == (day >= 4)
    assert status == ["inconclusive", "inconclusive", "inconclusive", "pass", "pass"]
    assert "the first look of the plan is at 20 %" in reasons[0]
    assert "cannot be compared" not in reasons[1]  # a look, not crossed
    assert "look 1 was reached on 2026-03-02 (read it --as-of that day), the next is at 40 %" in reasons[2]


@pytest.mark.parametrize("last", [0.5, 1.0, 1.4, 40.0])
def test_underrun_overrun_and_far_beyond_the_plan_end_with_all_alpha_spent(last: float) -> None:
    plan = a_plan(REVENUE + LOOKS)
    critical = float(boundaries((0.3, 0.45, last), final=True)[-1])
    for z, status in ((critical + 0.02, "pass"), (critical - 0.02, "inconclusive")):
        error = SD * math.sqrt(2 / units_at(last))
        means, daily = by_days((0.1, 0.3, 0.45, last), (0.0, 0.0, 0.0, z * error))
        found = readout(observe({"revenue": means}, daily={"revenue": daily}), ask(plan))
        expected = status if z > critical or last < 2 else "fail"  # far beyond: no gain worth having
        assert found.verdict.status == expected, (last, z, found.verdict.sentence)


def unbiased(z: float, fractions: tuple[float, ...], critical: np.ndarray, target: float) -> float:
    """The drift at which P(stop above earlier, or Z >= z at the last look) = target, by SciPy's normal."""
    times = np.array(fractions)
    corr = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    mean = np.sqrt(times)

    def above(drift: float) -> float:
        total = 0.0
        for k in range(len(times)):
            edge = np.array([*critical[:k], z if k == len(times) - 1 else critical[k]])
            # P(-c <= Z_j <= c for j < k, Z_k >= edge)
            low = np.array([*(-critical[:k]), edge[-1]])
            high = np.array([*critical[:k], 12.0 + drift])
            total += stats.multivariate_normal.cdf(
                high - drift * mean[: k + 1], cov=corr[: k + 1, : k + 1], lower_limit=low - drift * mean[: k + 1],
                abseps=1e-9, releps=1e-9, rng=np.random.default_rng(0),
            )  # fmt: skip
        return total

    return float(optimize.brentq(lambda drift: above(drift) - target, -10, 12, xtol=1e-7))


def test_a_test_that_stops_shows_its_median_unbiased_estimate() -> None:
    plan = a_plan(REVENUE + LOOKS + "days: 6\n")
    history = (0.25, 0.5)
    critical = boundaries(history)
    error = SD * math.sqrt(2 / units_at(0.5))
    means, daily = by_days(history, (0.0, 3.4 * error))
    observed = observe({"revenue": means}, daily={"revenue": daily}, days=8.0)
    one = effect(readout(observed, ask(plan)), "revenue")
    (note,) = (note for note in one.notes if "median-unbiased" in note)
    value, low, high = (float(x) for x in re.findall(r"[+-][\d.]+", note))
    exact = GroupSequential(inner=one_contrast(3.4), fractions=history).stopped()
    for shown, mine, target in zip((value, low, high), exact, (0.5, 0.025, 0.975), strict=False):
        drift = unbiased(3.4, history, critical, target)
        assert float(mine[0]) == pytest.approx(drift * math.sqrt(0.02 * 0.5), abs=2e-5)
        assert shown == pytest.approx(drift * error * math.sqrt(0.5), abs=0.051)  # one digit is shown
    assert 0 < float(exact[1][0]) < float(exact[0][0]) < 3.4 * math.sqrt(0.02)


def test_a_test_that_goes_on_has_no_such_note() -> None:
    means, daily = by_days((0.25, 0.5), (0.0, 0.0))
    observed = observe({"revenue": means}, daily={"revenue": daily}, days=8.0)
    assert effect(readout(observed, ask(a_plan(REVENUE + LOOKS))), "revenue").notes == ()


def test_information_that_nobody_knows_is_not_read_as_the_end() -> None:
    """A control without events has no share to detect; without days there is no clock at all: nothing may be read."""
    plan = a_plan("metrics: {buys: mean(bought == 1)}\nminimum_effect: 5%\n" + LOOKS, days=None)
    found = readout(observe({"buys": whole((500, 0), (500, 30))}, days=3.0), ask(plan))
    assert found.verdict.status == "inconclusive"
    assert effect(found, "buys").low is None


def test_one_clock_for_all_metrics_and_the_least_over_the_arms() -> None:
    plan = a_plan("metrics: {a: mean(a), b: mean(b)}\nprimary: a\nguardrails: [b]\nminimum_effect: 5%\n" + LOOKS
                  + "arms: {A: 1, B: 1, C: 1}\n")  # fmt: skip
    cells = [[(units_at(0.5), 10.0, SD)], [(units_at(0.5), 10.0, SD)], [(units_at(0.5) // 3, 10.0, SD)]]
    observed = observe({"a": arm_means(cells), "b": arm_means(cells)}, arms=("A", "B", "C"), days=5.0)
    looks = monitoring(observed, ask(plan)).looks
    assert looks is not None
    n = units_at(0.5)
    assert looks.fractions[-1] == pytest.approx(0.5 * (2 / n) / (1 / n + 1 / (n // 3)), rel=0.01)


# Readiness


def test_an_arm_needs_units_and_a_rate_expected_events() -> None:
    plan = a_plan("metrics: {buys: mean(bought == 1)}\nminimum_effect: 5%\nstopping: anytime\n")
    for rate, needed in ((0.01, 2500), (0.5, 100)):
        for n, ready in ((needed + 30, True), (needed - 30, False)):
            arms = whole((100_000, 100_000 * rate), (n, n * rate))
            assert (not_ready(arms, 1, plan, "buys")[0] is None) is ready, (rate, n)


def test_the_planned_rate_goes_before_the_observed() -> None:
    """25 *expected* events: the observed ones must not choose when to look."""
    sizing = Sizing(metric="buys", control_value=0.01, source="history", deciding="buys")
    plan = a_plan("metrics: {buys: mean(bought == 1)}\nminimum_effect: 5%\nstopping: anytime\n", sizing=sizing)
    assert not_ready(whole((2000, 400), (2000, 400)), 1, plan, "buys")[0] is not None
    assert not_ready(whole((2500, 0), (2500, 0)), 1, plan, "buys")[0] is None


def test_hybrid_asks_more_than_anytime_of_a_skewed_metric() -> None:
    arms = arm_means([[(1500, 10.0, 5.0)], [(1500, 10.0, 5.0)]], skewness=6.0)
    for rule, ready in (("anytime", True), ("hybrid", False)):
        plan = a_plan(REVENUE + f"stopping: {rule}\n")
        assert (not_ready(arms, 1, plan, "revenue")[0] is None) is ready
