"""scikit-learn estimators: files of skops, or pickles where the user trusts them; estimators in memory."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.models.answers import as_answers, plain_value
from seatrial.models.artefact import fingerprint_of, library_version, size_of
from seatrial.models.base import Answer, Batch, LocalModel, ModelError
from seatrial.models.function import of_object
from seatrial.models.opening import Opening
from seatrial.models.pandas_frame import as_frame
from seatrial.records.run import ModelInfo

OPTIONS = ("trusted", "output", "columns")
_PICKLES = (".pkl", ".pickle", ".joblib")


class SklearnModel(LocalModel):
    """`sklearn:model.skops`, or a pickle (`.pkl`, `.pickle`, `.joblib`) with `--trust-pickle`.

    A model fitted on named columns gets these of the batch as a data frame, in its own order; another a 2-D array, a
    single column of texts as a list. `output=both` (the default) asks `predict` and, where there is one,
    `predict_proba`; `labels` and `probabilities` ask one of them (the label is then the likeliest), `decision` takes
    `decision_function` of two classes as the score. `trusted=a.b.C` names types that skops shall load although it
    does not know them.
    """

    adapter: ClassVar[str] = "sklearn"

    def __init__(self, opening: Opening) -> None:
        opening.refuse_unknown(OPTIONS)
        self.name = opening.name
        self._path: Path | None = opening.file()
        if self._path.suffix.lower() in _PICKLES and not opening.trust_pickle:
            raise UsageError(
                f"Model '{self.name}': '{self._path.name}' is a pickle, and loading a pickle can run any code that is "
                "in it; save it with skops.io.dump, or say --trust-pickle if you know who made it."
            )
        self._trusted = opening.names("trusted") or ()
        self._output = opening.one_of("output", ("both", "labels", "probabilities", "decision"), "both")
        self._columns = opening.names("columns")
        self._options = dict(opening.options)
        self._options.pop("trusted", None)
        self._estimator: Any = None
        self._warned: str | None = None
        self._info: ModelInfo | None = None

    @classmethod
    def of(cls, given: object, *, name: str) -> Self:
        """Return the model of a fitted estimator in memory."""
        made = cls.__new__(cls)
        made.name, made._estimator, made._path = name, given, None
        made._output, made._columns, made._options, made._trusted = "both", None, {}, ()
        made._warned, made._info = None, None
        return made

    def open(self) -> None:
        if self._estimator is not None or self._path is None:
            return
        _needs_sklearn()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pickled = self._path.suffix.lower() in _PICKLES
            found = self._unpickled(self._path) if pickled else self._skops(self._path)
        self._warned = next(
            (str(one.message).split(". ")[0] for one in caught if "version" in str(one.message).lower()), None
        )
        if not hasattr(found, "predict"):
            raise ModelError(
                f"Model '{self.name}': '{self._path.name}' holds a {type(found).__name__}, which has no predict; save "
                "the fitted estimator itself."
            )
        self._estimator = found

    def close(self) -> None:
        if self._path is not None:
            self._estimator = None

    def predict(self, batch: Batch) -> Sequence[Answer]:
        self.open()
        estimator = self._estimator
        rows = len(next(iter(batch.values()))) if batch else 0
        table = self._table(batch, rows)
        classes = getattr(estimator, "classes_", None)
        if self._output == "decision":
            return self._decided(estimator.decision_function(table), rows)
        scores = None
        if self._output != "labels" and classes is not None and hasattr(estimator, "predict_proba"):
            scores = estimator.predict_proba(table)
        elif self._output == "probabilities":
            raise ModelError(f"Model '{self.name}' has no predict_proba; leave output=probabilities out.")
        if scores is None:
            return as_answers(np.asarray(estimator.predict(table)), rows, model=self.name, output="labels")
        if isinstance(scores, list):
            return self._multilabel(estimator.predict(table), scores, classes, rows)
        scores = np.asarray(scores)
        names = [plain_value(one) for one in np.asarray(classes)]
        if scores.shape != (rows, len(names)):
            raise ModelError(
                f"Model '{self.name}' answered probabilities of shape {scores.shape} for {rows} rows and {len(names)} "
                "classes."
            )
        if self._output == "probabilities":
            labels = [names[at] for at in scores.argmax(axis=1)]
        else:
            labels = list(np.asarray(estimator.predict(table)))
        together = {"prediction": labels, "scores": [dict(zip(map(str, names), row, strict=True)) for row in scores]}
        return as_answers(together, rows, model=self.name)

    def info(self) -> ModelInfo:
        if self._info is None:
            self.open()
            details = {"estimator": type(self._estimator).__name__}
            classes = getattr(self._estimator, "classes_", None)
            if classes is not None and not isinstance(classes, list) and len(classes) <= 50:
                details["classes"] = ", ".join(str(plain_value(one)) for one in classes)
            if self._warned is not None:
                details["warning"] = self._warned
            if self._path is None:
                fingerprint, known = of_object(self._estimator)
                if not known:
                    details["fingerprint"] = "of this process only: the estimator cannot be pickled"
            else:
                fingerprint = fingerprint_of([self._path], self._options)
            self._info = ModelInfo(
                name=self.name,
                adapter=self.adapter,
                location=type(self._estimator).__name__ if self._path is None else self._path.name,
                fingerprint=fingerprint,
                code_version=library_version("scikit-learn"),
                parameters=parameters(self._estimator),
                size_bytes=None if self._path is None else size_of([self._path]),
                details=details,
            )
        return self._info

    def _skops(self, path: Path) -> Any:
        try:
            import skops.io
        except ImportError:
            raise UsageError("scikit-learn models need skops: pip install 'seatrial[sklearn]'.") from None
        try:
            unknown = skops.io.get_untrusted_types(file=path)
        except Exception:
            raise ModelError(
                f"Model '{self.name}': '{path.name}' is no file of skops, or a damaged one; save the estimator with "
                "skops.io.dump."
            ) from None
        refused = sorted(set(unknown) - set(self._trusted))
        if refused:
            raise ModelError(
                f"Model '{self.name}': '{path.name}' holds types that skops does not know to be harmless: "
                f"{listed(refused)}; if you trust them, say trusted={','.join(refused)}."
            )
        try:
            return skops.io.load(path, trusted=unknown)
        except Exception as error:
            raise ModelError(
                f"Model '{self.name}': '{path.name}' cannot be loaded: {type(error).__name__}: {_line(error)}."
            ) from None

    def _unpickled(self, path: Path) -> Any:
        import joblib

        try:
            return joblib.load(path)
        except ModuleNotFoundError as error:
            raise ModelError(
                f"Model '{self.name}': '{path.name}' needs the package '{error.name}', which is not installed."
            ) from None
        except Exception as error:
            raise ModelError(
                f"Model '{self.name}': '{path.name}' is no pickle that can be loaded: {type(error).__name__}: "
                f"{_line(error)}."
            ) from None

    def _table(self, batch: Batch, rows: int) -> Any:
        estimator = self._estimator
        fitted = getattr(estimator, "feature_names_in_", None)
        wanted = self._columns or (None if fitted is None else tuple(str(one) for one in fitted))
        if wanted is not None:
            for name in wanted:
                if name not in batch:
                    raise ModelError(
                        f"Model '{self.name}' was fitted on a column '{name}', which is no input column."
                        f"{did_you_mean(name, batch)} The inputs are {listed(batch)}."
                    )
            if fitted is not None:
                return as_frame(batch, wanted)
            batch = {name: batch[name] for name in wanted}
        if len(batch) == 1:
            values = next(iter(batch.values()))
            first = next((one for one in values if one is not None), None)
            if isinstance(first, str):
                return ["" if one is None else one for one in values]
            if getattr(first, "ndim", 0) or isinstance(first, list | tuple):
                return np.stack([np.asarray(one).reshape(-1) for one in values])
        return self._array(batch)

    def _array(self, batch: Batch) -> Any:
        count = getattr(self._estimator, "n_features_in_", None)
        if count is not None and count != len(batch):
            raise ModelError(
                f"Model '{self.name}' takes {count} columns, and the suite hands over {len(batch)} ({listed(batch)}); "
                "say which with inputs in the suite, or columns=a,b,..."
            )
        try:
            columns = [np.array([np.nan if one is None else one for one in values], float) for values in batch.values()]
        except (TypeError, ValueError):
            return np.array(list(map(list, zip(*batch.values(), strict=True))), dtype=object)
        return np.column_stack(columns)

    def _decided(self, values: Any, rows: int) -> list[Answer]:
        found = np.asarray(values, float)
        if found.ndim != 1:
            raise ModelError(f"Model '{self.name}': output=decision is for two classes; this one has {found.shape[1]}.")
        return as_answers({"score": found}, rows, model=self.name)

    def _multilabel(self, labels: Any, scores: list[Any], classes: Any, rows: int) -> list[Answer]:
        """Return answers of several outputs: 0 or 1 and the probability of 1 for each."""
        columns: list[dict[str, float]] = [{} for _ in range(rows)]
        for at, (probabilities, own) in enumerate(zip(scores, classes, strict=True)):
            place = [plain_value(one) for one in own].index(1) if 1 in own else -1
            for row in range(rows):
                columns[row][str(at)] = float(probabilities[row][place])
        return as_answers({"prediction": np.asarray(labels).tolist(), "scores": columns}, rows, model=self.name)


def parameters(estimator: Any) -> int | None:
    """Return the number of fitted weights: coefficients, intercepts, nodes of trees; None where it has none of them."""
    found = _count(estimator, set())
    return found or None


def _count(part: Any, seen: set[int]) -> int:
    if id(part) in seen or part is None or isinstance(part, str | bytes | int | float):
        return 0
    seen.add(id(part))
    if isinstance(part, dict):
        return sum(_count(one, seen) for one in part.values())
    if isinstance(part, list | tuple) or (isinstance(part, np.ndarray) and part.dtype == object):
        return sum(_count(one, seen) for one in part)
    if type(part).__name__ == "Tree" and hasattr(part, "node_count"):
        return int(part.node_count)
    if type(part).__name__ == "TreePredictor" and hasattr(part, "nodes"):
        return len(part.nodes)
    if not hasattr(part, "get_params"):
        return 0
    total = 0
    for name, value in vars(part).items():
        if name in ("coef_", "intercept_", "coefs_", "intercepts_"):
            arrays = value if isinstance(value, list) else [value]
            total += sum(int(np.size(one)) for one in arrays)
        elif name.endswith("_") or name in ("steps", "_predictors", "_final_estimator"):
            total += _count(value, seen)
    return total


def _needs_sklearn() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise UsageError("scikit-learn models need scikit-learn: pip install 'seatrial[sklearn]'.") from None


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".")[:200] if text else "it says no more"
