"""The cells of structured answers in the engine: read as answers, counted, and the counts put beside the rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seatrial.data.answers.counting import Cells, Counts, count_answers, read_cells
from seatrial.data.engine import DuckDBEngine, quoted
from seatrial.data.predictions import Predictions
from seatrial.data.staging import Table


def answers_of(task: str, one: Predictions, table: Table, column: str, role: str) -> list[Any]:
    """Every answer of one column of a version's own file; raises `DataError` that names a row it cannot read."""
    place = table.stage.source.places[column]
    found = table.stage.engine.rows(
        f"SELECT k, CAST(t{place} AS VARCHAR) FROM {table.relation} ORDER BY k", table.given
    )
    cells = Cells(
        source=one.source_name,
        role=role,
        texts=[text for _, text in found],
        rows=[f"row {int(at) + 1:,}" for at, _ in found],
    )
    return read_cells(task, cells)


def counted_table(
    engine: DuckDBEngine,
    joined: str,
    versions: Sequence[Predictions],
    *,
    task: str,
    labels: Sequence[str],
    has_id: bool,
    first: int,
) -> tuple[str, Counts]:
    """Return the joined table with columns `value_<i>_<k>` for what was counted, k from `first`, and the counts."""
    many = len(versions)
    named = "CAST(id AS VARCHAR)" if has_id else "CAST(rowid + 1 AS VARCHAR)"
    columns = ", ".join(f"prediction_{i}" for i in range(many))
    read = engine.rows(f"SELECT {named}, target, {columns} FROM {joined} ORDER BY rowid")
    rows = [f"id {row[0]}" if has_id else f"row {row[0]}" for row in read]

    def cells(role: str, version: int, position: int) -> Cells:
        return Cells(source=versions[version].source_name, role=role, texts=[row[position] for row in read], rows=rows)

    predicted = [cells("prediction", i, 2 + i) for i in range(many)]
    counts = count_answers(
        task,
        read_cells(task, cells("target", 0, 1)),
        [read_cells(task, one) for one in predicted],
        labels=labels,
        where=predicted,
        threshold=versions[0].threshold,
    )
    arrays: dict[str, Any] = {"place": np.arange(len(read), dtype=np.int64)}
    wanted: list[str] = []
    for version, values in enumerate(counts.values):
        for place, column in enumerate(values):
            name = f"value_{version}_{first + place}"
            arrays[name] = np.ascontiguousarray(column)
            wanted.append(f"CASE WHEN isnan(c.{name}) THEN NULL ELSE c.{name} END AS {name}")
    held, table = engine.fresh("counts"), engine.fresh("frame", large=engine.is_large(joined))
    engine.connection.register(held, arrays)
    engine.execute(
        f"CREATE TABLE {table} AS SELECT t.*, {', '.join(wanted)} FROM {joined} t"
        f" JOIN {quoted(held)} c ON c.place = t.rowid ORDER BY t.rowid"
    )
    engine.connection.unregister(held)
    engine.execute(f"DROP TABLE {joined}")
    return table, counts
