"""S11: two sentiment models on four domains: where each falls, and what a suite with one slice more may compare."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from .suites import Card, card_of, said

HOME = "movieReviewSnippets"
EACH = 200
VADER = """
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

ANALYZER = SentimentIntensityAnalyzer()


def lexicon(batch):
    return {"score": [(1 + ANALYZER.polarity_scores(text)["compound"]) / 2 for text in batch["text"]]}
"""
OWN = """
GOOD = {"good", "great", "best", "love", "excellent", "nice", "fun", "happy", "thanks", "perfect", "easy", "well"}
POOR = {"bad", "worst", "hate", "poor", "terrible", "sad", "boring", "never", "no", "not", "problem", "war", "death"}


def lexicon(batch):
    found = []
    for text in batch["text"]:
        words = text.lower().split()
        lean = sum(word in GOOD for word in words) - sum(word in POOR for word in words)
        found.append(0.5 + lean / (2 * (1 + abs(lean))) + 0.01)
    return {"score": found}
"""


def _suite(data: Path, folder: Path, name: str, more: str) -> Path:
    models = data / "models_sentiment" / "imdb_glove_lstm_top20k"
    path = folder / f"{name}.yaml"
    path.write_text(f"""
name: sentiment
version: {name}
cases:
  - name: domains
    dataset: four.csv
    task: binary
    roles: {{id: row, target: target, positive: positive, inputs: [text]}}
    metrics: [accuracy, f1, roc_auc]
    slices: [domain]
{more}
models:
  lexicon: {{adapter: function, location: "lexicon.py:lexicon"}}
  lstm: {{adapter: onnx, location: {models}.onnx, options: {{vocabulary: {models}.vocab.json, output: score}}}}
""")
    return path


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime")
    place = tmp_path_factory.mktemp("sentiment")
    table = pd.read_csv(shared_data / "sentiment_vader4" / "vader_groundtruth.csv.gz")
    table = table[table["mean_rating"].abs() > 0.5]
    table = pd.concat([rows.sample(EACH, random_state=0) for _, rows in table.groupby("domain")])
    table["target"] = np.where(table["mean_rating"] > 0, "positive", "negative")
    table["row"] = table["domain"] + "-" + table["id"].astype(str)
    table[["row", "domain", "text", "target"]].to_csv(place / "four.csv", index=False)
    table.sample(200, random_state=1)[["row", "text", "target"]].to_csv(place / "new.csv", index=False)
    (place / "lexicon.py").write_text(VADER if importlib.util.find_spec("vaderSentiment") else OWN)
    return place


@pytest.fixture(scope="module")
def card(folder: Path, shared_data: Path) -> Card:
    return card_of("run", _suite(shared_data, folder, "1", ""), folder=folder)


def test_every_domain_equals_scikit_learn(card: Card) -> None:
    for model in ("lexicon", "lstm"):
        rows = card.rows("domains", model)
        assert len(rows) == 4 * EACH
        for domain in (None, *sorted(set(rows["domain"]))):
            where = {} if domain is None else {"domain": domain}
            here = rows if domain is None else rows[rows["domain"] == domain]
            truth, answer = here["target"] == "positive", here["score"] >= 0.5
            wanted = {
                "accuracy": accuracy_score(truth, answer),
                "f1": f1_score(truth, answer),
                "roc_auc": roc_auc_score(truth, here["score"]),
            }
            for metric, value in wanted.items():
                found = card.estimate("domains", model, metric, **where)
                assert found["value"] == pytest.approx(value, abs=1e-9), (model, metric, domain)
                assert found["n"] <= len(here)
                assert found["low"] < found["value"] < found["high"]


def test_good_at_home_poor_elsewhere(card: Card) -> None:
    """The recurrent model learned on films: away from them it falls, and the card names the domain that lost most."""
    at = {domain: card.estimate("domains", "lstm", "accuracy", domain=domain) for domain in _domains(card)}
    worst = min(at, key=lambda domain: at[domain]["value"])
    assert worst != HOME
    assert at[worst]["high"] < at[HOME]["low"], "a drop that the intervals tell from chance"
    effects = {domain: card.effect("domains", "accuracy", "lstm", domain=domain) for domain in at}
    assert all(effect["exploratory"] for effect in effects.values())
    for domain, effect in effects.items():
        by_hand = at[domain]["value"] - card.estimate("domains", "lexicon", "accuracy", domain=domain)["value"]
        assert effect["difference"] == pytest.approx(by_hand, abs=1e-12)
    assert f"domain = {worst}" in card.html
    assert f"domain = {worst}" in card.markdown


def _domains(card: Card) -> list[str]:
    return sorted({e["slice"]["domain"] for e in card.case("domains")["estimates"] if e["slice"]})


def test_a_slice_and_a_case_more_are_another_version_and_only_the_shared_part_is_compared(
    card: Card, folder: Path, shared_data: Path
) -> None:
    more = """
    slices: [domain, "length(text):3"]
"""
    two = _suite(shared_data, folder, "2", "").read_text().replace("    slices: [domain]\n", more)
    extra = """  - name: fresh
    dataset: new.csv
    task: binary
    roles: {id: row, target: target, positive: positive, inputs: [text]}
    metrics: [accuracy]
models:"""
    (folder / "2.yaml").write_text(two.replace("models:", extra))
    second = card_of("run", folder / "2.yaml", "--model", "lexicon", folder=folder)
    assert second.record["suite_version"] == "2"
    assert second.record["suite_digest"] != card.record["suite_digest"]
    assert [case["case"] for case in second.record["cases"]] == ["domains", "fresh"]
    assert any("length" in name for e in second.case("domains")["estimates"] for name in e["slice"])

    old, new = card.record["runs"][1], second.record["runs"][0]
    both = card_of("compare", old[:16], new[:16], folder=folder)
    assert [case["case"] for case in both.record["cases"]] == ["domains"]
    said_so = " ".join(both.record["not_shared"])
    assert "'fresh'" in said_so
    assert "'domains' was changed" in said_so
    for page in (both.html, both.markdown):
        assert "fresh" in page.split("What this suite does not test")[-1]
    assert {e["candidate"] for e in both.case("domains")["effects"]} == {"lexicon"}
    flipped = both.effect("domains", "accuracy", "lexicon")["difference"]
    assert flipped == pytest.approx(-card.effect("domains", "accuracy", "lstm")["difference"], abs=1e-12)


def test_a_new_margin_is_no_new_suite(card: Card, folder: Path) -> None:
    text = (folder / "1.yaml").read_text()
    (folder / "strict.yaml").write_text("guardrails: [{metric: accuracy, margin: 0.001}]\n")
    (folder / "1-gated.yaml").write_text(text.replace("version: 1\n", "version: 1\npolicy: strict.yaml\n"))
    code, out, _ = said("suite", "check", folder / "1-gated.yaml")
    assert code == 0
    assert card.record["suite_digest"][:12] in out
