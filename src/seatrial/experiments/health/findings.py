"""How a health check says what it found; the names by which a post-mortem finds it again."""

from seatrial.records.evidence import Finding

SAMPLE_RATIO = "sample ratio"
SAMPLE_RATIO_SEGMENTS = "sample ratio by segment"
EMPTY_ARM = "empty arm"
UNKNOWN_ARMS = "unknown arms"
CROSSOVERS = "crossovers"
PRE_PERIOD = "before the experiment"
EXPOSURE_DAYS = "exposures by day"
EVENT_DAYS = "events by day"
NO_EVENTS = "units without events"
MISSING_VALUES = "missing values"
EXPOSURES = "exposures as received"
EVENTS = "events as received"
TIMES = "times"
NUMBERS = "numbers"
METRIC_VALUES = "metric values"
NEGATIVE = "negative values"
DOMINATED = "one unit dominates"
HEAVY_TAILS = "heavy tails"
PLAN = "plan"


def failed(name: str, sentence: str, count: int | None = None) -> Finding:
    """A finding that makes the verdict invalid."""
    return Finding(name=name, status="fail", sentence=sentence, count=count)


def warned(name: str, sentence: str, count: int | None = None) -> Finding:
    """A finding to look at before the results."""
    return Finding(name=name, status="warn", sentence=sentence, count=count)


def passed(name: str, sentence: str, count: int | None = None) -> Finding:
    """Nothing speaks against the data here."""
    return Finding(name=name, status="pass", sentence=sentence, count=count)


def many(count: int, noun: str, nouns: str | None = None) -> str:
    """A count with its noun.

    >>> many(1, "unit"), many(12_000, "unit"), many(2, "day's log", "days' logs")
    ('1 unit', '12,000 units', "2 days' logs")
    """
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def percent(share: float) -> str:
    """A share with the digits that matter for traffic: `50 %`, `49.81 %`, `0.0023 %`.

    >>> percent(0.5), percent(0.498136), percent(0.0000234)
    ('50 %', '49.81 %', '0.0023 %')
    """
    return f"{share * 100:.2g} %" if 0 < abs(share) < 0.001 else f"{share * 100:.4g} %"


def both(texts: list[str]) -> str:
    """Join for a sentence: `a, b and c`.

    >>> both(["a"]), both(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
