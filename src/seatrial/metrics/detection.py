"""Metrics of boxes in images: COCO's average precision by resampling images, and counts at one score threshold."""

from seatrial.metrics.base import Detected, Formula, Metric, OverLabels

BOXES = frozenset({"boxes"})
OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
BY_LABEL = ("gold_boxes", "predicted_boxes", "matched_boxes")
_F1 = "2*(matched_boxes / gold_boxes) / (1 + predicted_boxes / gold_boxes)"

METRICS: tuple[Metric, ...] = (
    Detected(
        name="box_map",
        summary="COCO average precision: a mean over classes and overlaps from .5 to .95",
        formula="mean over classes and overlaps of the 101-point interpolated precision over recall",
        overlaps=OVERLAPS,
        tasks=BOXES,
    ),
    Detected(
        name="box_map_50",
        summary="average precision at an overlap of .5, a mean over classes",
        formula="mean over classes of the 101-point interpolated precision over recall",
        overlaps=(0.5,),
        tasks=BOXES,
    ),
    Detected(
        name="box_map_75",
        summary="average precision at an overlap of .75, a mean over classes",
        formula="mean over classes of the 101-point interpolated precision over recall",
        overlaps=(0.75,),
        tasks=BOXES,
    ),
    Formula(
        name="box_precision",
        summary="share of the boxes at or above the threshold that overlap one of their class by half",
        formula="matched_boxes / predicted_boxes",
        tasks=BOXES,
    ),
    Formula(
        name="box_recall",
        summary="share of the boxes in the targets found by one at or above the threshold",
        formula="matched_boxes / gold_boxes",
        tasks=BOXES,
    ),
    Formula(
        name="box_f1", summary="harmonic mean of box precision and recall at the threshold", formula=_F1, tasks=BOXES
    ),
    OverLabels(
        name="box_recall_macro",
        summary="box recall at the threshold, a mean over the classes of the targets",
        formula="mean over classes of matched_boxes / gold_boxes",
        per_label="matched_boxes / gold_boxes",
        tasks=BOXES,
    ),
    Formula(
        name="images_all_right",
        summary="share of the images with every box found at the threshold and no others",
        formula="mean(row_right == 1)",
        tasks=BOXES,
    ),
)

ALIASES = {"coco_map": "box_map"}
TASK_ALIASES = {
    "boxes": {
        "map": "box_map",
        "map_50": "box_map_50",
        "map_75": "box_map_75",
        "average_precision": "box_map",
        "precision": "box_precision",
        "recall": "box_recall",
        "f1": "box_f1",
        "accuracy": "images_all_right",
    }
}
USUAL = {"boxes": ("box_map", "box_map_50", "box_map_75", "box_precision", "box_recall", "box_f1", "images_all_right")}
USUAL_BY_LABEL = ("box_map", "box_map_50")
