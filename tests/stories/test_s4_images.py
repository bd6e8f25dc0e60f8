"""S4: three real CNNs for a phone, run on images: accuracy, classes, speed, size, robustness, and who is beaten."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from .suites import Card, card_of, said

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
ROWS = 250
MODELS = {"r20": "resnet20", "r56": "resnet56", "keras": "keras_cnn"}
PARAMETERS = {"r20": 0.27e6, "r56": 0.85e6, "keras": 0.97e6}


def _suite(data: Path, folder: Path) -> Path:
    classes = f"classes: [{', '.join(CLASSES)}]"
    resnet = f"scale: 1/255, mean: [.485, .456, .406], std: [.229, .224, .225], layout: nchw, {classes}"
    options = {"r20": resnet, "r56": resnet, "keras": f"output: logits, {classes}"}
    per_class = ", ".join(f"'{name}[{label}]'" for name in ("precision", "recall", "f1") for label in ("cat", "ship"))
    models = "\n".join(
        f"  {name}: {{adapter: onnx, location: {data}/models_cifar10/{file}.onnx, options: {{{options[name]}}}}}"
        for name, file in MODELS.items()
    )
    (folder / "policy.yaml").write_text(
        "success: [{metric: accuracy, margin: 0.02}]\nbounds: [latency_ms.p95 below 2000]\n"
    )
    path = folder / "phone.yaml"
    path.write_text(f"""
name: phone
policy: policy.yaml
cases:
  - name: cifar
    dataset: {{images: {data}/images_cifar10/cifar10_test_jpeg.zip, label_pattern: '_(?P<label>\\w+)\\.jpg', limit: {ROWS}}}
    task: multiclass
    metrics: [accuracy, f1_macro, {per_class}]
    probes: [{{probe: jpeg, severity: [0.5], rows: 100}}, {{probe: blur, severity: [1], rows: 100}}]
models:
{models}
""")  # fmt: skip
    return path


@pytest.fixture(scope="module")
def card(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Card:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("PIL")
    folder = tmp_path_factory.mktemp("phone")
    return card_of("run", _suite(shared_data, folder), folder=folder)


@pytest.fixture(scope="module")
def published(shared_data: Path) -> pd.DataFrame:
    """What the same models said of the same images, by somebody else's code."""
    table = pd.read_csv(shared_data / "predictions_cifar10" / "cifar10_test_jpeg_models.csv")
    return table.set_index("image")


def test_every_image_gets_the_published_answer(card: Card, published: pd.DataFrame) -> None:
    for name, file in MODELS.items():
        rows = card.rows("cifar", name)
        assert len(rows) == ROWS
        images = rows["id"].str.extract(r"^(\d+)_")[0].astype(int)
        theirs = published.loc[images]
        assert (np.array(CLASSES)[theirs["label"]] == rows["target"]).all()
        same = np.array(CLASSES)[theirs[file]] == rows["prediction"].to_numpy()
        assert same.mean() >= 0.99
        expected = (theirs[file] == theirs["label"]).mean()
        found = card.estimate("cifar", name, "accuracy")
        assert found["n"] == ROWS
        assert found["value"] == pytest.approx(expected, abs=0.01)
        assert found["value"] == (rows["target"] == rows["prediction"]).mean()


def test_classes_and_confusion_equal_scikit_learn(card: Card) -> None:
    for name in MODELS:
        rows = card.rows("cifar", name)
        target, answer = rows["target"], rows["prediction"]
        for metric, function in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
            wanted = dict(zip(CLASSES, function(target, answer, average=None, labels=CLASSES), strict=True))
            for label in ("cat", "ship"):
                found = card.estimate("cifar", name, f"{metric}[{label}]")
                assert found["value"] == pytest.approx(wanted[label], abs=1e-12)
        macro = card.estimate("cifar", name, "f1_macro")["value"]
        assert macro == pytest.approx(f1_score(target, answer, average="macro"), abs=1e-12)
        matrix = next(one for one in card.case("cifar")["confusions"] if one["model"] == name)
        np.testing.assert_array_equal(matrix["counts"], confusion_matrix(target, answer, labels=matrix["labels"]))
    assert "What was taken for what" in card.html


def test_an_even_choice_of_ten_classes_has_no_rare_one(card: Card) -> None:
    """Each class is about a tenth of the rows, so accuracy leads as the suite says."""
    case = card.case("cifar")
    assert case["main_metric"] == "accuracy"
    assert not [one for one in case["health"] if one["name"] == "rare class"]


def test_differences_are_paired_and_flips_counted_both_ways(card: Card) -> None:
    rows = {name: card.rows("cifar", name) for name in MODELS}
    right = {name: (one["target"] == one["prediction"]).to_numpy() for name, one in rows.items()}
    for name in ("r56", "keras"):
        gained = int((right[name] & ~right["r20"]).sum())
        lost = int((~right[name] & right["r20"]).sum())
        effect = card.effect("cifar", "accuracy", name)
        assert effect["difference"] == pytest.approx((gained - lost) / ROWS, abs=1e-12)
        flips = next(one for one in card.case("cifar")["flips"] if one["candidate"] == name)
        assert (flips["gained"], flips["lost"]) == (gained, lost)
        assert flips["changed"] == (rows[name]["prediction"] != rows["r20"]["prediction"]).sum()


def test_size_speed_and_the_front(card: Card, shared_data: Path) -> None:
    case = card.case("cifar")
    for model in card.record["models"]:
        file = shared_data / "models_cifar10" / f"{MODELS[model['name']]}.onnx"
        assert model["size_bytes"] == file.stat().st_size
        assert model["parameters"] == pytest.approx(PARAMETERS[model["name"]], rel=0.02)
        assert model["flops"] > 1e7
    for timing in case["timing"].values():
        assert timing["per"] == "row"
        assert timing["batch_size"] == 1
        assert timing["device"] == "cpu"
        assert timing["warm_up"] > 0
        assert timing["p95"]["low"] <= timing["p95"]["high"]
    assert "How long a row takes" in card.html
    _dominance(case, {model["name"]: model for model in card.record["models"]})


def _dominance(case: dict[str, Any], models: dict[str, Any]) -> None:
    """The places on parameters again, from the intervals and words of the record alone."""
    word = {e["candidate"]: e["word"] for e in case["effects"] if e["metric"] == "accuracy" and not e["slice"]}
    points = {point["model"]: point for point in case["front"] if point["axis"] == "parameters"}
    assert set(points) == set(models)
    assert points["r20"]["place"] != "beaten", "the smallest model cannot be beaten on size"
    for name in ("r56", "keras"):
        assert models[name]["parameters"] > models["r20"]["parameters"]
        surely = {"better": "on the front", "worse": "beaten", "no meaningful difference": "beaten"}
        wanted = surely.get(word[name], "cannot tell")
        if name == "keras" and wanted == "beaten":
            assert (points[name]["place"], points[name]["by"]) == ("beaten", "r20")
        elif name == "r56":
            assert points[name]["place"] == wanted


def test_harder_jpeg_and_blur_cost_accuracy(card: Card) -> None:
    for outcomes in card.case("cifar")["probes"].values():
        assert [one["probe"] for one in outcomes] == ["jpeg", "blur"]
        for one in outcomes:
            effect = next(e for e in one["effects"] if e["metric"] == "accuracy")
            assert one["rows"] == effect["n"] == 100
            assert effect["difference"] < 0
            assert one["flip_rate"]["low"] <= one["flip_rate"]["value"] <= one["flip_rate"]["high"]
    assert "Worst probe" in card.html


def test_the_budget_decides_with_the_accuracy(card: Card) -> None:
    """The pick under a stated budget: every model is within 2 s, so accuracy decides; within a microsecond none is."""
    bounds = [c for c in card.record["verdict"]["checks"] if c["metric"] == "latency_ms.p95"]
    assert {c["status"] for c in bounds} == {"pass"}
    timings = card.case("cifar")["timing"]
    shared = min(timing["n"] for timing in timings.values())
    for model, timing in timings.items():
        held = card.estimate("cifar", model, "latency_ms.p95")
        assert 0 < held["n"] <= shared, "rows that were timed for every model"
        if held["n"] == timing["n"]:
            assert held["value"] == pytest.approx(timing["p95"]["value"], rel=1e-9)
        else:
            assert "rows that were timed for every model" in card.html
        times = card.rows("cifar", model)["latency_ms"].dropna()
        assert len(times) == timing["n"], "no time of a batch stands in the table of rows"


def test_a_budget_no_model_meets_ships_none(card: Card) -> None:
    folder = card.store.parent
    (folder / "strict.yaml").write_text("bounds: [latency_ms.p95 below 0.001]\n")
    strict = card_of("show", "r20", "r56", "keras", "--policy", folder / "strict.yaml", "--exit-code", folder=folder)
    assert strict.code == 1
    assert strict.record["verdict"]["status"] == "fail"


def test_shown_again_the_numbers_are_the_same(card: Card) -> None:
    folder = card.store.parent
    again = card_of("show", "r20", "r56", "keras", "--policy", folder / "policy.yaml", folder=folder)
    for case, before in zip(again.record["cases"], card.record["cases"], strict=True):
        assert case["estimates"] == before["estimates"]
        assert case["effects"] == before["effects"]
    assert again.record["verdict"] == card.record["verdict"]
    code, out, _ = said("runs", "--store", card.store)
    assert code == 0
    assert out.count("phone") >= 3
