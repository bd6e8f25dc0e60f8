"""Join: the staged tables of all versions into one, in the order of the first one's rows."""

from collections.abc import Mapping, Sequence

from seatrial.data.coding import Coding
from seatrial.data.engine import DuckDBEngine, quoted
from seatrial.data.predictions import Predictions
from seatrial.data.staging import Table
from seatrial.errors import DataError, listed

LEAST_MATCHED = 0.5
_FIRST_ROWS = 1000


def join_tables(
    engine: DuckDBEngine,
    tables: Sequence[Table],
    parts: Mapping[str, str],
    coding: Coding,
    versions: Sequence[Predictions],
) -> tuple[str, int]:
    """Write the joined table and return its name and number of rows.

    Files that hold the same ids in the same order are laid side by side; others are joined by a hash table and sorted.
    Raises `DataError` when fewer than half of the examples are in all files.
    """
    given = dict(coding.parameters)
    for table in tables:
        given |= table.given
    side_by_side = len(tables) > 1 and not coding.joins and all(_same_order(tables[0], table) for table in tables[1:])
    sources = [f"({_rows(table, alone=len(tables) == 1, whole=side_by_side)}) {table.alias}" for table in tables]
    if side_by_side:
        joined, order = " POSITIONAL JOIN ".join(sources), ""
    else:
        joined = sources[0]
        for table, sql in zip(tables[1:], sources[1:], strict=True):
            joined += f" JOIN {sql} ON {table.alias}.key = g0.key"
        joined += "".join(f" {join}" for join in coding.joins)
        order = " ORDER BY g0.k" if len(tables) > 1 or coding.joins or tables[0].duplicate_ids else ""
    wanted = ", ".join(f"{sql} AS {name}" for name, sql in parts.items())
    name = engine.fresh("frame")
    engine.execute(f"CREATE TABLE {quoted(name)} AS SELECT {wanted} FROM {joined}{order}", given)
    (n,) = engine.one(f"SELECT count(*) FROM {quoted(name)}")
    if n == 0 and len(tables) == 1:
        raise DataError(f"{tables[0].stage.source.name} has no rows.")
    if len(tables) > 1:
        _check_matched(tables, versions, n)
    return name, n


def _rows(table: Table, *, alone: bool, whole: bool) -> str:
    """Return the SELECT of a table's rows with their key: one row per key, and when it is joined only rows that have one."""
    key = f", {table.key} AS key" if table.key is not None else ""
    sql = f"SELECT *{key} FROM {table.relation}"
    if table.duplicate_ids:
        first = "row_number() OVER (PARTITION BY key ORDER BY k) = 1"
        sql = f"SELECT * FROM ({sql}) QUALIFY {first}{' OR key IS NULL' if alone else ''}"
    return sql if alone or whole else f"SELECT * FROM ({sql}) WHERE key IS NOT NULL"


def _same_order(first: Table, other: Table) -> bool:
    """Return whether two tables hold the same keys in the same order."""
    if first.rows != other.rows or first.given or other.given:
        return False
    if any(table.missing_ids or table.duplicate_ids for table in (first, other)):
        return False
    engine = first.stage.engine
    heads = [
        engine.rows(f"SELECT {table.key} AS key FROM {table.relation} LIMIT {_FIRST_ROWS}") for table in (first, other)
    ]
    if heads[0] != heads[1]:
        return False
    keys = [f"(SELECT {table.key} AS key FROM {table.relation})" for table in (first, other)]
    sql = f"SELECT count(*) FROM {keys[0]} a POSITIONAL JOIN {keys[1]} b WHERE a.key IS DISTINCT FROM b.key"
    return bool(engine.one(sql)[0] == 0)


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
        f"Only {n:,} of {sizes[worst]:,} examples are in all files, fewer than half: they are not predictions for the same"
        f" examples, or the ids do not fit. Joined were {ids}; name the id column with --id."
    )


def _some_ids(table: Table) -> tuple[Table, str]:
    rows = table.stage.engine.rows(
        f"SELECT key FROM (SELECT {table.key} AS key FROM {table.relation}) WHERE key IS NOT NULL LIMIT 2", table.given
    )
    return table, listed(repr(str(key))[:40] for (key,) in rows) or "none"
