"""Real models on real data: what their authors published, and what other programs measured with them."""

import csv
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.models.adapters import open_model
from seatrial.models.base import LocalModel

pytest.importorskip("onnxruntime")

NORMALISED = "scale=1/255&mean=0.485,0.456,0.406&std=0.229,0.224,0.225"


def opened(spec: str, folder: Path) -> LocalModel:
    model = open_model(spec, folder=folder)
    assert isinstance(model, LocalModel)
    return model


@pytest.fixture(scope="module")
def images(shared_data: Path) -> tuple[list[np.ndarray], list[dict[str, str]]]:
    """The first 200 of the JPEG test images, and what eight programs predicted of each."""
    image = pytest.importorskip("PIL.Image")
    with (shared_data / "predictions_cifar10" / "cifar10_test_jpeg_models.csv").open() as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(200), strict=False)]
    found = []
    with zipfile.ZipFile(shared_data / "images_cifar10" / "cifar10_test_jpeg.zip") as packed:
        names = {int(name[:5]): name for name in packed.namelist()}
        for row in rows:
            found.append(np.asarray(image.open(io.BytesIO(packed.read(names[int(row["image"])])))))
    return found, rows


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("resnet20", NORMALISED, 0.27e6),
        ("resnet56", NORMALISED, 0.85e6),
        ("keras_cnn", "output=logits", 0.97e6),
    ],
)
def test_cnns_answer_as_recorded(
    shared_data: Path, images: tuple[list[np.ndarray], list[dict[str, str]]], name: str, options: str, parameters: float
) -> None:
    """The predictions beside the data came from another program's preprocessing."""
    pictures, rows = images
    model = opened(f"onnx:{name}.onnx?{options}", shared_data / "models_cifar10")
    answers = [one for at in range(0, 200, 64) for one in model.predict({"image": pictures[at : at + 64]})]
    agreeing = sum(str(one.prediction) == row[name] for one, row in zip(answers, rows, strict=True))
    assert agreeing >= 199  # a tie in the last digit may fall otherwise
    assert model.info().parameters == pytest.approx(parameters, rel=0.02)


def test_multiply_adds_of_resnet20_are_those_of_its_paper(shared_data: Path) -> None:
    pytest.importorskip("onnx")
    flops = opened("onnx:resnet20.onnx", shared_data / "models_cifar10").info().flops
    assert flops == pytest.approx(2 * 40.8e6, rel=0.01)  # 40.8 M multiply-adds for 32 x 32


README = {
    "Good morning my friend, I hope you're having a fantastic day!": 0.05347811430692673,
    "I do strongly disagree with the fascist views of this joke that calls itself a political party.": 0.0261900760233,
}


def test_the_toxicity_model_gives_the_numbers_of_its_readme(shared_data: Path) -> None:
    model = opened(
        "tox=onnx:tox_block.onnx?vocabulary=tox_block.vocab.json&output_index=0", shared_data / "models_toxicity"
    )
    answers = model.predict({"text": list(README)})
    for one, published in zip(answers, README.values(), strict=True):
        assert one.score is not None
        assert (one.score - 0.002116) / (0.999858 - 0.002116) == pytest.approx(published, abs=2e-6)


def auc(scores: list[float], labels: list[bool]) -> float:
    ones = np.array([s for s, y in zip(scores, labels, strict=True) if y])
    zeros = np.array([s for s, y in zip(scores, labels, strict=True) if not y])
    return float(((ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)).mean())


@pytest.mark.parametrize(
    ("name", "plain", "swapped"), [("tox_block", 0.985, 0.970), ("toxic_comment_classifier", 0.972, 0.951)]
)
def test_toxicity_models_reach_the_auc_measured_elsewhere(
    shared_data: Path, name: str, plain: float, swapped: float
) -> None:
    model = opened(
        f"onnx:{name}.onnx?vocabulary={name}.vocab.json&output_index=0&threads=1", shared_data / "models_toxicity"
    )
    for kind, expected in (("nonfuzzed", plain), ("fuzzed", swapped)):
        with (shared_data / "toxicity_jigsaw_identity" / f"wiki_toxicity_{kind}.csv").open() as file:
            rows = list(csv.DictReader(file))
        text = next(key for key in rows[0] if key in ("comment", "text", "comment_text"))
        label = next(key for key in rows[0] if "toxic" in key)
        answers: list[Any] = []
        for at in range(0, len(rows), 256):
            answers += model.predict({"text": [row[text] for row in rows[at : at + 256]]})
        found = auc([one.score for one in answers], [row[label] == "True" for row in rows])
        assert found == pytest.approx(expected, abs=6e-4)


def test_a_sentiment_model_tells_clear_reviews_apart(shared_data: Path) -> None:
    model = opened(
        "onnx:imdb_glove_lstm_top20k.onnx?vocabulary=imdb_glove_lstm_top20k.vocab.json&output=score",
        shared_data / "models_sentiment",
    )
    with gzip.open(shared_data / "sentiment_vader4" / "vader_groundtruth.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["domain"] == "movieReviewSnippets"]
    clear = [row for row in rows if abs(float(row["mean_rating"])) > 2][:300]
    answers: list[Any] = []
    for at in range(0, len(clear), 100):
        answers += model.predict({"text": [row["text"] for row in clear[at : at + 100]]})
    right = [(one.score > 0.5) == (float(row["mean_rating"]) > 0) for one, row in zip(answers, clear, strict=True)]
    assert np.mean(right) > 0.75  # trained on long reviews, .85 there
