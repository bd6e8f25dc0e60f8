"""A plain function `f(value, severity, rng) -> value` as a probe."""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np

from seatrial.errors import DataError, UsageError, did_you_mean
from seatrial.evaluation.probes.base import Column, Draw, Kind, Probe, is_missing

_KINDS: dict[Any, tuple[Kind, ...]] = {
    str: ("text",),
    "str": ("text",),
    float: ("number",),
    "float": ("number",),
    int: ("number",),
    "int": ("number",),
    np.ndarray: ("image",),
    "np.ndarray": ("image",),
}
_EVERY: tuple[Kind, ...] = ("text", "number", "category", "image", "other")
_OWN = ("ladder", "top", "means", "label_preserving", "works_on")


def function_probe(function: Callable[..., Any], *, name: str, options: Mapping[str, Any]) -> Probe:
    """Wrap a function `f(value, severity, rng) -> value`; further parameters of it are options by name.

    The type of its first parameter says what it works on (`str`, `float`, `np.ndarray`; text without one). It may
    carry attributes: `ladder`, `top`, `means`, `label_preserving`, `works_on`. Raises `UsageError` for another shape.
    """
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) < 3:
        raise UsageError(f"Probe '{name}' takes {len(parameters)} parameters; it must be f(value, severity, rng).")
    known = [one.name for one in parameters[3:]]
    given = dict(options)
    preserving = bool(given.pop("label_preserving", getattr(function, "label_preserving", True)))
    for option in given:
        if option not in known:
            raise UsageError(
                f"probe {name}: unknown key '{option}'.{did_you_mean(option, known)} "
                f"Known keys: {', '.join([*known, 'label_preserving'])}."
            )
    works = getattr(function, "works_on", _KINDS.get(parameters[0].annotation, ("text",)))
    made = type(
        "FunctionProbe",
        (_FunctionProbe,),
        {
            "name": name.rpartition(":")[2] or name,
            "works_on": (works,) if isinstance(works, str) else tuple(works),
            "ladder": tuple(getattr(function, "ladder", (0.1, 0.3, 0.5))),
            "top": float(getattr(function, "top", 1.0)),
            "means": str(getattr(function, "means", "as the function takes it")),
            "function": staticmethod(function),
            "source": _source(function),
            "__annotations__": {},
            "__module__": __name__,
        },
    )
    return cast(Probe, made(label_preserving=preserving, options=given))


class _FunctionProbe(Probe):
    name: ClassVar[str] = "function"
    works_on: ClassVar[tuple[Kind, ...]] = ("text",)
    takes: ClassVar[tuple[Kind, ...]] = _EVERY
    ladder: ClassVar[tuple[float, ...]] = (0.1, 0.3, 0.5)
    means: ClassVar[str] = "as the function takes it"
    function: ClassVar[Callable[..., Any]]
    source: ClassVar[str] = ""
    options: dict[str, Any] = {}  # noqa: RUF012 (pydantic copies it)

    @property
    def identity(self) -> str:
        return f"{self.name} {self.source} {self.canonical_json()}"

    def apply(self, column: Column, severity: float, draw: Draw) -> Sequence[Any]:
        return [
            value if is_missing(value) else self._one(value, severity, draw, row, column.name)
            for value, row in zip(column.values, column.ids, strict=True)
        ]

    def _one(self, value: Any, severity: float, draw: Draw, row: str, column: str) -> Any:
        try:
            return type(self).function(value, severity, draw.generator(row), **self.options)
        except Exception as error:
            raise DataError(
                f"Probe {self.name} failed on row '{row}', column '{column}': {type(error).__name__}: {error}."
            ) from None


def _source(function: Callable[..., Any]) -> str:
    """SHA-256 of the function's text, so that an edited one is another probe."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = repr(getattr(function, "__qualname__", function))
    return hashlib.sha256(text.encode()).hexdigest()
