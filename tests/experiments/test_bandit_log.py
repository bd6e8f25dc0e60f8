"""Bandit logs: honest values against oracles, naive ones shown and biased, doubts said, real logs plausible."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer

from seatrial.actions.bandit import bandit
from seatrial.app.bandit_command import bandit as command
from seatrial.errors import DataError, UsageError
from seatrial.records.bandit import Bandit, BanditArm
from seatrial.records.results import Estimate


def adaptive(
    seed: int, *, means: tuple[float, ...] = (0.2, 0.2, 0.2), days: int = 12, per_day: int = 250
) -> pd.DataFrame:
    """An epsilon-greedy bandit by the day: the arm that looks best gets 85 % of the next day."""
    rng = np.random.default_rng(seed)
    k = len(means)
    chance, wins, plays = np.full(k, 1 / k), np.zeros(k), np.zeros(k)
    rows = []
    for day in range(days):
        arm = rng.choice(k, per_day, p=chance)
        click = (rng.random(per_day) < np.array(means)[arm]).astype(int)
        rows.append(pd.DataFrame({"day": day, "arm": np.array(list("ABCDEF"))[arm], "click": click, "p": chance[arm]}))
        wins += np.bincount(arm, click, k)
        plays += np.bincount(arm, minlength=k)
        chance = np.full(k, 0.15 / (k - 1))
        chance[np.argmax(wins / plays)] = 0.85
    return pd.concat(rows, ignore_index=True)


COLUMNS: dict[str, Any] = {"arm": "arm", "reward": "click", "propensity": "p"}


def run(log: pd.DataFrame, **options: Any) -> Bandit:
    return bandit(log, **{**COLUMNS, "batch": "day", **options}).record


def value(arm: BanditArm, start: str) -> Estimate:
    return next(one for one in arm.values if (one.method or "").startswith(start))


class TestValues:
    def test_against_their_formulas(self) -> None:
        log = adaptive(1, means=(0.1, 0.2, 0.3))
        for one in run(log).arms:
            own = log[log["arm"] == one.arm]
            weight = 1 / own["p"]
            assert one.rows == len(own)
            assert value(one, "naive").value == pytest.approx(own["click"].mean())
            assert value(one, "IPW").value == pytest.approx((own["click"] * weight).sum() / len(log))
            assert value(one, "SNIPW (").value == pytest.approx((own["click"] * weight).sum() / weight.sum())
            assert one.effective_rows == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
            assert one.smallest_propensity == pytest.approx(own["p"].min())

    def test_the_quoted_value_comes_first_and_the_naive_one_is_marked(self) -> None:
        one = run(adaptive(1)).arms[0]
        assert (one.values[0].method or "").startswith("AIPW")
        assert "shown, not used" in (one.values[-1].method or "")

    def test_naive_means_are_biased_and_aipw_covers(self) -> None:
        naive, held, arms = [], 0, 0
        for seed in range(120):
            for one in run(adaptive(seed)).arms:
                if one.values[0].low is None or one.values[0].high is None:
                    continue
                naive.append(value(one, "naive").value or 0.0)
                held += one.values[0].low <= 0.2 <= one.values[0].high
                arms += 1
        assert np.mean(naive) < 0.195  # an arm that was unlucky is played no more
        assert held / arms > 0.93

    def test_rows_are_put_in_order(self) -> None:
        log = adaptive(3)
        mixed = log.iloc[np.argsort(np.random.default_rng(0).random(len(log)))].sort_values("day", kind="stable")
        one, two = run(mixed), run(mixed.sample(frac=1, random_state=1))
        assert one.batches == two.batches == 12
        assert [a.rows for a in one.arms] == [a.rows for a in two.arms]
        assert [a.values[-1].value for a in one.arms] == pytest.approx([a.values[-1].value for a in two.arms])
        assert [a.values[0].value for a in one.arms] == pytest.approx([a.values[0].value for a in two.arms], abs=0.01)

    def test_day_of_a_time(self) -> None:
        log = adaptive(3)
        log["at"] = pd.Timestamp("2026-03-01T10:00Z") + pd.to_timedelta(log.pop("day"), unit="D")
        log["at"] = log["at"].astype(str)
        assert run(log, batch="day", time="at").batches == 12


class TestContrasts:
    def test_the_better_arm_is_found_and_holm_agrees_with_the_interval(self) -> None:
        of = run(adaptive(0, means=(0.1, 0.3, 0.12), per_day=600), control="A")
        by = {one.candidate: one for one in of.contrasts}
        assert by["B"].word == "better"
        assert of.sentence.startswith("B is better than A by click")
        for one in of.contrasts:
            assert one.low is not None
            assert one.high is not None
            assert one.adjusted_p_value is not None
            assert (one.adjusted_p_value < 0.05) == (one.low > 0 or one.high < 0)

    def test_nothing_there_is_not_called(self) -> None:
        called = sum(
            any(one.word != "cannot tell" for one in run(adaptive(seed), control="A").contrasts) for seed in range(60)
        )
        assert called <= 8  # 3 expected; 8 is beyond the .99 quantile of Binomial(60, .05)

    def test_unreliable_arms_are_not_tested_and_said(self) -> None:
        log = adaptive(2, means=(0.2, 0.2))
        rare = pd.DataFrame({"day": 11, "arm": "C", "click": [1] + [0] * 29, "p": 0.1})
        of = run(pd.concat([log, rare]), control="A")
        one = next(one for one in of.contrasts if one.candidate == "C")
        assert one.reason is not None
        assert "only 1 rows of the rarer reward" in one.reason
        assert one.word == "cannot tell"
        assert one.p_value is None
        assert not next(arm for arm in of.arms if arm.arm == "C").reliable
        assert "1 of 3 arms cannot be valued reliably" in of.sentence


class TestPolicy:
    def test_always_one_arm(self) -> None:
        of = run(adaptive(0, means=(0.1, 0.3)), target_policy="B")
        assert of.policy is not None
        found = of.policy.values[0]
        assert found.low is not None
        assert found.high is not None
        assert found.low < 0.3 < found.high
        assert of.policy.difference.low is not None
        assert of.policy.difference.low > 0

    def test_the_policy_of_the_log_is_its_mean(self) -> None:
        log = adaptive(0)
        of = run(log.assign(same=log["p"]), target_policy="same")
        assert of.policy is not None
        assert of.policy.values[0].value == pytest.approx(log["click"].mean())
        assert of.policy.logged.value == pytest.approx(log["click"].mean())
        assert (of.policy.difference.low, of.policy.difference.high) == (0, 0)
        assert "is the log's own" in of.sentence

    def test_clipping_is_said(self) -> None:
        of = run(adaptive(0), target_policy="A", clip=3.0)
        assert of.policy is not None
        assert of.policy.clipped_share > 0
        assert any("cut to 3" in note for one in of.policy.values for note in one.notes)

    def test_wrong_propensities_are_said(self) -> None:
        log = adaptive(0)
        of = run(log.assign(p=(log["p"] * 0.7)))
        assert of.health[0].status == "warn"
        assert run(log).health[0].status == "pass"


class TestRealLogs:
    """Open Bandit: a uniformly random log and one by Thompson sampling, of the same week and items."""

    def read(self, shared_data: Path, name: str) -> pd.DataFrame:
        log = pd.read_csv(shared_data / "clicks_open_bandit" / f"{name}_all.csv.gz")
        return log.assign(uniform=1 / 80)

    def run(self, log: pd.DataFrame) -> Bandit:
        return bandit(
            log, arm="item_id", reward="click", propensity="propensity_score", time="timestamp", batch="day",
            target_policy="uniform",
        ).record  # fmt: skip

    def test_uniform_from_its_own_log_is_the_mean(self, shared_data: Path) -> None:
        of = self.run(self.read(shared_data, "random"))
        assert of.policy is not None
        assert of.policy.values[0].value == pytest.approx(0.0038)
        assert of.policy.effective_rows == pytest.approx(10_000)
        assert of.policy.reliable

    def test_uniform_from_the_other_log_holds_the_truth_and_is_doubted(self, shared_data: Path) -> None:
        of = self.run(self.read(shared_data, "bts"))
        assert of.policy is not None
        for one in of.policy.values:
            assert one.low is not None
            assert one.high is not None
            assert one.low < 0.0038 < one.high
        assert not of.policy.reliable
        assert "cannot be valued reliably" in of.sentence

    def test_no_item_has_clicks_enough(self, shared_data: Path) -> None:
        of = self.run(self.read(shared_data, "random"))
        assert len(of.arms) == 80
        assert sum(arm.rows for arm in of.arms) == 10_000
        assert not any(arm.reliable for arm in of.arms)


class TestInput:
    @pytest.mark.parametrize(
        "options", [{"control": "Z"}, {"target_policy": "Z"}, {"arm": "arms"}, {"clip": -1.0}, {"alpha": 0.0},
                    {"batch": "week"}, {"timezone": "Mars"}]
    )  # fmt: skip
    def test_options(self, options: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            run(adaptive(0), **{"target_policy": "A", **options})

    def test_day_needs_a_time(self) -> None:
        with pytest.raises(UsageError, match="--time"):
            run(adaptive(0).rename(columns={"day": "d"}))

    @pytest.mark.parametrize("p", [0.0, -0.1, 1.5, np.nan])
    def test_impossible_chances(self, p: float) -> None:
        log = adaptive(0)
        log.loc[3, "p"] = p
        with pytest.raises(DataError):
            run(log)

    def test_one_arm(self) -> None:
        with pytest.raises(DataError, match="only one arm"):
            run(adaptive(0).assign(arm="A"))

    def test_rewards_must_be_known(self) -> None:
        log = adaptive(0)
        log.loc[0, "click"] = np.nan
        with pytest.raises(DataError, match="'click'"):
            run(log)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()
    app.command()(command)
    adaptive(0, means=(0.1, 0.3, 0.12)).to_csv(tmp_path / "log.csv", index=False)
    asked = (
        f"{tmp_path}/log.csv --arm arm --reward click --propensity p --batch day --control A --target-policy B".split()
    )

    def ran(*more: str) -> str:
        assert typer.main.get_command(app).main([*asked, *more], standalone_mode=False) == 0
        return capsys.readouterr().out

    text = ran("--json", f"{tmp_path}/b.json", "--report", f"{tmp_path}/b.html")
    found = json.loads((tmp_path / "b.json").read_text())
    assert [one["arm"] for one in found["arms"]] == ["A", "B", "C"]
    assert "B is better than A" in text
    assert "naive" in (tmp_path / "b.html").read_text()
    assert ran("--json", "-") == (tmp_path / "b.json").read_text()
