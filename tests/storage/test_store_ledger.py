"""The ledger: an unbroken chain, and the first broken link named."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from seatrial.errors import DataError, UsageError
from seatrial.records.ledger import GENESIS
from seatrial.storage.models import ledger, ledger_head
from seatrial.storage.store import Store

from .run_records import make_run


@pytest.fixture
def filled(folder_store: Store) -> Store:
    for number in range(1, 6):
        folder_store.enter("note", f"decision {number}", who="ann")
    return folder_store


def change(store: Store, statement: Any) -> None:
    with store._database.write() as connection:
        connection.execute(statement)


def text_of(store: Store, number: int) -> str:
    with store._database.read() as connection:
        return str(connection.execute(sa.select(ledger.c.entry).where(ledger.c.number == number)).scalar_one())


def forge(store: Store, number: int, text: str, *, digest: bool) -> None:
    values = {"entry": text} | ({"digest": hashlib.sha256(text.encode()).hexdigest()} if digest else {})
    change(store, sa.update(ledger).where(ledger.c.number == number).values(**values))


def test_each_entry_holds_the_digest_of_the_one_before(store: Store) -> None:
    assert store.verify_ledger().sentence == "The ledger is empty."
    first = store.enter("verdict", "Ship.", who="ann", status="pass", digests={"candidate": "a" * 64})
    second = store.enter("override", "Ship anyway.", who="bob", reason="The margin was wrong.", status="pass")
    assert (first.number, first.previous) == (1, GENESIS)
    assert (second.number, second.previous) == (2, first.digest())
    assert store.ledger() == (first, second)
    check = store.verify_ledger()
    assert (check.intact, check.entries, check.head) == (True, 2, second.digest())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "override", "what": "Ship."}, "An override needs a reason"),
        ({"kind": "override", "what": "Ship.", "reason": " "}, "An override needs a reason"),
        ({"kind": "note", "what": " "}, "says what was decided"),
        ({"kind": "note", "what": "x", "who": " "}, "says who decided"),
        ({"kind": "opinion", "what": "x"}, "'kind' cannot be 'opinion'"),
    ],
)
def test_an_entry_that_says_too_little_is_refused(folder_store: Store, given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        folder_store.enter(**given)
    assert folder_store.ledger() == ()


def test_who_is_named_by_the_environment(folder_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_USER", "grace")
    assert folder_store.enter("note", "x").who == "grace"


def test_a_hostile_text_is_kept_as_it_came(store: Store) -> None:
    text = "'); DROP TABLE seatrial_ledger; -- <script> \x1b[2J \x00 é"
    store.enter("note", text, who="ann")
    assert store.ledger()[0].what == text
    assert store.verify_ledger().intact


CHANGES: dict[str, tuple[Callable[[Store], None], int, str]] = {
    "content": (lambda s: forge(s, 3, text_of(s, 3).replace("decision", "decisioN"), digest=False), 3, "its content"),
    "content of the last": (lambda s: forge(s, 5, text_of(s, 5) + " ", digest=False), 5, "its content was changed"),
    "content and digest": (
        lambda s: forge(s, 3, text_of(s, 3).replace("ann", "bob"), digest=True), 3, "not the entry that entry 4",
    ),
    "last with its digest": (
        lambda s: forge(s, 5, text_of(s, 5).replace("ann", "bob"), digest=True), 5, "the head, kept apart, has another",
    ),
    "digest alone": (
        lambda s: change(s, sa.update(ledger).where(ledger.c.number == 2).values(digest="0" * 64)), 2, "its text is",
    ),
    "no JSON any more": (lambda s: forge(s, 1, "{", digest=False), 1, "its content was changed"),
    "one taken out": (lambda s: change(s, sa.delete(ledger).where(ledger.c.number == 2)), 2, "it is missing"),
    "the first taken out": (lambda s: change(s, sa.delete(ledger).where(ledger.c.number == 1)), 1, "it is missing"),
    "the last taken out": (
        lambda s: change(s, sa.delete(ledger).where(ledger.c.number == 5)), 5, "it is missing from the end",
    ),
    "the last two taken out": (
        lambda s: change(s, sa.delete(ledger).where(ledger.c.number > 3)), 4, "1 after it are missing from the end",
    ),
    "all taken out": (lambda s: change(s, sa.delete(ledger)), 1, "4 after it are missing"),
    "the head taken out": (lambda s: change(s, sa.delete(ledger_head)), 5, "head, kept apart, was taken away"),
    "an old head put back": (lambda s: change(s, sa.update(ledger_head).values(number=3)), 5, "past the head"),
    "the last number changed": (
        lambda s: change(s, sa.update(ledger).where(ledger.c.number == 5).values(number=7)), 5, "it is missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_the_first_altered_entry_is_named(filled: Store, name: str) -> None:
    alter, number, what = CHANGES[name]
    alter(filled)
    check = filled.verify_ledger()
    assert (check.intact, check.first_altered) == (False, number), check.sentence
    assert what in check.sentence
    assert f"first at entry {number}" in check.sentence


def test_two_entries_that_changed_places_are_found(filled: Store) -> None:
    second, third = text_of(filled, 2), text_of(filled, 3)
    forge(filled, 2, third, digest=True)
    forge(filled, 3, second, digest=True)
    assert filled.verify_ledger().first_altered in {1, 2}


def test_every_flipped_byte_of_an_entry_is_located(filled: Store) -> None:
    text = text_of(filled, 3)
    for at in range(0, len(text), 7):
        flipped = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        forge(filled, 3, flipped, digest=False)
        assert filled.verify_ledger().first_altered == 3
    forge(filled, 3, text, digest=False)
    assert filled.verify_ledger().intact


def test_a_whole_chain_written_anew_is_found_by_a_head_noted_before(filled: Store) -> None:
    noted = filled.verify_ledger().head
    filled.enter("note", "later", who="ann")
    assert filled.verify_ledger(expected=noted[:16]).intact
    change(filled, sa.delete(ledger))
    change(filled, sa.delete(ledger_head))
    for number in range(1, 7):
        filled.enter("note", f"decision {number}!", who="ann")
    assert filled.verify_ledger().intact
    check = filled.verify_ledger(expected=noted)
    assert (check.intact, check.first_altered) == (False, 1)


def test_entries_cut_off_are_not_forgotten_by_the_next(filled: Store) -> None:
    change(filled, sa.delete(ledger).where(ledger.c.number >= 4))
    entry = filled.enter("note", "after the cut", who="ann")
    assert entry.number == 6
    assert filled.verify_ledger().first_altered == 4


def test_an_entry_that_cannot_be_read_is_an_error_with_its_number(filled: Store) -> None:
    forge(filled, 2, "{}", digest=False)
    with pytest.raises(DataError, match=r"Entry 2 of the ledger cannot be read"):
        filled.ledger()


def test_a_tag_that_fails_enters_nothing(folder_store: Store) -> None:
    folder_store.add_run(make_run())
    with pytest.raises(UsageError):
        folder_store.tag("nobody", "production", who="ann")
    assert folder_store.ledger() == ()
