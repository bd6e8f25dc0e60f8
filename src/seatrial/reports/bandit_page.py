"""The page of a bandit's log: what each arm is worth, by honest weights, beside the naive means."""

from seatrial.records.bandit import Bandit, BanditArm, PolicyEstimate
from seatrial.records.numbers import format_count, format_percent, format_value
from seatrial.reports import charts, numbers
from seatrial.reports.document import (
    Block,
    Callout,
    Cell,
    Column,
    Document,
    Facts,
    Figure,
    Front,
    Rows,
    Section,
    Spec,
    Table,
    rest,
)
from seatrial.reports.log_blocks import effect_cells, estimate_cell, health_section, key_number, method_section
from seatrial.reports.svg import TOKENS
from seatrial.reports.words import Tone

_MOST = 40


def bandit_document(of: Bandit) -> Document:
    """Build the page; every number on it is in the record."""
    sections = [_arms(of)]
    if of.contrasts:
        sections.append(_contrasts(of))
    if of.policy is not None:
        sections.append(_policy(of.policy, of))
    return Document(
        title=of.title,
        front=_front(of),
        sections=(*sections, health_section(of.health), _method(of)),
        version=of.seatrial,
        about="arm values from a bandit's log",
        differences=f"arm minus {of.control}" if of.control is not None else "",
    )


def _front(of: Bandit) -> Front:
    better = [one for one in of.contrasts if one.word == "better"]
    worse = [one for one in of.contrasts if one.word == "worse"]
    reliable = sum(one.reliable for one in of.arms)
    headline, symbol, tone = "Arm values", "≈", "neutral"
    if not reliable:
        headline, symbol, tone = "No arm can be valued", "?", "unsure"
    elif better:
        headline, symbol, tone = f"{len(better)} better than {of.control}", "▲", "good"
    elif of.contrasts:
        headline, symbol, tone = f"None better than {of.control}", "▼" if worse else "?", "unsure"
    shown = sorted((one for one in of.contrasts if one.reason is None), key=lambda one: -(one.difference or 0.0))[:3]
    return Front(
        symbol=symbol,
        tone=_tone(tone),
        headline=headline,
        sentence=of.sentence,
        facts=(
            ("Rows", format_count(of.rows)),
            ("Arms", format_count(len(of.arms))),
            ("of them reliable", format_count(reliable)),
            ("Reward", of.reward),
            *((("Batches", format_count(of.batches)),) if of.batches is not None else ()),
        ),
        numbers=tuple(
            key_number(one.model_copy(update={"metric": f"{one.candidate} against {one.baseline}"})) for one in shown
        ),
        level=numbers.level(1 - of.alpha) if shown else "",
        name="Answer",
    )


def _tone(name: str) -> Tone:
    return "good" if name == "good" else "unsure" if name == "unsure" else "neutral"


def _arms(of: Bandit) -> Section:
    ranked = sorted(of.arms, key=lambda one: (not one.reliable, -(one.values[0].value or 0.0)))
    shown = ranked[:_MOST]
    rows = tuple(_arm_row(one) for one in shown)
    blocks: list[Block] = []
    known = [one for one in shown if one.reliable and one.values[0].low is not None]
    if known:
        blocks.append(
            Figure(
                id="arms-figure",
                title=f"Value of each arm by {of.reward}",
                alternative=f"Intervals of {len(known)} arms that can be valued, and their naive means as crosses.",
                spec=_intervals(known),
                caption="Points with lines: AIPW with its interval. Crosses: naive means.",
            )
        )
    blocks.append(
        Table(
            caption=f"Value of each arm by {of.reward}",
            columns=(
                Column(title="arm"),
                Column(title="value (AIPW)", kind="number"),
                Column(title="SNIPW", kind="number", narrow=False),
                Column(title="IPW", kind="number", narrow=False),
                Column(title="naive mean", kind="number"),
                Column(title="rows", kind="number"),
                Column(title="effective", kind="number", narrow=False),
                Column(title="smallest chance", kind="number", narrow=False),
                Column(title="", kind="word"),
            ),
            groups=(Rows(rows=rows),),
            note=rest(len(shown), len(of.arms), "arms"),
            key=f"Intervals at {numbers.level(1 - of.alpha)}, of each arm alone. Effective: what the rows are worth "
            "after weighting by 1/chance. The naive mean is biased where traffic followed rewards: shown, not used.",
        )
    )
    doubts = [one for one in of.arms if not one.reliable]
    if doubts:
        first = "; ".join(doubts[0].notes)
        blocks.append(
            Callout(
                text=f"{len(doubts)} of {len(of.arms)} arms cannot be valued reliably (arm {doubts[0].arm}: {first}).",
                symbol="!",
                tone="unsure",
                label="warning",
            )
        )
    return Section(id="arms", title="What each arm is worth", blocks=tuple(blocks))


def _arm_row(one: BanditArm) -> tuple[Cell, ...]:
    by = {value.method: value for value in one.values}

    def of(start: str) -> Cell:
        return estimate_cell(next((value for name, value in by.items() if (name or "").startswith(start)), None))

    return (
        Cell(text=one.arm, verbatim=True),
        Cell(text=numbers.estimate(one.values[0]), note=one.values[0].method or ""),
        of("SNIPW (self"),
        of("IPW"),
        of("naive"),
        Cell(text=format_count(one.rows), note=format_percent(round(one.share, 4))),
        Cell(text=format_count(one.effective_rows)),
        Cell(text="" if one.smallest_propensity is None else format_value(one.smallest_propensity)),
        Cell(text="", symbol="", note="") if one.reliable else Cell(text="unreliable", symbol="!", tone="unsure"),
    )


def _intervals(arms: list[BanditArm]) -> Spec:
    values = [
        {
            "arm": one.arm[:40],
            "value": one.values[0].value,
            "low": one.values[0].low,
            "high": one.values[0].high,
            "naive": one.values[-1].value,
        }
        for one in arms
    ]
    y = {"field": "arm", "type": "nominal", "title": None, "sort": None}

    def x(field: str) -> dict[str, object]:
        return {"field": field, "type": "quantitative", "title": "value", "scale": {"zero": False}}

    return charts.specification(
        {
            "width": 460,
            "height": {"step": 24},
            "data": {"values": values},
            "layer": [
                {
                    "mark": {"type": "rule", "strokeWidth": 2.5, "color": TOKENS["series1"]},
                    "encoding": {"y": y, "x": x("low"), "x2": {"field": "high"}},
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": TOKENS["series1"]},
                    "encoding": {"y": y, "x": x("value")},
                },
                {
                    "mark": {"type": "point", "shape": "cross", "size": 60, "color": TOKENS["series2"]},
                    "encoding": {"y": y, "x": x("naive")},
                },
            ],
        }
    )


def _contrasts(of: Bandit) -> Section:
    order = sorted(of.contrasts, key=lambda one: (one.reason is not None, -(one.difference or 0.0)))
    shown = order[:_MOST]
    rows = tuple(
        (
            Cell(text=one.candidate, verbatim=True),
            *effect_cells(one),
            Cell(text=numbers.p_value(one.adjusted_p_value)),
            Cell(text=numbers.level(one.level)),
        )
        for one in shown
    )
    return Section(
        id="contrasts",
        title=f"Against {of.control}",
        blocks=(
            Table(
                caption=f"Each arm minus {of.control}",
                columns=(
                    Column(title="arm"),
                    Column(title="difference", kind="number"),
                    Column(title="word", kind="word"),
                    Column(title="adjusted p", kind="number", narrow=False),
                    Column(title="level", kind="number", narrow=False),
                ),
                groups=(Rows(rows=rows),),
                note=rest(len(shown), len(of.contrasts), "contrasts"),
                key="Holm over all arms: interval and adjusted p never disagree. Both sides of a contrast share their "
                "weights, so a drift that moves both is no difference.",
            ),
        ),
    )


def _policy(policy: PolicyEstimate, of: Bandit) -> Section:
    rows = tuple((Cell(text=one.method or ""), Cell(text=numbers.estimate(one))) for one in policy.values)
    facts = [
        ("The log's own value", numbers.estimate(policy.logged)),
        ("Difference", numbers.effect(policy.difference)),
        ("Effective rows", f"{format_count(policy.effective_rows)} of {format_count(policy.values[0].n)}"),
        ("Mean weight (1 is expected)", format_value(policy.mean_weight)),
        ("Largest weight", format_value(policy.largest_weight)),
    ]
    if policy.clip is not None:
        facts.append(
            (
                "Clipped",
                f"weights over {format_value(policy.clip)}: {format_percent(round(policy.clipped_share, 4))} of rows, "
                f"{format_percent(round(policy.clipped_weight, 4))} of the weight",
            )
        )
    notes = tuple(dict.fromkeys(note for one in policy.values for note in one.notes))
    callouts = tuple(Callout(text=note, symbol="!", tone="unsure", label="warning") for note in notes)
    return Section(
        id="policy",
        title=f"What the policy '{policy.policy}' would earn",
        blocks=(
            *callouts,
            Table(
                caption=f"Value of '{policy.policy}' by {of.reward}",
                columns=(Column(title="method"), Column(title="value", kind="number")),
                groups=(Rows(rows=rows),),
            ),
            Facts(items=tuple(facts)),
        ),
    )


def _method(of: Bandit) -> Section:
    methods = dict.fromkeys(f"{value.method}." for one in of.arms for value in one.values if value.method)
    return method_section(tuple(methods), of.not_shown, of.source, of.seatrial, of.seed, of.notes)
