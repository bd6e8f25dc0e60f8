"""Metrics of the confusion matrix; names and definitions are scikit-learn's where it has them."""

import numpy as np

from seatrial.metrics.base import Averaged, Floats, Formula, Marginal, MarginalValue, Metric, PerClass

BINARY = frozenset({"binary"})
MULTICLASS = frozenset({"multiclass"})
AVERAGED_TASKS = frozenset({"multiclass", "multilabel", "binary"})

# name, per-class formula, in words, which way is good
PER_CLASS: tuple[tuple[str, str, str, bool], ...] = (
    ("precision", "tp / (tp + fp)", "of the rows predicted positive, the share that truly are", True),
    ("recall", "tp / (tp + fn)", "of the positive rows, the share found", True),
    ("specificity", "tn / (tn + fp)", "of the negative rows, the share not flagged", True),
    ("false_positive_rate", "fp / (fp + tn)", "of the negative rows, the share flagged", False),
    ("false_negative_rate", "fn / (fn + tp)", "of the positive rows, the share missed", False),
    ("negative_predictive_value", "tn / (tn + fn)", "of the rows predicted negative, the share that truly are", True),
    ("f1", "2*tp / (2*tp + fp + fn)", "harmonic mean of precision and recall", True),
    ("jaccard", "tp / (tp + fp + fn)", "positives found over positives found, missed or wrongly claimed", True),
)


def fbeta_formula(beta: float) -> str:
    """F-beta in tp, fp, fn: (1 + b2) tp / ((1 + b2) tp + b2 fn + fp)."""
    square = beta * beta
    return f"{_number(1 + square)}*tp / ({_number(1 + square)}*tp + {_number(square)}*fn + fp)"


def _number(value: float) -> str:
    """A number as short as it can be without losing a digit: `5`, `1.25`, `0.11088900000000002`."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _kappa(hits: Floats, predicted: Floats, actual: Floats) -> MarginalValue:
    """Cohen's kappa (1960): (po - pe) / (1 - pe), po = sum of hits, pe = sum of predicted x actual."""
    observed, expected = hits.sum(axis=1), (predicted * actual).sum(axis=1)
    room = np.where(expected < 1, 1 - expected, np.nan)
    value = (observed - expected) / room
    by_expected = ((observed - 1) / room**2)[:, None]
    return MarginalValue(
        value=value,
        by_hits=np.broadcast_to((1 / room)[:, None], hits.shape),
        by_predicted=by_expected * actual,
        by_actual=by_expected * predicted,
        reason="targets and predictions hold one and the same class, so agreement beyond chance is undefined",
    )


def _matthews(hits: Floats, predicted: Floats, actual: Floats) -> MarginalValue:
    """Multiclass Matthews correlation (Gorodkin 2004): cov(t, p) / sqrt(cov(t, t) cov(p, p))."""
    covariance = hits.sum(axis=1) - (predicted * actual).sum(axis=1)
    spread_p, spread_a = 1 - (predicted**2).sum(axis=1), 1 - (actual**2).sum(axis=1)
    product = spread_p * spread_a
    scale = np.sqrt(np.where(product > 1e-15, product, np.nan))
    value = covariance / scale
    return MarginalValue(
        value=value,
        by_hits=np.broadcast_to((1 / scale)[:, None], hits.shape),
        by_predicted=-actual / scale[:, None] + (value / spread_p)[:, None] * predicted,
        by_actual=-predicted / scale[:, None] + (value / spread_a)[:, None] * actual,
        reason="targets or predictions hold only one class, so no correlation can be formed",
    )


def _binary() -> list[Metric]:
    return [
        Formula(name=name, summary=summary, formula=formula, higher_is_better=good, tasks=BINARY)
        for name, formula, summary, good in PER_CLASS
    ]


def has_classes(name: str, others: tuple[str, ...] = ()) -> bool:
    """Whether a metric of two classes can be asked of one class of several."""
    return name in others or any(name == known for known, *_ in PER_CLASS)


def per_class(name: str, label: str) -> Metric | None:
    """`recall[cat]`: the one-vs-rest metric of one class, or None when `name` has no per-class form."""
    for known, formula, summary, good in PER_CLASS:
        if known == name:
            return PerClass(
                name=f"{name}[{label}]",
                summary=f"{summary}, class {label}",
                formula=formula,
                label=label,
                higher_is_better=good,
                tasks=AVERAGED_TASKS,
            )
    return None


def fbeta_of_class(name: str, beta: float, label: str) -> Metric:
    """`f2[cat]`: F-beta of one class against the rest."""
    return PerClass(
        name=f"{name}[{label}]",
        summary=f"harmonic mean of precision and recall, recall counted {beta:g} times, class {label}",
        formula=fbeta_formula(beta),
        label=label,
        tasks=AVERAGED_TASKS,
    )


def averaged(name: str, formula: str, summary: str, *, good: bool = True) -> list[Metric]:
    """`<name>_macro`, `_weighted` and `_micro` of a per-class formula."""
    words = {
        "macro": "mean over classes",
        "weighted": "mean over classes by their rows",
        "micro": "pooled over classes",
    }
    return [
        Averaged(
            name=f"{name}_{average}",
            summary=f"{summary}; {words[average]}",
            formula=f"{average} of {formula}",
            per_class=formula,
            average=average,
            tasks=AVERAGED_TASKS,
            higher_is_better=good,
        )
        for average in ("macro", "weighted", "micro")
    ]


METRICS: tuple[Metric, ...] = (
    Formula(name="accuracy", summary="share of rows predicted right", formula="mean(target == prediction)"),
    Averaged(
        name="balanced_accuracy",
        summary="mean recall over the classes present",
        per_class="tp / (tp + fn)",
        formula="macro of tp / (tp + fn), over the classes of the targets",
        average="macro",
        present="target",
    ),
    *_binary(),
    Formula(
        name="selection_rate",
        summary="share of rows predicted positive",
        formula="tp + fp",
        tasks=BINARY,
        directed=False,
    ),
    Formula(
        name="prevalence", summary="share of rows that are positive", formula="tp + fn", tasks=BINARY, directed=False
    ),
    *(
        metric
        for name in ("precision", "recall", "f1", "jaccard")
        for known, formula, summary, good in PER_CLASS
        if known == name
        for metric in averaged(name, formula, summary, good=good)
    ),
    Marginal(
        name="matthews_corrcoef",
        summary="correlation of targets and predictions",
        function=_matthews,
        formula="cov(t, p) / sqrt(cov(t, t) cov(p, p)) over class indicators",
        lowest=-1.0,
    ),
    Marginal(
        name="cohen_kappa",
        summary="agreement beyond chance",
        function=_kappa,
        lowest=-1.0,
        formula="(po - pe) / (1 - pe), po: share of agreement, pe: expected by chance",
    ),
    Formula(
        name="subset_accuracy",
        summary="share of rows with every label right",
        formula="mean(exact == 1)",
        tasks=frozenset({"multilabel"}),
    ),
    Formula(
        name="hamming_loss",
        summary="share of labels that are wrong",
        formula="mean(wrong_labels)",
        tasks=frozenset({"multilabel"}),
        higher_is_better=False,
    ),
)

ALIASES = {
    "mcc": "matthews_corrcoef",
    "kappa": "cohen_kappa",
    "cohen_kappa_score": "cohen_kappa",
    "fpr": "false_positive_rate",
    "fnr": "false_negative_rate",
    "tpr": "recall",
    "tnr": "specificity",
    "sensitivity": "recall",
    "f1_score": "f1",
    "accuracy_score": "accuracy",
    "precision_score": "precision",
    "recall_score": "recall",
    "balanced_accuracy_score": "balanced_accuracy",
    "npv": "negative_predictive_value",
}
