"""Two classifiers of digits: the nearest mean of a class, small and fast; the nearest of 400 examples, larger and slower."""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
MEANS = np.load(HERE / "means.npz")["means"].reshape(10, -1)
KNOWN = np.load(HERE / "examples.npz")
EXAMPLES = KNOWN["images"].reshape(len(KNOWN["digits"]), -1).astype(np.float32)


def _flat(images):
    """One row of 64 numbers an image; colour is dropped."""
    return np.stack([np.asarray(image, np.float32).reshape(8, 8, -1)[:, :, 0].ravel() for image in images])


def mean(batch):
    """The class whose mean is nearest."""
    rows = _flat(batch["image"])
    return [str(at) for at in ((rows[:, None] - MEANS) ** 2).sum(axis=2).argmin(axis=1)]


def nearest(batch):
    """The class of the nearest example."""
    rows = _flat(batch["image"])
    return [str(KNOWN["digits"][at]) for at in ((rows[:, None] - EXAMPLES) ** 2).sum(axis=2).argmin(axis=1)]
