"""A store under what goes wrong: killed at any moment, a full disk, a folder nobody may write to."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.errors import UsageError
from seatrial.storage.store import open_store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")

WRITE = """
import sys
from seatrial.storage.store import open_store
store = open_store(sys.argv[1])
log = store.row_log("work")
begin = max((row for row, _ in log.kept()), default=-1) + 1
for at in range(begin, begin + 100000, 16):
    log.append([((row, 0), {"row": row, "text": "x" * 300}) for row in range(at, at + 16)])
    store.enter("note", f"batch {at}", who="writer")
    print(at + 15, flush=True)
    if at % 80 == 0:
        store.put_table({"row": list(range(at, at + 20000))})
        store.gc()
"""


def kill_while_writing(folder: Path, times: int, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged = -1
    for _ in range(times):
        writer = subprocess.Popen([sys.executable, "-c", WRITE, str(folder)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline()
        time.sleep(rng.uniform(0, 0.4))
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().split("\n")
        writer.stdout.close()
        writer.wait()
        whole = [int(line) for line in rest[:-1] if line]
        acknowledged = max([acknowledged, *whole])
        with open_store(folder) as store:
            kept = store.row_log("work").kept()
            rows = sorted(row for row, _ in kept)
            assert rows == list(range(len(rows)))  # none lost, none twice
            assert len(rows) % 16 == 0  # a batch is whole or not there
            assert rows[-1] >= acknowledged
            assert all(answer["row"] == row for (row, _), answer in kept.items())
            check = store.verify()
            assert check.intact, check.sentence
            assert check.entries in {len(rows) // 16, len(rows) // 16 - 1}


def test_a_store_killed_while_it_writes_opens_clean(tmp_path: Path) -> None:
    kill_while_writing(tmp_path / "store", 6, seed=1)


@pytest.mark.validity
def test_a_store_killed_two_hundred_times_opens_clean(tmp_path: Path) -> None:
    kill_while_writing(tmp_path / "store", 200, seed=2)


def test_processes_killed_while_they_make_the_store_leave_one_that_opens(tmp_path: Path) -> None:
    rng = random.Random(3)
    code = "import sys; from seatrial.storage.store import open_store; print('go', flush=True); open_store(sys.argv[1])"
    for number in range(4):
        folder = tmp_path / str(number)
        opener = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
        assert opener.stdout is not None
        opener.stdout.readline()
        time.sleep(rng.uniform(0, 0.5))
        os.kill(opener.pid, signal.SIGKILL)
        opener.wait()
        opener.stdout.close()
        with open_store(folder) as store:
            store.enter("note", "after", who="ann")
            assert store.verify().intact


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here (it takes root)")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def until_full(act: Callable[[int], object]) -> tuple[int, str]:
    """Act until the disk is full; returns how often it went well, and what was said."""
    for number in range(100_000):
        try:
            act(number)
        except UsageError as error:
            return number, str(error)
    raise AssertionError("the disk never filled")


def test_a_full_disk_is_a_sentence_and_nothing_is_half_written(small_disk: Path) -> None:
    with open_store(small_disk / "store") as store:
        log = store.row_log("work")
        written = store.put_table({"id": ["a", "b"]})
        went, said = until_full(lambda number: log.append([((number, 0), {"text": "x" * 20_000})]))
        assert went > 10
        assert f"The store '{small_disk / 'store'}' cannot be written: there is no space left; free some" in said
        assert len(log.kept()) == went
        noise = [random.Random(0).random() for _ in range(500_000)]
        with pytest.raises(UsageError, match="cannot be written: there is no space left"):
            store.put_table({"noise": noise})
        assert os.listdir(small_disk / "store" / "temp") == []
        assert store.table(written).exists()
    subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    with open_store(small_disk / "store") as store:  # there is room again
        store.row_log("work").append([((went, 0), {"text": "y"})])
        assert len(store.row_log("work").kept()) == went + 1
        assert store.verify().intact


def test_a_disk_too_small_for_a_store_is_a_sentence(tmp_path: Path, small_disk: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be written: .* space"):  # noqa: PT012
        (small_disk / "filler").write_bytes(b"x" * (6 * 2**20 - 8192))
        open_store(small_disk / "store")


LIMITED = """
import resource, sys
from seatrial.errors import UsageError
from seatrial.storage.store import open_store
store = open_store(sys.argv[1])
log = store.row_log("work")
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
went = 0
try:
    while went < 1000:
        log.append([((went, 0), {"text": "x" * 20_000})])
        went += 1
except UsageError as error:
    print(error)
try:
    import random
    store.put_table({"noise": [random.random() for _ in range(200_000)]})
except UsageError as error:
    print(error)
print(went)
"""


def test_a_file_that_may_not_grow_is_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "store")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    first, second, went = done.stdout.splitlines()
    for said in (first, second):
        assert said.startswith(f"The store '{tmp_path / 'store'}")
        assert "cannot be written: " in said
    assert 0 < int(went) < 1000
    with open_store(tmp_path / "store") as store:
        assert len(store.row_log("work").kept()) == int(went)
        assert os.listdir(tmp_path / "store" / "temp") == []
        assert store.verify().intact


OPEN = """
import os, sys
from seatrial.errors import UsageError
from seatrial.storage.store import open_store
with open_store(sys.argv[2]) as store:  # whatever is imported late is there before the rights go
    store.enter("note", "x", who="ann")
if os.geteuid() == 0:  # root may write anywhere
    os.setuid(65534)
try:
    open_store(sys.argv[1]).enter("note", "x", who="ann")
except UsageError as error:
    print(error)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others can get to, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="st-store-"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("mode", [0o555, 0o000], ids=["read-only", "closed"])
def test_a_folder_nobody_may_write_to_is_refused_in_a_sentence(open_folder: Path, existing: bool, mode: int) -> None:
    locked = open_folder / "locked"
    place = locked if existing else locked / "store"
    if existing:
        open_store(place).close()
    else:
        place.parent.mkdir()
    for path in [*locked.rglob("*"), locked]:
        path.chmod(mode if path.is_dir() else mode & 0o444)
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(place), str(open_folder / "other")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.strip()
        == f"The store '{place}' cannot be written: permission is denied; name another with --store."
    )
