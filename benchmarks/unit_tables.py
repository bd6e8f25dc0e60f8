"""Seeded tables of an experiment: ready unit rows with what was known before; exposures with events of four weeks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ARMS = ("control", "ranker-a", "ranker-b")
COUNTRIES = tuple(f"country {number:02d}" for number in range(1, 21))
VALUES = ("revenue", "orders", "converted", "sessions", "minutes", "clicks", "views")
DAYS = 28
EVENTS_PER_UNIT, VISITS = 20, 5
"""On average; a unit's events fall into its visits, each of an hour."""
CHUNK = 500_000


def unit_chunks(rows: int, *, seed: int) -> Iterator[pa.Table]:
    """Unit rows in chunks, each from its own seed: unit, arm, country, seven values, and the same before."""
    for first in range(0, rows, CHUNK):
        n = min(CHUNK, rows - first)
        rng = np.random.default_rng([seed, first])
        arm = rng.integers(0, len(ARMS), n, dtype=np.int8)
        country = np.minimum(rng.geometric(0.12, n) - 1, len(COUNTRIES) - 1).astype(np.int8)
        taste = rng.gamma(1.5, 1 / 1.5, n)
        columns = {"unit": pa.array(np.arange(first, first + n)), "arm": _texts(arm, ARMS)}
        columns["country"] = _texts(country, COUNTRIES)
        for before in ("pre_", ""):
            lift = 1 + 0.01 * (arm if not before else 0)
            sessions = rng.poisson(3 * taste * lift).astype(np.int32) + (not before)
            views = rng.poisson(8.0 * sessions).astype(np.int32)
            clicks = rng.binomial(views, 0.1).astype(np.int32)
            orders = rng.binomial(sessions, 0.06).astype(np.int32)
            revenue = np.round(orders * rng.gamma(4.0, 9.0, n), 2)
            minutes = np.round(sessions * rng.gamma(2.0, 3.0, n), 1)
            made = (revenue, orders, (orders > 0).astype(np.int32), sessions, minutes, clicks, views)
            columns |= {f"{before}{name}": pa.array(one) for name, one in zip(VALUES, made, strict=True)}
        yield pa.table(columns)


def make_units(folder: Path, rows: int, *, seed: int = 11) -> Path:
    """Write (or find) the Parquet file of so many units."""
    path = folder / f"units_{rows}.parquet"
    if not path.exists():
        _write(path, unit_chunks(rows, seed=seed))
    return path


def event_chunks(rows: int, *, seed: int) -> Iterator[pa.Table]:
    """Events in chunks, whole units each: twenty a unit on average, in five visits over what is left of four weeks."""
    units = CHUNK // EVENTS_PER_UNIT
    for first in range(0, rows, CHUNK):
        n = min(CHUNK, rows - first)
        rng = np.random.default_rng([seed, first])
        unit = first // EVENTS_PER_UNIT + rng.integers(0, max(min(units, n // EVENTS_PER_UNIT), 1), n)
        start = _starts(unit, seed)
        visit = _shares(unit * VISITS + rng.integers(0, VISITS, n), seed + 1)
        seconds = start + visit * (DAYS * 86_400 - 3_600 - start) + 3_600 * rng.random(n)
        orders = (rng.random(n) < 0.08).astype(np.int32)
        yield pa.table(
            {
                "unit": pa.array(unit),
                "time": pa.array((seconds * 1e6).astype(np.int64) + _FIRST).cast(pa.timestamp("us")),
                "revenue": pa.array(np.round(orders * rng.gamma(4.0, 9.0, n), 2)),
                "orders": pa.array(orders),
                "minutes": pa.array(np.round(rng.gamma(2.0, 3.0, n), 1)),
            }
        )


def exposure_chunks(rows: int, *, seed: int) -> Iterator[pa.Table]:
    """One exposure of every unit of `event_chunks`."""
    units = max(rows // EVENTS_PER_UNIT, 1)
    for first in range(0, units, CHUNK):
        unit = np.arange(first, min(first + CHUNK, units))
        rng = np.random.default_rng([seed, 1, first])
        arm = rng.integers(0, 2, len(unit), dtype=np.int8)
        time = (_starts(unit, seed) * 1e6).astype(np.int64) + _FIRST
        yield pa.table(
            {
                "unit": pa.array(unit),
                "time": pa.array(time).cast(pa.timestamp("us")),
                "arm": _texts(arm, ARMS),
            }
        )


def make_events(folder: Path, rows: int, *, seed: int = 12) -> tuple[Path, Path]:
    """Write (or find) the Parquet files of exposures and of so many events."""
    paths = folder / f"exposures_{rows}.parquet", folder / f"events_{rows}.parquet"
    for path, chunks in zip(paths, (exposure_chunks, event_chunks), strict=True):
        if not path.exists():
            _write(path, chunks(rows, seed=seed))
    return paths


_FIRST = 1_767_571_200_000_000  # a Monday, 2026-01-05, in microseconds


def _starts(unit: np.ndarray, seed: int) -> np.ndarray:
    """Seconds from the first day to a unit's first exposure, a fixed hash of its number; more come early."""
    return DAYS * 86_400 * 0.9 * _shares(unit, seed) ** 2


def _shares(number: np.ndarray, seed: int) -> np.ndarray:
    """A fixed hash of whole numbers to [0, 1)."""
    mixed = (number.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    return ((mixed * np.uint64(0xBF58476D1CE4E5B9)) >> np.uint64(11)).astype(np.float64) / 2**53


def _texts(codes: np.ndarray, levels: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), list(levels)).cast(pa.string())


def _write(path: Path, chunks: Iterator[pa.Table]) -> None:
    part = path.with_suffix(".part")
    writer: pq.ParquetWriter | None = None
    for chunk in chunks:
        writer = writer or pq.ParquetWriter(part, chunk.schema)
        writer.write_table(chunk, row_group_size=CHUNK)
    if writer is not None:
        writer.close()
        part.rename(path)
