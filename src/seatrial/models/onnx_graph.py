"""What is known of an ONNX graph without running it: weights, operations of one row, further files, versions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.models.base import ModelError

Shapes = Mapping[str, tuple[int, ...] | None]

_COUNTED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN")
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_WEIGHTS = ("coefficients", "intercepts", "nodes_values", "target_weights", "class_weights", "support_vectors")


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Facts of a graph; None where the onnx package is missing or the shapes are not known."""

    parameters: int | None = None
    flops: float | None = None
    version: str | None = None
    files: tuple[Path, ...] = ()
    """Files of weights beside the model."""
    details: dict[str, str] = field(default_factory=dict)


def read_graph(path: Path) -> Graph:
    """Return what the graph says; raises `ModelError` when the file is no ONNX model."""
    try:
        import onnx
    except ImportError:
        beside = [one for one in (path.with_name(f"{path.name}{end}") for end in (".data", "_data")) if one.is_file()]
        return Graph(files=tuple(beside))
    try:
        model = onnx.load(str(path), load_external_data=False)
        known = bool(model.graph.node)
    except Exception:
        known = False
    if not known:
        raise ModelError(f"'{path.name}' is no ONNX model, or a damaged one.")
    details = {one.domain or "opset": str(one.version) for one in model.opset_import}
    if model.producer_name:
        details["producer"] = f"{model.producer_name} {model.producer_version}".strip()
    return Graph(
        parameters=_parameters(model),
        flops=_flops(model, onnx),
        version=str(model.model_version) if model.model_version else None,
        files=_files(model, path),
        details=details,
    )


def _files(model: Any, path: Path) -> tuple[Path, ...]:
    names = {
        entry.value for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "location"
    }
    return tuple(found for name in sorted(names) if (found := path.parent / name).is_file())


def _parameters(model: Any) -> int:
    """Return the number of weights: entries of real (or 8-bit) initializers and constants, and what tables hold."""
    real = {1, 2, 3, 10, 11, 16}  # FLOAT, UINT8, INT8, FLOAT16, DOUBLE, BFLOAT16
    count: int = sum(math.prod(one.dims) for one in model.graph.initializer if one.data_type in real)
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value" and attribute.t.data_type in real:
                count += math.prod(attribute.t.dims)
            elif node.domain == "ai.onnx.ml" and attribute.name in _WEIGHTS:
                count += len(attribute.floats)
    return count


def _flops(model: Any, onnx: Any) -> float | None:
    """Return two times the multiply-adds of convolutions, matrix products and recurrent layers for one row.

    None where the graph has none of them (a tree), or a shape cannot be inferred.
    """
    shapes = _shapes(model, onnx)
    if shapes is None:
        return None
    total, counted = 0.0, False
    for node in model.graph.node:
        if node.op_type not in _COUNTED:
            if any(attribute.HasField("g") for attribute in node.attribute):
                return None  # a loop or a branch: how often it runs is not known
            continue
        work = _work(node, shapes)
        if work is None:
            return None
        total, counted = total + 2.0 * work, True
    return total if counted else None


def _shapes(model: Any, onnx: Any) -> Shapes | None:
    """Return the shapes of all values for a batch of one row."""
    single = onnx.ModelProto()
    single.CopyFrom(model)
    names = {one.name for one in single.graph.initializer}
    for one in single.graph.input:
        dims = one.type.tensor_type.shape.dim
        if one.name in names or not dims:
            continue
        if dims[0].HasField("dim_value") and dims[0].dim_value != 1:
            return None  # a fixed batch: its reshapes may count on it
        dims[0].dim_value = 1
    for value in (*single.graph.output, *single.graph.value_info):
        value.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(single, data_prop=True)
    except Exception:
        return None
    found: dict[str, tuple[int, ...] | None] = {one.name: tuple(one.dims) for one in inferred.graph.initializer}
    for value in (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output):
        shape = value.type.tensor_type.shape
        dims = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in shape.dim)
        has_shape = value.type.tensor_type.HasField("shape")
        found.setdefault(value.name, dims if has_shape and -1 not in dims else None)
    return found


def _work(node: Any, shapes: Shapes) -> float | None:
    """Return the multiply-adds of one operation; None where a shape is not known."""
    first = shapes.get(node.input[0])
    second = shapes.get(node.input[1]) if len(node.input) > 1 else None
    out = shapes.get(node.output[0]) if node.output and node.output[0] else None
    if node.op_type in _GATES:
        if first is None or second is None or len(second) != 3:
            return None
        gates, hidden = _GATES[node.op_type], second[1] // _GATES[node.op_type]
        steps, rows, width = first
        return float(second[0] * steps * rows * gates * hidden * (width + hidden))
    if second is None or out is None:
        return None
    if node.op_type == "Conv":
        return float(math.prod(out) * math.prod(second[1:]))
    if node.op_type == "ConvTranspose":
        return None if first is None else float(math.prod(first) * math.prod(second[1:]))
    if first is None:
        return None
    transposed = any(one.name == "transA" and one.i for one in node.attribute)
    inner = first[0] if node.op_type == "Gemm" and transposed else first[-1]
    return float(math.prod(out) * inner)
