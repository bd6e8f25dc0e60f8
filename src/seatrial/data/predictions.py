"""Predictions: one model's answers in one source, with the roles of its columns; nothing is loaded yet."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from seatrial.data.answers.counting import COUNTED
from seatrial.data.answers.nested import as_json_columns
from seatrial.data.engine import DuckDBEngine
from seatrial.data.files import open_file
from seatrial.data.frame import Task
from seatrial.data.inference import infer
from seatrial.data.roles import Given, Roles, find_roles, require_outputs
from seatrial.data.selection import MOST_MODELS, class_scores_of, is_long, models_in, names_for, select
from seatrial.data.source import Source
from seatrial.data.tables import open_table
from seatrial.errors import UsageError, listed

Weights = Literal["sampling", "counts"]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The predictions of one model, as found in one source."""

    name: str
    """The model's name."""
    source: Source
    roles: Roles
    model: tuple[str, str] | None = None
    """(column, value) that picks this model's rows out of a file that holds several models one below the other."""
    column: str | None = None
    """The model's own column in a file that holds several models side by side."""
    guesses: tuple[str, ...] = ()
    positive: str | None = None
    task: Task | None = None
    threshold: float = 0.5
    weights: Weights = "sampling"
    engine: DuckDBEngine | None = None
    described: frozenset[str] = frozenset()
    """Columns of the data the model was asked about: none is taken for a measure of the model itself."""
    features: frozenset[str] | None = None
    """Columns the model saw, where that is known: no other one can have given it the target."""

    @property
    def source_name(self) -> str:
        """The input's name without folders."""
        return self.source.name

    @property
    def sha256(self) -> str:
        return self.source.sha256

    @property
    def columns(self) -> dict[str, str]:
        """Column name to kind: `text`, or the type the source gives it."""
        return dict(zip(self.source.columns, self.source.kinds, strict=True))


@dataclass(frozen=True, kw_only=True)
class _Options:
    """What holds for every model that one call reads."""

    given: Given
    positive: str | None
    task: Task | None
    threshold: float
    weights: Weights
    engine: DuckDBEngine | None


def read(
    source: Any,
    *,
    name: str | None = None,
    id: str | None = None,
    target: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    cluster: str | None = None,
    weight: str | None = None,
    positive: str | None = None,
    task: str | None = None,
    threshold: float = 0.5,
    model: str | None = None,
    engine: DuckDBEngine | None = None,
    weights: Weights = "sampling",
) -> Predictions:
    """Read one model's predictions from a file or an in-memory table; roles not named are guessed and said.

    `source` is a path (also `FILE#COLUMN`), a pandas or polars data frame, a pyarrow table, a dict of arrays, a DuckDB
    relation or an Ibis table; `model` picks one of several models in it. Raises `UsageError` for options that do not
    fit, `DataError` for a table that cannot be read.

    >>> read({"id": [1, 2], "target": ["a", "b"], "prediction": ["a", "a"]}, name="first").roles.target
    'target'
    """
    given = Given(id=id, target=target, prediction=prediction, score=score, cluster=cluster, weight=weight, task=task)
    options = _options(given, positive, task, threshold, weights, engine)
    table, inner = open_source(as_json_columns(source) if task in COUNTED else source, name=name)
    found = _read_one(table, model or inner, options)
    return found if name is None else replace(found, name=name)


def read_models(
    sources: Sequence[Any],
    *,
    models: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    id: str | None = None,
    target: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    cluster: str | None = None,
    weight: str | None = None,
    positive: str | None = None,
    task: str | None = None,
    threshold: float = 0.5,
    engine: DuckDBEngine | None = None,
    weights: Weights = "sampling",
) -> list[Predictions]:
    """Read every model of one or several sources, the baseline first.

    `FILE#NAME` or `models` pick models inside a source: columns named NAME, NAME_prediction, prediction_NAME (and
    NAME_score, score_NAME), or values of its model column. One source with a model column given alone is all of its
    models, the first seen first. Where names tell no roles, the values of the first two sources are compared.
    """
    given = Given(id=id, target=target, prediction=prediction, score=score, cluster=cluster, weight=weight, task=task)
    options = _options(given, positive, task, threshold, weights, engine)
    if not sources:
        raise UsageError("Name at least one file of predictions.")
    opened: list[tuple[Source, str | None]] = []
    for number, one in enumerate(as_json_columns(one) if task in COUNTED else one for one in sources):
        opened.append(open_source(one, name=names[number] if names and number < len(names) else None))
    chosen = names_for(models)
    if chosen and len(opened) > 1:
        raise UsageError("--models names models inside one file, but several files were given.")
    if chosen:
        opened = [(opened[0][0], name) for name in chosen]
    elif len(opened) == 1 and opened[0][1] is None and (column := is_long(opened[0][0])) is not None:
        every = models_in(opened[0][0], column)
        if len(every) > MOST_MODELS:
            raise UsageError(
                f"{opened[0][0].name} holds {len(every)} models; choose at most {MOST_MODELS} with --models"
                f" {','.join(every[:2])}."
            )
        opened = [(opened[0][0], name) for name in every]
    found = _read_all(opened, options)
    if names is not None:
        if len(names) != len(found):
            raise UsageError(
                f"{len(names)} names were given for {len(found)} models ({listed(one.name for one in found)})."
            )
        found = [replace(one, name=name) for one, name in zip(found, names, strict=True)]
    return distinct_names(found)


def _read_all(opened: Sequence[tuple[Source, str | None]], options: _Options) -> list[Predictions]:
    first = opened[0][0]
    other = next((source for source, _ in opened if source.identity != first.identity), None)
    if options.task in COUNTED:
        other = None  # what an answer looks like tells no role
    guesses: tuple[str, ...] = ()
    if other is not None and all(inner is None for _, inner in opened):
        roles, _ = find_roles(first, options.given)
        lacks_output = roles.prediction is None and roles.score is None and not roles.scores
        if not roles.labels and (roles.target is None or lacks_output):
            given, guesses = infer(first, other, roles, options.given)
            options = replace(options, given=given)
    found: list[Predictions] = []
    for number, (source, inner) in enumerate(opened):
        one = _read_one(source, inner, options, first=number == 0)
        found.append(replace(one, guesses=(*guesses, *one.guesses)))
    return found


def _read_one(source: Source, inner: str | None, options: _Options, *, first: bool = True) -> Predictions:
    given = options.given if first else _lenient(options.given, source)
    selected = None
    if inner is not None:
        selected = select(source, inner, given)
        given = selected.given
    own = class_scores_of(source, inner or "") if selected is not None and selected.column is not None else None
    roles, guesses = find_roles(source, given, own=own)
    require_outputs(source, roles, target=first)
    return Predictions(
        name=inner or stem(source.name),
        source=source,
        roles=roles,
        model=None if selected is None else selected.model,
        column=None if selected is None else selected.column,
        guesses=guesses,
        positive=options.positive,
        task=options.task,
        threshold=options.threshold,
        weights=options.weights,
        engine=options.engine,
    )


def _lenient(given: Given, source: Source) -> Given:
    """Drop what only the baseline's file needs to have: the target, the cluster and the weight."""

    def here(name: str | None) -> str | None:
        return name if name is not None and source.find(name) is not None else None

    return replace(given, target=here(given.target), cluster=here(given.cluster), weight=here(given.weight))


def _options(
    given: Given,
    positive: str | None,
    task: str | None,
    threshold: float,
    weights: Weights,
    engine: DuckDBEngine | None,
) -> _Options:
    if not abs(threshold) < float("inf"):
        raise UsageError(f"The threshold must be a finite number, not {threshold}.")
    if weights not in get_args(Weights):
        raise UsageError(f"Weights are 'sampling' or 'counts', not {weights!r}.")
    return _Options(
        given=given, positive=positive, task=checked_task(task), threshold=threshold, weights=weights, engine=engine
    )


def open_source(source: Any, *, name: str | None = None) -> tuple[Source, str | None]:
    """Return the source, and the model or column named behind `#`."""
    if isinstance(source, Source):
        return source, None
    if isinstance(source, str | os.PathLike):
        text = os.fspath(source)
        if "#" in text and not os.path.exists(text):
            path, _, inner = text.rpartition("#")
            if not inner:
                raise UsageError(f"'{text}' names no model behind the #; write FILE#NAME.")
            return open_file(path), inner
        return open_file(text), None
    return open_table(source, name=name or "table"), None


def checked_task(task: str | None) -> Task | None:
    """Return the task, or raise `UsageError` when there is no such task."""
    known: dict[str, Task] = {name: name for name in get_args(Task)}
    if task is not None and task not in known:
        raise UsageError(f"There is no task '{task}'; choose one of {', '.join(known)}.")
    return None if task is None else known[task]


def stem(name: str) -> str:
    """Return a file's name without its endings.

    >>> stem("model_b.csv.gz")
    'model_b'
    """
    for ending in (".gz", ".gzip", ".zst", ".zstd"):
        name = name.removesuffix(ending)
    return name.rsplit(".", 1)[0] or name


def distinct_names(predictions: Sequence[Predictions]) -> list[Predictions]:
    """Number models that share a name: `model`, `model (2)`."""
    seen: dict[str, int] = {}
    renamed: list[Predictions] = []
    for one in predictions:
        seen[one.name] = seen.get(one.name, 0) + 1
        renamed.append(one if seen[one.name] == 1 else replace(one, name=f"{one.name} ({seen[one.name]})"))
    return renamed
