"""Keys: what rows of several files are paired by, the id in one writing for all files or the row's position."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seatrial.data.predictions import Predictions
from seatrial.data.roles import ROW
from seatrial.data.staging import Table
from seatrial.errors import DataError, UsageError


def keyed(tables: Sequence[Table], versions: Sequence[Predictions], *, pair_by_row: bool) -> tuple[list[Table], bool]:
    """Give every table its key, its counts and one row per key; say whether the key is an id of the examples."""
    roles = [versions[table.versions[0]].roles for table in tables]
    by_row = pair_by_row or any(one.id == ROW for one in roles)
    if len(tables) > 1 and not by_row and any(one.id is None for one in roles):
        lacking = next(table for table, one in zip(tables, roles, strict=True) if one.id is None)
        raise UsageError(
            f"{lacking.stage.source.name} has no id column that can be recognised, so its rows cannot be paired. "
            f"Name it"
            " with --id, pair rows in the same order with --id @row, or compare without pairs with --unpaired."
        )
    if by_row or roles[0].id is None:
        return _keyed_by_row(tables), False
    forms = [_id_form(table) for table in tables]
    counted: list[Table] = []
    for table, form in zip(tables, forms, strict=True):
        text = "id_t"
        if form.decimal:
            text = "CASE WHEN id_t IS NOT NULL THEN left(id_t, length(id_t) - 2) END"
        numeric = all(one.texts == 0 or one.decimal for one in forms)
        key = "id_n" if numeric and not any(one.decimal for one in forms) else None
        if key is None and numeric:
            key = f"COALESCE(id_n, TRY_CAST({text} AS BIGINT))"
        if key is None:
            key = f"COALESCE({text}, CAST(id_n AS VARCHAR))"
        duplicates = _duplicates(table, key, form.rows - form.missing)
        one = replace(table, rows=form.rows, missing_ids=form.missing, duplicate_ids=duplicates, key=key)
        counted.append(one)
    return counted, True


def _keyed_by_row(tables: Sequence[Table]) -> list[Table]:
    keyed: list[Table] = []
    for table in tables:
        (rows,) = table.stage.engine.one(f"SELECT count(*) FROM {table.relation}", table.given)
        key = "k" if not table.given else "row_number() OVER (ORDER BY k)"
        keyed.append(replace(table, rows=rows, key=key))
    sizes = {table.rows for table in keyed}
    if len(sizes) > 1:
        shown = " and ".join(f"{table.stage.source.name} {table.rows:,}" for table in keyed)
        raise DataError(
            f"Rows cannot be paired by their order, since the files have different numbers of them: {shown}."
        )
    return keyed


@dataclass(frozen=True, kw_only=True)
class _IdForm:
    rows: int
    missing: int
    texts: int
    """Ids that are not whole numbers."""
    decimal: bool
    """Whether all of those are whole numbers written as 1.0."""


def _id_form(table: Table) -> _IdForm:
    decimal = r"regexp_full_match(id_t, '-?(0|[1-9][0-9]{0,17})\.0')"
    rows, whole, texts, decimals = table.stage.engine.one(
        f"SELECT count(*), count(id_n), count(id_t), count(*) FILTER (WHERE {decimal}) FROM {table.relation}",
        table.given,
    )
    all_decimal = texts > 0 and decimals == texts and whole == 0
    return _IdForm(rows=rows, missing=rows - whole - texts, texts=texts, decimal=all_decimal)


def _duplicates(table: Table, key: str, present: int) -> int:
    """Return how many rows repeat an id; ids in ascending order are seen to be distinct without counting."""
    keys = f"SELECT {key} AS key, k FROM {table.relation}"
    engine = table.stage.engine
    (falls,) = engine.one(
        f"SELECT count(*) FROM (SELECT key, lag(key) OVER () AS before FROM ({keys}) WHERE key IS NOT NULL)"
        " WHERE key <= before",
        table.given,
    )
    if not falls:
        return 0
    (distinct,) = engine.one(f"SELECT count(DISTINCT key) FROM ({keys})", table.given)
    return int(present - distinct)
