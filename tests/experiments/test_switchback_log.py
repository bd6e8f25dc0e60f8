"""Switchbacks: periods are what counts, burn-in after switches, stretches where arms were held, size under a trend."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer

from seatrial.actions.switchback import switchback
from seatrial.app.switchback_command import switchback as command
from seatrial.errors import DataError, UsageError
from seatrial.records.switchback import Switchback
from seatrial.stats.switchback import switchback_effect


def make(
    seed: int = 0, *, days: int = 14, hold: int = 1, effect: float = 0.0, carry: float = 0.0, memory: float = 0.0
) -> pd.DataFrame:
    """Hours of a market, each stretch of `hold` hours drawn by a coin; `memory` is the hours' autocorrelation, and of
    each effect the share `carry` is still there an hour after a switch."""
    rng = np.random.default_rng(seed)
    hours = days * 24
    arm = np.repeat(rng.integers(0, 2, hours // hold), hold)
    level = np.zeros(hours)
    for t in range(1, hours):
        level[t] = memory * level[t - 1] + rng.normal() * 0.5
    before = np.concatenate([[arm[0]], arm[:-1]])
    mean = 10 + level + effect * ((1 - carry) * arm + carry * before)
    hour = np.repeat(np.arange(hours), 8)
    return pd.DataFrame(
        {"hour": hour, "day": hour // 24, "arm": np.array(["control", "new"])[arm[hour]],
         "wait": mean[hour] + rng.normal(size=len(hour)), "orders": rng.integers(1, 5, len(hour))}
    )  # fmt: skip


def run(log: pd.DataFrame, **options: Any) -> Switchback:
    return switchback(log, **{"period": "hour", "arm": "arm", "metrics": {"wait": "mean(wait)"}, **options}).record


class TestPeriods:
    def test_values_and_effect_are_those_of_periods(self) -> None:
        log = make(1, effect=1.0)
        of = run(log, block="day")
        by_hour = log.groupby("hour").agg(wait=("wait", "mean"), arm=("arm", "first"), day=("day", "first"))
        one = of.metrics[0]
        assert [p.value for p in one.periods] == pytest.approx(by_hour["wait"].tolist())
        asked = switchback_effect(by_hour["wait"], by_hour["arm"] == "new", blocks=by_hour["day"])
        assert one.effect.difference == pytest.approx(asked.effect)
        assert one.effect.p_value == pytest.approx(asked.p_value)
        assert (one.effect.low, one.effect.high) == (pytest.approx(asked.low), pytest.approx(asked.high))
        assert one.effect.word == "better"
        assert not of.held

    def test_a_ratio_is_one_of_sums_in_each_period(self) -> None:
        log = make(1)
        of = run(log, metrics={"per_order": "wait / orders"})
        sums = log.groupby("hour")[["wait", "orders"]].sum()
        assert [p.value for p in of.metrics[0].periods] == pytest.approx((sums["wait"] / sums["orders"]).tolist())

    def test_less_is_better(self) -> None:
        assert run(make(1, effect=-1.0), lower_is_better=["wait"]).metrics[0].effect.word == "better"
        assert run(make(1, effect=-1.0)).metrics[0].effect.word == "worse"

    def test_order_of_rows_does_not_matter(self) -> None:
        log = make(1, effect=0.4, hold=4)
        one, two = run(log, burn_in=1), run(log.sample(frac=1, random_state=0), burn_in=1)
        assert [p.period for p in one.metrics[0].periods] == [p.period for p in two.metrics[0].periods]
        assert one.metrics[0].effect.low == pytest.approx(two.metrics[0].effect.low)


class TestStretches:
    def test_burn_in_removes_carry_over(self) -> None:
        log = make(2, days=30, hold=4, effect=2.0, carry=1.0)
        plain, burnt = run(log, held=True).metrics[0].effect, run(log, burn_in=1).metrics[0].effect
        assert burnt.difference == pytest.approx(2.0, abs=0.15)
        assert (plain.difference or 0) < (burnt.difference or 0) - 0.2

    def test_the_hours_after_a_switch_are_left_out(self) -> None:
        log = make(2, hold=4)
        periods = run(log, burn_in=2).metrics[0].periods
        arms = [p.arm for p in periods]
        for t in range(2, len(periods)):
            switched = arms[t] != arms[t - 1] or arms[t - 1] != arms[t - 2]
            assert periods[t].used != switched

    def test_held_arms_are_noticed_and_their_stretches_permuted(self) -> None:
        of = run(make(3, hold=6))
        assert of.held
        assert sum(of.metrics[0].permuted) == of.switches + 1
        assert "held over several periods" in of.health[0].sentence
        assert run(make(3, hold=6), held=False).health[0].status == "fail"
        assert not run(make(3, hold=1)).held

    def test_size_with_memory_between_hours(self) -> None:
        """Held arms and hours that resemble their neighbours: periods cry wolf, stretches do not."""
        stretches = periods = 0
        for seed in range(60):
            log = make(seed, days=7, hold=4, memory=0.8)
            stretches += (run(log, burn_in=1).metrics[0].effect.p_value or 1.0) < 0.05
            periods += (run(log, held=False).metrics[0].effect.p_value or 1.0) < 0.05
        assert stretches <= 8  # 3 expected; 8 is the .995 quantile of Binomial(60, .05)
        assert periods > 12

    def test_nothing_left(self) -> None:
        with pytest.raises(DataError, match="no periods of both arms are left"):
            run(make(1, hold=2), burn_in=200)


class TestInput:
    def test_two_arms_in_a_period(self) -> None:
        log = make()
        log.loc[0, "arm"] = "new" if log.loc[0, "arm"] == "control" else "control"
        with pytest.raises(DataError, match="rows of both arms"):
            run(log)

    def test_three_arms(self) -> None:
        log = make()
        with pytest.raises(DataError, match="3 arms"):
            run(log.assign(arm=log["arm"].where(log["hour"] > 3, "third")))

    def test_a_period_in_two_blocks(self) -> None:
        log = make()
        log.loc[0, "day"] = 9
        with pytest.raises(DataError, match="two blocks"):
            run(log, block="day")

    def test_which_arm_is_the_control_must_be_known(self) -> None:
        log = make().replace({"arm": {"control": "red", "new": "blue"}})
        with pytest.raises(UsageError, match="--control"):
            run(log)
        assert run(log, control="red").treatment == "blue"

    @pytest.mark.parametrize(
        "options",
        [{"burn_in": -1}, {"period": "hr"}, {"control": "ctrl"}, {"metrics": {}}, {"metrics": {"x": "mean(nothing)"}},
         {"metrics": {"x": "p95(wait)"}}],
    )  # fmt: skip
    def test_options(self, options: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            run(make(), **options)

    def test_periods_without_a_value_are_left_out(self) -> None:
        log = make()
        log.loc[log["hour"] == 5, "wait"] = np.nan
        one = run(log).metrics[0]
        assert not one.periods[5].used
        assert one.periods[5].value is None


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()
    app.command()(command)
    make(1, effect=1.0, hold=3).to_csv(tmp_path / "log.csv", index=False)
    asked = f"{tmp_path}/log.csv --period hour --arm arm -m wait=mean(wait) --burn-in 1 --lower-is-better wait".split()

    def ran(*more: str) -> str:
        assert typer.main.get_command(app).main([*asked, *more], standalone_mode=False) == 0
        return capsys.readouterr().out

    text = ran("--json", f"{tmp_path}/s.json", "--report", f"{tmp_path}/s.html")
    assert "is worse under new than control" in text
    assert json.loads((tmp_path / "s.json").read_text())["held"]
    assert "period by period" in (tmp_path / "s.html").read_text()
    assert ran("--json", "-") == (tmp_path / "s.json").read_text()
