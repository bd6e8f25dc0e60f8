"""Shadow logs: matured labels only, equal alerts, paired tests against oracles, the verdict by the margin."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from scipy import stats

from seatrial.actions.shadow import ShadowResult, shadow
from seatrial.app.shadow_command import shadow as command
from seatrial.errors import DataError, UsageError
from seatrial.records.results import Effect, Estimate
from seatrial.records.shadow import Shadow
from seatrial.stats.paired import tango_interval

from .shadow_logs import shadow_log

COLUMNS: dict[str, Any] = {
    "champion": "champion", "challenger": "challenger", "label": "fraud", "time": "time", "labelled_at": "labelled",
    "maturity": "30d", "id": "id", "capacity": "5%",
}  # fmt: skip


def run(log: pd.DataFrame, **options: Any) -> ShadowResult:
    return shadow(log, **{**COLUMNS, **options})


def estimate(of: Shadow, metric: str, model: str) -> Estimate:
    return next(one for one in of.estimates if (one.metric, one.model) == (metric, model))


def effect(of: Shadow, metric: str) -> Effect:
    return next(one for one in of.effects if one.metric == metric)


def matured(log: pd.DataFrame, days: int = 30) -> pd.DataFrame:
    times = pd.to_datetime(log["time"])
    as_of = max(times.max(), pd.to_datetime(log["labelled"]).max())
    return log[(times <= as_of - pd.Timedelta(days=days)) & log["fraud"].notna()]


def alerts(log: pd.DataFrame, column: str, k: int) -> pd.Series:
    return log[column].rank(ascending=False, method="first") <= k


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return shadow_log(gain=0.3)


class TestAgainstPandas:
    def test_recall_precision_and_their_difference(self, log: pd.DataFrame) -> None:
        of, old = run(log).record, matured(log)
        k = int(0.05 * len(old))
        assert (of.counts.evaluated, of.alerts) == (len(old), k)
        one, two = (alerts(old, column, k)[old["fraud"] == 1] for column in ("champion", "challenger"))
        positives = len(one)
        assert of.counts.positives == positives
        assert estimate(of, "recall", "champion").value == pytest.approx(one.mean())
        assert estimate(of, "precision", "challenger").value == pytest.approx(two.sum() / k)
        found = effect(of, "recall")
        low, high = tango_interval((two & ~one).sum(), (one & ~two).sum(), positives)
        assert (found.low, found.high) == (pytest.approx(float(low)), pytest.approx(float(high)))
        assert effect(of, "precision").difference == pytest.approx((two.sum() - one.sum()) / k)
        assert effect(of, "precision").low == pytest.approx(float(low) * positives / k)
        table = {cell.who: cell.positives for cell in of.caught}
        assert table == {
            "both": (one & two).sum(), "only champion": (one & ~two).sum(), "only challenger": (~one & two).sum(),
            "neither": (~one & ~two).sum(),
        }  # fmt: skip

    def test_amounts_are_a_paired_ratio(self, log: pd.DataFrame) -> None:
        of, old = run(log, amount="amount").record, matured(log)
        k = int(0.05 * len(old))
        fraud = old[old["fraud"] == 1]
        one, two = (alerts(old, column, k)[old["fraud"] == 1] for column in ("champion", "challenger"))
        weight = fraud["amount"].to_numpy()
        d = weight * (two.astype(int) - one.astype(int)).to_numpy()
        value = d.sum() / weight.sum()
        off = (d - value * weight) / weight.mean()
        error = off.std(ddof=1) / np.sqrt(len(off))
        half = stats.t.isf(0.025, len(off) - 1) * error
        found = effect(of, "recall by amount")
        assert found.difference == pytest.approx(value)
        assert found.low == pytest.approx(value - half)
        assert found.high == pytest.approx(value + half)
        assert sum(cell.amount or 0 for cell in of.caught) == pytest.approx(weight.sum())

    def test_latencies_are_of_all_requests(self, log: pd.DataFrame) -> None:
        of = run(log, latency_champion="ms_champion", latency_challenger="ms_challenger").record
        found = estimate(of, "p99 latency", "challenger")
        assert found.value == pytest.approx(np.quantile(log["ms_challenger"], 0.99))
        assert found.n == len(log)
        ordered = np.sort(log["ms_challenger"])
        ranks = stats.binom.ppf([0.025, 0.975], len(log), 0.99)
        assert found.low == pytest.approx(ordered[int(ranks[0])], rel=0.01)
        assert found.high == pytest.approx(ordered[int(ranks[1])], rel=0.01)

    def test_per_day(self, log: pd.DataFrame) -> None:
        of, old = run(log, capacity="10/day").record, matured(log)
        day = pd.to_datetime(old["time"]).dt.date
        rank = old.groupby(day)["champion"].rank(ascending=False, method="first")
        assert of.alerts == (rank <= 10).sum()
        assert estimate(of, "recall", "champion").value == pytest.approx((rank <= 10)[old["fraud"] == 1].mean())


class TestMaturity:
    def test_early_labels_of_young_requests_do_not_count(self, log: pd.DataFrame) -> None:
        of = run(log).record
        young = log[~log.index.isin(matured(log).index) & log["fraud"].notna()]
        assert of.counts.immature_labelled == len(young)
        flipped = log.copy()
        flipped.loc[young.index, "fraud"] = 1.0  # whatever these labels say
        again = run(flipped).record
        assert again.effects == of.effects
        assert again.counts.immature_positive == len(young)
        assert again.matured_share == of.matured_share == pytest.approx(len(matured(log)) / len(log))

    def test_labels_after_the_as_of_time_are_not_known(self, log: pd.DataFrame) -> None:
        early = run(log, as_of="2026-02-20").record
        cut = pd.Timestamp("2026-02-21")
        times, labelled = pd.to_datetime(log["time"]), pd.to_datetime(log["labelled"])
        old = (times < cut - pd.Timedelta(days=30)) & (labelled < cut)
        assert early.counts.evaluated == old.sum()
        assert early.counts.after_as_of == (times >= cut).sum()

    def test_nothing_old_enough(self, log: pd.DataFrame) -> None:
        with pytest.raises(DataError, match="no request is 52w old"):
            run(log, maturity="52w")

    def test_late_labels_are_said(self, log: pd.DataFrame) -> None:
        of = run(log, maturity="5d").record
        late = next(one for one in of.health if one.name == "late labels")
        assert late.status == "warn"

    def test_without_maturity_it_is_said(self, log: pd.DataFrame) -> None:
        of = run(log, maturity=None, labelled_at=None, time=None).record
        assert of.counts.evaluated == log["fraud"].notna().sum()
        assert next(one for one in of.health if one.name == "matured labels").status == "warn"


class TestVerdict:
    def test_better_passes(self, log: pd.DataFrame) -> None:
        found = run(log, margin=0.01)
        assert found.verdict.status == "pass"
        assert found.verdict.sentence.startswith("Ship challenger: recall at 5 % of requests reviewed is better")

    def test_worse_fails(self) -> None:
        found = run(shadow_log(gain=-1.0), margin=0.01)
        assert found.verdict.status == "fail"

    def test_too_few_positives_say_how_many(self) -> None:
        found = run(shadow_log(n=4000, noise=0.2), margin=0.005)
        assert found.verdict.status == "inconclusive"
        assert "positives" in found.verdict.sentence
        of = found.record
        assert of.discordance is not None
        want = of.discordance * (stats.norm.isf(0.025) + stats.norm.isf(0.2)) ** 2 / 0.005**2
        assert of.positives_needed == pytest.approx(want, rel=1e-4)

    def test_the_number_of_the_statistics_page(self) -> None:
        """Half a point at 6 % discordance needs 18,838 positives."""
        n, k = 2000, 200
        champion, challenger = np.zeros(n), np.zeros(n)
        champion[:100], challenger[:97], challenger[100:103] = 2.0, 2.0, 2.0
        champion[103:203], challenger[103:203] = 1.0, 1.0  # alerts that are no fraud
        fraud = np.zeros(n)
        fraud[:100] = 1.0  # champion catches all of 100, challenger 97
        fraud[100:103] = 0.0
        log = pd.DataFrame({"a": champion, "b": challenger, "y": fraud})
        log.loc[100:102, "y"] = 1.0  # and three that the champion misses: 6 of 103 discordant
        log.loc[[97, 98, 99], "b"] = -1.0
        log.loc[[100, 101, 102], "a"] = -1.0
        of = shadow(log, champion="a", challenger="b", label="y", capacity=k, margin=0.005).record
        assert of.discordance == pytest.approx(6 / 103)
        assert of.positives_needed == pytest.approx(18_838 * (6 / 103) / 0.06, rel=1e-3)

    def test_relative_margin_is_a_share_of_the_champions_recall(self, log: pd.DataFrame) -> None:
        absolute, relative = run(log, margin=0.01).record, run(log, margin="1%").record
        recall = estimate(absolute, "recall", "champion").value
        assert recall is not None
        assert relative.effects[0].margin_is_relative
        assert relative.positives_needed == pytest.approx((absolute.positives_needed or 0) / recall**2, rel=1e-3)

    def test_the_same_model_twice_passes_at_exactly_0(self, log: pd.DataFrame) -> None:
        found = run(log.assign(challenger=log["champion"]), margin=0.0001)
        assert found.verdict.status == "pass"
        assert (found.record.effects[0].low, found.record.effects[0].high) == (0, 0)

    def test_latency_bound(self, log: pd.DataFrame) -> None:
        options = {"latency_champion": "ms_champion", "latency_challenger": "ms_challenger"}
        assert run(log, **options, latency_below=200).verdict.status == "pass"
        found = run(log, **options, latency_below=20)
        assert found.verdict.status == "fail"
        assert "p99 latency" in found.verdict.sentence

    def test_no_margin_is_assumed_and_said(self, log: pd.DataFrame) -> None:
        found = run(log)
        assert found.record.policy.assumed
        assert found.record.policy.rules[0].margin == 0.01


class TestHealth:
    def test_double_requests_are_invalid(self, log: pd.DataFrame) -> None:
        found = run(pd.concat([log, log.head(3)]))
        assert found.verdict.status == "invalid"
        assert "3 rows" in found.verdict.sentence

    def test_labels_only_where_the_champion_flagged_are_invalid(self, log: pd.DataFrame) -> None:
        old = matured(log)
        flagged = old.index[alerts(old, "champion", int(0.05 * len(old)))]
        rest = old.index.difference(flagged)
        kept = np.random.default_rng(0).random(len(rest)) < 0.5
        found = run(log.assign(fraud=log["fraud"].where(~log.index.isin(rest[~kept]))))
        assert found.verdict.status == "invalid"
        assert "depend on what the champion flagged" in found.verdict.sentence

    def test_labels_missing_at_random_only_warn(self, log: pd.DataFrame) -> None:
        gone = np.random.default_rng(0).random(len(log)) < 0.3
        of = run(log.assign(fraud=log["fraud"].where(~gone))).record
        assert of.verdict.status != "invalid"
        assert next(one for one in of.health if one.name == "labels").status == "warn"

    def test_missing_scores_are_left_out(self, log: pd.DataFrame) -> None:
        cut = log.copy()
        cut.loc[:9, "challenger"] = np.nan
        assert run(cut).record.counts.without_score == 10

    def test_no_positives_is_a_reason(self, log: pd.DataFrame) -> None:
        found = run(log.assign(fraud=log["fraud"].where(log["fraud"].isna(), 0.0)), amount="amount")
        assert found.verdict.status == "inconclusive"
        assert estimate(found.record, "recall", "champion").value is None


class TestInput:
    def test_order_of_rows_does_not_matter(self, log: pd.DataFrame) -> None:
        coarse = log.assign(champion=log["champion"].round(1), challenger=log["challenger"].round(1))
        mixed = coarse.sample(frac=1, random_state=0)
        one, two = run(coarse, amount="amount").record, run(mixed, amount="amount").record
        assert min(one.tied) > 0
        assert one.caught == two.caught
        assert [e.low for e in one.effects] == pytest.approx([e.low for e in two.effects], rel=1e-9)

    def test_words_as_labels(self, log: pd.DataFrame) -> None:
        words = log["fraud"].map({1.0: "fraud", 0.0: "fine"})
        assert run(log.assign(fraud=words), positive="fraud").record.caught == run(log).record.caught
        with pytest.raises(UsageError, match="never is 'Fraud'"):
            run(log.assign(fraud=words), positive="Fraud")

    @pytest.mark.parametrize(
        "options",
        [{"time": None}, {"challenger": "champion"}, {"capacity": "lots"}, {"maturity": "soon"}, {"margin": -1},
         {"label": "frod"}, {"latency_below": 3.0}, {"timezone": "Mars"}, {"as_of": "tomorrow"}, {"alpha": 0.7}],
    )  # fmt: skip
    def test_options(self, log: pd.DataFrame, options: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            run(log, **options)

    def test_a_label_that_is_neither(self, log: pd.DataFrame) -> None:
        with pytest.raises(DataError, match="holds 2"):
            run(log.assign(fraud=2.0))

    def test_a_capacity_for_everything(self, log: pd.DataFrame) -> None:
        with pytest.raises(DataError, match="covers all"):
            run(log, capacity=10**6)


def test_command_line(tmp_path: Path, log: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()
    app.command()(command)
    log.to_csv(tmp_path / "log.csv", index=False)
    asked = [
        f"{tmp_path}/log.csv",
        *[
            "--champion",
            "champion",
            "--challenger",
            "challenger",
            "--label",
            "fraud",
            "--labelled-at",
            "labelled",
            "--time",
            "time",
            "--maturity",
            "30d",
            "--capacity",
            "5%",
            "--amount",
            "amount",
            "--id",
            "id",
            "--latency-champion",
            "ms_champion",
            "--latency-challenger",
            "ms_challenger",
            "--margin",
            "1%",
            "--exit-code",
        ],
    ]

    def ran(*more: str) -> tuple[int, str]:
        code = typer.main.get_command(app).main([*asked, *more], standalone_mode=False)
        return code, capsys.readouterr().out

    code, text = ran("--json", f"{tmp_path}/s.json", "--report", f"{tmp_path}/s.html", "--markdown", f"{tmp_path}/s.md")
    assert code == 0
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["verdict"]["sentence"][:30] in text
    assert "Missed positives" in (tmp_path / "s.html").read_text()
    assert ran("--json", "-")[1] == (tmp_path / "s.json").read_text()


@pytest.mark.parametrize("gain", [0.0, 0.2])
def test_interval_of_the_difference_covers(gain: float) -> None:
    """The cut is estimated too; the score interval over the positives stays on the safe side."""
    truth_log = shadow_log(n=600_000, seed=99, gain=gain)
    truth = effect(run(truth_log, time=None, labelled_at=None, maturity=None, id=None).record, "recall").difference
    assert truth is not None
    held = 0
    for seed in range(60):
        log = shadow_log(n=4000, seed=seed, gain=gain)
        found = effect(run(log, time=None, labelled_at=None, maturity=None, id=None).record, "recall")
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert held >= 54  # 57 of 60 at nominal coverage
