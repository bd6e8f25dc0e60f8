"""Metrics of the order of scores: how well they tell the classes apart, whatever the threshold."""

from seatrial.metrics.base import Banded, Metric, Ranked

BINARY = frozenset({"binary"})
MULTICLASS = frozenset({"multiclass"})

METRICS: tuple[Metric, ...] = (
    Ranked(
        name="roc_auc",
        summary="chance that a positive row is scored above a negative one",
        tasks=BINARY,
        formula="P(score of a positive > score of a negative), ties half",
        statistic="roc_auc",
        needs_scores=True,
    ),
    Ranked(
        name="average_precision",
        summary="precision averaged over the recall it is reached at",
        tasks=BINARY,
        formula="sum of (R_k - R_k-1) P_k over thresholds",
        statistic="average_precision",
        needs_scores=True,
    ),
    Ranked(
        name="roc_auc_ovr",
        summary="mean over classes of one-vs-rest ROC AUC",
        tasks=MULTICLASS,
        classes="macro",
        formula="macro of one-vs-rest ROC AUC",
        statistic="roc_auc",
        needs_scores=True,
    ),
    Ranked(
        name="average_precision_macro",
        summary="mean over classes of one-vs-rest average precision",
        tasks=MULTICLASS,
        classes="macro",
        formula="macro of one-vs-rest average precision",
        statistic="average_precision",
        needs_scores=True,
    ),
    Banded(
        name="ks",
        summary="largest gap between the true and the false positive rate",
        tasks=BINARY,
        formula="max over thresholds of |TPR - FPR|",
        statistic="ks",
        gated=False,
        needs_scores=True,
    ),
)

ALIASES = {
    "auc": "roc_auc",
    "roc_auc_score": "roc_auc",
    "average_precision_score": "average_precision",
    "pr_auc": "average_precision",
    "ks_statistic": "ks",
}


BY_CLASS = ("roc_auc", "average_precision")
"""Metrics that can be asked of one class against the rest."""


def per_class(name: str, label: str) -> Metric | None:
    """`roc_auc[cat]`: one class against the rest, or None when `name` is no metric of ranks."""
    if name == "roc_auc":
        return Ranked(
            name=f"roc_auc[{label}]",
            summary=f"ROC AUC of class {label} against the rest",
            classes=label,
            formula="P(score of the class > score of another), ties half",
            statistic="roc_auc",
            needs_scores=True,
        )
    if name == "average_precision":
        return Ranked(
            name=f"average_precision[{label}]",
            summary=f"average precision of class {label} against the rest",
            classes=label,
            formula="sum of (R_k - R_k-1) P_k",
            statistic="average_precision",
            needs_scores=True,
        )
    return None
