"""A/A splits: the test is that of `analyze`, planted failures are named, and real history behaves."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from scipy import stats
from statsmodels.stats import proportion

from seatrial.actions.aa import aa
from seatrial.app.aa_command import aa as command
from seatrial.errors import DataError, UsageError
from seatrial.experiments import aa_splits
from seatrial.expressions import Mean, Node, parse, resolve
from seatrial.records.aa import AaTest, MetricSplits

SIZE = (0.025, 0.085)
"""Where the size of an honest test lies in 500 splits: .05 and more than three standard errors on both sides."""


def tree(formula: str, *columns: str) -> Node:
    return resolve(parse(formula), columns=set(columns), metrics={})


def one(table: pd.DataFrame, formula: str, **options: Any) -> MetricSplits:
    record: AaTest = aa(table, metrics={"m": formula}, **{"simulations": 500, **options}).record
    return record.metrics[0]


def size(found: MetricSplits, name: str = "analysis") -> float:
    return next(a.size for a in found.analyses if a.name == name)


@pytest.fixture(scope="module")
def sessions() -> pd.DataFrame:
    """300 users with 1 to 20 sessions, whose spending is theirs."""
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(300), rng.integers(1, 21, 300))
    level = rng.normal(10, 3, 300)
    return pd.DataFrame({"user": user, "spend": level[user] + rng.normal(0, 1, len(user)),
                         "visits": rng.integers(1, 5, len(user))})  # fmt: skip


class TestTheTestIsTheSameAsElsewhere:
    def rows(self, formula: str, values: np.ndarray, unit: np.ndarray, *, share: bool = False) -> aa_splits.Rows:
        node = tree(formula, "x", "y")
        keys = tuple(atom.key() for atom in aa_splits.atoms(node))
        return aa_splits.Rows(tree=node, keys=keys, values=values, unit=unit, units=int(unit.max()) + 1, share=share)

    def test_welch(self) -> None:
        x = np.random.default_rng(0).lognormal(size=200)
        rows = self.rows("mean(x)", x[:, None], np.arange(200))
        found = aa_splits.independent_rows(rows, True, 5, 3)
        for p, coin in zip(found.p_values, np.concatenate(list(aa_splits.splits(200, 5, 3))), strict=True):
            assert p == pytest.approx(stats.ttest_ind(x[coin == 1], x[coin == 0], equal_var=False).pvalue, rel=1e-8)
        assert found.method.startswith("Welch")

    def test_score_test_of_a_share(self) -> None:
        x = (np.random.default_rng(0).random(300) < 0.1).astype(float)
        found = aa_splits.independent_rows(self.rows("mean(x)", x[:, None], np.arange(300), share=True), True, 4, 3)
        for p, coin in zip(found.p_values, np.concatenate(list(aa_splits.splits(300, 4, 3))), strict=True):
            one, two = x[coin == 1], x[coin == 0]
            asked = proportion.test_proportions_2indep(
                one.sum(), len(one), two.sum(), len(two), method="score", correction=True
            ).pvalue
            assert p == pytest.approx(asked, rel=1e-6)

    def test_naive_rows_split_by_unit_are_a_plain_t_test_of_the_rows(self, sessions: pd.DataFrame) -> None:
        x, unit = sessions["spend"].to_numpy(), sessions["user"].to_numpy()
        found = aa_splits.independent_rows(self.rows("mean(x)", x[:, None], unit), True, 4, 7)
        for p, coin in zip(found.p_values, np.concatenate(list(aa_splits.splits(300, 4, 7))), strict=True):
            arm = coin[unit]
            assert p == pytest.approx(stats.ttest_ind(x[arm == 1], x[arm == 0], equal_var=False).pvalue, rel=1e-8)

    def test_many_units_and_few_units_agree(self, sessions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
        values = sessions[["spend", "visits"]].to_numpy(float)
        rows = self.rows("x / y", values, sessions["user"].to_numpy())
        robust = aa_splits.by_unit(rows, 200, 0)
        monkeypatch.setattr(aa_splits, "FEW", 0)
        delta = aa_splits.by_unit(rows, 200, 0)
        assert np.corrcoef(robust.p_values, delta.p_values)[0, 1] > 0.999  # CR2 against the delta method
        assert robust.method != delta.method

    def test_sums_do_not_depend_on_the_batches(self, sessions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = self.rows("mean(x)", sessions[["spend"]].to_numpy(), sessions["user"].to_numpy())
        whole = aa_splits.independent_rows(rows, True, 40, 0).p_values
        block = aa_splits._blocks(rows.values, rows.unit, rows.units)
        coins = np.concatenate(list(aa_splits.splits(300, 40, 0)))
        again = np.concatenate([aa_splits._plain_means(rows, block.over(c[None])).value.ravel() for c in coins])
        together = aa_splits._plain_means(rows, block.over(coins)).value[:, 0].T.ravel()
        assert again.tolist() == together.tolist()
        assert len(whole) == 40


class TestPlanted:
    def test_fine(self) -> None:
        rng = np.random.default_rng(0)
        table = pd.DataFrame({"user": range(2000), "x": rng.normal(size=2000), "y": rng.integers(1, 5, 2000)})
        for formula in ("mean(x)", "mean(x > 0)", "mean(x) / mean(y)", "p50(x)"):
            found = one(table, formula)
            assert found.failure == "fine", found.sentence
            assert SIZE[0] < size(found) < SIZE[1]

    def test_clustered(self, sessions: pd.DataFrame) -> None:
        found = one(sessions, "mean(spend)")
        assert found.failure == "clustered"
        assert size(found, "rows as independent") > 0.3
        assert SIZE[0] < size(found) < SIZE[1]
        assert "--cluster user" in found.sentence

    def test_independent_rows_of_a_unit_are_no_failure(self, sessions: pd.DataFrame) -> None:
        table = sessions.assign(noise=np.random.default_rng(5).normal(size=len(sessions)))
        assert one(table, "mean(noise)").failure == "fine"

    def test_split_by_row_is_honest_and_says_that_units_are_shared(self, sessions: pd.DataFrame) -> None:
        record = aa(sessions, metrics={"m": "mean(spend)"}, split_by="row", simulations=500).record
        found = record.metrics[0]
        assert SIZE[0] < size(found) < SIZE[1]  # rows that are assigned one by one may be analysed one by one
        assert found.failure == "clustered"
        assert "in both arms" in found.sentence
        rows = sessions.groupby("user").size()
        assert record.shared_units == pytest.approx((1 - 2.0 ** (1 - rows)).mean())

    def test_outlier(self) -> None:
        table = pd.DataFrame({"user": range(1000), "spend": np.random.default_rng(0).exponential(10, 1000)})
        table.loc[17, "spend"] = 40_000.0
        found = one(table, "mean(spend)")
        assert found.failure == "outlier"
        assert found.largest_share == pytest.approx(40_000 / table["spend"].sum())
        assert size(found) < 0.01
        assert SIZE[0] < size(found, "capped") < SIZE[1]
        assert "--winsorize m=" in found.sentence
        cap = next(a.cap for a in found.analyses if a.name == "capped")
        assert cap is not None
        assert one(table, "mean(spend)", winsorize={"m": cap}).failure == "fine"

    def test_discrete(self) -> None:
        table = pd.DataFrame({"user": range(2000), "bought": [1] * 6 + [0] * 1994})
        found = one(table, "mean(bought)")
        assert found.failure == "discrete"
        assert found.distinct_values == 2
        assert "6 rows" in found.sentence

    def test_ties_at_a_quantile(self) -> None:
        prices = np.random.default_rng(0).choice([1.0, 2.0, 5.0], 2000)
        found = one(pd.DataFrame({"user": range(2000), "price": prices}), "p50(price)", simulations=100)
        assert found.failure == "discrete"

    def test_constant_cannot_be_checked(self) -> None:
        found = one(pd.DataFrame({"user": range(100), "x": 1.0}), "mean(x)")
        assert found.failure == "cannot check"
        assert found.reason is not None


class TestInput:
    def table(self) -> pd.DataFrame:
        return pd.DataFrame({"user": range(50), "x": np.arange(50.0)})

    def test_missing_values_are_counted(self) -> None:
        table = self.table()
        table.loc[:4, "x"] = np.nan
        found = one(table, "mean(x)", simulations=100)
        assert (found.rows, found.missing_rows) == (45, 5)
        assert one(table, "mean(x)", simulations=100, zero=["m"]).rows == 50

    def test_rows_without_a_unit_are_refused(self) -> None:
        table = self.table().assign(user=[None, *(f"u{i}" for i in range(49))])
        with pytest.raises(DataError, match="1 rows have no 'user'"):
            one(table, "mean(x)")

    def test_few_units(self) -> None:
        with pytest.raises(DataError, match="3 units"):
            one(self.table().head(3), "mean(x)")

    @pytest.mark.parametrize(
        "options", [{"split_by": "rows"}, {"simulations": 3}, {"alpha": 0.9}, {"unit": "usr"}, {"cluster": "nobody"}]
    )
    def test_options(self, options: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            one(self.table(), "mean(x)", **options)

    def test_unknown_column(self) -> None:
        with pytest.raises(UsageError, match="no column 'z'"):
            one(self.table(), "mean(z)")

    def test_huge_values(self) -> None:
        with pytest.raises(DataError, match="beyond"):
            one(self.table().assign(x=[1e200] + [1.0] * 49), "mean(x)")

    def test_order_of_rows_does_not_matter(self, sessions: pd.DataFrame) -> None:
        sizes = [
            one(table, "mean(spend)", simulations=100).analyses[0].size
            for table in (sessions, sessions.sample(frac=1, random_state=0))
        ]
        assert sizes[0] == sizes[1]


class TestRealHistory:
    def test_cookie_cats(self, shared_data: Path) -> None:
        file = shared_data / "experiments_cookie_cats" / "cookie_cats.csv.gz"
        record = aa(
            file, metrics={"retained": "mean(retention_7)", "rounds": "mean(sum_gamerounds)"}, unit="userid",
            simulations=400,
        ).record  # fmt: skip
        assert [m.failure for m in record.metrics] == ["fine", "outlier"]  # one player has 49,854 rounds
        assert record.metrics[1].skewness == pytest.approx(185.4, abs=0.1)
        capped = next(a for a in record.metrics[1].analyses if a.name == "capped")
        assert capped.low <= 0.05 <= capped.high

    def test_households(self, shared_data: Path) -> None:
        file = shared_data / "purchases_complete_journey" / "transactions_hh_mod4.parquet"
        found = aa(file, metrics={"item": "mean(sales_value)"}, unit="household_id", simulations=300).record.metrics[0]
        assert found.failure == "clustered"
        assert size(found, "rows as independent") > 0.5
        assert 0.02 < size(found) < 0.1


def test_command_line(tmp_path: Path, sessions: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()
    app.command()(command)
    sessions.to_csv(tmp_path / "history.csv", index=False)
    asked = f"{tmp_path}/history.csv -m spend=mean(spend) -m per_visit=spend/visits --simulations 200 --json".split()

    def ran(*more: str) -> str:
        assert typer.main.get_command(app).main([*asked, *more], standalone_mode=False) == 0
        return capsys.readouterr().out

    text = ran(f"{tmp_path}/aa.json", "--report", f"{tmp_path}/aa.html")
    found = json.loads((tmp_path / "aa.json").read_text())
    assert [one["failure"] for one in found["metrics"]] == ["clustered", "clustered"]
    assert "resemble each other" in text
    assert "p-values of spend" in (tmp_path / "aa.html").read_text()
    assert ran("-") == (tmp_path / "aa.json").read_text()


def test_single_means_are_told(sessions: pd.DataFrame) -> None:
    assert isinstance(tree("mean(x)", "x"), Mean)
