"""The page of interleaved lists: which ranking users prefer."""

from seatrial.records.interleaving import Interleaving
from seatrial.records.numbers import format_count
from seatrial.reports import numbers
from seatrial.reports.document import Cell, Column, Document, Front, KeyNumber, Rows, Section, Table
from seatrial.reports.log_blocks import health_section, key_number, method_section
from seatrial.reports.words import WORD_SYMBOLS, WORD_TONES


def interleaving_document(of: Interleaving) -> Document:
    """Build the page; every number on it is in the record."""
    methods = tuple(one for one in (of.preference.method, of.share.method) if one)
    return Document(
        title=of.title,
        front=_front(of),
        sections=(
            _votes(of),
            health_section(of.health),
            method_section(methods, of.not_shown, of.source, of.seatrial, of.seed, of.notes),
        ),
        version=of.seatrial,
        about="interleaved rankings",
        differences="candidate minus baseline",
    )


def _front(of: Interleaving) -> Front:
    word = of.preference.word
    headline = {"better": f"{of.candidate} is preferred", "worse": f"{of.baseline} is preferred"}.get(
        word, "Cannot tell"
    )
    share = KeyNumber(
        name="Share that prefers the candidate",
        value=numbers.estimate_value(of.share) or (of.share.reason or ""),
        interval=numbers.estimate_interval(of.share),
        symbol="",
        word="",
        tone="neutral",
        about=f"of {format_count(of.share.n)} decided",
    )
    return Front(
        symbol=WORD_SYMBOLS[word],
        tone=WORD_TONES[word],
        headline=headline,
        sentence=of.sentence,
        facts=(
            ("Baseline", of.baseline),
            ("Candidate", of.candidate),
            ("Queries", format_count(of.queries)),
            ("Users" if of.unit == "user" else "Votes", format_count(of.units)),
        ),
        numbers=(key_number(of.preference, "mean over votes, -1 to 1"), share),
        level=numbers.level(of.preference.level),
        name="Answer",
    )


def _votes(of: Interleaving) -> Section:
    rows = (
        (Cell(text=f"prefer {of.candidate}", verbatim=True), Cell(text=format_count(of.prefer_candidate))),
        (Cell(text=f"prefer {of.baseline}", verbatim=True), Cell(text=format_count(of.prefer_baseline))),
        (Cell(text="undecided"), Cell(text=format_count(of.undecided))),
        (Cell(text="queries without a click"), Cell(text=format_count(of.silent))),
    )
    return Section(
        id="votes",
        title="Votes",
        lead=f"Preference: {numbers.effect(of.preference)}; share of the decided: {numbers.estimate(of.share)}.",
        blocks=(
            Table(
                caption="Who prefers which",
                columns=(
                    Column(title=""),
                    Column(title=f"{of.unit if of.unit == 'user' else 'querie'}s", kind="number"),
                ),
                groups=(Rows(rows=rows),),
            ),
        ),
    )
