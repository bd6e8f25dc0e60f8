"""Metrics of key fields taken from documents, from counts of each document summed over documents."""

from seatrial.metrics.base import Formula, Metric, OverLabels

FIELDS = frozenset({"fields"})
BY_LABEL = ("gold_fields", "predicted_fields", "matched_fields", "exact_fields", "missing_fields", "spurious_fields")

METRICS: tuple[Metric, ...] = (
    *(
        metric
        for way, matches, said in (
            ("", "matched_fields", "in normal form"),
            ("_exact", "exact_fields", "letter for letter"),
        )
        for metric in (
            Formula(
                name=f"field_accuracy{way}",
                summary=f"share of the fields in the targets that are right, {said}",
                formula=f"{matches} / gold_fields",
                tasks=FIELDS,
            ),
            Formula(
                name=f"field_precision{way}",
                summary=f"share of the fields given that are right, {said}",
                formula=f"{matches} / predicted_fields",
                tasks=FIELDS,
            ),
            Formula(
                name=f"field_f1{way}",
                summary=f"harmonic mean of the two: fields right, {said}",
                formula=f"2*({matches} / gold_fields) / (1 + predicted_fields / gold_fields)",
                tasks=FIELDS,
            ),
            OverLabels(
                name=f"field_accuracy_macro{way}",
                summary=f"share right of each field of the targets, {said}, a mean over fields",
                formula=f"mean over fields of {matches} / gold_fields",
                per_label=f"{matches} / gold_fields",
                tasks=FIELDS,
            ),
        )
    ),
    Formula(
        name="field_missing_rate",
        summary="share of the fields in the targets for which nothing was given",
        formula="missing_fields / gold_fields",
        higher_is_better=False,
        tasks=FIELDS,
    ),
    Formula(
        name="field_spurious_rate",
        summary="share of the fields given that the target does not have",
        formula="spurious_fields / predicted_fields",
        higher_is_better=False,
        tasks=FIELDS,
    ),
    Formula(
        name="document_accuracy",
        summary="share of the documents with every field right in normal form and none too many",
        formula="mean(row_right == 1)",
        tasks=FIELDS,
    ),
    Formula(
        name="document_accuracy_exact",
        summary="share of the documents with every field right letter for letter and none too many",
        formula="mean(row_exact == 1)",
        tasks=FIELDS,
    ),
)

ALIASES = {"field_recall": "field_accuracy", "field_recall_exact": "field_accuracy_exact"}
TASK_ALIASES = {
    "fields": {
        "accuracy": "field_accuracy",
        "precision": "field_precision",
        "recall": "field_accuracy",
        "f1": "field_f1",
        "exact_match": "document_accuracy",
    }
}
USUAL = {
    "fields": (
        "field_accuracy",
        "field_accuracy_exact",
        "field_accuracy_macro",
        "field_precision",
        "field_f1",
        "field_missing_rate",
        "field_spurious_rate",
        "document_accuracy",
        "document_accuracy_exact",
    )
}
USUAL_BY_LABEL = ("field_accuracy", "field_accuracy_exact", "field_missing_rate")
