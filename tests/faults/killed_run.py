"""A run in processes that are killed: each round forks, asks rows into a real store, and dies at a random moment.

`python killed_run.py KIND STORE COUNTER ROWS KILLS SEED SIGNAL`: KIND is local, remote, or the URL of an endpoint.
Prints JSON: how many were killed, and how many rows the last one found done.
"""

import asyncio
import contextlib
import json
import math
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from seatrial.data.dataset import LoadedDataset
from seatrial.evaluation.runner import Progress, RanRows, run_rows, work_key
from seatrial.models.adapters import open_model
from seatrial.models.base import Answer, Batch, Limits, LocalModel, Model, RemoteModel, Row
from seatrial.models.calls import asked  # noqa: F401 (imported before the first fork, not after each)
from seatrial.records.run import ModelInfo
from seatrial.records.suite import Case, Price
from seatrial.storage.store import open_store

BATCH, AT_ONCE, SECONDS = 10, 8, 0.004
INFO = ModelInfo(name="m", adapter="test", location="here", fingerprint="0" * 64)
CASE = Case(name="case", dataset="numbers.csv", task="regression")
PRICE = Price(per_call=0.25)


class Counted(LocalModel):
    """Writes every row it is asked into a file before it answers: what was written outlives a kill."""

    adapter: ClassVar[str] = "test"
    name, batch_size = "m", BATCH

    def __init__(self, counter: int) -> None:
        self._counter = counter

    def info(self) -> ModelInfo:
        return INFO

    def predict(self, batch: Batch) -> Sequence[Answer]:
        os.write(self._counter, b"".join(b"%d\n" % x for x in batch["x"]))
        time.sleep(SECONDS)
        return [Answer(prediction=3 * x) for x in batch["x"]]


class CountedRemote(RemoteModel):
    """The same, one row a call, some at once."""

    adapter: ClassVar[str] = "test"
    name, limits = "m", Limits(concurrency=AT_ONCE)

    def __init__(self, counter: int) -> None:
        self._counter = counter

    def info(self) -> ModelInfo:
        return INFO

    async def ask(self, row: Row) -> Answer:
        os.write(self._counter, b"%d\n" % row["x"])
        await asyncio.sleep(SECONDS)
        return Answer(prediction=3 * row["x"])


def numbers(rows: int) -> LoadedDataset:
    return LoadedDataset(
        name="numbers",
        ids=tuple(str(at) for at in range(rows)),
        columns={"x": list(range(rows)), "target": [3 * at for at in range(rows)]},
        inputs=("x",),
        fingerprint="f" * 64,
        task="regression",
        target="target",
    )


def model_of(kind: str, counter: str) -> Model:
    if kind.startswith("http"):
        return open_model(f"m=http:{kind}?concurrency={AT_ONCE}")
    made = Counted if kind == "local" else CountedRemote
    return made(os.open(counter, os.O_WRONLY | os.O_APPEND | os.O_CREAT))


def go(kind: str, store: str, counter: str, rows: int, *, begun: int | None = None) -> RanRows:
    """One session, to its end or its death; `begun` is written to when the rows kept before are known."""

    def hear(_: Progress) -> None:
        if begun is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(begun, b".")

    data = numbers(rows)
    with open_store(store) as opened:
        log = opened.row_log(work_key(data.fingerprint, INFO.fingerprint, CASE))
        model = model_of(kind, counter)
        return run_rows(data, model, case=CASE, log=log, cache=opened.cache(), price=PRICE, progress=hear)


def _session(kind: str, store: str, counter: str, rows: int, begun: int) -> None:
    try:
        go(kind, store, counter, rows, begun=begun)
    except KeyboardInterrupt:
        os._exit(130)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(kind: str, store: str, counter: str, rows: str, kills: str, seed: str, number: str) -> None:
    rng = random.Random(int(seed))
    codes: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        # everything is imported before the first fork
        go("remote", f"{folder}/store", f"{folder}/calls", 3)
    for at in range(int(kills)):
        reads, begun = os.pipe()
        child = os.fork()
        if child == 0:
            _session(kind, store, counter, int(rows), begun)
        os.close(begun)
        if at % 5:
            os.read(reads, 1)
        # every fifth from the fork on, while the store opens; the others with the rows under way
        time.sleep(math.exp(rng.uniform(math.log(0.001), math.log(0.08))))
        os.close(reads)
        os.kill(child, int(number))
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    found: dict[str, Any] = {"codes": codes}
    print(json.dumps(found))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    main(*sys.argv[1:])
