"""Times in a store: text that sorts as time, in UTC."""

from datetime import UTC, datetime

from seatrial.errors import UsageError


def stamp(now: datetime | None = None) -> str:
    """Return a time as ISO 8601 in UTC, by default this moment.

    >>> stamp(datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    '2026-03-02T12:30:00.000Z'

    Raises `UsageError` for a time without a zone.
    """
    if now is None:
        now = datetime.now(UTC)
    if now.tzinfo is None:
        raise UsageError(f"The time {now} has no zone; give one in UTC.")
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
