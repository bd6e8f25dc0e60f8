"""Answered rows and cached answers in the store's database: durable when `append` returns."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from seatrial.storage.database import Database
from seatrial.storage.models import answers as answers_table
from seatrial.storage.models import rows as rows_table
from seatrial.storage.models import work as work_table
from seatrial.storage.row_log import Kept, Place
from seatrial.storage.stamp import stamp

_TOUCH = 60.0
"""Seconds after which an append says again that the log is in use."""
_AT_ONCE = 500


class StoredRowLog:
    """Answered rows of one piece of work; several processes may append to it."""

    def __init__(self, database: Database, key: str) -> None:
        self._database = database
        self.key = key
        self._begin()

    def kept(self) -> dict[Place, Kept]:
        """Rows that were appended before, by place."""
        wanted = sa.select(rows_table.c.row_number, rows_table.c.repeat_number, rows_table.c.answer).where(
            rows_table.c.work == self._work
        )
        with self._database.read() as connection:
            return {(row, repeat): json.loads(answer) for row, repeat, answer in connection.execute(wanted)}

    def append(self, rows: Sequence[tuple[Place, Kept]]) -> None:
        """Keep some rows in one transaction; durable when it returns. A place that is already there stays as it is."""
        if not rows:
            return
        given = sorted(((place, _dumped(row)) for place, row in reversed(list(rows))), key=lambda one: one[0])
        first = {place: answer for place, answer in given}
        try:
            self._insert(first)
        except exc.IntegrityError:  # the log was collected as garbage meanwhile
            self._begin()
            self._insert(first)

    def finish(self) -> None:
        """Say that its rows are in a table of a run, so that garbage collection may drop them."""
        finish_logs(self._database, [self.key])

    def _begin(self) -> None:
        now = stamp()
        with self._database.write(alone=False) as connection:
            begun = self._database.insert(work_table).values(key=self.key, used=now)
            connection.execute(
                begun.on_conflict_do_update(index_elements=["key"], set_={"used": now, "finished": None})
            )
            self._work = connection.execute(sa.select(work_table.c.id).where(work_table.c.key == self.key)).scalar_one()
        self._touched = time.monotonic()

    def _insert(self, answers: Mapping[Place, str]) -> None:
        with self._database.write(alone=False) as connection:
            if time.monotonic() - self._touched > _TOUCH:
                connection.execute(sa.update(work_table).where(work_table.c.id == self._work).values(used=stamp()))
                self._touched = time.monotonic()
            connection.execute(
                self._database.insert_new(rows_table),
                [
                    {"work": self._work, "row_number": row, "repeat_number": repeat, "answer": answer}
                    for (row, repeat), answer in answers.items()
                ],
            )


class StoredCache:
    """Answers by the digest of model, input and parameters, across runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, keys: Sequence[str]) -> dict[str, Kept]:
        """Those of `keys` that are known."""
        every = list(dict.fromkeys(keys))
        found: dict[str, Kept] = {}
        if not every:
            return found
        with self._database.read() as connection:
            for start in range(0, len(every), _AT_ONCE):
                wanted = sa.select(answers_table.c.key, answers_table.c.answer).where(
                    answers_table.c.key.in_(every[start : start + _AT_ONCE])
                )
                found.update({key: json.loads(answer) for key, answer in connection.execute(wanted)})
        return found

    def remember(self, answers: Mapping[str, Kept]) -> None:
        """Keep answers; an answer that is already there stays."""
        if not answers:
            return
        now = stamp()
        given = [{"key": key, "answer": _dumped(answers[key]), "added": now} for key in sorted(answers)]
        with self._database.write(alone=False) as connection:
            connection.execute(self._database.insert_new(answers_table), given)


def finish_logs(database: Database, keys: Sequence[str]) -> None:
    """Mark row logs as finished."""
    with database.write(alone=False) as connection:
        mark_finished(connection, keys)


def mark_finished(connection: sa.Connection, keys: Sequence[str]) -> None:
    """The same within a transaction that does more."""
    for key in keys:
        connection.execute(sa.update(work_table).where(work_table.c.key == key).values(finished=stamp()))


def _dumped(row: Kept) -> str:
    """JSON in ASCII alone: half a surrogate or a NUL in an answer is kept as it came, on any database."""
    return json.dumps(dict(row), separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return value.tolist()
    raise TypeError(f"an answer holds a {type(value).__name__}, which is no JSON value")
