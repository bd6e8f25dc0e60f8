"""What a suite says, held against the catalogue and the grammar; then, with the data in hand, against their columns."""

import re
from collections.abc import Callable
from difflib import get_close_matches

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import SeatrialError, UsageError, did_you_mean, listed
from seatrial.records.suite import Case, Suite

Where = Callable[..., str]
DOTTED = re.compile(r"^(?:(?P<name>[^=]+?)\s*=\s*)?(?P<path>[\w./\\-]+:[A-Za-z_]\w*)$")
"""`module:object` or `NAME = module:object`."""
RUN_COLUMNS = ("latency_ms", "queue_ms", "attempts", "cost", "input_tokens", "output_tokens", "score", "repeat")
"""Columns the runner adds, which a metric may name."""
_SURELY = 0.8
"""Likeness from which a name that may yet be a column of the data is taken for a slip of a metric's."""
_FORMULA = re.compile(r"^\s*(?P<name>[^=<>!()*/+\-]+?)\s*=(?!=)\s*(?P<formula>.+)$", re.DOTALL)


def check_suite(suite: Suite, *, where: Where) -> None:
    """Check what needs no data; `where("cases", 0, "metrics", 1)` begins a sentence. Raises `UsageError`."""
    for at, case in enumerate(suite.cases):
        for place, metric in enumerate(case.metrics):
            _check_metric(metric, case, where("cases", at, "metrics", place))
        named = {formula_of(metric)[0] for metric in case.metrics}
        for place, name in enumerate(case.lower_is_better):
            if name not in named:
                raise UsageError(
                    f"{where('cases', at, 'lower_is_better', place)}: '{name}' is not among the case's metrics of its "
                    f"own.{did_you_mean(name, [one for one in named if one])}"
                )
        _check_pattern(case.answer, where("cases", at, "answer"))
        for key, source in (("dataset", case.dataset), ("train", case.train)):
            if source is not None:
                _check_pattern(source.label_pattern, where("cases", at, key, "label_pattern"))
        if case.prompt is not None:
            placeholders(case.prompt, where("cases", at, "prompt"))
        if case.task == "regression" and case.roles.positive is not None:
            raise UsageError(f"{where('cases', at, 'roles', 'positive')}: a regression has no positive class.")


def formula_of(metric: str) -> tuple[str | None, str]:
    """Return (name, formula) of `NAME = FORMULA`, (None, the text) of a catalogue name.

    >>> formula_of("profit = 120*tp - 15*fp"), formula_of("accuracy")
    (('profit', '120*tp - 15*fp'), (None, 'accuracy'))
    """
    match = _FORMULA.match(metric)
    return (match["name"].strip(), match["formula"].strip()) if match else (None, metric)


def placeholders(prompt: str, where: str) -> tuple[str, ...]:
    """Return the columns a prompt names in braces; raises `UsageError` where the braces do not fit.

    >>> placeholders("Intent of {text}? {{json}}", "prompt")
    ('text',)
    """
    from seatrial.models.prompts import columns_of

    try:
        names = columns_of(prompt)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    if "" in names:
        raise UsageError(f"{where}: '{{}}' names no column; write the column's name in the braces.")
    return names


def check_case(case: Case, data: LoadedDataset) -> None:
    """Check a case against its loaded data: slices, protected columns, prompt, formulas. Raises `UsageError`."""
    what = f"case '{case.name}'"
    columns = list(data.columns)
    for name in placeholders(case.prompt, f"{what}, prompt") if case.prompt is not None else ():
        if name not in columns:
            raise UsageError(
                f"{what}, prompt: {data.name} has no column '{name}' for '{{{name}}}'.{did_you_mean(name, columns)} "
                f"Its columns: {listed(columns)}."
            )
    for key, asked in (("slices", case.slices), ("protected", case.protected)):
        for text in asked:
            predicate = DOTTED.match(text) if key == "slices" else None
            if predicate is None or predicate["name"] is None:
                _check_slice(text, data, f"{what}, {key}")
    for probe in case.probes:
        for name in probe.columns:
            if name not in data.inputs:
                raise UsageError(
                    f"{what}, probe {probe.probe}: '{name}' is not an input of the model."
                    f"{did_you_mean(name, data.inputs)} Its inputs: {listed(data.inputs)}."
                )
    for metric in case.metrics:
        _check_against_data(metric, case, data, what)


def _check_metric(metric: str, case: Case, where: str) -> None:
    if DOTTED.match(metric):
        return
    name, formula = formula_of(metric)
    if name is not None:
        from seatrial.expressions import parse

        try:
            parse(formula)
        except SeatrialError as error:
            raise UsageError(f"{where} ('{name}'): {error}") from None
        return
    known, every = _names(case.task)
    if metric in known:
        return
    if metric in every:
        raise UsageError(f"{where}: '{metric}' is no metric of a {case.task} task.{did_you_mean(metric, known)}")
    if not _is_made(metric, every):
        near = get_close_matches(metric, sorted(known), n=1, cutoff=_SURELY) or get_close_matches(
            metric, sorted(every), n=1, cutoff=_SURELY
        )
        hint = f" Did you mean '{near[0]}'?" if near else ""
        if hint or not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)?", metric):
            raise UsageError(
                f"{where}: unknown metric '{metric}'.{hint} `seatrial metrics` lists them; write NAME = FORMULA for "
                "one of yours."
            )


def _names(task: str | None) -> tuple[set[str], set[str]]:
    """Names of the task's metrics (of all tasks where it is not known), and of every metric."""
    from seatrial.metrics.catalogue import aliases, every_metric

    metrics = every_metric()
    known = {metric.name for metric in metrics if task is None or task in metric.tasks}
    every = {metric.name for metric in metrics}
    other = aliases()
    known |= {alias for alias, name in other.items() if name in known}
    return known, every | set(other)


def _is_made(metric: str, every: set[str]) -> bool:
    """Whether a name is one made from another: `recall[cat]`, `f2`, `latency_ms.p95`."""
    base = re.fullmatch(r"(?P<name>[a-z_0-9.]+)\[.+\]", metric)
    if base is not None:
        return base["name"] in every or bool(re.fullmatch(r"f\d+(\.\d+)?", base["name"]))
    if re.fullmatch(r"f\d+(\.\d+)?(_(macro|micro|weighted))?", metric):
        return True
    from seatrial.metrics import operational

    return any(metric.endswith(f".{one}") for one in ("mean", *operational.PROBABILITIES))


def _check_pattern(pattern: str | None, where: str) -> None:
    if pattern is None:
        return
    try:
        re.compile(pattern)
    except re.error as error:
        at = "" if error.pos is None else f" at character {error.pos + 1}"
        raise UsageError(f"{where}: no regular expression that can be read: {error.msg}{at}.") from None


def _check_slice(text: str, data: LoadedDataset, what: str) -> None:
    from seatrial.data.datasets.roles import as_source
    from seatrial.data.slicing import slice_spec

    try:
        slice_spec(text, as_source(data.columns, name=data.name))
    except UsageError as error:
        raise UsageError(f"{what}: {str(error).replace(f' (--by {text})', '').replace(f'--by {text}: ', '')}") from None


def _check_against_data(metric: str, case: Case, data: LoadedDataset, what: str) -> None:
    """A metric name that is none of the catalogue must be a column, of the data or of what the runner measures."""
    if DOTTED.match(metric):
        return
    name, _ = formula_of(metric)
    if name is not None:
        return
    known, every = _names(data.task or case.task)
    if metric in known or (metric not in every and _is_made(metric, every)):
        return
    if metric in every:
        raise UsageError(f"{what}: '{metric}' is no metric of a {data.task} task.{did_you_mean(metric, known)}")
    columns = [*data.columns, *RUN_COLUMNS]
    if metric.rpartition(".")[0] not in columns and metric not in columns:
        near = did_you_mean(metric, [*known, *columns])
        raise UsageError(f"{what}: '{metric}' is neither a metric nor a column.{near} `seatrial metrics` lists them.")
