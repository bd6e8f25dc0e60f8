"""Write the small models of this folder: two ONNX classifiers of digits and an ONNX one of words."""

import csv
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"


def _saved(name: str, nodes: list, inputs: list, outputs: list, weights: dict[str, np.ndarray]) -> None:
    stored = [numpy_helper.from_array(value, key) for key, value in weights.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")


def digits() -> None:
    """Pixels 0 to 255 in one channel of three equal ones, scaled by the adapter to 0 to 1; softmax at the end or not."""
    pixels, digit = load_digits(return_X_y=True)
    tested = np.random.default_rng(0).permutation(len(digit))[:240]  # those of examples/classify_images
    learned = np.setdiff1d(np.arange(len(digit)), tested)
    seen = np.minimum(pixels * 16, 255)[learned] / 255
    images = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 8, 8, 3])]
    first = helper.make_node("Slice", ["image", "from", "to", "axis"], ["one"])
    flat = helper.make_node("Reshape", ["one", "shape"], ["flat"])
    common = {"from": np.array([0]), "to": np.array([1]), "axis": np.array([3]), "shape": np.array([-1, 64])}
    linear = LogisticRegression(max_iter=300, C=0.05).fit(seen, digit[learned])
    out = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 10])]
    weights = common | {"w": linear.coef_.T.astype(np.float32), "b": linear.intercept_.astype(np.float32)}
    gemm = helper.make_node("Gemm", ["flat", "w", "b"], ["raw"])
    soft = helper.make_node("Softmax", ["raw"], ["probabilities"], axis=1)
    _saved("digits_linear", [first, flat, gemm, soft], images, out, weights)
    net = MLPClassifier((32,), random_state=0, max_iter=400, tol=1e-3).fit(seen, digit[learned])
    weights = common | {f"w{at}": w.astype(np.float32) for at, w in enumerate(net.coefs_)}
    weights |= {f"b{at}": b.astype(np.float32) for at, b in enumerate(net.intercepts_)}
    nodes = [
        first,
        flat,
        helper.make_node("Gemm", ["flat", "w0", "b0"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w1", "b1"], ["logits"]),
    ]
    out = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10])]
    _saved("digits_net", nodes, images, out, weights)


def words() -> None:
    """The mean of a weight for each known word, through a sigmoid; trained on the texts that are not tweets."""
    with (EXAMPLES / "four_domains" / "texts.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["domain"] != "tweets"]
    filters = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
    blanks = str.maketrans(dict.fromkeys(filters, " "))
    tokens = [row["text"].lower().translate(blanks).split() for row in rows]
    counts: dict[str, int] = {}
    for text in tokens:
        for word in text:
            counts[word] = counts.get(word, 0) + 1
    known = sorted(counts, key=lambda word: (-counts[word], word))[:400]
    wide = np.array([[text.count(word) for word in known] for text in tokens], float)
    model = LogisticRegression(C=0.3).fit(wide, [row["sentiment"] == "positive" for row in rows])
    rules = {"num_words": 401, "filters": filters, "lower": True, "split": " ", "maxlen": 40}
    rules |= {"padding": "pre", "truncating": "pre", "words_by_index_from_1": known}
    (HERE / "words.vocab.json").write_text(json.dumps(rules) + "\n")
    weights = {"w": np.concatenate([[0.0], model.coef_[0]]).astype(np.float32)}
    weights["b"] = model.intercept_.astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["w", "ids"], ["each"]),
        helper.make_node("ReduceSum", ["each", "axes"], ["sum"], keepdims=1),
        helper.make_node("Add", ["sum", "b"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], ["score"]),
    ]
    ids = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", 40])]
    out = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])]
    _saved("words", nodes, ids, out, weights | {"axes": np.array([1])})


if __name__ == "__main__":
    digits()
    words()
