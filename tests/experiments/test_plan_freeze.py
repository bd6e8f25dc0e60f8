"""Frozen plans: named by their digest, refused when edited, replaced by versions that name the old one."""

import pytest

from seatrial.errors import UsageError
from seatrial.experiments.assumptions import Base
from seatrial.experiments.freeze import amend, changes, freeze
from seatrial.experiments.plan_file import parse_plan
from seatrial.experiments.plan_text import dump_plan
from seatrial.experiments.sizing import size
from seatrial.records.plan import Plan

TEXT = """
arms: {A: {weight: 50, model: old}, B: {weight: 50, model: new}}
metrics: {buys: mean(bought == 1), latency: {formula: p95(ms), lower_is_better: true}}
primary: buys
guardrails: [{metric: latency, margin: 5%}]
minimum_effect: 5%
days: 14
"""


def frozen() -> Plan:
    return freeze(size(parse_plan(TEXT), base={"buys": Base(value=0.05)}))


def test_a_frozen_plan_keeps_its_sizing_and_its_digest_in_the_file() -> None:
    plan = frozen()
    text = dump_plan(plan)
    assert f"digest: {plan.digest()}" in text
    assert parse_plan(text) == plan
    assert freeze(plan) is plan


@pytest.mark.parametrize(
    ("old", "new"),
    [("days: 14", "days: 21"), ("minimum_effect: 5%", "minimum_effect: 6%"), ("frozen: true", "frozen: false"),
     ("margin: 5%", "margin: 9%"), ("power_each: 0.9", "power_each: 0.8"), ("model: new", "model: newer")],
)  # fmt: skip
def test_one_edited_word_is_refused(old: str, new: str) -> None:
    text = dump_plan(frozen())
    assert old in text
    with pytest.raises(UsageError, match="edited after it was frozen"):
        parse_plan(text.replace(old, new, 1))


def test_a_frozen_plan_without_its_digest_is_refused() -> None:
    text = dump_plan(frozen())
    lines = [line for line in text.splitlines() if not line.startswith("digest:")]
    with pytest.raises(UsageError, match="has no digest"):
        parse_plan("\n".join(lines))


def test_spaces_and_comments_do_not_count_as_edits() -> None:
    plan = frozen()
    assert parse_plan("# read by Ada\n\n" + dump_plan(plan)) == plan


def test_a_frozen_plan_is_not_sized_again() -> None:
    with pytest.raises(UsageError, match="is frozen and keeps its sizing"):
        size(frozen(), base={"buys": Base(value=0.05)})


def test_an_amendment_names_the_old_digest_and_what_changed() -> None:
    old = frozen()
    new = amend(parse_plan(TEXT.replace("days: 14", "days: 28").replace("margin: 5%", "margin: 3%")), old)
    assert (new.version, new.amends, new.frozen) == (2, old.digest(), False)
    assert changes(new, old) == (
        "the days planned is 28 (was 14)",
        "rule latency as guardrail: margin 3 % of the control's value (was margin 5 % of the control's value)",
    )
    third = amend(parse_plan(TEXT), freeze(new))
    assert (third.version, third.amends) == (3, freeze(new).digest())


def test_every_kind_of_change_is_said() -> None:
    old = parse_plan(TEXT)
    new = parse_plan(
        TEXT.replace("model: new", "model: newer")
        .replace("mean(bought == 1)", "{formula: mean(bought == 1), window: 7d}")
        .replace("minimum_effect: 5%", "minimum_effect: 4%")
        + "segments: [country]\nstopping: {rule: group-sequential, looks: 3}\nalpha: 0.01\nhypothesis: it sells\n"
    )
    said = "; ".join(changes(new, old))
    for part in (
        "the hypothesis is it sells (was none)", "arm B serves newer (was new)", "metric buys: window is 7d (was none)",
        "the minimum effect is 4 % (was 5 %)", "alpha is 0.01 (was 0.05)", "the segments is country (was none)",
        "the stopping rule is group-sequential, 3 looks, obrien-fleming spending (was hybrid)",
    ):  # fmt: skip
        assert part in said


def test_what_cannot_be_amended() -> None:
    old = frozen()
    with pytest.raises(UsageError, match="never frozen"):
        amend(parse_plan(TEXT), parse_plan(TEXT))
    with pytest.raises(UsageError, match="frozen itself"):
        amend(old, old)
    with pytest.raises(UsageError, match="nothing changed"):
        amend(parse_plan(TEXT), old)
