"""The command line: options in, one action, exit codes of the design, and the JSON that others build on."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import seatrial as st
from seatrial.records import Scorecard
from seatrial.reports import render

SMALL = Path(__file__).resolve().parents[1] / "data" / "small"
IMAGES = (f"{SMALL / 'images.csv'}#small", f"{SMALL / 'images.csv'}#large")
SERVICE = (SMALL / "service_small.csv", SMALL / "service_large.csv", "--positive", "fraud")

TOP = {"schema_version", "verdict", "estimates", "effects", "health", "flips", "provenance", "not_shown"}
ESTIMATE = {"model", "metric", "slice", "n", "value", "low", "high", "level", "method", "reason"}
EFFECT = {
    "baseline", "candidate", "metric", "slice", "n", "difference", "low", "high", "level", "p_value",
    "adjusted_p_value", "word", "smallest_detectable_effect", "method", "reason",
}  # fmt: skip


def _python(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **more}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False, timeout=120
    )


def test_help_loads_nothing_heavy() -> None:
    ran = _python("-m", "seatrial", "--help")
    assert ran.returncode == 0
    for command in ("compare", "evaluate", "gate", "metrics", "demo"):
        assert command in ran.stdout
    code = "import sys, seatrial.app.cli; print([m for m in sys.modules if m.split('.')[0] in %r])"
    heavy = ("duckdb", "numpy", "scipy", "pandas", "polars", "pyarrow", "sklearn", "vl_convert", "jinja2")
    assert _python("-c", code % (heavy,)).stdout.strip() == "[]"


def test_version_and_help_of_every_command(cli: Callable[..., Any]) -> None:
    assert cli("--version").out == f"seatrial {st.__version__}\n"
    for command in ("compare", "evaluate", "gate", "metrics", "demo"):
        ran = cli(command, "--help")
        assert (ran.code, ran.err) == (0, "")
        assert "Usage: seatrial" in ran.out


def test_no_arguments_is_help(cli: Callable[..., Any]) -> None:
    ran = cli()
    assert "Usage: seatrial" in ran.out + ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_prints(shell: str) -> None:
    ran = _python("-m", "seatrial", _SEATRIAL_COMPLETE=f"source_{shell}")
    assert "seatrial" in ran.stdout
    ran = _python("-m", "seatrial", "--show-completion", shell)
    unknown = "not supported" in ran.stderr  # no shell is among the parent processes of this run
    assert ran.returncode in (0, 2, 64) or unknown


@pytest.mark.parametrize(
    ("policy", "code", "status"),
    [
        ("success: [accuracy]\n", 0, "pass"),
        ("guardrails: [{metric: accuracy, margin: 0.01}]\n", 0, "pass"),
        ("bounds: [accuracy above 0.99]\n", 1, "fail"),
        ("bounds: [accuracy above 0.93]\n", 2, "inconclusive"),
    ],
)
def test_exit_codes(policy: str, code: int, status: str, tmp_path: Path, cli: Callable[..., Any]) -> None:
    place = tmp_path / "policy.yaml"
    place.write_text(policy)
    gate = cli("gate", *IMAGES, "--policy", place)
    assert gate.code == code
    assert gate.out.startswith(status.upper())
    assert gate.err == ""
    assert cli("compare", *IMAGES, "--policy", place).code == 0, "compare did its work"
    assert cli("compare", *IMAGES, "--policy", place, "--exit-code").code == code
    if "bounds" in policy:
        assert cli("evaluate", IMAGES[1], "--policy", place, "--exit-code").code == code
        assert cli("evaluate", IMAGES[1], "--policy", place).code == 0


def test_gate_is_quiet(tmp_path: Path, cli: Callable[..., Any]) -> None:
    ran = cli("gate", *IMAGES, "--json", tmp_path / "out.json")
    assert len(ran.out.splitlines()) == 1
    assert ran.err == ""


def test_compare_prints_the_guess_and_the_option_that_overrides_it(cli: Callable[..., Any]) -> None:
    ran = cli("compare", *SERVICE)
    said = " ".join(ran.out.split())
    for column, option in (("target", "--target"), ("score", "--score"), ("id", "--id"), ("fraud", "--positive")):
        assert f"'{column}' ({option})" in said
    assert "(--policy)" in said
    assert ran.out.splitlines()[0].startswith("✓ Ship"), "the verdict comes first"


def test_the_json_contract(cli: Callable[..., Any]) -> None:
    card = cli("compare", *SERVICE, "--by", "region", "--json", "-").json
    assert set(card) >= TOP
    assert set(card["verdict"]) >= {"status", "sentence", "checks"}
    assert card["verdict"]["checks"]
    for check in card["verdict"]["checks"]:
        assert set(check) >= {"name", "status", "reason"}
    for one in card["estimates"]:
        assert set(one) >= ESTIMATE
        assert isinstance(one["slice"], dict)
    for one in card["effects"]:
        assert set(one) >= EFFECT
        assert one["word"] in ("better", "worse", "no meaningful difference", "cannot tell")
    assert {one["model"] for one in card["estimates"]} == {"service_small", "service_large"}
    assert {} in [one["slice"] for one in card["effects"]]
    assert {"region": "north"} in [one["slice"] for one in card["effects"]]
    Scorecard.model_validate(card)  # the JSON is the records' own dump: it reads back whole


def test_the_json_is_all_there_is_on_standard_output(cli: Callable[..., Any]) -> None:
    ran = cli("compare", *IMAGES, "--json", "-")
    json.loads(ran.out)
    assert ran.err == ""
    assert "NaN" not in ran.out
    assert "Infinity" not in ran.out


def test_json_carries_no_clock_path_or_host(cli: Callable[..., Any]) -> None:
    text = cli("compare", *SERVICE, "--json", "-").out
    assert str(SMALL) not in text
    assert not re.search(r'"/[a-z]+/', text)
    assert socket.gethostname() not in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text)
    assert str(time.localtime().tm_year) + "-" not in text


def test_same_input_same_bytes(cli: Callable[..., Any], tmp_path: Path) -> None:
    asked = ("compare", *SERVICE, "--by", "region", "--metric", "roc_auc", "-m", "ks", "-m", "f1", "-m", "log_loss")
    first = cli(*asked, "--json", "-", "--seed", "3").out
    assert cli(*asked, "--json", "-", "--seed", "3").out == first
    for name in ("a", "b"):
        cli(*asked, "--report", tmp_path / f"{name}.html", "--markdown", tmp_path / f"{name}.md")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.md").read_bytes() == (tmp_path / "b.md").read_bytes()


def test_same_bytes_at_any_thread_count() -> None:
    from seatrial.data.engine import DuckDBEngine

    texts = []
    for threads in (1, 2, 5):
        engine = DuckDBEngine(threads=threads)
        read = [st.read(path, positive="fraud", engine=engine) for path in SERVICE[:2]]
        texts.append(st.compare(*read, by="region,cost:quartiles", cross=2).to_json())
    assert texts[0] == texts[1] == texts[2]


def test_all_four_formats_show_the_same_digits(cli: Callable[..., Any], tmp_path: Path) -> None:
    places = {option: tmp_path / option for option in ("report", "markdown", "junit", "json")}
    options = [part for option, place in places.items() for part in (f"--{option}", place)]
    ran = cli("compare", *SERVICE, *options)
    card = Scorecard.model_validate_json(places["json"].read_text(encoding="utf-8"))
    reason = card.verdict.checks[0].reason
    interval = re.search(r"[+-][\d.,]+ \[[+-][\d.,]+, [+-][\d.,]+\]", reason)
    assert interval is not None
    pages = [ran.out, *(places[name].read_text(encoding="utf-8") for name in ("report", "markdown", "junit"))]
    for page in pages:
        assert interval.group() in " ".join(page.split())
    shown = re.findall(r"[+-][\d.]+ \[[+-][\d.]+, [+-][\d.]+\]", " ".join(pages[0].split()))
    page = " ".join(pages[1].split())
    assert len(shown) > 8
    assert all(number in page for number in shown), "what the terminal shows, the page shows"


def test_every_format_says_the_same_sentence(cli: Callable[..., Any]) -> None:
    result = st.compare(*SERVICE[:2], positive="fraud")
    sentence = result.verdict.sentence
    for form in ("text", "html", "markdown", "junit", "json"):
        page = " ".join(render(result.scorecard, form).split())
        assert sentence.split("[")[0] in page.replace("\\", "")


def test_python_and_the_command_line_agree(cli: Callable[..., Any]) -> None:
    from_cli = cli("compare", *SERVICE, "--by", "region", "--json", "-").out
    assert st.compare(*SERVICE[:2], positive="fraud", by="region").to_json() == from_cli


def test_metrics_lists_the_catalogue_with_formulas(cli: Callable[..., Any]) -> None:
    ran = cli("metrics")
    assert ran.code == 0
    for name in ("accuracy", "roc_auc", "f1", "log_loss", "brier_score", "r2", "selection_rate"):
        assert re.search(rf"^{name}$", ran.out, re.MULTILINE)
    assert "2*tp / (2*tp + fp + fn)" in ran.out
    assert "tp + fp" in cli("metrics", "selection_rate").out
    assert "more is better;" not in cli("metrics", "selection_rate").out.replace("neither ", "")


def test_evaluate_shows_values_with_intervals(cli: Callable[..., Any], tmp_path: Path) -> None:
    ran = cli("evaluate", *SERVICE[:1], *SERVICE[2:], "--markdown", tmp_path / "out.md")
    assert ran.code == 0
    for page in (ran.out, (tmp_path / "out.md").read_text(encoding="utf-8")):
        assert re.search(r"roc_auc.*0\.\d+ \[0\.\d+, 0\.\d+\]", page)


def test_a_formula_metric_and_its_direction(cli: Callable[..., Any]) -> None:
    asked = ("--metric", "waste=15*fp + 100*fn", "--lower-is-better", "waste", "--json", "-")
    card = cli("compare", *SERVICE, *asked).json
    effect = card["effects"][0]
    assert effect["metric"] == "waste"
    assert effect["higher_is_better"] is False
    assert effect["word"] == "better"


def test_unpaired_is_said(cli: Callable[..., Any]) -> None:
    card = cli("compare", *SERVICE, "--unpaired", "--json", "-").json
    assert card["flips"] == []
    assert card["effects"]
    assert all("paired" not in (e["method"] or "").replace("unpaired", "") for e in card["effects"])


def test_a_broken_pipe_is_no_bug() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "seatrial", "metrics"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as ran:
        assert ran.stdout is not None
        assert ran.stderr is not None
        ran.stdout.close()
        said = ran.stderr.read().decode()
    assert "Traceback" not in said
    assert "our bug" not in said


def test_demo(cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("demo")
    assert ran.code == 0
    assert (tmp_path / "seatrial-demo.html").exists()
    assert "seatrial-demo.html" in ran.out
    assert "guardrail" in ran.out
