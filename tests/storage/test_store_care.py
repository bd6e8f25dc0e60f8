"""Verifying and collecting garbage: what was altered is named, what a run may need stays."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from seatrial.errors import DataError, UsageError
from seatrial.storage.models import run_tables, runs, tables, tags
from seatrial.storage.store import Store, open_store

from .run_records import make_run

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=3)
"""When garbage was put, seen from NOW."""


@pytest.fixture
def filled(store: Store) -> tuple[Store, str, str]:
    sha256 = store.put_table({"id": ["a", "b"], "prediction": [0, 1]})
    digest = store.add_run(make_run(table=sha256))
    store.tag(digest, "production", who="ann")
    return store, sha256, digest


def change(store: Store, statement: sa.Executable) -> None:
    with store._database.write() as connection:
        connection.execute(statement)


def wrong(store: Store) -> list[tuple[str, str]]:
    check = store.verify()
    found = [(one.name, one.sentence) for one in check.findings if one.status == "fail"]
    assert check.intact == (not found)
    return found


def test_a_store_nobody_touched_is_whole(filled: tuple[Store, str, str]) -> None:
    store, _, _ = filled
    check = store.verify()
    assert check.intact
    assert (check.runs, check.tables, check.entries) == (1, 1, 1)
    assert check.sentence == "The store is whole: 1 run, 1 table and 1 entry of the ledger are what was stored."


def test_one_byte_of_a_run_is_located(filled: tuple[Store, str, str]) -> None:
    store, _, digest = filled
    altered = sa.func.replace(runs.c.record, "models.py", "models.pz")
    change(store, sa.update(runs).values(record=altered))
    assert wrong(store) == [
        (f"run {digest[:12]}", f"Run {digest[:12]}: the record of new@fraud is not what was stored.")
    ]
    with pytest.raises(DataError, match=f"The run {digest[:12]} was altered"):
        store.run("latest")


def test_a_run_listed_under_another_name_is_located(filled: tuple[Store, str, str]) -> None:
    store, _, digest = filled
    change(store, sa.update(runs).values(model="old"))
    assert wrong(store) == [(f"run {digest[:12]}", f"Run {digest[:12]}: it is new@fraud, and is listed as old@fraud.")]


def test_one_byte_of_a_table_is_located(filled: tuple[Store, str, str]) -> None:
    store, sha256, digest = filled
    folder = store._shelf.folder
    path = store.table(sha256)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if folder is None:
        change(store, sa.update(tables).values(content=bytes(content)))
        path.unlink()
    else:
        path.write_bytes(content)
    expected = f"Table {sha256[:12]}: its content, of run {digest[:12]}, is not what was stored."
    assert wrong(store) == [(f"table {sha256[:12]}", expected)]
    with pytest.raises(DataError, match=f"The table {sha256[:12]} was altered"):
        store.table(sha256)
    assert store.put_table({"id": ["a", "b"], "prediction": [0, 1]}) == sha256  # put again, it is whole again
    assert wrong(store) == []


def test_a_missing_table_is_located(filled: tuple[Store, str, str]) -> None:
    store, sha256, digest = filled
    folder = store._shelf.folder
    change(store, sa.delete(tables))
    if folder is not None:
        (folder / f"{sha256}.parquet").unlink()
    assert wrong(store) == [
        (f"table {sha256[:12]}", f"Table {sha256[:12]}: the file, of run {digest[:12]}, is missing.")
    ]


def test_a_tag_moved_past_the_ledger_is_located(filled: tuple[Store, str, str]) -> None:
    store, _, digest = filled
    other = store.add_run(make_run("other"))
    change(store, sa.update(tags).values(digest=other))
    said = f"Tag production: it names run {other[:12]}, and by the ledger {digest[:12]}."
    assert wrong(store) == [("tag production", said)]
    change(store, sa.delete(tags))
    assert wrong(store) == [("tag production", "Tag production: the ledger has it, and it was taken away.")]


def test_a_copy_on_this_machine_that_was_altered_is_fetched_again(filled: tuple[Store, str, str]) -> None:
    store, sha256, _ = filled
    if store._shelf.folder is not None:
        pytest.skip("tables in a folder have no copy")
    path = store.table(sha256)
    content = path.read_bytes()
    path.write_bytes(b"rubbish")
    assert store.table(sha256).read_bytes() == content


def test_a_damaged_database_file_is_a_finding_or_a_sentence(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        for number in range(300):
            store.enter("note", f"decision {number} " + "x" * 200, who="ann")
    file = tmp_path / "store" / "store.db"
    content = bytearray(file.read_bytes())
    page = 4096
    for at in range(page * 20, len(content), page):  # the heads of many pages
        content[at : at + 8] = b"\xff" * 8
    file.write_bytes(content)
    with open_store(tmp_path / "store") as store:
        check = store.verify()
        assert not check.intact
        assert check.sentence.startswith("The database file is damaged:")
        with pytest.raises(DataError, match="is damaged"):
            store.ledger()


def test_garbage_goes_and_what_a_run_needs_stays(store: Store) -> None:
    needed = store.put_table({"id": ["a"]}, now=OLD)
    beside = store.put_table({"id": ["c"]}, now=OLD)
    garbage = store.put_table({"id": ["b"]}, now=OLD)
    young = store.put_table({"id": ["d"]}, now=NOW)
    for key in ("done", "open"):
        store.row_log(key).append([((0, 0), {"a": 1})])
    store.add_run(make_run(table=needed), tables=[beside], logs=["done"])

    said = store.gc(dry_run=True, now=NOW)
    assert (said.dry_run, said.tables, said.row_logs) == (True, (garbage,), ("done",))
    assert said.sentence.startswith("Would drop 1 table no run refers to and 1 row log of finished or forgotten runs")
    assert store.table(garbage).exists()
    done = store.gc(now=NOW)
    assert (done.tables, done.row_logs, done.bytes) == (said.tables, said.row_logs, said.bytes)
    assert done.sentence.startswith("Dropped 1 table")
    with pytest.raises(DataError, match="is not in the store"):
        store.table(garbage)
    for sha256 in (needed, beside, young):
        assert store.table(sha256).exists()
    assert store.row_log("open").kept() == {(0, 0): {"a": 1}}
    assert store.row_log("done").kept() == {}
    assert store.verify().intact
    assert store.gc(now=NOW).sentence.startswith("Nothing to drop")


def test_a_log_taken_up_again_is_no_garbage_and_one_forgotten_is(folder_store: Store) -> None:
    folder_store.row_log("again").append([((0, 0), {"a": 1})])
    folder_store.finish_logs(["again"])
    log = folder_store.row_log("again")
    assert folder_store.gc().row_logs == ()
    later = datetime.now(UTC) + timedelta(days=10)
    assert folder_store.gc(now=later).row_logs == ()
    assert folder_store.gc(now=later, unfinished_days=9).row_logs == ("again",)
    log.append([((1, 0), {"a": 2})])  # whoever still writes begins it anew
    assert log.kept() == {(1, 0): {"a": 2}}
    with pytest.raises(UsageError, match="a run may take a day"):
        folder_store.gc(unfinished_days=0.5)


def test_what_a_killed_process_left_goes_after_a_day(folder_store: Store, tmp_path: Path) -> None:
    left = [tmp_path / "store" / "temp" / "x.parquet", tmp_path / "store" / "tables" / f"{'0' * 64}.parquet"]
    for path in left:
        path.write_bytes(b"half")
    assert folder_store.gc().temporary == 0
    for path in left:
        os.utime(path, (time.time() - 90_000,) * 2)
    assert folder_store.gc(dry_run=True).temporary == 2
    assert folder_store.gc().temporary == 2
    assert not any(path.exists() for path in left)


def test_a_table_put_again_while_it_is_collected_is_not_lost(folder_store: Store) -> None:
    sha256 = folder_store.put_table({"id": ["a"]}, now=OLD)
    assert folder_store.put_table({"id": ["a"]}, now=NOW) == sha256
    assert folder_store.gc(now=NOW).tables == ()
    assert folder_store.table(sha256).exists()


def test_the_links_from_runs_to_tables_are_the_runs_own(filled: tuple[Store, str, str]) -> None:
    store, sha256, digest = filled
    with store._database.read() as connection:
        assert [tuple(row) for row in connection.execute(sa.select(run_tables))] == [(digest, sha256)]
