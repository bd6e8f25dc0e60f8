"""The page of a shadow log: the verdict, who catches what at one capacity, and what was left out."""

from seatrial.records.numbers import format_count, format_percent, format_share, format_value
from seatrial.records.shadow import Caught, Shadow
from seatrial.reports import numbers
from seatrial.reports.document import (
    Block,
    Cell,
    Checks,
    Column,
    Document,
    Facts,
    Fold,
    Front,
    Glance,
    Paragraph,
    Rows,
    Section,
    Table,
)
from seatrial.reports.log_blocks import effect_cells, estimate_cell, health_section, key_number, method_section
from seatrial.reports.sections.checks import lead
from seatrial.reports.words import STATUS_SYMBOLS, STATUS_TONES, STATUS_WORDS


def shadow_document(of: Shadow) -> Document:
    """Build the page; every number on it is in the record."""
    return Document(
        title=of.title,
        front=_front(of),
        sections=(_checks(of), _measured(of), _positives(of), health_section(of.health), _requests(of), _method(of)),
        version=of.seatrial,
        about="shadow comparison of two models",
        differences="challenger minus champion",
    )


def _front(of: Shadow) -> Front:
    status = of.verdict.status
    shown = () if status == "invalid" else tuple(key_number(one) for one in of.effects if one.metric != "precision")
    return Front(
        symbol=STATUS_SYMBOLS[status],
        tone=STATUS_TONES[status],
        headline=STATUS_WORDS[status],
        code=status,
        sentence=of.verdict.sentence,
        facts=(
            ("Champion", of.champion),
            ("Challenger", of.challenger),
            ("Matured requests", format_count(of.counts.evaluated)),
            ("Positives", format_count(of.counts.positives)),
            ("Alerts of each", format_count(of.alerts)),
            *((("As of", numbers.moment(of.as_of)),) if of.as_of is not None else ()),
        ),
        numbers=shown[:3],
        level=numbers.level(1 - of.policy.alpha) if shown else "",
        glances=tuple(
            Glance(
                symbol=STATUS_SYMBOLS[one.status],
                tone=STATUS_TONES[one.status],
                word="",
                text=one.name,
                section="health",
            )
            for one in of.health
            if one.status != "pass"
        ),
    )


def _checks(of: Shadow) -> Section:
    blocks: list[Block] = [Checks(items=of.verdict.checks, several=False)]
    if of.positives_needed is not None and of.discordance is not None:
        rule = of.policy.rules[0]
        margin = numbers.margin(rule.margin or 0.0, relative=rule.margin_is_relative)
        whole = f"{margin} of the champion's recall" if rule.margin_is_relative else margin
        blocks.append(
            Paragraph(
                text=f"Of the positives, {format_percent(round(of.discordance, 4))} are caught by one model alone. At "
                f"this discordance a margin of {whole} needs {format_count(of.positives_needed)} positives, for a "
                f"power of {format_percent(of.policy.power)} if the two are truly equal; there are "
                f"{format_count(of.counts.positives)}."
            )
        )
    if of.policy.assumed:
        blocks.append(Paragraph(text="No margin was given, so 0.01 was assumed: --margin sets your own.", small=True))
    return Section(
        id="checks",
        title="Checks",
        lead=lead(of.verdict.checks) if of.verdict.checks else "None: the data cannot carry a verdict.",
        blocks=tuple(blocks),
    )


def _measured(of: Shadow) -> Section:
    metrics = list(dict.fromkeys(one.metric for one in of.estimates))
    by = {(one.metric, one.model): one for one in of.estimates}
    effects = {one.metric: one for one in of.effects}
    rows = tuple(
        (
            Cell(text=metric),
            estimate_cell(by.get((metric, of.champion))),
            estimate_cell(by.get((metric, of.challenger))),
            *effect_cells(effects.get(metric)),
        )
        for metric in metrics
    )
    tied = ""
    if any(of.tied):
        tied = (
            f" At the cut {format_count(of.tied[0])} requests of the champion and {format_count(of.tied[1])} of the "
            "challenger have equal scores; which of them are in was drawn by lot, the same lot for both."
        )
    return Section(
        id="measured",
        title=f"At a review capacity of {of.capacity}",
        lead=f"Both models alert on {format_count(of.alerts)} of {format_count(of.counts.evaluated)} requests, the "
        "highest scores first.",
        blocks=(
            Table(
                caption="Champion and challenger",
                columns=(
                    Column(title=""),
                    Column(title=of.champion, kind="number"),
                    Column(title=of.challenger, kind="number"),
                    Column(title="difference", kind="number"),
                    Column(title="word", kind="word"),
                ),
                groups=(Rows(rows=rows),),
                key=f"Intervals at {numbers.level(1 - of.policy.alpha)}. Latencies are of all scored requests.{tied}",
            ),
        ),
    )


def _positives(of: Shadow) -> Section:
    rows = tuple(
        (
            Cell(text=one.who.replace("champion", of.champion).replace("challenger", of.challenger), verbatim=True),
            Cell(text=format_count(one.positives)),
            Cell(text="" if one.amount is None else format_value(one.amount)),
        )
        for one in of.caught
    )
    blocks: list[Block] = [
        Table(
            caption="Positives by who catches them",
            columns=(
                Column(title="caught by"),
                Column(title="positives", kind="number"),
                Column(title="amount", kind="number"),
            ),
            groups=(Rows(rows=rows),),
        )
    ]
    blocks += [_examples(one, of) for one in of.caught if one.examples]
    return Section(id="positives", title="Missed positives, pair by pair", blocks=tuple(blocks))


def _examples(one: Caught, of: Shadow) -> Fold:
    rows = tuple(
        (
            Cell(text=example.id, verbatim=True),
            Cell(text="" if example.amount is None else format_value(example.amount)),
            Cell(text=numbers.score(example.champion_score)),
            Cell(text=numbers.score(example.challenger_score)),
        )
        for example in one.examples
    )
    who = one.who.replace("champion", of.champion).replace("challenger", of.challenger)
    return Fold(
        summary=f"Examples: {who}",
        blocks=(
            Table(
                caption=f"Positives caught by {who}",
                columns=(
                    Column(title="id"),
                    Column(title="amount", kind="number"),
                    Column(title=of.champion, kind="number"),
                    Column(title=of.challenger, kind="number"),
                ),
                groups=(Rows(rows=rows),),
                note=f"{len(one.examples)} of {format_count(one.positives)} shown, the largest first.",
            ),
        ),
    )


def _requests(of: Shadow) -> Section:
    counts = of.counts
    items = [
        ("In the log", counts.requests),
        ("Without both scores", counts.without_score),
        ("Without a time", counts.without_time),
        ("After the as-of time", counts.after_as_of),
        (f"Younger than {of.maturity}", counts.immature),
        ("Old enough, without a label", counts.unlabelled),
        ("Evaluated", counts.evaluated),
        ("of them positive", counts.positives),
    ]
    kept = {"In the log", "Evaluated", "of them positive"}
    return Section(
        id="requests",
        title="What became of the requests",
        lead=f"{format_share(of.matured_share)} are old enough to count.",
        blocks=(Facts(items=tuple((name, format_count(n)) for name, n in items if n or name in kept)),),
    )


def _method(of: Shadow) -> Section:
    differences = [f"{one.metric}, difference: {one.method}." for one in of.effects if one.method]
    values = [f"{one.metric}: {one.method}." for one in of.estimates if one.method]
    return method_section(
        tuple(dict.fromkeys([*differences, *values])), of.not_shown, of.source, of.seatrial, of.seed, of.notes
    )
