"""Model files that are missing, damaged, untrusted or of another kind; what changes a fingerprint; odd graphs."""

import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.errors import SeatrialError, UsageError
from seatrial.models.adapters import open_model
from seatrial.models.base import LocalModel, ModelError


def opened(spec: Any, folder: Path, *, trust: bool = False) -> LocalModel:
    model = open_model(spec, folder=folder, trust_pickle=trust)
    assert isinstance(model, LocalModel)
    return model


class Marker:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (self.path,))


def test_a_pickle_is_not_even_opened_without_trust(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(Marker(tmp_path / "ran")))
    with pytest.raises(UsageError, match=r"can run any code .* --trust-pickle"):
        opened("sklearn:m.pkl", tmp_path)
    with pytest.raises(UsageError, match="no option 'trust_pickle'"):
        opened("sklearn:m.pkl?trust_pickle=true", tmp_path, trust=True)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ModelError, match="holds a NoneType, which has no predict"):
        opened("sklearn:m.pkl", tmp_path, trust=True).open()
    assert (tmp_path / "ran").exists()


def test_weights_of_torch_are_loaded_without_running_code(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    (tmp_path / "net.py").write_text("import torch\nNet = torch.nn.Identity\n")
    torch.save(Marker(tmp_path / "ran"), tmp_path / "w.pt")
    with pytest.raises(ModelError, match="holds more than weights"):
        opened("torch:w.pt?class=net.py:Net", tmp_path).open()
    assert not (tmp_path / "ran").exists()
    with pytest.raises(UsageError, match="say which class the weights belong to"):
        opened("torch:w.pt", tmp_path)


def test_skops_names_the_types_it_does_not_know(tmp_path: Path) -> None:
    skops, preprocessing = pytest.importorskip("skops.io"), pytest.importorskip("sklearn.preprocessing")
    skops.dump(preprocessing.FunctionTransformer(os.path.join), tmp_path / "m.skops")
    with pytest.raises(ModelError, match=r"does not know to be harmless: posixpath.join; .* trusted=posixpath.join"):
        opened("sklearn:m.skops", tmp_path).open()
    with pytest.raises(ModelError, match="holds a FunctionTransformer, which has no predict"):
        opened("sklearn:m.skops?trusted=posixpath.join", tmp_path).open()


BROKEN: dict[str, tuple[str, str]] = {
    "m.skops": ("sklearn:m.skops", "no file of skops"),
    "m.joblib": ("sklearn:m.joblib", "no pickle that can be loaded"),
    "m.onnx": ("onnx:m.onnx", "no ONNX model"),
    "m.pt": ("torch:m.pt?class=net.py:Net", "no file of weights"),
    "m.csv": ("predictions:m.csv", "prediction or score"),
    "m.parquet": ("predictions:m.parquet", "Parquet"),
    "m.py": ("function:m.py:predict", "cannot be loaded: SyntaxError"),
}


@pytest.mark.parametrize("name", list(BROKEN))
@pytest.mark.parametrize("content", [b"", b"certainly not one of those (\x00\xff", b"PAR1 cut short PAR"])
def test_a_damaged_file_is_one_sentence_without_folders(tmp_path: Path, name: str, content: bytes) -> None:
    spec, _ = BROKEN[name]
    package = {"sklearn": "skops.io", "onnx": "onnxruntime", "torch": "torch"}.get(spec.partition(":")[0])
    if package is not None:
        pytest.importorskip(package)
    (tmp_path / "net.py").write_text("import torch\nNet = torch.nn.Identity\n")
    (tmp_path / name).write_bytes(content)
    for ask in (lambda one: one.open(), lambda one: one.info()):
        with pytest.raises(SeatrialError) as error:
            ask(opened(spec, tmp_path, trust=True))
        said = str(error.value)
        assert len(said.splitlines()) == 1
        assert str(tmp_path) not in said
        assert len(said) < 600


@pytest.mark.parametrize(
    "spec", ["m.skops", "m.onnx", "torch:m.pt?class=n.py:N", "m.csv", "transformers:./tiny", "m.py:f"]
)
def test_a_missing_file_is_said_at_once_or_on_opening(tmp_path: Path, spec: str) -> None:
    with pytest.raises(ModelError, match=r"there is no (file|folder)"):
        opened(spec, tmp_path).open()


def test_functions_that_are_not_there_say_so(tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text("import seatrial_is_not_that_old\n")
    with pytest.raises(ModelError, match="needs the package 'seatrial_is_not_that_old', which is not installed"):
        opened("rules.py:predict", tmp_path).open()
    (tmp_path / "more.py").write_text("value = 3\n\n\ndef predict(batch):\n    return batch\n")
    with pytest.raises(ModelError, match=r"there is no 'predcit' in it. Did you mean 'predict'"):
        opened("more.py:predcit", tmp_path).open()
    with pytest.raises(ModelError, match="a int is no function"):
        opened("more.py:value", tmp_path).open()
    with pytest.raises(ModelError, match="no module 'not_a_module_at_all'"):
        opened("function:not_a_module_at_all.x:predict", tmp_path).open()


def test_functions_get_columns_frames_or_the_batch(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("FACTOR = 10\n")
    (tmp_path / "rules.py").write_text(
        "from __future__ import annotations\n"
        "from beside import FACTOR\n\n\n"
        "class Model:\n    def predict(self, batch):\n        return [FACTOR * x for x in batch['x']]\n\n\n"
        "def frame(df: pandas.DataFrame):\n    return df['x'] * 2\n\n\n"
        "def named(y, /, x, *, z=5):\n    return [a + b + z for a, b in zip(x, y)]\n\n\n"
        "def every(**columns):\n    return [sorted(columns) for _ in columns['x']]\n\n\n"
        "def wrong(x, yy):\n    return x\n\n\n"
        "def none():\n    return []\n\n\n"
        "def asked(batch):\n    return batch['xx']\n"
    )
    batch = {"x": [1, 2], "y": [3, 4]}

    def answers(name: str) -> list[Any]:
        return [one.prediction for one in opened(f"rules.py:{name}", tmp_path).predict(batch)]

    assert answers("Model") == [10, 20]
    assert answers("named") == [9, 11]
    assert answers("every") == [["x", "y"], ["x", "y"]]
    pytest.importorskip("pandas")
    assert answers("frame") == [2, 4]
    with pytest.raises(ModelError, match=r"asks for 'yy', which is no input column. Did you mean 'y'"):
        answers("wrong")
    with pytest.raises(ModelError, match="takes no argument"):
        answers("none")
    with pytest.raises(ModelError, match="asks for the column 'xx', and the inputs are x, y"):
        answers("asked")


async def _inside(model: LocalModel) -> Any:
    return model.predict({"x": [1]})


def test_an_async_function_works_inside_a_running_loop(tmp_path: Path) -> None:
    import asyncio

    async def predict(batch: Any) -> Any:
        await asyncio.sleep(0)
        return batch["x"]

    assert asyncio.run(_inside(opened(predict, tmp_path)))[0].prediction == 1


def maker(factor: Any) -> Callable[..., Any]:
    def predict(batch: Any) -> Any:
        return [factor for _ in batch["x"]]

    return predict


def test_the_fingerprint_of_a_function_in_memory_covers_what_it_holds(tmp_path: Path) -> None:
    def print_of(function: Any) -> str:
        return opened(function, tmp_path).info().fingerprint

    assert print_of(maker(1)) == print_of(maker(1))
    assert print_of(maker(1)) != print_of(maker(2))
    assert print_of(maker(np.zeros(3))) != print_of(maker(np.ones(3)))
    assert print_of(lambda batch: [1]) != print_of(lambda batch: [2])
    unknown = maker(one for one in "generators cannot be pickled")
    assert print_of(unknown) != print_of(unknown)  # never mistaken for another one's answers
    info = opened(unknown, tmp_path).info()
    assert info.details["fingerprint"].startswith("of this process only")


def test_the_fingerprint_changes_with_file_function_and_options_only(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(batch):\n    return batch['x']\n\n\ndef g(batch):\n    return batch['x']\n")
    (tmp_path / "w.txt").write_text("1")

    def print_of(spec: str, folder: Path = tmp_path) -> str:
        return opened(spec, folder).info().fingerprint

    first = print_of("a.py:f")
    assert first != print_of("a.py:g")
    assert first != print_of("a.py:f?output=score")
    with_file = print_of("a.py:f?files=w.txt")
    (tmp_path / "w.txt").write_text("2")
    assert with_file != print_of("a.py:f?files=w.txt")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.py").write_text((tmp_path / "a.py").read_text())
    assert first == print_of("a.py:f", tmp_path / "other")
    (tmp_path / "a.py").write_text("def f(batch):\n    return [0 for _ in batch['x']]\n")
    assert first != print_of("a.py:f")
    assert opened("a.py:f", tmp_path).predict({"x": [5]})[0].prediction == 0  # not the code from before


def onnx_model(path: Path, nodes: Any, inputs: Any, outputs: Any, initializers: Any = (), ml: bool = False) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid("ai.onnx.ml", 3)] if ml else [])
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))


def test_a_classifier_of_tables_in_onnx_gives_labels_and_scores(tmp_path: Path) -> None:
    """Two inputs of one column each, a label and a list of {class: probability}, as converters write them."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, proto = onnx.helper, onnx.TensorProto
    classifier = helper.make_node(
        "LinearClassifier",
        ["both"],
        ["label", "raw"],
        domain="ai.onnx.ml",
        coefficients=[-1.0, 0.0, 1.0, 0.0],
        intercepts=[0.0, 0.0],
        classlabels_strings=["no", "yes"],
        post_transform="SOFTMAX",
    )
    nodes = [
        helper.make_node("Concat", ["age", "income"], ["both"], axis=1),
        classifier,
        helper.make_node(
            "ZipMap", ["raw"], ["output_probability"], domain="ai.onnx.ml", classlabels_strings=["no", "yes"]
        ),
        helper.make_node("Identity", ["label"], ["output_label"]),
    ]
    inputs = [helper.make_tensor_value_info(name, proto.FLOAT, [None, 1]) for name in ("age", "income")]
    outputs = [
        helper.make_tensor_value_info("output_label", proto.STRING, [None]),
        helper.make_value_info(
            "output_probability",
            helper.make_sequence_type_proto(
                helper.make_map_type_proto(proto.STRING, helper.make_tensor_type_proto(proto.FLOAT, []))
            ),
        ),
    ]
    onnx_model(tmp_path / "c.onnx", nodes, inputs, outputs, ml=True)
    model = opened("c.onnx", tmp_path)
    answers = model.predict({"income": [5, 6], "age": [-1.0, 2.0]})
    assert [one.prediction for one in answers] == ["no", "yes"]
    assert answers[1].scores["yes"] == pytest.approx(np.exp(2) / (np.exp(2) + np.exp(-2)), rel=1e-5)
    info = model.info()
    assert info.parameters == 6
    assert info.flops is None
    with pytest.raises(ModelError, match="wants an input 'income'"):
        model.predict({"age": [1.0], "wage": [2.0]})


def test_multiply_adds_are_counted_by_hand(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, proto, numpy_helper = onnx.helper, onnx.TensorProto, onnx.numpy_helper
    weights = [
        numpy_helper.from_array(np.zeros((8, 3, 3, 3), np.float32), "conv"),
        numpy_helper.from_array(np.zeros((8 * 30 * 30, 10), np.float32), "dense"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "conv"], ["c"]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("MatMul", ["f", "dense"], ["y"]),
    ]
    onnx_model(
        tmp_path / "m.onnx",
        nodes,
        [helper.make_tensor_value_info("x", proto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("y", proto.FLOAT, ["N", 10])],
        weights,
    )
    info = opened("m.onnx", tmp_path).info()
    assert info.flops == 2 * (8 * 30 * 30 * 27 + 8 * 30 * 30 * 10)
    assert info.parameters == 8 * 27 + 72000


def test_weights_of_onnx_beside_the_file_belong_to_its_fingerprint(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, proto = onnx.helper, onnx.TensorProto
    big = onnx.numpy_helper.from_array(np.ones((2, 600), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["logits"])],
        "g",
        [helper.make_tensor_value_info("x", proto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("logits", proto.FLOAT, ["N", 600])],
        [big],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(tmp_path / "m.onnx"), save_as_external_data=True, location="m.weights", size_threshold=0)
    before = opened("m.onnx", tmp_path)
    assert before.info().parameters == 1200
    assert (before.info().size_bytes or 0) > 4800
    assert len(before.predict({"a": [1.0], "b": [2.0]})[0].scores) == 600
    (tmp_path / "m.weights").write_bytes(np.zeros(1200, np.float32).tobytes())
    assert opened("m.onnx", tmp_path).info().fingerprint != before.info().fingerprint


def test_the_wrong_weights_or_arguments_for_a_torch_class(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    (tmp_path / "net.py").write_text(
        "import torch\n\n\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, width):\n        super().__init__()\n        self.layer = torch.nn.Linear(width, 2)\n\n"
        "    def forward(self, x):\n        return {'logits': self.layer(x), 'other': x}\n\n\n"
        "def number(width):\n    return 3\n"
    )
    torch.save(
        {"state_dict": {"module.layer.weight": torch.ones(2, 3), "module.layer.bias": torch.zeros(2)}},
        tmp_path / "w.pt",
    )
    base = "torch:w.pt?class=net.py:"
    model = opened(base + 'Net&arguments={"width": 3}&shape=3', tmp_path)
    assert model.predict({"a": [1.0], "b": [2.0], "c": [3.0]})[0].scores == {"0": 0.5, "1": 0.5}
    assert (model.info().parameters, model.info().flops) == (8, 12.0)
    for spec, message in [
        (base + "Net", "cannot be made"),
        (base + 'Net&arguments={"width": 4}', "are not those of 'net.py:Net': size mismatch"),
        (base + 'number&arguments={"width": 3}', "makes a int, not a module"),
    ]:
        with pytest.raises(ModelError, match=message) as error:
            opened(spec, tmp_path).open()
        assert len(str(error.value).splitlines()) == 1
    with pytest.raises(UsageError, match="arguments is a JSON object"):
        opened(base + "Net&arguments=[1]", tmp_path)
    with pytest.raises(ModelError, match=r"wants 'x' \[N, 3\], and column 'a' gives \[N, 1\]"):
        model.predict({"a": [1.0]})


def test_a_text_pipeline_gets_texts_and_a_table_the_right_columns(tmp_path: Path) -> None:
    pipeline, text = pytest.importorskip("sklearn.pipeline"), pytest.importorskip("sklearn.feature_extraction.text")
    linear, tree = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("sklearn.tree")
    skops = pytest.importorskip("skops.io")
    words = pipeline.make_pipeline(text.TfidfVectorizer(), linear.LogisticRegression())
    words.fit(["good film", "bad film", "good", "bad"], ["pos", "neg", "pos", "neg"])
    skops.dump(words, tmp_path / "words.skops")
    answers = opened("words.skops", tmp_path).predict({"review": ["so good", "so bad", None]})
    assert [one.prediction for one in answers[:2]] == ["pos", "neg"]
    assert answers[0].scores["pos"] > 0.5
    assert opened("words.skops", tmp_path).info().parameters == 4
    grown = tree.DecisionTreeRegressor(max_depth=1).fit([[0, 9], [1, 9]], [10.0, 20.0])
    skops.dump(grown, tmp_path / "tree.skops")
    model = opened("tree.skops?trusted=sklearn.tree._tree.Tree", tmp_path)
    assert [one.prediction for one in model.predict({"a": [0, 1], "b": [9, 9]})] == [10.0, 20.0]
    assert model.info().parameters == 3
    with pytest.raises(ModelError, match="takes 2 columns, and the suite hands over 3"):
        model.predict({"a": [0], "b": [9], "c": [1]})
    chosen = opened("tree.skops?columns=b,a&trusted=sklearn.tree._tree.Tree", tmp_path).predict(
        {"a": [9], "b": [1], "c": [4]}
    )
    assert chosen[0].prediction == 20.0


def test_what_to_ask_of_a_classifier_can_be_chosen(tmp_path: Path) -> None:
    linear, svm = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("sklearn.svm")
    skops = pytest.importorskip("skops.io")
    x, y = [[0.0], [1.0], [2.0], [3.0]], ["a", "a", "b", "b"]
    skops.dump(linear.LogisticRegression().fit(x, y), tmp_path / "l.skops")
    skops.dump(svm.LinearSVC().fit(x, y), tmp_path / "s.skops")
    batch = {"x": [0.0, 3.0]}
    assert opened("l.skops?output=labels", tmp_path).predict(batch)[0].scores == {}
    assert opened("l.skops?output=probabilities", tmp_path).predict(batch)[1].prediction == "b"
    assert opened("s.skops", tmp_path).predict(batch)[1].prediction == "b"
    decided = opened("s.skops?output=decision", tmp_path).predict(batch)
    assert decided[0].score is not None
    assert decided[1].score is not None
    assert decided[0].score < 0 < decided[1].score
    with pytest.raises(ModelError, match="no predict_proba"):
        opened("s.skops?output=probabilities", tmp_path).predict(batch)
    with pytest.raises(UsageError, match="Did you mean 'labels'"):
        opened("l.skops?output=label", tmp_path)


def test_a_model_fitted_on_names_takes_them_in_its_own_order(tmp_path: Path) -> None:
    linear, pandas = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 5.0]})
    model = opened(linear.LinearRegression().fit(frame, frame["a"] * 3 - frame["b"]), tmp_path)
    answers = model.predict({"id": ["x"], "b": [2.0], "a": [1.0]})
    assert answers[0].prediction == pytest.approx(1.0)
    with pytest.raises(ModelError, match="fitted on a column 'a', which is no input column"):
        model.predict({"A": [1.0], "b": [2.0]})


CSV = "id,label,prediction,score_yes,score_no\na,yes,yes,0.9,0.1\nb,no,,,\nc,no,no,0.2,0.8\n"


def test_predictions_are_found_by_id(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(CSV)
    model = opened("p.csv", tmp_path)
    assert getattr(model, "needs_ids", False)
    answers = model.predict({"@id": ["c", "zz", "b", "a"]})
    assert [one.prediction for one in answers] == ["no", None, None, "yes"]
    assert [one.reason for one in answers] == [None, "the id is not in p.csv", "p.csv has no answer for it", None]
    assert answers[3].scores == {"yes": 0.9, "no": 0.1}
    with pytest.raises(ModelError, match="the batch has none"):
        model.predict({"text": ["x"]})


def test_predictions_without_ids_are_found_by_position(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("prediction,score\n3,0.1\n4.5,0.2\nx,nan\n")
    model = opened("p.csv", tmp_path)
    answers = model.predict({"@id": ["1", "0", "3", "2"]})
    assert [one.prediction for one in answers] == ["4.5", "3", None, None]
    assert answers[2].reason == "p.csv has no row 3"
    assert answers[3].reason == "the model answered NaN"
    with pytest.raises(ModelError, match="has no id column, and the rows of the data have ids such as 'r1'"):
        model.predict({"@id": ["r1"]})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["3", "4"], [3, 4]),
        (["0.5", "-2"], [0.5, -2.0]),
        (["007", "1"], ["007", "1"]),
        (["1e3", "2"], [1000.0, 2.0]),
        (["cat", "1"], ["cat", "1"]),
    ],
)
def test_predicted_numbers_are_numbers_and_codes_stay_texts(
    tmp_path: Path, values: list[str], expected: list[Any]
) -> None:
    (tmp_path / "p.csv").write_text("id,prediction\n" + "".join(f"{at},{one}\n" for at, one in enumerate(values)))
    found = opened("p.csv", tmp_path).predict({"@id": ["0", "1"]})
    assert [one.prediction for one in found] == expected
    assert [type(one.prediction) for one in found] == [type(one) for one in expected]


def test_one_of_several_models_is_named(tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text("id,label,old,new\n1,a,a,b\n2,b,a,a\n")
    (tmp_path / "long.csv").write_text("id,model,prediction\n1,old,a\n1,new,b\n2,old,a\n2,new,c\n")
    ids = {"@id": ["2", "1"]}
    assert [one.prediction for one in opened("wide.csv#new", tmp_path).predict(ids)] == ["a", "b"]
    assert [one.prediction for one in opened("long.csv#new", tmp_path).predict(ids)] == ["c", "b"]
    assert opened("long.csv#new", tmp_path).info().location == "long.csv#new"
    assert opened("wide.csv?prediction=old", tmp_path).predict(ids)[0].prediction == "a"
    with pytest.raises(ModelError, match=r"holds 2 models \(old, new\); name one as long.csv#old"):
        opened("long.csv", tmp_path).open()
    with pytest.raises(ModelError, match=r"no model or column 'nwe'. Did you mean 'new'"):
        opened("wide.csv#nwe", tmp_path).open()
    fingerprints = {opened(f"wide.csv#{one}", tmp_path).info().fingerprint for one in ("old", "new")}
    assert len(fingerprints) == 2


def test_an_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,prediction\n1,a\n1,b\n2,a\n")
    with pytest.raises(ModelError, match="holds the id '1' twice"):
        opened("p.csv?id=id", tmp_path).open()


def test_mlflow_models_need_trust_and_name_what_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    (tmp_path / "saved").mkdir()
    with pytest.raises(ModelError, match="no MLflow model: it has no file MLmodel"):
        opened("mlflow:saved", tmp_path, trust=True)
    flavour = {"flavors": {"python_function": {"loader_module": "no_such_library_at_all"}}}
    (tmp_path / "saved" / "MLmodel").write_text(json.dumps(flavour))
    with pytest.raises(UsageError, match=r"runs code that comes with it .* --trust-pickle"):
        opened("mlflow:saved", tmp_path)
    with pytest.raises(ModelError, match="needs the package 'no_such_library_at_all', which is not installed"):
        opened("mlflow:saved", tmp_path, trust=True).open()


@pytest.mark.parametrize(
    ("missing", "spec", "message"),
    [
        ("onnxruntime", "onnx:m.bin", "pip install 'seatrial\\[onnx\\]'"),
        ("skops.io", "sklearn:m.bin", "pip install 'seatrial\\[sklearn\\]'"),
        ("sklearn", "sklearn:m.bin", "pip install 'seatrial\\[sklearn\\]'"),
        ("torch", "torch:m.bin?class=n.py:N", "PyTorch models need PyTorch"),
        ("transformers", "transformers:org/m", "pip install 'seatrial\\[hf\\]'"),
        ("torch", "transformers:org/m", "need PyTorch too"),
        ("mlflow", "mlflow:models:/m/1", "pip install 'seatrial\\[mlflow\\]'"),
    ],
)
def test_a_missing_library_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, spec: str, message: str
) -> None:
    if missing == "torch" and spec.startswith("transformers"):
        pytest.importorskip("transformers")
    (tmp_path / "m.bin").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=message):
        opened(spec, tmp_path, trust=True).open()


def test_without_the_onnx_package_the_weights_are_unknown_and_the_model_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    onnx_model(
        tmp_path / "m.onnx",
        [onnx.helper.make_node("Identity", ["x"], ["scores"])],
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 1])],
        [onnx.helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, ["N", 1])],
    )
    with_package = opened("m.onnx", tmp_path).info()
    monkeypatch.setitem(sys.modules, "onnx", None)
    model = opened("m.onnx?output=score", tmp_path)
    assert model.info().parameters is None
    assert opened("m.onnx", tmp_path).info().fingerprint == with_package.fingerprint
    assert model.predict({"x": [0.25]})[0].score == 0.25


def test_the_names_of_classes_in_a_file_belong_to_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(batch):\n    return [[0.2, 0.8] for _ in batch['x']]\n")
    (tmp_path / "classes.txt").write_text("no\nyes\n")
    model = opened("a.py:f?classes=classes.txt", tmp_path)
    assert model.predict({"x": [1]})[0].prediction == "yes"
    before = model.info().fingerprint
    (tmp_path / "classes.txt").write_text("yes\nno\n")
    assert opened("a.py:f?classes=classes.txt", tmp_path).info().fingerprint != before
