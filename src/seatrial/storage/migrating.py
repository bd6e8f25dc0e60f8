"""A store's schema brought up to what this package knows, when it is opened."""

import threading

import sqlalchemy as sa

from seatrial.errors import UsageError
from seatrial.storage.database import Database
from seatrial.storage.migrations import FOLDER, REVISIONS, VERSION_TABLE

_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps the migration under way in a global


def migrate(database: Database, *, to: str = REVISIONS[-1]) -> None:
    """Make or update the tables, in one transaction; does nothing when they are up to date.

    Raises `UsageError` for a store that a newer version of the package has written.
    """
    with database.read() as connection:
        found = _version(connection)
    _check(found, database)
    if found == to:
        return
    database.use_write_ahead_log()
    with _ONE_AT_A_TIME, database.write() as connection:
        found = _version(connection)  # another process may have been quicker
        _check(found, database)
        if found is None or REVISIONS.index(found) < REVISIONS.index(to):
            _upgrade(connection, to)


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
    return None if found is None else str(found)


def _check(found: str | None, database: Database) -> None:
    if found is not None and found not in REVISIONS:
        raise UsageError(
            f"The store '{database.location.shown}' was written by a newer version of Seatrial (its schema is {found}, "
            f"this version knows up to {REVISIONS[-1]}); update Seatrial, or name another store."
        )


def _upgrade(connection: sa.Connection, to: str) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext
    from alembic.script import Script, ScriptDirectory

    script = ScriptDirectory(str(FOLDER))

    def steps(revision: str | None, context: MigrationContext) -> list[Script]:
        return script._upgrade_revs(to, revision)  # type: ignore[arg-type, return-value]

    with EnvironmentContext(Config(), script, fn=steps, destination_rev=to) as environment:
        environment.configure(connection=connection, version_table=VERSION_TABLE)
        environment.run_migrations()
