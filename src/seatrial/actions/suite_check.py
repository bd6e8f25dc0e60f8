"""A suite read whole without a model: its file, its policy, and the data of every case."""

from pathlib import Path

from seatrial.data.datasets import load_dataset
from seatrial.decisions.policy import load_policy
from seatrial.evaluation.suite_checks import check_case
from seatrial.evaluation.suite_file import read_suite


def check_suite_file(path: str | Path) -> list[str]:
    """Return what a suite holds, a line each; raises `UsageError` or `DataError` for the first thing that is wrong."""
    file = Path(path)
    suite = read_suite(file)
    lines = [f"{suite.name} version {suite.version} ({suite.digest()[:12]})"]
    if suite.policy is not None:
        policy = load_policy(file.parent / suite.policy)
        lines.append(f"policy {policy.name}: {len(policy.rules)} rules")
    for case in suite.cases:
        data = load_dataset(case.dataset, case=case, folder=file.parent, seed=suite.seed)
        check_case(case, data)
        lines.append(
            f"case {case.name}: {len(data):,} rows, {data.task or 'task not told'}, inputs {', '.join(data.inputs)}"
        )
        lines += [f"  guessed: {line}" for line in data.guesses]
        lines += [f"  not tested: {line}" for line in data.gaps]
    return lines
