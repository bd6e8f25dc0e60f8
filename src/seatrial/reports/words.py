"""The words and symbols of statuses: colour is never the only sign."""

from typing import Literal

from seatrial.records import Slice, Status, Word

Tone = Literal["good", "bad", "unsure", "neutral"]

STATUS_SYMBOLS: dict[str, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "invalid": "!", "warn": "!"}
STATUS_TONES: dict[str, Tone] = {
    "pass": "good",
    "fail": "bad",
    "inconclusive": "unsure",
    "invalid": "bad",
    "warn": "unsure",
}
STATUS_WORDS: dict[Status, str] = {
    "pass": "Ship",
    "fail": "Do not ship",
    "inconclusive": "Cannot tell yet",
    "invalid": "No verdict possible",
}
EXPERIMENT_WORDS: dict[Status, str] = {**STATUS_WORDS, "invalid": "These data cannot carry a verdict"}
NO_PLAN = "No plan: exploratory"
"""The headline of an experiment nobody planned: nothing in it was registered before the data."""
NOT_FROZEN = "Plan not frozen: exploratory"
EXPLORATORY = "exploratory"
ADJUSTMENTS: dict[str, str] = {
    "none": "",
    "cuped": "CUPED-adjusted",
    "cupac": "CUPAC-adjusted",
    "post-stratified": "post-stratified",
}
"""How an effect was adjusted, for a reader; the raw one has no word."""
ADJUSTED: dict[str, str] = {"none": "raw", "cuped": "CUPED", "cupac": "CUPAC", "post-stratified": "post-stratified"}
"""The same, short, beside a metric that is shown both ways."""
STOPPING_WORDS: dict[str, str] = {
    "fixed": "fixed: one look, at the planned end",
    "group-sequential": "group-sequential: a few planned looks share the error",
    "anytime": "anytime-valid: may be looked at on every day",
    "hybrid": "hybrid: harm may be seen on every day, benefit at the planned end",
}
EVALUATION_WORDS: dict[Status, str] = {
    "pass": "Meets its bounds",
    "fail": "Does not meet its bounds",
    "inconclusive": "Cannot tell yet",
    "invalid": "No verdict possible",
}
NOT_ASKED = "Measured, no verdict asked for"
"""The headline where no rule asks for a verdict; the JSON's status is `inconclusive`."""
NOT_ASKED_SYMBOL = "–"
WORD_SYMBOLS: dict[Word, str] = {"better": "▲", "worse": "▼", "no meaningful difference": "≈", "cannot tell": "?"}
WORD_TONES: dict[Word, Tone] = {
    "better": "good",
    "worse": "bad",
    "no meaningful difference": "neutral",
    "cannot tell": "unsure",
}
_NAME = 40
"""Characters of what is randomised."""
_ASCII = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "▲": "^",
        "▼": "v",
        "≈": "=",
        "≠": "!=",
        "…": "...",
        "–": "-",
        "—": "-",
        "→": "->",
        "·": "-",
        "×": "x",
        "⏎": " ",
        "⇥": " ",
        "␍": " ",
        "─": "-",
        "━": "-",
        "│": "|",
        "≥": ">=",
        "≤": "<=",
        "±": "+-",
        "“": '"',
        "”": '"',
    }
)


def slice_label(of: Slice) -> str:
    """Name a slice for a reader.

    >>> slice_label({"sex": "Female", "age": "17 to 28"}), slice_label({})
    ('sex = Female, age = 17 to 28', 'all rows')
    """
    return ", ".join(f"{column} = {value}" for column, value in of.items()) or "all rows"


def on_slice(metric: str, of: Slice) -> str:
    """Name a metric with the rows it was measured on: `recall on sex = Female`."""
    return f"{metric} on {slice_label(of)}" if of else metric


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Return the noun that fits the count.

    >>> plural(1, "check"), plural(3, "check"), plural(2, "class", "classes")
    ('check', 'checks', 'classes')
    """
    return noun if count == 1 else many or f"{noun}s"


def units(unit: str) -> str:
    """Name what is randomised as a reader counts it: `users` for `user_id`.

    >>> units("user_id"), units("session"), units("id"), units("days")
    ('users', 'sessions', 'units', 'days')
    """
    noun = unit[:_NAME].removesuffix("_id").removesuffix("id").replace("_", " ").strip() or "unit"
    return noun if noun.endswith("s") else f"{noun}s"


def ascii_only(text: str) -> str:
    """Return text for a terminal without Unicode: symbols by their plain stand-ins, anything else escaped."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
