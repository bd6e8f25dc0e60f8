"""A load on a model: arrivals replayed open-loop, percentiles against load, where a service level breaks."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from seatrial.actions.page import PageResult
from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.evaluation.load import Wanted, is_askable, put_load
from seatrial.evaluation.load_arrivals import MOST, Gaps, read_trace
from seatrial.evaluation.load_levels import read_levels
from seatrial.evaluation.load_sending import Told
from seatrial.models.base import Model
from seatrial.records.decision import Verdict
from seatrial.records.evidence import Source
from seatrial.records.load import Load, ServiceLevel
from seatrial.records.suite import Case, CaseRoles, DatasetSource, ModelSpec
from seatrial.reports.document import Document

_SUITES = (".yaml", ".yml")


@dataclass(frozen=True)
class LoadResult(PageResult):
    """What `load` hands back."""

    record: Load

    @property
    def verdict(self) -> Verdict | None:
        return self.record.verdict

    def document(self) -> Document:
        from seatrial.reports.load_page import load_document

        return load_document(self.record)


def load(
    model: str | ModelSpec | Model | Callable[..., Any],
    data: Any,
    *,
    rates: Sequence[float] | str | None = None,
    trace: Any = None,
    seconds: float | None = None,
    sla: Sequence[str | ServiceLevel] | str = (),
    case: str | None = None,
    inputs: Sequence[str] | str | None = None,
    prompt: str | None = None,
    arrivals: str = "poisson",
    speed: float = 1.0,
    time: str | None = None,
    row: str | None = None,
    window: float | None = None,
    timeout: float = 30.0,
    settle: float | None = None,
    trust_pickle: bool = False,
    level: float = 0.95,
    seed: int = 0,
    progress: Told | None = None,
) -> LoadResult:
    """Send requests to a model at given rates, or when a trace says, and measure how long answers take.

    `model` is what `run` takes (`api=http:http://127.0.0.1:8000/predict`); `data` a table or a suite file (whose `case`
    says how to ask). Give `rates` (requests a second, each for `seconds`, by default as long as 600 requests take,
    10 to 120) or a `trace` of arrival times (`time` and `row` name its columns; `speed` 2 replays twice as fast;
    `window` seconds a step). Requests are sent when they are due whatever the answers do, and times count from then.
    `sla` bounds what must hold: `p95=300` (ms), `errors=1%`. `settle` seconds at the start of each rate are not
    counted (by default a tenth). A request without an answer after `timeout` seconds has failed.

    >>> import seatrial as st
    >>> from seatrial.actions.load import load
    >>> found = load(lambda batch: [1 for _ in batch["x"]], {"x": [1, 2, 3]}, rates=[200], seconds=0.5)
    >>> found.record.steps[0].answered == found.record.steps[0].requests
    True

    Raises `UsageError` for options that do not fit, `DataError` where the model does not answer at all.
    """
    wanted = _wanted(rates, trace, seconds, sla, arrivals, speed, time, row, window, timeout, settle, level, seed)
    from seatrial.models.adapters import open_model

    dataset, asked, folder, known = _data(data, case, inputs, prompt, seed)
    spec = known.get(model, model) if isinstance(model, str) else model
    name = model if isinstance(model, str) and model in known else None
    opened = open_model(spec, name=name, folder=folder, trust_pickle=trust_pickle)
    if not is_askable(opened):
        raise UsageError(f"'{opened.name}' cannot be put under load: it is neither a remote nor a local model.")
    if opened.info().adapter == "predictions":
        raise UsageError("A predictions file answers nothing under load; name the model or endpoint that made it.")
    prepare = getattr(opened, "for_case", None)
    if callable(prepare):
        opened = prepare(asked)
    rows = _Rows(dataset)
    from seatrial import __version__

    source = Source(model=opened.name, name=dataset.name, sha256=dataset.fingerprint, rows=len(dataset))
    with opened:
        record = put_load(opened, rows, dataset.ids, wanted, source=source, version=__version__, progress=progress)
    return LoadResult(record)


class _Rows(Sequence[Mapping[str, Any]]):
    """The inputs of a data set, row by row."""

    def __init__(self, dataset: LoadedDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, at: Any) -> Any:
        return {name: self._dataset.columns[name][at] for name in self._dataset.inputs}


def _wanted(
    rates: Sequence[float] | str | None,
    trace: Any,
    seconds: float | None,
    sla: Sequence[str | ServiceLevel] | str,
    arrivals: str,
    speed: float,
    time: str | None,
    row: str | None,
    window: float | None,
    timeout: float,
    settle: float | None,
    level: float,
    seed: int,
) -> Wanted:
    if (rates is None) == (trace is None):
        raise UsageError("Say what arrives: --rates 5,10,20 (requests a second) or --trace arrivals.csv, one of them.")
    for option, value, least in (
        ("--seconds", seconds, 0.1),
        ("--window", window, 0.1),
        ("--timeout", timeout, 0.001),
        ("--settle", settle, 0.0),
    ):
        if value is not None and (not math.isfinite(value) or value < least):
            raise UsageError(f"{option} {value:g}: give at least {least:g} seconds.")
    if arrivals not in get_args(Gaps):
        raise UsageError(
            f"--arrivals cannot be '{arrivals}'.{did_you_mean(arrivals, get_args(Gaps))} Say poisson or even."
        )
    if not 0.5 <= level < 1:
        raise UsageError(f"The level of intervals lies between 0.5 and 1, not {level:g}.")
    levels = read_levels([sla] if isinstance(sla, str) and sla else tuple(sla))
    if trace is not None:
        for option, given in (("--seconds", seconds), ("--settle", settle)):
            if given is not None:
                raise UsageError(
                    f"{option} goes with --rates; a trace lasts as long as it lasts (--speed shortens it)."
                )
        return Wanted(
            trace=read_trace(trace, time=time, row=row, speed=speed),
            window=window,
            speed=speed,
            levels=levels,
            timeout=timeout,
            level=level,
            seed=seed,
        )
    if speed != 1 or window is not None or time is not None or row is not None:
        raise UsageError("--speed, --window, --time and --row go with --trace.")
    wanted = Wanted(
        rates=_rates(rates or ()),
        seconds=seconds,
        gaps=arrivals,  # type: ignore[arg-type]
        levels=levels,
        timeout=timeout,
        settle=settle,
        level=level,
        seed=seed,
    )
    return wanted


def _rates(given: Sequence[float] | str) -> tuple[float, ...]:
    try:
        found = [float(one) for one in (given.split(",") if isinstance(given, str) else given)]
    except (TypeError, ValueError):
        raise UsageError(f"--rates {given}: write requests a second, as in 5,10,20.") from None
    if not found or not all(math.isfinite(one) and 0 < one <= MOST for one in found):
        raise UsageError(f"--rates {given}: give requests a second, above 0, as in 5,10,20.")
    if len(set(found)) < len(found):
        raise UsageError(f"--rates {given} names a rate twice.")
    return tuple(sorted(found))


def _data(
    data: Any, case: str | None, inputs: Sequence[str] | str | None, prompt: str | None, seed: int
) -> tuple[LoadedDataset, Case, Path, dict[str, ModelSpec]]:
    """The rows to ask about, the case that says how, where relative paths start, and the models a suite knows."""
    from seatrial.data.datasets.loading import load_dataset

    columns = tuple(one.strip() for one in inputs.split(",")) if isinstance(inputs, str) else tuple(inputs or ())
    if isinstance(data, (str, Path)) and str(data).lower().endswith(_SUITES):
        from seatrial.evaluation.suite_file import read_suite

        suite = read_suite(data)
        if columns or prompt is not None:
            raise UsageError("With a suite file inputs and prompt come from its case; leave --inputs and --prompt out.")
        names = [one.name for one in suite.cases]
        if case is not None and case not in names:
            raise UsageError(f"The suite has no case '{case}'.{did_you_mean(case, names)} Its cases: {listed(names)}.")
        asked = next((one for one in suite.cases if one.name == case), suite.cases[0])
        folder = Path(data).resolve().parent
        return load_dataset(asked.dataset, case=asked, folder=folder, seed=seed), asked, folder, dict(suite.models)
    if case is not None:
        raise UsageError("--case goes with a suite file.")
    here = Path.cwd()
    if isinstance(data, (str, Path)):
        asked = Case(name="load", dataset=DatasetSource(path=str(data)), roles=CaseRoles(inputs=columns), prompt=prompt)
        found = load_dataset(asked.dataset, case=asked, folder=here, seed=seed)
        return found, asked, here, {}
    asked = Case(name="load", dataset=DatasetSource(path="rows"), roles=CaseRoles(inputs=columns), prompt=prompt)
    return _in_memory(data, columns), asked, here, {}


def _in_memory(data: Any, columns: tuple[str, ...]) -> LoadedDataset:
    from seatrial.data.datasets.content import fingerprint

    if hasattr(data, "columns") and not isinstance(data, Mapping):
        data = {str(name): list(data[name]) for name in data.columns}
    if isinstance(data, Mapping):
        table = {str(name): list(values) for name, values in data.items()}
    elif isinstance(data, Sequence) and data and all(isinstance(one, Mapping) for one in data):
        table = {str(name): [one.get(name) for one in data] for name in data[0]}
    else:
        raise UsageError("Rows are a file, a table, a dictionary of columns or a list of dictionaries.")
    lengths = {len(values) for values in table.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise DataError("The columns are empty, or not of one length.")
    for name in columns:
        if name not in table:
            raise UsageError(f"There is no column '{name}'.{did_you_mean(name, table)} Columns: {listed(table)}.")
    return LoadedDataset(
        name="rows",
        ids=tuple(str(one) for one in table["id"]) if "id" in table else tuple(map(str, range(lengths.pop()))),
        columns=table,
        inputs=columns or tuple(name for name in table if name != "id"),
        fingerprint=fingerprint(table),
        has_id="id" in table,
    )
