"""Bad experiments at the command line: one clear sentence or a right readout with the right finding, never a wrong
number, a trace of Python, or a file half written."""

import csv
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.experiments.freeze import freeze
from seatrial.experiments.plan_file import parse_plan
from seatrial.experiments.plan_text import dump_plan

Cli = Callable[..., Any]
USAGE, DATA = 64, 3
PLAN = """\
name: shop
unit: user
control: A
arms: {A: 50, B: 50}
metrics:
  revenue: {formula: mean(revenue), missing: zero, winsorize: 1000}
primary: revenue
minimum_effect: 10%
stopping: fixed
start: 2026-03-02
days: 2
"""
METRIC = ("--metric", "revenue=mean(revenue)", "--zero", "revenue")


def write(path: Path, header: str, rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(header.split(","))
        out.writerows(rows)
    return path


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., tuple[object, ...]]:
    """files(exposures, events): their paths as options; 200 users in two equal arms unless rows are given."""

    def make(
        exposures: Any = None, events: Any = None, *, times: str = "exposed_at", columns: str = ""
    ) -> tuple[object, ...]:
        seen = good_exposures() if exposures is None else exposures
        did = good_events() if events is None else events
        first = write(tmp_path / "exposures.csv", f"user,variant,{times}", seen)
        second = write(tmp_path / "events.csv", columns or "event_id,user,time,revenue", did)
        return "--exposures", first, "--events", second

    return make


def good_exposures() -> list[tuple[object, ...]]:
    return [(f"u{k}", "AB"[k % 2], f"2026-03-0{2 + k % 2 * (k % 4 == 3)}T0{k % 9}:00:00Z") for k in range(200)]


def good_events() -> list[tuple[object, ...]]:
    rng = np.random.default_rng(0)
    return [
        (f"e{k}", f"u{k % 200}", f"2026-03-03T1{k % 9}:00:00Z", round(float(rng.gamma(2, 5)), 2)) for k in range(600)
    ]


def refused(ran: Any, *words: str, codes: tuple[int, ...] = (USAGE, DATA)) -> None:
    """One line on standard error, nothing on standard output, no trace of Python."""
    assert ran.code in codes, (ran.code, ran.err)
    assert ran.out == ""
    lines = ran.err.splitlines()
    assert len(lines) == 1, ran.err
    assert lines[0].startswith("seatrial: ")
    assert "Traceback" not in lines[0]
    assert "our bug" not in lines[0]
    for word in words:
        assert word in lines[0], lines[0]


def read(ran: Any) -> Any:
    """A readout without any NaN."""
    assert ran.code in (0, 1, 2, 3), ran.err
    assert ran.err == ""

    def no(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(ran.out, parse_constant=no)


def said(known: Any) -> str:
    return " | ".join(f"{one['name']} {one['status']}: {one['sentence']}" for one in known["health"])


def effect(known: Any, metric: str = "revenue") -> Any:
    return next(one for one in known["effects"] if one["metric"] == metric and not one["slice"])


def plan(tmp_path: Path, text: str = PLAN) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(dump_plan(freeze(parse_plan(text))), encoding="utf-8")
    return path


def good(cli: Cli, files: Any) -> Any:
    return read(cli("analyze", *files(), *METRIC, "--json", "-"))


# Plans


def test_an_unknown_key_of_a_plan_is_named(cli: Cli, files: Any, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN.replace("primary:", "primry:"), encoding="utf-8")
    refused(cli("analyze", "--plan", path, *files()), "'primry'", "primary", codes=(USAGE,))


def test_a_frozen_plan_that_was_edited_is_refused(cli: Cli, files: Any, tmp_path: Path) -> None:
    path = plan(tmp_path)
    path.write_text(path.read_text().replace("minimum_effect: 10%", "minimum_effect: 1%"), encoding="utf-8")
    refused(cli("analyze", "--plan", path, *files()), "edited after it was frozen", codes=(USAGE,))


@pytest.mark.parametrize("text", ["", "arms: [", "- a\n- b\n", "arms: {A: 1}\nmetrics: {m: mean(x)}", "\x00\x01"])
def test_what_is_no_plan_is_one_sentence(cli: Cli, files: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    refused(cli("analyze", "--plan", path, *files()), codes=(USAGE,))


def test_a_plan_whose_arms_are_not_the_data_s(cli: Cli, files: Any, tmp_path: Path) -> None:
    exposures = [(user, {"A": "old", "B": "new"}[str(arm)], at) for user, arm, at in good_exposures()]
    refused(cli("analyze", "--plan", plan(tmp_path), *files(exposures)), "none of the plan's arms A, B", "new, old")


def test_an_arm_of_the_plan_without_units_forbids_a_verdict(cli: Cli, files: Any, tmp_path: Path) -> None:
    exposures = [(user, "A", at) for user, _, at in good_exposures()]
    ran = cli("analyze", "--plan", plan(tmp_path), *files(exposures), "--json", "-", "--exit-code")
    known = read(ran)
    assert (ran.code, known["verdict"]["status"]) == (3, "invalid")
    assert effect(known)["difference"] is None
    assert effect(known)["reason"] == "no units in one of the two arms"
    assert "B" in said(known)


# Units in two arms, times


def test_units_seen_in_two_arms_are_counted_and_left_out(cli: Cli, files: Any) -> None:
    crossed = [(f"u{k}", "B", "2026-03-02T20:00:00Z") for k in range(0, 20, 2)]
    known = read(cli("analyze", *files(good_exposures() + crossed), *METRIC, "--json", "-"))
    assert "10 " in next(one["sentence"] for one in known["health"] if one["name"] == "crossovers")
    assert effect(known)["units"] == {"A": 90, "B": 100}
    kept = read(cli("analyze", *files(good_exposures() + crossed), *METRIC, "--crossovers", "first", "--json", "-"))
    assert effect(kept)["units"] == {"A": 100, "B": 100}


def test_times_in_mixed_zones_are_the_same_moments(cli: Cli, files: Any) -> None:
    """09:00+02:00 is 07:00Z: the readout is that of the same table in one zone, to the last byte of the effects."""
    utc = good_exposures()
    mixed = []
    for k, (user, arm, at) in enumerate(utc):
        hour = int(str(at)[11:13])
        mixed.append((user, arm, str(at) if k % 2 else f"{str(at)[:11]}{hour + 2:02d}:00:00+02:00"))
    one, two = (read(cli("analyze", *files(rows), *METRIC, "--json", "-")) for rows in (utc, mixed))
    assert one["effects"] == two["effects"]
    assert one["sequences"] == two["sequences"]


def test_times_without_a_zone_take_that_of_the_option_and_days_follow_it(cli: Cli, files: Any) -> None:
    naive = [(user, arm, str(at).removesuffix("Z")) for user, arm, at in good_exposures()]
    local = [(e, user, str(at).removesuffix("Z"), money) for e, user, at, money in good_events()]
    known = read(cli("analyze", *files(naive, local), *METRIC, "--timezone", "Asia/Tokyo", "--json", "-"))
    assert known["as_of"].endswith("+09:00")
    assert effect(known)["difference"] == effect(good(cli, files))["difference"]


def test_the_hour_that_comes_twice_and_the_one_that_never_comes(cli: Cli, files: Any) -> None:
    """Berlin, 29 March 2026: 02:30 does not exist; 25 October: 02:30 comes twice. Days stay whole days."""
    for date in ("2026-03-29", "2026-10-25"):
        exposures = [(f"u{k}", "AB"[k % 2], f"{date}T{k % 24:02d}:30:00") for k in range(240)]
        events = [(f"e{k}", f"u{k}", f"{date}T23:59:00", 5.0 + k % 3) for k in range(240)]
        known = read(cli("analyze", *files(exposures, events), *METRIC, "--timezone", "Europe/Berlin", "--json", "-"))
        assert effect(known)["n"] == 240
        assert effect(known)["candidate_value"] == pytest.approx(6.0, abs=0.02)


def test_events_before_the_exposure_do_not_count(cli: Cli, files: Any) -> None:
    early = [(f"x{k}", f"u{k}", "2026-03-01T00:00:00Z", 1e6) for k in range(0, 200, 2)]
    known = read(cli("analyze", *files(None, good_events() + early), *METRIC, "--json", "-"))
    clean = good(cli, files)
    assert effect(known)["difference"] == effect(clean)["difference"]
    assert "100" in said(known)


@pytest.mark.parametrize("bad", ["soon", "", "2026-13-45", "1e400", "-5", "12:00"])
def test_times_that_are_none(cli: Cli, files: Any, bad: str) -> None:
    rows = [(user, arm, bad) for user, arm, _ in good_exposures()]
    refused(cli("analyze", *files(rows), *METRIC))


# Numbers


@pytest.mark.parametrize("value", ["NaN", "nan", "inf", "-Infinity", "1e999", "abc", ""])
def test_a_value_that_is_no_finite_number_is_missing_and_counted(cli: Cli, files: Any, value: str) -> None:
    events = good_events()
    events[0] = (*events[0][:3], value)
    ran = cli("analyze", *files(None, events), *METRIC, "--json", "-")
    if ran.code in (USAGE, DATA):
        refused(ran, "revenue")
        return
    known = read(ran)
    one = effect(known)
    assert one["difference"] is None or math.isfinite(one["difference"])
    assert abs(one["candidate_value"] - 30) < 10
    if value:
        assert "revenue" in said(known)


def test_one_unit_with_half_the_revenue_is_named(cli: Cli, files: Any) -> None:
    events = [*good_events(), ("whale", "u1", "2026-03-03T12:00:00Z", 6500.0)]
    known = read(cli("analyze", *files(None, events), *METRIC, "--json", "-"))
    warned = [one for one in known["health"] if one["status"] != "pass"]
    assert any("half" in one["sentence"] or "%" in one["sentence"] for one in warned), said(known)
    assert effect(known)["word"] == "cannot tell"
    capped = read(cli("analyze", *files(None, events), *METRIC, "--winsorize", "revenue=100", "--json", "-"))
    assert abs(effect(capped)["difference"]) < 6


def test_no_conversions_in_one_arm(cli: Cli, files: Any) -> None:
    events = [row for row in good_events() if int(str(row[1])[1:]) % 2]
    known = read(
        cli("analyze", *files(None, events), "--metric", "buys=mean(revenue > 0)", "--zero", "buys", "--json", "-")
    )
    one = effect(known, "buys")
    assert one["baseline_value"] == 0
    assert one["word"] == "better"
    assert one["relative_difference"] is None
    assert one["relative_reason"]


@pytest.mark.parametrize("rule", ["fixed", "hybrid", "anytime", "group-sequential"])
def test_three_units_in_all(cli: Cli, files: Any, tmp_path: Path, rule: str) -> None:
    path = plan(tmp_path, PLAN.replace("fixed", rule))
    ran = cli("analyze", "--plan", path, *files(good_exposures()[:3], good_events()), "--json", "-", "--exit-code")
    known = read(ran)
    assert ran.code in (2, 3)
    assert known["verdict"]["status"] in ("inconclusive", "invalid")
    assert effect(known)["difference"] is None


def test_a_huge_row_and_huge_numbers(cli: Cli, files: Any) -> None:
    events = good_events()
    events[5] = (*events[5][:3], "1e300")
    ran = cli("analyze", *files(None, events), *METRIC, "--json", "-")
    if ran.out:
        known = read(ran)
        assert effect(known)["word"] == "cannot tell"
    else:
        refused(ran)
    long = [
        (f"u{k}" + "x" * 200_000 if k == 3 else f"u{k}", arm, at) for k, (_, arm, at) in enumerate(good_exposures())
    ]
    known = read(cli("analyze", *files(long), *METRIC, "--json", "-"))
    assert effect(known)["n"] == 200


def test_duplicate_event_ids_are_dropped_and_counted(cli: Cli, files: Any) -> None:
    known = read(cli("analyze", *files(None, good_events() + good_events()[:50]), *METRIC, "--json", "-"))
    assert effect(known)["difference"] == effect(good(cli, files))["difference"]
    assert "50" in said(known)


def test_two_events_of_one_id_that_differ(cli: Cli, files: Any) -> None:
    """The same id with another value: one of them counts, whichever order the file has."""
    events = good_events()
    twin = (events[0][0], events[0][1], events[0][2], 999.0)
    results = [
        effect(read(cli("analyze", *files(None, rows), *METRIC, "--json", "-")))["difference"]
        for rows in ([*events, twin], [twin, *events])
    ]
    assert results[0] == results[1]


# Tables


EMPTY = {
    "nothing": "",
    "a header": "user,variant,exposed_at\n",
    "blank lines": "\n\n\n",
    "binary": "\x00\x01\x02\x03" * 50,
    "ragged": "user,variant,exposed_at\nu1,A\nu2,B,2026-03-02,9,9\n",
}


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("which", ["exposures", "events", "units", "moments"])
def test_empty_and_broken_files(cli: Cli, files: Any, tmp_path: Path, name: str, which: str) -> None:
    arguments = list(files())
    bad = tmp_path / "bad.csv"
    bad.write_text(EMPTY[name], encoding="utf-8")
    if which in ("exposures", "events"):
        arguments[arguments.index(f"--{which}") + 1] = bad
    else:
        arguments = [f"--{which}", bad]
    out = tmp_path / "out.json"
    ran = cli("analyze", *arguments, *(METRIC if which != "moments" else ()), "--json", out)
    if which == "events" and name == "a header" and ran.code == 0:
        return
    refused(ran)
    assert not out.exists()


def test_no_events_at_all_are_zeros_where_the_metric_says_so(cli: Cli, files: Any) -> None:
    ran = cli("analyze", *files(None, []), *METRIC, "--json", "-")
    known = read(ran)
    assert effect(known)["word"] == "cannot tell"
    assert known["verdict"]["status"] in ("inconclusive", "invalid")
    assert "'revenue' is 0 for every unit" in said(known)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--unit", "nobody"), "nobody"),
        (("--arm", "nowhere"), "nowhere"),
        (("--time", "never"), "never"),
        (("--event-time", "never"), "never"),
        (("--event-id", "what"), "what"),
        (("--segment", "planet"), "planet"),
        (("--covariate", "revenue=age"), "age"),
        (("--control", "C"), "C"),
    ],
)
def test_columns_that_are_not_there_are_named(cli: Cli, files: Any, options: tuple[str, ...], words: str) -> None:
    refused(cli("analyze", *files(), *METRIC, *options), words)


def test_columns_that_cannot_be_guessed_are_asked_for(cli: Cli, files: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "p,q,r", [("u1", "A", 1), ("u2", "B", 2)])
    refused(cli("analyze", "--units", path, "--metric", "m=mean(r)"))


def test_one_arm_only(cli: Cli, files: Any) -> None:
    rows = [(user, "A", at) for user, _, at in good_exposures()]
    refused(cli("analyze", *files(rows), *METRIC), "arm")


def test_three_hundred_arms_are_read_or_refused(cli: Cli, files: Any) -> None:
    rows = [(user, f"arm{k}" if k else "A", at) for k, (user, _, at) in enumerate(good_exposures())]
    ran = cli("analyze", *files(rows), *METRIC, "--control", "A", "--json", "-")
    if ran.out:
        assert {one["reason"] for one in read(ran)["effects"]} == {
            "fewer than 2 units in one of the two arms: a variance needs at least 2"
        }
    else:
        refused(ran)


MOMENTS = "arm,day,metric,n,mean,variance"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("A", 1, "m", 10, 1.0, 1.0), ("B", 1, "m", -3, 1.0, 1.0)], "n"),
        ([("A", 1, "m", 10, 1.0, -1.0), ("B", 1, "m", 10, 1.0, 1.0)], "variance"),
        ([("A", 1, "m", 10.5, 1.0, 1.0), ("B", 1, "m", 10, 1.0, 1.0)], "n"),
        ([("A", 1, "m", 10, "", 1.0), ("B", 1, "m", 10, 1.0, 1.0)], "mean"),
        ([("A", 1, "m", 10, 1.0, 1.0)], "one arm"),
        ([("A", 1, "m", 10, 1.0, 1.0)] * 2 + [("B", 1, "m", 10, 1.0, 1.0)], ""),
    ],
)
def test_moments_that_cannot_be_are_refused(cli: Cli, tmp_path: Path, rows: Any, words: str) -> None:
    refused(cli("analyze", "--moments", write(tmp_path / "m.csv", MOMENTS, rows)), words)


def test_a_missing_variance_is_a_reason(cli: Cli, tmp_path: Path) -> None:
    rows = [(arm, day, "m", 100 * day, 1.0, "" if day == 2 and arm == "B" else 1.0) for arm in "AB" for day in (1, 2)]
    known = read(cli("analyze", "--moments", write(tmp_path / "m.csv", MOMENTS, rows), "--json", "-"))
    one = effect(known, "m")
    assert "variance" in one["reason"]
    assert one["p_value"] is None
    assert known["verdict"]["status"] == "inconclusive"


# Nothing half written


def test_outputs_are_whole_or_not_there(cli: Cli, files: Any, tmp_path: Path) -> None:
    out = tmp_path / "kept.json"
    out.write_text("before", encoding="utf-8")
    refused(cli("analyze", *files(), "--metric", "m=mean(nothing)", "--json", out, "--report", tmp_path / "page.html"))
    assert out.read_text() == "before"
    assert not (tmp_path / "page.html").exists()
    assert [p for p in tmp_path.iterdir() if p.name.startswith((".", "tmp"))] == []


HOSTILE = (
    "<script>alert(1)</script>",
    "'); DROP TABLE units; --",
    '"; DELETE',
    "\x1b[31mred",
    "a,b\nc",
    "{{7*7}}",
    "%s%n",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_arms_and_levels_do_no_harm(cli: Cli, files: Any, tmp_path: Path, name: str) -> None:
    exposures = [(user, name if arm == "B" else arm, at, name if k % 3 else "plain")
                 for k, (user, arm, at) in enumerate(good_exposures())]  # fmt: skip
    page = tmp_path / "page.html"
    ran = cli("analyze", *files(exposures, times="exposed_at,country"), *METRIC, "--control", "A",
              "--segment", "country",
              "--report", page)  # fmt: skip
    assert ran.code == 0, ran.err
    assert "<script>alert(1)" not in page.read_text()
    assert "\x1b" not in ran.out
    assert "\x1b" not in page.read_text()
