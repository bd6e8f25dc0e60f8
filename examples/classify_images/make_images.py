"""Write the images and what the two models learned: digits of 8 x 8 pixels that come with scikit-learn (UCI, CC BY 4.0)."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

HERE = Path(__file__).parent
TESTED = 240


def main() -> None:
    pixels, digits = load_digits(return_X_y=True)
    images = np.minimum(pixels.reshape(-1, 8, 8) * 16, 255).astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(digits))
    tested, learned = order[:TESTED], order[TESTED:]
    with zipfile.ZipFile(HERE / "digits.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, at in enumerate(tested):
            kept = io.BytesIO()
            Image.fromarray(images[at]).save(kept, "PNG")
            entry = zipfile.ZipInfo(f"{number:03d}_{digits[at]}.png", (2020, 1, 1, 0, 0, 0))
            archive.writestr(entry, kept.getvalue())
    means = np.stack([images[learned][digits[learned] == digit].mean(axis=0) for digit in range(10)])
    np.savez_compressed(HERE / "means.npz", means=means.astype(np.float32))
    np.savez_compressed(
        HERE / "examples.npz", images=images[learned[:400]], digits=digits[learned[:400]].astype(np.int8)
    )


if __name__ == "__main__":
    main()
