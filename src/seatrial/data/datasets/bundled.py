"""The data sets that scikit-learn brings along: no download, no files."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seatrial.data.datasets.arrays import column_of
from seatrial.data.datasets.raw import Asked, RawTable
from seatrial.errors import UsageError, did_you_mean
from seatrial.records.suite import DatasetSource

NAMES = ("iris", "wine", "breast_cancer", "digits", "diabetes", "linnerud")


def read(source: DatasetSource, asked: Asked) -> RawTable:
    """Read a bundled data set: its features by name, `target` as models trained on it answer (0, 1, 2), `target_name`.

    linnerud has three targets: Weight is the target, the others are columns.
    """
    name = source.sklearn or ""
    if name not in NAMES:
        raise UsageError(
            f"scikit-learn bundles no data set '{name}'.{did_you_mean(name, NAMES)} It has {', '.join(NAMES)}."
        )
    if source.split is not None:
        raise UsageError(f"The data set {name} of scikit-learn has no splits; leave 'split' out.")
    try:
        from sklearn import datasets
    except ImportError:
        raise UsageError(f"The data set {name} needs scikit-learn: pip install 'seatrial[sklearn]'.") from None
    bunch = getattr(datasets, f"load_{name}")()
    columns: dict[str, Sequence[Any]] = {}
    if name == "digits":
        columns["image"] = list(bunch.images)
        columns["pixels"] = list(bunch.data)
    else:
        for place, feature in enumerate(bunch.feature_names):
            columns[str(feature)] = column_of(np.asarray(bunch.data)[:, place])
    features = tuple(columns)
    target = np.asarray(bunch.target)
    regression = name in ("diabetes", "linnerud")
    if name == "linnerud":
        for place, what in enumerate(bunch.target_names):
            columns["target" if place == 0 else str(what)] = column_of(target[:, place])
    elif regression:
        columns["target"] = column_of(target)
    else:
        columns["target"] = column_of(target)
        columns["target_name"] = [str(bunch.target_names[label]) for label in target]
    import sklearn

    return RawTable(
        name=source.name or name,
        columns=columns,
        target="target",
        inputs=("pixels",) if name == "digits" else features,
        task="regression" if regression else "binary" if len(set(target.tolist())) == 2 else "multiclass",
        version=f"scikit-learn {sklearn.__version__}",
    )
