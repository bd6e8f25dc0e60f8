"""Make the small files of this folder: python tests/data/small/make.py. They are invented, and free for any use."""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
CLASSES = ("cat", "dog", "ship")


def images() -> str:
    """Four classifiers of 600 images in one wide file; `small` is the worst, `large` the best."""
    draw = np.random.default_rng(4)
    label = draw.integers(0, len(CLASSES), 600)
    lines = ["image,label,small,medium,large,twin"]
    columns = {}
    for name, right in (("small", 0.78), ("medium", 0.84), ("large", 0.93)):
        wrong = (label + draw.integers(1, len(CLASSES), 600)) % len(CLASSES)
        columns[name] = np.where(draw.random(600) < right, label, wrong)
    columns["twin"] = columns["small"]
    for row in range(600):
        answers = ",".join(CLASSES[columns[name][row]] for name in ("small", "medium", "large", "twin"))
        lines.append(f"img{row:03d},{CLASSES[label[row]]},{answers}")
    return "\n".join(lines) + "\n"


def service(*, large: bool) -> str:
    """800 support tickets, 6 % of them fraud: a small model, and one that is better, slower and dearer."""
    draw = np.random.default_rng(8)
    fraud = draw.random(800) < 0.06
    region = np.where(draw.random(800) < 0.4, "north", "south")
    user = draw.integers(0, 250, 800)
    noise = np.random.default_rng(9 + large).normal(size=800)
    score = 1 / (1 + np.exp(-(2.2 * fraud - 2.0 + (0.9 if large else 1.4) * noise)))
    slow = np.random.default_rng(11 + large).gamma(9, 50 if large else 4, 800)
    lines = ["id,target,score,region,user,latency_ms,cost"]
    for row in range(800):
        cost = slow[row] / (10_000 if large else 100_000)
        lines.append(
            f"t{row},{'fraud' if fraud[row] else 'fine'},{score[row]:.4f},{region[row]},u{user[row]},"
            f"{slow[row]:.1f},{cost:.6f}"
        )
    return "\n".join(lines) + "\n"


def houses(*, better: bool) -> str:
    """200 prices and two regressions."""
    draw = np.random.default_rng(16)
    price = 200 + 50 * draw.normal(size=200)
    error = np.random.default_rng(17).normal(size=200) * (14 if better else 20)
    lines = ["id,y_true,y_pred"]
    lines += [f"{row},{price[row]:.2f},{price[row] + error[row]:.2f}" for row in range(200)]
    return "\n".join(lines) + "\n"


FILES = {
    "images.csv": images,
    "service_small.csv": lambda: service(large=False),
    "service_large.csv": lambda: service(large=True),
    "houses_a.csv": lambda: houses(better=False),
    "houses_b.csv": lambda: houses(better=True),
}

if __name__ == "__main__":
    for name, text in FILES.items():
        (HERE / name).write_text(text(), encoding="utf-8")
