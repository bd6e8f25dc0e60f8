"""Run every simulation in full and write the page: `python -m tests.validity.make_table [docs/validity.md]`."""

import sys
from importlib import import_module
from pathlib import Path

from tests.validity.harness import SEED, SIMULATIONS, Row, Simulation, failures, table

MODULES = (
    "tests.validity.discrete",
    "tests.validity.continuous",
    "tests.validity.ranked",
    "tests.validity.decision",
    "tests.validity.arms",
    "tests.validity.experiment_statistics",
    "tests.validity.logged",
    "tests.validity.sequential",
    "tests.validity.shifted",
    "tests.validity.experiment_decision",
    "tests.validity.fairness",
    "tests.validity.answers",
)
"""Every module here has a tuple `ALL` of simulations; a new one is a line here."""

PAGE = """# Validity: what every method was shown to do

Each row is a property of one method in one setting, found with seed {seed} and no retries: discrete methods by
enumerating every outcome, the others by {simulations:,} simulated data sets. *Size* is how often a true null is
rejected at .05, *coverage* how often a 95 % interval holds the truth. The bands for simulated rows leave room for the
simulation's own error. Rows "shown, not gated" are methods that are not used, or settings in which the method is known
to fall short; they are here so that nobody need take the choice on trust.

"""


def simulations() -> list[Simulation]:
    """Every simulation of every module, in order."""
    return [simulation for name in MODULES for simulation in import_module(name).ALL]


def page(rows: list[Row]) -> str:
    """The page's Markdown."""
    return PAGE.format(seed=SEED, simulations=SIMULATIONS) + table(rows)


def main(target: Path) -> int:
    """Write the page; 1 when a row is outside its band."""
    rows: list[Row] = []
    for simulation in simulations():
        print(f"simulating {simulation.name}", file=sys.stderr)
        rows += simulation.run(SIMULATIONS, SEED)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(rows), encoding="utf-8")
    for line in failures(rows):
        print(line, file=sys.stderr)
    return 1 if failures(rows) else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/validity.md")))
