"""The stored rows of one case as predictions, with the case's metrics and slices as `compare` takes them."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.data.answers.counting import COUNTED
from seatrial.data.answers.nested import as_json_columns
from seatrial.data.files import open_file
from seatrial.data.predictions import Predictions, checked_task
from seatrial.data.roles import Given, find_roles, require_outputs
from seatrial.data.source import Source
from seatrial.data.tables import open_table
from seatrial.errors import UsageError
from seatrial.evaluation.runner.table import stored_name
from seatrial.metrics.base import Metric
from seatrial.metrics.catalogue import from_python, load_dotted
from seatrial.records.run import Dataset
from seatrial.records.suite import Case

EXAMPLE = "example"
"""The column that names the original row where each row was asked several times."""
TARGET = "target"
"""The column of the truth in every stored table."""
_SLICE = re.compile(r"^\s*(?:length\s*\(\s*)?(?P<name>[^():]+?)\s*\)?\s*(?::.*)?$", re.DOTALL)
_NAMED = re.compile(r"^\s*(?P<name>[^=<>!]+?)\s*=(?!=)\s*(?P<path>[^\s()]+:[^\s():]+)\s*$")


@dataclass(frozen=True, kw_only=True)
class Predicate:
    """A slice given by a function of a row."""

    name: str
    path: str


def predicates(case: Case) -> tuple[Predicate, ...]:
    """The slices of a case that are functions: `NAME = module:function`."""
    found = (_NAMED.match(text) for text in case.slices)
    return tuple(Predicate(name=one["name"].strip(), path=one["path"]) for one in found if one)


def slices_of(case: Case, dataset: Dataset, stored: Collection[str]) -> tuple[str, ...]:
    """Slices as column specifications of the stored table; a predicate is a column of its name in it."""
    return tuple(
        place_of(one["name"].strip(), dataset, stored) if (one := _NAMED.match(text)) else _moved(text, dataset, stored)
        for text in case.slices
    )


def protected_of(case: Case, dataset: Dataset, stored: Collection[str]) -> tuple[str, ...]:
    """Protected columns as the stored table has them."""
    return tuple(_moved(text, dataset, stored) for text in case.protected)


def place_of(name: str, dataset: Dataset, stored: Collection[str]) -> str:
    """The column of the stored table that holds a column of the data set."""
    if name == dataset.roles.get("target"):
        return TARGET
    return stored_name(name, stored=stored, data=dataset.columns)


def _moved(text: str, dataset: Dataset, stored: Collection[str]) -> str:
    """`y:quartiles` and `length(y)` with the column where it is stored."""
    if text in dataset.columns:
        return place_of(text, dataset, stored)
    match = _SLICE.match(text)
    if match is None or match["name"] not in dataset.columns:
        return text
    return text[: match.start("name")] + place_of(match["name"], dataset, stored) + text[match.end("name") :]


def metrics_of(case: Case, folder: Path) -> tuple[str | Metric, ...]:
    """Metrics as `compare` takes them; Python files are looked for beside the suite."""
    found: list[str | Metric] = []
    for text in case.metrics:
        named = _NAMED.match(text)
        path = named["path"] if named else text.strip()
        place, _, attribute = path.partition(":")
        if place.endswith(".py") and attribute and "(" not in path:
            metric = from_python(
                load_dotted(f"{in_folder(place, folder)}:{attribute}"), name=named["name"].strip() if named else None
            )
            found.append(metric.lower_is_better() if metric.name in case.lower_is_better else metric)
        else:
            found.append(text)
    return tuple(found)


def in_folder(place: str, folder: Path) -> Path:
    """A path that is relative to the suite file."""
    given = Path(place).expanduser()
    return given if given.is_absolute() else folder / given


def cluster_of(case: Case, dataset: Dataset, stored: Collection[str]) -> str | None:
    """What is independent: the data's cluster, else the example where it was asked several times."""
    named = case.roles.cluster or dataset.roles.get("cluster")
    if isinstance(named, str):
        return place_of(named, dataset, stored)
    return EXAMPLE if case.repeats > 1 and EXAMPLE in stored else None


def as_case_predictions(
    table: Path | Mapping[str, Sequence[Any]], *, model: str, case: Case, dataset: Dataset, task: str | None
) -> Predictions:
    """Rows of one model on one case, from the store or from memory; raises `UsageError` where no truth is known.

    What the data set's columns are called tells nothing about the model: none of them is read as an answer or as a
    measure of it, whatever its name.
    """
    given: Any = open_file(table) if isinstance(table, Path) else open_table(table, name=model)
    given.name = f"{model} on {case.name}"
    source = as_json_columns(given) if task in COUNTED else given
    if not isinstance(source, Source):
        source = open_table(source, name=given.name)
    columns = source.columns
    positive = dataset.roles.get("positive")
    if TARGET not in columns and task != "multilabel":
        raise UsageError(f"Case '{case.name}' has no target column, so nothing can be right or wrong in it.")
    own = {"id", TARGET, "prediction", "score", EXAMPLE, *dataset.roles.get("targets", ())}
    described = frozenset(place_of(name, dataset, columns) for name in dataset.columns) & frozenset(columns) - own
    weight = dataset.roles.get("weight")
    single = task != "multilabel"
    roles, guesses = find_roles(
        source,
        Given(
            id="id",
            target=TARGET if single else None,
            prediction="prediction" if single and "prediction" in columns else None,
            score="score" if single and "score" in columns else None,
            weight=place_of(weight, dataset, columns) if isinstance(weight, str) else None,
            task=task,
            unused=tuple(sorted(described)),
        ),
    )
    require_outputs(source, roles)
    inputs = dataset.roles.get("inputs", ())
    seen = frozenset(place_of(name, dataset, columns) for name in inputs) & described
    return Predictions(
        name=model,
        source=source,
        roles=roles,
        guesses=guesses,
        positive=positive if isinstance(positive, str) else None,
        task=checked_task(task),
        threshold=case.threshold,
        described=described,
        # of repeated rows every text stands one to one for its target: the checks of the data look at them once
        features=seen if case.repeats == 1 else frozenset(),
    )
