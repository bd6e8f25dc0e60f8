"""O1: a test is planned from a history: units, days, what low traffic could do; frozen with a digest, then used."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower

import seatrial as st
from seatrial.records.numbers import format_count

Cli = Callable[..., Any]
DAYS = [3000, 2700, 2500, 2300, 2200, 2100, 2000, 1900, 1850, 1800, 1750, 1700, 1650, 1600]
PLAN = f"""\
name: ranker-2.1
hypothesis: The new ranker raises revenue per user without making pages slower.
unit: user_id
control: old
arms: {{old: 50, new: 50}}
metrics:
  revenue_per_user: {{formula: mean(revenue), covariates: [pre_revenue], unit: USD}}
  page_ms: {{formula: mean(page_ms), unit: ms, lower_is_better: true}}
primary: revenue_per_user
guardrails: [{{metric: page_ms, margin: 2%}}]
minimum_effect: 8%
segments: [country]
start: 2026-03-02
days: 28
new_units_per_day: {DAYS}
"""


@pytest.fixture
def history(tmp_path: Path) -> pd.DataFrame:
    """What 20,000 users did before, one row each, as `history.csv`; the plan beside it as `plan.yaml`."""
    rng = np.random.default_rng(1)
    n = 20_000
    taste = rng.gamma(1, 1, n)
    table = pd.DataFrame(
        {
            "user_id": range(n),
            "revenue": np.where(rng.random(n) < 0.6, rng.poisson(2 * taste) * 30.0, 0),
            "pre_revenue": rng.poisson(3 * taste) * 30.0,
            "page_ms": rng.lognormal(5.3, 0.35, n).round(1),
            "country": rng.choice(["DE", "FR"], n),
        }
    )
    table.to_csv(tmp_path / "history.csv", index=False)
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    return table


def planned(cli: Cli, folder: Path, *more: object) -> Any:
    ran = cli("plan", folder / "plan.yaml", "--history", folder / "history.csv", "--json", "-", *more)
    assert ran.code == 0, ran.err
    return ran.json


def test_o1_units_are_those_of_the_textbook_on_the_history_s_own_variance(
    history: pd.DataFrame, tmp_path: Path, cli: Cli
) -> None:
    sizing = planned(cli, tmp_path)["sizing"]
    mean = history["revenue"].mean()
    slope = history["revenue"].cov(history["pre_revenue"]) / history["pre_revenue"].var()
    rest = float((history["revenue"] - slope * history["pre_revenue"]).std())
    assert sizing["control_value"] == pytest.approx(mean, rel=1e-9)
    assert sizing["standard_deviation"] == pytest.approx(rest, rel=1e-3)
    correlation = history["revenue"].corr(history["pre_revenue"])
    assert sizing["variance_factor"] == pytest.approx(1 - correlation**2, rel=1e-3)
    # one guardrail beside it: each check gets 1 - .2/2
    assert sizing["power_each"] == pytest.approx(0.9)
    ask = {"alpha": 0.025, "power": 0.9, "alternative": "larger"}
    per_arm = NormalIndPower().solve_power(effect_size=0.08 * mean / sizing["standard_deviation"], **ask)
    assert sizing["deciding"] == "revenue_per_user"
    for units in sizing["units"].values():
        assert units == pytest.approx(per_arm, abs=1.5)


def test_o1_days_count_new_units_only_and_the_curve_saturates(history: pd.DataFrame, tmp_path: Path, cli: Cli) -> None:
    sizing = planned(cli, tmp_path)["sizing"]
    by_days = {row["days"]: row for row in sizing["by_duration"]}
    assert by_days[7]["units_per_arm"] == sum(DAYS[:7]) // 2
    assert by_days[14]["units_per_arm"] == sum(DAYS) // 2
    # less than a line: the second week brings fewer new users than the first
    assert by_days[28]["units_per_arm"] < 2 * by_days[14]["units_per_arm"]
    enough = 2 * max(sizing["units"].values())
    assert sizing["days"] == next(k for k in range(1, 15) if sum(DAYS[:k]) >= enough)
    scale = sizing["standard_deviation"] * np.sqrt(2)
    for row in sizing["by_duration"]:
        found = (stats.norm.isf(0.025) + stats.norm.ppf(0.9)) * scale / np.sqrt(row["units_per_arm"])
        assert row["minimum_detectable_effect"] == pytest.approx(found, rel=1e-3)
        assert row["minimum_detectable_lift"] == pytest.approx(found / history["revenue"].mean(), rel=1e-3)


def test_o1_low_traffic_is_told_before_the_start_what_it_would_take(
    history: pd.DataFrame, tmp_path: Path, cli: Cli
) -> None:
    sizing = planned(cli, tmp_path, "--minimum-effect", "1%", "--new-units-per-day", "90,80,75,70,66,62,60")["sizing"]
    assert sizing["days"] is None or sizing["days"] > 28
    advice = " ".join(sizing["advice"])
    for way in ("larger minimum effect", "Fewer guardrails", "paired comparison offline", "nterleaving", "witchback"):
        assert way in advice
    bare = planned(
        cli, tmp_path, "--metric", "revenue_per_user=mean(revenue)", "--minimum-effect", "1%", "--new-units-per-day", 50
    )
    assert "CUPED" in " ".join(bare["sizing"]["advice"])


def test_o1_all_outputs_show_the_same_and_the_json_is_the_same_again(
    history: pd.DataFrame, tmp_path: Path, cli: Cli
) -> None:
    places = [tmp_path / f"out.{kind}" for kind in ("html", "json", "md")]
    files = ("--report", places[0], "--json", places[1], "--markdown", places[2])
    ran = cli("plan", tmp_path / "plan.yaml", "--history", tmp_path / "history.csv", *files)
    assert ran.code == 0, ran.err
    sizing = json.loads(places[1].read_text())["sizing"]
    shown = [format_count(sum(sizing["units"].values()))]
    shown += [format_count(row["units_per_arm"]) for row in sizing["by_duration"]]
    files_written = [place.read_text(encoding="utf-8") for place in places]
    for page in (ran.out, files_written[0], files_written[2]):
        assert [number for number in shown if number not in page] == []
    assert [page for page in files_written if str(tmp_path) in page] == []
    first = places[1].read_bytes()
    places[1].unlink()
    assert cli("plan", tmp_path / "plan.yaml", "--history", tmp_path / "history.csv", *files).code == 0
    assert places[1].read_bytes() == first
    from_python = st.plan(tmp_path / "plan.yaml", history=history)
    assert from_python.plan.sizing is not None
    assert from_python.plan.sizing.units == sizing["units"]


def test_o1_frozen_it_is_named_by_the_readout_and_is_never_edited(
    history: pd.DataFrame, tmp_path: Path, cli: Cli
) -> None:
    frozen = tmp_path / "frozen.yaml"
    ran = cli("plan", tmp_path / "plan.yaml", "--history", tmp_path / "history.csv", "--freeze", frozen)
    assert ran.code == 0, ran.err
    kept = frozen.read_bytes()
    rng = np.random.default_rng(2)
    with (tmp_path / "users.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["user_id", "variant", "exposed_at", "country", "revenue", "pre_revenue", "page_ms"])
        for row in history.itertuples():
            day = f"2026-03-{2 + int(rng.integers(0, 28)):02d}"
            arm = ("old", "new")[int(rng.random() < 0.5)]
            out.writerow([row.user_id, arm, day, row.country, row.revenue, row.pre_revenue, row.page_ms])
    read = cli("analyze", "--plan", frozen, "--units", tmp_path / "users.csv", "--json", "-")
    assert read.code == 0, read.err
    digest = re.search(r"[0-9a-f]{64}", ran.out)
    assert digest is not None
    assert (read.json["plan_digest"], read.json["exploratory"]) == (digest[0], False)
    loose = cli("analyze", "--plan", tmp_path / "plan.yaml", "--units", tmp_path / "users.csv", "--json", "-")
    assert loose.json["exploratory"] is True
    refused = cli("plan", tmp_path / "plan.yaml", "--freeze", frozen)
    assert (refused.code, frozen.read_bytes()) == (64, kept)
    edited = kept.replace(b"minimum_effect: ", b"minimum_effect: 1")
    assert edited != kept
    frozen.write_bytes(edited)
    assert cli("analyze", "--plan", frozen, "--units", tmp_path / "users.csv").code == 64
    frozen.write_bytes(kept)
    second = tmp_path / "second.yaml"
    ran = cli("plan", frozen, "--days", 42, "--amends", frozen, "--freeze", second)
    assert ran.code == 0, ran.err
    assert digest[0] in second.read_text()
    assert frozen.read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--base", "0.05", "--minimum-effect", "5%"), 122_121),
        (("--base", "0.10", "--minimum-effect", "0.01"), 14_748),
        (("--paired-discordance", "0.06", "--margin", "0.5%"), 18_838),
    ],
)
def test_o1_a_quick_answer_gives_the_published_numbers(arguments: tuple[str, ...], expected: int, cli: Cli) -> None:
    ran = cli("power", *arguments)
    assert ran.code == 0
    assert format_count(expected) in ran.out
    found = cli("power", *arguments, "--json", "-").json
    assert expected in (found["pairs"], *found["units"].values())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("minimum_efect: 2%", "minimum_effect"),
        ("primary: revenu_per_user", "revenue_per_user"),
        ("stopping: sometimes", "hybrid"),
        ("control: nobody", "nobody"),
    ],
)
def test_o1_a_wrong_plan_is_one_sentence_and_writes_nothing(
    line: str, said: str, history: pd.DataFrame, tmp_path: Path, cli: Cli
) -> None:
    key = line.split(":")[0]
    kept = [one for one in PLAN.splitlines() if not one.startswith(f"{key}:")]
    (tmp_path / "plan.yaml").write_text("\n".join([*kept, line]), encoding="utf-8")
    before = sorted(path.name for path in tmp_path.iterdir())
    ran = cli("plan", tmp_path / "plan.yaml", "--freeze", tmp_path / "frozen.yaml", "--report", tmp_path / "page.html")
    assert (ran.code, ran.out) == (64, "")
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before
