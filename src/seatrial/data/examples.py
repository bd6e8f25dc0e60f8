"""Examples: a few rows of the original table, read again when a report wants to show them."""

from collections.abc import Sequence

import duckdb

from seatrial.data.engine import DuckDBEngine
from seatrial.data.predictions import Predictions
from seatrial.data.source import as_text
from seatrial.data.staging import id_text
from seatrial.errors import UsageError


def fetch_examples(
    predictions: Predictions,
    *,
    ids: Sequence[str] = (),
    rows: Sequence[int] = (),
    columns: Sequence[str] | None = None,
    limit: int = 12,
    max_chars: int = 200,
    engine: DuckDBEngine | None = None,
) -> list[dict[str, str]]:
    """Return column -> text of the rows with these ids (or, without ids, at these row positions), in their order.

    `columns` are by default the first `limit` that have no role; a longer text ends in an ellipsis after `max_chars`;
    a missing value is left out; a row that is not found is `{}`. The text is the file's own: escape it.
    """
    if bool(ids) == bool(rows):
        if not ids:
            return []
        raise UsageError("Give ids or rows of examples, not both.")
    source = predictions.source
    if columns is None:
        taken = set(predictions.roles.columns)
        columns = [name for name in source.columns if name not in taken][:limit]
    places = [source.place(name, option="columns") for name in columns]
    model = None if predictions.model is None else source.places[predictions.model[0]]
    id_column = predictions.roles.id
    by_id = bool(ids)
    if by_id and (id_column is None or id_column not in source.places):
        raise UsageError(f"{source.name} has no id column; fetch examples by their rows.")
    key_place = source.places[id_column] if by_id and id_column is not None else None
    needed = sorted({*places, *([] if model is None else [model]), *([] if key_place is None else [key_place])})
    # Positions are counted by an engine of one thread, so that row_number() follows the rows.
    own = (engine or DuckDBEngine()) if by_id else source.own_engine
    try:
        return _fetch(predictions, own, ids, rows, list(columns), places, model, key_place, needed, max_chars)
    except duckdb.Error as error:
        raise source.fails(error) from None
    finally:
        if by_id and engine is None:
            own.close()


def _fetch(
    predictions: Predictions,
    engine: DuckDBEngine,
    ids: Sequence[str],
    rows: Sequence[int],
    columns: list[str],
    places: list[int],
    model: int | None,
    key_place: int | None,
    needed: list[int],
    max_chars: int,
) -> list[dict[str, str]]:
    source = predictions.source
    given: dict[str, object] = {}
    scan = f"{source.scan(engine, needed)} AS s"
    where = "TRUE"
    if model is not None and predictions.model is not None:
        given["model"] = predictions.model[1]
        where = f"{as_text(f'c{model}', source.kinds[model])} = $model"
    texts = ", ".join(
        f"left({as_text(f'c{place}', source.kinds[place])}, {max_chars + 1}) AS x{place}" for place in places
    )
    texts = texts or "NULL AS nothing"
    if key_place is not None:
        given["keys"] = list(ids)
        key = id_text(f"c{key_place}", source.kinds[key_place])
        short = f"regexp_replace({key}, '\\.0$', '')"
        wanted = f"(list_contains($keys, {key}) OR list_contains($keys, {short}))"
        sql = f"SELECT {key}, {short}, {texts} FROM {scan} WHERE {where} AND {wanted}"
        found: dict[object, tuple[object, ...]] = {}
        exact: dict[object, tuple[object, ...]] = {}
        for full, brief, *values in engine.rows(sql, given):
            exact.setdefault(full, tuple(values))
            found.setdefault(brief, tuple(values))
        found |= exact
        order: Sequence[object] = list(ids)
    else:
        given["keys"] = list(rows)
        position = "k" if source.numbers_rows and model is None else "row_number() OVER () - 1"
        numbered = f"SELECT {position} AS position, * FROM {scan} WHERE {where}"
        sql = f"SELECT position, {texts} FROM ({numbered}) WHERE list_contains($keys, position)"
        found = {position: tuple(values) for position, *values in engine.rows(sql, given)}
        order = list(rows)
    return [
        {
            name: _cut(str(value), max_chars)
            for name, value in zip(columns, found.get(key, ()), strict=False)
            if value is not None
        }
        for key in order
    ]


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else text[:max_chars] + "…"
