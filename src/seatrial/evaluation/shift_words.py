"""A shift in words: a sentence for each column, one for the whole, and what that means for the model."""

from typing import Literal

from seatrial.evaluation.shift_columns import Draft
from seatrial.records.numbers import format_count, format_interval, format_percent, format_value
from seatrial.records.shift import ExpectedMetric, NatureWord, Shift, ShiftMeasure

FEWEST_ROWS = 100
"""Of either table: under it, that nothing moved says little."""
_NATURE: dict[NatureWord, str] = {
    "no shift told": "Inputs, targets and their relation show no shift beyond chance.",
    "covariate shift": "That fits covariate shift: other rows come in, and their relation to the target is as before.",
    "label shift": "That fits label shift: the targets come in other shares.",
    "concept shift": "That is concept shift: the same rows have other targets than before.",
    "cannot tell": "Which kind of shift it is cannot be told.",
}
Status = Literal["pass", "fail", "inconclusive"]


def column_sentence(draft: Draft, *, moved: bool) -> str:
    """One sentence: what happened to a column, its PSI, and what chance shows."""
    parts = [draft.said or "nothing can be said"]
    psi = next((one for one in draft.measures if one.name in ("PSI", "MMD") and one.value is not None), None)
    if psi is not None and psi.value is not None:
        chance = "" if psi.by_chance is None else f" (chance: up to {digits(psi.by_chance)})"
        parts.append(f"{psi.name} {digits(psi.value)}{chance}")
    gap = draft.missing_current - draft.missing_reference
    missing = next((one for one in draft.measures if one.name == "missing share"), None)
    if missing is not None and gap:
        parts.append(
            f"missing in {_percent(draft.missing_current)} of the rows after {_percent(draft.missing_reference)}"
        )
    tail = "" if moved else ": not told from chance"
    return f"{'; '.join(parts)}{tail}."


def digits(value: float) -> str:
    """A divergence with two digits that matter.

    >>> digits(0.01234), digits(1.234), digits(0.0)
    ('0.012', '1.23', '0')
    """
    if value == 0:
        return "0"
    if abs(value) >= 1:
        return f"{value:.2f}"
    return f"{value:.2g}" if abs(value) >= 1e-4 else ("under 0.0001" if value > 0 else "0")


def _percent(share: float) -> str:
    return format_percent(round(share, 3)) if share >= 0.0005 or share == 0 else "under 0.1 %"


def status(of: Shift) -> Status:
    """fail: the metric fell, or is reliably expected to; pass: it did not, or nothing moved; else inconclusive."""
    seen = of.metric_change
    if seen is not None and seen.difference is not None:
        if seen.word == "worse":
            return "pass" if seen.smaller_than_margin else "fail"
        return "inconclusive" if seen.word == "cannot tell" else "pass"
    if not _moved(of):
        return "pass" if min(one.rows for one in of.sources) >= FEWEST_ROWS else "inconclusive"
    return "inconclusive"


def _moved(of: Shift) -> bool:
    return of.moved > 0 or of.joint.told_apart


def best_expected(of: Shift) -> ExpectedMetric | None:
    """The estimate to quote: the weighted one where it is reliable, else the scores' own where it is."""
    known = [one for one in of.expected if one.change is not None]
    return next((one for one in known if one.reliable), None)


def sentence(of: Shift) -> str:
    """The whole in a few words: how many columns moved, whether the tables are told apart, what the metric does."""
    return " ".join([_columns(of), *_metric(of)])


def _columns(of: Shift) -> str:
    total = len(of.columns)
    noun = "column" if total == 1 else "columns"
    names = [one.column if len(one.column) <= 40 else one.column[:39] + "…" for one in of.columns if one.moved]
    if names:
        most = f" (most: {', '.join(names[:3])})" if len(names) > 1 else f" ({names[0]})"
        said = f"{of.moved} of {total} {noun} moved more than chance{most}"
    else:
        rows = min(one.rows for one in of.sources)
        few = f", but {format_count(rows)} rows can hide a lot" if rows < FEWEST_ROWS else ""
        said = f"{'None' if total > 1 else 'Not one'} of {total} {noun} moved more than chance{few}"
    joint = of.joint
    if joint.auc is not None and joint.told_apart:
        said += (
            f"; a classifier tells the two tables apart with AUC {format_interval(joint.auc, joint.low, joint.high)}"
        )
    elif joint.auc is not None:
        said += "; a classifier cannot tell the two tables apart"
    return f"{said}."


def _metric(of: Shift) -> list[str]:
    seen = of.metric_change
    said = []
    if seen is not None and seen.difference is not None:
        verb = "fell" if seen.difference < 0 else "rose" if seen.difference > 0 else "stayed"
        change = format_interval(seen.difference, seen.low, seen.high, signed=True)
        half = None if seen.low is None or seen.high is None else (seen.high - seen.low) / 2
        values = ""
        if seen.baseline_value is not None and seen.candidate_value is not None:
            values = f" from {format_value(seen.baseline_value, half)} to {format_value(seen.candidate_value, half)}"
        said.append(f"{seen.metric} {verb}{values} ({change}): {seen.word}{_small(seen.smaller_than_margin)}.")
        if of.nature is not None:
            said.append(_NATURE[of.nature.word])
        return [said[0][:1].upper() + said[0][1:], *said[1:]]
    if seen is not None and seen.reason is not None:
        return [f"The change of {seen.metric} is not known: {seen.reason}."]
    best = best_expected(of)
    if best is not None and best.change is not None:
        how = "if only the inputs moved" if best.how.startswith("importance") else "if its scores are calibrated"
        if best.low is None or best.high is None or best.low <= 0 <= best.high:
            change = format_interval(best.change, best.low, best.high, signed=True)
            return [f"Without targets it cannot be told which way {best.metric} goes: {change} {how}."]
        fall = best.change < 0
        low, high = sorted((abs(best.low), abs(best.high)))
        change = format_interval(abs(best.change), low, high)
        return [f"Without targets, {best.metric} is expected to {'fall' if fall else 'rise'} by {change} {how}."]
    if of.expected:
        reason = next((one.reason for one in of.expected if one.reason), None) or _unreliable(of.expected[0])
        return [f"What that does to {of.expected[0].metric} cannot be told: {reason}."]
    return []


def _small(smaller: bool) -> str:
    return ", but smaller than the margin" if smaller else ""


def _unreliable(of: ExpectedMetric) -> str:
    if of.effective_n is None:
        return "its scores are not calibrated"
    return (
        f"the {format_count(of.n)} labelled reference rows count as {format_count(of.effective_n)} when weighted to "
        "look like the current ones"
    )


def shown(of: ShiftMeasure) -> str:
    """A measure with its null band: `0.21 (chance: up to 0.02)`."""
    if of.value is None:
        return of.reason or "none"
    chance = "" if of.by_chance is None else f" (chance: up to {digits(of.by_chance)})"
    return f"{digits(of.value)}{chance}"
