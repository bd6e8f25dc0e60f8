"""What a user writes for a model: NAME=ADAPTER:LOCATION?option=value, a path alone, a drive, a URL, a dotted path."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import UsageError
from seatrial.models.adapters import default_name, open_model, parse_model
from seatrial.models.base import LocalModel, ModelError
from seatrial.models.opening import Opening
from seatrial.records.suite import ModelSpec

READ = {
    "base=sklearn:old.skops": ("base", "sklearn", "old.skops", {}),
    "new=onnx:new.onnx": ("new", "onnx", "new.onnx", {}),
    "f=function:models.py:predict": ("f", "function", "models.py:predict", {}),
    "bot=openai:http://127.0.0.1:8000/v1#smollm2": ("bot", "openai", "http://127.0.0.1:8000/v1#smollm2", {}),
    "log=predictions:p.parquet": ("log", "predictions", "p.parquet", {}),
    "preds.csv": (None, "predictions", "preds.csv", {}),
    "deep/er/preds.csv.gz": (None, "predictions", "deep/er/preds.csv.gz", {}),
    "p.parquet#model_b": (None, "predictions", "p.parquet#model_b", {}),
    "x.onnx": (None, "onnx", "x.onnx", {}),
    "x.skops": (None, "sklearn", "x.skops", {}),
    "file.py:func": (None, "function", "file.py:func", {}),
    "package.module:predict": (None, "function", "package.module:predict", {}),
    "onnx:C:\\models\\new.onnx": (None, "onnx", "C:\\models\\new.onnx", {}),
    "C:\\models\\new.onnx": (None, "onnx", "C:\\models\\new.onnx", {}),
    "a=D:/x.csv": ("a", "predictions", "D:/x.csv", {}),
    "http://host:80/predict": (None, "http", "http://host:80/predict", {}),
    "h=https://host/predict?timeout=3": ("h", "http", "https://host/predict", {"timeout": "3"}),
    "http:http://host/predict?a=1?retries=0": (None, "http", "http://host/predict?a=1", {"retries": "0"}),
    "m=mlflow:models:/name/1": ("m", "mlflow", "models:/name/1", {}),
    "models:/name/1": (None, "mlflow", "models:/name/1", {}),
    "mine.py:Mine:weights.bin?a=b=c&d&e=%26": (
        None,
        "mine.py:Mine",
        "weights.bin",
        {"a": "b=c", "d": "true", "e": "&"},
    ),
    "s=pack.age:Mine:http://x:1/y": ("s", "pack.age:Mine", "http://x:1/y", {}),
    "t=torch:w.pt?class=net.py:Net&scale=1/255": ("t", "torch", "w.pt", {"class": "net.py:Net", "scale": "1/255"}),
    "net=transformers:org/name": ("net", "transformers", "org/name", {}),
}


@pytest.mark.parametrize("text", list(READ))
def test_what_is_written_is_read(text: str) -> None:
    name, adapter, location, options = READ[text]
    found, spec = parse_model(text)
    assert (found, spec.adapter, spec.location, spec.options) == (name, adapter, location, options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("onx:new.onnx", "Unknown adapter 'onx'. Did you mean 'onnx'?"),
        ("a=skleran:x.skops", "Did you mean 'sklearn'?"),
        ("model.bin", "does not say how to run it"),
        ("name=", "is no model"),
        ("", "is no model"),
        ("onnx:", "names no location"),
        ("onnx:x.onnx?=3", "names no option"),
        ("onnx:x.onnx?a=3&a=4", "given twice"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_model(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("adapter", "location", "name"),
    [
        ("onnx", "models/new.v2.onnx", "new.v2"),
        ("predictions", "p.csv.gz", "p"),
        ("predictions", "p.parquet#model_b", "model_b"),
        ("function", "rules.py:predict", "predict"),
        ("transformers", "models/tiny/", "tiny"),
        ("transformers", "distil-v1.5", "distil-v1.5"),
        ("openai", "http://user:secret@127.0.0.1:8000/v1", "127.0.0.1"),
        ("openai", "http://127.0.0.1:8000/v1#smollm2", "smollm2"),
        ("mlflow", "models:/fraud/3", "3"),
    ],
)
def test_a_model_without_a_name_is_called_after_its_place(adapter: str, location: str, name: str) -> None:
    assert default_name(ModelSpec(adapter=adapter, location=location)) == name


def test_relative_places_start_from_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "p.csv").write_text("id,prediction\n1,yes\n")
    opened = open_model("p.csv", folder=tmp_path / "here")
    assert isinstance(opened, LocalModel)
    assert opened.predict({"@id": ["1"]})[0].prediction == "yes"
    with pytest.raises(ModelError, match=r"there is no file or folder 'p.csv'"):
        open_model("p.csv", folder=tmp_path)
    with pytest.raises(ModelError, match=r"no file or folder 'q.csv'. Did you mean 'p.csv'"):
        open_model("q.csv", folder=tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    assert open_model("predictions:p.csv").name == "p"
    assert open_model(tmp_path / "here" / "p.csv").name == "p"


def test_options_from_a_suite_file_have_their_own_types(tmp_path: Path) -> None:
    opening = Opening(
        name="m", location="x", folder=tmp_path, options={"a": 3, "b": True, "c": [0.5, "1/4"], "d": ["x", "y"], "e": 1}
    )
    assert opening.whole("a") == 3
    assert opening.switch("b") is True
    assert opening.numbers("c") == (0.5, 0.25)
    assert opening.names("d") == ("x", "y")
    assert opening.numbers("e") == (1.0,)


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ({"a": "-1"}, lambda o: o.whole("a")),
        ({"a": "1.5"}, lambda o: o.whole("a")),
        ({"a": True}, lambda o: o.whole("a")),
        ({"a": "maybe"}, lambda o: o.switch("a")),
        ({"a": "1/0"}, lambda o: o.numbers("a")),
        ({"a": "nan"}, lambda o: o.numbers("a")),
        ({"a": "1,x"}, lambda o: o.numbers("a")),
        ({"a": "red"}, lambda o: o.one_of("a", ("rgb", "bgr"))),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused(options: dict[str, Any], read: Any) -> None:
    with pytest.raises(UsageError, match="Model 'm': a"):
        read(Opening(name="m", location="x", options=options))


def test_names_come_from_a_list_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\n dog \n\n")
    (tmp_path / "names.json").write_text('["a,b", 2]')
    (tmp_path / "bad.json").write_text('{"a": 1}')

    def names(value: str) -> tuple[str, ...] | None:
        return Opening(name="m", location="x", folder=tmp_path, options={"classes": value}).names(
            "classes", from_file=True
        )

    assert names("cat,dog") == ("cat", "dog")
    assert names("names.txt") == ("cat", "dog")
    assert names("names.json") == ("a,b", "2")
    assert names("cat") == ("cat",)
    with pytest.raises(ModelError, match=r"no file or folder 'other.txt'"):
        names("other.txt")
    with pytest.raises(ModelError, match="not a text of one name a line"):
        names("bad.json")


def test_what_is_no_model_is_refused() -> None:
    for given in (3, b"x", None):
        with pytest.raises(UsageError, match="is no model"):
            open_model(given)
    with pytest.raises(UsageError, match=r"Unknown adapter 'sklern'. Did you mean 'sklearn'"):
        open_model(ModelSpec(adapter="sklern", location="x"))


def test_a_table_of_predictions_in_memory_is_a_model() -> None:
    opened = open_model({"id": ["a", "b"], "prediction": ["yes", "no"]}, name="log")
    assert isinstance(opened, LocalModel)
    answers = opened.predict({"@id": ["b", "c"]})
    assert answers[0].prediction == "no"
    assert answers[1].reason == "the id is not in log"
    assert len(opened.info().fingerprint) == 64


def test_a_misspelt_adapter_before_a_file_is_no_file_name() -> None:
    with pytest.raises(UsageError, match=r"Unknown adapter 'functoin'. Did you mean 'function'\?"):
        parse_model("f=functoin:models.py:predict")
