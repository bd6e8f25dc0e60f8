"""A load on a model: a ladder of rates or a trace, sent open-loop, measured step by step, held against bounds."""

import asyncio
import platform
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from seatrial.errors import DataError
from seatrial.evaluation.load_arrivals import Gaps, Trace, arrivals_at
from seatrial.evaluation.load_levels import ERRORS, breaks_at, held, holds_up_to, verdict_of
from seatrial.evaluation.load_sending import Asking, Sent, Told, most_under_way, replay
from seatrial.evaluation.load_steps import MEASURES, clock, step_of, windows_of
from seatrial.evaluation.load_words import METHODS, nothing_shown, sentence_of
from seatrial.models.base import LocalModel, Model, ModelError, RemoteModel
from seatrial.records.evidence import Source
from seatrial.records.load import Load, LoadStep, ServiceLevel

_T = TypeVar("_T")
WARM_UP = 3
"""Requests sent one after the other before the first step, and not counted."""
_ENOUGH = 600
"""Requests a step gets where nobody says how long it lasts."""
_SHORTEST, _LONGEST = 10.0, 120.0
_HOPELESS = 0.5
"""Share of requests without an answer above which no higher rate is tried."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What load, how measured."""

    rates: tuple[float, ...] = ()
    seconds: float | None = None
    trace: Trace | None = None
    window: float | None = None
    speed: float = 1.0
    gaps: Gaps = "poisson"
    levels: tuple[ServiceLevel, ...] = ()
    timeout: float = 30.0
    settle: float | None = None
    level: float = 0.95
    seed: int = 0

    @property
    def tightest(self) -> float | None:
        """The lowest bound on a response time, ms."""
        return min((one.below for one in self.levels if one.measure != ERRORS), default=None)


def put_load(
    model: Model,
    rows: Sequence[Mapping[str, Any]],
    ids: Sequence[str],
    wanted: Wanted,
    *,
    source: Source,
    version: str,
    progress: Told | None = None,
) -> Load:
    """Replay the arrivals against an opened model and measure. `rows` are the inputs, `ids` their names.

    Raises `DataError` where the model answers nothing at all, or the trace names a row that is not there.
    """
    if not rows:
        raise DataError("There are no rows to make requests of.")
    steps, whole, skipped = _in_own_loop(lambda: _run(model, rows, ids, wanted, progress))
    steps = [held(step, wanted.levels) for step in steps]
    whole = None if whole is None else held(whole, wanted.levels)
    found = Load(
        title=f"Load on {model.name}",
        model=model.info(),
        mode="rates" if wanted.trace is None else "trace",
        arrivals=wanted.gaps if wanted.trace is None else wanted.trace.source.name,
        speed=wanted.speed,
        levels=wanted.levels,
        steps=tuple(steps),
        whole=whole,
        not_run=tuple(skipped),
        holds_up_to=holds_up_to(steps) if wanted.levels else None,
        breaks_at=breaks_at(steps) if wanted.levels else None,
        sentence="",
        timeout=wanted.timeout,
        rows=len(rows),
        source=source,
        trace=None if wanted.trace is None else wanted.trace.source,
        level=wanted.level,
        method=METHODS,
        settle=max((step.start for step in steps), default=0.0) if wanted.trace is None else 0.0,
        seatrial=version,
        seed=wanted.seed,
        environment={"python": platform.python_version()},
    )
    found = found.model_copy(update={"sentence": sentence_of(found), "not_shown": nothing_shown(found)})
    notes = _notes(found, model)
    verdict = None
    if wanted.levels:
        decided = steps if whole is None else [whole]
        verdict = verdict_of(decided, wanted.levels, model=model.name, sentence=found.sentence, level=wanted.level)
    return found.model_copy(update={"verdict": verdict, "notes": notes})


def _notes(of: Load, model: Model) -> tuple[str, ...]:
    said = []
    sent = sum(step.requests for step in of.steps)
    if sent > of.rows:
        said.append(
            f"{sent:,} requests were made of {of.rows:,} rows: rows came more than once, and a server that remembers "
            "its answers looks faster than it is."
        )
    if isinstance(model, LocalModel):
        said.append("The model ran in this process, by a single worker and one row at a time.")
    if of.not_run:
        said.append(f"Not tried, since a lower rate had broken down: {', '.join(of.not_run)}.")
    return tuple(said)


async def _run(
    model: Model,
    rows: Sequence[Mapping[str, Any]],
    ids: Sequence[str],
    wanted: Wanted,
    progress: Told | None,
) -> tuple[list[LoadStep], LoadStep | None, list[str]]:
    measures = tuple(dict.fromkeys((*MEASURES, *(one.measure for one in wanted.levels if one.measure != ERRORS))))
    async with Asking(model, rows, timeout=wanted.timeout) as asking:
        await _warmed_up(asking, len(rows))
        most = most_under_way(model)
        if wanted.trace is not None:
            places = _places(wanted.trace, ids)
            sent = await replay(
                lambda k: asking.row(places[k]), wanted.trace.seconds, most=most, progress=progress, what="trace"
            )
            return (*_windows(sent, wanted, model=model.name, measures=measures), [])
        return await _ladder(asking, wanted, len(rows), model=model.name, measures=measures, most=most, told=progress)


async def _warmed_up(asking: Asking, rows: int) -> None:
    """Open connections and load what loads late; a model that answers none of these is not pressed any further."""
    reasons = [await asking.row(at % rows) for at in range(WARM_UP)]
    if all(reason is not None for reason in reasons):
        raise ModelError(f"No load was sent: the first {WARM_UP} requests had no answer ({reasons[-1]}).")


async def _ladder(
    asking: Asking, wanted: Wanted, rows: int, *, model: str, measures: Sequence[str], most: int, told: Told | None
) -> tuple[list[LoadStep], None, list[str]]:
    steps: list[LoadStep] = []
    skipped: list[str] = []
    draws = np.random.default_rng(wanted.seed)
    # a permutation, again and again: every row comes before one comes twice, in no order a server could learn
    order = draws.permutation(rows)
    begin = WARM_UP
    for rate in wanted.rates:
        name = f"{rate:g}/s"
        if steps and 1 - steps[-1].answered / max(1, steps[-1].requests) > _HOPELESS:
            skipped.append(name)
            continue
        seconds, settle = step_lengths(rate, wanted)
        due = arrivals_at(rate, settle + seconds, gaps=wanted.gaps, rng=draws)
        sent = await replay(
            lambda k, first=begin: asking.row(int(order[(first + k) % rows])),  # type: ignore[misc]
            due,
            most=most,
            progress=told,
            what=name,
        )
        begin += len(due)
        steps.append(
            step_of(
                sent,
                name=name,
                model=model,
                start=settle,
                end=settle + seconds,
                measures=measures,
                level=wanted.level,
                rate=rate,
                bound=wanted.tightest,
            )
        )
    return steps, None, skipped


def step_lengths(rate: float, wanted: Wanted) -> tuple[float, float]:
    """Seconds of a step that count, and seconds before that which do not."""
    seconds = wanted.seconds
    if seconds is None:
        seconds = min(_LONGEST, max(_SHORTEST, _ENOUGH / rate))
    return seconds, 0.1 * seconds if wanted.settle is None else wanted.settle


def _windows(sent: Sent, wanted: Wanted, *, model: str, measures: Sequence[str]) -> tuple[list[LoadStep], LoadStep]:
    # a window is half open: the last arrival is in the last one
    length = float(np.nextafter(sent.due[-1], np.inf))
    cuts = windows_of(length, len(sent.due), window=wanted.window)
    steps = [
        step_of(
            sent,
            name=f"{clock(start)}-{clock(end)}",
            model=model,
            start=start,
            end=end,
            measures=measures,
            level=wanted.level,
            bound=wanted.tightest,
        )
        for start, end in cuts
    ]
    whole = step_of(
        sent,
        name="whole trace",
        model=model,
        start=0.0,
        end=length,
        measures=measures,
        level=wanted.level,
        bound=wanted.tightest,
    )
    return steps, whole


def _places(trace: Trace, ids: Sequence[str]) -> list[int]:
    """The row each arrival asks for."""
    if trace.ids is None:
        return list(range(len(trace.seconds)))
    known = {name: at for at, name in enumerate(ids)}
    missing = next((name for name in trace.ids if name not in known), None)
    if missing is not None:
        raise DataError(f"{trace.source.name} asks for row '{missing:.60}', which the data do not have.")
    return [known[name] for name in trace.ids]


def _in_own_loop(make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run a coroutine in a loop of its own, in a thread where one is running already (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    found: list[_T] = []
    broken: list[BaseException] = []

    def go() -> None:
        try:
            found.append(asyncio.run(make()))
        except BaseException as error:
            broken.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    if broken:
        raise broken[0]
    return found[0]


def is_askable(model: Model) -> bool:
    """Whether a load can be put on this model."""
    return isinstance(model, (LocalModel, RemoteModel))
