"""S6: an LLM support bot behind an OpenAI-compatible server: asked, stopped, killed, resumed, updated and gated.

The server is a keyword model on loopback that speaks the chat protocol, answers differently when asked again (as a
sampling model does), and counts every call. Numbers are recomputed here from its own record of what it said.
"""

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy import stats

from seatrial.actions.run import run
from seatrial.actions.runs import show

from ..models.servers import Server, answering_server

OUT = "out of scope"
PRICE_IN, PRICE_OUT = 0.5, 2.0
REPEATS = 3
PROMPT = "Which intent has this message?\n{text}"
Rows = list[tuple[str, str]]


@dataclass
class Bot:
    """Keywords vote for intents; a better version knows more of them. Asked again it may take its second choice."""

    votes: dict[str, Counter[str]]
    wavers: float
    said: dict[str, list[str]] = field(default_factory=dict)
    """Text of a message to what was answered, in the order of the calls."""

    def answer(self, text: str) -> str:
        before = self.said.setdefault(text, [])
        total: Counter[str] = Counter()
        for word in set(words(text)):
            total.update(self.votes.get(word, {}))
        ranked = [label for label, _ in total.most_common(2)] or [OUT]
        drawn = int(hashlib.sha256(f"{text}|{len(before)}".encode()).hexdigest()[:8], 16) / 16**8
        label = ranked[-1] if drawn < self.wavers else ranked[0]
        before.append(label)
        return label


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def message(body: Any) -> str:
    """What a customer wrote, behind the prompt."""
    found: str = body["messages"][-1]["content"]
    return found.partition("\n")[2]


synthetic = pytest.mark.parametrize("desk", ["synthetic"], indirect=True)


def taught(rows: Rows, *, keep: float, wavers: float) -> Bot:
    """A bot that knows the words of some examples; `keep` of the words."""
    votes: dict[str, Counter[str]] = {}
    spread: dict[str, set[str]] = {}
    for text, label in rows:
        for word in set(words(text)):
            spread.setdefault(word, set()).add(label)
    for text, label in rows:
        for word in set(words(text)):
            known = int(hashlib.sha256(word.encode()).hexdigest()[:8], 16) / 16**8 < keep
            if known and len(spread[word]) <= 5 and label != OUT:
                votes.setdefault(word, Counter())[label] += 1
    return Bot(votes, wavers)


@dataclass(frozen=True)
class Desk:
    """Messages to ask, examples to learn from, and the folder of the project."""

    folder: Path
    rows: Rows
    examples: Rows

    @property
    def labels(self) -> list[str]:
        return sorted({label for _, label in self.rows})

    def truth(self) -> np.ndarray:
        return np.array([label for _, label in self.rows])

    def suite(self, url: str, *, budgets: dict[str, Any] | None = None, **options: Any) -> Path:
        limits = {"timeout": 20.0, "retries": 2, "backoff": 0.02, "concurrency": 8} | options
        given: dict[str, Any] = {
            "name": "support",
            "cases": [
                {
                    "name": "intents",
                    "dataset": "intents.csv",
                    "task": "multiclass",
                    "roles": {"id": "id", "target": "intent", "inputs": ["text"]},
                    "prompt": PROMPT,
                    "system": "Answer with one label.",
                    "choices": self.labels,
                    "parameters": {"temperature": 0.7},
                    "metrics": ["accuracy", "f1_macro", "cost_per_resolved = mean(cost) / accuracy"],
                    "lower_is_better": ["cost_per_resolved"],
                    "slices": ["scope"],
                    "repeats": REPEATS,
                }
            ],
            "prices": {
                "any": {"per_million_input_tokens": PRICE_IN * 1e3, "per_million_output_tokens": PRICE_OUT * 1e3}
            },
            "budgets": {"failures": 0.1} | (budgets or {}),
            "models": {
                name: {"adapter": "openai", "location": f"{url}/v1#{name}", "options": limits} for name in ("v1", "v2")
            },
        }
        path = self.folder / "suite.yaml"
        path.write_text(yaml.safe_dump(given), encoding="utf-8")
        return path


@pytest.fixture(params=["synthetic", "clinc150"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Fifty intents of CLINC150 with messages out of scope; and an invented copy that needs no data."""
    if request.param == "clinc150":
        folder: Path = request.getfixturevalue("shared_data") / "customer_support"
        test, train = (_clinc(folder / f"clinc150_{name}.csv") for name in ("test", "train"))
        chosen = sorted({label for _, label in test} - {"oos"})[::3][:50]
        rows = _of(test, chosen, each=4, outside=40)
        examples = _of(train, chosen, each=30, outside=0)
    else:
        rows, examples = _invented()
    rng = np.random.default_rng(5)
    rows = [rows[at] for at in rng.permutation(len(rows))]
    with (tmp_path / "intents.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "intent", "scope"])
        for at, (text, label) in enumerate(rows):
            writer.writerow([f"m{at}", text, label, "out" if label == OUT else "in"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return Desk(tmp_path, rows, examples)


def _clinc(path: Path) -> Rows:
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["text"], row["intent"]) for row in csv.DictReader(file)]


def _of(rows: Rows, chosen: Sequence[str], *, each: int, outside: int) -> Rows:
    found: Rows = []
    for label in chosen:
        found += [(text, label.replace("_", " ")) for text, own in rows if own == label][:each]
    found += [(text, OUT) for text, own in rows if own == "oos"][:outside]
    return list(dict(found).items())


def _invented() -> tuple[Rows, Rows]:
    """Twelve intents in as many wordings, and messages that fit none."""
    asks = ["please {}", "how do I {}", "i need to {} today", "can you {} for me", "{} now", "help me {}"]
    asks.append("why can't i {}")
    doings = {
        "card lost": "report a stolen card", "pin": "change my secret code", "refund": "get money back",
        "balance": "see what is left", "transfer": "send funds abroad", "close account": "end my contract",
        "address": "update where i live", "limit": "raise my ceiling", "statement": "print last month's list",
        "loan": "borrow for a house", "fees": "understand these charges", "fraud": "dispute an unknown purchase",
    }  # fmt: skip
    every = [(ask.format(doing), label) for label, doing in doings.items() for ask in asks]
    places = ("Rome", "Oslo", "Lima")
    outside = [(f"what is the {thing} like in {place}", OUT) for thing in ("weather", "food") for place in places]
    return every + outside, every[::2]


def serve(desk: Desk, *, plan: Any = None, keep: tuple[float, float] = (0.45, 1.0)) -> Any:
    """The server of both versions; `bots[name]` is what each said."""
    bots = {
        "v1": taught(desk.examples, keep=keep[0], wavers=0.1),
        "v2": taught(desk.examples, keep=keep[1], wavers=0.1),
    }

    def answer(body: Any) -> Any:
        asked = body["messages"][-1]["content"]
        said = bots[body["model"]].answer(asked.partition("\n")[2])
        message = {"role": "assistant", "content": f"It is **{said}**."}
        return {
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": len(asked.split()), "completion_tokens": len(said.split())},
        }

    return bots, answering_server(answer, latency=0.002, plan=plan)


def right(bot: Bot, desk: Desk) -> np.ndarray:
    """Rows x repeats: whether the n-th answer to a message was right."""
    assert all(len(bot.said[text]) == REPEATS for text, _ in desk.rows)
    return np.array([[said == label for said in bot.said[text]] for text, label in desk.rows], float)


def clustered(hits: np.ndarray) -> tuple[float, float]:
    """Mean and its standard error, one message a cluster."""
    means = hits.mean(axis=1)
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means)))


def estimate(card: dict[str, Any], metric: str, model: str, **where: str) -> Any:
    (found,) = [
        e for e in card["cases"][0]["estimates"] if (e["metric"], e["model"], e["slice"]) == (metric, model, where)
    ]
    return found


def test_the_bot_is_measured_and_the_update_gated(desk: Desk, cli: Callable[..., Any]) -> None:
    """The whole job: run the old version, tag it, the update runs, is compared and gated; the card says it."""
    bots, server = serve(desk)
    with server as told:
        desk.suite(told.url)
        ran = cli(
            "run", "suite.yaml", "--model", "v1", "--tag", "production", "--report", "v1.html", "--json", "v1.json"
        )
        assert ran.code == 0, ran.err
        card = json.loads(Path("v1.json").read_text())
        _numbers(card, bots["v1"], desk, "v1")
        _costs(card, told, desk, "v1")
        calls = told.count
        gated = cli(
            "gate", "production", f"new=openai:{told.url}/v1#v2?retries=2", "--suite", "suite.yaml",
            "--report", "gate.html", "--markdown", "gate.md", "--json", "gate.json", "--junit", "gate.xml",
        )  # fmt: skip
        assert gated.code == 0, gated.err + gated.out
        assert told.count == calls + len(desk.rows) * REPEATS, "the baseline is not asked again"
    card = json.loads(Path("gate.json").read_text())
    _numbers(card, bots["v2"], desk, "new")
    (effect,) = [e for e in card["cases"][0]["effects"] if e["metric"] == "accuracy" and not e["slice"]]
    difference, error = clustered(right(bots["v2"], desk) - right(bots["v1"], desk))
    assert effect["difference"] == pytest.approx(difference, abs=1e-12)
    assert effect["low"] == pytest.approx(difference - 1.98 * error, abs=0.25 * error)
    assert effect["high"] == pytest.approx(difference + 1.98 * error, abs=0.25 * error)
    assert (effect["word"], card["verdict"]["status"]) == ("better", "pass")
    for page in ("v1.html", "gate.html", "gate.md"):
        text = Path(page).read_text(encoding="utf-8")
        assert "What this suite does not test" in text
        assert str(desk.folder) not in text
        assert told.url not in text or page != "gate.html"
    assert card["verdict"]["sentence"].split(":")[0] in Path("gate.html").read_text(encoding="utf-8")
    back = cli("gate", "new", "production", "--suite", "suite.yaml")
    assert back.code == 1, "the way back is a loss"
    assert back.out.startswith("FAIL: Do not ship v1")


def _numbers(card: dict[str, Any], bot: Bot, desk: Desk, model: str) -> None:
    """Accuracy over all and by scope with its clustered interval, macro F1, and the unit they count."""
    hits = right(bot, desk)
    outside = desk.truth() == OUT
    for where, rows in (({}, slice(None)), ({"scope": "out"}, outside), ({"scope": "in"}, ~outside)):
        value, error = clustered(hits[rows])
        found = estimate(card, "accuracy", model, **where)
        assert found["value"] == pytest.approx(value, abs=1e-12)
        assert found["unit"] == "example"
        assert found["n"] in (len(hits[rows]), hits[rows].size)
        if found["standard_error"] is not None:
            assert found["standard_error"] == pytest.approx(error, rel=0.03)
    truth = np.repeat(desk.truth(), REPEATS)
    said = np.array([label for text, _ in desk.rows for label in bot.said[text]])
    scores = []
    for label in desk.labels:
        tp = np.sum((truth == label) & (said == label))
        scores.append(2 * tp / (np.sum(truth == label) + np.sum(said == label)))
    assert estimate(card, "f1_macro", model)["value"] == pytest.approx(np.mean(scores), abs=1e-9)


def _costs(card: dict[str, Any], told: Server, desk: Desk, model: str) -> None:
    """Cost of a row by tokens, one message a cluster; latency with the wait in our own queue apart."""
    (cost,) = card["cases"][0]["cost"]
    resolved = estimate(card, "cost_per_resolved", model)
    right_ones = estimate(card, "accuracy", model)["value"]
    assert resolved["value"] == pytest.approx(cost["value"] / right_ones, rel=1e-9)
    assert resolved["low"] < resolved["value"] < resolved["high"]
    prompt = [len(PROMPT.replace("{text}", text).split()) for text, _ in desk.rows]
    said = card["cases"][0]
    assert said["rows"] == len(desk.rows)
    assert told.count == len(desk.rows) * REPEATS
    assert all(count == REPEATS for count in told.calls.values()), "each message is asked as often as wanted, no more"
    stored = show("v1").runs[0].cases[0]
    assert stored.cost is not None
    assert stored.cost.input_tokens == REPEATS * sum(prompt)
    each = np.zeros((len(desk.rows), REPEATS))
    total = (stored.cost.input_tokens * PRICE_IN + stored.cost.output_tokens * PRICE_OUT) / 1e3
    assert stored.cost.total == pytest.approx(total, rel=1e-9)
    assert cost["value"] == pytest.approx(total / each.size, rel=1e-9)
    assert cost["n"] == len(desk.rows)
    assert cost["low"] < cost["value"] < cost["high"]
    assert stored.latency is not None
    assert stored.latency.concurrency == 8
    assert stored.latency.warm_up == 8
    assert stored.latency.p50.value is not None
    assert 2 <= stored.latency.p50.value < 400
    assert stored.latency.queue_p95 is not None
    assert [one["metric"] for one in said["latency"]] == ["latency_p50", "latency_p95", "latency_p99"]


@synthetic
def test_the_interval_of_the_cost_is_that_of_message_means(desk: Desk) -> None:
    """Student's t over the messages' own mean costs, from the server's count of tokens."""
    bots, server = serve(desk)
    with server as told:
        found = run(desk.suite(told.url), "v1").runs[0].cases[0].cost
    assert found is not None
    assert found.per_row is not None
    each = []
    for text, _ in desk.rows:
        tokens = len(PROMPT.replace("{text}", text).split())
        out = [len(label.split()) for label in bots["v1"].said[text]]
        each.append(np.mean([(tokens * PRICE_IN + o * PRICE_OUT) / 1e3 for o in out]))
    n = len(each)
    half = stats.t.ppf(0.975, n - 1) * np.std(each, ddof=1) / np.sqrt(n)
    assert found.per_row.value == pytest.approx(np.mean(each), rel=1e-9)
    assert found.per_row.low == pytest.approx(np.mean(each) - half, rel=1e-6)
    assert found.per_row.high == pytest.approx(np.mean(each) + half, rel=1e-6)


@synthetic
def test_failures_of_the_provider_are_missing_and_bounded(desk: Desk, cli: Callable[..., Any]) -> None:
    """429 with Retry-After and single 500s pass on another try; what never answers is missing, with bounds."""
    lost = {text for text, _ in desk.rows[::25]}
    bots, server = serve(desk, plan=_trouble(lost))
    with server as told:
        desk.suite(told.url, timeout=1.0)  # some calls stall
        ran = cli("run", "suite.yaml", "--model", "v1", "--json", "v1.json", "--report", "v1.html")
    assert ran.code == 0, ran.err
    card = json.loads(Path("v1.json").read_text())
    found = estimate(card, "accuracy", "v1")
    kept = [(text, label) for text, label in desk.rows if text not in lost]
    hits = np.array([[said == label for said in bots["v1"].said[text]] for text, label in kept], float)
    missing, n = len(lost) * REPEATS, len(desk.rows) * REPEATS
    assert found["value"] == pytest.approx(hits.mean(), abs=1e-12)
    assert found["missing"] in (missing, len(lost))
    assert found["bound_low"] == pytest.approx(hits.sum() / n, abs=1e-9)
    assert found["bound_high"] == pytest.approx((hits.sum() + missing) / n, abs=1e-9)
    failed = {one["reason"]: one["count"] for one in card["cases"][0]["failed"]["v1"]}
    assert sum(failed.values()) == missing
    assert set(failed) <= {"HTTP 500", "no answer in time"}
    page = Path("v1.html").read_text(encoding="utf-8")
    assert "Rows without an answer" in page
    record = show("v1").runs[0].cases[0]
    assert record.cost is not None
    assert record.cost.retries > missing, "failed rows were tried again, and others too"


def _trouble(lost: set[str]) -> Callable[[int, Any], str | None]:
    """Some calls are refused with a wait or break, once a message; messages of `lost` stall or break each time."""

    stalls, once = min(lost), set()

    def plan(number: int, body: Any) -> str | None:
        text = message(body)
        if text in lost:
            return "stall" if text == stalls else "500"
        if text in once or number % 17 not in (3, 12):
            return None
        once.add(text)
        return "429 after 0.01" if number % 17 == 3 else "500"

    return plan


@synthetic
def test_too_many_failures_carry_no_verdict(desk: Desk, cli: Callable[..., Any]) -> None:
    lost = {text for text, _ in desk.rows[::4]}
    _, server = serve(desk, plan=lambda _, body: "500" if message(body) in lost else None)
    with server as told:
        desk.suite(told.url, retries=0)
        ran = cli("run", "suite.yaml", "--model", "v1", "--exit-code")
    assert ran.code == 3
    assert "above the failure budget of 10.0%" in " ".join(ran.out.split())


@synthetic
def test_stopped_by_the_budget_at_half_and_taken_up_without_paying_twice(desk: Desk, cli: Callable[..., Any]) -> None:
    bots, server = serve(desk)
    with server as told:
        whole = run(desk.suite(told.url), "v2", store="whole").runs[0].cases[0]
        assert whole.cost is not None
        before = told.count
        suite = desk.suite(told.url, budgets={"cost": whole.cost.total / 2})
        bots["v1"].said.clear()
        stopped = cli("run", str(suite), "--model", "v1", "--exit-code")
        assert stopped.code == 3, stopped.out
        asked = told.count - before
        rows = len(desk.rows) * REPEATS
        assert 0.4 * rows < asked < 0.6 * rows
        assert "cost budget" in stopped.out
        done = cli("run", str(desk.suite(told.url)), "--model", "v1", "--json", "v1.json")
        assert done.code == 0
        assert told.count - before == rows, "nothing that was answered is asked again"
    record = show("v1").runs[0].cases[0]
    assert record.status == "complete"
    assert record.resumed == asked
    _numbers(json.loads(Path("v1.json").read_text()), bots["v1"], desk, "v1")


@synthetic
def test_killed_at_half_and_taken_up(desk: Desk) -> None:
    """A real SIGKILL of the command: only calls under way may be asked twice."""
    _, server = serve(desk)
    rows = len(desk.rows) * REPEATS
    with server as told:
        desk.suite(told.url)
        source = Path(__file__).resolve().parents[2] / "src"
        child = subprocess.Popen(
            [sys.executable, "-m", "seatrial", "run", "suite.yaml", "--model", "v1", "--concurrency", "4"],
            cwd=desk.folder,
            env=os.environ | {"PYTHONPATH": str(source)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        until = time.monotonic() + 60
        while told.count < rows // 2 and child.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        _, said = child.communicate()
        assert child.returncode == -signal.SIGKILL, said.decode()
        assert told.count < rows
        result = run("suite.yaml", "v1")
    case = result.runs[0].cases[0]
    assert case.status == "complete"
    assert case.resumed > rows // 4
    # under way: calls at once, and as many answers that were not durable yet
    assert rows <= told.count <= rows + 2 * 4 + 1
    assert case.cost is not None
    assert case.cost.calls == rows, "no row is counted or paid for twice"
