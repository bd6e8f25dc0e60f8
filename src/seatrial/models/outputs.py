"""Which output of a model is its answer, what it holds, and of which classes: the options ONNX and PyTorch share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.errors import did_you_mean, listed
from seatrial.models.answers import OUTPUTS, as_answers, plain_value
from seatrial.models.base import Answer, ModelError
from seatrial.models.opening import Opening, resolved

OPTIONS = ("output", "output_name", "output_index", "classes")

Array = np.ndarray[Any, Any]


class Outputs:
    """Makes answers out of a model's outputs.

    `output` says what the array holds (`as_answers`; an output called `logits` holds logits), `output_name` which of
    several outputs, `output_index` which column of it (the probability of one label; with `output=logits` after the
    softmax), `classes` the names of the columns.
    """

    def __init__(self, opening: Opening) -> None:
        self.model = opening.name
        self._output = opening.one_of("output", OUTPUTS)
        self._name = opening.text("output_name")
        self._index = opening.whole("output_index")
        self._classes = opening.names("classes", from_file=True)
        told = str(opening.options.get("classes", ""))
        file = resolved(told, opening.folder) if told and "," not in told else None
        self._file = file if file is not None and file.is_file() else None

    @property
    def files(self) -> list[Path]:
        """Files that belong to the model's fingerprint."""
        return [] if self._file is None else [self._file]

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes, where they were given."""
        return self._classes

    def answers(self, found: Mapping[str, Any], rows: int) -> list[Answer]:
        """Return one answer a row; raises `ModelError` for shapes that are none."""
        if self._name is not None and self._name not in found:
            raise ModelError(
                f"Model '{self.model}' has no output '{self._name}'.{did_you_mean(self._name, found)} Its outputs: "
                f"{listed(found)}."
            )
        if self._name is None and len(found) > 1:
            pair = self._label_and_scores(found, rows)
            if pair is not None:
                return pair
        name = self._name or next(iter(found))
        raw, output = found[name], self._output
        if output is None and name.lower().endswith("logits"):
            output = "logits"
        if output in ("labels", "numbers"):
            return as_answers(raw, rows, model=self.model, output=output)
        return self._chosen(raw, rows, output)

    def _chosen(self, raw: Any, rows: int, output: str | None) -> list[Answer]:
        index, classes = self._index, self._classes
        if index is None:
            return as_answers(raw, rows, model=self.model, classes=classes, output=output)
        array = np.asarray(raw)
        if array.ndim != 2 or index >= array.shape[1]:
            raise ModelError(
                f"Model '{self.model}': output_index={index}, and the output is {list(array.shape)}; it must have more "
                f"than {index} columns."
            )
        if output in (None, "probabilities", "softmax", "score", "scores"):
            return as_answers(array[:, index], rows, model=self.model, output="score")
        if output == "logit":
            return as_answers(array[:, index], rows, model=self.model, output="logit")
        scored = as_answers(array, rows, model=self.model, output="logits")
        return [one if one.reason is not None else Answer(score=one.scores[str(index)]) for one in scored]

    def _label_and_scores(self, found: Mapping[str, Any], rows: int) -> list[Answer] | None:
        """Return answers of two outputs, labels and the scores of each class, as classifiers of tables have them."""
        named = [name for name in found if "label" in name.lower()]
        rest = [name for name in found if name not in named]
        if len(named) != 1 or len(rest) != 1 or self._index is not None:
            return None
        labels, scores = [plain_value(one) for one in found[named[0]]], found[rest[0]]
        if self._output in ("labels", "numbers"):
            return as_answers(labels, rows, model=self.model)
        if isinstance(scores, Sequence) and scores and isinstance(scores[0], Mapping):
            records = [dict(one) for one in scores]
        else:
            array = np.asarray(scores)
            if array.ndim != 2 or array.dtype.kind not in "fiu":
                return None
            names: Sequence[Any] = self._classes or range(array.shape[1])
            if len(names) != array.shape[1]:
                raise ModelError(
                    f"Model '{self.model}' answers {array.shape[1]} classes, and {len(names)} are named in classes."
                )
            records = [dict(zip(names, row, strict=True)) for row in array.tolist()]
        if len(labels) != rows or len(records) != rows:
            raise ModelError(f"Model '{self.model}' answered {len(labels)} rows where {rows} were asked.")
        together = [
            {"prediction": label, "scores": {str(key): float(value) for key, value in record.items()}}
            for label, record in zip(labels, records, strict=True)
        ]
        return as_answers(together, rows, model=self.model)
