"""Small runs to store."""

from seatrial.records.run import CaseRun, Dataset, ModelInfo, Run
from seatrial.records.suite import Case, DatasetSource


def make_run(model: str = "new", *, suite: str = "fraud", table: str = "", seed: int = 0) -> Run:
    return Run(
        suite=suite,
        suite_version="1",
        suite_digest="5" * 64,
        seed=seed,
        model=ModelInfo(name=model, adapter="function", location="models.py", fingerprint="f" * 64),
        cases=(
            CaseRun(
                case="main",
                spec=Case(name="main", dataset=DatasetSource(path="cases.csv")),
                dataset=Dataset(name="cases", fingerprint="d" * 64, rows=2),
                task="binary",
                rows=2,
                table=table,
            ),
        ),
    )
