"""How an effect reads in a word: the four words of the verdict, and those of a difference that is not judged."""

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.effects.effect import UNDIRECTED
from seatrial.metrics.catalogue import every_metric
from seatrial.records import Effect
from seatrial.reports.words import WORD_SYMBOLS, WORD_TONES, Tone

NO_RESULT = "no result"
NOT_COMPARED = "not compared"
CHANGED = "changed"
NOT_CHANGED = "not changed measurably"
WORDS = ("better", "worse", "no meaningful difference", "cannot tell")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A word with its symbol and tone, what qualifies it, and whether it is one of the four that are counted."""

    word: str
    symbol: str
    tone: Tone
    note: str = ""
    judged: bool = False


def is_directed(effect: Effect) -> bool:
    """Tell whether more or less of the metric is good by itself."""
    return UNDIRECTED not in effect.notes


def undirected(effects: Iterable[Effect]) -> set[str]:
    """Return the metrics of which neither more nor less is good by itself: those that say so, and the catalogue's."""
    own = {effect.metric for effect in effects if not is_directed(effect)}
    return own | {metric.name for metric in every_metric() if not metric.directed}


def reading(effect: Effect) -> Reading:
    """Read an effect: of a metric that is neither good nor bad by itself only whether it changed.

    >>> reading(Effect(baseline="a", candidate="b", metric="recall", n=9, difference=0.1, low=0, high=0.2)).word
    'cannot tell'
    >>> share = {"metric": "selection_rate", "difference": 0.1, "low": 0.05, "high": 0.15, "notes": (UNDIRECTED,)}
    >>> reading(Effect(baseline="a", candidate="b", n=9, **share)).word
    'changed'
    """
    if effect.difference is None:
        return Reading(word=NO_RESULT, symbol="–", tone="neutral", note=effect.reason or "no difference")
    if effect.reason is not None:
        return Reading(word=NOT_COMPARED, symbol="–", tone="neutral", note=effect.reason)
    if not is_directed(effect):
        changed = (effect.low is not None and effect.low > 0) or (effect.high is not None and effect.high < 0)
        return Reading(word=CHANGED if changed else NOT_CHANGED, symbol="≠" if changed else "–", tone="neutral")
    return Reading(
        word=effect.word,
        symbol=WORD_SYMBOLS[effect.word],
        tone=WORD_TONES[effect.word],
        note="but smaller than the margin" if effect.smaller_than_margin else "",
        judged=True,
    )


def counts(effects: Iterable[Effect], order: tuple[str, ...] = WORDS) -> dict[str, int]:
    """Count the judged effects by their word, in this order, words that do not occur left out."""
    found = [read.word for read in map(reading, effects) if read.judged]
    return {word: found.count(word) for word in order if word in found}
