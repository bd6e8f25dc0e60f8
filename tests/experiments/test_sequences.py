"""What could have been seen on each day agrees with what a readout as of that day says."""

import math
from typing import Any

import numpy as np
import pytest

from seatrial.experiments.table import Daily
from seatrial.records.readout import Readout, Sequence
from seatrial.stats.confidence_sequences import sequence_boundary

from .by_hand import a_plan, arm_means, ask, check, effect, observe, readout

TWO_METRICS = "metrics: {revenue: mean(revenue), ms: {formula: mean(ms), lower_is_better: true}}\n"
TWO = TWO_METRICS + "primary: revenue\nguardrails: [ms]\nminimum_effect: 5%\n"
DAYS = tuple(f"2026-03-{k + 1:02d}" for k in range(14))


def growing(seed: int = 0, *, gain: float = 0.35, first: int = 400) -> dict[str, Daily]:
    """Units arrive over 14 days; revenue per unit grows with the days, so its control and its spread do too."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, scale in (("revenue", 1.0), ("ms", 0.0)):
        cells = []
        for arm in (0, 1):
            own = []
            for day in range(14):
                n = first * (day + 1)
                level = 4 + 0.5 * day if scale else 200.0
                sd = level * (0.6 if scale else 0.5)
                shift = arm * (gain * level / 10 if scale else 0.4)
                own.append((n, level + shift + rng.normal(0, sd / math.sqrt(n)) * 0.3, sd))
            cells.append(own)
        made[name] = Daily(name=name, days=DAYS, means=arm_means(cells))
    return made


def upto(daily: dict[str, Daily], day: int) -> Any:
    """The observation as of the end of that day (1 to 14)."""
    cut = {name: Daily(name=name, days=one.days[:day], means=_first(one, day)) for name, one in daily.items()}
    return observe({name: one.means.at(-1) for name, one in cut.items()}, daily=cut, days=float(day))


def _first(one: Daily, day: int) -> Any:
    import dataclasses

    fields = {f.name: getattr(one.means, f.name) for f in dataclasses.fields(one.means)}
    return type(one.means)(**{k: v[:, :, :day] if isinstance(v, np.ndarray) else v for k, v in fields.items()})


def sequence(found: Readout, metric: str) -> Sequence:
    return next(one for one in found.sequences if one.metric == metric)


@pytest.mark.parametrize("rule", ["anytime", "hybrid", "group-sequential", "fixed"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_day_it_names_is_the_day_on_which_a_readout_would_have_decided(rule: str, seed: int) -> None:
    plan = a_plan(TWO + f"stopping: {rule}\n")
    daily = growing(seed)
    whole = readout(upto(daily, 14), ask(plan))
    for metric, role in (("revenue", "success"), ("ms", "guardrail")):
        decided = None
        for day in range(1, 15):
            status = check(readout(upto(daily, day), ask(plan)), metric, role).status
            if status != "inconclusive":
                decided = DAYS[day - 1]
                break
        assert sequence(whole, metric).decided_on == decided, metric


@pytest.mark.parametrize("rule", ["anytime", "group-sequential"])
def test_the_looks_are_the_intervals_of_the_readouts_of_their_days(rule: str) -> None:
    plan = a_plan(TWO + f"stopping: {rule}\n")
    daily = growing()
    found = sequence(readout(upto(daily, 14), ask(plan)), "revenue")
    assert [look.day for look in found.looks] == list(DAYS)
    read = 0
    for day in range(1, 15):
        one, look = effect(readout(upto(daily, day), ask(plan)), "revenue"), found.looks[day - 1]
        assert look.difference == one.difference
        assert look.units == one.n
        if rule == "anytime" or look.low is not None:
            # the clock of a past day is counted back from now: its last bits may differ
            assert (look.low, look.high, look.p_value) == pytest.approx((one.low, one.high, one.p_value), rel=1e-9)
            read += 1
        else:
            assert one.low is None
        assert look.fixed_low is not None
    assert read == (14 if rule == "anytime" else len({d for d in DAYS} & _looks(daily, plan)))


def _looks(daily: dict[str, Daily], plan: Any) -> set[str]:
    from seatrial.experiments.monitoring import monitoring

    return set(monitoring(upto(daily, 14), ask(plan)).taken)


def test_the_clock_of_each_day_is_what_was_known_then() -> None:
    """The minimum effect is a share of the control, which grows: the target of day 3 is 5 % of day 3's control."""
    plan = a_plan(TWO + "stopping: anytime\n")
    daily = growing()
    found = sequence(readout(upto(daily, 14), ask(plan)), "revenue")
    means = daily["revenue"].means
    for day in (0, 6, 13):
        error = math.sqrt(means.variance[0, 0, day] + means.variance[1, 0, day])
        share = (0.05 * means.value[0, 0, day] / 2.801585218 / error) ** 2
        look = found.looks[day]
        assert look.information == pytest.approx(share, rel=1e-6)
        half = error * float(sequence_boundary(share, alpha=0.05))
        assert (look.low, look.high) == pytest.approx((look.difference - half, look.difference + half), rel=1e-6)  # type: ignore[operator]


def test_no_end_is_claimed_by_counting_calendar_days() -> None:
    """Twelve and a half days touch 14 dates: the readout waits, and so does the sequence."""
    plan = a_plan(TWO + "stopping: fixed\n")
    daily = growing(gain=3.0)
    observed = observe({k: v.means.at(-1) for k, v in daily.items()}, daily=daily, days=12.5)
    found = readout(observed, ask(plan))
    assert found.verdict.status == "inconclusive"
    assert sequence(found, "revenue").decided_on is None
    assert sequence(found, "revenue").looks[-1].low is None


def test_the_family_has_its_say_over_the_days_too() -> None:
    """Two success metrics: Holm's level decides; the day must not be named at a level that the check does not use."""
    text = TWO_METRICS + "primary: [revenue, ms]\nminimum_effect: 5%\n"
    plan = a_plan(text + "stopping: anytime\n")
    found = readout(upto(growing(), 14), ask(plan))
    for one in found.sequences:
        assert one.level == effect(found, one.metric).level
        last = one.looks[-1]
        mine = effect(found, one.metric)
        assert (last.low, last.high) == (mine.low, mine.high)


def test_without_a_plan_the_fixed_intervals_are_for_orientation() -> None:
    from seatrial.records import Rule

    found = readout(
        upto(growing(), 14),
        ask(metrics=["revenue", "ms"], rules=[Rule(metric="revenue", role="success")]),
    )
    one = sequence(found, "revenue")
    assert {(look.low, look.high) for look in one.looks} == {(None, None)}
    assert all(look.fixed_low is not None for look in one.looks)
    assert one.decided_on is None
    assert "Without a plan" in one.sentence
    assert [s.metric for s in found.sequences] == ["revenue"]


def test_progress_tracks_precision() -> None:
    plan = a_plan(TWO + "stopping: hybrid\n")
    half = sequence(readout(upto(growing(first=100), 7), ask(plan)), "revenue")
    assert half.progress is not None
    assert half.progress == half.looks[-1].information
    assert half.progress_sentence == f"precision {100 * round(half.progress, 2):.4g} % of target"


def test_a_metric_with_a_bound_only_has_no_sequence_of_its_effect() -> None:
    plan = a_plan(TWO_METRICS + "primary: revenue\nguardrails: [ms below 300]\nminimum_effect: 5%\n")
    assert [one.metric for one in readout(upto(growing(), 14), ask(plan)).sequences] == ["revenue"]


def test_many_days_are_thinned_evenly_and_the_ends_are_kept() -> None:
    cells = [[(100 + d, 10.0, 5.0) for d in range(200)] for _ in (0, 1)]
    days = tuple(f"day {d + 1}" for d in range(200))
    daily = {"revenue": Daily(name="revenue", days=days, means=arm_means(cells))}
    observed = observe({"revenue": daily["revenue"].means.at(-1)}, daily=daily, days=200.0)
    plan = a_plan("metrics: {revenue: mean(revenue)}\nminimum_effect: 5%\ndays: 200\nstopping: anytime\n")
    (one,) = readout(observed, ask(plan)).sequences
    assert (one.looks[0].day, one.looks[-1].day, len(one.looks)) == ("day 1", "day 200", 60)


def test_a_day_without_units_in_an_arm_has_a_reason() -> None:
    cells = [[(50, 10.0, 5.0), (900, 10.0, 5.0)], [(0, 0.0, 0.0), (900, 10.0, 5.0)]]
    daily = {"revenue": Daily(name="revenue", days=DAYS[:2], means=arm_means(cells))}
    observed = observe({"revenue": daily["revenue"].means.at(-1)}, daily=daily, days=2.0)
    plan = a_plan("metrics: {revenue: mean(revenue)}\nminimum_effect: 5%\nstopping: anytime\n")
    (one,) = readout(observed, ask(plan)).sequences
    assert one.looks[0].reason == "no units in one of the two arms"
    assert one.looks[0].difference is None
    assert one.looks[1].low is not None
