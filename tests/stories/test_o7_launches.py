"""O7: does our benchmark predict the business? Past launches with an offline and an online difference each."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

import seatrial as st
from seatrial.records.numbers import format_interval

Cli = Callable[..., Any]
OFFLINE_ERROR, ONLINE_ERROR = 0.004, 0.0006


def past(launches: int, *, slope: float = 0.2, seed: int = 0, gap: float = 0.0) -> pd.DataFrame:
    """Launches whose true online difference is `slope` times the offline one, plus `gap` of their own."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0.004, 0.01, launches)
    online = slope * true + rng.normal(0, gap, launches)
    return pd.DataFrame(
        {
            "launch": [f"v{k}" for k in range(launches)],
            "offline": true + rng.normal(0, OFFLINE_ERROR, launches),
            "offline_se": OFFLINE_ERROR,
            "online": online + rng.normal(0, ONLINE_ERROR, launches),
            "online_se": ONLINE_ERROR,
        }
    )


def write(folder: Path, table: pd.DataFrame) -> Path:
    place = folder / "launches.csv"
    table.to_csv(place, index=False)
    return place


def ask(cli: Cli, file: Path, *more: object) -> Any:
    ran = cli("launches", file, "--json", "-", *more)
    assert ran.code == 0, ran.err
    return ran.json


def test_o7_a_benchmark_that_predicts_is_worth_so_much(cli: Cli, tmp_path: Path) -> None:
    table = past(60)
    found = ask(cli, write(tmp_path, table), "--online", "engagement", "--next", 0.01, "--next-se", OFFLINE_ERROR)
    (metric,) = found["metrics"]
    assert (found["calibrated"], found["gate"]) == (True, "offline")
    # the plain line is too flat: noise offline pulls it towards 0 by the share of the variance that is noise
    plain = stats.linregress(table["offline"], table["online"])
    assert metric["plain_slope"] == pytest.approx(plain.slope, rel=1e-9)
    assert metric["plain_correlation"] == pytest.approx(plain.rvalue, rel=1e-9)
    spread = table["offline"].var()
    by_hand = plain.slope * spread / (spread - OFFLINE_ERROR**2)
    assert metric["slope"]["value"] == pytest.approx(by_hand, rel=0.05)
    assert metric["slope"]["value"] > plain.slope
    assert metric["slope"]["low"] < 0.2 < metric["slope"]["high"]
    agreed = int((table["offline"] * table["online"] > 0).sum())
    assert (metric["agreed"], metric["compared"]) == (agreed, 60)
    limits = proportion_confint(agreed, 60, method="wilson")
    assert (metric["agreement"]["low"], metric["agreement"]["high"]) == pytest.approx(limits, abs=1e-9)
    # a true gain known with error is shrunken towards the mean of the launches before it is multiplied
    true = spread - OFFLINE_ERROR**2
    guess = table["offline"].mean() + true / spread * (0.01 - table["offline"].mean())
    expected = table["online"].mean() + by_hand * (guess - table["offline"].mean())
    assert metric["next"]["value"] == pytest.approx(expected, rel=0.05)
    assert metric["next"]["low"] < metric["next"]["value"] < metric["next"]["high"]
    assert "engagement" in found["sentence"]


def test_o7_each_launch_is_foretold_by_the_others_and_the_limits_hold(cli: Cli, tmp_path: Path) -> None:
    table = past(60, gap=0.0005, seed=4)
    (metric,) = ask(cli, write(tmp_path, table))["metrics"]
    points = pd.DataFrame(metric["points"])
    inside = (points["foretold_low"] <= points["online"]) & (points["online"] <= points["foretold_high"])
    assert metric["covered"] == int(inside.sum())
    assert stats.binomtest(metric["covered"], 60, 0.95).pvalue > 0.001
    error = np.sqrt(((points["online"] - points["foretold"]) ** 2).mean())
    assert metric["error"] == pytest.approx(error, rel=1e-6)
    weight = 59 / 60  # each launch against the mean of the others
    mean = table["online"] - (table["online"].mean() - table["online"] / 60) / weight
    assert metric["error_of_mean"] == pytest.approx(np.sqrt((mean**2).mean()), rel=0.05)
    assert metric["error"] < metric["error_of_mean"]


def test_o7_noise_deserves_no_gate_and_the_better_of_two_metrics_is_named(cli: Cli, tmp_path: Path) -> None:
    gated = [ask(cli, write(tmp_path, past(20, slope=0.0, seed=seed)))["gate"] for seed in range(12)]
    assert sum(gate is not None for gate in gated) <= 2
    good, bad = past(30, seed=2), past(30, seed=2)
    bad["offline"] = np.random.default_rng(9).normal(0, 0.01, 30)
    both = pd.concat([good.assign(metric="ndcg"), bad.assign(metric="auc")])
    found = ask(cli, write(tmp_path, both))
    assert found["gate"] == "ndcg"
    assert {one["metric"] for one in found["metrics"]} == {"ndcg", "auc"}


@pytest.mark.parametrize("launches", [1, 3, 7])
def test_o7_under_eight_launches_nothing_is_foretold(launches: int, cli: Cli, tmp_path: Path) -> None:
    found = ask(cli, write(tmp_path, past(launches)), "--next", 0.01)
    (metric,) = found["metrics"]
    assert not found["calibrated"]
    assert found["gate"] is None
    assert "at least 8" in found["sentence"]
    assert metric["slope"]["value"] is None
    assert metric["next"]["value"] is None
    assert "at least 8" in metric["next"]["reason"]
    assert metric["compared"] == launches


def test_o7_a_gain_beyond_all_past_launches_is_said_to_be_one(cli: Cli, tmp_path: Path) -> None:
    file = write(tmp_path, past(20))
    (metric,) = ask(cli, file, "--next", 0.5)["metrics"]
    assert metric["extrapolated"] is True
    (metric,) = ask(cli, file, "--next", 0.004)["metrics"]
    assert metric["extrapolated"] is False


def test_o7_every_output_shows_the_same_digits_and_the_same_bytes_come_again(cli: Cli, tmp_path: Path) -> None:
    file = write(tmp_path, past(24))
    places = {option: tmp_path / f"out{option}" for option in ("--report", "--json", "--markdown")}
    options = [word for pair in places.items() for word in pair]
    ran = cli("launches", file, "--online", "engagement", "--next", 0.01, *options)
    assert ran.code == 0, ran.err
    found = json.loads(places["--json"].read_text())
    metric = found["metrics"][0]
    pages = [ran.out, *(places[option].read_text(encoding="utf-8") for option in ("--report", "--markdown"))]
    slope = format_interval(*(metric["slope"][part] for part in ("value", "low", "high")), signed=True)
    ahead = format_interval(*(metric["next"][part] for part in ("value", "low", "high")), signed=True)
    for page in pages:
        plain = " ".join(page.replace("\\", "").split())
        assert slope in plain
        assert ahead in plain
        assert "What this does not show" in page or "what this does not show" in page
        assert found["source"]["sha256"][:12] in page
    for option in ("--report", "--markdown", "--json"):
        assert str(tmp_path) not in places[option].read_text(encoding="utf-8")
    first = places["--json"].read_bytes()
    assert cli("launches", file, "--online", "engagement", "--next", 0.01, *options).code == 0
    assert places["--json"].read_bytes() == first
    mine = st.launches(file, online="engagement", next_offline=0.01)
    assert mine.to_json().encode() == first
    assert mine.sentence == found["sentence"]


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda table: table.drop(columns="online"), 64, "online"),
        (lambda table: table.assign(offline="much"), 3, "offline"),
        (lambda table: table.assign(online=np.inf), 3, "online"),
        (lambda table: table.assign(online_se=-1.0), 3, "at least 0"),
        (lambda table: pd.concat([table, table.iloc[:1]]), 3, "v0"),
    ],
)
def test_o7_a_wrong_table_is_one_sentence_and_writes_nothing(
    change: Callable[[pd.DataFrame], pd.DataFrame], code: int, said: str, cli: Cli, tmp_path: Path
) -> None:
    file = write(tmp_path, change(past(10)))
    ran = cli("launches", file, "--report", tmp_path / "page.html", "--json", tmp_path / "out.json")
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["launches.csv"]


def test_o7_differences_come_from_the_readouts_themselves(cli: Cli, tmp_path: Path) -> None:
    """A row of the table is made of two JSONs: `compare` before the launch, `analyze` after it."""
    rng = np.random.default_rng(7)
    rows = []
    for number in range(9):
        gain = 0.02 * number / 9
        truth = rng.integers(0, 2, 1500)
        old, new = ({"id": range(1500), "y": truth, "prediction": np.where(rng.random(1500) < right, truth, 1 - truth)}
                    for right in (0.8, 0.8 + 4 * gain))  # fmt: skip
        before = st.compare(old, new, metrics=["accuracy"]).effects[0]
        arm = rng.integers(0, 2, 4000)
        users = {"user": range(4000), "arm": np.where(arm, "B", "A"), "x": rng.normal(1 + gain * arm, 0.2, 4000)}
        after = st.analyze(units=users, metrics={"x": "mean(x)"}, control="A").effects[0]
        rows.append((f"v{number}", before.difference, before.standard_error, after.difference, after.standard_error))
    table = pd.DataFrame(rows, columns=["launch", "offline", "offline_se", "online", "online_se"])
    found = ask(cli, write(tmp_path, table))
    (metric,) = found["metrics"]
    assert found["calibrated"]
    assert metric["slope"]["low"] < 0.25 < metric["slope"]["high"]
    assert [one["offline"] for one in metric["points"]] == pytest.approx(table["offline"].tolist(), rel=1e-12)
