"""The examples come to the answers that their pages tell, and their data are what their scripts write."""

import csv
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
import yaml

import seatrial as st
from seatrial.actions.demo import demo, demo_experiment
from seatrial.app.cli import run

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
TWO, GATE = EXAMPLES / "compare_two_models", EXAMPLES / "ci_gate"


@pytest.mark.parametrize("folder", sorted(EXAMPLES.iterdir()), ids=lambda folder: folder.name)
def test_every_example_says_what_it_is(folder: Path) -> None:
    assert (folder / "README.md").read_text().startswith("# ")


def test_two_models_without_a_policy_and_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TWO)
    assert st.compare("old.csv", "new.csv", positive=">50K").verdict.status == "pass"
    verdict = st.compare("old.csv", "new.csv", positive=">50K", policy="policy.yaml").verdict
    assert verdict.status == "inconclusive"
    assert {check.metric: check.status for check in verdict.checks} == {
        "accuracy": "pass",
        "recall": "inconclusive",
        "latency_ms.p50": "pass",
    }
    assert "It would take about" in verdict.sentence


def test_the_script_of_two_models_runs(tmp_path: Path) -> None:
    shutil.copytree(TWO, tmp_path, dirs_exist_ok=True)
    done = subprocess.run([sys.executable, "compare.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Cannot tell yet")
    assert (tmp_path / "card.html").stat().st_size > 10_000


def test_the_rows_of_two_models_are_the_demos() -> None:
    for name, model in (("old", "logistic"), ("new", "boosting")):
        ours = pd.read_csv(TWO / f"{name}.csv")
        theirs = pd.read_parquet(Path(str(files("seatrial"))) / "demo" / f"{model}.parquet").head(len(ours))
        pd.testing.assert_frame_equal(ours, theirs[list(ours.columns)].reset_index(drop=True), check_dtype=False)


def test_the_made_up_predictions_are_those_of_the_script() -> None:
    made = runpy.run_path(str(GATE / "make_predictions.py"))["predictions"]()
    for name, rows in made.items():
        with (GATE / "predictions" / f"{name}.csv").open(newline="") as file:
            assert list(csv.DictReader(file)) == [{key: str(value) for key, value in row.items()} for row in rows]


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line of the workflow's gate, in a copy of its folder."""
    shutil.copytree(GATE, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    steps = yaml.safe_load((GATE / "gate.yml").read_text())["jobs"]["gate"]["steps"]
    (command,) = [step["run"] for step in steps if step.get("run", "").startswith("seatrial ")]
    return shlex.split(command)[1:]


def test_the_workflow_stops_the_forgetful_version(gate: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gate) == 1
    said = capsys.readouterr().out
    for page in (GATE / "README.md", ROOT / "docs" / "policy.md"):
        (told,) = re.findall(r"^FAIL: .*$", page.read_text(), re.MULTILINE)
        assert told in said
    for name in ("gate.html", "gate.json", "gate.md", "gate.xml"):
        assert Path(name).stat().st_size > 0


def test_the_workflow_lets_an_unchanged_model_through(gate: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    same = [part.replace("candidate.csv", "main.csv") for part in gate]
    assert run(same) == 0, capsys.readouterr().out


def test_the_readme_quotes_what_the_demos_say(tmp_path: Path) -> None:
    told = re.findall(r"^```text\n(.*?)\n```", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert told == [demo().verdict.sentence, demo_experiment(tmp_path / "experiment").verdict.sentence]
