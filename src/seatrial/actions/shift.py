"""What moved between two tables, by how much, and whether it matters to the model: files or tables in, a page out."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from seatrial.actions.page import PageResult
from seatrial.data.datasets.raw import Asked, RawTable
from seatrial.data.predictions import Predictions, checked_task, open_source
from seatrial.data.roles import ROW, Given, Roles, find_roles
from seatrial.data.slicing import parse_slices
from seatrial.data.source import Source
from seatrial.data.tables import open_table
from seatrial.errors import UsageError
from seatrial.evaluation.shift import shift as measure
from seatrial.evaluation.shift_images import Embed, Vectors, embedded, looks
from seatrial.evaluation.shift_reading import Tables, Wanted, read_tables
from seatrial.evaluation.shift_rows import ModelRows, Unlabelled, model_rows
from seatrial.metrics.catalogue import load_dotted
from seatrial.records.shift import Shift
from seatrial.records.suite import DatasetSource
from seatrial.reports.document import Document

Names = Sequence[str] | str
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ShiftResult(PageResult):
    """What `shift` hands back."""

    record: Shift

    @property
    def sentence(self) -> str:
        return self.record.sentence

    @property
    def status(self) -> Literal["pass", "fail", "inconclusive"]:
        return self.record.status

    def document(self) -> Document:
        from seatrial.reports.shift_page import shift_document

        return shift_document(self.record)


def shift(
    reference: Any,
    current: Any,
    *,
    columns: Names = (),
    text: Names = (),
    category: Names = (),
    embedding: Names = (),
    embed: Embed | str | None = None,
    target: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    positive: str | None = None,
    task: str | None = None,
    threshold: float = 0.5,
    metric: str | None = None,
    by: Names = (),
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> ShiftResult:
    """Say what moved between a reference and a current table, by how much, and what that does to the model's metric.

    Every column both have is measured (`columns` chooses some; `text`, `category` and `embedding` say what a column is
    where the guess is wrong; `embedding` takes `e*`), each against what chance shows for these sizes. With a target and
    a prediction or score in the reference the metric's change is seen (targets in both tables, then also by slices
    `by`) or expected (reference rows weighted to look like the current ones, and the model's own scores).

    Two folders or zips of images are compared by what they look like (brightness, contrast, saturation, sharpness,
    size, channels) and by their classes. `embed` is a function, or the dotted path of one (`module:function`,
    `file.py:function`), that makes a vector of each image of a list or, in tables, of each text: MMD compares them.

    >>> import seatrial as st
    >>> old = {"age": [20 + k % 40 for k in range(400)], "plan": ["a", "b"] * 200}
    >>> new = {"age": [35 + k % 40 for k in range(400)], "plan": ["a", "b"] * 200}
    >>> [one.column for one in shift(old, new).record.columns if one.moved]
    ['age']

    Raises `UsageError` for columns and options that do not fit, `DataError` for tables that cannot carry the question.
    """
    if not 0.5 <= level < 1:
        raise UsageError(f"The level of intervals lies between 0.5 and 1, not {level:g}.")
    if seed < 0:
        raise UsageError(f"seed {seed}: give a whole number from 0.")
    function, how = _function(embed)
    pictures = [folder_of_images(one) for one in (reference, current)]
    if (pictures[0] is None) != (pictures[1] is None):
        raise UsageError("One side is a folder or zip of images and the other is a table; compare like with like.")
    sides = [
        one if images is None else image_columns(images, progress=progress)
        for one, images in zip((reference, current), pictures, strict=True)
    ]
    sources = [_whole(open_source(one, name=name)) for one, name in zip(sides, ("reference", "current"), strict=True)]
    slices = parse_slices(by) if isinstance(by, str) else tuple(by)
    given = Given(target=target, prediction=prediction, score=score, task=checked_task(task))
    roles, notes = _roles(sources[0], given)
    named = {part: column for part in ("target", "prediction", "score") if (column := getattr(roles, part)) is not None}
    wanted = Wanted(
        columns=_names(columns), text=_names(text), category=_names(category), embedding=_names(embedding), roles=named
    )
    model = None
    if named.get("target") and (roles.prediction or roles.score):
        model, more = _model(
            sources, roles, positive=positive, task=task, threshold=threshold, metric=metric, by=slices, seed=seed
        )
        notes += more
    elif metric is not None or slices or target is not None:
        raise UsageError(
            f"{sources[0].name}: a metric needs a target and a prediction or score in the reference; name them with "
            "--target, --prediction, --score."
        )
    tables = read_tables(sources[0], sources[1], wanted, seed=seed)
    vectors: list[Vectors] = []
    if function is not None:
        items = _embeddable(tables, pictures)
        if not items:
            raise UsageError("--embed makes vectors of texts or images, and there are none here (--text names a text).")
        for name, pair in items:
            x, y = (embedded(function, one, how=how, seed=seed + at, progress=progress) for at, one in enumerate(pair))
            if x.shape[1] != y.shape[1]:
                raise UsageError(f"--embed {how} gave {x.shape[1]} numbers for the reference, then {y.shape[1]}.")
            vectors.append(Vectors(name=name, reference=x, current=y, how=how))
    return ShiftResult(
        measure(
            tables,
            model,
            alpha=1 - level,
            roles=named,
            notes=tuple(notes),
            vectors=tuple(vectors),
            seed=seed,
            progress=progress,
        )
    )


def _function(embed: Embed | str | None) -> tuple[Embed | None, str]:
    """The function and what it is called."""
    if not isinstance(embed, str):
        if embed is not None and not callable(embed):
            raise UsageError("embed is a function, or the dotted path of one.")
        return embed, getattr(embed, "__name__", "function")
    if ":" not in embed:
        raise UsageError(f"--embed {embed}: write module:function or file.py:function.")
    found = load_dotted(embed)
    if not callable(found):
        raise UsageError(f"--embed {embed} is no function.")
    return found, embed.rpartition("/")[2]


def _embeddable(
    tables: Tables, pictures: list[RawTable | None]
) -> list[tuple[str, tuple[Sequence[Any], Sequence[Any]]]]:
    """What can be embedded, with its name: the images, else every column of texts."""
    if pictures[0] is not None and pictures[1] is not None:
        return [("image embedding", (pictures[0].columns["image"], pictures[1].columns["image"]))]
    found: list[tuple[str, tuple[Sequence[Any], Sequence[Any]]]] = []
    for one in tables.columns:
        if one.kind == "text":
            x, y = (
                [text for text in side.texts(one.places[at]) if text]
                for at, side in enumerate((tables.reference, tables.current))
            )
            found.append((f"{one.name} (embedding)", (x, y)))
    return found


def folder_of_images(given: Any) -> RawTable | None:
    """The images of a folder or zip; None for whatever else is given."""
    if not isinstance(given, str | os.PathLike):
        return None
    path = Path(os.fspath(given))
    if not (path.is_dir() or path.suffix.lower() == ".zip"):
        return None
    from seatrial.data.datasets.images import read

    return read(DatasetSource(images=str(path)), Asked(folder=Path()))


def image_columns(images: RawTable, *, progress: Progress | None = None) -> Source:
    """What images look like, and their class, as a table."""
    columns: dict[str, Any] = dict(looks(images.columns["image"], progress=progress))
    if images.target is not None:
        columns["class"] = list(images.columns[images.target])
    return open_table(columns, name=images.name)


def _whole(opened: tuple[Source, str | None]) -> Source:
    source, inner = opened
    if inner is not None:
        raise UsageError(f"shift looks at whole tables; leave out '#{inner}'.")
    return source


def _names(given: Names) -> tuple[str, ...]:
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(part.strip() for part in parts if part.strip())


def _roles(source: Source, given: Given) -> tuple[Roles, list[str]]:
    """The reference's roles; where none is named and the guess fails, none, and that is said."""
    asked = given.target or given.prediction or given.score
    try:
        roles, guesses = find_roles(source, given)
    except UsageError as error:
        if asked:
            raise
        return Roles(), [f"No model was looked for: {error}"]
    if roles.labels or (roles.scores and roles.score is None and roles.prediction is None):
        if asked:
            raise UsageError("shift reads one target, one prediction and one score column; name them.")
        return Roles(), []
    kept = [line for line in guesses if line.startswith(("target", "prediction", "score ="))]
    usable = roles.target is not None and (roles.prediction is not None or roles.score is not None)
    return roles, [f"Guessed: {line}." for line in kept] if usable else []


def _model(
    sources: list[Source],
    roles: Roles,
    *,
    positive: str | None,
    task: str | None,
    threshold: float,
    metric: str | None,
    by: tuple[str, ...],
    seed: int,
) -> tuple[ModelRows | None, list[str]]:
    """The model's rows in both tables; None, and why, where the current table lacks its outputs."""
    reference, current = sources
    own = {part: _there(current, getattr(roles, part)) for part in ("target", "prediction", "score")}
    if own["prediction"] is None and own["score"] is None:
        if own["target"] is None and not by:
            own = {"target": None, "prediction": roles.prediction, "score": roles.score}
        return None, [f"{current.name} has neither '{roles.prediction or roles.score}': no metric can be followed."]
    labelled = own["target"] is not None and _has_values(current, own["target"])
    second = current
    if own["target"] is None:
        second = Unlabelled(current, roles.target or "target")
        own["target"] = roles.target
    both = own["prediction"] is not None or roles.prediction is None
    first_roles = Roles(
        id=ROW,
        target=roles.target,
        prediction=roles.prediction if both else None,
        score=roles.score if own["score"] is not None else None,
    )
    base = Predictions(
        name="reference",
        source=reference,
        roles=first_roles,
        positive=positive,
        task=checked_task(task),
        threshold=threshold,
    )
    other = replace(
        base,
        name="current",
        source=second,
        roles=Roles(
            id=ROW,
            target=own["target"],
            prediction=own["prediction"] if first_roles.prediction else None,
            score=own["score"] if first_roles.score else None,
        ),
    )
    rows = model_rows(base, other, labelled=labelled, metric=metric, by=by, seed=seed)
    return rows, [] if labelled else [f"{current.name} has no targets: the metric's change is expected, not seen."]


def _there(source: Source, column: str | None) -> str | None:
    place = None if column is None else source.find(column)
    return None if place is None else source.columns[place]


def _has_values(source: Source, column: str | None) -> bool:
    if column is None:
        return False
    place = source.places[column]
    engine = source.own_engine
    empty = f" AND CAST(c{place} AS VARCHAR) <> ''"
    return bool(engine.rows(f"SELECT 1 FROM {source.scan(engine, [place])} WHERE c{place} IS NOT NULL{empty} LIMIT 1"))
