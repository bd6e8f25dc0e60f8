"""A table of moments, wide or long, as checked arrays: one row an arm and time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.engine import DuckDBEngine
from seatrial.data.source import Source
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.experiments.reading import number_sql, text_sql

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]
Integers = NDArray[np.intp]

LONG = ("arm", "day", "metric", "n", "mean", "variance")
"""Columns of the long shape; `count`, `phase` and `experiment` may be there as well."""
WIDE = ("count_c", "count_t", "mean_c", "mean_t", "variance_c", "variance_t")
"""Columns of the wide shape, control and treatment side by side, with `day` and the keys."""
NAMES: dict[str, tuple[str, ...]] = {
    "experiment": ("experiment", "experiment_id", "test", "test_id"),
    "arm": ("arm", "variant", "variant_id", "group", "variation"),
    "phase": ("phase",),
    "metric": ("metric", "metric_id", "metric_name"),
    "day": ("day", "date", "time_since_start", "time", "ds"),
    "n": ("n", "units", "users", "count_units"),
    "mean": ("mean", "average", "avg"),
    "variance": ("variance", "var"),
    "count": ("count", "successes", "conversions"),
}
"""Names a part's column is found by, the first that is there."""


@dataclass(frozen=True, kw_only=True)
class Coded:
    """Texts as codes into the distinct ones, in the order they are met."""

    codes: Integers
    names: list[str]

    @classmethod
    def of(cls, texts: Iterable[Any]) -> "Coded":
        known: dict[str, int] = {}
        codes = [known.setdefault(str(text), len(known)) for text in texts]
        return cls(codes=np.array(codes, dtype=np.intp), names=list(known))

    def __getitem__(self, at: int) -> str:
        return self.names[int(self.codes[at])]


@dataclass(frozen=True, kw_only=True)
class MomentTable:
    """The table as arrays, one row an arm and time: every check is behind us."""

    experiment: Coded
    arm: Coded
    phase: Coded
    metric: Coded
    day: Coded
    n: Floats
    mean: Floats
    variance: Floats
    count: Floats | None


def read_table(
    table: Source,
    columns: dict[str, str],
    *,
    metrics: Sequence[str] | None,
    experiments: Sequence[str] | None,
    variants: Sequence[str] | None,
) -> tuple[MomentTable, bool]:
    unknown = next((part for part in columns if part not in (*NAMES, *WIDE)), None)
    if unknown is not None:
        parts = [*NAMES, *WIDE]
        raise UsageError(
            f"A table of moments has no part '{unknown}'.{did_you_mean(unknown, parts)} "
            f"Parts: {listed(parts, limit=20)}."
        )
    wide = all(_find(table, columns, part) is not None for part in WIDE)
    places = {part: _find(table, columns, part) for part in (*NAMES, *(WIDE if wide else ()))}
    if not wide:
        lacking = [p for p in ("arm", "n", "mean", "variance") if places[p] is None]
        if lacking:
            raise UsageError(
                f"{table.name} has no column for '{lacking[0]}'. Moments are in the long shape ({', '.join(LONG)}) or "
                f"in the wide one ({', '.join(WIDE)}); its columns: {listed(table.columns)}."
            )
    texts = ("experiment", "arm", "phase", "metric", "day")
    numbers = WIDE if wide else ("n", "mean", "variance", "count")
    held = _columns(table, {p: at for p, at in places.items() if at is not None and p in (*texts, *numbers)}, numbers)
    size = len(next(iter(held.values())))
    if size == 0:
        raise DataError(f"{table.name} has no rows.")
    words = {p: held.get(p, np.full(size, "", dtype=object)) for p in texts}
    if "metric" not in held:
        words["metric"] = np.full(size, "metric", dtype=object)
    if "day" not in held:
        words["day"] = np.full(size, "all days", dtype=object)
    for part in texts:
        if part in held and (held[part] == None).any():  # noqa: E711  element by element
            at = int(np.flatnonzero(held[part] == None)[0])  # noqa: E711
            raise DataError(f"{table.name}, row {at + 1}: no {part}.")
    mine = np.ones(size, dtype=bool)
    for part, chosen in (("experiment", experiments), ("arm", variants if wide else None), ("metric", metrics)):
        if chosen is not None:
            given = sorted(set(words[part].tolist()))
            wrong = next((c for c in map(str, chosen) if c not in given), None)
            if wrong is not None:
                what = "variant" if part == "arm" else part
                raise UsageError(
                    f"{table.name} has no {what} '{wrong}'.{did_you_mean(wrong, given)} There are {listed(given)}."
                )
            mine &= np.isin(words[part].astype(str), [str(c) for c in chosen])
    words = {part: values[mine] for part, values in words.items()}
    amounts = {part: held[part][mine] for part in numbers if part in held}
    rows = _unfolded(words, amounts) if wide else _long(words, amounts)
    _checked(rows, table.name, wide=wide)
    return rows, wide


def _find(table: Source, columns: Mapping[str, str], part: str) -> int | None:
    if part in columns:
        return table.place(columns[part], option=f"the column for '{part}'")
    return next((at for name in NAMES.get(part, (part,)) if (at := table.find(name)) is not None), None)


def _columns(table: Source, places: Mapping[str, int], numbers: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Texts as objects (None where missing), numbers as doubles (NaN where missing or none)."""
    wanted = []
    for part, place in places.items():
        kind = table.kinds[place]
        if part in numbers:
            value, wrong = number_sql(f"c{place}", kind)
            wanted += [f"{value} AS {part}", f"{wrong} AS wrong_{part}"]
        else:
            wanted.append(f"{text_sql(f'c{place}', kind)} AS {part}")
    with DuckDBEngine(threads=1) as engine:
        scanned = table.scan(engine, sorted(set(places.values())))
        found = engine.query(f"SELECT {', '.join(wanted)} FROM {scanned}")
    held: dict[str, NDArray[Any]] = {}
    for part in places:
        if part not in numbers:
            held[part] = np.asarray(found[part], dtype=object)
            continue
        wrong_rows = np.flatnonzero(np.asarray(found[f"wrong_{part}"], dtype=float) > 0)
        if len(wrong_rows) and not part.startswith(("mean", "variance")):
            raise DataError(f"{table.name}, row {wrong_rows[0] + 1}: {part} is not a number.")
        numeric: Floats = np.ma.filled(np.ma.asarray(found[part], dtype=float), np.nan)
        held[part] = numeric
    return held


def _long(words: Mapping[str, Texts], amounts: Mapping[str, Floats]) -> MomentTable:
    coded = {part: Coded.of(values.tolist()) for part, values in words.items()}
    return MomentTable(
        experiment=coded["experiment"],
        arm=coded["arm"],
        phase=coded["phase"],
        metric=coded["metric"],
        day=coded["day"],
        n=amounts["n"],
        mean=amounts["mean"],
        variance=amounts["variance"],
        count=amounts.get("count"),
    )


def _unfolded(words: Mapping[str, Texts], amounts: Mapping[str, Floats]) -> MomentTable:
    """A wide table as a long one: each variant is an experiment of its own, with its control."""
    pairs = list(zip(words["experiment"].tolist(), words["arm"].tolist(), strict=True))
    names = [f"{e}/{v}" if e and v else e or v for e, v in pairs]
    arms = ["treatment" if not v or v == "control" else v for _, v in pairs]

    def both(part: str) -> Floats:
        return np.concatenate([amounts[f"{part}_c"], amounts[f"{part}_t"]])

    return _long(
        {
            part: np.array([*values, *values], dtype=object)
            for part, values in words.items()
            if part not in ("experiment", "arm")
        }
        | {
            "experiment": np.array([*names, *names], dtype=object),
            "arm": np.array([*["control"] * len(arms), *arms], dtype=object),
        },
        {"n": both("count"), "mean": both("mean"), "variance": both("variance")},
    )


def _checked(rows: MomentTable, name: str, *, wide: bool) -> None:
    """Refuse rows that cannot be moments, in one sentence about the first."""
    whole = np.abs(rows.n - np.round(rows.n)) <= 1e-6 * np.maximum(rows.n, 1.0)
    wrong = [
        (~np.isfinite(rows.n), "the number of units is missing"),
        (rows.n < 0, "the number of units is negative"),
        (~whole, "the number of units is not a whole number"),
        ((rows.n > 0) & ~np.isfinite(rows.mean), "the mean is missing"),
        (rows.variance < 0, "the variance is negative"),
    ]
    if rows.count is not None:
        odd = (rows.count < 0) | (rows.count > rows.n + 1e-9)
        wrong.append((odd, "the count is not between 0 and the number of units"))
    for mask, sentence in wrong:
        if mask.any():
            raise DataError(f"{name}: {_place(rows, int(np.flatnonzero(mask)[0]), wide=wide)}: {sentence}.")
    parts = (rows.experiment, rows.metric, rows.phase, rows.arm, rows.day)
    key = np.ravel_multi_index([p.codes for p in parts], [len(p.names) for p in parts])
    _, first, times = np.unique(key, return_index=True, return_counts=True)
    if (times > 1).any():
        at = int(np.flatnonzero(times > 1)[0])
        raise DataError(
            f"{name}: {_place(rows, int(first[at]), wide=wide)}: there are {times[at]} such rows; keep one row for "
            "every arm, metric and time."
        )


def _place(rows: MomentTable, at: int, *, wide: bool) -> str:
    parts = [
        f"experiment {rows.experiment[at]}" if rows.experiment[at] else "",
        f"arm {rows.arm[at]}" if not wide else str(rows.arm[at]),
        f"phase {rows.phase[at]}" if rows.phase[at] else "",
        f"metric {rows.metric[at]}",
        f"{rows.day[at]}" if rows.day[at] == "all days" else f"time {rows.day[at]}",
    ]
    return ", ".join(part for part in parts if part)
