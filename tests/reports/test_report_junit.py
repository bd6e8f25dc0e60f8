"""JUnit: CI is red exactly when the verdict is not a pass."""

from xml.etree import ElementTree

from seatrial.records import Finding, Scorecard, Verdict
from seatrial.reports import render


def suite(card: Scorecard) -> ElementTree.Element:
    found = ElementTree.fromstring(render(card, "junit")).find("testsuite")
    assert found is not None
    return found


def test_red_exactly_when_the_verdict_is_not_a_pass(card: Scorecard) -> None:
    found = suite(card)
    red = int(found.get("failures", "0")) + int(found.get("errors", "0"))
    assert (red == 0) == (card.verdict.status == "pass")
    assert int(found.get("tests", "0")) == len(found.findall("testcase"))
    assert len(found.findall("testcase/failure")) == int(found.get("failures", "0"))
    assert len(found.findall("testcase/error")) == int(found.get("errors", "0"))


def test_one_case_a_check(adult: Scorecard) -> None:
    cases = suite(adult).findall("testcase")
    assert [case.get("name") for case in cases] == [check.name for check in adult.verdict.checks]
    (failure,) = suite(adult).findall("testcase/failure")
    assert failure.get("type") == "fail"
    assert "-0.037" in str(failure.get("message"))


def test_cannot_tell_is_not_green(sample) -> None:  # type: ignore[no-untyped-def]
    types = [failure.get("type") for failure in suite(sample.inconclusive()).findall("testcase/failure")]
    assert types == ["inconclusive", "inconclusive"]


def test_invalid_data_are_an_error(sample) -> None:  # type: ignore[no-untyped-def]
    (error,) = suite(sample.invalid()).findall("testcase/error")
    assert error.get("type") == "invalid"


def test_invalid_without_a_finding_is_still_an_error(sample) -> None:  # type: ignore[no-untyped-def]
    card = sample.invalid().model_copy(update={"health": (Finding(name="x", status="pass", sentence="fine"),)})
    assert suite(card).get("errors") == "1"


def test_a_verdict_held_back_although_every_check_passed_is_not_green(sample) -> None:  # type: ignore[no-untyped-def]
    card = sample.passing()
    held = Verdict(
        status="inconclusive", sentence="Cannot tell yet: only 91 % of the ids match.", checks=card.verdict.checks[:2]
    )
    found = suite(card.model_copy(update={"verdict": held}))
    assert found.get("failures") == "1"
    assert found.findall("testcase")[-1].get("name") == "verdict"


def test_what_does_not_decide_is_skipped(sample) -> None:  # type: ignore[no-untyped-def]
    (skipped,) = suite(sample.passing()).findall("testcase/skipped")
    assert str(skipped.get("message")).startswith("inconclusive, does not decide")
