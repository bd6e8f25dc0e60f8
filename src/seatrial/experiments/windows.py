"""Attribution windows as they are written: `7d`, `36h`, `2w`."""

import re

from seatrial.errors import UsageError

_FORM = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]+)\s*", re.IGNORECASE)
_HOURS = {
    **dict.fromkeys(("m", "min", "minutes"), 1.0 / 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 1.0),
    **dict.fromkeys(("d", "day", "days"), 24.0),
    **dict.fromkeys(("w", "week", "weeks"), 168.0),
}


def window_hours(text: str) -> float:
    """Return the length of a window in hours; raises `UsageError` for one that is not like `36h`, `7d` or `2w`.

    >>> window_hours("36h"), window_hours("7d"), window_hours("2w")
    (36.0, 168.0, 336.0)
    """
    form = _FORM.fullmatch(text)
    unit = None if form is None else _HOURS.get(form["unit"].lower())
    hours = 0.0 if form is None or unit is None else float(form["number"]) * unit
    if not 0 < hours < 1e6:
        raise UsageError(f"A window is written like 36h, 7d or 2w, not '{text}'.")
    return hours


def window_days(text: str) -> float:
    """Return the length of a window in days.

    >>> window_days("36h")
    1.5
    """
    return window_hours(text) / 24.0
