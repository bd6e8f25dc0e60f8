"""One suite for every adapter that can be built here: order, batches, one row, columns, what it says of itself."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.errors import SeatrialError
from seatrial.models.adapters import ADAPTERS, adapter_class, open_model
from seatrial.models.base import Answer, LocalModel, ModelError, RemoteModel

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
NAMES = ("setosa", "versicolor", "virginica")
ROWS = 30

NET = """
import torch


class Net(torch.nn.Module):
    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, classes)

    def forward(self, x):
        return self.layer(x)


class Other(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Linear(2, 2)

    def forward(self, x):
        return self.one(x)
"""

FUNCTION = """
def predict(batch):
    return [
        {"prediction": "setosa" if length < 2.5 else "virginica", "score": min(1.0, length / 10)}
        for length in batch["petal_length"]
    ]


async def later(petal_length, petal_width):
    return ["small" if a * b < 2 else "large" for a, b in zip(petal_length, petal_width)]


def one(petal_length):
    return petal_length * 2
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Built:
    """A model to try, the rows to try it on, and what is known of its answers."""

    spec: Any
    folder: Path
    batch: dict[str, list[Any]]
    parameters: int | None = None
    truth: list[Any] | None = None
    """Predictions by the library itself."""
    scores: list[list[float]] | None = None
    trust: bool = False

    def open(self, name: str | None = None) -> LocalModel:
        opened = open_model(self.spec, name=name, folder=self.folder, trust_pickle=self.trust)
        assert isinstance(opened, LocalModel)
        return opened


def iris() -> tuple[np.ndarray, np.ndarray, list[int]]:
    datasets = pytest.importorskip("sklearn.datasets")
    data = datasets.load_iris()
    chosen = list(np.random.default_rng(3).choice(150, ROWS, replace=False))
    return data.data, data.target, chosen


def columns(x: np.ndarray) -> dict[str, list[Any]]:
    return {name: x[:, at].tolist() for at, name in enumerate(COLUMNS)}


def fitted() -> tuple[Any, np.ndarray]:
    linear = pytest.importorskip("sklearn.linear_model")
    pandas = pytest.importorskip("pandas")
    x, y, chosen = iris()
    frame = pandas.DataFrame(x, columns=list(COLUMNS))
    return linear.LogisticRegression(max_iter=500).fit(frame, np.array(NAMES)[y]), x[chosen]


def build_function(folder: Path) -> Built:
    (folder / "rules.py").write_text(FUNCTION)
    x, _, chosen = iris()
    truth = ["setosa" if row[2] < 2.5 else "virginica" for row in x[chosen]]
    return Built(spec="function:rules.py:predict", folder=folder, batch=columns(x[chosen]), truth=truth)


def build_function_of_columns(folder: Path) -> Built:
    (folder / "rules.py").write_text(FUNCTION)
    x, _, chosen = iris()
    truth = ["small" if row[2] * row[3] < 2 else "large" for row in x[chosen]]
    return Built(spec="rules.py:later", folder=folder, batch=columns(x[chosen]), truth=truth)


def build_function_of_a_row(folder: Path) -> Built:
    (folder / "rules.py").write_text(FUNCTION)
    x, _, chosen = iris()
    truth = [2 * row[2] for row in x[chosen]]
    return Built(spec="function:rules.py:one?per=row", folder=folder, batch=columns(x[chosen]), truth=truth)


def build_sklearn(folder: Path) -> Built:
    skops = pytest.importorskip("skops.io")
    model, x = fitted()
    skops.dump(model, folder / "iris.skops")
    return Built(
        spec="sklearn:iris.skops",
        folder=folder,
        batch=columns(x),
        parameters=15,
        truth=model.predict(x_frame(x)).tolist(),
        scores=model.predict_proba(x_frame(x)).tolist(),
    )


def build_pickle(folder: Path) -> Built:
    import joblib

    model, x = fitted()
    joblib.dump(model, folder / "iris.joblib")
    truth = model.predict(x_frame(x)).tolist()
    return Built(spec="iris.joblib", folder=folder, batch=columns(x), parameters=15, truth=truth, trust=True)


def build_sklearn_object(folder: Path) -> Built:
    model, x = fitted()
    return Built(spec=model, folder=folder, batch=columns(x), parameters=15, truth=model.predict(x_frame(x)).tolist())


def x_frame(x: np.ndarray) -> Any:
    return pytest.importorskip("pandas").DataFrame(x, columns=list(COLUMNS))


def build_torch(folder: Path) -> Built:
    torch = pytest.importorskip("torch")
    model, x = fitted()
    (folder / "net.py").write_text(NET)
    state = {"layer.weight": torch.tensor(model.coef_).float(), "layer.bias": torch.tensor(model.intercept_).float()}
    torch.save(state, folder / "net.pt")
    return Built(
        spec=f"torch:net.pt?class=net.py:Net&output=logits&classes={','.join(NAMES)}",
        folder=folder,
        batch=columns(x),
        parameters=15,
        truth=model.predict(x_frame(x)).tolist(),
        scores=model.predict_proba(x_frame(x)).tolist(),
    )


def linear_onnx(coef: np.ndarray, intercept: np.ndarray, path: Path, *, rows: int | str, logits: bool) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    outcome = "logits" if logits else "probabilities"
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["logits"], transB=1)]
    if not logits:
        nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, coef.shape[1]])],
        [helper.make_tensor_value_info(outcome, TensorProto.FLOAT, [rows, coef.shape[0]])],
        [
            numpy_helper.from_array(coef.astype(np.float32), "w"),
            numpy_helper.from_array(intercept.astype(np.float32), "b"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def build_onnx(folder: Path) -> Built:
    return _onnx(folder, rows="N", logits=False)


def build_onnx_of_seven_rows(folder: Path) -> Built:
    return _onnx(folder, rows=7, logits=True)


def _onnx(folder: Path, *, rows: int | str, logits: bool) -> Built:
    pytest.importorskip("onnxruntime")
    model, x = fitted()
    linear_onnx(model.coef_, model.intercept_, folder / "linear.onnx", rows=rows, logits=logits)
    (folder / "classes.txt").write_text("\n".join(NAMES))
    return Built(
        spec="linear.onnx?classes=classes.txt",
        folder=folder,
        batch=columns(x),
        parameters=15,
        truth=model.predict(x_frame(x)).tolist(),
        scores=model.predict_proba(x_frame(x)).tolist(),
    )


def build_predictions(folder: Path) -> Built:
    ids = [f"r{at}" for at in range(ROWS)]
    lines = ["id,prediction,score", *(f"{one},{'yes' if at % 3 else 'no'},0.{at:02d}" for at, one in enumerate(ids))]
    (folder / "answers.csv").write_text("\n".join(lines[:1] + lines[:0:-1]))
    truth = ["yes" if at % 3 else "no" for at in range(ROWS)]
    return Built(spec="answers.csv", folder=folder, batch={"@id": ids, "text": ids}, truth=truth)


def build_transformers(folder: Path) -> Built:
    transformers, tokenizer = pytest.importorskip("transformers"), tiny_tokenizer()
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        id2label={0: "NEGATIVE", 1: "POSITIVE"},
        label2id={"NEGATIVE": 0, "POSITIVE": 1},
        initializer_range=1.0,
    )
    model = transformers.BertForSequenceClassification(config).eval()
    model.save_pretrained(folder / "tiny")
    tokenizer.save_pretrained(folder / "tiny")
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(["good", "bad", "film", "not", "very"], rng.integers(1, 50))) for _ in range(ROWS)]
    scores = []
    for text in texts:
        with torch.no_grad():
            logits = model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=32)).logits
        scores.append(torch.softmax(logits, -1)[0].tolist())
    return Built(
        spec="transformers:tiny",
        folder=folder,
        batch={"text": texts},
        parameters=sum(one.numel() for one in model.parameters()),
        truth=[("NEGATIVE", "POSITIVE")[int(np.argmax(one))] for one in scores],
        scores=scores,
    )


def tiny_tokenizer() -> Any:
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "film", "not", "very"]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def build_mlflow(folder: Path) -> Built:
    pytest.importorskip("mlflow.pyfunc")
    (folder / "saved").mkdir()
    (folder / "saved" / "loader.py").write_text(
        "class Saved:\n"
        "    def predict(self, frame, params=None):\n"
        "        return ['long' if one > 2.5 else 'short' for one in frame['petal_length']]\n\n\n"
        "def _load_pyfunc(path):\n    return Saved()\n"
    )
    (folder / "saved" / "MLmodel").write_text(
        json.dumps({"flavors": {"python_function": {"loader_module": "loader", "code": "code"}}})
    )
    (folder / "saved" / "code").mkdir()
    (folder / "saved" / "loader.py").rename(folder / "saved" / "code" / "loader.py")
    x, _, chosen = iris()
    truth = ["long" if row[2] > 2.5 else "short" for row in x[chosen]]
    return Built(spec="mlflow:saved", folder=folder, batch=columns(x[chosen]), truth=truth, trust=True)


BUILDERS: dict[str, Callable[[Path], Built]] = {
    name.removeprefix("build_"): made for name, made in sorted(globals().items()) if name.startswith("build_")
}


@pytest.fixture(scope="module", params=list(BUILDERS))
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return BUILDERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def model(built: Built) -> LocalModel:
    opened = built.open()
    opened.open()
    return opened


def taken(batch: dict[str, list[Any]], rows: list[int]) -> dict[str, list[Any]]:
    return {name: [values[at] for at in rows] for name, values in batch.items()}


def same(one: Answer, other: Answer) -> bool:
    """Equal answers; scores may differ in the last digits of 32-bit reals, which depend on the batch."""
    for left, right in ((one.prediction, other.prediction), (one.text, other.text), (one.reason, other.reason)):
        if left != right and not (isinstance(left, float) and math.isclose(left, right, rel_tol=1e-5)):
            return False
    numbers = [(one.score, other.score), *((value, other.scores.get(key)) for key, value in one.scores.items())]
    return set(one.scores) == set(other.scores) and all(
        a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6))
        for a, b in numbers
    )


def test_answers_are_those_of_the_library_itself(built: Built, model: LocalModel) -> None:
    answers = model.predict(built.batch)
    assert [one.prediction for one in answers] == built.truth
    if built.scores is not None:
        found = [list(one.scores.values()) for one in answers]
        np.testing.assert_allclose(found, built.scores, rtol=1e-3, atol=1e-5)


def test_every_answer_says_something_that_json_can_hold(built: Built, model: LocalModel) -> None:
    for one in model.predict(built.batch):
        assert one.reason is None
        assert one.prediction is not None or one.score is not None or one.text is not None
        json.dumps(dataclasses.asdict(one), allow_nan=False)


def test_the_order_of_the_rows_does_not_matter(built: Built, model: LocalModel) -> None:
    straight = model.predict(built.batch)
    order = list(np.random.default_rng(0).permutation(ROWS))
    mixed = model.predict(taken(built.batch, order))
    assert all(same(straight[at], mixed[place]) for place, at in enumerate(order))


@pytest.mark.parametrize("size", [1, 4, 7, 29])
def test_the_batch_size_does_not_matter_and_the_last_may_be_short(built: Built, model: LocalModel, size: int) -> None:
    straight = model.predict(built.batch)
    parts = [
        one
        for start in range(0, ROWS, size)
        for one in model.predict(taken(built.batch, list(range(start, min(ROWS, start + size)))))
    ]
    assert len(parts) == ROWS
    assert all(same(a, b) for a, b in zip(straight, parts, strict=True))


def test_the_same_rows_have_the_same_answers_also_in_a_new_model(built: Built, model: LocalModel) -> None:
    first = model.predict(built.batch)
    assert list(first) == list(model.predict(built.batch))
    with built.open() as other:
        assert all(same(a, b) for a, b in zip(first, other.predict(built.batch), strict=True))


def test_a_model_can_be_closed_and_opened_again(built: Built) -> None:
    opened = built.open()
    before = opened.predict(built.batch)
    opened.close()
    opened.close()
    opened.open()
    opened.open()
    assert list(opened.predict(built.batch)) == list(before)


def test_what_it_says_of_itself_is_stable_and_names_no_folder(built: Built, model: LocalModel) -> None:
    info = model.info()
    again = built.open().info()
    assert info.model_copy(update={"name": ""}) == again.model_copy(update={"name": ""})
    assert len(info.fingerprint) == 64
    assert str(built.folder) not in info.canonical_json()
    assert info.parameters == built.parameters
    assert info.adapter == model.adapter
    assert info.size_bytes is None or info.size_bytes > 0


def test_the_name_is_the_one_that_was_given(built: Built) -> None:
    opened = built.open("mine")
    assert (opened.name, opened.info().name) == ("mine", "mine")


def test_a_missing_column_is_named(built: Built, model: LocalModel) -> None:
    own_code = model.adapter == "mlflow" or built.spec == "function:rules.py:one?per=row"
    with pytest.raises((KeyError, TypeError) if own_code else SeatrialError) as error:
        model.predict({"something_else": [object()] * ROWS})
    assert len(str(error.value).splitlines()) == 1
    assert str(built.folder) not in str(error.value)


def test_every_adapter_of_the_package_is_here_or_remote() -> None:
    tried = {"function", "sklearn", "onnx", "torch", "transformers", "predictions", "mlflow"}
    for name, _ in ADAPTERS:
        kind = adapter_class(name, folder=Path())
        assert kind.adapter == name
        assert issubclass(kind, RemoteModel) or (issubclass(kind, LocalModel) and name in tried)


def test_a_stranger_writes_an_adapter_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from seatrial.models.base import Answer, LocalModel\n"
        "from seatrial.records.run import ModelInfo\n\n\n"
        "class Constant(LocalModel):\n"
        "    adapter = 'constant'\n\n"
        "    def __init__(self, opening):\n"
        "        opening.refuse_unknown(['label'])\n"
        "        self.name, self._value = opening.name, opening.location\n\n"
        "    def info(self):\n"
        "        return ModelInfo(name=self.name, adapter='constant', location=self._value, fingerprint='0' * 64)\n\n"
        "    def predict(self, batch):\n"
        "        return [Answer(prediction=self._value) for _ in next(iter(batch.values()))]\n"
    )
    opened = open_model("always=mine.py:Constant:yes", folder=tmp_path)
    assert isinstance(opened, LocalModel)
    assert opened.name == "always"
    assert [one.prediction for one in opened.predict({"a": [1, 2]})] == ["yes", "yes"]
    with pytest.raises(SeatrialError, match=r"no option 'lable'. Did you mean 'label'"):
        open_model("always=mine.py:Constant:yes?lable=1", folder=tmp_path)


# Models that go wrong, as functions: what an adapter returns goes through the same door for all of them.

BAD: dict[str, tuple[Callable[..., Any], str]] = {
    "too few rows": (lambda batch: [1] * (len(batch["x"]) - 1), "answered 2 rows where 3 were asked"),
    "too many rows": (lambda batch: [1] * (len(batch["x"]) + 1), "answered 4 rows where 3 were asked"),
    "nothing": (lambda batch: None, "answered nothing for 3 rows"),
    "one number": (lambda batch: 1.5, "answered one float for 3 rows"),
    "one text": (lambda batch: "abc", "answered one str for 3 rows"),
    "a scalar array": (lambda batch: np.float64(3), "one float64 for 3 rows"),
    "three dimensions": (lambda batch: np.zeros((3, 2, 2)), r"shape \(3, 2, 2\)"),
    "a short column": (lambda batch: {"prediction": [1, 2, 3], "score": [0.5]}, "1 rows in column 'score' where 3"),
    "no columns": (lambda batch: {}, "no columns"),
    "logits unsaid": (lambda batch: np.array([[-2.0, 3.0]] * 3), "no probabilities; say output=logits"),
    "sums of two": (lambda batch: np.array([[0.9, 0.9]] * 3), "do not add up to 1"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_an_answer_of_the_wrong_shape_is_one_clear_sentence(name: str) -> None:
    function, message = BAD[name]
    opened = open_model(function, name="broken")
    assert isinstance(opened, LocalModel)
    with pytest.raises(ModelError, match=message) as error:
        opened.predict({"x": [1, 2, 3]})
    assert "'broken'" in str(error.value)


def test_an_error_of_the_model_itself_passes_through() -> None:
    def predict(batch: Any) -> Any:
        raise ZeroDivisionError("inside")

    opened = open_model(predict)
    assert isinstance(opened, LocalModel)
    with pytest.raises(ZeroDivisionError, match="inside"):
        opened.predict({"x": [1]})


@pytest.mark.parametrize(
    "returned",
    [
        [1.0, math.nan, 3.0],
        np.array([1.0, math.nan, 3.0]),
        {"prediction": [1.0, math.nan, 3.0]},
        [{"prediction": 1.0}, {"prediction": math.nan}, {"prediction": 3.0}],
        {"score": np.array([0.1, math.nan, 0.3])},
        np.array([[0.5, 0.5], [math.nan, 0.5], [0.5, 0.5]]),
    ],
)
def test_a_nan_is_a_missing_answer_with_its_reason(returned: Any) -> None:
    opened = open_model(lambda batch: returned, name="gaps")
    assert isinstance(opened, LocalModel)
    answers = opened.predict({"x": [1, 2, 3]})
    assert [one.reason for one in answers] == [None, "the model answered NaN", None]
    assert answers[1].prediction is None
    assert answers[1].score is None
