"""A plan as a document, for the review before the launch: the rule that will decide, its size, what it cannot find."""

from collections.abc import Sequence

from seatrial.experiments.freeze import margin_text, minimum_effect_text
from seatrial.experiments.windows import window_days
from seatrial.records import Arm, Plan, Rule, Sizing
from seatrial.reports import charts, numbers, words
from seatrial.reports.document import (
    Block,
    Bullets,
    Callout,
    Cell,
    Column,
    Document,
    Facts,
    Figure,
    Front,
    KeyNumber,
    Limits,
    Paragraph,
    Rows,
    Section,
    Spec,
    Table,
)
from seatrial.reports.sections.experiment.plan import arms_table, facts, metrics_table
from seatrial.reports.svg import TOKENS

NEVER = "never"
_WIDTH, _HEIGHT = 560, 220
_DIGEST = 12


def plan_document(plan: Plan, *, version: str, changes: Sequence[str] = ()) -> Document:
    """Build the page of a plan; `version` is that of this package, `changes` what an amendment changed, in words."""
    limits = Limits()
    sections = (
        _changes(plan, changes),
        _decision(plan),
        _size(plan),
        _advice(plan),
        _arms(plan, limits),
        Section(
            id="metrics",
            title="Metrics",
            lead="Arithmetic over means of units; one that a rule names decides, the others are only shown.",
            blocks=(metrics_table(plan, limits),),
        ),
        _fixed(plan),
        _not_shown(plan),
    )
    return Document(
        title=f"{plan.name}, version {plan.version}" if plan.version > 1 else plan.name,
        front=_front(plan),
        sections=tuple(section for section in sections if section is not None),
        version=version,
        evidence=plan.digest() if plan.frozen else "",
        about="plan of an experiment",
        source="the plan",
        flag="--json",
    )


def _front(plan: Plan) -> Front:
    arms = [name for name in plan.arm_names if name != plan.control]
    facts = [("Control", plan.control), ("Treatment" if len(arms) == 1 else "Treatments", ", ".join(arms))]
    facts += [("Unit", plan.unit), ("Primary", plan.primary)]
    facts += [("Version", str(plan.version))] if plan.version > 1 else []
    facts += [("Digest", plan.digest()[:_DIGEST])] if plan.frozen else []
    return Front(
        symbol="–",
        tone="neutral",
        headline="Frozen plan" if plan.frozen else "Plan",
        stamp="" if plan.frozen else "not frozen",
        sentence=plan.hypothesis or f"Does {_and(arms)} change {plan.primary}? (No hypothesis is written.)",
        facts=tuple(facts),
        numbers=_key_numbers(plan),
        name="Plan",
    )


def _key_numbers(plan: Plan) -> tuple[KeyNumber, ...]:
    sizing = plan.sizing
    found = []
    if sizing is not None and sizing.units:
        each = set(sizing.units.values())
        value = " / ".join(numbers.integer(units) for units in sizing.units.values()) if len(each) > 1 else ""
        found.append(
            _number(
                f"{words.units(plan.unit)} per arm".capitalize(),
                value or numbers.integer(next(iter(each))),
                f"{numbers.integer(sum(sizing.units.values()))} in all, for {sizing.deciding}",
            )
        )
        if sizing.new_units_per_day:
            enough = sizing.days is not None and (plan.days is None or sizing.days <= plan.days)
            planned = "" if plan.days is None else f"{numbers.integer(plan.days)} days are planned"
            found.append(
                _number("Days", NEVER if sizing.days is None else numbers.integer(sizing.days), planned, enough=enough)
            )
    if plan.minimum_effect is not None:
        today = ""
        if sizing is not None and sizing.control_value is not None:
            today = f" from {numbers.plain(sizing.control_value, scale=plan.metric(plan.primary).scale)} today"
        found.append(_number("Smallest effect wanted", minimum_effect_text(plan), f"in {plan.primary}{today}"))
    return tuple(found)


def _number(name: str, value: str, about: str, *, enough: bool = True) -> KeyNumber:
    return KeyNumber(
        name=name,
        value=value,
        interval="",
        symbol="" if enough else "!",
        word="" if enough else "too long",
        tone="neutral" if enough else "unsure",
        about=about,
    )


def _changes(plan: Plan, changes: Sequence[str]) -> Section | None:
    if plan.amends is None:
        return None
    blocks: tuple[Block, ...] = (Bullets(items=tuple(f"{one[:1].upper()}{one[1:]}." for one in changes)),)
    return Section(
        id="changes",
        title="What this version changes",
        lead=f"Version {plan.version} takes the place of the frozen plan {plan.amends[:_DIGEST]}.",
        blocks=blocks if changes else (),
    )


def _decision(plan: Plan) -> Section:
    """The rule that will decide, in words, in the order in which it is applied."""
    rules = plan.policy.rules
    success = [rule for rule in rules if rule.role == "success"]
    guardrails = [rule for rule in rules if rule.role == "guardrail"]
    secondary = [rule.metric for rule in rules if rule.role == "secondary"]
    treatments = len(plan.arms) - 1
    family = len(success) * treatments
    level = numbers.level(1 - plan.policy.alpha)
    items = ["No verdict where health fails: a broken sample ratio, missing logs, units in several arms."]
    guarded = [_guard(plan, rule) for rule in guardrails]
    if success:
        better = " or ".join(words.on_slice(rule.metric, rule.slice) for rule in success)
        shared = f", corrected over {family} comparisons by Holm" if family > 1 else ""
        also = f", and {_and(guarded)}" if guarded else ""
        items.append(f"Ship when {better} is better: the {level} interval lies on the good side of 0{shared}{also}.")
    else:
        items.append(f"Ship when {_and(guarded)}.")
    losses = " or ".join(
        filter(None, ("a guardrail's loss is shown to exceed its margin" if guardrails else "",
                      "a success metric is shown to be worse" if success else ""))
    )  # fmt: skip
    items.append(f"Do not ship when {losses}.")
    items.append("Cannot tell yet in every other case, with what it would take to tell.")
    if secondary:
        items.append(f"Shown and never deciding: {', '.join(dict.fromkeys(secondary))}.")
    items.append(f"When: {words.STOPPING_WORDS[plan.stopping.rule]}{_looks(plan)}.")
    if plan.segments:
        items.append(
            f"Registered segments: {', '.join(plan.segments)}; an interaction test comes before any single level is "
            f"read, and every other segment is exploratory."
        )
    return Section(id="decision", title="How it will be decided", blocks=(Bullets(items=tuple(items)),))


def _guard(plan: Plan, rule: Rule) -> str:
    metric = plan.metric(rule.metric)
    name = words.on_slice(rule.metric, rule.slice)
    if rule.is_bound:
        bound = rule.below if rule.below is not None else rule.above
        side = "below" if rule.below is not None else "above"
        return f"{name} is shown to be {side} {numbers.plain(bound or 0.0, scale=metric.scale)}"
    return f"{name} is shown to be worse by less than {margin_text(rule, metric).removeprefix('margin ')}, if at all"


def _looks(plan: Plan) -> str:
    if not plan.stopping.looks:
        return ""
    shares = ", ".join(numbers.percent(look, decimals=0) for look in plan.stopping.looks)
    futility = "; a hopeless one may be stopped (not binding)" if plan.stopping.futility else ""
    return f", at {shares} of the information, {plan.stopping.spending} spending{futility}"


def _size(plan: Plan) -> Section:
    sizing = plan.sizing
    if sizing is None:
        text = (
            "Not sized: nothing says what the primary metric is today. A history table (--history), or its base rate "
            "and standard deviation, gives the units per arm and what each duration can find."
        )
        return Section(id="size", title="Size and duration", blocks=(Paragraph(text=text),))
    blocks: list[Block] = []
    lead = _size_sentence(plan, sizing)
    short = plan.days is not None and sizing.units and (sizing.days is None or sizing.days > plan.days)
    if short and sizing.new_units_per_day:
        takes = "this traffic never brings enough" if sizing.days is None else f"{sizing.days} days are needed"
        blocks.append(
            Callout(text=f"{plan.days} days are too few: {takes}.", symbol="!", tone="unsure", label="underpowered")
        )
    if sizing.by_duration:
        blocks += [_duration_table(plan, sizing), *_duration_chart(plan, sizing)]
    blocks.append(Facts(items=_assumed(plan, sizing)))
    if sizing.notes:
        blocks.append(Bullets(items=tuple(f"{one[:1].upper()}{one[1:]}." for one in sizing.notes)))
    return Section(id="size", title="Size and duration", lead=lead, blocks=tuple(blocks))


def _size_sentence(plan: Plan, sizing: Sizing) -> str:
    if not sizing.units:
        return "No minimum effect is planned, so the table says what each duration can find."
    each = ", ".join(f"{numbers.integer(units)} in {arm}" for arm, units in sizing.units.items())
    shown = [f"a change of {minimum_effect_text(plan)} in {plan.primary}"] if plan.minimum_effect is not None else []
    if sizing.deciding != plan.primary or not shown:
        shown.append(f"that {sizing.deciding} stays within its margin")
    found = (
        f"{numbers.integer(sum(sizing.units.values()))} {words.units(plan.unit)} ({each}) show {_and(shown)} with "
        f"a chance of {numbers.percent(plan.policy.power, decimals=0)}"
    )
    if not sizing.new_units_per_day:
        return f"{found}; new units per day would say how long that takes."
    if sizing.days is None:
        return f"{found}; this traffic never brings so many new units."
    return f"{found}; that takes {numbers.integer(sizing.days)} days."


def _duration_table(plan: Plan, sizing: Sizing) -> Table:
    scale = plan.metric(sizing.metric).scale
    rows = tuple(
        (
            Cell(text=f"{row.days} days", note=_day_note(plan, sizing, row.days)),
            Cell(text=numbers.integer(row.units_per_arm)),
            Cell(text=numbers.plain(row.minimum_detectable_effect, scale=scale)),
            Cell(text="–" if row.minimum_detectable_lift is None else numbers.percent(row.minimum_detectable_lift)),
        )
        for row in sizing.by_duration
    )
    return Table(
        caption=f"What each duration can find of {sizing.metric}",
        columns=(
            Column(title="Duration"),
            Column(title="Units per arm", kind="number"),
            Column(title="Finds", kind="number"),
            Column(title="As a lift", kind="number"),
        ),
        groups=(Rows(rows=rows),),
        key=f"Found with a chance of {numbers.percent(sizing.power_each)} where it is there.",
    )


def _day_note(plan: Plan, sizing: Sizing, days: int) -> str:
    said = ["planned"] if days == plan.days else []
    return ", ".join([*said, *(["needed"] if days == sizing.days else [])])


def _duration_chart(plan: Plan, sizing: Sizing) -> list[Block]:
    """Draw the smallest effect found over days, with the one that is wanted."""
    relative = all(row.minimum_detectable_lift is not None for row in sizing.by_duration)
    points = [
        (row.days, (row.minimum_detectable_lift or 0.0) * 100 if relative else row.minimum_detectable_effect)
        for row in sizing.by_duration
    ]
    if len(points) < 2:
        return []
    wanted = None
    if plan.minimum_effect is not None and plan.minimum_effect_is_relative == relative:
        wanted = plan.minimum_effect * 100 if relative else plan.minimum_effect
    title = "Smallest lift found (%)" if relative else f"Smallest effect found of {sizing.metric}"
    said = "; ".join(f"{days} days: {numbers.plain(effect)}{' %' if relative else ''}" for days, effect in points)
    also = "" if wanted is None else f" Wanted: {numbers.plain(wanted)}{' %' if relative else ''}."
    return [
        Figure(
            id="durations",
            title=f"What each duration can find of {sizing.metric}",
            alternative=f"{title} by duration. {said}.{also}",
            spec=_chart(points, wanted, title),
            caption="" if wanted is None else "The dashed line is the smallest effect wanted.",
        )
    ]


def _chart(points: Sequence[tuple[int, float]], wanted: float | None, title: str) -> Spec:
    x = {"field": "x", "type": "quantitative", "scale": {"zero": True, "nice": True},
         "axis": {"title": "Days", "grid": False}}  # fmt: skip
    y = {"field": "y", "type": "quantitative", "scale": {"zero": True, "nice": True},
         "axis": {"title": title, "tickCount": 5}}  # fmt: skip
    colour = TOKENS["series1"]
    layers: list[Spec] = [
        {
            "data": {"values": [{"x": days, "y": effect} for days, effect in points]},
            "mark": {"type": "line", "color": colour, "strokeWidth": 2.2, "point": {"color": colour, "size": 45}},
            "encoding": {"x": x, "y": y},
        }
    ]
    if wanted is not None:
        layers.append(
            {
                "data": {"values": [{"y": wanted}]},
                "mark": {"type": "rule", "color": TOKENS["margin"], "strokeDash": [6, 4], "strokeWidth": 1.6},
                "encoding": {"y": y},
            }
        )
    return charts.specification({"width": _WIDTH, "height": _HEIGHT, "layer": layers})


def _assumed(plan: Plan, sizing: Sizing) -> tuple[tuple[str, str], ...]:
    scale = plan.metric(sizing.metric).scale
    found = [("Read from", sizing.source)]
    if sizing.control_value is not None:
        found.append((f"{sizing.metric} today", numbers.plain(sizing.control_value, scale=scale)))
    if sizing.standard_deviation is not None:
        adjusted = ", after the covariates" if sizing.variance_factor < 1 else ""
        found.append(
            (f"Standard deviation of one unit{adjusted}", numbers.plain(sizing.standard_deviation, scale=scale))
        )
    if sizing.variance_factor < 1:
        found.append(("Variance the covariates leave", numbers.percent(sizing.variance_factor)))
    found.append(("Power of each check", numbers.percent(sizing.power_each)))
    if sizing.inflation != 1:
        found.append(("Units more for looking early", f"{numbers.fixed(sizing.inflation, decimals=3)} times as many"))
    if sizing.new_units_per_day:
        shown = sizing.new_units_per_day[:7]
        more = ", ..." if len(sizing.new_units_per_day) > 7 else ""
        found.append(("New units per day", ", ".join(numbers.integer(round(one)) for one in shown) + more))
    windows = [m.window for m in plan.metrics if m.window is not None]
    if windows:
        found.append(("Longest window", max(windows, key=window_days)))
    return tuple(found)


def _advice(plan: Plan) -> Section | None:
    if plan.sizing is None or not plan.sizing.advice:
        return None
    return Section(
        id="advice",
        title="What low traffic could do instead",
        lead="The traffic does not bring enough units in time; each of these needs fewer.",
        blocks=(Bullets(items=plan.sizing.advice),),
    )


def _arms(plan: Plan, limits: Limits) -> Section:
    blocks: list[Block] = [arms_table(plan, limits)]
    for arm in plan.arms:
        blocks += _offline(arm, limits)
    return Section(id="arms", title="Arms", blocks=tuple(blocks))


def _offline(arm: Arm, limits: Limits) -> list[Block]:
    """What was found of an arm's model offline; a verdict that did not pass is said aloud."""
    if arm.verdict is None:
        return []
    found: list[Block] = []
    if arm.verdict.status != "pass":
        found.append(
            Callout(
                text=f"{arm.name} goes online although offline its verdict was {arm.verdict.status}.",
                symbol="!",
                tone="unsure",
                label="offline",
            )
        )
    if arm.verdict.effects:
        shown = [
            f"{one.metric} {'+' if one.difference > 0 else ''}{numbers.plain(one.difference)}"
            for one in arm.verdict.effects[: limits.rows]
        ]
        found.append(Paragraph(text=", ".join(shown) + ".", term=f"Offline differences of {arm.name}:", small=True))
    return found


def _fixed(plan: Plan) -> Section:
    """What else the plan fixes: dates, ramp, zone, digests; the columns its tables have."""
    named = {key: value for key, value in plan.columns.model_dump().items() if value is not None}
    items = [*facts(plan, plan.digest() if plan.frozen else None)]
    items += [(f"Column of the {key.replace('_', ' ')}", str(value)) for key, value in named.items()]
    lead = (
        "Frozen: a change is a new version that names this digest."
        if plan.frozen
        else "Not frozen yet: results read with it would be stamped exploratory."
    )
    return Section(id="plan", title="What is fixed", lead=lead, blocks=(Facts(items=tuple(items)),))


def _not_shown(plan: Plan) -> Section:
    items = [
        "The size holds for the base rate and variance of the history; a season or another mix of users changes both.",
        "A lift that wears off or grows (novelty, learning) is seen by the trend over days, not by the size.",
        "Units that influence each other (shared stock, friends, one ranking for all) are not in this calculation.",
    ]
    if plan.sizing is None:
        items = items[1:]
    return Section(id="not-shown", title="What this does not show", blocks=(Bullets(items=tuple(items)),))


def _and(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""
