"""Runs of the store: added once, named by digest, tag, model and suite."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from pydantic import ValidationError

from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.records.run import Run
from seatrial.storage.database import Database
from seatrial.storage.kept import mark_finished
from seatrial.storage.models import run_tables, runs, tags
from seatrial.storage.stamp import stamp

LATEST = "latest"
SHORTEST = 4
"""Characters of a digest that name a run."""
SHOWN = 12
_DIGEST = re.compile(rf"[0-9a-f]{{{SHORTEST},64}}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """A run with what the store knows beside it."""

    run: Run
    digest: str
    """SHA-256 of the record as it was stored; it stays when a newer version of the record has more fields."""
    when: str
    """ISO 8601, UTC."""
    tags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return `model@suite`."""
        return f"{self.run.model.name}@{self.run.suite}"


class Runs:
    """The runs of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run: Run, *, extra_tables: Sequence[str], logs: Sequence[str], now: datetime | None) -> str:
        """Keep a run, mark its row logs as finished; a run that is there becomes the latest again."""
        record = run.canonical_json()
        digest = hashlib.sha256(record.encode()).hexdigest()
        used = {case.table for case in run.cases if case.table} | set(extra_tables)
        added = stamp(now)
        with self._database.write() as connection:
            position = (connection.execute(sa.select(sa.func.max(runs.c.position))).scalar() or 0) + 1
            put = self._database.insert(runs).values(
                digest=digest, position=position, added=added, suite=run.suite, model=run.model.name,
                status=run.status, record=record,
            )  # fmt: skip
            again = {"position": position, "added": added}
            connection.execute(put.on_conflict_do_update(index_elements=["digest"], set_=again))
            for sha256 in sorted(used):
                connection.execute(self._database.insert_new(run_tables).values(digest=digest, sha256=sha256))
            mark_finished(connection, logs)
        return digest

    def find(self, reference: str) -> StoredRun:
        """Return one run by digest prefix, tag, `model@suite`, model or `latest`."""
        with self._database.read() as connection:
            return self._stored(connection, [self.resolve(connection, reference)])[0]

    def every(self, suite: str | None, model: str | None) -> list[StoredRun]:
        """Return runs, the oldest first."""
        wanted = sa.select(runs.c.digest).order_by(runs.c.position)
        if suite is not None:
            wanted = wanted.where(runs.c.suite == suite)
        if model is not None:
            wanted = wanted.where(runs.c.model == model)
        with self._database.read() as connection:
            return self._stored(connection, list(connection.execute(wanted).scalars()))

    def tags(self) -> dict[str, str]:
        """Return the digest of each tag's run."""
        with self._database.read() as connection:
            found = connection.execute(sa.select(tags.c.tag, tags.c.digest).order_by(tags.c.tag))
            return {tag: digest for tag, digest in found}

    def set_tag(self, connection: sa.Connection, digest: str, tag: str, added: str) -> None:
        """Point a tag to a run."""
        check_tag(tag)
        put = self._database.insert(tags).values(tag=tag, digest=digest, added=added)
        connection.execute(put.on_conflict_do_update(index_elements=["tag"], set_={"digest": digest, "added": added}))

    def resolve(self, connection: sa.Connection, reference: str) -> str:
        """Return the digest that a reference names; raises `UsageError` when none or several fit."""
        latest = sa.select(runs.c.digest).order_by(runs.c.position.desc()).limit(1)
        if reference == LATEST:
            found = connection.execute(latest).scalar()
            if found is None:
                raise UsageError(
                    f"The store '{self._database.location.shown}' has no runs yet; `seatrial run` makes one."
                )
            return str(found)
        tagged = connection.execute(sa.select(tags.c.digest).where(tags.c.tag == reference)).scalar()
        if tagged is not None:
            return str(tagged)
        fitting = []
        if _DIGEST.fullmatch(reference.lower()):
            prefix = runs.c.digest.startswith(reference.lower(), autoescape=True)
            fitting = list(
                connection.execute(sa.select(runs.c.digest).where(prefix).order_by(runs.c.position)).scalars()
            )
        named = connection.execute(latest.where(_is_named(reference))).scalar()
        if named is not None and named not in fitting:
            fitting.append(named)
        if len(fitting) > 1:
            names = {digest: name for digest, name in self._names(connection)}
            shown = listed((f"{digest[:SHOWN]} ({names[digest]})" for digest in fitting), limit=6)
            raise UsageError(f"'{reference}' names several runs: {shown}; give more of the digest.")
        if not fitting:
            raise self._unknown(connection, reference)
        return str(fitting[0])

    def _names(self, connection: sa.Connection) -> list[tuple[str, str]]:
        wanted = sa.select(runs.c.digest, runs.c.model, runs.c.suite).order_by(runs.c.position.desc())
        return [(digest, f"{model}@{suite}") for digest, model, suite in connection.execute(wanted)]

    def _unknown(self, connection: sa.Connection, reference: str) -> UsageError:
        names = self._names(connection)
        if not names:
            return UsageError(
                f"There is no run '{reference}': the store '{self._database.location.shown}' has none yet; "
                "`seatrial run` makes one."
            )
        tagged = list(connection.execute(sa.select(tags.c.tag).order_by(tags.c.tag)).scalars())
        near = {name for _, name in names} | {name.rsplit("@", 1)[0] for _, name in names} | {*tagged, LATEST}
        short = " A digest needs 4 characters or more." if re.fullmatch(r"[0-9a-f]{1,3}", reference) else ""
        shown = listed((f"{digest[:SHOWN]} ({name})" for digest, name in names), limit=6)
        also = f"; tags: {listed(tagged, limit=6)}" if tagged else ""
        return UsageError(
            f"There is no run '{reference}' in the store.{did_you_mean(reference, near)}{short} Its runs, the latest "
            f"first: {shown}{also}."
        )

    def _stored(self, connection: sa.Connection, digests: Sequence[str]) -> list[StoredRun]:
        tagged: dict[str, list[str]] = {}
        for tag, digest in connection.execute(sa.select(tags.c.tag, tags.c.digest).order_by(tags.c.tag)):
            tagged.setdefault(digest, []).append(tag)
        found = []
        wanted = sa.select(runs.c.added, self._database.text(runs.c.record))
        for digest in digests:
            added, record = connection.execute(wanted.where(runs.c.digest == digest)).one()
            found.append(
                StoredRun(
                    run=parse_run(digest, bytes(record)), digest=digest, when=added, tags=tuple(tagged.get(digest, ()))
                )
            )
        return found


def parse_run(digest: str, record: bytes) -> Run:
    """Return a stored record, or raise `DataError` when it is not what was stored."""
    if hashlib.sha256(record).hexdigest() != digest:
        raise DataError(
            f"The run {digest[:SHOWN]} was altered since it was stored; `seatrial store verify` lists what else was."
        )
    try:
        return Run.model_validate_json(record)
    except ValidationError:
        raise DataError(
            f"The run {digest[:SHOWN]} was written by another version of Seatrial that this one cannot read; update it."
        ) from None


def check_tag(tag: str) -> None:
    """Raise `UsageError` for a tag that could be taken for something else."""
    if not _TAG.fullmatch(tag):
        raise UsageError(f"'{tag:.100}' cannot be a tag: use letters, digits, '.', '_' and '-', up to 100.")
    if tag == LATEST:
        raise UsageError("'latest' cannot be a tag: it always names the latest run.")
    if _DIGEST.fullmatch(tag):
        raise UsageError(f"'{tag}' cannot be a tag: it reads like the digest of a run; add a word.")


def _is_named(reference: str) -> "sa.ColumnElement[bool]":
    """The model's name, or `model@suite` wherever the `@` that parts them stands."""
    cuts = [at for at, letter in enumerate(reference) if letter == "@"]
    parts = [sa.and_(runs.c.model == reference[:at], runs.c.suite == reference[at + 1 :]) for at in cuts]
    return sa.or_(runs.c.model == reference, *parts)
