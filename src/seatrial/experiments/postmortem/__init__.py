"""Post-mortem of a null result: the questions in the order in which they must be asked, and what to test next."""

from seatrial.experiments.postmortem.data_steps import data_steps
from seatrial.experiments.postmortem.effect_steps import (
    dilution_step,
    offline_step,
    power_step,
    segment_step,
    trend_step,
)
from seatrial.experiments.postmortem.next_test import brief, next_test
from seatrial.experiments.postmortem.subject import Subject, find, shown
from seatrial.records.postmortem import NextTest, PostMortem, Step
from seatrial.records.readout import Readout


def postmortem(
    readout: Readout, *, trigger: str | None = None, metric: str | None = None, candidate: str | None = None
) -> PostMortem:
    """Ask why an experiment showed nothing, from its readout alone.

    Sample ratio, crossovers, logging, metric validity, power, dilution and trigger, segments, trend, offline gap; then
    the
    next test and its units, sized for the plan's minimum effect (else the margin). `trigger` names the segment column
    that
    says which units met the change (else one called `triggered`); `metric` and `candidate` default to the leading ones.
    Raises UsageError for names that are not in the readout, DataError for one without effects.
    """
    of = find(readout, metric=metric, candidate=candidate, trigger=trigger)
    segments, best = segment_step(of)
    trend, slope = trend_step(of)
    steps = (*data_steps(of), power_step(of), dilution_step(of), segments, trend, offline_step(of))
    advice = next_test(of, {step.name: step for step in steps}, best=best, trend=slope)
    return PostMortem(
        title=readout.title,
        sentence=_sentence(of, steps, advice),
        metric=of.metric,
        control=of.control,
        candidate=of.candidate,
        word=of.effect.word,
        is_null=of.effect.word not in ("better", "worse"),
        steps=steps,
        next_test=advice,
        exploratory=readout.exploratory,
        unit=readout.unit,
        plan_digest=readout.plan_digest,
        readout_digest=readout.digest(),
        seatrial=readout.provenance.seatrial,
    )


def _sentence(of: Subject, steps: tuple[Step, ...], advice: NextTest) -> str:
    """What was found, the first explanation, and what next, in a few words."""
    verb = ":" if of.effect.difference is None else " is"
    what = f"{of.metric} of {of.candidate} against {of.control}{verb} {shown(of.effect)}"
    if of.effect.word in ("better", "worse"):
        return f"{what}: {of.effect.word}, not a null result."
    failed = [step for step in steps if step.status == "fail"]
    then = f"Next: {brief(advice)}."
    if not failed:
        unknown = [step.name for step in steps if step.status == "cannot check"]
        rest = f" ({', '.join(unknown)} could not be checked)" if unknown else ""
        return f"{what}, and nothing that was checked explains it away{rest}. {then}"
    more = f" (then {', '.join(step.name for step in failed[1:])})" if len(failed) > 1 else ""
    return f"{what}. What explains it first is {failed[0].name}{more}: {failed[0].sentence} {then}"
