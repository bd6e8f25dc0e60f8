"""The page of a post-mortem: the sentence, each question with its answer, and the next test."""

from seatrial.records.numbers import format_value
from seatrial.records.postmortem import NextKind, PostMortem, Step, StepStatus
from seatrial.reports import numbers, words
from seatrial.reports.document import (
    Block,
    Callout,
    Cell,
    Column,
    Document,
    Facts,
    Front,
    Glance,
    Paragraph,
    Rows,
    Section,
    Table,
)
from seatrial.reports.words import Tone, slice_label

_SYMBOLS: dict[StepStatus, str] = {"pass": "✓", "fail": "✗", "cannot check": "?"}
_TONES: dict[StepStatus, Tone] = {"pass": "good", "fail": "bad", "cannot check": "unsure"}
_NEXT: dict[NextKind, str] = {
    "repair": "Repair, then repeat",
    "segment": "Test one segment",
    "trigger": "Test the units that meet the change",
    "longer": "Follow for longer",
    "larger": "Repeat larger",
    "stop": "Stop",
    "decide": "Follow the verdict",
}
_KEY = (
    "✓ pass: this does not explain the result. ✗ fail: this does, or may. ? cannot check: the data do not say; the "
    "sentence says what it takes. The order matters: a later answer means little where an earlier one failed."
)


def postmortem_document(of: PostMortem) -> Document:
    """Build the page; every number on it is in the record."""
    return Document(
        title=of.title,
        front=_front(of),
        sections=(_steps(of), _next(of), _numbers(of), _provenance(of)),
        version=of.seatrial,
        evidence=of.readout_digest,
        about="post-mortem of an experiment",
        source="the post-mortem's JSON",
    )


def _front(of: PostMortem) -> Front:
    failed = [step for step in of.steps if step.status == "fail"]
    unknown = sum(step.status == "cannot check" for step in of.steps)
    if not of.is_null:
        headline, symbol = f"Not a null result: {of.word}", words.WORD_SYMBOLS[of.word]
    elif failed:
        headline, symbol = f"Null result, explained: {failed[0].name}", "≈"
    else:
        headline, symbol = "Null result: nothing explains it away", "≈"
    glances = tuple(
        Glance(
            symbol=_SYMBOLS[step.status],
            tone=_TONES[step.status],
            word="" if step.status == "pass" else step.status,
            text=step.name,
            section="steps",
        )
        for step in of.steps
    )
    return Front(
        symbol=symbol,
        tone="neutral",
        headline=headline,
        sentence=of.sentence,
        facts=(
            ("Metric", of.metric),
            ("Treatment", of.candidate),
            ("Control", of.control),
            ("Not checked", f"{unknown} of {len(of.steps)}"),
        ),
        stamp="no plan: exploratory" if of.exploratory else "",
        glances=glances,
        name="Post-mortem",
    )


def _steps(of: PostMortem) -> Section:
    counts = {status: sum(step.status == status for step in of.steps) for status in _SYMBOLS}
    return Section(
        id="steps",
        title="Question by question",
        lead=f"{len(of.steps)} questions: {counts['fail']} failed, {counts['cannot check']} cannot be checked, "
        f"{counts['pass']} passed.",
        blocks=(
            *(_answer(index, step) for index, step in enumerate(of.steps, start=1)),
            Paragraph(text=_KEY, small=True),
        ),
    )


def _answer(index: int, step: Step) -> Callout:
    return Callout(
        text=f"{step.question} {step.sentence}",
        symbol=_SYMBOLS[step.status],
        tone=_TONES[step.status],
        label=f"{index}. {step.name}, {step.status}",
    )


def _next(of: PostMortem) -> Section:
    test = of.next_test
    facts = [("What", _NEXT[test.kind])]
    if test.where:
        facts.append(("On", slice_label(test.where)))
    facts += [(f"Units in {arm}", numbers.integer(n)) for arm, n in test.units.items()]
    if test.effect is not None and test.units:
        facts.append(("Finds a true difference of", format_value(test.effect)))
    if test.days is not None:
        facts.append(("Days", numbers.integer(test.days)))
    blocks: list[Block] = [
        Callout(text=test.sentence, symbol="→", tone="neutral", label="next"),
        Facts(items=tuple(facts)),
    ]
    if test.units:
        blocks.append(
            Paragraph(
                text="Units are for the effect that matters (the plan's minimum effect, else the margin) at the power "
                "and the level of this readout, never for the effect observed.",
                small=True,
            )
        )
    return Section(id="next", title="Next test", blocks=tuple(blocks))


def _numbers(of: PostMortem) -> Section:
    groups = tuple(
        Rows(
            title=step.name,
            rows=tuple((Cell(text=name), Cell(text=_plain(value))) for name, value in step.numbers.items()),
        )
        for step in of.steps
        if step.numbers
    )
    return Section(
        id="numbers",
        title="Numbers behind the answers",
        blocks=(
            Table(
                caption="Numbers of each question",
                columns=(Column(title="What"), Column(title="Value", kind="number")),
                groups=groups,
            ),
        ),
    )


def _plain(value: float) -> str:
    """A count whole, anything else with four digits."""
    return numbers.integer(int(value)) if value == int(value) and abs(value) < 1e15 else format_value(value)


def _provenance(of: PostMortem) -> Section:
    items = [("Readout", of.readout_digest)]
    if of.plan_digest is not None:
        items.append(("Plan", of.plan_digest))
    return Section(
        id="provenance",
        title="Provenance",
        lead="The readout this was read from, by the digest of its canonical JSON.",
        blocks=(Facts(items=tuple(items), monospace=True),),
    )
