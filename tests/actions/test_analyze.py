"""`analyze` from tables: the ways in, what is refused, and the same bytes whatever the order or the threads."""

import json
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import seatrial as st
from seatrial.actions.analyze import ReadoutResult
from seatrial.errors import DataError, UsageError
from seatrial.experiments.freeze import freeze
from seatrial.experiments.plan_file import parse_plan
from seatrial.expressions import mean

START = pd.Timestamp("2026-03-02", tz="UTC")
PLAN = """\
name: ranker
unit: user
control: A
arms: {A: 50, B: 50}
metrics:
  revenue: {formula: mean(revenue), missing: zero, covariates: [spent_before], unit: USD}
  buys: {formula: mean(orders > 0), missing: zero}
  value: {formula: revenue / orders}
primary: revenue
guardrails: [{metric: buys, margin: 10%}]
secondary: [value]
minimum_effect: 10%
segments: [country]
stopping: RULE
start: 2026-03-02
days: 10
"""


def plan(rule: str = "hybrid") -> Any:
    return freeze(parse_plan(PLAN.replace("RULE", rule)))


def shop(seed: int = 0, users: int = 500) -> dict[str, pd.DataFrame]:
    """Exposures, events and what was known before: 10 days, some duplicates, some events before the exposure."""
    rng = np.random.default_rng(seed)
    first = START + pd.to_timedelta(rng.integers(0, 9 * 86_400, users), unit="s")
    arm = np.array(["A", "B"])[rng.integers(0, 2, users)]
    exposures = pd.DataFrame({"user": [f"u{i}" for i in range(users)], "variant": arm, "exposed_at": first})
    exposures["country"] = rng.choice(["DE", "FR", "PL"], users)
    again = exposures.sample(users // 5, random_state=seed)
    exposures = pd.concat([exposures, again.assign(exposed_at=again.exposed_at + pd.Timedelta("5h"))])
    crossed = exposures.head(3).assign(variant=lambda x: np.where(x.variant == "A", "B", "A"))
    exposures = pd.concat([exposures, crossed])
    who = rng.integers(0, users, 5 * users)
    at = START + pd.to_timedelta(rng.integers(0, 10 * 86_400, len(who)), unit="s")
    orders = rng.binomial(2, 0.4, len(who))
    lift = np.where(arm[who] == "B", 1.15, 1.0)
    events = pd.DataFrame(
        {
            "event_id": np.arange(len(who)),
            "user": [f"u{i}" for i in who],
            "time": at,
            "orders": orders,
            "revenue": np.round(orders * rng.gamma(4, 5, len(who)) * lift, 2),
        }
    )
    events = pd.concat([events, events.sample(20, random_state=seed)])
    pre = pd.DataFrame(
        {"user": [f"u{i}" for i in range(0, users, 2)], "spent_before": rng.gamma(2, 10, len(range(0, users, 2)))}
    )
    return {"exposures": exposures, "events": events, "pre": pre}


def run(tables: dict[str, pd.DataFrame], rule: str = "hybrid", **more: Any) -> ReadoutResult:
    return st.analyze(tables["exposures"], tables["events"], pre=tables["pre"], plan=plan(rule), **more)


def said(found: ReadoutResult) -> str:
    """The public JSON without the fingerprints of its files."""
    known = json.loads(found.to_json())
    for source in known["provenance"]["sources"]:
        source.pop("sha256")
    return json.dumps(known, sort_keys=True)


# The same bytes


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=some.integers(0, 10_000), rule=some.sampled_from(["hybrid", "anytime"]))
def test_any_order_of_the_rows_gives_the_same_bytes(seed: int, rule: str) -> None:
    tables = shop(1, users=200)
    rng = np.random.default_rng(seed)
    shuffled = {name: frame.iloc[rng.permutation(len(frame))] for name, frame in tables.items()}
    assert said(run(shuffled, rule)) == said(run(tables, rule))


@settings(max_examples=4, deadline=None)
@given(cuts=some.lists(some.integers(0, 1000), min_size=1, max_size=5), seed=some.integers(0, 1000))
def test_any_partition_of_the_events_gives_the_same_bytes(cuts: list[int], seed: int) -> None:
    """Parts in any order, each sorted in itself, as files of a day come together."""
    tables = shop(2, users=200)
    events = tables["events"]
    bounds = sorted({0, len(events), *cuts})
    parts = [events.iloc[a:b].sort_values(["time", "event_id"]) for a, b in pairwise(bounds)]
    order = np.random.default_rng(seed).permutation(len(parts))
    moved = {**tables, "events": pd.concat([parts[k] for k in order])}
    assert said(run(moved)) == said(run(tables))


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_any_number_of_threads_gives_the_same_bytes(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = shop(3)
    expected = run(tables).to_json()
    monkeypatch.setattr(os, "cpu_count", lambda: threads)
    assert run(tables).to_json() == expected
    assert run(tables).to_json() == expected


def test_files_and_frames_say_the_same(tmp_path: Path) -> None:
    tables = shop(4)
    for name, frame in tables.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        frame.to_parquet(tmp_path / f"{name}.parquet", index=False)
    kinds = [
        st.analyze(
            tmp_path / f"exposures.{kind}", tmp_path / f"events.{kind}", pre=tmp_path / f"pre.{kind}", plan=plan()
        )
        for kind in ("csv", "parquet")
    ]
    own = run(tables).readout
    for one in kinds:
        assert one.readout.effects == own.effects
        assert one.readout.verdict == own.verdict
        assert one.readout.sequences == own.sequences


def test_units_in_the_second_table_of_a_split_do_not_touch_the_first() -> None:
    """Moments add over disjoint units: two halves as segments give the whole."""
    tables = shop(5)
    found = run(tables).readout
    whole = next(e for e in found.effects if e.metric == "revenue" and not e.slice and e.adjustment == "none")
    parts = [e for e in found.effects if e.metric == "revenue" and e.slice and e.adjustment == "none"]
    assert sum(e.n for e in parts) == whole.n
    for side in ("A", "B"):
        value = "baseline_value" if side == "A" else "candidate_value"
        total = sum(e.units[side] * getattr(e, value) for e in parts)
        assert total / whole.units[side] == pytest.approx(getattr(whole, value), rel=1e-12)


# Against pandas


def test_events_become_units_as_pandas_would_make_them() -> None:
    tables = shop(6)
    exposures, events = tables["exposures"], tables["events"].drop_duplicates("event_id")
    arms = exposures.groupby("user")["variant"].nunique()
    kept = exposures[exposures.user.map(arms) == 1].sort_values("exposed_at").groupby("user").first()
    joined = events.merge(kept[["variant", "exposed_at"]], left_on="user", right_index=True)
    joined = joined[joined.time >= joined.exposed_at]
    spent = joined.groupby("user")[["revenue", "orders"]].sum().reindex(kept.index)
    found = run(tables).readout
    effects = {e.metric: e for e in reversed(found.effects) if not e.slice and e.adjustment == "none"}
    for name, values in (("revenue", spent.revenue.fillna(0)), ("buys", (spent.orders.fillna(0) > 0).astype(float))):
        means = values.groupby(kept.variant).mean()
        assert (effects[name].baseline_value, effects[name].candidate_value) == pytest.approx(
            (means.A, means.B), rel=1e-12
        )
    have = spent.dropna()
    totals = have.groupby(kept.variant.reindex(have.index)).sum()
    assert effects["value"].candidate_value == pytest.approx(totals.revenue.B / totals.orders.B, rel=1e-12)
    assert effects["revenue"].n == len(kept) == 497
    counted = {one.name: one for one in found.health}
    assert counted["crossovers"].count == 3


def test_the_last_day_of_the_sequence_is_the_effect() -> None:
    found = run(shop(7), "anytime").readout
    for one in found.sequences:
        effect = next(e for e in found.effects if e.metric == one.metric and not e.slice and e.decides)
        assert one.adjustment == effect.adjustment
        last = one.looks[-1]
        assert (last.low, last.high) == pytest.approx((effect.low, effect.high), rel=1e-9)


def test_reading_as_of_a_day_is_reading_only_what_was_there() -> None:
    tables = shop(8)
    limit = START + pd.Timedelta("5D")
    cut = {
        "exposures": tables["exposures"][tables["exposures"].exposed_at < limit],
        "events": tables["events"][tables["events"].time < limit],
        "pre": tables["pre"],
    }
    as_of = "2026-03-06T23:59:59.999999Z"
    assert run(tables, as_of=as_of).readout.effects == run(cut, as_of=as_of).readout.effects


# Ways in


def test_units_events_and_moments_agree() -> None:
    tables = shop(9)
    found = run(tables).readout
    exposures, events = tables["exposures"], tables["events"].drop_duplicates("event_id")
    arms = exposures.groupby("user")["variant"].nunique()
    kept = exposures[exposures.user.map(arms) == 1].sort_values("exposed_at").groupby("user").first()
    joined = events.merge(kept[["variant", "exposed_at"]], left_on="user", right_index=True)
    revenue = joined[joined.time >= joined.exposed_at].groupby("user")["revenue"].sum().reindex(kept.index).fillna(0)
    units = pd.DataFrame({"user": kept.index, "variant": kept.variant, "revenue": revenue}).reset_index(drop=True)
    of_units = st.analyze(units=units, metrics={"revenue": "mean(revenue)"}, control="A").effects[0]
    grouped = units.groupby("variant").revenue
    moments = pd.DataFrame(
        {"arm": ["A", "B"], "metric": "revenue", "n": grouped.size(), "mean": grouped.mean(), "variance": grouped.var()}
    )
    of_moments = st.analyze(moments=moments, control="A").effects[0]
    raw = next(e for e in found.effects if e.metric == "revenue" and not e.slice and e.adjustment == "none")
    for one in (of_units, of_moments):
        assert (one.difference, one.standard_error) == pytest.approx((raw.difference, raw.standard_error), rel=1e-9)


def test_the_same_arithmetic_as_offline_in_python_and_as_text() -> None:
    units = pd.DataFrame({"arm": list("AB") * 50, "clicks": np.arange(100) % 7, "views": 10 + np.arange(100) % 5})
    text = st.analyze(units=units, metrics={"ctr": "clicks / views"}, control="A")
    built = st.analyze(units=units, metrics={"ctr": mean("clicks") / mean("views")}, control="A")
    listed = st.analyze(units=units, metrics=["ctr=clicks / views"], control="A")
    assert text.effects[0].difference == built.effects[0].difference == listed.effects[0].difference


def test_a_result_is_a_text_a_page_a_frame_and_json() -> None:
    found = run(shop(10))
    assert str(found).splitlines()[0].strip()
    assert found.to_frame("effects").shape[0] == len(found.effects)
    assert found.to_frame("checks").shape[0] == len(found.verdict.checks)
    assert found._repr_html_().startswith("<iframe")
    assert json.loads(found.to_json())["kind"] == "experiment"
    with pytest.raises(UsageError, match="Did you mean 'effects'"):
        found.to_frame("effect")  # type: ignore[arg-type]


# Refused


def units() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"user": np.arange(200), "variant": list("AB") * 100, "revenue": rng.gamma(2, 5, 200)})


MOMENTS = pd.DataFrame({"arm": ["A", "B"], "n": [100, 100], "mean": [1.0, 2.0], "variance": [1.0, 1.0]})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: st.analyze(units=units()), "There is no metric"),
        (lambda: st.analyze(metrics=["m=mean(revenue)"]), "nothing to analyse"),
        (lambda: st.analyze(units(), metrics=["m=mean(revenue)"]), "give events as well"),
        (lambda: st.analyze(units(), units(), units=units(), metrics=["m=mean(revenue)"]), "not both"),
        (lambda: st.analyze(units=units(), moments=MOMENTS, metrics=["m=mean(revenue)"]), "either moments"),
        (lambda: st.analyze(units=units(), pre=units(), metrics=["m=mean(revenue)"]), "leave out pre"),
        (lambda: st.analyze(units=units(), metrics=["revenue"]), "NAME=FORMULA"),
        (lambda: st.analyze(units=units(), metrics=["m=mean(revenue)", "m=mean(user)"]), "given twice"),
        (lambda: st.analyze(units=units(), metrics=["m=mean(revenu)"]), "Did you mean 'revenue'"),
        (lambda: st.analyze(units=units(), metrics=["m=mean(revenue)"], primary="n"), "no metric of this analysis"),
        (lambda: st.analyze(units=units(), metrics=["m=mean(revenue)"], guardrails=["mm:5%"]), "Did you mean 'm'"),
        (lambda: st.analyze(units=units(), metrics=["m=mean(revenue)"], covariates={"k": "user"}), "no metric"),
        (lambda: st.analyze(units=units(), metrics=["m=mean(revenue)"], winsorize={"m": float("nan")}), "finite"),
        (lambda: st.analyze(units=units(), metrics=["m=mean(revenue)"], segments=["country"]), "country"),
        (lambda: st.analyze(units=units(), metrics=["m=mean(revenue)"], control="C"), "C"),
        (lambda: st.analyze(units=units().replace({"A": "X"}), metrics=["m=mean(revenue)"]), "control"),
        (lambda: st.analyze(units=units(), plan=plan(), primary="revenue"), "The plan says how it is decided"),
        (lambda: st.analyze(units=units(), plan=plan(), winsorize={"revenue": 3.0}), "amend the plan"),
        (lambda: st.analyze(moments=MOMENTS, segments=["country"]), "so segments cannot be applied"),
        (lambda: st.analyze(moments=MOMENTS, as_of="2026-03-01"), "so as-of cannot be applied"),
        (lambda: st.analyze(moments=MOMENTS, metrics="visits"), "no metric 'visits'"),
        (lambda: st.analyze(moments=MOMENTS, experiment="x"), "no experiment 'x'"),
        (
            lambda: st.analyze(
                units=units(),
                metrics=["m=mean(revenue)"],
                control="A",
                past_effects=[{"lift": 0.1, "standard_error": float("inf")}],
            ),
            "standard_error above 0",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_sentence(call: Callable[[], Any], words: str) -> None:
    with pytest.raises((UsageError, DataError)) as found:
        call()
    assert words in str(found.value)
    assert "\n" not in str(found.value)


def test_moments_under_a_plan_of_segments_are_read_and_the_rule_on_a_segment_is_open() -> None:
    text = PLAN.replace("RULE", "fixed")
    ruled = text.replace("guardrails: [", "guardrails: [{metric: revenue, slice: {country: DE}, margin: 5%}, ")
    moments = pd.concat([MOMENTS.assign(metric=name, day="2026-03-11") for name in ("revenue", "buys", "value")])
    first = moments.assign(day="2026-03-02", n=50)
    found = st.analyze(moments=pd.concat([first, moments]), plan=freeze(parse_plan(ruled)))
    assert found.verdict.status == "inconclusive"
    open_ = next(one for one in found.verdict.checks if one.slice)
    assert "does not split the units by country" in open_.reason
