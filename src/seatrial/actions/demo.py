"""The main job on the data that come with the package."""

from importlib.resources import files
from pathlib import Path

from seatrial.actions.compare import Progress, compare
from seatrial.actions.result import Result


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
