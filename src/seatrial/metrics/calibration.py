"""Metrics of scores read as probabilities.

Row values: `score_of_target` is the probability given to the true class, `is_positive` is 1 or 0,
`sum_of_squared_scores` is summed over classes.
"""

from seatrial.metrics.base import Banded, Formula, Metric

BINARY = frozenset({"binary"})
MULTICLASS = frozenset({"multiclass"})

METRICS: tuple[Metric, ...] = (
    Formula(
        name="log_loss",
        summary="how little probability the true class was given, on average (log scale, in nats)",
        needs_scores=True,
        higher_is_better=False,
        formula="mean(-log(max(score_of_target, 2.220446049250313e-16)))",
        margin=0.02,
        margin_is_relative=True,
        highest=None,
    ),
    Formula(
        name="brier_score",
        summary="mean squared distance of the score from the truth",
        needs_scores=True,
        tasks=BINARY,
        formula="mean((score - is_positive)**2)",
        higher_is_better=False,
        margin=0.02,
        margin_is_relative=True,
    ),
    Formula(
        name="brier_score",
        summary="mean squared distance of all scores from the truth",
        needs_scores=True,
        tasks=MULTICLASS,
        formula="mean(sum_of_squared_scores - 2*score_of_target + 1)",
        higher_is_better=False,
        margin=0.02,
        margin_is_relative=True,
        highest=2.0,
    ),
    Banded(
        name="expected_calibration_error",
        summary="mean gap between score and frequency over equal-mass bins",
        formula="sum over bins of (rows in bin / n) |mean target - mean score|",
        statistic="expected_calibration_error",
        tasks=BINARY,
        higher_is_better=False,
        gated=False,
        needs_scores=True,
    ),
)

ALIASES = {
    "ece": "expected_calibration_error",
    "brier_score_loss": "brier_score",
    "brier": "brier_score",
    "neg_log_loss": "log_loss",
}
