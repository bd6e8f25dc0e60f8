"""PyTorch modules: a state dict and the class it belongs to, or a module in memory."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from seatrial.errors import UsageError
from seatrial.models import outputs, tensors
from seatrial.models.artefact import fingerprint_of, library_version, size_of
from seatrial.models.base import Answer, Batch, LocalModel, ModelError
from seatrial.models.code import load_object, source_file
from seatrial.models.function import of_object
from seatrial.models.opening import Opening
from seatrial.models.outputs import Outputs
from seatrial.models.tensors import Inputs, Wanted
from seatrial.records.run import ModelInfo

OPTIONS = (*tensors.OPTIONS, *outputs.OPTIONS, "class", "arguments", "shape", "device", "threads")


class TorchModel(LocalModel):
    """`torch:weights.pt?class=net.py:Net`: the class is made (with `arguments`, a JSON object, where it needs any), the
    state dict loaded into it without running code, and the module asked in `eval` mode without gradients.

    The parameters of `forward` are the inputs; `shape=3,32,32` says what one row of the input looks like, by which
    the operations of one row are counted too. Further options in `tensors` and `outputs`. A `.safetensors` file works
    where safetensors is installed; a whole pickled module only with `--trust-pickle`.
    """

    adapter: ClassVar[str] = "torch"

    def __init__(self, opening: Opening) -> None:
        opening.refuse_unknown(OPTIONS)
        self._path: Path | None = opening.file()
        self._place = opening.text("class")
        if self._place is None and not opening.trust_pickle:
            raise UsageError(
                f"Model '{opening.name}': say which class the weights belong to with class=file.py:Class (a whole "
                "pickled module can run any code, and needs --trust-pickle)."
            )
        self._start(opening)

    @classmethod
    def of(cls, given: Any, *, name: str) -> Self:
        """Return the model of a module in memory."""
        if not hasattr(given, "forward") or not hasattr(given, "eval"):
            raise UsageError(f"A {type(given).__name__} of PyTorch is no module that answers; give a torch.nn.Module.")
        made = cls.__new__(cls)
        made._path, made._place = None, None
        made._start(Opening(name=name, location=name))
        made._module = given
        return made

    def _start(self, opening: Opening) -> None:
        self.name = opening.name
        self._folder = opening.folder
        self._inputs = Inputs(opening)
        self._outputs = Outputs(opening)
        self._arguments = self._read_arguments(opening)
        shape = opening.numbers("shape")
        self._shape = None if shape is None else tuple(int(one) for one in shape)
        self._dtype = opening.text("dtype") or ("int64" if opening.options.get("vocabulary") else "float32")
        self._device = opening.text("device", "cpu") or "cpu"
        self._threads = opening.whole("threads")
        self._options = {k: v for k, v in opening.options.items() if k not in ("device", "threads", "class")}
        self._module: Any = None
        self._info: ModelInfo | None = None

    def open(self) -> None:
        if self._module is not None:
            self._module.eval()
            return
        torch = _torch()
        if self._threads:
            torch.set_num_threads(self._threads)
        self._inputs.open()
        if self._path is None:
            return
        if self._place is None:
            module = self._load(torch, self._path, weights_only=False)
            if not isinstance(module, torch.nn.Module):
                raise ModelError(
                    f"Model '{self.name}': '{self._path.name}' holds a {type(module).__name__} and no module; name its "
                    "class with class=file.py:Class."
                )
        else:
            module = self._made(torch)
            self._fill(module, self._state(torch, self._path))
        try:
            self._module = module.to(self._device).eval()
        except (RuntimeError, AssertionError) as error:
            raise ModelError(f"Model '{self.name}' cannot run on '{self._device}': {_line(error)}.") from None

    def close(self) -> None:
        if self._path is not None:
            self._module = None

    def predict(self, batch: Batch) -> Sequence[Answer]:
        torch = _torch()
        self.open()
        feed = self._inputs.feed(batch, self._wanted(batch))
        rows = len(next(iter(feed.values())))
        placed = {name: torch.from_numpy(values).to(self._device) for name, values in feed.items()}
        with torch.no_grad():
            found = self._module(**placed)
        return self._outputs.answers(_named(found), rows)

    def info(self) -> ModelInfo:
        if self._info is None:
            self.open()
            weights = list(self._module.parameters())
            details = {"class": type(self._module).__name__}
            if self._path is None:
                fingerprint, known = of_object(Weights(self._module))
                if not known:
                    details["fingerprint"] = "of this process only: the module cannot be pickled"
            else:
                source = source_file(self._place, folder=self._folder) if self._place is not None else None
                code = [] if source is None else [source]
                files = [self._path, *code, *self._inputs.files, *self._outputs.files]
                fingerprint = fingerprint_of(files, self._options, what=(self._place or "").rpartition(":")[2])
            self._info = ModelInfo(
                name=self.name,
                adapter=self.adapter,
                location=type(self._module).__name__ if self._path is None else self._path.name,
                fingerprint=fingerprint,
                code_version=library_version("torch"),
                parameters=sum(int(one.numel()) for one in weights),
                size_bytes=sum(int(one.numel() * one.element_size()) for one in weights)
                if self._path is None
                else size_of([self._path]),
                flops=self._flops(),
                device=self._device,
                details=details,
            )
        return self._info

    def _read_arguments(self, opening: Opening) -> dict[str, Any]:
        given = opening.options.get("arguments", {})
        try:
            found = json.loads(given) if isinstance(given, str) else dict(given)
        except (TypeError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise UsageError(f"Model '{opening.name}': arguments is a JSON object, as in {{\"classes\": 10}}.")
        return found

    def _made(self, torch: Any) -> Any:
        kind = load_object(self._place or "", folder=self._folder)
        if not callable(kind):
            raise ModelError(f"Model '{self.name}': '{self._place}' is no class.")
        try:
            module = kind(**self._arguments)
        except TypeError as error:
            raise ModelError(
                f"Model '{self.name}': '{self._place}' cannot be made: {_line(error)}; give arguments={{...}} as JSON."
            ) from None
        if not isinstance(module, torch.nn.Module):
            raise ModelError(f"Model '{self.name}': '{self._place}' makes a {type(module).__name__}, not a module.")
        return module

    def _state(self, torch: Any, path: Path) -> Any:
        if path.suffix.lower() == ".safetensors":
            try:
                from safetensors.torch import load_file
            except ImportError:
                raise UsageError("A .safetensors file needs safetensors: pip install safetensors.") from None
            try:
                return load_file(path)
            except Exception as error:
                raise ModelError(f"Model '{self.name}': '{path.name}' cannot be read: {_line(error)}.") from None
        found = self._load(torch, path, weights_only=True)
        if isinstance(found, dict):
            for key in ("state_dict", "model_state_dict", "model"):
                if isinstance(found.get(key), dict):
                    found = found[key]
                    break
        if not isinstance(found, dict) or not all(torch.is_tensor(one) for one in found.values()):
            raise ModelError(f"Model '{self.name}': '{path.name}' is no state dict; save module.state_dict().")
        prefix = "module."
        if found and all(key.startswith(prefix) for key in found):
            found = {key.removeprefix(prefix): value for key, value in found.items()}
        return found

    def _load(self, torch: Any, path: Path, *, weights_only: bool) -> Any:
        try:
            return torch.load(path, map_location="cpu", weights_only=weights_only)
        except Exception as error:
            if weights_only and "weights_only" in str(error).lower():
                raise ModelError(
                    f"Model '{self.name}': '{path.name}' holds more than weights, and loading that can run any code; "
                    "save module.state_dict()."
                ) from None
            raise ModelError(
                f"Model '{self.name}': '{path.name}' is no file of weights, or a damaged one: {_line(error)}."
            ) from None

    def _fill(self, module: Any, state: Any) -> None:
        try:
            module.load_state_dict(state)
        except (RuntimeError, TypeError) as error:
            lines = [line.strip().rstrip(". ") for line in str(error).splitlines() if line.strip()]
            said = lines[1] if len(lines) > 1 else lines[0]
            name = self._path.name if self._path is not None else ""
            raise ModelError(
                f"Model '{self.name}': the weights in '{name}' are not those of '{self._place}': {said[:200]}."
            ) from None

    def _wanted(self, batch: Batch) -> list[Wanted]:
        import inspect

        parameters = list(inspect.signature(self._module.forward).parameters.values())
        plain = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
        needed = [one for one in plain if one.default is one.empty or one.name in batch]
        shape = None if self._shape is None or len(needed) != 1 else (None, *self._shape)
        if not needed:
            raise ModelError(f"Model '{self.name}': forward takes no argument.")
        return [Wanted(name=one.name, shape=shape, dtype=self._dtype) for one in needed]

    def _flops(self) -> float | None:
        """Return two times the multiply-adds of one row, where the shape of a row is known."""
        if self._shape is None:
            return None
        torch = _torch()
        from torch.utils.flop_counter import FlopCounterMode

        row = torch.zeros((1, *self._shape), dtype=getattr(torch, self._dtype), device=self._device)
        try:
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                self._module(row)
            return float(counter.get_total_flops()) or None
        except Exception:  # a module that does not take one plain tensor
            return None


class Weights:
    """A module as its class and its weights, for a fingerprint."""

    def __init__(self, module: Any) -> None:
        self.state = {name: one.detach().cpu().numpy().tobytes() for name, one in module.state_dict().items()}
        self.text = repr(module)


def _named(found: Any) -> dict[str, Any]:
    """Return what a module gave back by name: a tensor, several, or an output object with `logits`."""
    if hasattr(found, "detach"):
        return {"output": _array(found)}
    if hasattr(found, "items"):
        named = {str(name): _array(one) for name, one in found.items() if hasattr(one, "detach")}
        if "logits" in named:
            return {"logits": named["logits"]}
        return named or {"output": found}
    if isinstance(found, list | tuple) and found and all(hasattr(one, "detach") for one in found):
        return {f"output_{at}": _array(one) for at, one in enumerate(found)}
    return {"output": found}


def _array(tensor: Any) -> Any:
    plain = tensor.detach().cpu()
    return (plain.float() if "bfloat16" in str(plain.dtype) else plain).numpy()


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise UsageError("PyTorch models need PyTorch: pip install torch.") from None
    return torch


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".")[:200] if text else type(error).__name__
