"""Columns to tensors: by name, many numbers to one input, images, texts by a vocabulary; shared by ONNX and PyTorch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.errors import did_you_mean, listed
from seatrial.models.base import Batch, ModelError
from seatrial.models.images import Pixels, is_image
from seatrial.models.opening import Opening
from seatrial.models.tokens import Vocabulary

OPTIONS = ("columns", "vocabulary", "scale", "mean", "std", "layout", "size", "channels", "dtype")
_DTYPES = ("float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool", "str")

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One input of a model."""

    name: str
    shape: tuple[int | None, ...] | None = None
    """With the batch's dimension first; None where a dimension, or all, may be anything."""
    dtype: str | None = None
    """`float32`, `int64`, `str`; None is `float32` (ids of a vocabulary `int64`)."""

    def __str__(self) -> str:
        shape = "" if self.shape is None else "[" + ", ".join("N" if d is None else str(d) for d in self.shape) + "]"
        return f"'{self.name}'{' ' if shape else ''}{shape}"


class Inputs:
    """Makes a model's tensors out of a batch.

    `columns=a,b` chooses and orders columns; `vocabulary=FILE` makes ids of a text; `scale` (a factor, 1/255), `mean`,
    `std` (numbers or one a channel), `layout` (nchw, nhwc), `size` (pixels, or height,width), `channels` (rgb, bgr)
    are for images: (x * scale - mean) / std; scale, mean and std hold for numbers too. `dtype` overrides the model's.
    """

    def __init__(self, opening: Opening) -> None:
        self.model = opening.name
        self._columns = opening.names("columns")
        self._dtype = opening.one_of("dtype", _DTYPES)
        self._pixels = Pixels.of(opening)
        self._file = opening.file(opening.text("vocabulary")) if opening.text("vocabulary") else None
        self._vocabulary: Vocabulary | None = None

    @property
    def files(self) -> list[Path]:
        """Files that belong to the model's fingerprint."""
        return [] if self._file is None else [self._file]

    def open(self) -> None:
        """Read the vocabulary."""
        if self._file is not None and self._vocabulary is None:
            self._vocabulary = Vocabulary.read(self._file)

    def feed(self, batch: Batch, wanted: Sequence[Wanted]) -> dict[str, Array]:
        """Return the tensors by the names of the inputs; raises `ModelError` where columns do not fit."""
        self.open()
        names = self._names(batch)
        if self._vocabulary is not None:
            return self._ids(batch, names, wanted)
        if len(wanted) == 1:
            return {wanted[0].name: self._one(batch, names, wanted[0])}
        if self._columns is not None and len(names) == len(wanted):
            pairs = list(zip(wanted, names, strict=True))
        else:
            for one in wanted:
                if one.name not in names:
                    raise ModelError(
                        f"Model '{self.model}' wants an input {one}, and no input column has that name."
                        f"{did_you_mean(one.name, names)} The columns are {listed(names)}; columns=a,b,... names one "
                        f"for each of {listed(w.name for w in wanted)}."
                    )
            pairs = [(one, one.name) for one in wanted]
        return {one.name: self._column(batch[name], name, one) for one, name in pairs}

    def _names(self, batch: Batch) -> list[str]:
        if self._columns is None:
            if not batch:
                raise ModelError(f"Model '{self.model}' was handed no columns.")
            return list(batch)
        for name in self._columns:
            if name not in batch:
                raise ModelError(
                    f"Model '{self.model}': there is no input column '{name}'.{did_you_mean(name, batch)} The columns "
                    f"are {listed(batch)}."
                )
        return list(self._columns)

    def _ids(self, batch: Batch, names: Sequence[str], wanted: Sequence[Wanted]) -> dict[str, Array]:
        vocabulary = self._vocabulary
        texts = [name for name in names if any(isinstance(one, str) for one in batch[name])]
        texts = texts or [name for name in names if all(one is None for one in batch[name])]
        if len(names) == 1 and not texts:
            raise ModelError(f"Model '{self.model}' takes a text, and column '{names[0]}' holds none.")
        if len(texts) != 1 or vocabulary is None:
            raise ModelError(
                f"Model '{self.model}' takes one text, and the text columns are {listed(texts) or 'none'}; name it "
                "with columns=NAME."
            )
        ids = vocabulary.encoded(batch[texts[0]])
        made: dict[str, Array] = {}
        for one in wanted:
            if "mask" in one.name:
                made[one.name] = self._fitted((ids != 0).astype(one.dtype or "int64"), texts[0], one)
            elif not any("mask" not in name for name in made):
                made[one.name] = self._fitted(ids.astype(self._dtype or one.dtype or "int64"), texts[0], one)
            else:
                raise ModelError(
                    f"Model '{self.model}' has the inputs {listed(w.name for w in wanted)}; a vocabulary fills one of "
                    "them (and a mask)."
                )
        return made

    def _one(self, batch: Batch, names: Sequence[str], wanted: Wanted) -> Array:
        if len(names) == 1:
            return self._column(batch[names[0]], names[0], wanted)
        width = wanted.shape[1] if wanted.shape is not None and len(wanted.shape) == 2 else None
        if wanted.name in names and self._columns is None and width in (None, 1):
            return self._column(batch[wanted.name], wanted.name, wanted)
        flat = Wanted(name=wanted.name, shape=None, dtype=wanted.dtype)
        parts = [self._column(batch[name], name, flat, scale=False) for name in names]
        for name, part in zip(names, parts, strict=True):
            if part.ndim != 2 or part.shape[1] != 1:
                raise ModelError(
                    f"Model '{self.model}' has one input {wanted}, and column '{name}' beside "
                    f"{len(names) - 1} others holds more than one number a row; choose with columns=NAME."
                )
        made = np.concatenate(parts, axis=1)
        scaled = made if made.dtype == object else self._scaled(made, self._dtype or wanted.dtype or "float32", wanted)
        return self._fitted(scaled, f"{len(names)} columns", wanted)

    def _column(self, values: Sequence[Any], name: str, wanted: Wanted, *, scale: bool = True) -> Array:
        dtype = self._dtype or wanted.dtype or "float32"
        first = next((one for one in values if one is not None), None)
        if is_image(first) and (wanted.shape is None or len(wanted.shape) in (2, 4)):
            self._none_missing(values, name)
            made = self._pixels.tensor(values, name=name, model=self.model, shape=wanted.shape, dtype=dtype)
            return self._fitted(made, name, wanted)
        if isinstance(first, str) or dtype == "str":
            if dtype != "str":
                raise ModelError(
                    f"Model '{self.model}' takes numbers ({dtype}) as {wanted}, and column '{name}' holds text "
                    f"({str(first)[:40]!r}); leave it out with columns=..., or name a vocabulary."
                )
            texts = np.array(["" if one is None else str(one) for one in values], dtype=object).reshape(-1, 1)
            return self._fitted(texts, name, wanted)
        if hasattr(first, "__len__") or isinstance(first, np.ndarray):
            self._none_missing(values, name)
            arrays = [np.asarray(one) for one in values]
            if len({one.shape for one in arrays}) > 1:
                lengths = sorted({str(list(one.shape)) for one in arrays})
                raise ModelError(
                    f"Model '{self.model}': column '{name}' holds arrays of several shapes "
                    f"({listed(lengths, limit=3)}); they must be of one length."
                )
            stacked = np.stack(arrays)
            return self._fitted(self._scaled(stacked, dtype, wanted) if scale else stacked, name, wanted)
        numbers = self._numbers(values, name, dtype).reshape(-1, 1)
        return self._fitted(self._scaled(numbers, dtype, wanted) if scale else numbers, name, wanted)

    def _numbers(self, values: Sequence[Any], name: str, dtype: str) -> Array:
        if not dtype.startswith("float"):
            self._none_missing(values, name)
        try:
            numbers = np.array([np.nan if one is None else one for one in values])
            return numbers.astype(np.float64) if numbers.dtype == object else numbers
        except (TypeError, ValueError):
            raise ModelError(
                f"Model '{self.model}' takes numbers ({dtype}), and column '{name}' holds something else."
            ) from None

    def _scaled(self, values: Array, dtype: str, wanted: Wanted) -> Array:
        try:
            return (self._pixels.scaled(values) if self._pixels.changes else values).astype(dtype)
        except ValueError:
            width = values.shape[-1]
            raise ModelError(
                f"Model '{self.model}': mean and std have one number, or one for each of the {width} of {wanted}."
            ) from None

    def _none_missing(self, values: Sequence[Any], name: str) -> None:
        if any(one is None for one in values):
            raise ModelError(f"Model '{self.model}': column '{name}' is missing here, and the model cannot take that.")

    def _fitted(self, made: Array, name: str, wanted: Wanted) -> Array:
        """Return the tensor in the shape that is wanted, or raise `ModelError`."""
        shape = wanted.shape
        if shape is None:
            return made
        if made.ndim == 2 and len(shape) == 1 and made.shape[1] == 1:
            made = made[:, 0]
        elif made.ndim > 2 and len(shape) == 2:
            made = made.reshape(len(made), -1)
        elif made.ndim == 2 and len(shape) > 2 and all(d is not None for d in shape[1:]):
            inner = [d for d in shape[1:] if d is not None]
            if int(np.prod(inner)) == made.shape[1]:
                made = made.reshape(len(made), *inner)
        fits = made.ndim == len(shape) and all(
            want is None or want == have for want, have in zip(shape[1:], made.shape[1:], strict=False)
        )
        if not fits:
            have = "[" + ", ".join(["N", *map(str, made.shape[1:])]) + "]"
            raise ModelError(
                f"Model '{self.model}' wants {wanted}, and {name if ' ' in name else f'column {name!r}'} gives {have}."
                f"{_advice(made, shape)}"
            )
        return made


def _advice(made: Array, shape: Sequence[int | None]) -> str:
    if made.ndim == 4 and len(shape) == 4:
        return " size=HEIGHT,WIDTH resizes images; layout=nchw or nhwc says where the channels are."
    if made.ndim == 2 and len(shape) == 2:
        return " columns=a,b,... chooses the columns that belong to the model."
    return ""
