"""Seeded prediction files: two binary classifiers on the same rows, with six text columns to slice by."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LEVELS = (2, 3, 5, 10, 20, 50)
SLICES = tuple(f"cut_{size}" for size in LEVELS)
ROLES: dict[str, Any] = {"target": "target", "prediction": "prediction", "score": "score", "id": "id", "positive": "1"}
CHUNK = 250_000


def slice_names(k: int) -> list[str]:
    """Level names of one slice column."""
    return [f"{chr(97 + k)}{level:02d}" for level in range(LEVELS[k])]


def chunks(rows: int, *, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """Rows in chunks, each from its own seed: target, a score a model, codes of the slices."""
    for first in range(0, rows, CHUNK):
        n = min(CHUNK, rows - first)
        rng = np.random.default_rng([seed, first])
        codes = {name: rng.integers(0, size, n) for name, size in zip(SLICES, LEVELS, strict=True)}
        # slices differ in how common positives are and in how well the models tell
        signal = rng.standard_normal(n) - 0.6 + 0.3 * codes["cut_3"] - 0.02 * codes["cut_20"]
        target = rng.random(n) < 1 / (1 + np.exp(-2 * signal))
        noise = rng.standard_normal((2, n))
        scores = [1 / (1 + np.exp(-(1.6 * signal + spread * noise[m]))) for m, spread in enumerate((1.0, 0.9))]
        yield {
            "id": np.arange(first, first + n),
            "target": target.astype(np.int64),
            "scores": np.stack(scores),
            **codes,
        }


def table(chunk: dict[str, np.ndarray], model: int) -> pa.Table:
    """One model's rows as an Arrow table."""
    score = chunk["scores"][model]
    columns = {
        "id": chunk["id"],
        "target": chunk["target"],
        "prediction": (score > 0.5).astype(np.int64),
        "score": score,
    }
    cuts = {
        name: pa.DictionaryArray.from_arrays(chunk[name].astype(np.int32), slice_names(k)).cast(pa.string())
        for k, name in enumerate(SLICES)
    }
    return pa.table({**columns, **cuts})


def make(folder: Path, rows: int, *, seed: int = 7) -> tuple[Path, Path]:
    """Write (or find) the two models' Parquet files of so many rows."""
    paths = tuple(folder / f"rows_{rows}_{name}.parquet" for name in ("baseline", "candidate"))
    if not all(path.exists() for path in paths):
        writers: list[pq.ParquetWriter] = []
        for chunk in chunks(rows, seed=seed):
            for model, path in enumerate(paths):
                data = table(chunk, model)
                if len(writers) <= model:
                    writers.append(pq.ParquetWriter(path.with_suffix(".part"), data.schema))
                writers[model].write_table(data, row_group_size=CHUNK)
        for writer, path in zip(writers, paths, strict=True):
            writer.close()
            path.with_suffix(".part").rename(path)
    return paths[0], paths[1]


def make_csv(folder: Path, gigabytes: float, *, seed: int = 7) -> tuple[Path, Path]:
    """Write (or find) the two models' CSV files, each at least so large."""
    import pyarrow.csv as csv

    paths = tuple(folder / f"size_{gigabytes:g}_{name}.csv" for name in ("baseline", "candidate"))
    if not all(path.exists() for path in paths):
        wanted, files = gigabytes * 1e9, [path.with_suffix(".part") for path in paths]
        writers: list[csv.CSVWriter] = []
        for chunk in chunks(10**12, seed=seed):
            for model, path in enumerate(files):
                data = table(chunk, model)
                if len(writers) <= model:
                    writers.append(csv.CSVWriter(path, data.schema))
                writers[model].write_table(data)
            if all(path.stat().st_size >= wanted for path in files):
                break
        for writer, part, path in zip(writers, files, paths, strict=True):
            writer.close()
            part.rename(path)
    return paths[0], paths[1]
