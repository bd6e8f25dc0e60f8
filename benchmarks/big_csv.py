"""A CSV larger than memory should hold: two files of the asked size compared with each other, in under 3 GB."""

import argparse
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import Work, markdown, seconds
from benchmarks.rows import ROLES, make_csv

MOST_MEMORY = 3_000


def compare(given: argparse.Namespace) -> Any:
    """The comparison a user gets who names no metric, with two slice columns."""
    import seatrial as st

    result = st.compare(given.file, given.other, by=["cut_5", "cut_20"], **ROLES)
    return {"rows": result.estimates[0].n, "verdict": result.verdict.status, "effects": len(result.effects)}


WORKS: dict[str, Work] = {"compare": compare}


def bench(folder: Path, gigabytes: float) -> str:
    """A Markdown table: time and peak memory of the comparison."""
    file, other = make_csv(folder, gigabytes)
    cost = measuring.run("benchmarks.big_csv", "compare", file=file, other=other)
    size = (file.stat().st_size + other.stat().st_size) / 1e9
    line = [
        f"2 files, {size:.1f} GB together, {cost.found['rows']:,} rows",
        seconds(cost.wall),
        seconds(cost.cpu),
        f"{cost.peak:,.0f} MB",
        "yes" if cost.peak < MOST_MEMORY else "NO",
    ]
    table = markdown(["input", "wall", "processor", "peak memory", "under 3 GB"], [line])
    return f"### Large CSV files\n\n{table}\n\nVerdict: {cost.found['verdict']}, {cost.found['effects']:,} effects."


if __name__ == "__main__":
    measuring.answer(WORKS)
