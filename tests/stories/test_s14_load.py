"""S14: an endpoint under load: p50, p95 and p99 against the rate, where the service level breaks, a trace replayed.

The server answers one call at a time, each in 50 ms, on a clock of its own; so what every caller waited follows from
when its calls arrived, and is recomputed here.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..clock import on_a_quiet_machine
from ..models.servers import Server, answering_server, chat

SERVICE = 0.05
SUITE = """
name: support
cases:
  - name: intents
    dataset: intents.csv
    task: multiclass
    roles: {id: id, target: intent, inputs: [text]}
    prompt: "Which intent has this message?\\n{text}"
    choices: [pin, refund]
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with (tmp_path / "intents.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "intent"])
        writer.writerows((f"m{at}", f"message {at}", ("pin", "refund")[at % 2]) for at in range(50))
    (tmp_path / "suite.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "suite.yaml"


def sent_on_time(go: Callable[[Server], Any], plan: Any = None, **more: Any) -> tuple[Any, Server]:
    """The command against a fresh server; again where this machine was too busy to send the load that was asked for,
    which the command finds out itself."""
    for _ in range(4):
        with answering_server(chat("pin"), plan=plan, **more) as server:
            ran = go(server)
        if ran.code != 3:
            return ran, server
        assert "sent its requests late" in " ".join(ran.out.split()), ran.err + ran.out
    pytest.skip("this machine is too busy to send requests on time")


def waited(server: Server) -> np.ndarray:
    """Milliseconds each call took by the law of one worker: it starts when it has come and the one before is done."""
    free, found = 0.0, []
    for came in server.times:
        free = max(free, came) + SERVICE
        found.append(1e3 * (free - came))
    return np.array(found)


def percentile(step: dict[str, Any], name: str) -> Any:
    (found,) = [one for one in step["response"] if one["metric"] == name]
    return found


@on_a_quiet_machine
def test_where_the_service_level_of_the_bot_breaks(suite: Path, cli: Callable[..., Any]) -> None:
    ran, server = sent_on_time(
        lambda server: cli(
            "load", f"bot=openai:{server.url}/v1#small", suite, "--rates", "5,40", "--seconds", "3", "--sla", "p95=1s",
            "--report", "load.html", "--markdown", "load.md", "--json", "load.json", "--exit-code",
        ),
        latency=SERVICE, workers=1,
    )  # fmt: skip
    took = waited(server)
    asked = [body["messages"][-1]["content"] for body in server.bodies]
    assert ran.code == 1, ran.err
    assert "breaks at 40 requests a second" in " ".join(ran.out.split())
    card = json.loads(Path("load.json").read_text())
    slow, fast = card["steps"]
    assert (slow["status"], fast["status"]) == ("cannot tell", "breaks"), "twenty calls are too few for a p95"
    assert (card["holds_up_to"], card["breaks_at"], card["verdict"]["status"]) == (None, 40, "fail")
    assert fast["backlog_grows"]
    assert fast["achieved"] == pytest.approx(1 / SERVICE, rel=0.12), "one worker of 50 ms does 20 a second"
    # the last calls are those that were counted; the client adds the way there and back
    counted = took[-fast["requests"] :]
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        assert percentile(fast, name)["value"] == pytest.approx(np.quantile(counted, share), rel=0.1, abs=100)
    first = took[3 : len(took) - fast["requests"]]
    p50 = percentile(slow, "p50")
    assert np.quantile(first, 0.2) - 2 < p50["value"] < np.quantile(first, 0.8) + 100
    assert p50["low"] is None or p50["low"] <= p50["value"]
    assert asked[0].startswith("Which intent has this message?")
    page = Path("load.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "coordinated omission" in page
    for name in ("load.html", "load.md", "load.json"):
        assert str(suite.parent) not in Path(name).read_text(encoding="utf-8")


@on_a_quiet_machine
def test_a_burst_in_the_trace_is_named(suite: Path, cli: Callable[..., Any]) -> None:
    """Quiet, a burst at three times the capacity, quiet: the whole decides, the page names the window."""
    rng = np.random.default_rng(4)
    due = np.sort(np.concatenate([[0.0], rng.random(12) * 6, 2 + rng.random(60)]))
    with Path("arrivals.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "id"])
        writer.writerows((f"{moment:.4f}", f"m{at % 50}") for at, moment in enumerate(due))
    ran, server = sent_on_time(
        lambda server: cli(
            "load", f"bot=openai:{server.url}/v1#small", suite, "--trace", "arrivals.csv", "--window", "2",
            "--sla", "p50=200", "--json", "trace.json", "--exit-code",
        ),
        latency=SERVICE, workers=1,
    )  # fmt: skip
    took, asked = waited(server)[3:], [body["messages"][-1]["content"] for body in server.bodies[3:]]
    assert ran.code in (1, 2), ran.err + ran.out
    assert len(took) == len(due), "every arrival is one call, and nothing is tried again"
    # arrivals less than a millisecond apart may reach the server in another order
    assert sorted(asked) == sorted(f"Which intent has this message?\nmessage {at % 50}" for at in range(len(due)))
    card = json.loads(Path("trace.json").read_text())
    assert card["whole"]["requests"] == len(due)
    assert percentile(card["whole"], "p50")["value"] == pytest.approx(np.quantile(took, 0.5), rel=0.1, abs=100)
    calm, burst, _ = card["steps"]
    assert (calm["name"], burst["name"]) == ("0:00-0:02", "0:02-0:04")
    inside = took[(due >= 2) & (due < 4)]
    assert burst["requests"] == len(inside)
    assert percentile(burst, "p50")["value"] == pytest.approx(np.quantile(inside, 0.5), rel=0.1, abs=100)
    assert (calm["status"], burst["status"]) == ("cannot tell", "breaks"), "a handful of calls tells nothing"
    assert burst["name"] in ran.out


@on_a_quiet_machine
def test_refusals_count_against_the_level_and_are_never_tried_again(suite: Path, cli: Callable[..., Any]) -> None:
    ran, server = sent_on_time(
        lambda server: cli(
            "load", f"bot=openai:{server.url}/v1#small", suite, "--rates", "25", "--seconds", "4",
            "--sla", "p95=1s", "--sla", "errors=1%", "--json", "load.json", "--exit-code",
        ),
        plan=lambda number, _: "429 after 1" if number % 5 == 4 else None,
    )  # fmt: skip
    calls = server.count
    assert ran.code == 1
    (step,) = json.loads(Path("load.json").read_text())["steps"]
    assert step["errors"]["value"] == pytest.approx(0.2, abs=0.04)
    assert [one["reason"] for one in step["failed"]] == ["HTTP 429"]
    assert percentile(step, "p95")["value"] is None, "a server that refuses quickly does not look fast"
    assert {one["measure"]: one["status"] for one in step["levels"]} == {"p95": "breaks", "errors": "breaks"}
    assert calls == pytest.approx(25 * 4.4, rel=0.3)
