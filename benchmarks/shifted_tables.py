"""Two seeded Parquet tables of one hundred columns, about a third of them moved."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NUMBERS, CATEGORIES = 80, 20
CHUNK = 250_000


def moved(kind: str, k: int) -> bool:
    """Whether column k of the kind differs between the tables: 27 of 80 numbers and 7 of 20 categories."""
    return k % 3 == (0 if kind == "number" else 1)


def name(kind: str, k: int) -> str:
    """Its column's name."""
    return f"{kind}_{k:02d}"


def make_pair(folder: Path, rows: int, *, seed: int = 5) -> tuple[Path, Path]:
    """Write (or find) the reference and the current file of so many rows each."""
    paths = folder / f"shift_old_{rows}.parquet", folder / f"shift_new_{rows}.parquet"
    for current, path in enumerate(paths):
        if not path.exists():
            _write(path, rows, current=bool(current), seed=seed)
    return paths


def _write(path: Path, rows: int, *, current: bool, seed: int) -> None:
    half = path.with_suffix(".part")
    writer = None
    for first in range(0, rows, CHUNK):
        chunk = _chunk(min(CHUNK, rows - first), np.random.default_rng([seed, int(current), first]), current=current)
        writer = writer or pq.ParquetWriter(half, chunk.schema)
        writer.write_table(chunk)
    if writer is not None:
        writer.close()
    half.rename(path)


def _chunk(n: int, rng: np.random.Generator, *, current: bool) -> pa.Table:
    columns = {}
    for k in range(NUMBERS):
        far = 0.05 * (1 + k % 5) if current and moved("number", k) else 0.0
        values = (
            rng.normal(far, 1 + far, n),
            np.exp(rng.normal(3 + far, 1, n)).round(2),
            rng.poisson(20 * (1 + far), n).astype(np.int32),
            rng.gamma(2.0, 1 + far, n).astype(np.float32),
        )[k % 4]
        gone = rng.random(n) < 0.02 if k % 10 == 9 else None
        columns[name("number", k)] = pa.array(values, mask=gone)
    for k in range(CATEGORIES):
        levels = (3, 8, 20, 50)[k % 4]
        weight = 1.0 / np.arange(1, levels + 1)
        if current and moved("category", k):
            weight[levels // 2] *= 1.3
        codes = rng.choice(levels, n, p=weight / weight.sum()).astype(np.int32)
        texts = [f"level {at}" for at in range(levels)]
        columns[name("category", k)] = pa.DictionaryArray.from_arrays(codes, texts).cast(pa.string())
    return pa.table(columns)
