"""Methods in plain words: every text that this readout used, once."""

from seatrial.records import Readout
from seatrial.reports import words
from seatrial.reports.document import Block, Bullets, Limits, Section
from seatrial.reports.sections.experiment.method_texts import (
    INTERACTION,
    LIFT,
    POSTERIOR,
    SAMPLE_RATIO,
    SHRUNKEN,
    SLOPE,
    TEXTS,
    parts,
)
from seatrial.reports.sections.methods import INTERVAL, definitions, explained, verdict_words


def build(readout: Readout, limits: Limits) -> Section | None:
    """Build the section: how to read the words, then one paragraph a method."""
    found: list[tuple[str | None, str]] = [(one.method, one.metric) for one in readout.effects]
    found += [(one.method, f"{one.metric} over time") for one in readout.sequences]
    found += [(one.method, f"{one.metric} of each arm") for one in readout.estimates]
    found += [(LIFT, one.metric) for one in readout.effects if one.relative_low is not None]
    found += [(INTERACTION, f"segments by {one.segment}") for one in readout.segment_tests]
    found += [(SHRUNKEN, "segments") for one in readout.effects if one.shrunken is not None]
    found += [(SLOPE, one.metric) for one in readout.trends]
    found += [(POSTERIOR, one.metric) for one in readout.beliefs]
    found += [(SAMPLE_RATIO, one.name) for one in readout.health if "ratio" in one.name.lower()]
    if not found:
        return None
    counted = words.units(readout.unit)
    blocks: list[Block] = [Bullets(items=(INTERVAL, *verdict_words(counted)))]
    blocks += explained(found, limits, names=parts, texts=TEXTS)
    blocks += definitions(readout, limits)
    return Section(id="methods", title="Methods, in plain words", blocks=tuple(blocks))
