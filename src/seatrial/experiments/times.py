"""Times as whole microseconds since 1970 in UTC: reading them, and days in a time zone; exact in every engine.

A time without a zone is in the plan's zone. Where clocks go back and a time happens twice it is the earlier one; where
they go forward, a time that never was is read with the offset before the change (both as Python's `fold=0`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from seatrial.errors import UsageError, did_you_mean

SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = 3 * 86_400


@dataclass(frozen=True, kw_only=True)
class Offsets:
    """A zone's offsets from UTC over a stretch of time: `offsets[i]` from `starts[i]` on, the first before it too."""

    starts: tuple[int, ...]
    offsets: tuple[int, ...]

    def day(self, time: str) -> str:
        """SQL of the number of days since 1970, in this zone, of a UTC time."""
        branches = [(f"{time} < {start}", self.offsets[at]) for at, start in enumerate(self.starts[1:])]
        local = _shifted(time, branches, self.offsets[-1])
        return f"CAST(FLOOR(CAST({local} AS DOUBLE) / {DAY}) AS INTEGER)"

    def utc(self, local: str) -> str:
        """SQL of the UTC time of a time on this zone's clocks."""
        branches = [
            (f"{local} < {start + max(before, after)}", -before)
            for start, before, after in zip(self.starts[1:], self.offsets, self.offsets[1:], strict=False)
        ]
        return _shifted(local, branches, -self.offsets[-1])


UTC_OFFSETS = Offsets(starts=(0,), offsets=(0,))


def _shifted(time: str, branches: Sequence[tuple[str, int]], last: int) -> str:
    if not branches:
        return time if last == 0 else f"({time} + {last})"
    cases = " ".join(f"WHEN {condition} THEN {shift}" for condition, shift in branches)
    return f"({time} + CASE {cases} ELSE {last} END)"


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name; `UsageError` when there is none.

    >>> zone("Europe/Paris").key
    'Europe/Paris'
    """
    if name.upper() in {"UTC", "Z"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(name, available_timezones())
        raise UsageError(f"There is no time zone '{name}'; give an IANA name such as Europe/Paris.{hint}") from None


def offsets(where: tzinfo, low: int, high: int) -> Offsets:
    """The offsets of a zone from one UTC time to another, with two days to spare on both sides.

    >>> found = offsets(zone("Europe/Paris"), instant("2024-03-01"), instant("2024-04-30"))
    >>> [offset // 3_600_000_000 for offset in found.offsets]
    [1, 2]
    """
    if where is UTC:
        return UTC_OFFSETS
    first, last = low // SECOND - 2 * 86_400, high // SECOND + 2 * 86_400
    starts, found = [first], [_offset(where, first)]
    at = first
    while at < last:
        after = min(at + _STEP, last)
        if _offset(where, after) != found[-1]:
            left, right = at, after
            while right - left > 1:
                middle = (left + right) // 2
                left, right = (middle, right) if _offset(where, middle) == found[-1] else (left, middle)
            starts.append(right)
            found.append(_offset(where, right))
            after = right
        at = after
    return Offsets(starts=tuple(s * SECOND for s in starts), offsets=tuple(s * SECOND for s in found))


def _offset(where: tzinfo, second: int) -> int:
    moment = _EPOCH + timedelta(seconds=second)
    found = moment.astimezone(where).utcoffset()
    return 0 if found is None else round(found.total_seconds())


def instant(text: str, where: tzinfo = UTC, *, end_of_day: bool = False, option: str = "time") -> int:
    """The UTC microseconds of an ISO 8601 time; one without a zone is in `where`.

    A date alone is the first moment of that day, or the last with `end_of_day`.

    >>> instant("1970-01-02T01:00:00+01:00"), instant("1970-01-01", end_of_day=True)
    (86400000000, 86399999999)
    """
    try:
        given = datetime.fromisoformat(text.strip())
    except (ValueError, AttributeError):
        raise UsageError(
            f"{option}: '{text}' is no time; write ISO 8601, such as 2026-03-01 or 2026-03-01T09:00:00+01:00."
        ) from None
    if end_of_day and len(text.strip()) <= 10:
        return local_midnight((given + timedelta(days=1)).date(), where) - 1
    return _micros(given if given.tzinfo is not None else given.replace(tzinfo=where))


def local_midnight(day: date, where: tzinfo) -> int:
    """The UTC microseconds of the first moment of a day in a zone."""
    return _micros(datetime(day.year, day.month, day.day, tzinfo=where))


def _micros(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def iso(time: int, where: tzinfo = UTC) -> str:
    """A UTC time as ISO 8601 on a zone's clocks.

    >>> iso(0), iso(1, zone("Europe/Paris"))
    ('1970-01-01T00:00:00+00:00', '1970-01-01T01:00:00.000001+01:00')
    """
    return (_EPOCH + timedelta(microseconds=time)).astimezone(where).isoformat()


def day_of(time: int, where: tzinfo) -> int:
    """Days since 1970 of a UTC time, in a zone."""
    return ((_EPOCH + timedelta(microseconds=time)).astimezone(where).date() - _EPOCH.date()).days


def iso_day(day: int) -> str:
    """The ISO date of a number of days since 1970."""
    return (_EPOCH.date() + timedelta(days=day)).isoformat()
