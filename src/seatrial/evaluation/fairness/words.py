"""What an audit found, in plain words: the worst first, and what it does not show."""

from collections.abc import Sequence
from typing import Literal

from seatrial.data.frame import Frame
from seatrial.errors import listed
from seatrial.evaluation.fairness.gaps import FOUR_FIFTHS, named
from seatrial.records import Estimate
from seatrial.records.audit import AuditCut, AuditFinding, AuditGroup, Explorer, Gap, Proxy
from seatrial.records.numbers import format_interval

Tone = Literal["bad", "unsure", "neutral"]
_ORDER = {"bad": 0, "unsure": 1, "neutral": 2, "good": 3}
_MOST_PROXIES = 3


def headline(cuts: Sequence[AuditCut]) -> tuple[Tone, str]:
    """The tone and the few words of the first screen."""
    failed = [_by(cut) for cut in cuts if cut.four_fifths == "fail"]
    told = [_by(cut) for cut in cuts if any(gap.told for gap in cut.gaps if gap.notion != "base rate")]
    if not any(cut.gaps for cut in cuts):
        return "unsure", "No groups to compare"
    if failed:
        return "bad", f"Selection falls short of four fifths by {listed(failed, limit=3)}"
    if told:
        return "unsure", f"Groups are treated differently by {listed(told, limit=3)}"
    return "neutral", "No difference between groups was told from chance"


def findings(
    cuts: Sequence[AuditCut],
    proxies: Sequence[Proxy],
    explorers: Sequence[Explorer],
    *,
    favourable: str,
    level: float,
    n: int,
) -> tuple[AuditFinding, ...]:
    """Sentences, the worst first; within a tone in the order of the page."""
    found: list[AuditFinding] = []
    for cut in cuts:
        found += _of_cut(cut, favourable)
    found += _of_proxies(proxies)
    found += _of_costs(explorers)
    return tuple(sorted(found, key=lambda one: _ORDER[one.tone]))


def not_shown(frame: Frame, cuts: Sequence[AuditCut], *, scored: bool, searched: bool, money: bool) -> tuple[str, ...]:
    """What this audit does not show."""
    small = sum(not group.ranked for cut in cuts for group in cut.groups)
    said = [
        "Whether any of this is lawful: four fifths is a rule of thumb of one country's enforcement practice, "
        "thresholds that differ by group are forbidden in many places, and no law is applied on this page.",
        "Whether the labels are right: if the past treated groups unequally, the labels carry it, and a model that "
        "agrees with them looks fair here.",
        "People who are not in these rows: those never assessed, refused without a label, or deterred from applying.",
        "What decisions do later: who is refused today is not seen tomorrow, and that feeds back into the next labels.",
        "Whether a difference has a justification: this page measures; it does not explain.",
    ]
    if small:
        said.append(f"Groups too small: {small} are listed but not compared, and harm in them would not be found here.")
    if len(frame.slices) < 2:
        said.append("Intersections: one protected column was given.")
    else:
        said.append("Intersections of more than two protected columns, and small cells of two: their limits are wide.")
    if not scored:
        said.append("Calibration, AUC and other thresholds: no score was given.")
    if not searched:
        said.append("Stand-ins for a protected column: no other columns were searched.")
    if scored and not money:
        said.append("Money: no --benefit and --cost were given, so rules are valued by accuracy.")
    said.append(
        "Mitigations that train the model again (reweighting, fairlearn's reductions): only decisions were given."
    )
    return tuple(said)


def _of_cut(cut: AuditCut, favourable: str) -> list[AuditFinding]:
    about = _by(cut)
    if cut.reason is not None:
        return [AuditFinding(tone="unsure", about=about, sentence=f"By {about}, {cut.reason}.")]
    found = [_selection(cut, favourable), _errors(cut, favourable)]
    precision = _gap(cut, "predictive parity", "difference")
    if precision is not None and precision.told and precision.highest and precision.lowest:
        found.append(
            AuditFinding(
                tone="unsure",
                about=about,
                sentence=f"Being given '{favourable}' means less in one group than in another: it is right for "
                f"{_percent(cut, precision.highest, 'precision')} in {named(precision.highest)} and for "
                f"{_percent(cut, precision.lowest, 'precision')} in {named(precision.lowest)} "
                f"(difference {_interval(precision)}).",
            )
        )
    base = _gap(cut, "base rate", "difference")
    if base is not None and base.told and base.highest and base.lowest:
        found.append(
            AuditFinding(
                tone="neutral",
                about=about,
                sentence=f"The labels themselves differ: '{favourable}' is the label of "
                f"{_percent(cut, base.highest, 'prevalence')} in {named(base.highest)} and of "
                f"{_percent(cut, base.lowest, 'prevalence')} in {named(base.lowest)} (difference {_interval(base)}). "
                "This is in the data, not the model; equal selection and equal error rates cannot both hold here, "
                "unless the model ignores the labels.",
            )
        )
    small = [group for group in cut.groups if not group.ranked]
    if small:
        found.append(
            AuditFinding(
                tone="neutral",
                about=about,
                sentence=f"Not compared by {about}: "
                + listed((f"{named(g.slice)} ({g.n:,} rows; {g.why_not_ranked})" for g in small), limit=4)
                + ".",
            )
        )
    return [one for one in found if one is not None]


def _selection(cut: AuditCut, favourable: str) -> AuditFinding | None:
    ratio = _gap(cut, "demographic parity", "ratio")
    if ratio is None or ratio.value is None or ratio.highest is None or ratio.lowest is None:
        return None
    held = [g for g in cut.groups if g.impact is not None and g.impact.four_fifths is not None]
    if not held:
        return None
    state = cut.four_fifths
    shown = [g for g in held if g.impact is not None and g.impact.four_fifths == state]
    worst = min(shown, key=lambda g: _ratio(g))
    against = cut.reference or ratio.highest
    rates = (
        f"{_percent(cut, worst.slice, 'selection_rate')} of {named(worst.slice)} are given '{favourable}', against "
        f"{_percent(cut, against, 'selection_rate')} of {named(against)}"
    )
    value = f"an impact ratio of {_impact(worst)}"
    if state == "fail":
        others = sum(g.impact.four_fifths == "fail" for g in held if g.impact is not None) - 1
        more = "" if others < 1 else f", and {others} more {'group falls' if others == 1 else 'groups fall'} short"
        text, tone = f"{rates}: {value}, short of four fifths{more}.", "bad"
    elif state == "pass":
        text, tone = f"By {_by(cut)} every group is within four fifths: at worst {rates}, {value}.", "neutral"
    else:
        side = "below" if _ratio(worst) < FOUR_FIFTHS else "above"
        text = (
            f"{rates}: {value}. The plain ratio is {side} four fifths, but these rows cannot tell on which side the "
            "true one lies."
        )
        tone = "unsure"
    return AuditFinding(tone=tone, about=_by(cut), sentence=text)  # type: ignore[arg-type]


def _errors(cut: AuditCut, favourable: str) -> AuditFinding | None:
    odds = _gap(cut, "equalised odds", "difference")
    if odds is None or odds.value is None:
        return None
    parts = []
    merit, unmerited = (
        _gap(cut, "equal opportunity", "difference"),
        _gap(cut, "false positive rate parity", "difference"),
    )
    if merit is not None and merit.told and merit.highest and merit.lowest:
        parts.append(
            f"of those whose label is '{favourable}', {_percent(cut, merit.lowest, 'recall')} get it in "
            f"{named(merit.lowest)} and {_percent(cut, merit.highest, 'recall')} in {named(merit.highest)} "
            f"(difference {_interval(merit)})"
        )
    if unmerited is not None and unmerited.told and unmerited.highest and unmerited.lowest:
        parts.append(
            f"of the others, {_percent(cut, unmerited.lowest, 'false_positive_rate')} get it in "
            f"{named(unmerited.lowest)} and {_percent(cut, unmerited.highest, 'false_positive_rate')} in "
            f"{named(unmerited.highest)} (difference {_interval(unmerited)})"
        )
    if not parts:
        most = "" if odds.high is None else f"; a difference of up to {odds.high:.2f} is still possible"
        return AuditFinding(
            tone="neutral", about=_by(cut), sentence=f"By {_by(cut)} no difference in error rates was told{most}."
        )
    return AuditFinding(tone="unsure", about=_by(cut), sentence=f"Errors differ: {'; '.join(parts)}.")


def _of_proxies(proxies: Sequence[Proxy]) -> list[AuditFinding]:
    found = []
    for protected in dict.fromkeys(one.protected for one in proxies):
        own = [one for one in proxies if one.protected == protected]
        alone = [one for one in own if one.column is not None and one.strength in ("strong", "moderate")]
        joint = next((one for one in own if one.column is None), None)
        whole = (
            f" All columns together tell {joint.protected} = {joint.group} from the rest with an AUC of "
            f"{format_interval(joint.auc, joint.low, joint.high)}, so leaving {protected} out of a model does not make "
            "it blind."
            if joint is not None and joint.auc is not None and joint.strength in ("strong", "moderate")
            else ""
        )
        if not alone and not whole:
            found.append(
                AuditFinding(
                    tone="neutral", about=protected, sentence=f"No column stands in for {protected} more than weakly."
                )
            )
            continue
        named_columns = ", ".join(
            f"{one.column} (AUC {format_interval(one.auc, one.low, one.high)} for {one.group})"
            for one in alone[:_MOST_PROXIES]
        )
        start = (
            f"Columns stand in for {protected}: {named_columns}."
            if alone
            else f"No column alone gives {protected} away."
        )
        found.append(AuditFinding(tone="unsure", about=protected, sentence=start + whole))
    return found


def _of_costs(explorers: Sequence[Explorer]) -> list[AuditFinding]:
    found = []
    for one in explorers:
        before = next((rule for rule in one.rules if rule.source == "as decided"), None)
        after = next((rule for rule in one.rules if rule.name == "threshold per group, equal selection"), None)
        if before is None or after is None or after.price is None or after.price.value is None:
            continue
        what = "accuracy" if after.money is None else "money per row"
        price = format_interval(after.price.value, after.price.low, after.price.high, signed=True)
        found.append(
            AuditFinding(
                tone="neutral",
                about=one.protected,
                sentence=f"What equal selection by {one.protected} would take: a threshold for each group brings the "
                f"difference in selection from {_two(before.selection_difference)} to "
                f"{_two(after.selection_difference)}, and changes {what} by {price} against the best single threshold.",
            )
        )
    return found


def _two(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _by(cut: AuditCut) -> str:
    return " × ".join(cut.by)


def _gap(cut: AuditCut, notion: str, measure: str) -> Gap | None:
    return next((gap for gap in cut.gaps if gap.notion == notion and gap.measure == measure), None)


def _interval(gap: Gap) -> str:
    return format_interval(gap.value, gap.low, gap.high)


def _ratio(group: AuditGroup) -> float:
    return 1.0 if group.impact is None or group.impact.value is None else group.impact.value


def _impact(group: AuditGroup) -> str:
    if group.impact is None or group.impact.value is None:
        return "unknown"
    return format_interval(group.impact.value, group.impact.low, group.impact.high, thresholds=[FOUR_FIFTHS])


def _percent(cut: AuditCut, of: dict[str, str], metric: str) -> str:
    found: list[Estimate] = [
        one for group in cut.groups if group.slice == of for one in group.estimates if one.metric == metric
    ]
    value = found[0].value if found else None
    return "an unknown share" if value is None else f"{100 * value:.1f} %"
