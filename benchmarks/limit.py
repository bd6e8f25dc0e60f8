"""The hand-written limit: the best single-purpose code for these nine metrics on these slices; values only."""

import ctypes
import shutil
import subprocess
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.rows import LEVELS, SLICES, slice_names

METRICS = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "specificity",
    "roc_auc",
    "log_loss",
    "brier_score",
    "expected_calibration_error",
)
Groupings = list[tuple[int, ...]]
TINY = np.finfo(float).eps


def groupings() -> Groupings:
    """All rows, each column, each pair of columns: positions in `SLICES`."""
    alone: Groupings = [(k,) for k in range(len(LEVELS))]
    return [(), *alone, *combinations(range(len(LEVELS)), 2)]


def sizes() -> list[int]:
    """Slices of each grouping."""
    return [int(np.prod([LEVELS[k] for k in g])) for g in groupings()]


def slice_keys() -> list[dict[str, str]]:
    """Every slice by name, in the order of the values."""
    found = []
    for chosen in groupings():
        for index in range(int(np.prod([LEVELS[k] for k in chosen]))):
            at = np.unravel_index(index, tuple(LEVELS[k] for k in chosen)) if chosen else ()
            found.append({SLICES[k]: slice_names(k)[int(p)] for k, p in zip(chosen, at, strict=True)})
    return found


def read_columns(path: str) -> dict[str, np.ndarray]:
    """Target, prediction, score and slice codes of a Parquet file, without the id."""
    wanted = ["target", "prediction", "score", *SLICES]
    table = pq.read_table(path, columns=wanted, read_dictionary=list(SLICES))
    found = {"score": table["score"].to_numpy()}
    for name in ("target", "prediction"):
        found[name] = table[name].to_numpy().astype(np.uint8)
    for k, name in enumerate(SLICES):
        column = table[name].combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        rank = {level: at for at, level in enumerate(slice_names(k))}
        lookup = np.array([rank[level] for level in column.dictionary.to_pylist()], dtype=np.uint8)
        found[name] = lookup[column.indices.to_numpy()]
    return found


def compiled() -> ctypes.CDLL | None:
    """The C code of `limit.c`, compiled once a user; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    source = Path(__file__).with_name("limit.c")
    folder = Path(tempfile.gettempdir()) / f"seatrial-limit-{source.stat().st_mtime_ns}"
    library = folder / "limit.so"
    if not library.exists():
        folder.mkdir(exist_ok=True)
        subprocess.run(
            [compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", str(library), str(source)], check=True
        )
    return ctypes.CDLL(str(library))


def by_hand(path: str) -> np.ndarray:
    """Nine values on every slice, (slices, 9), NaN where there is none."""
    data = read_columns(path)
    library = compiled()
    return in_c(data, library) if library else in_numpy(data)


def in_c(data: dict[str, np.ndarray], library: ctypes.CDLL) -> np.ndarray:
    """One sort by score, one pass over all slices at once."""
    packed = data["target"].astype(np.uint64)
    packed |= data["prediction"].astype(np.uint64) << np.uint64(1)
    for k, name in enumerate(SLICES):
        packed |= data.pop(name).astype(np.uint64) << np.uint64(8 + 8 * k)
    score = data["score"]
    order = np.argsort(score)
    packed, score = packed[order], score[order]
    chance = np.where((packed & np.uint64(1)).astype(bool), score, 1 - score)
    loss = -np.log(np.maximum(chance, TINY))
    cells = sum(sizes())
    out = np.empty((cells, len(METRICS)))
    levels = np.array(LEVELS, dtype=np.int64)
    pointer = ctypes.c_void_p
    library.limit(
        packed.ctypes.data_as(pointer),
        score.ctypes.data_as(pointer),
        loss.ctypes.data_as(pointer),
        ctypes.c_int64(len(score)),
        ctypes.c_int(len(LEVELS)),
        levels.ctypes.data_as(pointer),
        ctypes.c_int64(cells),
        out.ctypes.data_as(pointer),
    )
    return out


def in_numpy(data: dict[str, np.ndarray]) -> np.ndarray:
    """One sort by score, then a stable regrouping a slicing."""
    order = np.argsort(data["score"])
    data = {name: column[order] for name, column in data.items()}
    score, target = data["score"], data["target"].astype(np.int64)
    kind = target * 2 + data["prediction"]
    chance = np.where(target == 1, score, 1 - score)
    loss, square = -np.log(np.maximum(chance, TINY)), (score - target) ** 2
    found = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for chosen, size in zip(groupings(), sizes(), strict=True):
            where = np.zeros(len(score), dtype=np.uint16)
            for k in chosen:
                where = where * np.uint16(LEVELS[k]) + data[SLICES[k]]
            counts = np.bincount(where.astype(np.int64) * 4 + kind, minlength=4 * size).reshape(size, 4)
            tn, fp, fn, tp = counts.T.astype(float)
            n = counts.sum(axis=1)
            place = np.argsort(where, kind="stable")
            positive, first = target[place], np.cumsum(n) - n
            below = np.cumsum(1 - positive)
            before = np.append(0, below)[first]
            wins = np.bincount(where[place], positive * below, size) - (tp + fn) * before
            bins = np.minimum(15, n // 50)
            gaps = np.full(size, np.nan)
            asked = np.repeat(np.arange(size), bins)
            step = np.arange(len(asked)) - np.repeat(np.cumsum(bins) - bins, bins)
            edges = first[asked] + step * n[asked] // bins[asked]
            if len(edges):
                everywhere = np.unique(np.append(edges, first[n > 0]))
                gap = np.abs(np.add.reduceat(positive - score[place], everywhere))[np.isin(everywhere, edges)]
                gaps = np.where(bins > 0, np.bincount(asked, gap, size), np.nan)
            found.append(
                np.stack(
                    [
                        (tp + tn) / n,
                        tp / (tp + fp),
                        tp / (tp + fn),
                        2 * tp / (2 * tp + fp + fn),
                        tn / (tn + fp),
                        wins / ((tp + fn) * (tn + fp)),
                        np.bincount(where, loss, size) / n,
                        np.bincount(where, square, size) / n,
                        gaps / n,
                    ],
                    axis=1,
                )
            )
    return np.concatenate(found)
