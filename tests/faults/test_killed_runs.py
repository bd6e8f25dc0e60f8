"""Runs killed at random moments and taken up again: no row lost or doubled, no second payment counted."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.faults import killed_run
from tests.models.servers import answering_server

ROWS, KILLS = 2_000, 20
MAIN = Path(killed_run.__file__)


def _killed(kind: str, folder: Path, *, kills: int = KILLS, seed: int = 1, number: int = signal.SIGKILL) -> list[int]:
    """Let so many processes die over one store; how each of them ended."""
    command = [sys.executable, str(MAIN), kind, folder / "store", folder / "calls", ROWS, kills, seed, int(number)]
    root = MAIN.parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    codes: list[int] = json.loads(done.stdout)["codes"]
    assert 1 not in codes, done.stderr
    return codes


def _finished(kind: str, folder: Path) -> killed_run.RanRows:
    return killed_run.go(kind, str(folder / "store"), str(folder / "calls"), ROWS)


def _whole(ran: killed_run.RanRows) -> None:
    """Every row once, with its own answer, paid once."""
    assert ran.status == "complete"
    assert [(one.row, one.repeat) for one in ran.answers] == [(row, 0) for row in range(ROWS)]
    assert [one.answer.prediction for one in ran.answers] == [3 * row for row in range(ROWS)]
    assert ran.failures() == ()
    assert ran.cost == ROWS * killed_run.PRICE.per_call
    assert ran.calls == ROWS
    data = killed_run.numbers(ROWS)
    table = ran.columns(data, case=killed_run.CASE)
    assert len(set(table["id"])) == len(table["id"]) == ROWS


def _asked(folder: Path) -> Counter[int]:
    return Counter(int(line) for line in (folder / "calls").read_text().split())


@pytest.mark.parametrize(
    ("kind", "under_way"),
    # remote: calls under way, and as many answers that are not durable yet (and the one that found the place taken)
    [("local", killed_run.BATCH), ("remote", 2 * killed_run.AT_ONCE + 1)],
)
def test_killed_twenty_times_no_row_is_lost_doubled_or_paid_twice(tmp_path: Path, kind: str, under_way: int) -> None:
    codes = _killed(kind, tmp_path)
    assert codes.count(-signal.SIGKILL) == KILLS, "the rows were done before the last one was killed: ask more rows"
    before = sum(_asked(tmp_path).values())
    ran = _finished(kind, tmp_path)
    _whole(ran)
    assert ran.resumed > 50, "the killed sessions left something to take up"
    assert ran.resumed >= before - KILLS * under_way, "what was finished was kept"
    asked = _asked(tmp_path)
    assert set(asked) == set(range(ROWS))
    assert sum(asked.values()) - ROWS <= KILLS * under_way, "only rows under way were asked again"
    again = _finished(kind, tmp_path)
    _whole(again)
    assert (again.resumed, again.asked) == (ROWS, 0)


def test_killed_while_an_endpoint_is_asked(tmp_path: Path) -> None:
    kills = 5
    with answering_server(lambda body: {"prediction": 3 * body["x"]}, latency=killed_run.SECONDS) as server:
        _killed(server.url, tmp_path, kills=kills, seed=3)
        ran = _finished(server.url, tmp_path)
        _whole(ran)
        assert ROWS <= server.count <= ROWS + kills * (2 * killed_run.AT_ONCE + 1)


@pytest.mark.parametrize(("kind", "under_way"), [("local", killed_run.BATCH), ("remote", killed_run.AT_ONCE)])
def test_interrupted_by_the_user_what_was_finished_is_kept(tmp_path: Path, kind: str, under_way: int) -> None:
    codes = _killed(kind, tmp_path, kills=5, seed=2, number=signal.SIGINT)
    # before Python has taken the signal over, or after; 0 where the run was over first
    assert set(codes) <= {130, -signal.SIGINT, 0}
    assert set(codes) != {0}
    before = sum(_asked(tmp_path).values())
    ran = _finished(kind, tmp_path)
    _whole(ran)
    assert ran.resumed >= before - 5 * under_way


@pytest.mark.validity
@pytest.mark.parametrize(("kind", "under_way"), [("local", killed_run.BATCH), ("remote", 2 * killed_run.AT_ONCE + 1)])
@pytest.mark.parametrize("seed", range(10))
def test_killed_two_hundred_times(tmp_path: Path, kind: str, under_way: int, seed: int) -> None:
    _killed(kind, tmp_path, seed=100 + seed)
    _whole(_finished(kind, tmp_path))
    asked = _asked(tmp_path)
    assert set(asked) == set(range(ROWS))
    assert sum(asked.values()) - ROWS <= KILLS * under_way
