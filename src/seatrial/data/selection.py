"""Selection: which model of a file that holds several, side by side (wide) or one below the other (long)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from seatrial.data.roles import Given, is_score, plain
from seatrial.data.source import Source, as_text
from seatrial.errors import UsageError, did_you_mean, listed

MODEL_NAMES = ("model", "model_name", "model_id", "system", "classifier", "estimator", "model_version", "version")
MOST_MODELS = 20
_PREDICTION = ("prediction", "pred", "predicted", "y_pred", "label", "output")
_SCORE = ("score", "prob", "proba", "probability", "y_score", "p")


@dataclass(frozen=True, kw_only=True)
class Selected:
    """How to read one model out of a source."""

    name: str
    given: Given
    model: tuple[str, str] | None = None
    """(column, value) of a long file."""
    column: str | None = None
    """The model's name as it stands in the columns of a wide file."""


def model_column(source: Source) -> str | None:
    """Return the column that says which model a row is of, None when there is none."""
    found = [name for name in source.columns if plain(name) in MODEL_NAMES]
    found.sort(key=lambda name: MODEL_NAMES.index(plain(name)))
    return found[0] if found else None


def models_in(source: Source, column: str) -> list[str]:
    """Return the models of a long file, the first seen first."""
    place = source.places[column]
    engine = source.own_engine  # one thread, so that row_number() follows the rows
    name = as_text(f"c{place}", source.kinds[place])
    rows = f"SELECT {name} AS model, row_number() OVER () AS place FROM {source.scan(engine, [place])}"
    sql = f"SELECT model FROM ({rows}) WHERE model IS NOT NULL GROUP BY model ORDER BY min(place) LIMIT 1000"
    try:
        return [row[0] for row in engine.rows(sql)]
    except duckdb.Error as error:
        raise source.fails(error) from None


def select(source: Source, name: str, given: Given) -> Selected:
    """Return how to read the model called `name`: a value of the model column, or a column or columns named after it.

    Raises `UsageError` when the source has no such model.
    """
    long = model_column(source)
    in_long = models_in(source, long) if long is not None and source.find(name) is None else []
    if long is not None and name in in_long:
        return Selected(name=name, given=_without(given, long), model=(long, name))
    own = _own_columns(source, name)
    exact = source.find(name)
    if exact is not None and not own:
        column = source.columns[exact]
        target = given.target
        if (
            given.prediction is None
            and is_score(source.sample([column])[column])
            and not _is_label_like(source, target)
        ):
            return Selected(name=name, given=replace(given, score=column), column=name)
        return Selected(name=name, given=replace(given, prediction=column), column=name)
    if exact is not None:
        own = {"prediction": source.columns[exact]} | {key: value for key, value in own.items() if key != "prediction"}
    if own or class_scores_of(source, name):
        given = replace(given, prediction=own.get("prediction"), score=own.get("score"))
        return Selected(name=name, given=given, column=name)
    known = [*in_long, *source.columns]
    models = f"Its models: {listed(in_long)}." if in_long else f"Its columns: {listed(source.columns)}."
    raise UsageError(f"{source.name} has no model or column '{name}'.{did_you_mean(name, known)} {models}")


def class_scores_of(source: Source, name: str) -> list[tuple[str, str]]:
    """Return (class, column) of `<model>_score_<class>` or `score_<model>_<class>` columns."""
    for word in _SCORE:
        for prefix in (f"{name}_{word}_", f"{word}_{name}_"):
            found = [(column[len(prefix) :], column) for column in source.columns if column.startswith(prefix)]
            found = [(label, column) for label, column in found if label]
            if len(found) > 1:
                return found
    return []


def is_long(source: Source) -> str | None:
    """Return the model column of a file given alone that holds several models one below the other, else None."""
    column = model_column(source)
    if column is None:
        return None
    values = {value for value in source.sample([column])[column] if value is not None}
    if len(values) == 1 or 1 < len(values) <= MOST_MODELS:
        return column if len(models_in(source, column)) > 1 else None
    return None


def _own_columns(source: Source, name: str) -> dict[str, str]:
    own: dict[str, str] = {}
    for role, words in (("prediction", _PREDICTION), ("score", _SCORE)):
        for word in words:
            place = next(
                (at for form in (f"{name}_{word}", f"{word}_{name}") if (at := source.find(form)) is not None), None
            )
            if place is not None:
                own[role] = source.columns[place]
                break
    return own


def _is_label_like(source: Source, target: str | None) -> bool:
    """Return whether the target's values are fractions too, so that a column of fractions is a prediction of them."""
    place = None if target is None else source.find(target)
    return place is not None and is_score(source.sample([source.columns[place]])[source.columns[place]])


def _without(given: Given, column: str) -> Given:
    return replace(given, unused=(*given.unused, column))


def names_for(models: Sequence[str] | None) -> tuple[str, ...]:
    """Return the models of `--models a,b`, stripped; at most twenty.

    Raises `UsageError` for none, a repeated one or too many.
    """
    names = tuple(name.strip() for name in models or () if name.strip())
    if len(set(names)) < len(names):
        raise UsageError(f"--models names a model twice: {listed(names)}.")
    if len(names) > MOST_MODELS:
        raise UsageError(f"--models names {len(names)} models; at most {MOST_MODELS} can be compared.")
    return names
