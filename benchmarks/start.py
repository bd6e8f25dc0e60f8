"""How long a user waits: `import seatrial`, `seatrial --help`, and the first verdicts of `demo` and `analyze`."""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import cost_of, markdown, seconds

TIMES = 5


def bench(*, times: int = TIMES) -> str:
    """A Markdown table of median wall times; the bare interpreter is the first line."""
    source = str(Path(__file__).resolve().parents[1] / "src")
    path = os.pathsep.join(p for p in (source, os.environ.get("PYTHONPATH", "")) if p)
    program = [sys.executable, "-m", "seatrial"]
    with tempfile.TemporaryDirectory() as folder:
        works = {
            "python -c pass": ([sys.executable, "-c", "pass"], ""),
            "import seatrial": ([sys.executable, "-c", "import seatrial"], "0.3 s"),
            "seatrial --help": ([*program, "--help"], "0.5 s"),
            "seatrial demo": ([*program, "demo", "--report", str(Path(folder) / "report.html")], "10 s"),
            "seatrial analyze": ([*program, "analyze", *_experiment(Path(folder))], "2.5 s"),
        }
        lines = []
        for name, (command, aim) in works.items():
            costs = [cost_of(command, quiet=True, env={"PYTHONPATH": path}) for _ in range(times)]
            wall, cpu = (statistics.median(getattr(c, kind) for c in costs) for kind in ("wall", "cpu"))
            lines.append([f"`{name}`", seconds(wall), seconds(cpu), aim])
    table = markdown(["command", "wall", "processor", "aim"], lines)
    said = "`seatrial analyze` reads the simulated experiment: 12,000 users, 67,000 events, a plan, as CSV and YAML."
    return f"### Starting, median of {times}\n\n{table}\n\n{said}"


def _experiment(folder: Path) -> list[str]:
    """Options that name the files of the simulated experiment, written into a folder."""
    from seatrial.demo.experiment import write_experiment

    paths = write_experiment(folder)
    options = {"--plan": "plan.yaml", "--exposures": "exposures.csv", "--events": "events.csv", "--pre": "pre.csv"}
    return [part for option, name in options.items() for part in (option, str(paths[name]))]
