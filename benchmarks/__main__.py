"""Every benchmark, as Markdown tables of one run; `--write` puts them into docs/benchmarks.md."""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import audited, big_csv, daily_looks, experiment, many_sequences, paired, runner, shift, sliced, start

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
ONES = ("sliced", "paired", "experiment", "sequences", "looks", "runner", "shift", "audit", "start", "csv")
LIBRARIES = ("seatrial", "numpy", "duckdb", "scikit-learn", "fairlearn", "scipy", "tea-tasting")
UNITS = 5_000_000
"""Rows of the experiments where none are asked for."""
INTRODUCTION = """\
# Benchmarks

Made by `make bench ARGS=--write`. All contenders run on the same machine in the same run, each in a process of its own;
read the ratios, not the seconds. *Processor* is user and system time of all threads, from the start of the interpreter
to the values handed back. The hand-written limit is `benchmarks/limit.c`: values only, no interval, for this one task,
these columns, and scores that never tie."""


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=ONES, action="append", help="run only these (default: all)")
    parser.add_argument(
        "--rows",
        type=int,
        action="append",
        help="rows of the sliced run (default: 1 and 10 million), and units and events of the experiments (5 million)",
    )
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of each CSV file (default: 1)")
    parser.add_argument("--repeat", type=int, default=1, help="repeat the limit and Seatrial, keep the median")
    parser.add_argument(
        "--no-peers", action="store_true", help="leave out scikit-learn, fairlearn, scipy.stats, tea-tasting, evidently"
    )
    parser.add_argument("--evidently", metavar="PYTHON", help="an interpreter that has evidently (and pandas below 3)")
    parser.add_argument("--data", type=Path, help="keep the generated files here (default: a temporary folder)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(str(p) for p in _places())
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as scratch:
        folder = given.data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        parts = [INTRODUCTION, _machine()]
        print(parts[-1], flush=True)
        for run in _runs(given, folder):
            parts.append(run())
            print("\n" + parts[-1], flush=True)
    if given.write:
        PAGE.write_text("\n\n".join(parts) + "\n")
        print(f"\nWritten to {PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE.name}")


def _runs(given: argparse.Namespace, folder: Path) -> list[Callable[[], str]]:
    chosen, peers = given.only or ONES, not given.no_peers
    sizes = given.rows or [1_000_000, 10_000_000]
    small = given.rows is not None and max(sizes) < 1_000_000
    found: list[Callable[[], str]] = []
    if "sliced" in chosen:
        found += [
            lambda n=n: sliced.bench(folder, n, peers=peers, repeat=given.repeat)  # type: ignore[misc]
            for n in sizes
        ]
    if "paired" in chosen:
        found.append(lambda: paired.bench(folder, min(100_000, *sizes) if small else 100_000, peers=peers))
    units = given.rows or [UNITS]
    if "experiment" in chosen:
        found += [
            lambda n=n: experiment.bench(folder, n, peers=peers, repeat=given.repeat)  # type: ignore[misc]
            for n in units
        ]
    if "sequences" in chosen:
        found.append(many_sequences.bench)
    if "looks" in chosen:
        found += [lambda n=n: daily_looks.bench(folder, n, repeat=given.repeat) for n in units]  # type: ignore[misc]
    if "runner" in chosen:
        found.append(lambda: runner.bench(rows=1_000 if small else runner.ROWS, peers=peers))
    if "shift" in chosen:
        n = min(1_000_000, *sizes) if small else 1_000_000
        python = given.evidently if peers else None
        found.append(lambda: shift.bench(folder, n, python=python, repeat=given.repeat))
    if "audit" in chosen:
        found.append(lambda: audited.bench(folder, min(audited.ROWS, *sizes) if small else audited.ROWS, peers=peers))
    if "start" in chosen:
        found.append(lambda: start.bench(times=1 if small else start.TIMES))
    if "csv" in chosen:
        found.append(lambda: big_csv.bench(folder, 0.01 if small else given.gigabytes))
    return found


def _places() -> list[Path]:
    root = Path(__file__).resolve().parents[1]
    return [root, root / "src", *[Path(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]]


def _machine() -> str:
    libraries = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    return f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}; {libraries}."


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(source)"


if __name__ == "__main__":
    main()
