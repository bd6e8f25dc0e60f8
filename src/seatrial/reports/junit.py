"""JUnit XML: one test case per check, so that any CI shows the verdict.

A failed check is a `<failure type="fail">`, an undecided one a `<failure type="inconclusive">` (CI must not be green on
"cannot tell"), data that cannot carry a verdict an `<error type="invalid">`. A check that does not decide is
`<skipped>` where it does not pass.
"""

from collections.abc import Sequence
from xml.etree import ElementTree

from seatrial.records import Check, Finding, Verdict
from seatrial.reports import lookup, words
from seatrial.reports.hostile import visible
from seatrial.reports.lookup import Card

_SENTENCE = 2000


def to_junit(card: Card) -> str:
    """Return JUnit XML: red exactly when the verdict is not a pass."""
    return verdict_to_junit(
        card.verdict, title=card.title, health=card.health, several=len(lookup.candidates(card)) > 1
    )


def verdict_to_junit(verdict: Verdict, *, title: str, health: Sequence[Finding], several: bool) -> str:
    """Return JUnit XML of a verdict; `several` candidates are named in their checks."""
    cases = [_case(check, passed=verdict.status == "pass", several=several) for check in verdict.checks]
    if verdict.status == "invalid":
        failed = [finding for finding in health if finding.status == "fail"]
        cases += [
            _broken("seatrial.health", finding.name, finding.sentence, kind="error", reason="invalid")
            for finding in failed
        ]
    red = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    if verdict.status == "invalid" and not any(case.find("error") is not None for case in cases):
        cases.append(_broken("seatrial.verdict", "verdict", verdict.sentence, kind="error", reason="invalid"))
    elif verdict.status != "pass" and not red:
        cases.append(_broken("seatrial.verdict", "verdict", verdict.sentence, kind="failure", reason=verdict.status))
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
    }
    suites = ElementTree.Element("testsuites", {"name": "seatrial", **counts})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": visible(title), **counts})
    suite.extend(cases)
    ElementTree.SubElement(suite, "system-out").text = visible(f"{verdict.status}: {verdict.sentence}", limit=_SENTENCE)
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _case(check: Check, *, passed: bool, several: bool) -> ElementTree.Element:
    name = f"{check.name} ({check.candidate})" if several and check.candidate not in check.name else check.name
    case = ElementTree.Element("testcase", classname=f"seatrial.{check.role}", name=visible(name))
    if check.status == "pass":
        return case
    message = visible(check.reason, limit=_SENTENCE)
    if passed or check.role == "secondary":
        ElementTree.SubElement(case, "skipped", message=f"{check.status}, does not decide: {message}")
        return case
    failure = ElementTree.SubElement(case, "failure", type=check.status, message=message)
    failure.text = visible(
        f"{words.on_slice(check.metric, check.slice)} must be {check.condition}: {check.reason}", limit=_SENTENCE
    )
    return case


def _broken(group: str, name: str, sentence: str, *, kind: str, reason: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=group, name=visible(name))
    ElementTree.SubElement(case, kind, type=reason, message=visible(sentence, limit=_SENTENCE))
    return case
