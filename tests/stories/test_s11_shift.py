"""S11: good in the lab, poor in production: what moved, what kind of shift it is, where the metric fell.

A sentiment model is trained in the story on film reviews; production brings tweets, editorials and product reviews.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from seatrial.actions.shift import shift

HOME = "movieReviewSnippets"
COLUMNS = ["id", "domain", "text", "words", "target", "prediction", "score"]


@pytest.fixture(scope="module")
def scored(shared_data: Path) -> pd.DataFrame:
    """Every text with a clear rating that the model did not learn from, with its score."""
    table = pd.read_csv(shared_data / "sentiment_vader4" / "vader_groundtruth.csv.gz")
    table = table[table.mean_rating.abs() > 0.5].reset_index(drop=True)
    table["target"] = np.where(table.mean_rating > 0, "positive", "negative")
    home = table[table.domain == HOME].sample(4000, random_state=0)
    words = TfidfVectorizer(min_df=3)
    model = LogisticRegression(C=3).fit(words.fit_transform(home.text), home.target)
    rest = table.drop(index=home.index)
    rest["score"] = model.predict_proba(words.transform(rest.text))[:, 1].round(5)
    rest["prediction"] = np.where(rest.score >= 0.5, "positive", "negative")
    rest["words"] = rest.text.str.split().str.len()
    return rest[COLUMNS]


@pytest.fixture(scope="module")
def lab_and_production(scored: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mostly films with a few of each other domain, and a production of all four; no row in both."""
    by = {name: rows.sample(frac=1, random_state=1) for name, rows in scored.groupby("domain")}
    others = [name for name in by if name != HOME]
    lab = pd.concat([by[HOME].iloc[:1500], *(by[name].iloc[:150] for name in others)])
    production = pd.concat([by[HOME].iloc[1500:1900], *(by[name].iloc[150:750] for name in others)])
    return lab, production


def test_what_moved_and_where_it_fell(
    lab_and_production: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path, cli: Callable[..., Any]
) -> None:
    lab, production = lab_and_production
    result = shift(lab, production, by="domain", metric="f1", positive="positive")
    record = result.record
    moved = {one.column for one in record.columns if one.moved}
    assert {"domain", "text"} <= moved
    text = next(one for one in record.columns if one.column == "text")
    bands = {m.name: (m.value, m.by_chance) for m in text.measures}
    assert bands["characters"][0] > 3 * bands["characters"][1]
    assert record.joint.told_apart

    def f1(rows: pd.DataFrame) -> float:
        hit = ((rows.target == "positive") & (rows.prediction == "positive")).sum()
        miss = (rows.target != rows.prediction).sum()
        return float(2 * hit / (2 * hit + miss))

    seen = record.metric_change
    assert seen is not None
    assert seen.difference == pytest.approx(f1(production) - f1(lab), abs=1e-9)
    assert seen.word == "worse"
    assert result.status == "fail"
    assert record.nature is not None
    assert record.nature.word == "covariate shift"

    parts = record.decompositions[0]
    assert parts.total == pytest.approx(parts.mix + parts.within)
    assert parts.total == pytest.approx(seen.difference, abs=1e-9)
    assert parts.mix_high < 0, "the mix of domains carries the fall"
    impacts = [one.impact for one in parts.slices]
    assert impacts == sorted(impacts), "count x drop, the most lost first"
    for one in parts.slices:
        rows = production[production.domain == one.slice["domain"]]
        assert one.n_current == len(rows)
        assert one.current == pytest.approx(f1(rows), abs=1e-9)

    page = tmp_path / "shift.html"
    result.report(page, tmp_path / "shift.md", tmp_path / "shift.json")
    html = page.read_text(encoding="utf-8")
    assert "What this does not show" in html
    assert len(html.encode()) < 2_000_000
    card = json.loads((tmp_path / "shift.json").read_text())
    assert card["sources"][0]["sha256"] != card["sources"][1]["sha256"]
    assert str(tmp_path) not in html


def test_without_labels_the_fall_is_foretold(lab_and_production: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Production has no labels yet: the weighted lab rows foretell the fall, and it is called expected."""
    lab, production = lab_and_production
    result = shift(lab, production.drop(columns="target"), metric="accuracy", positive="positive")
    truth = (production.target == production.prediction).mean() - (lab.target == lab.prediction).mean()
    weighted = result.record.expected[0]
    assert weighted.change is not None
    assert weighted.change < 0
    assert weighted.low - 0.03 <= truth <= weighted.high + 0.03
    assert result.status == "inconclusive"
    assert result.record.metric_change is None


def test_two_halves_of_one_domain_have_not_moved(scored: pd.DataFrame) -> None:
    home = scored[scored.domain == HOME].sample(frac=1, random_state=2)
    half = len(home) // 2
    result = shift(home.iloc[:half], home.iloc[half:], metric="accuracy")
    assert result.record.moved == 0
    assert not result.record.joint.told_apart
    assert result.record.nature is not None
    assert result.record.nature.word == "no shift told"
