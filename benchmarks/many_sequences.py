"""A platform's nightly work: sequences of a thousand experiments of ten metrics, from moments taken elsewhere."""

import argparse
import statistics
from typing import Any

import numpy as np

from benchmarks import measuring
from benchmarks.measuring import Work, markdown, seconds, spent

EXPERIMENTS, METRICS, LOOKS = 1_000, 10, 28
TIMES = 5
AIM = "1 s"


def moments(looks: int, *, seed: int = 5) -> dict[str, np.ndarray]:
    """n, mean and variance of one unit, (2 arms, 1 phase, slices); the slices are experiments, metrics and looks."""
    rng = np.random.default_rng(seed)
    shape = (2, 1, EXPERIMENTS, METRICS, looks)
    n = np.cumsum(rng.integers(300, 900, (2, 1, EXPERIMENTS, 1, looks)), axis=-1).astype(float)
    spread = rng.gamma(2.0, 5.0, (1, 1, EXPERIMENTS, METRICS, 1))
    mean = 20.0 + spread * rng.standard_normal(shape) / np.sqrt(n)
    variance = np.broadcast_to(spread**2, shape)
    return {
        name: np.ascontiguousarray(np.broadcast_to(values, shape)).reshape(2, 1, -1)
        for name, values in {"n": n, "mean": mean, "variance": variance}.items()
    }


def seatrial(_: argparse.Namespace) -> Any:
    """Seconds from moments to always-valid limits, p-values and the smallest p so far, for one look and for all."""
    from seatrial.stats.arms import ArmMeans, contrast
    from seatrial.stats.monitored import Anytime

    def sequences(given: dict[str, np.ndarray], looks: int) -> int:
        n, empty = given["n"], np.empty((*given["n"].shape, 0))
        arms = ArmMeans(
            n=n,
            value=given["mean"],
            variance=given["variance"] / n,
            df=n - 1,
            covariates=empty,
            with_covariates=empty,
            between_covariates=np.empty((*n.shape, 0, 0)),
        )
        raw = contrast(arms, 1).contrast
        planned = (0.01 * 20.0 / 2.8) ** 2  # the variance of a difference that finds 1 % with 80 % power
        read = Anytime(inner=raw, fraction=planned / raw.standard_error**2)
        low, _high = read.interval(0.05)
        smallest = np.minimum.accumulate(read.p_value().reshape(-1, looks), axis=-1)
        return int(np.isfinite(low).sum() + (smallest < 0).sum())

    found = {}
    for looks in (1, LOOKS):
        given = moments(looks)
        sequences(given, looks)
        costs = [spent(lambda given=given, looks=looks: sequences(given, looks)) for _ in range(TIMES)]
        found[str(looks)] = {
            "wall": statistics.median(cost.wall for cost in costs),
            "cpu": statistics.median(cost.cpu for cost in costs),
            "intervals": costs[0].found,
        }
    return found


WORKS: dict[str, Work] = {"seatrial": seatrial}


def bench() -> str:
    """A Markdown table: seconds for all sequences."""
    found = measuring.run("benchmarks.many_sequences", "seatrial").found
    names = {"1": "the look of today", str(LOOKS): f"all {LOOKS} looks"}
    lines = [
        [names[looks], f"{one['intervals']:,}", seconds(one["wall"]), seconds(one["cpu"]), AIM]
        for looks, one in found.items()
    ]
    table = markdown(["what", "intervals", "wall", "processor", "aim"], lines)
    return f"### Anytime-valid sequences of {EXPERIMENTS:,} experiments, {METRICS} metrics, from moments\n\n{table}"


if __name__ == "__main__":
    measuring.answer(WORKS)
