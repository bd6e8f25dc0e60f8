"""Opening: where a store is, older and newer schemas, and places where none can be."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from seatrial.errors import DataError, UsageError
from seatrial.storage.database import Database
from seatrial.storage.location import locate, whereabouts
from seatrial.storage.migrating import migrate
from seatrial.storage.migrations import FOLDER, REVISIONS, VERSION_TABLE
from seatrial.storage.models import metadata
from seatrial.storage.store import Store, open_store

from .run_records import make_run


def test_the_nearest_folder_above_is_taken_and_else_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "project" / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    with open_store() as store:
        assert store.location == str(tmp_path / "project" / ".seatrial")
    monkeypatch.chdir(deep)
    with open_store() as store:
        assert store.location == str(tmp_path / "project" / ".seatrial")
        assert store.name == ".seatrial"
    assert not (deep / ".seatrial").exists()
    with open_store(tmp_path / "project") as store:  # the folder that holds it stands for it
        assert store.location == str(tmp_path / "project" / ".seatrial")
    assert (tmp_path / "project" / ".seatrial" / ".gitignore").read_text() == "*\n"


def test_asking_where_it_is_makes_nothing(tmp_path: Path) -> None:
    assert whereabouts(tmp_path / "none") == str(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_store_of_the_first_schema_migrates_and_keeps_what_it_has(backend: str, make: Callable[[str], Store]) -> None:
    old = Database(locate(backend))
    migrate(old, to="0001")
    with old.read() as connection:
        assert not sa.inspect(connection).has_table("seatrial_ledger")
    store = Store(old)
    sha256 = store.put_table({"id": ["a"]})
    digest = store.add_run(make_run(table=sha256))
    store.row_log("k").append([((0, 0), {"a": 1})])
    old.close()
    new = make(backend)
    assert new.run("latest").digest == digest
    assert new.table(sha256).exists()
    assert new.row_log("k").kept() == {(0, 0): {"a": 1}}
    new.tag("latest", "production", who="ann")
    new.count_read("f", suite="s", model="m")
    assert new.verify().intact


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Database(locate(tmp_path / "store"))
    migrate(old, to="0001")
    with old.write() as connection:  # stands in the way of the second step's last table
        connection.exec_driver_sql("CREATE TABLE seatrial_ledger_head (x)")
    with pytest.raises(UsageError, match="already exists"):
        migrate(old)
    with old.write() as connection:
        assert connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar() == "0001"
        assert not sa.inspect(connection).has_table("seatrial_ledger")
        connection.exec_driver_sql("DROP TABLE seatrial_ledger_head")
    migrate(old)
    old.close()


def test_a_newer_store_is_refused_in_a_sentence(backend: str, make: Callable[[str], Store]) -> None:
    store = make(backend)
    with store._database.write() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '0099'")
    with pytest.raises(UsageError, match=r"written by a newer version of Seatrial \(its schema is 0099, .*update"):
        open_store(backend)


def test_the_migrations_make_what_the_models_say(backend: str, make: Callable[[str], Store]) -> None:
    store = make(backend)
    with store._database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_every_revision_is_known_and_shipped() -> None:
    found = sorted(path.name.split("_")[0].removeprefix("r") for path in (FOLDER / "versions").glob("r*.py"))
    assert found == list(REVISIONS)


def test_sqlite_keeps_what_it_acknowledged(folder_store: Store) -> None:
    with folder_store._database.read() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in
                 ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}  # fmt: skip
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 60_000}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mysql://x/y", "cannot be kept in 'mysql'"),
        ("://x", "cannot be read"),
        ("file.txt", "is a file; name a folder"),
        ("full", r"is no store and holds other files \(report.html\)"),
        ("garbage", "file is not a database"),
        ("postgresql://u:secret@127.0.0.1:1/x", "cannot be used: connection failed.*Check the URL"),
    ],
)
def test_a_place_that_cannot_hold_a_store_is_refused(tmp_path: Path, given: str, said: str) -> None:
    if "postgresql" in given:
        pytest.importorskip("psycopg")
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "report.html").write_text("x")
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage" / "store.db").write_text("no database " * 1000)
    with pytest.raises((UsageError, DataError), match=said) as error:
        open_store(given if "://" in given else tmp_path / given)
    assert "secret" not in str(error.value)


def test_a_fork_speaks_through_connections_of_its_own(tmp_path: Path) -> None:
    code = """
import os, sys
from seatrial.storage.store import open_store
store = open_store(sys.argv[1])
log = store.row_log("k")
log.append([((0, 0), {"a": 0})])
child = os.fork()
if child == 0:
    for row in range(1, 50):
        log.append([((row, 0), {"a": row})])
    os._exit(0)
for row in range(50, 100):
    log.append([((row, 0), {"a": row})])
assert os.waitpid(child, 0)[1] == 0
assert len(log.kept()) == 100
"""
    if not hasattr(__import__("os"), "fork"):
        pytest.skip("no fork on this system")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "store")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_the_room_loads_no_database() -> None:
    code = "import sys, seatrial.storage, seatrial.app.store_command, seatrial.app.ledger_command; " \
           "print([name for name in ('sqlalchemy', 'alembic', 'duckdb') if name in sys.modules])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_copied_folder_is_a_store(tmp_path: Path) -> None:
    with open_store(tmp_path / "one") as store:
        digest = store.add_run(make_run(table=store.put_table({"id": ["a"]})))
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    with open_store(tmp_path / "two") as copy:
        assert copy.run("latest").digest == digest
        assert copy.verify().intact
