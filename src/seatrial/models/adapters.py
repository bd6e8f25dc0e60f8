"""The adapters: names to classes, what a user writes to a model, and a model from what Python hands in."""

import importlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.models.base import Model, ModelError
from seatrial.models.code import load_object
from seatrial.models.opening import Opening, file_name, resolved
from seatrial.records.suite import ModelSpec

ADAPTERS = (
    ("function", "seatrial.models.function:FunctionModel"),
    ("sklearn", "seatrial.models.sklearn:SklearnModel"),
    ("onnx", "seatrial.models.onnx:OnnxModel"),
    ("torch", "seatrial.models.torch:TorchModel"),
    ("transformers", "seatrial.models.transformers:TransformersModel"),
    ("predictions", "seatrial.models.predictions:PredictionsModel"),
    ("mlflow", "seatrial.models.mlflow:MlflowModel"),
    ("http", "seatrial.models.http:HttpModel"),
    ("openai", "seatrial.models.openai:OpenAIModel"),
)
"""Name and class of every adapter; a class is called with one `Opening`. A stranger's own: `module:Class:LOCATION`."""

ENDINGS = {
    ".onnx": "onnx",
    ".skops": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".joblib": "sklearn",
    ".pt": "torch",
    ".pth": "torch",
    ".safetensors": "torch",
    **dict.fromkeys(
        (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".arrow", ".feather", ".gz", ".zst"),
        "predictions",
    ),
}
"""What a path without an adapter is, by its ending."""

_NAME = re.compile(r"^(?P<name>[^=:?/\\#]+)=(?P<rest>.*)$", re.DOTALL)
_ADAPTER = re.compile(r"^(?P<adapter>[A-Za-z_][\w-]*):(?P<location>.*)$", re.DOTALL)
_DOTTED = re.compile(r"^(?P<adapter>(?:.*\.py|[A-Za-z_][\w.]*):[A-Za-z_]\w*):(?P<location>.*)$", re.DOTALL)
_OBJECT = re.compile(r"^(?:.*\.py|[A-Za-z_]\w*(?:\.\w+)+):[A-Za-z_][\w.]*$", re.DOTALL)
_URL = re.compile(r"^https?://", re.IGNORECASE)
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


def adapter_names() -> list[str]:
    """Names of the adapters that come with the package."""
    return [name for name, _ in ADAPTERS]


def parse_model(text: str) -> tuple[str | None, ModelSpec]:
    """Return the name (None where none is given) and the model of `NAME=ADAPTER:LOCATION?option=value&other=value`.

    A path alone is known by its ending: `.onnx`, `.skops`, a table is predictions, `file.py:function` a function.
    Raises `UsageError` when no adapter can be told.

    >>> name, spec = parse_model("tox=onnx:tox.onnx?vocabulary=tox.json&output_index=0")
    >>> name, spec.adapter, spec.location, spec.options
    ('tox', 'onnx', 'tox.onnx', {'vocabulary': 'tox.json', 'output_index': '0'})
    """
    match = _NAME.match(text.strip())
    name, rest = (match["name"].strip(), match["rest"].strip()) if match else (None, text.strip())
    if name == "" or not rest:
        raise UsageError(f"'{text}' is no model; write NAME=ADAPTER:LOCATION, as in new=onnx:new.onnx.")
    adapter, place = _adapter_of(rest)
    location, options = _options_of(place)
    if not location:
        raise UsageError(f"'{text}' names no location; write NAME=ADAPTER:LOCATION, as in new=onnx:new.onnx.")
    return name, ModelSpec(adapter=adapter or _by_ending(location, text), location=location, options=options)


def open_model(
    spec: str | ModelSpec | Model | Callable[..., Any] | object,
    *,
    name: str | None = None,
    folder: str | Path | None = None,
    trust_pickle: bool = False,
) -> Model:
    """Return a model, not yet loaded, from text (`onnx:new.onnx`), a `ModelSpec`, or something that predicts.

    From Python a function, a scikit-learn estimator, a PyTorch module, a `transformers` pipeline, a table of
    predictions or any object with `predict` is taken as it is. `folder` is where relative locations start from (by
    default the working folder). Raises `UsageError` for an adapter, an option or a kind of object that is not known,
    `ModelError` where a file is missing.

    >>> open_model(lambda batch: [1 for _ in batch["x"]], name="always one").predict({"x": [5, 6]})[1].prediction
    1
    """
    if isinstance(spec, Model):
        if name is not None:
            spec.name = name
        return spec
    if isinstance(spec, Path):
        spec = str(spec)
    if isinstance(spec, str):
        own, spec = parse_model(spec)
        name = name or own
    if not isinstance(spec, ModelSpec):
        return _from_object(spec, name)
    opening = Opening(
        name=name or default_name(spec),
        location=spec.location,
        options=spec.options,
        folder=Path.cwd() if folder is None else Path(folder),
        trust_pickle=trust_pickle,
    )
    opened = adapter_class(spec.adapter, folder=opening.folder)(opening)
    if not isinstance(opened, Model):
        raise UsageError(
            f"Adapter '{spec.adapter}' makes a {type(opened).__name__}, which is no seatrial.models.base.Model; derive"
            " it from LocalModel or RemoteModel."
        )
    if not hasattr(opened, "name"):
        opened.name = opening.name
    return opened


def adapter_class(adapter: str, *, folder: Path) -> Any:
    """Return the class of an adapter, of its name or of a dotted path (`module:Class`, `file.py:Class`)."""
    known = dict(ADAPTERS)
    if adapter in known:
        module, _, attribute = known[adapter].partition(":")
        return getattr(importlib.import_module(module), attribute)
    if ":" in adapter:
        return load_object(adapter, folder=folder)
    raise UsageError(
        f"Unknown adapter '{adapter}'.{did_you_mean(adapter, known)} Adapters: {listed(known)}; one of your own is "
        "module:Class:LOCATION."
    )


def default_name(spec: ModelSpec) -> str:
    """Return what a model is called when nobody says: its file's name without ending, the function's, the part behind
    `#`.

    >>> default_name(ModelSpec(adapter="onnx", location="models/new.onnx"))
    'new'
    """
    location, _, part = spec.location.partition("#")
    if part:
        return part
    if _URL.match(location):
        return re.split(r"[/:@]", location.split("//", 1)[1].split("@")[-1])[0]
    if spec.adapter == "function":
        return location.rsplit(":", 1)[-1]
    name = file_name(location)
    for ending in (".gz", ".zst"):
        name = name.removesuffix(ending)
    stem, _, ending = name.rpartition(".")
    return stem if stem and f".{ending.lower()}" in ENDINGS else name


def _adapter_of(rest: str) -> tuple[str | None, str]:
    """Split off the adapter; None where the text is a location alone."""
    if _URL.match(rest):
        return "http", rest
    if _DRIVE.match(rest):
        return None, rest
    match = _ADAPTER.match(rest)
    if match and match["adapter"] in dict(ADAPTERS):
        return match["adapter"], match["location"]
    place, question, options = rest.partition("?")
    dotted = _DOTTED.match(place)
    if match and did_you_mean(match["adapter"], adapter_names()) and ".py:" in place:
        raise _unknown(match["adapter"])  # functoin:models.py:predict
    if dotted:
        return dotted["adapter"], dotted["location"] + question + options
    if _OBJECT.match(place):
        return "function", rest
    if match and match["adapter"] in {"models", "runs", "mlflow-artifacts"}:
        return "mlflow", rest
    if match:
        raise _unknown(match["adapter"])
    return None, rest


def _unknown(adapter: str) -> UsageError:
    return UsageError(
        f"Unknown adapter '{adapter}'.{did_you_mean(adapter, adapter_names())} Adapters: "
        f"{listed(adapter_names())}; one of your own is module:Class:LOCATION."
    )


def _options_of(place: str) -> tuple[str, dict[str, Any]]:
    """Split `location?a=1&b=2`; the options begin at the last question mark, and a bare `a` is `a=true`."""
    location, question, query = place.rpartition("?")
    if not question:
        return place, {}
    options: dict[str, Any] = {}
    for part in query.split("&"):
        if not part:
            continue
        key, equals, value = part.partition("=")
        if not key:
            raise UsageError(f"'?{query}' names no option before the '='; write ?option=value&other=value.")
        if key in options:
            raise UsageError(f"Option '{key}' is given twice in '?{query}'.")
        options[unquote(key)] = unquote(value) if equals else "true"
    return location, options


def _by_ending(location: str, text: str) -> str:
    path = Path(location.partition("#")[0])
    found = ENDINGS.get(path.suffix.lower())
    if found is None and (resolved(str(path), Path.cwd()) / "MLmodel").is_file():
        return "mlflow"
    if found is None and (resolved(str(path), Path.cwd()) / "config.json").is_file():
        return "transformers"
    if found is None:
        raise UsageError(
            f"'{text}' does not say how to run it; write NAME=ADAPTER:LOCATION with one of the adapters "
            f"{listed(adapter_names())}."
        )
    return found


def _from_object(given: object, name: str | None) -> Model:
    packages = {one.__module__.split(".")[0] for one in type(given).__mro__}
    kind = type(given).__name__
    adapter = None
    if "torch" in packages:
        adapter = "torch"
    elif "transformers" in packages and callable(given):
        adapter = "transformers"
    elif not isinstance(given, type) and hasattr(given, "predict") and hasattr(given, "get_params"):
        adapter = "sklearn"
    elif isinstance(given, Mapping | list) or (hasattr(given, "columns") and not hasattr(given, "predict")):
        adapter = "predictions"
    elif callable(given) or hasattr(given, "predict"):
        adapter = "function"
    if adapter is None:
        raise UsageError(
            f"A {kind} is no model; give a function of a batch, an object with `predict`, a table of predictions, or "
            "text such as onnx:new.onnx."
        )
    if name is None:
        own = getattr(given, "__name__", kind)
        name = kind if own == "<lambda>" else str(own)
        name = "predictions" if adapter == "predictions" else name
    try:
        made = adapter_class(adapter, folder=Path.cwd()).of(given, name=name)
    except AttributeError as error:
        raise ModelError(f"A {kind} cannot be used as a model: {error}.") from None
    if not isinstance(made, Model):
        raise UsageError(f"A {kind} is no model.")
    return made
