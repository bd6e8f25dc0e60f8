"""ONNX models, run by ONNX Runtime on the CPU (or a device it knows)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from seatrial.errors import UsageError
from seatrial.models import outputs, tensors
from seatrial.models.artefact import fingerprint_of, library_version, size_of
from seatrial.models.base import Answer, Batch, LocalModel, ModelError
from seatrial.models.onnx_graph import Graph, read_graph
from seatrial.models.opening import Opening
from seatrial.models.outputs import Outputs
from seatrial.models.tensors import Inputs, Wanted
from seatrial.records.run import ModelInfo

OPTIONS = (*tensors.OPTIONS, *outputs.OPTIONS, "threads", "device")
_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(string)": "str",
    "tensor(bool)": "bool",
    **{f"tensor({name})": name for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")},
}
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxModel(LocalModel):
    """`onnx:model.onnx`: inputs by the names of the columns, one column to the only input, or many numbers to one
    input; further options in `tensors` (what goes in) and `outputs` (what comes out).

    A fixed batch dimension is filled up with copies of the last row, whose answers are dropped.
    """

    adapter: ClassVar[str] = "onnx"

    def __init__(self, opening: Opening) -> None:
        opening.refuse_unknown(OPTIONS)
        self.name = opening.name
        self._path = opening.file()
        self._inputs = Inputs(opening)
        self._outputs = Outputs(opening)
        self._threads = opening.whole("threads")
        self._device = opening.one_of("device", tuple(_PROVIDERS), "cpu") or "cpu"
        self._options = {k: v for k, v in opening.options.items() if k not in ("threads", "device")}
        self._session: Any = None
        self._wanted: list[Wanted] = []
        self._fixed: int | None = None
        self._graph: Graph | None = None
        self._info: ModelInfo | None = None

    def open(self) -> None:
        if self._session is not None:
            return
        runtime = _runtime()
        self._inputs.open()
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        if self._threads:
            options.intra_op_num_threads = self._threads
        provider = _PROVIDERS[self._device]
        if provider not in runtime.get_available_providers():
            raise ModelError(f"Model '{self.name}': this ONNX Runtime has no {self._device}; leave device out.")
        try:
            session = runtime.InferenceSession(str(self._path), sess_options=options, providers=[provider])
        except Exception as error:
            raise ModelError(
                f"Model '{self.name}': '{self._path.name}' is no ONNX model that ONNX Runtime can load: "
                f"{_short(error, self._path)}."
            ) from None
        self._wanted = [
            Wanted(name=one.name, shape=_shape(one.shape), dtype=_TYPES.get(one.type)) for one in session.get_inputs()
        ]
        self._fixed = next(
            (one.shape[0] for one in session.get_inputs() if one.shape and isinstance(one.shape[0], int)), None
        )
        self._session = session

    def close(self) -> None:
        self._session = None

    def predict(self, batch: Batch) -> Sequence[Answer]:
        self.open()
        feed = self._inputs.feed(batch, self._wanted)
        rows = len(next(iter(feed.values())))
        if self._fixed is None or self._fixed == rows:
            found = self._run(feed)
        else:
            found = self._run_in_parts(feed, rows, self._fixed)
        return self._outputs.answers(found, rows)

    def info(self) -> ModelInfo:
        if self._info is None:
            graph = self._graph = self._graph or read_graph(self._path)
            files = [self._path, *graph.files, *self._inputs.files, *self._outputs.files]
            self._info = ModelInfo(
                name=self.name,
                adapter=self.adapter,
                location=self._path.name,
                fingerprint=fingerprint_of(files, self._options),
                version=graph.version,
                code_version=library_version("onnxruntime"),
                parameters=graph.parameters,
                size_bytes=size_of([self._path, *graph.files]),
                flops=graph.flops,
                device=self._device,
                details=graph.details,
            )
        return self._info

    def _run(self, feed: Mapping[str, "np.ndarray[Any, Any]"]) -> dict[str, Any]:
        names = [one.name for one in self._session.get_outputs()]
        try:
            return dict(zip(names, self._session.run(names, dict(feed)), strict=True))
        except Exception as error:
            raise ModelError(f"Model '{self.name}' cannot run these rows: {_short(error, self._path)}.") from None

    def _run_in_parts(self, feed: Mapping[str, "np.ndarray[Any, Any]"], rows: int, size: int) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        for start in range(0, rows, size):
            piece = {name: values[start : start + size] for name, values in feed.items()}
            have = min(size, rows - start)
            if have < size:
                piece = {
                    name: np.concatenate([values, np.repeat(values[-1:], size - have, axis=0)])
                    for name, values in piece.items()
                }
            parts.append({name: values[:have] for name, values in self._run(piece).items()})
        together: dict[str, Any] = {}
        for name in parts[0]:
            pieces = [one[name] for one in parts]
            is_array = isinstance(pieces[0], np.ndarray)
            together[name] = np.concatenate(pieces) if is_array else [row for piece in pieces for row in piece]
        return together


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise UsageError("ONNX models need ONNX Runtime: pip install 'seatrial[onnx]'.") from None
    return onnxruntime


def _shape(given: Sequence[Any]) -> tuple[int | None, ...] | None:
    if not given:
        return None
    return tuple(one if isinstance(one, int) and at else None for at, one in enumerate(given))


def _short(error: Exception, path: Path) -> str:
    """Return the first line of a complaint without folders."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return line.replace(str(path), path.name).replace(str(path.parent), "").rstrip(".")[:300]
