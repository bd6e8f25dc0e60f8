"""The stories of suites without the real data: the examples come to the answers that their pages tell, small models run
on their rows, and other people's code says the same."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .suites import card_of, said

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "data" / "suites"


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of an example's folder, as a user has it."""
    place = tmp_path / "example"
    shutil.copytree(ROOT / "examples" / request.param, place)
    monkeypatch.chdir(place)
    return place


@pytest.mark.parametrize("example", ["classify_images"], indirect=True)
def test_onnx_models_on_images_equal_numpy(example: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    image = pytest.importorskip("PIL.Image")
    models = []
    for name in ("linear", "net"):
        options = "scale=1/255&layout=nhwc&classes=0,1,2,3,4,5,6,7,8,9"
        models += ["--model", f"{name}=onnx:{MODELS}/digits_{name}.onnx?{options}"]
    card = card_of("run", "suite.yaml", *models, folder=example)
    pixels, labels = [], []
    with zipfile.ZipFile("digits.zip") as archive:
        for entry in archive.namelist():
            labels.append(entry.split("_")[1][0])
            pixels.append(np.asarray(image.open(archive.open(entry)).convert("RGB"), np.float32))
    for name in ("linear", "net"):
        session = onnxruntime.InferenceSession(str(MODELS / f"digits_{name}.onnx"))
        answer = session.run(None, {"image": np.stack(pixels) / 255})[0].argmax(axis=1).astype(str)
        rows = card.rows("test", name)
        assert list(rows["target"].astype(str)) == labels
        assert list(rows["prediction"].astype(str)) == list(answer)
        assert card.estimate("test", name, "accuracy")["value"] == accuracy_score(labels, answer)
        macro = f1_score(labels, answer, average="macro")
        assert card.estimate("test", name, "f1_macro")["value"] == pytest.approx(macro, abs=1e-12)
        info = next(one for one in card.record["models"] if one["name"] == name)
        assert info["parameters"] >= 650
    harder = [effect for one in card.case("test")["probes"]["net"] for effect in one["effects"][:1]]
    assert harder[-1]["difference"] < -0.1, "a rotation by 25 degrees"


@pytest.mark.parametrize("example", ["classify_images"], indirect=True)
def test_the_page_of_images_is_true(example: Path) -> None:
    card = card_of("run", "suite.yaml", "--model", "mean", "--model", "nearest", folder=example)
    assert card.record["verdict"]["status"] == "pass"
    assert card.effect("test", "accuracy", "nearest")["low"] > 0
    rotated = [one for outcomes in card.case("test")["probes"].values() for one in outcomes if one["severity"] == 25]
    assert all(-0.6 < one["effects"][0]["difference"] < -0.35 for one in rotated)
    assert {point["place"] for point in card.case("test")["front"] if point["axis"] == "latency"} <= {
        "on the front",
        "cannot tell",
    }
    assert any("10 classes have fewer than 30 rows" in one for one in card.record["not_tested"])
    (example / "strict.yaml").write_text("bounds: [latency_ms.p95 below 0.0001]\n")
    strict = card_of("show", "mean", "nearest", "--policy", "strict.yaml", "--exit-code", folder=example)
    assert strict.code == 1


@pytest.mark.parametrize("example", ["audit_credit"], indirect=True)
def test_credit_by_a_model_trained_here_and_the_scorecards(example: Path) -> None:
    fairlearn = pytest.importorskip("fairlearn.metrics")
    io = pytest.importorskip("skops.io")
    table = pd.read_csv("applicants.csv")
    numbers, names = ["duration", "credit_amount", "age"], ["status", "savings", "housing"]
    prepared = make_column_transformer(
        (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), names)
    )
    model = make_pipeline(prepared, LogisticRegression(max_iter=2000))
    io.dump(model.fit(table[numbers + names].iloc[::2], table["credit"].iloc[::2]), "trained.skops")
    card = card_of(
        "run", "suite.yaml", "--model", "plain", "--model", "personal", "--model", "trained=sklearn:trained.skops",
        folder=example,
    )  # fmt: skip
    assert card.case("applicants")["main_metric"] == "roc_auc"
    for name in ("plain", "personal", "trained"):
        rows = card.rows("applicants", name)
        good = rows["target"] == "good"
        auc = card.estimate("applicants", name, "roc_auc")["value"]
        assert auc == pytest.approx(roc_auc_score(good, rows["score"]), abs=1e-9)
        by_sex = fairlearn.MetricFrame(
            metrics=fairlearn.selection_rate, y_true=good, y_pred=rows["score"] >= 0.5, sensitive_features=rows["sex"]
        ).by_group
        told = next(one for one in card.case("applicants")["fairness"] if one["model"] == name)
        assert told["impact_ratio"] <= by_sex.min() / by_sex.max() + 1e-12, "the smallest of all cuts"
    groups = "guardrails:\n  - {metric: roc_auc, margin: 0.02}\n  - {metric: recall, slice: sex=female, margin: 0.02}\n"
    (example / "groups.yaml").write_text(groups)
    shown = card_of("show", "plain", "personal", "--policy", "groups.yaml", "--exit-code", folder=example)
    assert shown.code == 2, "too few women who merit credit"


@pytest.mark.parametrize("example", ["keep_the_old_task"], indirect=True)
def test_the_forgetful_version_is_refused_and_the_same_one_passes(example: Path) -> None:
    assert said("run", "suite.yaml", "--model", "base=predictions:base.csv", "--tag", "production")[0] == 0
    code, out, _ = said("gate", "production", "tuned=predictions:tuned.csv", "--suite", "suite.yaml")
    assert code == 1
    truth, old, new = (pd.read_csv(f"{name}.csv").set_index("id") for name in ("digits", "base", "tuned"))
    right = {"old": old["prediction"] == truth["digit"], "new": new["prediction"] == truth["digit"]}
    lost = right["new"].mean() - right["old"].mean()
    assert -0.05 < lost < -0.035
    assert f"{lost:+.3f}"[:6] in out
    eights = truth["digit"] == 8
    assert right["new"][eights].mean() - right["old"][eights].mean() < -0.3
    code, out, _ = said("gate", "production", "same=predictions:base.csv", "--suite", "suite.yaml")
    assert (code, out[:4]) == (0, "PASS")
    few = "extends: suite.yaml\nname: few\ncases: [{name: test, dataset: {limit: 60}, metrics: [accuracy]}]\n"
    (example / "few.yaml").write_text(few)
    (example / "margin.yaml").write_text("guardrails: [{metric: accuracy, margin: 0.01}]\n")
    models = ("base=predictions:base.csv", "tuned=predictions:tuned.csv")
    code, out, _ = said("gate", *models, "--suite", "few.yaml", "--policy", "margin.yaml")
    assert code == 2, out


@pytest.mark.parametrize("example", ["swap_identities"], indirect=True)
def test_the_benchmark_likes_the_biased_model_and_the_pairs_do_not(example: Path) -> None:
    built = ("--swap", "terms.yaml", "--column", "text", "--id", "id", "--target", "rude", "--positive", "yes")
    assert said("counterfactual", "build", "comments.csv", *built, "--out", "pairs.csv")[0] == 0
    card = card_of("run", "suite.yaml", "--model", "learned", "--model", "blind", folder=example)
    assert -0.035 < card.effect("comments", "roc_auc", "blind")["difference"] < -0.02
    flips = {name: one[0]["flip_rate"] for name, one in card.case("comments")["counterfactuals"].items()}
    assert 0.37 < flips["learned"]["value"] < 0.4
    assert (flips["blind"]["value"], flips["blind"]["n"]) == (0, 434)
    assert flips["blind"]["high"] == pytest.approx(0.017, abs=5e-4)
    assert "at most 1.7 %" in card.html
    for name, expected in (("learned", 1), ("blind", 0)):
        model = f"{name}=function:models.py:{name}"
        code, _, _ = said(
            "counterfactual", "run", "pairs.csv", "--model", model, "--max-flip-rate", "0.02", "--exit-code"
        )
        assert code == expected


@pytest.mark.parametrize("example", ["four_domains"], indirect=True)
def test_domains_with_a_vocabulary_model_and_two_lists(example: Path) -> None:
    pytest.importorskip("onnxruntime")
    words = f"words=onnx:{MODELS}/words.onnx?vocabulary={MODELS}/words.vocab.json&output=score"
    card = card_of("run", "suite.yaml", "--model", "films", "--model", "general", "--model", words, folder=example)
    signs = {"movieReviewSnippets": "worse", "nytEditorialSnippets": "better", "amazonReviewSnippets": "better"}
    for domain, word in signs.items():
        assert card.effect("texts", "accuracy", "general", domain=domain)["word"] == word
    assert card.effect("texts", "accuracy", "general")["word"] == "cannot tell"
    for name in ("films", "general", "words"):
        rows = card.rows("texts", name)
        positive = rows["target"] == "positive"
        for domain, here in rows.groupby("domain"):
            found = card.estimate("texts", name, "accuracy", domain=str(domain))
            assert found["value"] == ((here["score"] >= 0.5) == positive[here.index]).mean()
    seen = card.estimate("texts", "words", "accuracy", domain="movieReviewSnippets")
    unseen = card.estimate("texts", "words", "accuracy", domain="tweets")
    assert seen["value"] > unseen["high"], "it learned from these very films, and from no tweet"
    longer = card_of("run", "longer.yaml", "--model", "general", folder=example)
    both = card_of("compare", card.record["runs"][0][:12], longer.record["runs"][0][:12], folder=example)
    assert [case["case"] for case in both.record["cases"]] == ["texts"]
    assert "'tweets' was not run on films" in " ".join(both.record["not_shared"])


@pytest.mark.parametrize("example", ["find_names"], indirect=True)
def test_names_equal_seqeval_and_documents_are_the_unit(example: Path) -> None:
    seqeval = pytest.importorskip("seqeval.metrics")
    card = card_of("run", "suite.yaml", "--model", "listed", "--model", "capitals", folder=example)
    assert card.record["verdict"]["status"] == "inconclusive"
    for name in ("listed", "capitals"):
        rows = card.rows("wikigold", name)
        gold, answer = ([_tags(cell) for cell in rows[column]] for column in ("target", "prediction"))
        for metric, function in (
            ("entity_f1", seqeval.f1_score),
            ("entity_precision", seqeval.precision_score),
            ("entity_recall", seqeval.recall_score),
        ):
            found = card.estimate("wikigold", name, metric)
            assert found["value"] == pytest.approx(float(function(gold, answer)), abs=1e-12)
            assert found["unit"] == "document"
    recall = card.effect("wikigold", "entity_recall", "capitals")
    assert recall["word"] == "better"
    assert recall["candidate_value"] > 2.5 * recall["baseline_value"]
    assert card.effect("wikigold", "entity_precision", "capitals")["word"] == "worse"


def _tags(cell: object) -> list[str]:
    import json

    read = json.loads(cell) if isinstance(cell, str) and cell.startswith("[") else cell
    return read.split() if isinstance(read, str) else list(read)  # type: ignore[call-overload]
