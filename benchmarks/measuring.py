"""Cost of a piece of work: run in a process of its own, so that processor time and peak memory are its own."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

Work = Callable[[argparse.Namespace], Any]


@dataclass(frozen=True)
class Cost:
    """Seconds of wall and of processor time (all threads), peak resident megabytes, what the work returned."""

    wall: float
    cpu: float
    peak: float
    found: Any = None
    scaled_by: float = 1.0
    """How many times over the measured work was counted; 1: measured whole."""

    def times(self, factor: float) -> "Cost":
        """The cost of so much more of the same work: seconds grow, memory does not."""
        return replace(self, wall=self.wall * factor, cpu=self.cpu * factor, scaled_by=self.scaled_by * factor)


def run(module: str, work: str, *, python: str = sys.executable, **options: Any) -> Cost:
    """Run one entry of a module's `WORKS` in a fresh process; its cost is the system's account of that process.

    `python` is another interpreter, for a peer that cannot live in the same environment.
    """
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
        cost = cost_of([python, "-m", module, work, f"--out={out.name}", *arguments])
        answered = json.loads(Path(out.name).read_text())
        return replace(cost, peak=answered["peak"] or cost.peak, found=answered["found"])


def cost_of(command: list[str], *, quiet: bool = False, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end; raises `RuntimeError` when it fails."""
    started = time.perf_counter()
    sink = subprocess.DEVNULL if quiet else None
    child = subprocess.Popen(command, stdout=sink, env=None if env is None else {**os.environ, **env})
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}")
    return Cost(wall=wall, cpu=used.ru_utime + used.ru_stime, peak=used.ru_maxrss / 1024)


def answer(works: Mapping[str, Work]) -> None:
    """The other end of `run`: do the work named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=sorted(works))
    parser.add_argument("--out")
    parser.add_argument("--file")
    parser.add_argument("--other")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--many", type=int)
    given = parser.parse_args()
    found = works[given.work](given)
    if given.out:
        Path(given.out).write_text(json.dumps({"found": found, "peak": _own_peak()}))


def _own_peak() -> float | None:
    """Peak megabytes since this program began; the system's account of a child begins before, at the fork."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)


def spent(work: Callable[[], Any]) -> Cost:
    """Cost of work inside this process (peak memory is the process's own)."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    found = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall=time.perf_counter() - started, cpu=cpu, peak=after.ru_maxrss / 1024, found=found)


def markdown(headings: list[str], lines: list[list[str]]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---"] + ["---:"] * (len(headings) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [headings, rule, *lines])


def seconds(value: float) -> str:
    """Seconds with two or three figures."""
    if value < 1:
        return f"{value:.2g} s"
    return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s" if value < 99.95 else f"{value:,.0f} s"
