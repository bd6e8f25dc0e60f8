"""Metrics of numeric targets; names and definitions are scikit-learn's."""

from seatrial.metrics.base import Formula, Metric

REGRESSION = frozenset({"regression"})
_EPS = "2.220446049250313e-16"


def _loss(name: str, summary: str, formula: str) -> Formula:
    return Formula(
        name=name,
        summary=summary,
        formula=formula,
        tasks=REGRESSION,
        higher_is_better=False,
        margin=0.02,
        margin_is_relative=True,
        highest=None,
    )


def pinball(probability: float, *, name: str = "mean_pinball_loss") -> Formula:
    """The quantile loss of a predicted quantile: alpha (t - p) above, (1 - alpha) (p - t) below."""
    a = repr(probability)
    return _loss(
        name,
        f"quantile loss at {probability:g}",
        f"mean(max({a}*(target - prediction), ({a} - 1)*(target - prediction)))",
    )


METRICS: tuple[Metric, ...] = (
    _loss("mean_absolute_error", "mean size of the error", "mean(abs(target - prediction))"),
    _loss("root_mean_squared_error", "root of the mean squared error", "sqrt(mean((target - prediction)**2))"),
    _loss("mean_squared_error", "mean squared error", "mean((target - prediction)**2)"),
    _loss(
        "mean_absolute_percentage_error",
        "mean error as a share of the target",
        f"mean(abs(target - prediction) / max(abs(target), {_EPS}))",
    ),
    Formula(
        name="r2",
        summary="share of the target's variance explained",
        tasks=REGRESSION,
        lowest=None,
        formula="1 - mean((target - prediction)**2) / (mean((target - centre)**2) - mean(target - centre)**2)",
    ),
    pinball(0.5),
    Formula(
        name="mean_error",
        summary="mean of prediction - target",
        formula="mean(prediction - target)",
        tasks=REGRESSION,
        lowest=None,
        highest=None,
        gated=False,
        directed=False,
    ),
)

ALIASES = {
    "mae": "mean_absolute_error",
    "rmse": "root_mean_squared_error",
    "mse": "mean_squared_error",
    "mape": "mean_absolute_percentage_error",
    "r2_score": "r2",
    "pinball_loss": "mean_pinball_loss",
    "quantile_loss": "mean_pinball_loss",
    "bias": "mean_error",
}
