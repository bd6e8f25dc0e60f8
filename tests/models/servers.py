"""A fake endpoint in a thread: known service times, planned failures, and a count of what was asked."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from aiohttp import web

Plan = Mapping[int, str] | Sequence[str] | Callable[[int, Any], str | None] | None
"""What call number i (from 0) meets: `429`, `429 after 0.2` (seconds), `429 at 1` (an HTTP date so many seconds on),
`500`, `stall`, `rubbish`, `empty`, `closed`, `huge`, `html`, `400 message`; "" or None answers."""


@dataclass
class Server:
    """What a test sees of it."""

    url: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    """Canonical JSON of a body to how often it came."""
    bodies: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    """`time.monotonic()` of each arrival."""
    most_at_once: int = 0
    at_once: int = 0

    @property
    def count(self) -> int:
        return len(self.times)


def echo(body: Any) -> Any:
    """The default answer: a prediction that can be checked."""
    return {"prediction": body.get("x") if isinstance(body, dict) else body}


def chat(text: str | Callable[[str], str] = "yes", *, finish: str = "stop", **more: Any) -> Callable[[Any], Any]:
    """Answers as an OpenAI server does, chat or completion by what was asked."""

    def answer(body: Any) -> Any:
        asked = body["prompt"] if "prompt" in body else body["messages"][-1]["content"]
        said = text(asked) if callable(text) else text
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        if "prompt" in body:
            choice["text"] = said
        else:
            choice["message"] = {"role": "assistant", "content": said, **more}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [choice],
            "usage": {"prompt_tokens": len(asked.split()), "completion_tokens": len(said.split())},
        }

    return answer


@contextmanager
def answering_server(
    answer: Callable[[Any], Any] = echo,
    *,
    latency: float | Callable[[int], float] = 0.0,
    workers: int | None = None,
    plan: Plan = None,
    keep: bool = True,
) -> Iterator[Server]:
    """A server on loopback that takes any path; `workers` calls are served at once, the others wait (1: M/D/1 with a
    constant `latency`)."""
    state = Server()
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    # constant service times kept on a clock of its own, so that sleeping too long does not add up
    free_at = [0.0] * (workers or 0)

    def planned(number: int, body: Any) -> str:
        if plan is None:
            return ""
        if callable(plan):
            return plan(number, body) or ""
        if isinstance(plan, Mapping):
            return plan.get(number, "")
        return plan[number] if number < len(plan) else ""

    async def serve(seconds: float) -> None:
        if not free_at:
            if seconds:
                await asyncio.sleep(seconds)
            return
        slot = min(range(len(free_at)), key=free_at.__getitem__)
        start = max(free_at[slot], time.monotonic())
        free_at[slot] = start + seconds
        await asyncio.sleep(free_at[slot] - time.monotonic())

    async def handle(request: web.Request) -> web.StreamResponse:
        state.times.append(time.monotonic())
        number = len(state.times) - 1
        state.at_once += 1
        state.most_at_once = max(state.most_at_once, state.at_once)
        try:
            raw = await request.read()
            body = json.loads(raw) if raw else dict(request.query)
            if keep:
                state.calls[json.dumps(body, sort_keys=True)] += 1
                state.bodies.append(body)
                state.headers.append(dict(request.headers))
            what = planned(number, body)
            if not what:
                await serve(latency(number) if callable(latency) else latency)
                return web.json_response(answer(body))
            return await failing(request, what)
        finally:
            state.at_once -= 1

    async def failing(request: web.Request, what: str) -> web.StreamResponse:
        if what == "stall":
            await asyncio.sleep(3600)
        if what == "rubbish":
            return web.Response(body=b'{"prediction": ', content_type="application/json")
        if what == "empty":
            return web.Response(body=b"", content_type="application/json")
        if what == "html":
            return web.Response(text="<html><script>alert(1)</script>Welcome</html>", content_type="text/html")
        if what == "huge":
            stream = web.StreamResponse()
            await stream.prepare(request)
            try:
                for _ in range(40):
                    await stream.write(b"[" * 1_000_000)
            except ConnectionError:
                pass
            return stream
        if what == "closed":
            stream = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
            await stream.prepare(request)
            await stream.write(b'{"prediction": ')
            assert request.transport is not None
            request.transport.close()
            return stream
        status, _, rest = what.partition(" ")
        headers = {}
        if rest.startswith("after "):
            headers["Retry-After"] = rest.removeprefix("after ")
            rest = ""
        elif rest.startswith("at "):
            headers["Retry-After"] = formatdate(time.time() + float(rest.removeprefix("at ")), usegmt=True)
            rest = ""
        return web.json_response({"error": {"message": rest or "no"}}, status=int(status), headers=headers)

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        state.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def run() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        ready.set()
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(runner.cleanup())
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the fake server did not start")
    try:
        yield state
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
