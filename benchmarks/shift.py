"""Shift between two Parquet files of one hundred columns: Seatrial against evidently.

Seatrial gives everything its page shows: four measures a column with what chance shows, corrected tests, the classifier
over all columns. evidently is run twice: with its preset (one measure a column) and with the same measures, without a
classifier. It needs pandas below 3 and so an environment of its own: `--evidently PYTHON` names its interpreter.
"""

import argparse
import subprocess
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import Cost, Work, markdown, seconds
from benchmarks.shifted_tables import CATEGORIES, NUMBERS, make_pair, moved, name

AIM = 20
OF_NUMBERS, OF_CATEGORIES = ("psi", "ks", "wasserstein", "kl_div"), ("psi", "chisquare", "jensenshannon", "kl_div")


def seatrial(given: argparse.Namespace) -> Any:
    """Everything; which columns moved, and Wasserstein in standard deviations of the reference."""
    import seatrial as st

    found = st.shift(given.file, given.other).record
    far = {one.column: m.value for one in found.columns for m in one.measures if m.name == "Wasserstein"}
    return {"moved": sorted(one.column for one in found.columns if one.moved), "wasserstein": far}


def evidently_preset(given: argparse.Namespace) -> Any:
    """Its data drift preset."""
    from evidently.presets import DataDriftPreset

    return {"metrics": len(_evidently(given, [DataDriftPreset()]))}


def evidently_same(given: argparse.Namespace) -> Any:
    """The four measures of every column that Seatrial gives, without what chance shows for three of them."""
    from evidently.metrics import ValueDrift

    kinds = {"number": (NUMBERS, OF_NUMBERS), "category": (CATEGORIES, OF_CATEGORIES)}
    asked = [
        ValueDrift(column=name(kind, k), method=method)
        for kind, (many, methods) in kinds.items()
        for k in range(many)
        for method in methods
    ]
    found = _evidently(given, asked)
    far = {
        one["config"]["column"]: float(one["value"]) for one in found if one["config"].get("method") == "wasserstein"
    }
    return {"metrics": len(found), "wasserstein": far}


def _evidently(given: argparse.Namespace, metrics: list[Any]) -> list[dict[str, Any]]:
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report

    kinds = DataDefinition(
        numerical_columns=[name("number", k) for k in range(NUMBERS)],
        categorical_columns=[name("category", k) for k in range(CATEGORIES)],
    )
    old, new = (Dataset.from_pandas(pd.read_parquet(f), data_definition=kinds) for f in (given.file, given.other))
    found: list[dict[str, Any]] = Report(metrics).run(new, old).dict()["metrics"]
    return found


WORKS: dict[str, Work] = {
    "seatrial": seatrial,
    "evidently-preset": evidently_preset,
    "evidently-same": evidently_same,
}


def bench(folder: Path, rows: int, *, python: str | None = None, repeat: int = 1) -> str:
    """A Markdown table of times and memory; `python` is the interpreter that has evidently (None: it is left out)."""
    file, other = make_pair(folder, rows)
    own_costs = [measuring.run("benchmarks.shift", "seatrial", file=file, other=other) for _ in range(repeat)]
    own = sorted(own_costs, key=lambda cost: cost.cpu)[repeat // 2]
    costs: dict[str, Cost] = {"Seatrial, everything": own}
    if python is not None:
        labels = {"evidently-preset": "evidently, its preset (one measure a column)"}
        labels["evidently-same"] = "evidently, the same measures (no classifier)"
        for work, label in labels.items():
            costs[label] = measuring.run("benchmarks.shift", work, python=python, file=file, other=other)
    lines = [
        [label, seconds(cost.wall), seconds(cost.cpu), f"{cost.peak:,.0f} MB", f"{cost.cpu / own.cpu:.1f}"]
        for label, cost in costs.items()
    ]
    table = markdown(["contender", "wall", "processor", "peak memory", "x Seatrial"], lines)
    planted = sorted(name(kind, k) for kind, many in _KINDS for k in range(many) if moved(kind, k))
    seen = own.found["moved"]
    said = f"{len(planted)} columns were made to move; Seatrial found {len(set(seen) & set(planted))} of them and "
    said += f"{len(set(seen) - set(planted)) or 'no'} other."
    if python is None:
        said += " evidently was left out: `--evidently PYTHON` names an interpreter that has it."
    else:
        theirs = costs["evidently, the same measures (no classifier)"].found["wasserstein"]
        apart = max(abs(own.found["wasserstein"][key] / value - 1) for key, value in theirs.items())
        said += f" Largest relative difference from its ({_version(python)}) Wasserstein distances: {apart:.1e} "
        said += "(it divides by the deviation with n, Seatrial with n - 1)."
    return "\n\n".join(
        [f"### Shift of {NUMBERS + CATEGORIES} columns, {rows:,} rows in each of two Parquet files", table, said]
    )


_KINDS = (("number", NUMBERS), ("category", CATEGORIES))


def _version(python: str) -> str:
    code = "from importlib.metadata import version as v; print('evidently', v('evidently'), 'pandas', v('pandas'))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    measuring.answer(WORKS)
