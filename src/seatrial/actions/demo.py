"""The main job on the data that come with the package."""

from importlib.resources import files
from pathlib import Path

from seatrial.actions.analyze import ReadoutResult, analyze
from seatrial.actions.compare import Progress, compare
from seatrial.actions.result import Result
from seatrial.demo.experiment import write_experiment
from seatrial.errors import UsageError
from seatrial.experiments.freeze import freeze
from seatrial.experiments.plan_file import load_plan


def demo(*, progress: Progress | None = None) -> Result:
    """Compare two real models on the Adult census test rows by the bundled policy."""
    folder = Path(str(files("seatrial.demo")))
    return compare(
        folder / "logistic.parquet",
        folder / "boosting.parquet",
        positive=">50K",
        by=("sex", "race", "age:quartiles"),
        cross=2,
        policy=folder / "policy.yaml",
        progress=progress,
    )


def demo_experiment(folder: str | Path, *, progress: Progress | None = None) -> ReadoutResult:
    """Write a simulated experiment into a folder (made when it is not there) and analyse it by its plan.

    Raises `UsageError` when the folder holds anything already.
    """
    place = Path(folder)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise UsageError(f"'{place}' is there already; name a folder that is empty or not there yet.")
    place.mkdir(parents=True, exist_ok=True)
    files_of = write_experiment(place)
    return analyze(
        files_of["exposures.csv"],
        files_of["events.csv"],
        pre=files_of["pre.csv"],
        plan=freeze(load_plan(files_of["plan.yaml"])),
        progress=progress,
    )
