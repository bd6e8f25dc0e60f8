"""Join: the staged tables of all versions into one, in the order of the first one's rows."""

from collections.abc import Mapping, Sequence

from seatrial.data.coding import Coding
from seatrial.data.engine import DuckDBEngine
from seatrial.data.predictions import Predictions
from seatrial.data.staging import Table
from seatrial.errors import DataError, listed

LEAST_MATCHED = 0.5
LARGE_ROWS = 20_000_000
"""A frame with more rows is kept in the scratch file, compressed."""


def join_tables(
    engine: DuckDBEngine,
    tables: Sequence[Table],
    parts: Mapping[str, str],
    coding: Coding,
    versions: Sequence[Predictions],
) -> tuple[str, int]:
    """Write the joined table, inner on the key, sorted by the first one's rows; return its name and number of rows.

    (A positional join would be quicker where the ids are in the same order, but DuckDB does not keep the order.)
    Raises `DataError` when fewer than half of the examples are in all files.
    """
    given = dict(coding.parameters)
    for table in tables:
        given |= table.given
    sources = [f"({_rows(table, alone=len(tables) == 1)}) {table.alias}" for table in tables]
    joined = sources[0]
    for table, sql in zip(tables[1:], sources[1:], strict=True):
        joined += f" JOIN {sql} ON {table.alias}.key = g0.key"
    joined += "".join(f" {join}" for join in coding.joins)
    order = " ORDER BY g0.k" if len(tables) > 1 or coding.joins or tables[0].duplicate_ids or tables[0].given else ""
    wanted = ", ".join(f"{sql} AS {name}" for name, sql in parts.items())
    name = engine.fresh("frame", large=tables[0].rows > LARGE_ROWS)
    engine.execute(f"CREATE TABLE {name} AS SELECT {wanted} FROM {joined}{order}", given)
    (n,) = engine.one(f"SELECT count(*) FROM {name}")
    if n == 0 and len(tables) == 1:
        raise DataError(f"{tables[0].stage.source.name} has no rows.")
    if len(tables) > 1:
        _check_matched(tables, versions, n)
    return name, n


def _rows(table: Table, *, alone: bool) -> str:
    """Return the SELECT of a table's rows with their key: one per key, and when joined only those that have one."""
    key = f", {table.key} AS key" if table.key is not None else ""
    sql = f"SELECT *{key} FROM {table.relation}"
    if table.duplicate_ids:
        first = "row_number() OVER (PARTITION BY key ORDER BY k) = 1"
        sql = f"SELECT * FROM ({sql}) QUALIFY {first}{' OR key IS NULL' if alone else ''}"
    return sql if alone else f"SELECT * FROM ({sql}) WHERE key IS NOT NULL"


def _check_matched(tables: Sequence[Table], versions: Sequence[Predictions], n: int) -> None:
    sizes = [table.rows - table.duplicate_ids for table in tables]
    worst = max(range(len(tables)), key=lambda at: sizes[at])
    if n >= LEAST_MATCHED * sizes[worst] and n > 0:
        return
    empty = next((table for table, size in zip(tables, sizes, strict=True) if not table.rows), None)
    if empty is not None:
        raise DataError(f"{empty.stage.source.name} has no rows.")
    shown = [_some_ids(table) for table in (tables[0], tables[worst] if worst else tables[1])]
    ids = " and ".join(
        f"'{versions[t.versions[0]].roles.id}' of {t.stage.source.name} (such as {some})" for t, some in shown
    )
    raise DataError(
        f"Only {n:,} of {sizes[worst]:,} examples are in all files, fewer than half: they are not predictions for "
        f"the same"
        f" examples, or the ids do not fit. Joined were {ids}; name the id column with --id."
    )


def _some_ids(table: Table) -> tuple[Table, str]:
    rows = table.stage.engine.rows(
        f"SELECT key FROM (SELECT {table.key} AS key FROM {table.relation}) WHERE key IS NOT NULL LIMIT 2", table.given
    )
    return table, listed(repr(str(key))[:40] for (key,) in rows) or "none"
