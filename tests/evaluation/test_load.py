"""A load: arrivals, sending open-loop, percentiles of a queue against theory, service levels, the command."""

import asyncio
import csv
import json
import math
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.actions.load import load
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.load_arrivals import arrivals_at, read_trace
from seatrial.evaluation.load_levels import held, read_levels, verdict_of
from seatrial.evaluation.load_sending import Sent, replay
from seatrial.evaluation.load_steps import step_of, windows_of
from seatrial.models.base import Answer, Batch, LocalModel, ModelError
from seatrial.records.load import LoadStep
from seatrial.records.run import ModelInfo
from seatrial.stats.correlated_quantiles import autocorrelation_time, series_quantile, series_share

from ..clock import on_a_quiet_machine
from ..models.servers import answering_server

SERVICE = 0.02


def md1_wait(rate: float, service: float, probability: float) -> float:
    """Quantile of the wait in M/D/1 (Erlang 1909), by bisection of the exact series."""

    def at_most(x: float) -> float:
        total = 0.0
        for j in range(int(x / service) + 1):
            left = x - j * service
            total += math.exp(rate * left) * (-rate * left) ** j / math.factorial(j)
        return (1 - rate * service) * total

    low, high = 0.0, 40 * service
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(middle) < probability else (low, middle)
    return high


def queue(rate: float, n: int, rng: np.random.Generator, *, service: float = SERVICE) -> tuple[Any, Any]:
    """Arrivals and waits of a single server from empty, by Lindley's recursion."""
    gaps = rng.exponential(1 / rate, size=n)
    walk = np.concatenate([[0.0], np.cumsum(service - gaps[1:])])
    return np.cumsum(gaps), walk - np.minimum.accumulate(walk)


def sent_of(due: Any, response: Any, *, reasons: Sequence[str | None] | None = None, late: Any = 0.0) -> Sent:
    return Sent(
        due=np.asarray(due, float),
        sent=np.asarray(due, float) + late,
        ended=np.asarray(due, float) + response,
        reasons=tuple(reasons or [None] * len(due)),
        most_at_once=1,
    )


# --- arrivals


def test_random_arrivals_come_at_the_rate_and_even_ones_like_a_clock() -> None:
    rng = np.random.default_rng(0)
    due = arrivals_at(50, 200, gaps="poisson", rng=rng)
    assert 10_000 - 4 * 100 < len(due) < 10_000 + 4 * 100
    gaps = np.diff(due)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)
    assert 0 <= due[0] < due[-1] < 200
    assert np.diff(arrivals_at(50, 2, gaps="even", rng=rng)) == pytest.approx(np.full(99, 0.02))


@pytest.mark.parametrize(
    ("text", "seconds", "ids"),
    [
        ("seconds\n3\n1\n1.5\n", [0, 0.5, 2], None),
        ("0.5\n1.5\n", [0, 1], None),
        ("id,time\nb,2025-01-01T00:00:01Z\na,2025-01-01T00:00:00+00:00\n", [0, 1], ["a", "b"]),
        ("row;arrival\n7;10\n9;12\n", [0, 2], ["7", "9"]),
        ("who\ttimestamp\nx\t2025-01-01 00:00:00\ny\t2025-01-01 00:01:00\n", [0, 60], None),
    ],
)
def test_traces_in_their_forms(tmp_path: Path, text: str, seconds: list[float], ids: list[str] | None) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text, encoding="utf-8")
    found = read_trace(file)
    assert found.seconds.tolist() == seconds
    assert found.ids == (None if ids is None else tuple(ids))
    assert read_trace(file, speed=2).seconds.tolist() == [one / 2 for one in seconds]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("seconds\n1\nsoon\n", DataError, "row 2: seconds holds 'soon'"),
        ("a,b\n1,2\n3,4\n", UsageError, "which column holds the arrival times"),
        ("time\n1\n", DataError, "at least two"),
        ("", DataError, "is empty"),
        ("time,id\n1\n2,3\n", DataError, "row 2: 1 fields"),
    ],
)
def test_a_bad_trace_is_said(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(error, match=message):
        read_trace(file)
    with pytest.raises(DataError, match="no trace"):
        read_trace(tmp_path / "none.csv")


# --- sending


def test_requests_go_out_when_due_though_answers_hang() -> None:
    due = np.arange(20) * 0.02

    async def slow(number: int) -> str | None:
        await asyncio.sleep(0.5)
        return None

    sent = asyncio.run(replay(slow, due))
    assert np.max(sent.sent - due) < 0.1, "nobody waits for an answer"
    assert np.all(sent.ended - due >= 0.5)
    assert sent.most_at_once == 20


def test_what_blocks_counts_from_when_it_was_due() -> None:
    """A stall of 0.3 s: a closed loop would record one slow answer, users met many."""

    async def stalls(number: int) -> str | None:
        if number == 5:
            time.sleep(0.3)
        return None

    due = np.arange(20) * 0.02
    sent = asyncio.run(replay(stalls, due))
    response = sent.ended - due
    assert np.sum(response > 0.05) >= 10


def test_too_many_under_way_are_not_sent_and_say_so() -> None:
    async def slow(number: int) -> str | None:
        await asyncio.sleep(0.2)
        return None

    sent = asyncio.run(replay(slow, np.zeros(30), most=10))
    assert sum(one == "not sent: 10 requests were under way" for one in sent.reasons) == 20
    step = step_of(sent, name="1/s", model="m", start=0.0, end=1.0)
    assert (step.requests, step.answered) == (30, 10)


def test_a_mistake_of_the_user_ends_the_replay() -> None:
    async def wrong(number: int) -> str | None:
        raise UsageError("no such column")

    with pytest.raises(UsageError, match="no such column"):
        asyncio.run(replay(wrong, np.arange(5) * 0.01))


# --- statistics of a queue


@pytest.mark.parametrize(("rate", "n"), [(15, 1500), (35, 1500), (40, 2000)])
@pytest.mark.parametrize("probability", [0.5, 0.95])
def test_limits_cover_the_quantile_of_a_queue(rate: float, n: int, probability: float) -> None:
    """Rows taken as independent would cover p50 at rho = .8 about half of the time."""
    rng = np.random.default_rng(7)
    busy = probability > 1 - rate * SERVICE
    truth = SERVICE + (md1_wait(rate, SERVICE, probability) if busy else 0.0)
    hits, naive = 0, 0
    for _ in range(150):
        _, wait = queue(rate, n + 500, rng)
        response = wait[500:] + SERVICE
        found = series_quantile(response, probability)
        assert found.low is not None
        hits += found.low - 1e-9 <= truth <= (math.inf if found.high is None else found.high + 1e-9)
        ordered = np.sort(response)
        half = 1.96 * math.sqrt(n * probability * (1 - probability))
        low, high = int(n * probability - half), min(n - 1, int(n * probability + half))
        naive += ordered[low] - 1e-9 <= truth <= ordered[high] + 1e-9
    # 150 simulations of 95 % coverage: 0.95 - 2.6 standard errors
    assert hits / 150 >= 0.90
    if rate == 40:
        assert naive < hits - 20


def test_independent_values_have_the_usual_limits() -> None:
    rng = np.random.default_rng(3)
    hits, wide = 0, []
    for _ in range(300):
        values = rng.exponential(size=400)
        found = series_quantile(values, 0.5)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= math.log(2) <= found.high
        wide.append(found.effective / found.n)
    assert 0.91 <= hits / 300 <= 0.995
    assert np.median(wide) > 0.7


def test_the_memory_of_a_first_order_process() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=50_000)
    series = np.empty_like(noise)
    series[0] = noise[0]
    for at in range(1, len(noise)):
        series[at] = 0.8 * series[at - 1] + noise[at]
    assert autocorrelation_time(series) == pytest.approx((1 + 0.8) / (1 - 0.8), rel=0.15)


def test_requests_without_an_answer_are_slower_than_all_others() -> None:
    values = np.concatenate([np.full(940, 10.0) + np.arange(940) / 1e3, np.full(60, np.inf)])
    np.random.default_rng(0).shuffle(values)
    p50, p95 = series_quantile(values, 0.5), series_quantile(values, 0.95)
    assert p50.value == pytest.approx(10.4995)
    assert p95.value is None
    assert p95.reason is not None
    assert "no answer" in p95.reason


def test_a_share_of_clumped_errors_counts_its_clumps() -> None:
    rng = np.random.default_rng(0)
    clumped = np.repeat(rng.random(40) < 0.3, 25)
    share, low, high = series_share(clumped)
    alone = series_share(rng.random(1000) < share)
    assert high - low > 3 * (alone[2] - alone[1])


# --- steps


def test_a_step_of_a_simulated_queue_holds_its_theory() -> None:
    due, wait = queue(30, 9_000, np.random.default_rng(5))
    step = step_of(sent_of(due, wait + SERVICE), name="30/s", model="m", start=10, end=270, rate=30)
    p95 = next(one for one in step.response if one.metric == "p95")
    theory = 1e3 * (SERVICE + md1_wait(30, SERVICE, 0.95))
    assert p95.value == pytest.approx(theory, rel=0.15)
    assert p95.low is not None
    assert p95.high is not None
    assert p95.low <= theory <= p95.high
    assert step.offered == pytest.approx(30, rel=0.05)
    assert step.achieved == pytest.approx(step.offered, rel=0.01)
    assert not step.backlog_grows
    assert step.effective is not None
    assert step.effective < step.requests / 2


def test_requests_that_pile_up_are_seen_and_a_bound_not_yet_passed_is_open() -> None:
    due, wait = queue(60, 600, np.random.default_rng(5))
    step = step_of(sent_of(due, wait + SERVICE), name="60/s", model="m", start=0.5, end=8)
    assert step.backlog_grows
    assert step.achieved == pytest.approx(50, rel=0.05)
    passed, open_ = held(step, read_levels(["p95=300"])), held(step, read_levels(["p95=9000"]))
    assert (passed.status, open_.status) == ("breaks", "cannot tell")


def test_a_slow_server_that_keeps_up_does_not_pile_up() -> None:
    due = arrivals_at(50, 10, gaps="poisson", rng=np.random.default_rng(0))
    step = step_of(sent_of(due, np.full(len(due), 2.0)), name="50/s", model="m", start=1, end=10)
    assert not step.backlog_grows


def test_a_client_that_cannot_keep_up_makes_the_step_invalid() -> None:
    due = arrivals_at(50, 10, gaps="even", rng=np.random.default_rng(0))
    late = step_of(sent_of(due, np.full(len(due), 0.06), late=0.05), name="50/s", model="m", start=0, end=10)
    assert not late.valid
    assert late.reason is not None
    assert "could not keep up" in late.reason
    checked = held(late, read_levels(["p95=300"]))
    assert checked.status == "cannot tell"
    assert verdict_of([checked], read_levels(["p95=300"]), model="m", sentence="s", level=0.95).status == "invalid"
    # 50 ms late is nothing where a bound speaks of ten seconds
    assert step_of(
        sent_of(due, np.full(len(due), 0.06), late=0.05), name="x", model="m", start=0, end=10, bound=10_000
    ).valid


def simple(milliseconds: float, *, failed: int = 0, n: int = 800) -> LoadStep:
    rng = np.random.default_rng(0)
    due = np.sort(rng.random(n)) * 10
    reasons = ["HTTP 500" if at % (n // failed) == 0 else None for at in range(n)] if failed else None
    response = milliseconds / 1e3 * (1 + 0.1 * rng.random(n))
    return step_of(sent_of(due, response, reasons=reasons), name=f"{n / 10:g}/s", model="m", start=0, end=10)


@pytest.mark.parametrize(
    ("milliseconds", "failed", "sla", "status"),
    [
        (100, 0, "p95=300", "holds"),
        (400, 0, "p95=300", "breaks"),
        (275, 0, "p95=301.2", "cannot tell"),
        (100, 0, "p95=300,errors=1%", "holds"),
        (100, 100, "errors=1%", "breaks"),
        (100, 8, "errors=1%", "cannot tell"),
        (100, 100, "p95=300", "breaks"),
        (100, 100, "p50=300", "holds"),
        (0.4, 0, "p99=0.5s", "holds"),
    ],
)
def test_bounds_hold_break_or_stay_open(milliseconds: float, failed: int, sla: str, status: str) -> None:
    levels = read_levels([sla])
    checked = held(simple(milliseconds, failed=failed), levels)
    assert checked.status == status
    verdict = verdict_of([checked], levels, model="m", sentence="s", level=0.95).status
    assert verdict == {"holds": "pass", "breaks": "fail", "cannot tell": "inconclusive"}[status]


@pytest.mark.parametrize("given", ["p95", "p95=fast", "p95=10%", "errors=5ms", "errors=2", "p0=3", "q5=1", "p95=-1"])
def test_a_bad_service_level_is_said(given: str) -> None:
    with pytest.raises(UsageError, match="--sla"):
        read_levels([given])


def test_the_same_bound_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        read_levels(["p95=1", "p95=2"])


def test_windows_cover_a_trace_once() -> None:
    cuts = windows_of(100, 5_000, window=None)
    assert len(cuts) == 12
    assert cuts[0][0] == 0
    assert cuts[-1][1] == 100
    assert all(a[1] == b[0] for a, b in pairwise(cuts))
    assert windows_of(10, 40, window=None) == [(0.0, 10.0)]
    assert len(windows_of(10, 40, window=3)) == 4


# --- against a server whose law is known


@on_a_quiet_machine
def test_where_a_server_of_fifty_a_second_breaks(tmp_path: Path) -> None:
    with answering_server(latency=SERVICE, workers=1) as server:
        found = load(
            f"api=http:{server.url}/p",
            {"x": list(range(1000))},
            rates=[15, 60],
            seconds=6,
            sla=["p95=400"],
            timeout=20,
        )
    low, high = found.record.steps
    theory = 1e3 * (SERVICE + md1_wait(15, SERVICE, 0.95))
    p95 = next(one for one in low.response if one.metric == "p95")
    assert p95.value is not None
    assert theory * 0.8 < p95.value < theory * 1.5 + 15, "theory plus what two programs on one machine add"
    assert low.status in ("holds", "cannot tell")
    assert (high.status, high.backlog_grows) == ("breaks", True)
    assert high.achieved == pytest.approx(50, rel=0.1)
    assert (found.record.breaks_at, found.verdict and found.verdict.status) == (60.0, "fail")
    assert "breaks at 60 requests a second" in found.record.sentence
    sent = [body["x"] for body in server.bodies[3:]]
    assert len(set(sent)) == len(sent), "every row once before one comes twice"
    found.report(tmp_path / "l.html", tmp_path / "l.md", tmp_path / "l.txt", tmp_path / "l.json")
    assert "coordinated" in (tmp_path / "l.txt").read_text(encoding="utf-8")
    assert (tmp_path / "l.html").read_text(encoding="utf-8").count('class="chart"') == 1
    assert json.loads((tmp_path / "l.json").read_text(encoding="utf-8"))["breaks_at"] == 60


@on_a_quiet_machine
def test_a_fast_server_holds_and_failures_are_counted() -> None:
    with answering_server(latency=0.001, plan=lambda number, body: "500" if number % 10 == 9 else None) as server:
        found = load(f"api=http:{server.url}/p", [{"x": 1}, {"x": 2}], rates="300", seconds=2, sla="p50=250,errors=1%")
        count = server.count
    (step,) = found.record.steps
    assert step.errors.value == pytest.approx(0.1, abs=0.02)
    assert [one.reason for one in step.failed] == ["HTTP 500"]
    assert {one.measure: one.status for one in step.levels} == {"p50": "holds", "errors": "breaks"}
    # nothing is tried again: as many calls as requests, and the warm-up
    assert count == 3 + len(arrivals_at(300, 2.2, gaps="poisson", rng=_after_shuffle(2)))
    assert any("rows came more than once" in note for note in found.record.notes)


def _after_shuffle(rows: int) -> np.random.Generator:
    rng = np.random.default_rng(0)
    rng.permutation(rows)
    return rng


def test_a_server_that_answers_nothing_gets_no_load() -> None:
    with answering_server(plan=lambda number, body: "500") as server:
        with pytest.raises(ModelError, match=r"first 3 requests had no answer \(HTTP 500\)"):
            load(f"api=http:{server.url}/p", {"x": [1]}, rates=[50], seconds=1)
        assert server.count == 3


def test_a_breakdown_ends_the_ladder() -> None:
    with answering_server(plan=lambda number, body: "503" if number >= 20 else None) as server:
        found = load(f"api=http:{server.url}/p", {"x": [1, 2]}, rates=[40, 80, 160], seconds=1, sla="errors=5%")
    assert found.record.not_run == ("80/s", "160/s")
    assert [step.name for step in found.record.steps] == ["40/s"]


def test_a_trace_by_the_command(tmp_path: Path, cli: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    due = np.concatenate(
        [np.sort(rng.random(60)) * 3, 3 + np.sort(rng.random(160)) * 3, 6 + np.sort(rng.random(30)) * 3]
    )
    with (tmp_path / "arrivals.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["when", "id"])
        writer.writerows((f"{moment:.4f}", f"r{at % 7}") for at, moment in enumerate(due))
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "x"])
        writer.writerows((f"r{at}", at) for at in range(7))
    with answering_server(latency=SERVICE, workers=1) as server:
        found = load(
            f"api=http:{server.url}/p",
            str(tmp_path / "rows.csv"),
            trace=tmp_path / "arrivals.csv",
            time="when",
            speed=3,
            window=1,
            sla="p95=200",
        )
        assert [body["x"] for body in server.bodies[3:10]] == [0, 1, 2, 3, 4, 5, 6]
    record = found.record
    assert [step.name for step in record.steps] == ["0:00-0:01", "0:01-0:02", "0:02-0:03"]
    assert record.steps[1].offered == pytest.approx(160, rel=0.1)
    assert record.steps[1].achieved == pytest.approx(50, rel=0.15)
    assert sum(step.requests for step in record.steps) == 250
    assert record.whole is not None
    assert record.whole.requests == 250
    assert found.verdict is not None
    assert found.verdict.status == "fail"
    assert str(found).count("whole trace") >= 1
    assert "<svg" in found.render("html")


class Sleeper(LocalModel):
    """A local model that takes its time."""

    adapter = "sleeper"
    name = "sleeper"

    def info(self) -> ModelInfo:
        return ModelInfo(name=self.name, adapter=self.adapter, location="here", fingerprint="0" * 64)

    def predict(self, batch: Batch) -> list[Answer]:
        time.sleep(0.005)
        return [Answer(prediction=1) for _ in batch["x"]]


def test_a_local_model_queues_behind_its_single_worker() -> None:
    found = load(Sleeper(), {"x": [1, 2, 3]}, rates=[50], seconds=2, arrivals="even")
    (step,) = found.record.steps
    p50 = next(one for one in step.response if one.metric == "p50")
    assert p50.value is not None
    assert 5 <= p50.value < 25
    assert found.verdict is None
    assert any("single worker" in note for note in found.record.notes)


def test_inside_a_running_loop_as_in_a_notebook() -> None:
    async def cell() -> int:
        return load(Sleeper(), {"x": [1]}, rates=[40], seconds=0.5).record.steps[0].requests

    assert asyncio.run(cell()) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Say what arrives"),
        ({"rates": [1], "trace": [0, 1]}, "one of them"),
        ({"rates": "5,ten"}, "requests a second"),
        ({"rates": [0]}, "above 0"),
        ({"rates": [5, 5]}, "twice"),
        ({"rates": [5], "arrivals": "poison"}, "Did you mean 'poisson'"),
        ({"rates": [5], "speed": 2}, "go with --trace"),
        ({"trace": [0, 1], "seconds": 3}, "goes with --rates"),
        ({"rates": [5], "seconds": 0}, "at least 0.1"),
        ({"rates": [5], "level": 2}, "level of intervals"),
        ({"rates": [5], "case": "a"}, "goes with a suite"),
        ({"rates": [5], "inputs": "y"}, "no column 'y'"),
    ],
)
def test_a_bad_option_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(Sleeper(), {"x": [1]}, **options)


def test_a_row_the_trace_names_and_the_data_lack() -> None:
    with pytest.raises(DataError, match="asks for row 'z'"):
        load(Sleeper(), {"x": [1], "id": ["a"]}, trace={"time": [0, 0.1], "id": ["a", "z"]})


def test_a_suite_says_how_to_ask(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\nhello,a\nbye,b\n", encoding="utf-8")
    (tmp_path / "suite.yaml").write_text(
        "name: s\ncases:\n  - name: c\n    dataset: rows.csv\n    task: multiclass\n    roles:\n      target: label\n"
        "      inputs: [text]\n    prompt: 'Label {text}'\n    choices: [a, b]\n",
        encoding="utf-8",
    )
    from ..models.servers import chat

    with answering_server(chat("a")) as server:
        found = load(f"bot=openai:{server.url}#tiny", tmp_path / "suite.yaml", rates=[50], seconds=0.5)
    assert found.record.steps[0].answered == found.record.steps[0].requests
    said = {body["messages"][0]["content"] for body in server.bodies}
    assert said == {"Label hello", "Label bye"}
