"""Segments: the interaction before any level, families of registered and explored levels, rules on a segment."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from seatrial.effects.families import success_family
from seatrial.records import ExperimentMetric, Rule

from .by_hand import Cells, a_plan, arm_means, ask, check, effect, observe, readout

REVENUE = "metrics: {revenue: mean(revenue)}\nminimum_effect: 5%\n"
SD = 5.0
N = 2000


def split(*means: tuple[float, float], n: int = N) -> Any:
    """Levels given as (mean of A, mean of B), and all units together."""
    cells: Cells = [[(n, pair[arm], SD) for pair in means] for arm in (0, 1)]
    total: Cells = [[(n * len(means), float(np.mean([pair[arm] for pair in means])), SD)] for arm in (0, 1)]
    return {(): arm_means(total), ("country",): arm_means(cells)}


def p_of(a: float, b: float, n: int = N) -> float:
    return float(stats.ttest_ind_from_stats(b, SD, n, a, SD, n, equal_var=False).pvalue)


def test_the_interaction_is_the_wald_test_of_the_levels() -> None:
    levels = ((10.0, 10.4), (10.0, 9.6), (10.0, 10.1))
    observed = observe({"revenue": split(*levels)}, levels={"country": ("DE", "FR", "PL")})
    (test,) = readout(observed, ask(a_plan(REVENUE + "segments: [country]\n"))).segment_tests
    d = np.array([b - a for a, b in levels])
    variance = 2 * SD**2 / N
    q = float(((d - d.mean()) ** 2 / variance).sum())
    assert test.df == 2
    assert test.p_value == pytest.approx(stats.chi2.sf(q, 2), rel=0.02)  # Welch's F is a little more careful
    assert test.planned
    assert "highest in DE, lowest in FR" in test.sentence


def test_a_pair_of_opposite_effects_is_found_though_the_whole_shows_nothing() -> None:
    observed = observe({"revenue": split((10.0, 10.4), (10.0, 9.6), n=4000)}, levels={"country": ("DE", "FR")})
    found = readout(observed, ask(a_plan(REVENUE + "segments: [country]\n")))
    assert effect(found, "revenue").word == "no meaningful difference"
    assert found.segment_tests[0].adjusted_p_value is not None
    assert found.segment_tests[0].adjusted_p_value < 1e-6
    words = {one.segment: one.word for one in found.effects if one.slice}
    assert words == {"country=DE": "better", "country=FR": "worse"}


def test_registered_levels_share_alpha_by_holm_and_explored_ones_a_false_discovery_rate() -> None:
    levels = ((10.0, 10.37), (10.0, 10.33), (10.0, 10.0), (10.0, 10.05))
    names = ("DE", "FR", "PL", "ES")
    observed = observe({"revenue": split(*levels)}, levels={"country": names})
    p = [p_of(a, b) for a, b in levels]
    registered = readout(observed, ask(a_plan(REVENUE + "segments: [country]\n")))
    family = success_family(p, alpha=0.05)
    for name, (alpha, adjusted) in zip(names, family, strict=True):
        one = effect(registered, "revenue", {"country": name})
        assert one.level == pytest.approx(1 - alpha)
        assert one.adjusted_p_value == pytest.approx(adjusted, rel=1e-9)
        assert one.planned
    explored = readout(observed, ask(a_plan(REVENUE), segments=["country"]))
    bh = stats.false_discovery_control(p)
    assert sum(bh < 0.1) == 2
    for name, q in zip(names, bh, strict=True):
        one = effect(explored, "revenue", {"country": name})
        assert one.adjusted_p_value == pytest.approx(q, rel=1e-9)
        assert one.level == pytest.approx(1 - 2 * 0.1 / 4)
        assert (one.word == "better") == (q < 0.1)
        assert (one.exploratory, one.planned) == (True, False)


def test_two_registered_columns_share_alpha_in_equal_parts() -> None:
    both = split((10.0, 10.37), (10.0, 10.0))
    both["device",] = both["country",]
    observed = observe({"revenue": both}, levels={"country": ("DE", "FR"), "device": ("ios", "web")})
    found = readout(observed, ask(a_plan(REVENUE + "segments: [country, device]\n")))
    p = [p_of(10.0, 10.37), p_of(10.0, 10.0)]
    for column, name in (("country", "DE"), ("device", "ios")):
        one = effect(found, "revenue", {column: name})
        assert one.adjusted_p_value == pytest.approx(min(1.0, 2 * 2 * p[0]), rel=1e-9)
        assert one.level == pytest.approx(1 - 0.05 / 2 / 2)


def test_explored_segments_never_decide() -> None:
    """The same whole; whatever its explored levels say, the verdict is the same to the last letter."""
    verdicts = []
    for levels in (((10.0, 10.5), (10.0, 10.5)), ((10.0, 15.0), (10.0, 6.0))):
        observed = observe({"revenue": split(*levels)}, levels={"country": ("DE", "FR")})
        verdict = readout(observed, ask(a_plan(REVENUE), segments=["country"])).verdict
        verdicts.append(verdict.model_copy(update={"evidence_digest": None}))
    assert verdicts[0] == verdicts[1]
    assert {one.slice.get("country") for one in verdicts[0].checks} == {None}


def test_small_explored_levels_are_shown_and_not_ranked() -> None:
    cells: Cells = [[(2000, 10.0, SD), (49, 10.0, SD)], [(2000, 10.0, SD), (50, 15.0, SD)]]
    total: Cells = [[(2049, 10.0, SD)], [(2050, 10.1, SD)]]
    observed = observe(
        {"revenue": {(): arm_means(total), ("country",): arm_means(cells)}}, levels={"country": ("DE", "tiny")}
    )
    found = readout(observed, ask(a_plan(REVENUE), segments=["country"]))
    tiny = effect(found, "revenue", {"country": "tiny"})
    assert tiny.small
    assert tiny.adjusted_p_value is None
    assert tiny.shrunken is None
    assert effect(found, "revenue", {"country": "DE"}).level == pytest.approx(0.9)  # one member in the family


def test_a_rate_needs_ten_of_the_rarer_kind_to_be_ranked() -> None:
    cells: Cells = [[(2000, 100), (2000, 4)], [(2000, 100), (2000, 5)]]
    total: Cells = [[(4000, 104)], [(4000, 105)]]
    observed = observe(
        {"buys": {(): arm_means(total), ("country",): arm_means(cells)}}, levels={"country": ("DE", "FR")}
    )
    plan = a_plan("metrics: {buys: mean(bought == 1)}\nminimum_effect: 5%\n")
    found = readout(observed, ask(plan, segments=["country"]))
    assert [effect(found, "buys", {"country": name}).small for name in ("DE", "FR")] == [False, True]


def test_a_level_that_cannot_be_computed_leaves_the_others_as_they_are() -> None:
    """One empty level must not change the method, nor a digit, of the others."""
    full: Cells = [[(2000, 100), (2000, 3)], [(2000, 130), (2000, 0)]]
    empty: Cells = [[*full[0], (7, 1)], [*full[1], (0, 0)]]
    total: Cells = [[(4000, 103)], [(4000, 130)]]
    plan = a_plan("metrics: {buys: mean(bought == 1)}\nminimum_effect: 5%\nsegments: [country]\n")
    found = []
    for cells, names in ((full, ("DE", "FR")), (empty, ("DE", "FR", "PL"))):
        observed = observe({"buys": {(): arm_means(total), ("country",): arm_means(cells)}}, levels={"country": names})
        found.append(readout(observed, ask(plan)))
    for name in ("DE", "FR"):
        one, two = (effect(each, "buys", {"country": name}) for each in found)
        assert one.method == two.method == "Miettinen-Nurminen score interval, unpaired"
        assert (one.difference, one.p_value, one.standard_error) == (two.difference, two.p_value, two.standard_error)
    lost = effect(found[1], "buys", {"country": "PL"})
    assert lost.reason == "no units in one of the two arms"
    assert lost.difference is None


def test_shrunken_effects_lie_between_the_raw_one_and_the_common_mean() -> None:
    levels = ((10.0, 10.5), (10.0, 9.9), (10.0, 10.1))
    observed = observe({"revenue": split(*levels)}, levels={"country": ("a", "b", "c")})
    found = readout(observed, ask(a_plan(REVENUE), segments=["country"]))
    mean = np.mean([b - a for a, b in levels])
    for name in "abc":
        one = effect(found, "revenue", {"country": name})
        assert one.shrunken is not None
        assert one.difference is not None
        assert min(one.difference, mean) - 1e-12 <= one.shrunken <= max(one.difference, mean) + 1e-12
    assert effect(found, "revenue", {"country": "a"}).shrunken != effect(found, "revenue", {"country": "a"}).difference


def test_simpsons_reversal_is_said() -> None:
    """Within both countries B is better; more of B is where spending is low, so pooled it looks worse."""
    cells: Cells = [[(1000, 5.0, SD), (9000, 20.0, SD)], [(9000, 6.0, SD), (1000, 21.0, SD)]]
    total: Cells = [[(10_000, 18.5, SD)], [(10_000, 7.5, SD)]]
    observed = observe(
        {"revenue": {(): arm_means(total), ("country",): arm_means(cells)}}, levels={"country": ("DE", "FR")}
    )
    (test,) = readout(observed, ask(a_plan(REVENUE + "segments: [country]\n"))).segment_tests
    assert test.simpson
    assert "points the other way" in test.sentence


def test_segments_are_read_for_metrics_that_decide() -> None:
    arms = split((10.0, 10.4), (10.0, 10.0))
    observed = observe({"a": arms, "b": arms}, levels={"country": ("DE", "FR")})
    plan = a_plan(
        "metrics: {a: mean(a), b: mean(b)}\nprimary: a\nsecondary: [b]\nminimum_effect: 5%\nsegments: [country]\n"
    )
    found = readout(observed, ask(plan))
    assert {one.metric for one in found.effects if one.slice} == {"a"}
    assert [one.metric for one in found.segment_tests] == ["a"]


# Rules on segments


RULED = REVENUE + "guardrails: [{metric: revenue, slice: {country: FR}, margin: 5%}]\nprimary: revenue\n"


@pytest.mark.parametrize(("gain", "status"), [(0.5, "pass"), (-2.0, "fail")])
def test_a_guardrail_on_a_segment_decides(gain: float, status: str) -> None:
    observed = observe({"revenue": split((10.0, 14.0), (10.0, 10.0 + gain))}, levels={"country": ("DE", "FR")})
    found = readout(observed, ask(a_plan(RULED), segments=["country"]))
    assert check(found, "revenue", "guardrail", where={"country": "FR"}).status == status
    assert found.verdict.status == status
    assert found.verdict.mixed == (status == "fail")


def test_a_segment_that_a_rule_names_is_read_as_its_check_reads_it() -> None:
    """Not by the false discovery rate of the explored levels: the guardrail's own level, word and p."""
    levels = ((10.0, 10.0), (10.0, 9.69), (10.0, 10.0), (10.0, 10.0))
    observed = observe({"revenue": split(*levels)}, levels={"country": ("DE", "FR", "PL", "ES")})
    found = readout(observed, ask(a_plan(RULED), segments=["country"]))
    one, held = (
        effect(found, "revenue", {"country": "FR"}),
        check(found, "revenue", "guardrail", where={"country": "FR"}),
    )
    assert one.level == held.level == 0.95
    assert one.margin == held.margin == 0.05
    assert one.decides
    assert one.planned
    assert one.adjusted_p_value is None
    assert one.word == "worse"
    assert one.p_value == pytest.approx(p_of(10.0, 9.69), rel=1e-9)
    assert one.p_value < 0.05
    other = effect(found, "revenue", {"country": "DE"})
    assert other.exploratory
    assert not other.decides
    assert other.level == pytest.approx(1 - 0.1 / 3)  # three explored levels are left


def test_a_rule_on_a_level_nobody_has_is_one_sentence() -> None:
    observed = observe({"revenue": split((10.0, 10.5), (10.0, 10.5))}, levels={"country": ("DE", "PL")})
    found = readout(observed, ask(a_plan(RULED), segments=["country"]))
    held = check(found, "revenue", "guardrail", where={"country": "FR"})
    assert found.verdict.status == held.status == "inconclusive"
    assert "no unit has country=FR (there are DE, PL)" in " ".join(held.reason.replace("'", "").split())


def test_a_rule_on_a_column_that_was_not_measured_is_one_sentence() -> None:
    observed = observe({"revenue": arm_means([[(N, 10.0, SD)], [(N, 10.5, SD)]])})
    held = check(readout(observed, ask(a_plan(RULED))), "revenue", "guardrail", where={"country": "FR"})
    assert held.status == "inconclusive"
    assert "does not split the units by country" in held.reason


def test_a_rule_on_two_columns_together() -> None:
    plan = a_plan(
        REVENUE + "guardrails: [{metric: revenue, slice: {country: FR, device: web}, margin: 5%}]\nprimary: revenue\n"
    )
    cells: Cells = [[(N, 10.0, SD)] * 4, [(N, 12.0, SD), (N, 12.0, SD), (N, 12.0, SD), (N, 8.0, SD)]]
    arms = {(): arm_means([[(4 * N, 10.0, SD)], [(4 * N, 11.0, SD)]]), ("country", "device"): arm_means(cells)}
    observed = observe({"revenue": arms}, levels={"country": ("DE", "FR"), "device": ("ios", "web")})
    found = readout(observed, ask(plan))
    where = {"country": "FR", "device": "web"}
    assert check(found, "revenue", "guardrail", where=where).status == "fail"
    assert effect(found, "revenue", where).difference == -2.0
    assert effect(found, "revenue", where).segment == "country=FR & device=web"
    assert len([one for one in found.effects if one.slice]) == 1
    assert found.segment_tests == ()


def test_a_rule_on_a_segment_waits_with_the_plan() -> None:
    observed = observe({"revenue": split((10.0, 14.0), (10.0, 14.0))}, levels={"country": ("DE", "FR")}, days=5.0)
    found = readout(observed, ask(a_plan(RULED), segments=["country"]))
    assert "this is day 5 of 14" in check(found, "revenue", "guardrail", where={"country": "FR"}).reason
    assert {one.word for one in found.effects} == {"cannot tell"}


def test_without_a_plan_every_segment_is_explored() -> None:
    observed = observe({"revenue": split((10.0, 10.5), (10.0, 10.5))}, levels={"country": ("DE", "PL")})
    metric = ExperimentMetric(name="revenue", formula="mean(revenue)")
    rules = [Rule(metric="revenue", role="success")]
    found = readout(observed, ask(metrics=[metric], rules=rules, segments=["country"]))
    assert all(one.exploratory for one in found.effects)
    assert not found.segment_tests[0].planned
    assert math.isfinite(found.segment_tests[0].p_value or math.nan)
