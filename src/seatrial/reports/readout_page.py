"""The readout of an experiment as a document: the first screen, then health, effects and what they rest on."""

from seatrial.records import Readout
from seatrial.reports import lookup, numbers, words
from seatrial.reports.document import Document, Front, Glance, Limits
from seatrial.reports.sections import build
from seatrial.reports.sections.experiment import SECTIONS
from seatrial.reports.sections.verdict import check_glances, health_glance, key_numbers

_DIGEST = 12
"""Characters of a digest on the first screen; the whole is in the provenance."""


def readout_document(readout: Readout, *, limits: Limits, sections: tuple[str, ...] = ()) -> Document:
    """Build the document of a readout with the named sections; without names with all of them."""
    return Document(
        title=readout.title,
        front=_front(readout),
        sections=build(readout, limits, sections or SECTIONS),
        version=readout.provenance.seatrial,
        evidence=readout.verdict.evidence_digest or "",
        about="readout of an experiment",
        differences="treatment minus control",
    )


def _front(readout: Readout) -> Front:
    """Say the verdict, or that nothing was planned; broken data are said before either."""
    status = readout.verdict.status
    headline = words.EXPERIMENT_WORDS[status]
    if status == "fail" and readout.verdict.mixed:
        headline = f"{headline}: mixed results"
    exploratory = words.NO_PLAN if readout.plan is None else words.NOT_FROZEN
    asked = status != "inconclusive" or bool(readout.verdict.checks)
    stamp = ""
    if readout.exploratory and status == "invalid":
        stamp = exploratory
    elif readout.exploratory:
        headline = exploratory
    elif not asked:
        headline = words.NOT_ASKED
    shown, level = key_numbers(readout)
    return Front(
        symbol=words.STATUS_SYMBOLS[status] if asked else words.NOT_ASKED_SYMBOL,
        tone=words.STATUS_TONES[status] if asked else "neutral",
        headline=headline,
        code=status if asked else "",
        stamp=stamp,
        sentence=readout.verdict.sentence,
        facts=_facts(readout),
        numbers=shown,
        level=level,
        glances=(
            *health_glance(readout),
            *_progress_glance(readout),
            *_deviation_glance(readout),
            *check_glances(readout),
        ),
    )


def _facts(readout: Readout) -> tuple[tuple[str, str], ...]:
    every = lookup.candidates(readout)
    more = f" (and {len(every) - 1} more)" if len(every) > 1 else ""
    total = sum(arm.units for arm in readout.units)
    facts = [
        ("Treatment", f"{lookup.leading_candidate(readout)}{more}"),
        ("Control", readout.arms[0]),
        (words.units(readout.unit).capitalize(), numbers.integer(total)),
    ]
    facts += [("After", numbers.days(readout.days))] if readout.days is not None else []
    facts += [("As of", numbers.moment(readout.as_of))] if readout.as_of is not None else []
    if readout.plan is not None:
        plan = readout.plan
        facts.append(("Plan", plan.name if plan.version == 1 else f"{plan.name}, version {plan.version}"))
    if readout.plan_digest is not None:
        facts.append(("Plan digest", readout.plan_digest[:_DIGEST]))
    return tuple(facts)


def _progress_glance(readout: Readout) -> tuple[Glance, ...]:
    """Return how far the leading metric is, in one chip that says what it tracks."""
    leading = lookup.leading_candidate(readout)
    own = [one for one in readout.sequences if one.candidate == leading and one.progress_sentence]
    own = [one for one in own if one.metric == readout.lead_metric] or own
    if not own or readout.verdict.status == "invalid":
        return ()
    return (
        Glance(
            symbol="…" if (own[0].progress or 0.0) < 1 else words.STATUS_SYMBOLS["pass"],
            tone="neutral",
            word="",
            text=f"{own[0].metric}: {own[0].progress_sentence}",
            section="sequences",
        ),
    )


def _deviation_glance(readout: Readout) -> tuple[Glance, ...]:
    count = len(readout.deviations)
    if not count:
        return ()
    serious = any(deviation.serious for deviation in readout.deviations)
    return (
        Glance(
            symbol=words.STATUS_SYMBOLS["warn"],
            tone="bad" if serious else "unsure",
            word="",
            text=f"{numbers.integer(count)} {words.plural(count, 'deviation')} from the plan",
            section="plan",
        ),
    )
