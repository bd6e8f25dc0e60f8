"""`seatrial plan` and `seatrial power` on the command line: files written, exit codes, questions only on a terminal."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from seatrial.app import plan_command
from seatrial.experiments.plan_file import ARM_KEYS, KEYS, load_plan
from seatrial.experiments.plan_metrics import METRIC_KEYS

DOCS = Path(__file__).resolve().parents[2] / "docs"
Cli = Callable[..., Any]
SHORT = (
    "--arm",
    "A=50",
    "--arm",
    "B=50",
    "--metric",
    "buys=mean(bought == 1)",
    "--minimum-effect",
    "5%",
    "--base",
    "0.05",
)


def test_options_alone_make_a_plan(cli: Cli) -> None:
    ran = cli("plan", "--hypothesis", "It sells.", *SHORT, "--new-units-per-day", "12000")
    assert (ran.code, ran.err) == (0, "")
    for part in ("It sells.", "Ship when buys is better", "122,121", "that takes 21 days", "Finds"):
        assert part in ran.out


def test_everything_is_written_and_a_frozen_file_is_kept(cli: Cli, tmp_path: Path) -> None:
    names = ("plan.yaml", "plan.html", "plan.json", "plan.md")
    frozen, page, data, text = (tmp_path / name for name in names)
    arguments = ("--freeze", frozen, "--report", page, "--json", data, "--markdown", text)
    ran = cli("plan", *SHORT, *arguments)
    assert ran.code == 0
    assert "frozen" in ran.out
    plan = load_plan(frozen)
    assert plan.digest() in ran.out
    assert json.loads(data.read_text())["frozen"] is True
    assert plan.digest() in page.read_text()
    assert "How it will be decided" in text.read_text()
    again = cli("plan", *SHORT, "--freeze", frozen)
    assert again.code == 64
    assert "never overwritten" in again.err
    assert load_plan(frozen) == plan


def test_an_amendment(cli: Cli, tmp_path: Path) -> None:
    first, second = tmp_path / "one.yaml", tmp_path / "two.yaml"
    assert cli("plan", *SHORT, "--freeze", first).code == 0
    ran = cli("plan", first, "--days", 28, "--amends", first, "--freeze", second)
    assert ran.code == 0
    assert "days planned is 28 (was none)" in ran.out
    assert load_plan(second).amends == load_plan(first).digest()
    refused = cli("plan", first, "--days", 28)
    assert refused.code == 64
    assert "is frozen and is never edited" in refused.err
    first.write_text(first.read_text().replace("weight: 50", "weight: 60", 1))
    edited = cli("plan", first)
    assert edited.code == 64
    assert "edited after it was frozen" in edited.err


def test_json_on_standard_output_is_alone(cli: Cli) -> None:
    ran = cli("plan", *SHORT, "--json", "-")
    assert ran.json["sizing"]["units"] == {"A": 122_121, "B": 122_121}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Nothing to plan"),
        (("none.yaml",), "There is no plan file"),
        (("--metric", "mean(x)"), "write NAME=FORMULA"),
        (("--metric", "a=mean(x)", "--metric", "a=mean(y)"), "given twice"),
        (("--metric", "a=mean(x)", "--arm", "A"), "write NAME=WEIGHT"),
        (("--metric", "a=mean(x)", "--lower-is-better", "b"), "which no --metric defines"),
        (("--metric", "a=mean(x)", "--covariate", "a"), "write METRIC=COLUMN"),
        (("--metric", "a=mean(x)", "--guardrail", "b:5%"), "names 'b', which is no metric"),
        (("--metric", "a=mean(x)", "--base", "1", "--base", "2"), "needs its name"),
        (("--metric", "a=mean(x)", "--days", "0"), "whole number of at least 1"),
        (("--metric", "a=mean(x)", "--metrc", "b=mean(x)"), "No such option"),
        (("--metric", "a=mean(x)", "--history", "none.csv"), "none.csv"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_64(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    ran = cli("plan", *arguments)
    assert (ran.code, ran.out) == (64, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_looks_and_several_bases_and_margins(cli: Cli) -> None:
    ran = cli(
        "plan", "--metric", "buys=mean(bought == 1)", "--metric", "ms=mean(ms)", "--lower-is-better", "ms",
        "--guardrail", "ms:5%", "--primary", "buys", "--base", "buys=0.05", "--base", "ms=200:300", "--looks", "0.5,1",
        "--minimum-effect", "5%", "--covariate", "buys=before", "--new-units-per-day", "9000,8000,7000", "--json", "-",
    )  # fmt: skip
    plan = ran.json
    assert plan["stopping"]["looks"] == [0.5, 1.0]
    assert plan["sizing"]["new_units_per_day"] == [9000, 8000, 7000]
    assert plan["policy"]["rules"][1]["margin"] == 0.05
    assert plan["metrics"][0]["covariates"] == ["before"]
    assert plan["metrics"][1]["higher_is_better"] is False


def test_questions_on_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "Name": "shop", "Hypothesis": "It sells.", "Arms": "old=90 new=10", "Which arm": "old",
        "Primary metric": "buys=mean(bought == 1)", "Smallest effect": "10%", "Its value today": "0.05",
        "New units": "5000",
    }  # fmt: skip

    def prompt(text: str, default: str = "", **_: object) -> str:
        return next((answer for start, answer in answers.items() if text.startswith(start)), default)

    monkeypatch.setattr(plan_command.typer, "prompt", prompt)
    monkeypatch.setattr(plan_command.sys.stdin, "isatty", lambda: True, raising=False)
    ran = cli("plan", "--json", "-")
    assert ran.code == 0, ran.err
    assert (ran.json["name"], ran.json["control"], ran.json["arms"][0]["weight"]) == ("shop", "old", 90)
    assert ran.json["sizing"]["days"] is not None


def test_power(cli: Cli, tmp_path: Path) -> None:
    ran = cli("power", "--base", 0.1, "--minimum-effect", 0.01)
    assert ran.code == 0
    assert ran.out.startswith("14,748 units in each of 2 arms")
    assert cli("power", "--paired-discordance", 0.06, "--margin", "0.5%", "--json", "-").json["pairs"] == 18_838
    path = tmp_path / "power.json"
    assert cli("power", "--base", 40, "--sd", 21, "--margin", "2%", "--json", path).code == 0
    assert json.loads(path.read_text())["units"]["control"] > 0
    assert cli("power").code == 64


def test_the_page_of_the_documentation_explains_every_key_and_option() -> None:
    text = (DOCS / "plan.md").read_text(encoding="utf-8")
    listed = {
        name for cell in re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE) for name in re.findall(r"`([^`]+)`", cell)
    }
    assert {*KEYS, *ARM_KEYS, *METRIC_KEYS} <= listed
    app = typer.Typer(add_completion=False)
    app.command()(plan_command.plan)
    options = {name for option in typer.main.get_command(app).params for name in option.opts if name.startswith("--")}
    assert {option for option in options if not re.search(rf"{option}\b(?!-)", text)} == set()
