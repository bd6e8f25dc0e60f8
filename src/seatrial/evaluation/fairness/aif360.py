"""AIF360's data sets to a table that can be audited, and back; its classes are only used where it is installed."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seatrial.errors import DataError, UsageError

NOT_INSTALLED = "AIF360 is not installed: pip install 'aif360'."
TARGET, PREDICTION, SCORE, WEIGHT, ID = "target", "prediction", "score", "weight", "id"


def from_aif360(dataset: Any, classified: Any = None) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """A table and the options that audit it, from a `BinaryLabelDataset` and one with the model's answers.

    `classified` has the same rows in the same order, the answers as its labels and its scores where it has any;
    without it the labels are audited as decisions, which shows what the data set itself holds. The protected columns
    are AIF360's, the favourable outcome its favourable label, weights its instance weights.

    Raises `UsageError` for something that is no such data set, `DataError` where the two do not fit.
    """
    for one in (dataset, classified):
        if one is not None and not _is_dataset(one):
            raise UsageError(f"A {type(one).__name__} is no BinaryLabelDataset of AIF360.")
    truth = np.asarray(dataset.labels, dtype=np.float64).ravel()
    answers = dataset if classified is None else classified
    decided = np.asarray(answers.labels, dtype=np.float64).ravel()
    if len(truth) != len(decided):
        raise DataError(f"The data set has {len(truth):,} rows and the classified one {len(decided):,}.")
    if list(dataset.instance_names) != list(answers.instance_names):
        raise DataError("The classified data set has other rows, or in another order, than the data set.")
    label = _namer(dataset)
    columns: dict[str, list[Any]] = {ID: [str(name) for name in dataset.instance_names]}
    protected = list(dataset.protected_attribute_names)
    values = np.asarray(dataset.protected_attributes, dtype=np.float64)
    for at, name in enumerate(protected):
        known = _attribute_map(dataset, at)
        columns[str(name)] = [known.get(value, _plain(value)) for value in values[:, at]]
    features = np.asarray(dataset.features, dtype=np.float64)
    for at, name in enumerate(dataset.feature_names):
        if str(name) not in columns and str(name) not in (TARGET, PREDICTION, SCORE, WEIGHT):
            columns[str(name)] = features[:, at].tolist()
    columns[TARGET] = [label(value) for value in truth]
    columns[PREDICTION] = [label(value) for value in decided]
    favourable = label(float(dataset.favorable_label))
    options: dict[str, Any] = {
        "protected": [str(name) for name in protected],
        "label": TARGET,
        "prediction": PREDICTION,
        "id": ID,
        "positive": favourable,
        "favourable": favourable,
    }
    scores = None if classified is None else np.asarray(classified.scores, dtype=np.float64).ravel()
    if scores is not None and len(scores) == len(truth) and ((scores > 0) & (scores < 1)).any():
        columns[SCORE] = scores.tolist()
        options["score"] = SCORE
    weights = np.asarray(dataset.instance_weights, dtype=np.float64).ravel()
    if (weights != 1).any():
        columns[WEIGHT] = weights.tolist()
        options["weight"] = WEIGHT
    return columns, options


def to_aif360(
    table: Mapping[str, Sequence[Any]],
    *,
    protected: Sequence[str],
    privileged: Mapping[str, str],
    label: str,
    prediction: str,
    favourable: str,
    score: str | None = None,
    weight: str | None = None,
    id: str | None = None,
    positive: str | None = None,
) -> tuple[Any, Any]:
    """AIF360's pair of data sets, labels and answers, from a table of columns: each protected column is 1 for the group
    of `privileged` and 0 for everyone else, the favourable outcome 1.

    `id` and `positive` are taken as `from_aif360` hands them out, and not needed. Raises `UsageError` without AIF360,
    or where a column or a privileged group is not in the table.
    """
    try:
        pandas = importlib.import_module("pandas")
        datasets = importlib.import_module("aif360.datasets")
    except ImportError:
        raise UsageError(NOT_INSTALLED) from None
    lacking = [name for name in (*protected, label, prediction, *([score] if score else [])) if name not in table]
    if lacking:
        raise UsageError(f"The table has no column '{lacking[0]}'.")
    frame: dict[str, Any] = {}
    for name in protected:
        if name not in privileged:
            raise UsageError(f"Name the privileged group of '{name}': privileged={{'{name}': ...}}.")
        own = np.array([str(value) == str(privileged[name]) for value in table[name]])
        if not own.any():
            raise UsageError(f"No row has {name}={privileged[name]}.")
        frame[name] = own.astype(float)
    wanted = str(favourable)
    found = []
    for column in (label, prediction):
        values = pandas.DataFrame(
            {
                **frame,
                "outcome": [float(_text(value) == wanted) for value in table[column]],
                **({"weight": list(table[weight])} if weight is not None else {}),
            }
        )
        one = datasets.BinaryLabelDataset(
            favorable_label=1.0,
            unfavorable_label=0.0,
            df=values,
            label_names=["outcome"],
            protected_attribute_names=list(protected),
            instance_weights_name="weight" if weight is not None else None,
        )
        found.append(one)
    if score is not None:
        found[1].scores = np.asarray(table[score], dtype=np.float64).reshape(-1, 1)
    return found[0], found[1]


def _is_dataset(of: Any) -> bool:
    return type(of).__module__.split(".")[0] == "aif360" and hasattr(of, "favorable_label")


def _namer(dataset: Any) -> Any:
    """The name of a label: as the data set's metadata says, else the number."""
    maps = dict(getattr(dataset, "metadata", {}) or {}).get("label_maps")
    known = dict(maps[0]) if maps else {}
    return lambda value: str(known.get(float(value), _plain(float(value))))


def _attribute_map(dataset: Any, at: int) -> dict[float, str]:
    maps = dict(getattr(dataset, "metadata", {}) or {}).get("protected_attribute_maps")
    return {float(value): str(name) for value, name in dict(maps[at]).items()} if maps and at < len(maps) else {}


def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _text(value: Any) -> str:
    numeric = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return _plain(float(value)) if numeric else str(value)
