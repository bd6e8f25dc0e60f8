"""Garbage collection: what no run needs any more is dropped, what a run in progress may need never is."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from seatrial.errors import UsageError
from seatrial.records.store import Garbage
from seatrial.records.versions import installed
from seatrial.storage.database import Database
from seatrial.storage.models import rows, run_tables, tables, work
from seatrial.storage.shelf import Shelf
from seatrial.storage.stamp import stamp

YOUNG = timedelta(days=1)
"""What is younger may belong to a run in progress."""


def collect(
    database: Database,
    shelf: Shelf,
    *,
    name: str,
    dry_run: bool = False,
    unfinished_days: float = 30.0,
    now: datetime | None = None,
) -> Garbage:
    """Drop tables no run refers to, row logs of finished or forgotten runs, half-written files older than a day."""
    if not unfinished_days >= 1:
        raise UsageError(f"--unfinished-days {unfinished_days:g}: a run may take a day; give 1 or more.")
    moment = now or datetime.now(UTC)
    young = stamp(moment - YOUNG)
    forgotten = stamp(moment - timedelta(days=unfinished_days))
    files = [path for path in shelf.temporaries() if _is_old(path)]
    with database.write() as connection:
        needed = sa.select(run_tables.c.sha256)
        unused = sa.select(tables.c.sha256, tables.c.size).where(tables.c.added < young, tables.c.sha256.not_in(needed))
        dropped = {sha256: int(size) for sha256, size in connection.execute(unused.order_by(tables.c.sha256))}
        done = sa.select(work.c.id, work.c.key).where(sa.or_(work.c.finished.is_not(None), work.c.used < forgotten))
        logs = {int(number): str(key) for number, key in connection.execute(done.order_by(work.c.key))}
        if database.location.is_folder and shelf.folder is not None:  # moved there by a process killed right after
            known = set(connection.execute(sa.select(tables.c.sha256)).scalars())
            known |= set(connection.execute(needed).scalars())
            files += [
                path for path in sorted(shelf.folder.glob("*.parquet")) if path.stem not in known and _is_old(path)
            ]
        size = sum(dropped.values()) + sum(_size(path) for path in files)
        if not dry_run:
            for number in logs:
                connection.execute(sa.delete(rows).where(rows.c.work == number))
                connection.execute(sa.delete(work).where(work.c.id == number))
            for sha256 in dropped:
                connection.execute(sa.delete(tables).where(tables.c.sha256 == sha256))
                files.append(shelf.path(sha256))
            for path in files:
                path.unlink(missing_ok=True)
    temporary = len(files) - (0 if dry_run else len(dropped))
    if not dry_run:
        database.shrink()
    return Garbage(
        store=name,
        dry_run=dry_run,
        sentence=_sentence(len(dropped), len(logs), temporary, size, dry_run=dry_run),
        tables=tuple(dropped),
        row_logs=tuple(logs.values()),
        temporary=temporary,
        bytes=size,
        seatrial=installed("seatrial"),
    )


def _sentence(dropped: int, logs: int, temporary: int, size: int, *, dry_run: bool) -> str:
    if not dropped + logs + temporary:
        return "Nothing to drop: every table belongs to a run, or is younger than a day."
    parts = [
        f"{count:,} {one if count == 1 else one + 's'} {why}"
        for count, one, why in (
            (dropped, "table", "no run refers to"),
            (logs, "row log", "of finished or forgotten runs"),
            (temporary, "file", "left half-written"),
        )
        if count
    ]
    listed = ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else parts[0]
    freed = f" ({size / 1e6:,.1f} MB of files)" if size else ""
    return f"{'Would drop' if dry_run else 'Dropped'} {listed}{freed}."


def _is_old(path: Path) -> bool:
    """By the file's own time; a file that is gone meanwhile is not."""
    try:
        return path.stat().st_mtime < time.time() - YOUNG.total_seconds()
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
