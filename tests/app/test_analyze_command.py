"""`seatrial analyze` on the command line: every way in, files written, exit codes by the verdict."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.actions.demo import demo_experiment
from seatrial.experiments.freeze import freeze
from seatrial.experiments.plan_file import load_plan
from seatrial.experiments.plan_text import dump_plan

Cli = Callable[..., Any]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo experiment, with a plan that was frozen."""
    folder = tmp_path_factory.mktemp("shop")
    demo_experiment(folder)
    plan = next(folder.glob("**/plan.yaml"))
    (plan.parent / "frozen.yaml").write_text(dump_plan(freeze(load_plan(plan))), encoding="utf-8")
    return plan.parent


def write(path: Path, header: str, rows: list[tuple[object, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(header.split(","))
        out.writerows(rows)
    return path


@pytest.fixture
def units(tmp_path: Path) -> Callable[..., Path]:
    """units(gain): 2,000 users of two arms with such a gain in revenue of mean 10 and sd 2."""

    def make(gain: float, *, n: int = 2000, shares: tuple[float, float] = (0.5, 0.5)) -> Path:
        rng = np.random.default_rng(0)
        arms = ["AB"[int(k >= shares[0] * n)] for k in range(n)]
        rows = [
            (f"u{k}", arm, round(10 + gain * (arm == "B") + 2 * float(rng.normal()), 4), "DE" if k % 3 else "FR")
            for k, arm in enumerate(arms)
        ]
        return write(tmp_path / "units.csv", "user,variant,revenue,country", rows)

    return make


def test_a_frozen_plan_and_three_tables_make_a_readout(cli: Cli, shop: Path, tmp_path: Path) -> None:
    names = ("out.html", "out.json", "out.md", "out.xml")
    page, data, text, junit = (tmp_path / name for name in names)
    ran = cli(
        "analyze", "--plan", shop / "frozen.yaml", "--exposures", shop / "exposures.csv", "--events",
        shop / "events.csv", "--pre", shop / "pre.csv", "--report", page, "--json", data, "--markdown", text, "--junit",
        junit, "--exit-code",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    known = json.loads(data.read_text())
    assert known["verdict"]["status"] == "pass"
    assert known["exploratory"] is False
    assert len(known["plan_digest"]) == 64
    assert known["verdict"]["evidence_digest"]
    lead = next(e for e in known["effects"] if e["metric"] == known["lead_metric"] and e["decides"])
    shown = f"{lead['difference']:+.1f} [{lead['low']:+.1f}, {lead['high']:+.1f}] USD"
    for said in (ran.out, page.read_text(), text.read_text(), known["verdict"]["sentence"]):
        assert shown in " ".join(said.replace("\u00a0", " ").split())
    assert junit.read_text().count("<testcase") == len(known["verdict"]["checks"])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)


@pytest.mark.parametrize(("gain", "code", "status"), [(1.0, 0, "pass"), (-1.0, 1, "fail"), (0.1, 2, "inconclusive")])
def test_the_exit_code_is_the_verdict(cli: Cli, units: Any, gain: float, code: int, status: str) -> None:
    arguments = (
        "analyze",
        "--units",
        units(gain, n=2000 if abs(gain) > 0.5 else 60),
        "--arm",
        "variant",
        "--metric",
        "revenue=mean(revenue)",
    )
    ran = cli(*arguments, "--json", "-", "--exit-code")
    assert (ran.code, ran.json["verdict"]["status"]) == (code, status)
    assert cli(*arguments).code == 0


def test_a_broken_split_is_exit_3(cli: Cli, units: Any) -> None:
    ran = cli(
        "analyze", "--units", units(1.0, shares=(0.4, 0.6)), "--metric", "revenue=mean(revenue)", "--weight", "A=50",
        "--weight", "B=50", "--json", "-", "--exit-code",
    )  # fmt: skip
    assert (ran.code, ran.json["verdict"]["status"]) == (3, "invalid")
    assert ran.json["verdict"]["checks"] == []
    assert "sample ratio" in {one["name"] for one in ran.json["health"] if one["status"] == "fail"}


def test_segments_covariates_and_directions_from_options(cli: Cli, units: Any) -> None:
    ran = cli(
        "analyze", "--units", units(1.0), "--metric", "revenue=mean(revenue)", "--metric", "cost=mean(revenue / 2)",
        "--primary", "revenue", "--lower-is-better", "cost", "--segment", "country", "--winsorize", "revenue=14",
        "--json", "-",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    effects = ran.json["effects"]
    assert {e["segment"] for e in effects} == {None, "country=DE", "country=FR"}
    assert {e["metric"]: e["word"] for e in effects if not e["slice"]} == {"revenue": "better", "cost": "worse"}
    assert all(e["exploratory"] for e in effects)


def test_moments_alone(cli: Cli, tmp_path: Path) -> None:
    table = write(
        tmp_path / "moments.csv", "arm,day,metric,n,mean,variance",
        [(arm, f"2026-03-0{d}", "revenue", 500 * d, 10 + 0.5 * (arm == "B"), 4.0) for arm in "AB" for d in (1, 2, 3)],
    )  # fmt: skip
    ran = cli("analyze", "--moments", table, "--json", "-")
    assert ran.code == 0, ran.err
    (one,) = ran.json["effects"]
    assert one["difference"] == pytest.approx(0.5)
    assert one["units"] == {"A": 1500, "B": 1500}
    assert [look["day"] for look in ran.json["sequences"][0]["looks"]] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    new = cli("analyze", "--moments", table, "--new-units", "--json", "-").json["effects"][0]
    assert new["units"] == {"A": 3000, "B": 3000}


def test_it_can_be_read_as_of_a_day(cli: Cli, shop: Path) -> None:
    given = ("analyze", "--plan", shop / "frozen.yaml", "--exposures", shop / "exposures.csv", "--events",
             shop / "events.csv", "--pre", shop / "pre.csv", "--json", "-")  # fmt: skip
    early = cli(*given, "--as-of", "2026-03-08").json
    assert early["verdict"]["status"] == "inconclusive"
    assert early["as_of"].startswith("2026-03-08T23:59:59")
    assert early["days"] < 7.1


def test_the_readout_does_not_change_what_it_reads(cli: Cli, units: Any) -> None:
    path = units(1.0)
    before = path.read_bytes()
    one = cli("analyze", "--units", path, "--metric", "revenue=mean(revenue)", "--json", "-").out
    two = cli("analyze", "--units", path, "--metric", "revenue=mean(revenue)", "--json", "-").out
    assert one == two
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--metric", "revenue"), "NAME=FORMULA"),
        (("--metric", "r=mean(revenu)"), "Did you mean 'revenue'"),
        (("--metric", "r=mean(revenue)", "--winsorize", "r=nan"), "must be a number"),
        (("--metric", "r=mean(revenue)", "--winsorize", "r=inf"), "must be a number"),
        (("--metric", "r=mean(revenue)", "--winsorize", "r"), "NAME=VALUE"),
        (("--metric", "r=mean(revenue)", "--weight", "A=many"), "must be a number"),
        (("--metric", "r=mean(revenue)", "--weight", "C=1"), "'C' is no arm"),
        (("--metric", "r=mean(revenue)", "--crossovers", "both"), "exclude or first"),
        (("--metric", "r=mean(revenue)", "--timezone", "Mars/Base"), "Mars/Base"),
        (("--metric", "r=mean(revenue)", "--as-of", "yesterday"), "yesterday"),
        (("--metric", "r=mean(revenue)", "--guardrail", "r:five"), "five"),
        (("--metric", "r=mean(revenue)", "--policy", "nowhere.yaml"), "nowhere.yaml"),
        (("--metric", "r=mean(revenue)", "--plan", "nowhere.yaml"), "nowhere.yaml"),
        (("--metric", "r=mean(revenue)", "--report", "no/such/folder/x.html"), "no/such/folder"),
        (("--metric", "r=mean(revenue)", "--json", "x", "--report", "x"), "two formats"),
        ((), "There is no metric"),
    ],
)
def test_wrong_options_are_one_sentence(cli: Cli, units: Any, options: tuple[str, ...], words: str) -> None:
    ran = cli("analyze", "--units", units(1.0), *options)
    assert ran.code in (64, 3), ran.err
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert words in line
    assert "our bug" not in line


def test_a_policy_file_with_a_rule_on_a_segment(cli: Cli, units: Any, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "success: [revenue]\nguardrails:\n  - {metric: revenue, slice: {country: FR}, margin: 5%}\n", encoding="utf-8"
    )
    ran = cli("analyze", "--units", units(1.0), "--metric", "revenue=mean(revenue)", "--policy", policy, "--json", "-")
    assert ran.code == 0, ran.err
    held = next(one for one in ran.json["verdict"]["checks"] if one["slice"] == {"country": "FR"})
    assert held["status"] == "pass"
    policy.write_text(policy.read_text().replace("FR", "XX"), encoding="utf-8")
    open_ = cli(
        "analyze", "--units", units(1.0), "--metric", "revenue=mean(revenue)", "--policy", policy, "--json", "-"
    )
    assert open_.json["verdict"]["status"] == "inconclusive"
    assert "no unit has country=XX" in open_.json["verdict"]["checks"][1]["reason"]
    policy.write_text(policy.read_text().replace("country", "planet"), encoding="utf-8")
    ran = cli("analyze", "--units", units(1.0), "--metric", "revenue=mean(revenue)", "--policy", policy)
    assert ran.code == 64
    assert "planet" in ran.err
