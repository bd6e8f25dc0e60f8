"""Blocks that the pages of logs share: health, estimates side by side, differences, provenance."""

from collections.abc import Sequence

from seatrial.records.evidence import Finding, Source
from seatrial.records.results import Effect, Estimate
from seatrial.reports import numbers
from seatrial.reports.document import Block, Bullets, Callout, Cell, Facts, KeyNumber, Paragraph, Section
from seatrial.reports.words import STATUS_SYMBOLS, STATUS_TONES, WORD_SYMBOLS, WORD_TONES


def health_section(findings: Sequence[Finding]) -> Section:
    """What was checked of the data before any result."""
    troubled = [one for status in ("fail", "warn") for one in findings if one.status == status]
    callouts = tuple(
        Callout(
            text=one.sentence,
            symbol=STATUS_SYMBOLS[one.status],
            tone=STATUS_TONES[one.status],
            label="problem" if one.status == "fail" else "warning",
        )
        for one in troubled
    )
    passed = tuple(f"{STATUS_SYMBOLS['pass']} {one.sentence}" for one in findings if one.status == "pass")
    return Section(
        id="health",
        title="Health of the data",
        blocks=(*callouts, *((Bullets(items=passed),) if passed else ())),
    )


def estimate_cell(of: Estimate | None) -> Cell:
    """A value with its limits below, or the reason there is none."""
    if of is None:
        return Cell(text="")
    if of.value is None:
        return Cell(text=of.reason or "no value", note=numbers.estimate_interval(of))
    return Cell(text=numbers.estimate_value(of), note=numbers.estimate_interval(of) or "; ".join(of.notes))


def effect_cells(of: Effect | None) -> tuple[Cell, Cell]:
    """A difference with its limits below, and its word."""
    if of is None:
        return Cell(text=""), Cell(text="")
    if of.difference is None or of.reason is not None:
        return Cell(text=of.reason or "no difference"), Cell(text="")
    symbol, tone = WORD_SYMBOLS[of.word], WORD_TONES[of.word]
    return (
        Cell(text=numbers.effect(of)),
        Cell(text=of.word, symbol=symbol, tone=tone),
    )


def key_number(of: Effect, about: str = "") -> KeyNumber:
    """A difference for the first screen."""
    sides = numbers.effect_sides(of)
    return KeyNumber(
        name=of.metric,
        value=numbers.effect_difference(of) or (of.reason or ""),
        interval=numbers.effect_interval(of),
        symbol=WORD_SYMBOLS[of.word],
        word=of.word,
        tone=WORD_TONES[of.word],
        sides=tuple(pair for pair in zip((of.baseline, of.candidate), sides, strict=True) if pair[1]),
        about=about,
    )


def method_section(
    methods: Sequence[str],
    not_shown: Sequence[str],
    source: Source,
    seatrial: str,
    seed: int,
    notes: Sequence[str] = (),
) -> Section:
    """How it was computed, what it does not show, and from what."""
    blocks: list[Block] = [Paragraph(text=text) for text in (*notes, *methods)]
    return Section(
        id="method",
        title="Method, and what this does not show",
        blocks=(
            *blocks,
            Bullets(items=tuple(not_shown)),
            Facts(
                items=(("Table", source.name), ("SHA-256", source.sha256), ("Seed", str(seed)), ("Seatrial", seatrial)),
                monospace=True,
            ),
        ),
    )
