"""Interleaved lists: one vote a user, whatever form the log has."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from scipy import stats

from seatrial.actions.interleaving import interleaving
from seatrial.app.interleaving_command import interleaving as command
from seatrial.errors import DataError, UsageError


def make(seed: int = 0, *, prefer: float = 0.5, queries: int = 3000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    user = rng.integers(0, 300, queries)
    clicks = rng.poisson(0.8, queries)
    new = rng.binomial(clicks, prefer)
    winner = np.select([clicks == 0, new * 2 > clicks, new * 2 < clicks], [None, "new", "old"], "tie")
    return pd.DataFrame({"q": range(queries), "u": user, "new": new, "old": clicks - new, "won": winner})


def test_against_a_t_test_over_users() -> None:
    log = make(prefer=0.56)
    of = interleaving(log, winner="won", user="u", query="q", baseline="old").record
    heard = log[log["won"].notna()]
    score = heard["won"].map({"new": 1, "old": -1, "tie": 0}).groupby(heard["u"]).mean()
    asked = stats.ttest_1samp(score, 0)
    ends = asked.confidence_interval(0.95)
    assert of.units == len(score)
    assert of.preference.difference == pytest.approx(score.mean())
    assert of.preference.p_value == pytest.approx(asked.pvalue)
    assert (of.preference.low, of.preference.high) == (pytest.approx(ends.low), pytest.approx(ends.high))
    assert of.prefer_candidate == (score > 0).sum()
    assert of.share.value == pytest.approx((score > 0).sum() / (score != 0).sum())
    assert of.silent == log["won"].isna().sum()
    assert of.preference.word == "better"
    assert of.sentence.startswith("Users prefer new to old")


def test_credits_give_what_winners_give() -> None:
    log = make(1, prefer=0.55)
    one = interleaving(log, winner="won", user="u", query="q", baseline="old").record
    two = interleaving(log, credit_baseline="old", credit_candidate="new", user="u", query="q").record
    assert two.preference == one.preference
    assert (two.queries, two.silent) == (one.queries, one.silent)


def test_clicks_of_one_query_in_several_rows_count_once() -> None:
    log = make(1, prefer=0.55)
    pieces = pd.concat([log.assign(new=0), log.assign(old=0)])
    one = interleaving(log, credit_baseline="old", credit_candidate="new", user="u", query="q").record
    two = interleaving(pieces, credit_baseline="old", credit_candidate="new", user="u", query="q").record
    assert two.preference == one.preference
    assert next(f for f in two.health if f.name == "each query once").count == len(log)


def test_a_user_with_many_queries_has_one_vote() -> None:
    rows = [{"u": "fan", "won": "new"}] * 500 + [{"u": f"u{i}", "won": "old"} for i in range(40)]
    by_user = interleaving(rows, winner="won", user="u", baseline="old").record
    by_query = interleaving(rows, winner="won", baseline="old").record
    assert by_user.preference.word == "worse"
    assert by_query.preference.word == "better"
    assert "--user" in by_query.notes[0]


def test_no_preference_is_seldom_called() -> None:
    called = sum(
        interleaving(make(seed, queries=600), winner="won", user="u").record.preference.word != "cannot tell"
        for seed in range(100)
    )
    assert called <= 11  # 5 expected; 11 is the .995 quantile


def test_baseline_turns_the_sign() -> None:
    log = make(prefer=0.56)
    one, two = (interleaving(log, winner="won", user="u", baseline=name).record for name in ("old", "new"))
    assert one.preference.difference == pytest.approx(-(two.preference.difference or 0))


class TestInput:
    @pytest.mark.parametrize(
        "options",
        [{}, {"winner": "won", "credit_baseline": "old"}, {"credit_baseline": "old"}, {"winner": "wn"},
         {"winner": "won", "baseline": "newest"}, {"winner": "won", "alpha": 2.0},
         {"credit_baseline": "old", "credit_candidate": "new", "baseline": "old"}],
    )  # fmt: skip
    def test_options(self, options: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            interleaving(make(), **options)

    def test_three_rankings(self) -> None:
        with pytest.raises(DataError, match="3 rankings"):
            interleaving([{"won": w} for w in "abc" * 9], winner="won")

    def test_nobody_clicked(self) -> None:
        with pytest.raises(DataError, match="no query has a winner"):
            interleaving(pd.DataFrame({"a": [0, 0], "b": [0, 0]}), credit_baseline="a", credit_candidate="b")

    def test_negative_credit(self) -> None:
        with pytest.raises(DataError, match="negative"):
            interleaving(pd.DataFrame({"a": [1, -1], "b": [0, 2]}), credit_baseline="a", credit_candidate="b")


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()
    app.command()(command)
    make(prefer=0.57).to_csv(tmp_path / "log.csv", index=False)
    asked = f"{tmp_path}/log.csv --winner won --user u --query q --baseline old".split()

    def ran(*more: str) -> str:
        assert typer.main.get_command(app).main([*asked, *more], standalone_mode=False) == 0
        return capsys.readouterr().out

    text = ran("--json", f"{tmp_path}/i.json", "--report", f"{tmp_path}/i.html")
    assert "Users prefer new" in text
    assert json.loads((tmp_path / "i.json").read_text())["preference"]["word"] == "better"
    assert "Who prefers which" in (tmp_path / "i.html").read_text()
    assert ran("--json", "-") == (tmp_path / "i.json").read_text()
