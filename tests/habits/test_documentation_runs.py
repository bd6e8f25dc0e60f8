"""The documentation cannot drift: every Python block runs, and every line of a shell block that calls `seatrial`.

Blocks of one page run in order and share names, in a folder of its own that holds `old.csv`, `new.csv` (the demo's
predictions) and `policy.yaml`. A block marked `text` is not run.
"""

import os
import re
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
DEMO = Path(str(files("seatrial"))) / "demo"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """Calls of `seatrial` in shell blocks (after `$ ` or `&& ` too), continued lines joined, comments dropped."""
    found = []
    for block in blocks(page, "(?:sh|bash|console)"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.removeprefix("$ ").split("&&"):
                words = shlex.split(part, comments=True) if "seatrial" in part else []
                if words[:1] == ["seatrial"]:
                    found.append(shlex.join(words[1:]))
    return found


@pytest.fixture(scope="module")
def small_demo() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every eighth row of the demo, as a user's two files would hold it: targets and predictions in 1 and 0."""
    tables = []
    for name in ("logistic", "boosting"):
        table = pd.read_parquet(DEMO / f"{name}.parquet").iloc[::8]
        numbers = {column: (table[column] == ">50K").astype(int) for column in ("target", "prediction")}
        tables.append(table.assign(**numbers))
    return tables[0], tables[1]


@pytest.fixture
def folder(tmp_path: Path, small_demo: tuple[pd.DataFrame, pd.DataFrame], monkeypatch: pytest.MonkeyPatch) -> Path:
    small_demo[0].to_csv(tmp_path / "old.csv", index=False)
    small_demo[1].to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "policy.yaml").write_text((DEMO / "policy.yaml").read_text())
    (tmp_path / "src").symlink_to(ROOT / "src")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_blocks_run(page: Path, folder: Path) -> None:
    names: dict[str, object] = {"__name__": "__documentation__"}
    for number, block in enumerate(blocks(page, "python"), start=1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


@pytest.mark.parametrize(
    ("page", "command"),
    [pytest.param(page, line, id=f"{page.name}: seatrial {line}") for page in PAGES for line in commands(page)],
)
def test_command_lines_are_understood(page: Path, command: str, folder: Path) -> None:
    """Exit codes 0 to 2 are verdicts; 3 would be our example's data, 64 a wrong flag, 70 a bug."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    code = "import sys; from seatrial.app.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, *shlex.split(command)],
                          capture_output=True, text=True, cwd=folder, env=environment)  # fmt: skip
    assert done.returncode in (0, 1, 2), done.stderr
    assert "Traceback" not in done.stderr
