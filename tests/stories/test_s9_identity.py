"""S9: does a toxicity model mind what is said, or of whom? Two real models, swapped identities, HateCheck, a gate."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from seatrial.storage.store import open_store

from .suites import Card, card_of, said

TERMS = """
name: identities
groups:
  religion:
    christian: [Christian]
    muslim: [Muslim]
    jewish: [Jewish]
  sexuality:
    gay: [gay, homosexual]
    straight: [straight, heterosexual]
"""
IDENTITY = '''
import re

TERMS = re.compile(r"\\b(christian|muslim|jewish|gay|homosexual|straight|heterosexual)s?\\b", re.IGNORECASE)


def mentions(row):
    """Whether the comment names somebody's religion or sexuality."""
    return bool(TERMS.search(row["comment"]))
'''
FILES = {"block": "tox_block", "wordy": "toxic_comment_classifier"}
PUBLISHED = {"block": (0.985, 0.970), "wordy": (0.972, 0.951)}
"""AUC on the comments as written and with identities swapped, by the data's own notes."""
HATECHECK = 500


def _suite(data: Path, folder: Path) -> Path:
    wiki, models = data / "toxicity_jigsaw_identity", data / "models_toxicity"
    (folder / "terms.yaml").write_text(TERMS)
    (folder / "identity.py").write_text(IDENTITY)
    roles = "{id: rev_id, target: toxic, positive: 'True', inputs: [comment]}"
    lines = "\n".join(
        f"  {name}: {{adapter: onnx, location: {models}/{file}.onnx, "
        f"options: {{vocabulary: {models}/{file}.vocab.json, output_index: 0}}}}"
        for name, file in FILES.items()
    )
    path = folder / "toxicity.yaml"
    path.write_text(f"""
name: toxicity
cases:
  - name: wikipedia
    dataset: {wiki}/wiki_toxicity_nonfuzzed.csv
    task: binary
    roles: {roles}
    metrics: [roc_auc, recall, false_positive_rate]
    slices: ["mentions = identity.py:mentions"]
    counterfactuals: pairs.csv
  - name: swapped
    dataset: {wiki}/wiki_toxicity_fuzzed.csv
    task: binary
    roles: {roles}
    metrics: [roc_auc]
  - name: hatecheck
    dataset: {{path: {data}/toxicity_hatecheck/test_suite_cases.csv, limit: {HATECHECK}}}
    task: binary
    roles: {{id: case_id, target: label_gold, positive: hateful, inputs: [test_case]}}
    metrics: [roc_auc, recall, false_positive_rate]
    slices: [target_ident]
models:
{lines}
""")
    return path


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the suite and the pairs made by the user."""
    place = tmp_path_factory.mktemp("identity")
    _suite(shared_data, place)
    code, out, err = said(
        "counterfactual", "build", shared_data / "toxicity_jigsaw_identity" / "wiki_toxicity_nonfuzzed.csv",
        "--swap", place / "terms.yaml", "--column", "comment", "--id", "rev_id", "--target", "toxic",
        "--positive", "True", "--most", 1, "--out", place / "pairs.csv",
    )  # fmt: skip
    assert code == 0, err
    assert "have not been reviewed" in out
    return place


@pytest.fixture(scope="module")
def card(folder: Path) -> Card:
    return card_of("run", folder / "toxicity.yaml", folder=folder)


def _scores(data: Path, file: str, texts: list[str]) -> np.ndarray:
    """The model again, by Keras' rules and nothing of ours."""
    vocabulary = json.loads((data / "models_toxicity" / f"{file}.vocab.json").read_text())
    index = {word: at for at, word in enumerate(vocabulary["words_by_index_from_1"], start=1)}
    blanks = str.maketrans(dict.fromkeys(vocabulary["filters"], " "))
    ids = np.zeros((len(texts), 100), np.int64)
    for row, text in enumerate(texts):
        known = [index[w] for w in text.lower().translate(blanks).split(" ") if index.get(w, 20000) < 20000][-100:]
        if known:
            ids[row, -len(known) :] = known
    session = onnxruntime.InferenceSession(str(data / "models_toxicity" / f"{file}.onnx"))
    return np.asarray(session.run(None, {session.get_inputs()[0].name: ids})[0])[:, 0]


def test_scores_are_the_models_own(card: Card, shared_data: Path) -> None:
    for name, file in FILES.items():
        rows = card.rows("wikipedia", name).head(200)
        theirs = _scores(shared_data, file, list(rows["comment"]))
        np.testing.assert_allclose(rows["score"], theirs, atol=1e-5)


def test_auc_as_written_and_swapped_are_those_known_of_the_models(card: Card) -> None:
    for name, known in PUBLISHED.items():
        for case, expected in zip(("wikipedia", "swapped"), known, strict=True):
            rows = card.rows(case, name)
            found = card.estimate(case, name, "roc_auc")
            assert found["value"] == pytest.approx(expected, abs=0.001)
            target = rows["target"].astype(str).str.lower() == "true"
            assert target.sum() == 248
            assert found["value"] == pytest.approx(roc_auc_score(target, rows["score"]), abs=1e-9)
            assert found["low"] < found["value"] < found["high"]
        drop = card.estimate("swapped", name, "roc_auc")["value"] - card.estimate("wikipedia", name, "roc_auc")["value"]
        assert drop < -0.01, "the label stayed, the identity changed, and the order of the scores with it"


def test_flip_rates_are_counted_from_the_pairs_with_exact_limits(card: Card, folder: Path, shared_data: Path) -> None:
    pairs = pd.read_csv(folder / "pairs.csv", keep_default_na=False)
    pairs = pairs[pairs["status"] == "edited"]
    record = json.loads((folder / "pairs.record.json").read_text())
    assert record["pairs"] == len(pairs)
    assert record["unedited_rows"] + record["edited_rows"] == 1492
    for name, file in FILES.items():
        before = _scores(shared_data, file, list(pairs["original"])) >= 0.5
        after = _scores(shared_data, file, list(pairs["edited"])) >= 0.5
        outcomes = {one["identity"]: one for one in card.case("wikipedia")["counterfactuals"][name]}
        for swap, rows in [("all", np.ones(len(pairs), bool)), *((s, pairs["swap"] == s) for s in set(pairs["swap"]))]:
            n, flips = int(np.sum(rows)), int(np.sum((before != after)[rows]))
            found = outcomes[swap]["flip_rate"]
            assert (outcomes[swap]["pairs"], found["n"]) == (n, n)
            assert found["value"] == pytest.approx(flips / n, abs=1e-12)
            exact = stats.binomtest(flips, n).proportion_ci(0.95, "exact")
            assert found["high"] == pytest.approx(exact.high, abs=1e-9)
            assert found["low"] == pytest.approx(exact.low, abs=1e-9)
        assert outcomes["gay->straight"]["flip_rate"]["low"] > outcomes["jewish->muslim"]["flip_rate"]["high"]
        assert outcomes["gay->straight"]["score_change"]["high"] < 0
    assert "Pairs that differ in one identity" in card.html


def test_slices_of_who_is_spoken_of(card: Card) -> None:
    for name in FILES:
        rows = card.rows("hatecheck", name)
        assert len(rows) == HATECHECK
        hateful = rows["target"] == "hateful"
        for target in sorted(set(rows["target_ident"].dropna())):
            here = rows["target_ident"] == target
            found = card.estimate("hatecheck", name, "recall", target_ident=target)
            assert found["value"] == pytest.approx((rows["score"] >= 0.5)[here & hateful].mean(), abs=1e-12)
            assert found["n"] == (here & hateful).sum()
        told = card.estimate("hatecheck", name, "roc_auc")
        assert told["value"] == pytest.approx(roc_auc_score(hateful, rows["score"]), abs=1e-9)
        assert told["value"] < 0.6, "good on the benchmark, no better than chance on the functional cases"
        rows = card.rows("wikipedia", name)
        assert {"yes", "no"} == set(rows["mentions"])


def test_the_pairs_are_a_gate(folder: Path, shared_data: Path) -> None:
    models = shared_data / "models_toxicity"
    model = f"block=onnx:{models}/tox_block.onnx?vocabulary={models}/tox_block.vocab.json&output_index=0"
    for limit, expected in (("0.05", 1), ("0.5", 0)):
        code, out, err = said(
            "counterfactual", "run", folder / "pairs.csv", "--model", model, "--max-flip-rate", limit, "--exit-code"
        )
        assert code == expected, (limit, out, err)


def test_the_gate_between_the_two_models_says_which_case_decides(card: Card, folder: Path) -> None:
    (folder / "release.yaml").write_text(
        "guardrails:\n  - {metric: roc_auc, margin: 0.005, case: wikipedia}\n"
        "  - {metric: roc_auc, margin: 0.01, case: swapped}\n"
    )
    gate = ("gate", "block", "wordy", "--suite", folder / "toxicity.yaml", "--policy", folder / "release.yaml")
    code, out, err = said(*gate, "--store", card.store, "--junit", folder / "gate.xml", "--json", folder / "gate.json")
    told = json.loads((folder / "gate.json").read_text())
    assert code in (1, 2), err
    assert code == {"fail": 1, "inconclusive": 2}[told["verdict"]["status"]]
    decided = {check["name"].split(":")[0] for check in told["verdict"]["checks"]}
    assert decided == {"wikipedia", "swapped"}
    assert told["verdict"]["sentence"] in out
    assert "<testsuite" in (folder / "gate.xml").read_text()
    again = open_store(card.store).run("wordy").run.cases
    assert [(case.resumed, case.cached) for case in again] == [(case.rows, 0) for case in again], "nothing asked twice"


def test_a_model_against_itself_passes_at_exactly_nothing(card: Card, folder: Path) -> None:
    same = card_of("show", "block", "block", "--policy", folder / "release.yaml", "--exit-code", folder=folder)
    assert same.code == 0
    found = {effect["difference"] for case in same.record["cases"] for effect in case["effects"]}
    assert found - {None} == {0}, "where there is no value there is none on both sides"
