"""`seatrial store` and `seatrial ledger` as they are typed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer

from seatrial.app import cli as command_line
from seatrial.app.ledger_command import ledger_app
from seatrial.app.store_command import store_app
from seatrial.storage.models import ledger
from seatrial.storage.store import open_store

from .run_records import make_run

Cli = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a store that holds one run, and its folder as the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATRIAL_USER", "grace")
    monkeypatch.delenv("SEATRIAL_STORE", raising=False)
    with open_store(tmp_path / ".seatrial") as store:
        store.add_run(make_run(table=store.put_table({"id": ["a"]})), logs=["done"])
        store.row_log("done").append([((0, 0), {"a": 1})])
        store.finish_logs(["done"])
    registered = typer.main.get_command(command_line.app).commands
    if "store" not in registered:
        monkeypatch.setattr(command_line.app, "registered_groups", list(command_line.app.registered_groups))
        command_line.app.add_typer(store_app, name="store")
        command_line.app.add_typer(ledger_app, name="ledger")
    return tmp_path


def test_path_says_where_and_makes_nothing(place: Path, cli: Cli) -> None:
    assert cli("store", "path").out == f"{place / '.seatrial'}\n"
    assert cli("store", "path", "--store", place / "other").out == f"{place / 'other'}\n"
    assert not (place / "other").exists()


def test_verify_is_0_for_a_whole_store_and_3_for_an_altered(place: Path, cli: Cli) -> None:
    whole = cli("store", "verify")
    assert (whole.code, whole.err) == (0, "")
    assert "The store is whole: 1 run, 1 table and 0 entries" in " ".join(whole.out.split())
    (table,) = (place / ".seatrial" / "tables").iterdir()
    table.write_bytes(b"other" + table.read_bytes())
    altered = cli("store", "verify", "--json", "-", "--report", place / "report.html")
    assert altered.code == 3
    assert altered.json["intact"] is False
    assert [one["name"] for one in altered.json["findings"] if one["status"] == "fail"] == [f"table {table.stem[:12]}"]
    assert table.stem[:12] in (place / "report.html").read_text()


def test_gc_says_what_would_go_and_then_lets_it_go(place: Path, cli: Cli) -> None:
    dry = cli("store", "gc", "--dry-run", "--json", "-")
    assert dry.json["row_logs"] == ["done"]
    assert "Would drop 1 row log of finished or forgotten runs." in cli("store", "gc", "--dry-run").out
    assert "Dropped 1 row log of finished or forgotten runs." in cli("store", "gc").out
    assert "Nothing to drop" in cli("store", "gc").out


def test_decisions_are_entered_shown_and_verified(place: Path, cli: Cli) -> None:
    assert cli("ledger", "note", "Labels were checked.").out == "Entry 1, note by grace: Labels were checked.\n"
    assert cli("ledger", "sign-off", "Fit to ship.", "--on", "latest", "--who", "ada", "--status", "pass").code == 0
    override = cli("ledger", "override", "Ship anyway.", "--reason", "A <b>typo</b>.", "--on", "candidate=new@fraud")
    assert override.code == 0
    shown = cli("ledger", "show", "--json", "-").json
    assert [(one["kind"], one["who"]) for one in shown["entries"]] == [
        ("note", "grace"), ("sign-off", "ada"), ("override", "grace"),
    ]  # fmt: skip
    with open_store(place / ".seatrial") as store:
        digest = store.run("latest").digest
    assert shown["entries"][1]["digests"] == {"run": digest}
    assert shown["entries"][2]["digests"] == {"candidate": digest}
    text = cli("ledger", "show", "--markdown", place / "l.md", "--report", place / "l.html")
    assert "Ship anyway." in text.out
    assert "<b>typo" not in (place / "l.html").read_text()
    verified = cli("ledger", "verify")
    assert verified.code == 0
    assert shown["check"]["head"] in verified.out
    assert cli("ledger", "verify", "--expect", shown["check"]["head"]).code == 0


def test_an_altered_ledger_exits_3_and_names_the_entry(place: Path, cli: Cli) -> None:
    for what in ("one", "two", "three"):
        cli("ledger", "note", what)
    with open_store(place / ".seatrial") as store, store._database.write() as connection:
        connection.execute(
            sa.update(ledger).where(ledger.c.number == 2).values(entry=sa.func.replace(ledger.c.entry, "two", "too"))
        )
    altered = cli("ledger", "verify")
    assert altered.code == 3
    assert altered.out == "The ledger was altered, first at entry 2: its content was changed.\n"
    assert cli("ledger", "verify", "--json", "-").json["check"]["first_altered"] == 2
    assert "Altered at entry 2" in cli("ledger", "show").out
    assert cli("store", "verify").code == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ledger", "override", "Ship."], "Missing option '--reason'"),
        (["ledger", "override", "Ship.", "--reason", " ", "--on", "latest"], "An override needs a reason"),
        (["ledger", "override", "Ship.", "--reason", "x"], "Say what the override rests on: --on RUN"),
        (["ledger", "sign-off", "x", "--on", "nobody"], "There is no run 'nobody' in the store."),
        (["ledger", "sign-off", "x", "--on", "latest", "--on", "latest"], "names 'run' twice"),
        (["ledger", "sign-off", "x", "--on", "latest", "--status", "pas"], "Did you mean 'pass'?"),
        (["ledger", "note", " "], "says what was decided"),
        (["ledger", "verify", "--expect", "xyz"], "is no digest"),
        (["ledger", "show", "--store", "nowhere"], "There is no store in 'nowhere'"),
        (["store", "verify", "--store", "nowhere"], "There is no store in 'nowhere'"),
        (["store", "gc", "--unfinished-days", "0"], "a run may take a day"),
        (["store", "sweep"], "No such command 'sweep'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(place: Path, cli: Cli, arguments: list[str], said: str) -> None:
    ran = cli(*arguments)
    assert ran.code == 64
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert not (place / "nowhere").exists()


def test_a_group_alone_shows_its_commands(place: Path, cli: Cli) -> None:
    for group, names in (("store", ("path", "verify", "gc")), ("ledger", ("show", "note", "sign-off", "override"))):
        ran = cli(group)
        assert ran.code == 0
        assert all(name in ran.out for name in names)


def test_without_a_store_it_says_so(tmp_path: Path, place: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / ".seatrial").rename(place / "elsewhere")
    ran = cli("ledger", "show")
    assert (ran.code, "There is no store (.seatrial) here or above" in ran.err) == (64, True)
    monkeypatch.setenv("SEATRIAL_STORE", str(place / "elsewhere"))
    assert cli("ledger", "show").code == 0
    assert json.loads(cli("store", "verify", "--json", "-").out)["intact"]
