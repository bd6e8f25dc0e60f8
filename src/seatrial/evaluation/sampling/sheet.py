"""The sheet that annotators fill: the drawn rows in a random order, their weights, and empty columns for labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seatrial.data.engine import DuckDBEngine
from seatrial.data.roles import is_prediction_name, plain
from seatrial.data.source import Source, as_text
from seatrial.data.staging import Uses, stage
from seatrial.errors import UsageError, listed
from seatrial.evaluation.sampling.drawing import Drawn
from seatrial.records.results import Slice

ROW, STRATUM, PROBABILITY, WEIGHT, WANTED = (
    "source_row",
    "stratum",
    "inclusion_probability",
    "sample_weight",
    "labels_wanted",
)
_STARTS = ("=", "+", "-", "@", "\t", "\r")


def check_names(source: Source, labels: Sequence[str], hide: Sequence[str]) -> tuple[str, ...]:
    """The columns kept from annotators, as the table writes them; raises `UsageError` where names would clash."""
    own = {plain(name) for name in source.columns}
    clash = [name for name in (ROW, STRATUM, PROBABILITY, WEIGHT, WANTED, *labels) if plain(name) in own]
    if clash:
        raise UsageError(
            f"{source.name} has a column '{clash[0]}' already, which the sheet needs for itself; rename it first."
        )
    hidden = tuple(source.columns[source.place(name, option="--hide")] for name in hide)
    if len(set(hidden)) == len(source.columns):
        raise UsageError("--hide leaves annotators no column to see.")
    return hidden


def telling_columns(source: Source, hidden: Sequence[str]) -> tuple[str, ...]:
    """Columns that annotators would see and that are called like a model's answer or score."""
    scores = {"score", "y_score", "prob", "proba", "probability", "confidence", "logit"}
    return tuple(
        name for name in source.columns if name not in hidden and (is_prediction_name(name) or plain(name) in scores)
    )


def stratum_name(of: Slice) -> str:
    """A stratum as one cell: `segment=a & channel=web`.

    >>> stratum_name({"segment": "a", "channel": "web"}), stratum_name({})
    ('segment=a & channel=web', 'all rows')
    """
    return " & ".join(f"{column}={value}" for column, value in of.items()) or "all rows"


def sheet(source: Source, drawn: Drawn, *, for_spreadsheet: bool = True) -> tuple[dict[str, list[Any]], int]:
    """The columns of the sheet, and how many cells were kept from being read as formulas.

    A text that begins like a formula gets an apostrophe before it where the sheet is for a spreadsheet program.
    """
    record = drawn.record
    names = [name for name in source.columns if name not in record.hidden]
    found = read_rows(source, names, drawn.positions)
    guarded = 0
    if for_spreadsheet:
        for name in names:
            cells = [guarded_text(cell) for cell in found[name]]
            guarded += sum(one != other for one, other in zip(cells, found[name], strict=True))
            found[name] = cells
    strata = [record.strata[code] for code in drawn.stratum]
    many = [len(record.labels) if double else min(1, len(record.labels)) for double in drawn.doubled]
    columns: dict[str, list[Any]] = {ROW: [int(position) + 1 for position in drawn.positions], **found}
    columns[STRATUM] = [stratum_name(one.slice) for one in strata]
    if for_spreadsheet:
        columns[STRATUM] = [guarded_text(cell) for cell in columns[STRATUM]]
    columns[PROBABILITY] = [one.probability for one in strata]
    columns[WEIGHT] = [one.weight for one in strata]
    columns[WANTED] = many
    for label in record.labels:
        columns[label] = [None] * len(many)
    return columns, guarded


def guarded_text(text: str | None) -> str | None:
    """A text with an apostrophe before it where a spreadsheet would compute it; numbers stay as they are.

    >>> guarded_text("=1+1"), guarded_text("-3.5"), guarded_text("plain")
    ("'=1+1", '-3.5', 'plain')
    """
    if text is None or not text.startswith(_STARTS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def read_rows(source: Source, names: Sequence[str], positions: Any) -> dict[str, list[str | None]]:
    """Some rows of a table as texts, in the order asked for."""
    engine = DuckDBEngine()
    places = [source.places[name] for name in names]
    staged = stage(engine, source, Uses(texts=tuple(places)))
    engine.connection.register(
        "asked", {"k": np.asarray(positions, dtype=np.int64), "place": np.arange(len(positions), dtype=np.int64)}
    )
    wanted = ", ".join(as_text(f"CAST(t{place} AS VARCHAR)", "VARCHAR") for place in places)
    sql = f'SELECT {wanted} FROM asked JOIN "{staged.table}" AS s ON s.k = asked.k ORDER BY asked.place'
    rows = engine.rows(sql)
    engine.close()
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def seen_by_annotators(source: Source, hidden: Sequence[str]) -> str:
    """The columns of the sheet in a sentence."""
    return listed([name for name in source.columns if name not in hidden])
