"""Unit tables built by hand, and what NumPy says of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seatrial.data.engine import DuckDBEngine
from seatrial.experiments.table import Counts, Segment, UnitTable


def unit_table(
    columns: Mapping[str, Any],
    *,
    arm: Any,
    phase: Any = None,
    segments: Mapping[str, tuple[Any, Sequence[str]]] | None = None,
    unit: Any = None,
    arms: Sequence[str] = ("A", "B"),
    phases: Sequence[str] = ("start",),
    threads: int = 2,
    clustered: bool = False,
) -> UnitTable:
    """A table of arrays, NaN for missing."""
    engine = DuckDBEngine(threads=threads)
    n = len(arm)
    held: dict[str, Any] = {
        "unit": np.array([f"u{i}" for i in range(n)] if unit is None else [str(u) for u in unit], dtype=object),
        "arm": np.asarray(arm, dtype=np.int32),
        "phase": np.zeros(n, np.int32) if phase is None else np.asarray(phase, dtype=np.int32),
    }
    made = []
    for i, (name, (codes, levels)) in enumerate((segments or {}).items()):
        held[f"s{i}"] = np.asarray(codes, dtype=np.int32)
        made.append(Segment(name=name, levels=tuple(levels)))
    names = {}
    for i, (name, values) in enumerate(columns.items()):
        names[name] = f"c{i}"
        held[f"c{i}"] = np.asarray(values, dtype=float)
    engine.connection.register("given", held)
    numbers = ", ".join(f"CASE WHEN isnan({c}) THEN NULL ELSE {c} END AS {c}" for c in names.values())
    keys = ", ".join(k for k in held if k not in names.values())
    engine.execute(f"CREATE TABLE units AS SELECT {keys}, {numbers} FROM given")
    engine.connection.unregister("given")
    return UnitTable(
        engine=engine,
        table="units",
        arms=tuple(arms),
        phases=tuple(phases),
        segments=tuple(made),
        columns=names,
        unit="user",
        counts=Counts(units=n),
        sources=(),
        clustered=clustered,
    )
