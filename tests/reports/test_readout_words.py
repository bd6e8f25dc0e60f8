"""What a readout says: the verdict, or that nothing was planned; health first; registered apart from explored."""

import re
from types import ModuleType
from xml.etree import ElementTree

import pytest

from seatrial.records import Readout
from seatrial.reports import render, render_document, to_json
from seatrial.reports.compose import compose
from seatrial.reports.document import Document, Facts, Front, Heading, Limits, Paragraph, Section
from seatrial.reports.html import MOST_BYTES
from seatrial.reports.sections.experiment import SECTIONS
from seatrial.reports.text import document_to_text, to_text

FORMS = ("html", "markdown", "text")


def page(readout: Readout) -> Document:
    return compose(readout, limits=Limits())


def words(html: str) -> str:
    """What a reader reads of a page, charts left out."""
    body = html.replace("<wbr>", "")
    body = re.sub(r"<svg\b.*?</svg>", " ", body[body.index("<body>") : body.index("<script>")], flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.mark.parametrize(
    ("name", "headline", "code", "stamp"),
    [
        ("passing", "Ship", "pass", ""),
        ("failing", "Do not ship: mixed results", "fail", ""),
        ("inconclusive", "Cannot tell yet", "inconclusive", ""),
        ("broken_ratio", "These data cannot carry a verdict", "invalid", ""),
        ("unplanned", "No plan: exploratory", "", ""),
    ],
)
def test_the_headline(readouts: ModuleType, name: str, headline: str, code: str, stamp: str) -> None:
    front = page(readouts.EVERY[name]()).front
    assert (front.headline, front.code, front.stamp) == (headline, code, stamp)
    for form in FORMS:
        first = render(readouts.EVERY[name](), form).partition("\n\n")[0]  # type: ignore[arg-type]
        assert form == "html" or headline in first


def test_broken_data_are_said_before_the_missing_plan(readouts: ModuleType) -> None:
    both = readouts.broken_ratio().model_copy(update={"exploratory": True, "plan": None})
    front = page(both).front
    assert front.headline == "These data cannot carry a verdict"
    assert front.stamp == "No plan: exploratory"
    assert "No plan: exploratory" in to_text(both).splitlines()[0]
    assert "No plan: exploratory" in render(both, "markdown").splitlines()[0]


def test_a_plan_that_was_never_frozen_is_no_plan(readouts: ModuleType) -> None:
    loose = readouts.passing().model_copy(update={"exploratory": True, "plan": readouts.plan(frozen=False)})
    assert page(loose).front.headline == "Plan not frozen: exploratory"
    assert "not frozen: what it says may have been written afterwards" in words(render(loose, "html"))


def test_health_comes_first_and_the_sections_in_order(readouts: ModuleType) -> None:
    ids = [section.id for section in page(readouts.passing()).sections]
    assert ids == ["health", "arms", "effects", "sequences", "segments", "segments-explored", "novelty", "checks",
                   "beliefs", "costs", "plan", "policy", "methods", "provenance", "not-shown"]  # fmt: skip
    assert len(ids) == len(SECTIONS)


def test_a_failed_check_says_where_to_look_and_no_number_leads(readouts: ModuleType) -> None:
    broken = readouts.broken_ratio()
    document = page(broken)
    assert document.front.numbers == ()
    for form in FORMS:
        assert "Look at device = tablet" in render(broken, form)  # type: ignore[arg-type]
    assert "Read nothing into these numbers" in to_text(broken)


def test_everything_is_stamped_where_nothing_was_planned(readouts: ModuleType) -> None:
    stamps = {section.id: section.stamp for section in page(readouts.unplanned()).sections}
    assert "segments" not in stamps
    for id in ("effects", "sequences", "segments-explored", "novelty", "plan"):
        assert stamps[id] == "exploratory", id
    assert {section.stamp for section in page(readouts.passing()).sections if section.id != "segments-explored"} == {""}


def test_raw_and_adjusted_stand_side_by_side(readouts: ModuleType) -> None:
    for form in FORMS:
        shown = render(readouts.passing(), form)  # type: ignore[arg-type]
        shown = words(shown) if form == "html" else " ".join(shown.split())
        raw, cuped = ("raw", "CUPED") if form == "text" else ("revenue_per_user, raw", "revenue_per_user, CUPED")
        assert shown.index(raw) < shown.index(cuped)
        assert "+0.45 [+0.01, +0.88] USD" in shown
        assert "+0.46 [+0.17, +0.75] USD" in shown
        assert "+3.7 [+1.4, +6.1] %" in shown


def test_the_deciding_effect_leads_the_first_screen(readouts: ModuleType) -> None:
    first = page(readouts.passing()).front.numbers[0]
    assert (first.value, first.interval, first.word) == ("+0.46 USD", "[+0.17, +0.75] USD", "better")
    assert first.about.startswith("lift +3.7 [+1.4, +6.1] %; CUPED-adjusted; n 15,010 / 15,113")
    assert first.sides == (("current", "12.41 USD"), ("ranker-v2", "12.87 USD"))


def test_without_a_lift_there_is_a_reason(readouts: ModuleType) -> None:
    one = readouts.effect("revenue_per_user", 0.01, 0.05, 0.02, lift=False)
    shown = words(render(readouts.passing().model_copy(update={"effects": (one,)}), "html"))
    assert "the control cannot be told from 0" in shown


def test_progress_says_what_it_tracks(readouts: ModuleType) -> None:
    early = readouts.inconclusive()
    assert "Precision 62 % of target" in to_text(early)
    assert "revenue_per_user: precision 62 % of target" in words(render(early, "html"))


def test_registered_segments_stand_apart_from_explored_ones(readouts: ModuleType) -> None:
    shown = words(render(readouts.passing(), "html"))
    registered = shown[shown.index("Segments of the plan First") : shown.index("Segments explored exploratory First")]
    explored = shown[shown.index("Segments explored exploratory First") : shown.index("Novelty and learning The")]
    assert "country = DE" in registered
    assert "device" not in registered
    assert "device = phone" in explored
    assert "country" not in explored
    assert registered.index("Does the effect differ") < registered.index("country = DE")
    assert "≠ differs" in explored
    assert "Simpson's paradox" in explored.replace("&#39;", "'")
    assert "Shrunken" in registered


def test_the_plan_and_every_deviation(readouts: ModuleType) -> None:
    shown = words(render(readouts.failing(), "html"))
    plan = shown[shown.index("Plan and deviations ranker-v2") :]
    for said in ("serious deviation duration: planned 14 days, found 9 days", "sessions_per_day, not in the plan",
                 "Hypothesis:", "mean(revenue)", "digest 9f86d081884c", "gate.json", "14,800 in current"):  # fmt: skip
        assert said in plan, said
    assert "2 deviations from the plan" in shown
    assert "There was no plan" in words(render(readouts.unplanned(), "html"))


def test_the_belief_stands_beside(readouts: ModuleType) -> None:
    shown = words(render(readouts.passing(), "html"))
    belief = shown[shown.index("Bayesian view Beside") : shown.index("The cost of being wrong What")]
    assert "never instead" in belief
    assert "99.9 %" in belief
    assert "+2.0 [+0.2, +3.9] %" in belief


def test_every_digit_is_the_same_in_every_output(readouts: ModuleType) -> None:
    whole = readouts.passing()
    figures = ("+0.45 [+0.01, +0.88] USD",
               "+0.46 [+0.17, +0.75] USD", "+0.002 [-0.002, +0.006]", "+2.5 [-0.6, +5.6] ms")  # fmt: skip
    for form in FORMS:
        for figure in figures:
            assert figure in render(whole, form), (form, figure)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["passing", "failing", "inconclusive", "broken_ratio", "unplanned"])
def test_the_terminal_fits_a_screen(readouts: ModuleType, name: str) -> None:
    text = to_text(readouts.EVERY[name](), width=100, written=("readout.html",))
    assert len(text.splitlines()) <= 45
    heads = [head for head in ("Health of the data", "What changed", "Checks", "Over time", "What this does not show",
                               "Written") if f"\n{head}" in text]  # fmt: skip
    assert [text.index(f"\n{head}") for head in heads] == sorted(text.index(f"\n{head}") for head in heads)
    assert {"Health of the data", "What changed", "What this does not show", "Written"} <= set(heads)
    assert text.endswith("- readout.html\n")


def test_a_usual_comment_is_short(readouts: ModuleType) -> None:
    comment = re.sub(r"<details>.*?</details>", "", render(readouts.passing(), "markdown"), flags=re.DOTALL)
    assert len([line for line in comment.splitlines() if line]) < 40


def test_junit_is_red_where_the_ratio_is_broken(readouts: ModuleType) -> None:
    suites = ElementTree.fromstring(render(readouts.broken_ratio(), "junit").partition("\n")[2])
    assert suites.get("errors") == "1"
    assert ElementTree.fromstring(render(readouts.passing(), "junit").partition("\n")[2]).get("failures") == "0"


def test_two_years_of_days_and_hundreds_of_segments_stay_small(readouts: ModuleType) -> None:
    long = readouts.long_running()
    shown = render(long, "html")
    assert len(shown.encode()) < MOST_BYTES / 4
    assert "looks shown, evenly; the JSON has all of them" in shown
    assert to_json(long).count('"day": "day ') == 730 * 4


def plain(**more: object) -> Document:
    front = Front(symbol="–", tone="neutral", headline="Plan", sentence="Users spend more.", name="Plan")
    blocks = (
        Heading(text="Arms"),
        Facts(items=(("Stopping", "hybrid"), ("Days \x1b[1m", "14"))),
        Paragraph(text="All <b> is text."),
    )
    made = {"title": "a plan", "front": front, "version": "0.1.0", "about": "plan of an experiment"}
    made |= {"sections": (Section(id="arms", title="Arms", blocks=blocks, stamp="draft"),)}
    return Document(**(made | more))  # type: ignore[arg-type]


def test_a_document_without_a_verdict() -> None:
    shown = render_document(plain(), "html")
    assert '<a href="#verdict">Plan</a>' in shown
    assert "status-code" not in shown[shown.index("<body>") :]
    assert "Skip to the plan" in shown
    assert "All &lt;b&gt; is text." in shown
    assert "intervals" not in shown[shown.index("<body>") :]
    assert "are in the plan file." in render_document(plain(source="the plan file", flag=""), "html")
    comment = render_document(plain(), "markdown")
    head = "## 📏 Plan\n\n**Users spend more.**\n\n### Arms (draft)\n\n**Arms**\n\n- Stopping: `hybrid`"
    assert comment.startswith(head)
    text = render_document(plain(), "text")
    assert text.startswith("– Plan\nUsers spend more.\n\nArms (draft)\nArms\nStopping: hybrid\n")
    assert "\x1b" not in text
    assert document_to_text(plain(), written=("plan.html",)).endswith("Written\n- plan.html\n")
