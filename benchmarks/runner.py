"""The runner's overhead: 10,000 rows through an endpoint that takes 20 ms, 64 calls at once, every row durable."""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import Work, markdown, seconds

ROWS, AT_ONCE, SERVICE = 10_000, 64, 0.020
AIM = 2.0
LITERATURE = {"lm-eval": "9x", "Inspect": "123x"}
"""Measured once, elsewhere on a machine like this one, with the same endpoint; printed where they are not installed."""
_BODY = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    }
).encode()
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)


class _Endpoint(asyncio.Protocol):
    """Answers any request after 20 ms; written by hand, so that the server costs next to nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            asyncio.get_running_loop().call_later(SERVICE, self._write)

    def _write(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_ANSWER)


def _serve(port: int) -> None:
    async def go() -> None:
        server = await asyncio.get_running_loop().create_server(_Endpoint, "127.0.0.1", port, backlog=1024)
        async with server:
            await server.serve_forever()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(go())


@contextlib.contextmanager
def _endpoint() -> Iterator[str]:
    """The endpoint in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.runner", "--serve", str(port)])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.kill()
        child.wait()


def _prompt(row: int) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": f"Is {row} a number?"}]}


def bare(given: argparse.Namespace) -> Any:
    """Seconds of a loop that only calls: nothing is kept, nothing is counted."""
    import aiohttp

    async def go() -> float:
        left = iter(range(given.rows))

        async def worker(session: aiohttp.ClientSession) -> None:
            for row in left:
                raw = json.dumps(_prompt(row)).encode()
                async with session.post(f"{given.file}/v1/chat/completions", data=raw) as answer:
                    json.loads(await answer.read())

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            began = time.perf_counter()
            await asyncio.gather(*(worker(session) for _ in range(AT_ONCE)))
            return time.perf_counter() - began

    return asyncio.run(go())


def seatrial(given: argparse.Namespace) -> Any:
    """Seconds of `run_rows` into a store, every row durable before its worker asks the next."""
    import aiohttp  # noqa: F401 (imports are apart, for all contenders)

    import seatrial.models.calls  # noqa: F401
    from seatrial.data.dataset import LoadedDataset
    from seatrial.evaluation.runner import run_rows
    from seatrial.models.adapters import open_model
    from seatrial.records.suite import Case, Price
    from seatrial.storage.store import open_store

    rows = range(given.rows)
    dataset = LoadedDataset(
        name="numbers",
        ids=tuple(map(str, rows)),
        columns={"n": list(rows), "target": ["yes"] * len(rows)},
        inputs=("n",),
        fingerprint="0" * 64,
        target="target",
    )
    case = Case(name="numbers", dataset="numbers.csv", task="text", prompt="Is {n} a number?")
    model = open_model(f"m=openai:{given.file}/v1#m")
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store") as store:
        began = time.perf_counter()
        ran = run_rows(
            dataset,
            model,
            case=case,
            log=store.row_log("work"),
            cache=store.cache(),
            price=Price(per_call=1.0),
            concurrency=AT_ONCE,
        )
        took = time.perf_counter() - began
        kept = len(store.row_log("work").kept())
        if ran.status != "complete" or kept != len(rows) or ran.cost != len(rows):
            raise RuntimeError(f"{ran.status}: {ran.reason}; {kept} rows kept")
    return took


def lm_eval(given: argparse.Namespace) -> Any:
    """Seconds of an lm-eval evaluation as it comes, with its cache, so that its answers outlive a kill too."""
    os.environ.setdefault("OPENAI_API_KEY", "none")
    import datasets
    import lm_eval as harness
    from lm_eval.api.task import ConfigurableTask

    def rows(**_: Any) -> Any:
        return {"test": datasets.Dataset.from_dict({"n": list(range(given.rows))})}

    task = ConfigurableTask(
        config={
            "task": "numbers",
            "custom_dataset": rows,
            "test_split": "test",
            "output_type": "generate_until",
            "doc_to_text": "Is {{n}} a number?",
            "doc_to_target": "yes",
            "generation_kwargs": {"until": ["\n"], "max_gen_toks": 8},
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        }
    )
    asked = {
        "base_url": f"{given.file}/v1/chat/completions",
        "model": "m",
        "num_concurrent": AT_ONCE,
        "tokenized_requests": False,
    }
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        found = harness.simple_evaluate(
            model="local-chat-completions",
            model_args=asked,
            tasks=[task],
            apply_chat_template=True,
            use_cache=f"{folder}/cache",
        )
        took = time.perf_counter() - began
    if found["results"]["numbers"]["sample_len"] != given.rows:
        raise RuntimeError(str(found["results"]))
    return took


def inspect_ai(given: argparse.Namespace) -> Any:
    """Seconds of an Inspect evaluation with an exact-match scorer, its log written as it writes it."""
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    samples = [Sample(input=f"Is {row} a number?", target="yes") for row in range(given.rows)]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        logs = evaluate(
            Task(dataset=MemoryDataset(samples), solver=generate(), scorer=match()),
            model="openai-api/local/m",
            model_base_url=f"{given.file}/v1",
            model_args={"api_key": "none"},
            max_connections=AT_ONCE,
            max_samples=AT_ONCE,
            display="none",
            log_dir=folder,
        )
        took = time.perf_counter() - began
    if logs[0].status != "success":
        raise RuntimeError(str(logs[0].error)[:500])
    return took


WORKS: dict[str, Work] = {"bare": bare, "seatrial": seatrial, "lm-eval": lm_eval, "Inspect": inspect_ai}


def bench(*, rows: int = ROWS, peers: bool = True) -> str:
    """A Markdown table: seconds, and how many times the ideal."""
    contenders: list[tuple[str, str, int]] = [("aiohttp, nothing kept", "bare", rows), ("seatrial", "seatrial", rows)]
    if peers:
        # the slow ones on fewer rows: the ratio to the ideal is of rows alone
        contenders += [("lm-eval", "lm-eval", rows), ("Inspect", "Inspect", max(rows // 10, 1))]
    lines: list[list[str]] = []
    with _endpoint() as url:
        for name, work, many in contenders:
            ideal = many * SERVICE / AT_ONCE
            took = _took(work, url=url, rows=many)
            if took is None:
                lines.append([name, "", f"{LITERATURE[name]} (not installed here: measured elsewhere)", ""])
                continue
            aim = f"{AIM:g}x" if work == "seatrial" else ""
            lines.append(
                [f"{name}" + ("" if many == rows else f", {many:,} rows"), seconds(took), f"{took / ideal:.2f}x", aim]
            )
    table = markdown(["what", "wall", "of the ideal", "aim"], lines)
    head = f"### {rows:,} rows, an endpoint of {SERVICE * 1e3:.0f} ms, {AT_ONCE} calls at once"
    return (
        f"{head}\n\n{table}\n\nIdeal: rows x {SERVICE * 1e3:.0f} ms / {AT_ONCE} = {seconds(rows * SERVICE / AT_ONCE)}."
    )


def _took(work: str, *, url: str, rows: int) -> float | None:
    """Seconds that one contender measured itself (its imports apart); None where it is not installed."""
    modules = {"lm-eval": "lm_eval", "Inspect": "inspect_ai"}
    if work in modules and not _installed(modules[work]):
        return None
    cost = measuring.run("benchmarks.runner", work, file=url, rows=rows)
    return float(cost.found)


def _installed(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        _serve(int(sys.argv[2]))
    else:
        measuring.answer(WORKS)
