"""O5: a test that showed nothing. Two segments of +4 % and -4 % hide in it; the post-mortem finds them, in order."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.experiments.freeze import freeze
from seatrial.experiments.plan_file import parse_plan
from seatrial.experiments.plan_text import dump_plan

UNITS = 24_000
PLAN = """\
name: new ranker
hypothesis: the new ranker raises what a user spends
control: old
arms: {old: 50, new: 50}
metrics:
  spent: {formula: mean(amount), missing: zero}
primary: spent
minimum_effect: 2%
segments: [country]
stopping: fixed
start: 2026-03-02
days: 14
"""


@dataclass(frozen=True, kw_only=True)
class Files:
    exposures: Path
    events: Path


def write(folder: Path, *, lift: Callable[[str], float], lost: float = 0.0) -> Files:
    """Two weeks of a shop: users of two countries, equal arms; `lost`: share of the new arm's DE users not logged."""
    rng = np.random.default_rng(5)
    exposures, events = folder / "exposures.csv", folder / "events.csv"
    with exposures.open("w", newline="") as first, events.open("w", newline="") as second:
        seen, did = csv.writer(first), csv.writer(second)
        seen.writerow(["user", "variant", "ts", "country"])
        did.writerow(["user", "ts", "amount"])
        for number in range(UNITS):
            arm = ("old", "new")[int(rng.random() < 0.5)]
            country = ("DE", "US")[number % 2]
            day, hour = int(rng.integers(0, 14)), int(rng.integers(0, 23))
            spends = rng.normal(50, 10) * (1 + lift(country) * (arm == "new"))
            if arm == "new" and country == "DE" and rng.random() < lost:
                continue
            seen.writerow([f"u{number}", arm, f"2026-03-{2 + day:02d}T{hour:02d}:00:00Z", country])
            did.writerow([f"u{number}", f"2026-03-{2 + day:02d}T{hour:02d}:30:00Z", f"{spends:.2f}"])
    return Files(exposures=exposures, events=events)


def ask(cli: Any, files: Files, plan: Path, *more: object) -> Any:
    ran = cli(
        "postmortem", "--plan", plan, "--exposures", files.exposures, "--events", files.events, "--json", "-", *more
    )
    assert ran.code == 0, ran.err
    return ran.json


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    place = tmp_path / "plan.yaml"
    place.write_text(dump_plan(freeze(parse_plan(PLAN))), encoding="utf-8")
    return place


def status(found: Any, name: str) -> str:
    return str(next(step["status"] for step in found["steps"] if step["name"] == name))


def test_o5_two_segments_that_cancel_are_found_and_the_next_test_is_named(cli: Any, tmp_path: Path, plan: Path) -> None:
    files = write(tmp_path, lift=lambda country: 0.04 if country == "DE" else -0.04)
    found = ask(cli, files, plan)
    assert found["is_null"]
    names = [step["name"] for step in found["steps"]]
    assert names == [
        "sample ratio",
        "crossovers",
        "logging",
        "metric validity",
        "power",
        "dilution and trigger",
        "segments",
        "trend",
        "offline gap",
    ]
    assert [status(found, name) for name in names[:5]] == ["pass"] * 5
    segments = found["steps"][6]
    assert segments["status"] == "fail"
    assert segments["numbers"]["country=DE"] == pytest.approx(0.04, abs=0.012)
    assert segments["numbers"]["country=US"] == pytest.approx(-0.04, abs=0.012)
    following = found["next_test"]
    assert (following["kind"], following["where"]) == ("segment", {"country": "DE"})
    # 2 (1.96 + .84)^2 10^2 / (2 % of 50)^2 = 1570 per arm for the planned effect, not the 4 % seen
    assert following["units"]["new"] == pytest.approx(1570, rel=0.1)
    for word in ("country=DE", "country=US"):
        assert word in found["sentence"]


def test_o5_a_true_null_with_enough_units_stops(cli: Any, tmp_path: Path, plan: Path) -> None:
    found = ask(cli, write(tmp_path, lift=lambda _: 0.0), plan)
    assert found["is_null"]
    assert status(found, "segments") == "pass"
    assert found["next_test"]["kind"] == "stop"
    assert "no gain larger than" in found["next_test"]["sentence"]


def test_o5_lost_units_come_before_every_other_explanation(cli: Any, tmp_path: Path, plan: Path) -> None:
    files = write(tmp_path, lift=lambda country: 0.04 if country == "DE" else -0.04, lost=0.15)
    found = ask(cli, files, plan)
    first = found["steps"][0]
    assert (first["name"], first["status"]) == ("sample ratio", "fail")
    assert "country=DE" in first["sentence"]
    assert found["next_test"]["kind"] == "repair"


def test_o5_the_readout_alone_gives_the_same_post_mortem(cli: Any, tmp_path: Path, plan: Path) -> None:
    files = write(tmp_path, lift=lambda country: 0.04 if country == "DE" else -0.04)
    readout, page = tmp_path / "readout.json", tmp_path / "page.html"
    tables = ("--plan", plan, "--exposures", files.exposures, "--events", files.events)
    assert cli("analyze", *tables, "--json", readout).code == 0
    again = cli("postmortem", readout, "--json", "-")
    assert again.code == 0, again.err
    assert again.json == ask(cli, files, plan)
    assert cli("postmortem", readout, "--report", page).code == 0
    assert "country=DE" in page.read_text(encoding="utf-8")
