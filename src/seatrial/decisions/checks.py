"""One rule, one candidate, what was measured: a `Check`, and the clause a verdict is made of (STATISTICS section 1)."""

import math
from dataclasses import dataclass
from typing import Literal

from seatrial.decisions.phrases import at_level, bound_text, difference_text, margin_text, place_text, said, value_text
from seatrial.decisions.policy import resolve_margin
from seatrial.effects.families import Deciding
from seatrial.effects.words import Position, baseline_sign, position
from seatrial.records.decision import Check, Rule
from seatrial.records.numbers import format_count
from seatrial.records.results import Estimate
from seatrial.stats.contrasts import Contrast
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.power import UNKNOWN, rows_needed, smallest_detectable_effect

CheckStatus = Literal["pass", "fail", "inconclusive"]

GUARDED_TOO = " (guarded too)"
"""How the name of the guardrail that a success metric also is ends."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was measured for one rule and one candidate: a contrast (S = 1), or for a bound the candidate's estimate."""

    n: int = 0
    contrast: Contrast | None = None
    estimate: Estimate | None = None
    reason: str | None = None
    """Why there is neither: `there is no baseline to compare with`."""
    margin: float = 0.01
    """The metric's default margin."""
    margin_is_relative: bool = False
    higher_is_better: bool = True
    scale: str | None = None
    counted: str = "rows"
    """What `n` counts: `rows`, `positives`, `users`."""
    label: str | None = None
    """How the metric is said in a sentence; None: by its name."""
    reference: str = "baseline"
    """What the other side is called: `baseline` offline, `control` online."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A rule asked of one candidate, with what was measured and how it is read."""

    rule: Rule
    candidate: str
    baseline: str | None
    evidence: Evidence
    deciding: Deciding
    power: float = 0.8
    several: bool = False
    """True: there is more than one candidate, so checks are named after theirs."""

    @property
    def margin(self) -> tuple[float, bool]:
        return resolve_margin(self.rule, (self.evidence.margin, self.evidence.margin_is_relative))

    @property
    def subject(self) -> str:
        return place_text(self.evidence.label or self.rule.metric, self.rule.slice)

    @property
    def other(self) -> str:
        return said(self.baseline or "the baseline")


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A check, and what a verdict needs to speak of it."""

    check: Check
    clause: str
    """The finding without level and need: `recall is better than logistic (...)`."""
    need: str | None = None
    """What would settle it, a clause: `it would take about 18,800 rows (there are 2,400)`."""
    derived: bool = False
    """True for the guardrail that every success metric also is."""
    gain: float = -math.inf
    """Difference oriented so that + is good; to rank candidates."""


def success_status(place: Position) -> CheckStatus:
    """Return pass when L > 0; fail when U < 0, or L > -m and U < m; else inconclusive (S = 1)."""
    if place.above_zero[0]:
        return "pass"
    if place.below_zero[0] or (place.above_loss[0] and place.below_gain[0]):
        return "fail"
    return "inconclusive"


def guardrail_status(place: Position) -> CheckStatus:
    """Return pass when L > -m; fail when U <= -m; else inconclusive (S = 1; non-inferiority)."""
    if place.above_loss[0]:
        return "pass"
    return "fail" if place.at_loss[0] else "inconclusive"


def bound_status(low: float | None, high: float | None, rule: Rule) -> CheckStatus:
    """Return, for `below b`: pass when U < b, fail when L > b, else inconclusive; for `above b` the mirror image."""
    if rule.above is not None:
        if low is not None and low > rule.above:
            return "pass"
        return "fail" if high is not None and high < rule.above else "inconclusive"
    bound = math.inf if rule.below is None else rule.below
    if high is not None and high < bound:
        return "pass"
    return "fail" if low is not None and low > bound else "inconclusive"


def decide_rule(question: Question, *, derived: bool = False) -> Decided:
    """Decide one rule for one candidate; `derived` reads a success rule as the guardrail it also is."""
    if question.rule.is_bound:
        return _bound(question)
    contrast = question.evidence.contrast
    guarding = derived or question.rule.role == "guardrail"
    if contrast is None:
        missing = question.evidence.reason or "there is no baseline to compare with"
        return _without(question, missing, guarding=guarding, derived=derived)
    margin, is_relative = question.margin
    place = position(
        contrast,
        alpha=question.deciding.alpha,
        margin=margin,
        margin_is_relative=is_relative,
        higher_is_better=question.evidence.higher_is_better,
    )
    settled = bool(place.above_zero[0]) or (not guarding and bool(place.below_zero[0]))
    reason = _reason(contrast, place, margin if is_relative and not settled else None)
    if reason is not None:
        return _without(question, reason, guarding=guarding, derived=derived)
    return _guardrail(question, contrast, place, derived) if guarding else _success(question, contrast, place)


def _success(question: Question, contrast: Contrast, place: Position) -> Decided:
    status = success_status(place)
    inside = bool(place.above_loss[0] and place.below_gain[0])
    subject, other = question.subject, question.other
    if place.low[0] == 0 == place.high[0]:
        finding = f"{subject} is that of {other} exactly, row by row"
    elif status == "pass":
        finding = f"{subject} is better than {other}" + (", though by less than the margin" if inside else "")
    elif place.below_zero[0]:
        finding = f"{subject} is worse than {other}" + (", though by less than the margin" if inside else "")
    elif status == "fail":
        finding = f"{subject} is not meaningfully different from {other}"
    else:
        finding = f"{subject} may or may not be better than {other}"
    need = None
    if status == "inconclusive":
        size = _margin_size(question, contrast)
        enough = "to see a gain as large as the margin, so a true gain is probably smaller"
        need = _need(question, contrast, place, size, enough)
    return _compared(
        question,
        contrast,
        place,
        status,
        finding,
        need=need,
        null=0.0,
        p=float(contrast.p_value(0.0)[0]),
        with_margin=inside or status == "inconclusive",
        guarding=False,
        derived=False,
    )


def _guardrail(question: Question, contrast: Contrast, place: Position, derived: bool) -> Decided:
    status = guardrail_status(place)
    subject, other = question.subject, question.other
    if place.low[0] == 0 == place.high[0]:
        finding = f"{subject} is that of {other} exactly, row by row"
    elif status == "pass":
        if place.above_zero[0]:
            finding = f"{subject} is better than {other}"
        elif place.below_zero[0]:
            finding = f"{subject} is worse than {other}, but by less than the margin"
        else:
            finding = f"{subject} is not worse than {other} by as much as the margin"
    elif status == "fail":
        finding = f"{subject} is worse than the margin allows"
    elif place.below_zero[0]:
        finding = f"{subject} is worse than {other}, perhaps by more than the margin allows"
    else:
        finding = f"{subject} may be worse than the margin allows"
    margin, is_relative = question.margin
    size = _margin_size(question, contrast)
    sign = 1.0 if question.evidence.higher_is_better else -1.0
    tested, null = contrast, -sign * margin
    if is_relative:
        less = contrast.against(1 - margin)
        lower_edge = question.evidence.higher_is_better != bool(baseline_sign(contrast, less)[0] < 0)
        tested, null = less if lower_edge else contrast.against(1 + margin), 0.0
    need = None
    if status == "inconclusive":
        enough = "for a version with no true difference to pass, so the truth may lie close to the margin"
        need = _need(question, tested, place, size, enough)
    return _compared(
        question,
        contrast,
        place,
        status,
        finding,
        need=need,
        null=-sign * size,
        p=float(tested.p_value(null)[0]),
        with_margin=True,
        guarding=True,
        derived=derived,
    )


def _compared(
    question: Question,
    contrast: Contrast,
    place: Position,
    status: CheckStatus,
    finding: str,
    *,
    need: str | None,
    null: float,
    p: float,
    with_margin: bool,
    guarding: bool,
    derived: bool,
) -> Decided:
    evidence = question.evidence
    margin, is_relative = question.margin
    size = _margin_size(question, contrast)
    difference = float(contrast.difference[0])
    numbers = difference_text(
        difference,
        float(place.low[0]),
        float(place.high[0]),
        scale=evidence.scale,
        thresholds=(0.0,) if is_relative else (0.0, null) if guarding else (0.0, size, -size),
    )
    allowed = margin_text(margin, is_relative, scale=evidence.scale, of=evidence.reference)
    limit = f", margin {allowed}" if with_margin else ""
    level = at_level(question.deciding.alpha)
    less = "" if evidence.higher_is_better else ", less is better"
    clause = f"{finding} ({numbers}{limit})"
    reason = f"{finding} ({numbers} at {level}{limit}{less})" + (f"; {need}" if need else "") + "."
    if place.low[0] == 0 == place.high[0]:
        clause, reason = finding, f"{finding}."
    return Decided(
        check=_check(
            question,
            status,
            reason,
            guarding=guarding,
            derived=derived,
            tested_value=null if math.isfinite(null) else None,
            p_value=p if math.isfinite(p) else None,
            worse=not guarding and bool(place.below_zero[0]),
        ),
        clause=clause,
        need=need,
        derived=derived,
        gain=difference if evidence.higher_is_better else -difference,
    )


def _bound(question: Question) -> Decided:
    rule, estimate = question.rule, question.evidence.estimate
    scale = question.evidence.scale if estimate is None or estimate.scale is None else estimate.scale
    bound = rule.below if rule.below is not None else rule.above
    limit = bound_text(bound if bound is not None else math.inf, scale)
    if estimate is None:
        return _without(question, question.evidence.reason or "it was not measured", guarding=True, derived=False)
    status = bound_status(estimate.low, estimate.high, rule)
    if status == "inconclusive" and estimate.reason is not None:
        return _without(question, estimate.reason, guarding=True, derived=False)
    if status == "inconclusive" and (estimate.low is None or estimate.high is None):
        return _without(question, "it has no interval", guarding=True, derived=False)
    numbers = value_text(
        estimate.value, estimate.low, estimate.high, scale=scale, thresholds=() if bound is None else (bound,)
    )
    sides = {"pass": "below", "fail": "above"} if rule.below is not None else {"pass": "above", "fail": "below"}
    need = None
    if status == "inconclusive":
        finding = f"{question.subject} is {numbers}, on both sides of its bound of {limit}"
        need = f"more rows would narrow the interval (there are {format_count(estimate.n)})"
    else:
        finding = f"{question.subject} is {numbers}, {sides[status]} its bound of {limit}"
    reason = f"{finding}; interval at {at_level(1 - estimate.level)}" + (f"; {need}" if need else "") + "."
    check = _check(question, status, reason, guarding=True, tested_value=bound, p_value=None, level=estimate.level)
    return Decided(check=check, clause=finding, need=need)


def _without(question: Question, reason: str, *, guarding: bool, derived: bool) -> Decided:
    verb = "be held against its bound" if question.rule.is_bound else "be compared"
    clause = f"{question.subject} cannot {verb}: {said(reason, 160).rstrip('.')}"
    check = _check(
        question, "inconclusive", f"{clause}.", guarding=guarding, derived=derived, tested_value=None, p_value=None
    )
    return Decided(check=check, clause=clause, derived=derived)


def _check(
    question: Question,
    status: CheckStatus,
    reason: str,
    *,
    guarding: bool,
    tested_value: float | None,
    p_value: float | None,
    derived: bool = False,
    level: float | None = None,
    worse: bool = False,
) -> Check:
    rule = question.rule
    margin, is_relative = question.margin
    place = f" ({' & '.join(f'{c}={v}' for c, v in rule.slice.items())})" if rule.slice else ""
    size = margin_text(margin, is_relative, scale=question.evidence.scale, of=None)
    if rule.is_bound:
        side, bound = ("below", rule.below) if rule.below is not None else ("above", rule.above)
        short = condition = f"{side} {bound_text(bound if bound is not None else math.inf, question.evidence.scale)}"
    elif guarding:
        short = f"at most {size} worse"
        condition = f"{short} than the {question.evidence.reference}"
        if derived:
            short += GUARDED_TOO
    else:
        short, condition = "better", f"better than the {question.evidence.reference}"
    return Check(
        name=(f"{question.candidate}: " if question.several else "") + f"{rule.metric}{place} {short}",
        role="guardrail" if guarding else "success",
        status=status,
        reason=reason,
        metric=rule.metric,
        candidate=question.candidate,
        slice=rule.slice,
        condition=condition,
        tested_value=tested_value,
        p_value=p_value,
        adjusted_p_value=None if guarding else question.deciding.adjusted_p_value,
        level=1 - question.deciding.alpha if level is None else level,
        margin=None if rule.is_bound else margin,
        margin_is_relative=is_relative and not rule.is_bound,
        worse=worse,
    )


def _reason(contrast: Contrast, place: Position, share: float | None) -> str | None:
    """Why nothing can be said, or None; a contrast on a share of the baseline may lack what the plain one has."""
    if contrast.reasons[0] is not None:
        return contrast.reasons[0]
    if math.isnan(place.low[0]) or math.isnan(place.high[0]):
        return "no interval could be computed"
    if share is not None and not (place.low[0] == 0 == place.high[0]):
        for factor in (1 - share, 1 + share):
            shifted = contrast.against(factor).reasons[0]
            if shifted is not None:
                return shifted
    return None


def _margin_size(question: Question, contrast: Contrast) -> float:
    """The margin in the metric's own units."""
    margin, is_relative = question.margin
    if not is_relative:
        return margin
    return abs(float(contrast.against(1 - margin).difference[0] - contrast.difference[0]))


def _need(question: Question, tested: Contrast, place: Position, target: float, enough: str) -> str | None:
    """What it would take: rows = n (smallest detectable effect / target)^2, never from the observed effect.

    With few or no flips a score interval is far wider than its standard error says; then its width is taken.
    """
    n, alpha = question.evidence.n, question.deciding.alpha
    if target == 0:
        return "with a margin of 0 no number of rows shows it; give it a margin"
    low, high = tested.interval(alpha)
    error, by_width = float(tested.standard_error[0]), float(high[0] - low[0]) / (2 * normal_quantile(alpha))
    if not error > 0 or by_width > 2 * error:
        error = by_width
    if not (0 < error < math.inf and math.isfinite(target)) or n <= 0:
        return None
    detectable = float(smallest_detectable_effect(error, alpha=alpha, power=question.power))
    rows = int(rows_needed(n, detectable, target))
    if rows == UNKNOWN:
        return None
    noun = f"such {question.evidence.counted}" if question.rule.slice else question.evidence.counted
    if rows > n:
        supposed = " if there were no true difference" if place.below_zero[0] else ""
        return f"it would take about {format_count(rows, about=True)} {noun}{supposed} (there are {format_count(n)})"
    return f"{format_count(n)} {noun} are enough {enough}"
