"""Several processes at one store: nothing lost, nothing twice, no chain broken."""

import subprocess
import sys
from collections.abc import Callable

from seatrial.storage.store import Store

APPEND = """
import sys
from seatrial.storage.store import open_store
store = open_store(sys.argv[1])
for number in range(int(sys.argv[3])):
    store.enter("note", f"{sys.argv[2]} {number}", who=sys.argv[2])
"""
EVERYTHING = """
import sys
from seatrial.storage.store import open_store
store = open_store(sys.argv[1])
me = int(sys.argv[2])
log, cache = store.row_log("shared"), store.cache()
for at in range(0, 200, 10):
    log.append([((row, 0), {"row": row, "by": me}) for row in range(at, at + 10)])
    log.append([((1000 * (me + 1) + at, 0), {"by": me})])
    cache.remember({f"k{key}": {"key": key} for key in range(at, at + 15)})
store.put_table({"id": [str(row) for row in range(1000)]})
store.put_table({"id": [str(row) for row in range(me, 1000)]})
store.count_read("f", suite="s", model="m", run=f"run {me % 2}")
store.gc()
"""


def together(code: str, *arguments: list[str]) -> None:
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", code, *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for given in arguments
    ]
    for process in begun:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said


def test_four_processes_append_to_one_chain(backend: str, make: Callable[[str], Store]) -> None:
    make(backend)
    together(APPEND, *([backend, f"p{number}", "250"] for number in range(4)))
    store = make(backend)
    check = store.verify_ledger()
    assert check.intact, check.sentence
    assert check.entries == 1000
    for number in range(4):
        mine = [entry.what for entry in store.ledger() if entry.who == f"p{number}"]
        assert mine == [f"p{number} {at}" for at in range(250)]


def test_many_open_a_place_that_is_empty_and_all_write(backend: str, make: Callable[[str], Store]) -> None:
    together(EVERYTHING, *([backend, str(number)] for number in range(4)))
    store = make(backend)
    kept = store.row_log("shared").kept()
    assert {row for row, _ in kept if row < 1000} == set(range(200))
    assert all(answer["row"] == row for (row, _), answer in kept.items() if row < 1000)
    assert sum(row >= 1000 for row, _ in kept) == 4 * 20
    assert len(store.cache().find([f"k{key}" for key in range(205)])) == 205
    assert store.reads("f") == 2
    check = store.verify()
    assert check.intact
    assert check.tables == 4
