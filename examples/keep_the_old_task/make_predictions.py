"""Train a classifier of digits, teach it 0 to 4 once more, and write what both say of digits they never saw.

The digits come with scikit-learn (UCI, CC BY 4.0).
"""

import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

HERE = Path(__file__).parent


def main() -> None:
    pixels, digits = load_digits(return_X_y=True)
    train = np.arange(len(digits)) % 2 == 0
    model = SGDClassifier(random_state=0, max_iter=500, tol=1e-2, loss="log_loss")
    model.fit(pixels[train] / 16, digits[train])
    _write("base.csv", "prediction", ~train, model.predict(pixels[~train] / 16))
    again = train & (digits < 5)
    for _ in range(3):
        model.partial_fit(pixels[again] / 16, digits[again])
    _write("tuned.csv", "prediction", ~train, model.predict(pixels[~train] / 16))
    _write("digits.csv", "digit", ~train, digits[~train])


def _write(name: str, column: str, rows: np.ndarray, values: np.ndarray) -> None:
    with (HERE / name).open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["id", column])
        lines.writerows(zip(np.flatnonzero(rows), values, strict=True))


if __name__ == "__main__":
    main()
