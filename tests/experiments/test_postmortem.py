"""Post-mortem of a null result: each question at both answers, and the next test with its units."""

import inspect
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from scipy import stats

from seatrial.actions.postmortem import postmortem as action
from seatrial.app.analyze_command import analyze
from seatrial.app.postmortem_command import postmortem as command
from seatrial.errors import DataError, UsageError
from seatrial.experiments.health import findings as names
from seatrial.experiments.postmortem import postmortem
from seatrial.records import (
    Arm,
    ArmUnits,
    ExperimentEffect,
    ExperimentMetric,
    Finding,
    OfflineEffect,
    OfflineVerdict,
    Plan,
    Policy,
    Provenance,
    Readout,
    Rule,
    SegmentTest,
    Sizing,
    Trend,
    Verdict,
)
from seatrial.records.postmortem import PostMortem, Step

FACTOR = stats.norm.isf(0.025) + stats.norm.isf(0.2)
CONTROL = 10.0
DEVIATION = 5.0
"""Of one unit."""
ORDER = [
    "sample ratio",
    "crossovers",
    "logging",
    "metric validity",
    "power",
    "dilution and trigger",
    "segments",
    "trend",
    "offline gap",
]


def effect(difference: float, n: int, **changes: Any) -> ExperimentEffect:
    """An effect of equal arms, normal, of a metric of mean 10 and deviation 5."""
    error = DEVIATION * (4 / n) ** 0.5
    low, high = difference - 1.96 * error, difference + 1.96 * error
    word = "better" if low > 0 else "worse" if high < 0 else "cannot tell"
    given: dict[str, Any] = {
        "baseline": "A",
        "candidate": "B",
        "metric": "revenue",
        "n": n,
        "units": {"A": n // 2, "B": n - n // 2},
        "baseline_value": CONTROL,
        "candidate_value": CONTROL + difference,
        "difference": difference,
        "low": low,
        "high": high,
        "relative_difference": difference / CONTROL,
        "relative_low": low / CONTROL,
        "relative_high": high / CONTROL,
        "standard_error": error,
        "smallest_detectable_effect": FACTOR * error,
        "margin": 0.02,
        "margin_is_relative": True,
        "word": word,
        "decides": not changes.get("slice"),
    }
    return ExperimentEffect(**{**given, **changes})


def plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "name": "ranker",
        "frozen": True,
        "control": "A",
        "arms": (Arm(name="A"), Arm(name="B")),
        "metrics": (ExperimentMetric(name="revenue", formula="mean(revenue)"),),
        "policy": Policy(rules=(Rule(metric="revenue", role="success"),)),
        "minimum_effect": 0.02,
        "minimum_effect_is_relative": True,
    }
    return Plan(**{**given, **changes})


HEALTHY = (
    Finding(name=names.SAMPLE_RATIO, status="pass", sentence="The arms hold their shares."),
    Finding(name=names.CROSSOVERS, status="pass", sentence="No unit was seen in more than one arm.", count=0),
    Finding(name=names.EXPOSURE_DAYS, status="pass", sentence="No gaps."),
    Finding(name=names.METRIC_VALUES, status="pass", sentence="No impossible values."),
)


def readout(*effects: ExperimentEffect, **changes: Any) -> Readout:
    whole = effects[0]
    given: dict[str, Any] = {
        "verdict": Verdict(status="inconclusive", sentence="Cannot tell yet."),
        "title": "ranker: B against A",
        "exploratory": False,
        "plan": plan(),
        "plan_digest": "0" * 64,
        "unit": "user",
        "arms": ("A", "B"),
        "units": tuple(ArmUnits(arm=arm, units=n, share=0.5) for arm, n in whole.units.items()),
        "lead_metric": "revenue",
        "health": HEALTHY,
        "policy": plan().policy,
        "effects": effects,
        "provenance": Provenance(seatrial="0", libraries={}, seed=0, sources=(), roles={}, task="experiment"),
    }
    return Readout(**{**given, **changes})


def step(found: PostMortem, name: str) -> Step:
    return next(one for one in found.steps if one.name == name)


LARGE = 80_000
"""Finds 1 % of the control: half the planned minimum effect."""
SMALL = 5_000
"""Finds 4 %: twice the planned minimum effect."""


def test_the_questions_come_in_the_order_of_asking_and_end_with_a_test() -> None:
    found = postmortem(readout(effect(0.0, LARGE)))
    assert [one.name for one in found.steps] == ORDER
    assert found.is_null
    assert all(one.sentence.endswith((".", ")")) for one in found.steps)
    assert found.sentence.endswith("Next: stop.")
    assert found.readout_digest == readout(effect(0.0, LARGE)).digest()


@pytest.mark.parametrize(
    ("finding", "broken"),
    [
        (Finding(name=names.SAMPLE_RATIO, status="fail", sentence="Mismatch."), "sample ratio"),
        (Finding(name=names.EMPTY_ARM, status="fail", sentence="Arm 'B' has no units."), "sample ratio"),
        (Finding(name=names.CROSSOVERS, status="fail", sentence="Too many.", count=900), "crossovers"),
        (Finding(name=names.EVENT_DAYS, status="fail", sentence="A gap."), "logging"),
        (Finding(name=names.NO_EVENTS, status="warn", sentence="Differs."), "logging"),
        (Finding(name=names.DOMINATED, status="warn", sentence="One unit."), "metric validity"),
    ],
)
def test_broken_data_come_first_and_ask_for_repair(finding: Finding, broken: str) -> None:
    health = tuple(one for one in HEALTHY if one.name != finding.name)
    found = postmortem(readout(effect(0.0, SMALL), health=(finding, *health)))
    assert next(one.name for one in found.steps if one.status == "fail") == broken
    assert found.next_test.kind == "repair"
    assert "A/A" in found.next_test.sentence


def test_unknown_shares_cannot_be_checked_and_few_crossovers_pass() -> None:
    asked = Finding(name=names.SAMPLE_RATIO, status="warn", sentence="No plan says how the units should be shared.")
    few = Finding(name=names.CROSSOVERS, status="warn", sentence="A few.", count=40)
    found = postmortem(readout(effect(0.0, LARGE), health=(asked, few)))
    assert [step(found, name).status for name in ORDER[:4]] == ["cannot check", "pass", "cannot check", "cannot check"]


def test_power_reached_is_held_against_the_plan() -> None:
    small, large = (postmortem(readout(effect(0.0, n))) for n in (SMALL, LARGE))
    assert (step(small, "power").status, step(large, "power").status) == ("fail", "pass")
    # n = 2 (z + z)^2 sd^2 / delta^2 per arm, for 2 % of 10
    needed = 2 * FACTOR**2 * DEVIATION**2 / 0.2**2
    assert small.next_test.kind == "larger"
    assert small.next_test.units == {"A": pytest.approx(needed, abs=2), "B": pytest.approx(needed, abs=2)}
    assert "CUPED" in small.next_test.sentence


def test_a_large_null_stops_and_says_what_is_left() -> None:
    found = postmortem(readout(effect(0.01, LARGE)))
    assert found.next_test.kind == "stop"
    assert found.next_test.effect == pytest.approx(0.01 + 1.96 * DEVIATION * (4 / LARGE) ** 0.5)
    assert "no gain larger than" in found.next_test.sentence


def test_a_loss_that_excludes_the_planned_gain_stops_even_when_small() -> None:
    found = postmortem(readout(effect(-0.26, SMALL)))  # [-0.54, +0.02]
    assert step(found, "power").status == "pass"
    assert found.next_test.kind == "stop"


def test_without_a_plan_power_cannot_be_checked_but_the_margin_sizes_the_next_test() -> None:
    found = postmortem(readout(effect(0.0, SMALL), plan=None, plan_digest=None, exploratory=True))
    assert step(found, "power").status == "cannot check"
    assert found.next_test.kind == "larger"
    assert "the margin" in found.next_test.sentence


def with_segments(up: float, down: float, p: float, n: int = LARGE) -> Readout:
    return readout(
        effect((up + down) / 2, 2 * n),
        effect(up, n, slice={"country": "DE"}),
        effect(down, n, slice={"country": "US"}),
        segment_tests=(
            SegmentTest(
                metric="revenue",
                candidate="B",
                segment="country",
                planned=True,
                p_value=p,
                adjusted_p_value=p,
                df=1,
                sentence="It differs.",
            ),
        ),
    )


def test_four_percent_up_and_four_down_are_found_and_named() -> None:
    found = postmortem(with_segments(0.4, -0.4, 1e-12))
    segments = step(found, "segments")
    assert segments.status == "fail"
    assert "country=DE" in segments.sentence
    assert "country=US" in segments.sentence
    assert "cancel in the whole" in segments.sentence
    assert segments.numbers["country=DE"] == pytest.approx(0.04)
    assert segments.numbers["country=US"] == pytest.approx(-0.04)
    assert found.next_test.kind == "segment"
    assert found.next_test.where == {"country": "DE"}
    # sized for the planned 2 %, never for the 4 % seen
    needed = 2 * FACTOR**2 * DEVIATION**2 / 0.2**2
    assert found.next_test.units["B"] == pytest.approx(needed, abs=2)
    assert found.next_test.effect == pytest.approx(0.2)


def test_segments_without_an_interaction_are_left_alone_however_they_look() -> None:
    found = postmortem(with_segments(0.4, -0.4, 0.2))
    assert step(found, "segments").status == "pass"
    assert found.next_test.kind == "stop"


def test_a_metric_of_which_less_is_better_takes_the_other_segment() -> None:
    base = with_segments(0.4, -0.4, 1e-12)
    turned = tuple(one.model_copy(update={"higher_is_better": False}) for one in base.effects)
    found = postmortem(base.model_copy(update={"effects": turned}))
    assert found.next_test.where == {"country": "US"}


def with_trigger(share: float, *, control: int | None = None, n: int = LARGE) -> Readout:
    met = int(n * share)
    units = {"A": met // 2 if control is None else control, "B": met // 2}
    rest = {"A": n // 2 - units["A"], "B": n // 2 - units["B"]}
    return readout(
        effect(0.0, n),
        effect(0.0, met, slice={"saw_it": "true"}, units=units),
        effect(0.0, n - met, slice={"saw_it": "false"}, units=rest),
    )


def test_dilution_is_said_with_its_cost_when_it_cannot_be_checked() -> None:
    one = postmortem(readout(effect(0.0, LARGE)))
    assert step(one, "dilution and trigger").status == "cannot check"
    assert "a fifth of its size" in step(one, "dilution and trigger").sentence


def test_few_triggered_units_dilute_and_the_next_test_is_of_them() -> None:
    found = postmortem(with_trigger(0.1, n=4_000), trigger="saw_it")  # 400 met it: they find 14 % of 10, not 20 %
    diluted = step(found, "dilution and trigger")
    assert diluted.status == "fail"
    assert diluted.numbers["share"] == pytest.approx(0.1)
    assert found.next_test.kind == "stop"  # on the 400, [-9.8, +9.8] % excludes the 20 % that 2 % of all would be
    assert found.next_test.where == {"saw_it": "true"}
    tiny = postmortem(with_trigger(0.1, n=400), trigger="saw_it").next_test
    assert tiny.kind == "trigger"
    assert tiny.effect == pytest.approx(2.0)  # 2 % of all is 20 % on a tenth
    assert tiny.units["A"] == pytest.approx(2 * FACTOR**2 * DEVIATION**2 / 2.0**2, abs=2)
    assert step(postmortem(with_trigger(0.8), trigger="saw_it"), "dilution and trigger").status == "pass"


def test_an_effect_on_the_triggered_alone_is_to_be_confirmed_on_them() -> None:
    base = with_trigger(0.1)
    there = effect(1.0, LARGE // 10, slice={"saw_it": "true"})
    found = postmortem(base.model_copy(update={"effects": (base.effects[0], there, base.effects[2])}), trigger="saw_it")
    assert found.next_test.kind == "trigger"
    assert "+10.0" in found.next_test.sentence


def test_few_negative_values_are_noted_and_repair_nothing() -> None:
    few = Finding(name=names.NEGATIVE, status="warn", sentence="12 units are below 0.", count=12)
    found = postmortem(readout(effect(0.0, LARGE), health=(few, *HEALTHY)))
    assert step(found, "metric validity").status == "pass"
    assert "12 units" in step(found, "metric validity").sentence
    assert found.next_test.kind == "stop"


def test_a_trigger_that_the_treatment_moves_does_not_compare() -> None:
    found = postmortem(with_trigger(0.1, control=3_000), trigger="saw_it")
    assert "differs between the arms" in step(found, "dilution and trigger").sentence
    assert found.next_test.kind != "trigger"


def with_trend(slope: float, p: float) -> Readout:
    days = tuple(range(14))
    return readout(
        effect(0.0, LARGE),
        trends=(
            Trend(
                metric="revenue",
                candidate="B",
                days=days,
                differences=(0.0,) * 14,
                lows=(-1.0,) * 14,
                highs=(1.0,) * 14,
                units=9_000,
                slope=slope,
                p_value=p,
                steady=0.3,
                steady_low=0.1,
                steady_high=0.5,
                sentence="It moves.",
            ),
        ),
    )


def test_learning_asks_for_a_longer_test_and_novelty_does_not() -> None:
    learning, novelty, flat = (postmortem(with_trend(s, p)) for s, p in ((0.2, 1e-6), (-0.2, 1e-6), (0.2, 0.4)))
    assert [step(one, "trend").status for one in (learning, novelty, flat)] == ["fail", "fail", "pass"]
    assert "units learn" in step(learning, "trend").sentence
    assert "novelty" in step(novelty, "trend").sentence
    assert [one.next_test.kind for one in (learning, novelty, flat)] == ["longer", "stop", "stop"]
    assert learning.next_test.days == 28


def offline(difference: float, half: float, metric: str = "ndcg") -> Plan:
    verdict = OfflineVerdict(
        name="gate.json",
        status="pass",
        sentence="Ship.",
        effects=(OfflineEffect(metric=metric, difference=difference, low=difference - half, high=difference + half),),
    )
    return plan(arms=(Arm(name="A"), Arm(name="B", verdict=verdict)))


@pytest.mark.parametrize(
    ("given", "online", "status", "said"),
    [
        (offline(0.02, 0.005), 0.0, "fail", "did not carry over"),
        (offline(0.02, 0.005), -0.5, "fail", "contradict"),
        (offline(0.02, 0.005), 0.5, "pass", "agree"),
        (offline(0.02, 0.03), 0.0, "pass", "not settled either"),
        (offline(0.05, 0.02, "revenue"), 0.04, "pass", "in line"),
        (offline(0.5, 0.1, "revenue"), 0.0, "fail", "not the ones served"),
    ],
)
def test_the_offline_result_is_held_against_the_online_one(given: Plan, online: float, status: str, said: str) -> None:
    found = step(postmortem(readout(effect(online, LARGE), plan=given)), "offline gap")
    assert (found.status, said in found.sentence) == (status, True), found.sentence


def test_days_of_the_next_test_come_from_the_plan() -> None:
    sizing = Sizing(metric="revenue", source="history", deciding="revenue", new_units_per_day=(500.0,) * 28)
    found = postmortem(readout(effect(0.0, SMALL), plan=plan(sizing=sizing)))
    total = sum(found.next_test.units.values())
    assert found.next_test.days == -(-total // 500)


def test_an_effect_that_was_found_is_no_null_result() -> None:
    found = postmortem(readout(effect(0.5, LARGE)))
    assert not found.is_null
    assert found.next_test.kind == "decide"


def test_wrong_names_and_empty_readouts_are_one_sentence() -> None:
    given = readout(effect(0.0, LARGE))
    with pytest.raises(UsageError, match="Did you mean 'revenue'"):
        postmortem(given, metric="revenu")
    with pytest.raises(UsageError, match="no treatment arm"):
        postmortem(given, candidate="A")
    with pytest.raises(UsageError, match="no segment column"):
        postmortem(given, trigger="saw_it")
    with pytest.raises(DataError, match="no effects"):
        postmortem(given.model_copy(update={"effects": ()}))


def test_an_effect_without_a_number_is_still_looked_into() -> None:
    none = effect(0.0, LARGE).model_copy(
        update=dict.fromkeys(
            [
                "difference",
                "low",
                "high",
                "relative_difference",
                "relative_low",
                "relative_high",
                "standard_error",
                "smallest_detectable_effect",
                "baseline_value",
                "candidate_value",
            ]
        )
        | {"reason": "no units in one of the two arms"}
    )
    found = postmortem(readout(none))
    assert step(found, "power").status == "cannot check"
    assert found.next_test.units == {}


def test_the_action_reads_what_analyze_wrote(tmp_path: Path) -> None:
    given = with_segments(0.4, -0.4, 1e-12)
    place = tmp_path / "out.json"
    place.write_text(json.dumps(given.model_dump(mode="json")), encoding="utf-8")
    record = postmortem(given)
    assert action(place).record == action(given).record == action(json.loads(place.read_text())).record == record
    with pytest.raises(UsageError, match="is not there"):
        action(tmp_path / "no.json")
    place.write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="no readout"):
        action(place)
    place.write_text("not json", encoding="utf-8")
    with pytest.raises(UsageError, match="is no JSON"):
        action(place)


def test_every_format_says_the_same(tmp_path: Path) -> None:
    found = action(with_segments(0.4, -0.4, 1e-12))
    paths = found.report(tmp_path / "a.html", tmp_path / "a.md", tmp_path / "a.txt", tmp_path / "a.json")
    pages = [path.read_text(encoding="utf-8") for path in paths]
    for page in pages:
        assert "country=DE" in " ".join(page.split())
        assert "+4.0" in page or "0.04" in page
    assert PostMortem.model_validate(json.loads(pages[3])) == found.record
    assert len(pages[0].encode()) < 2_000_000
    assert str(found).startswith(pages[2][:40])


def test_the_command_reads_a_readout(cli: Any, tmp_path: Path) -> None:
    place = tmp_path / "out.json"
    place.write_text(json.dumps(with_segments(0.4, -0.4, 1e-12).model_dump(mode="json")), encoding="utf-8")
    ran = cli("postmortem", place, "--json", "-")
    assert ran.code == 0, ran.err
    assert ran.json["next_test"]["where"] == {"country": "DE"}
    assert cli("postmortem").code == 64
    assert "country=DE" in " ".join(cli("postmortem", place).out.split())


def test_the_command_takes_every_option_of_analyze() -> None:
    mine, theirs = (inspect.signature(one).parameters for one in (command, analyze))
    missing = set(theirs) - set(mine) - {"junit", "exit_code", "moments_out"}
    assert not missing
    for name in set(theirs) & set(mine):
        (kind, option), (their_kind, their_option) = (get_args(one[name].annotation) for one in (mine, theirs))
        assert (kind, option.param_decls) == (their_kind, their_option.param_decls), name
