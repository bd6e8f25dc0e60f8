"""Metrics of named entities, from counts of each row (a sentence, a document) summed over rows."""

from seatrial.metrics.base import Formula, Metric, OverLabels

ENTITIES = frozenset({"entities"})
BY_LABEL = ("gold_entities", "predicted_entities", "strict_matches", "partial_matches")


def _three(matches: str) -> dict[str, str]:
    """Precision, recall and F1 of one way to match; F1 has no value where there is nothing to find."""
    precision, recall = f"{matches} / predicted_entities", f"{matches} / gold_entities"
    return {
        "precision": precision,
        "recall": recall,
        "f1": f"2*({recall}) / (1 + predicted_entities / gold_entities)",
    }


_WORDS = {
    "precision": "share of the predicted entities that are right",
    "recall": "share of the entities that are found",
    "f1": "harmonic mean of entity precision and recall",
}
_WAYS = {
    "": ("strict_matches", "same boundaries and type"),
    "_partial": ("partial_matches", "an overlap counts half, whatever the type"),
    "_boundary": ("boundary_matches", "same boundaries, whatever the type"),
    "_type": ("type_matches", "an overlap of the same type"),
}

METRICS: tuple[Metric, ...] = (
    *(
        Formula(
            name=f"entity_{name}{way}",
            summary=f"{_WORDS[name]} ({said})",
            formula=_three(matches)[name],
            tasks=ENTITIES,
        )
        for way, (matches, said) in _WAYS.items()
        for name in ("f1", "precision", "recall")
    ),
    *(
        OverLabels(
            name=f"entity_{name}_macro{way}",
            summary=f"{_WORDS[name]} ({said}), a mean over the types of the targets",
            formula=f"mean over types of {_three(matches)[name]}",
            per_label=_three(matches)[name],
            tasks=ENTITIES,
        )
        for way, (matches, said) in list(_WAYS.items())[:2]
        for name in ("f1", "precision", "recall")
    ),
    Formula(
        name="entities_all_right",
        summary="share of the rows with every entity right and no others",
        formula="mean(row_right == 1)",
        tasks=ENTITIES,
    ),
)

ALIASES = {"entity_f1_micro": "entity_f1", "entity_f1_strict": "entity_f1", "muc_partial_f1": "entity_f1_partial"}
TASK_ALIASES = {
    "entities": {
        "f1": "entity_f1",
        "f1_micro": "entity_f1",
        "precision": "entity_precision",
        "recall": "entity_recall",
        "f1_macro": "entity_f1_macro",
        "f1_partial": "entity_f1_partial",
        "accuracy": "entities_all_right",
        "exact_match": "entities_all_right",
    }
}
USUAL = {
    "entities": (
        "entity_f1",
        "entity_precision",
        "entity_recall",
        "entity_f1_partial",
        "entity_f1_boundary",
        "entity_f1_type",
        "entity_f1_macro",
        "entities_all_right",
    )
}
USUAL_BY_LABEL = ("entity_f1", "entity_precision", "entity_recall")
