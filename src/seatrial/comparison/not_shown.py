"""What a scorecard does not show, said from what is missing."""

from seatrial.comparison.versions import Comparison


def not_shown(comparison: Comparison) -> tuple[str, ...]:
    """One sentence for each thing that a reader might think was tested and was not."""
    frame, wanted = comparison.frame, comparison.wanted
    said = [
        "Whether the rows are like those the model will meet: this page speaks for rows like these.",
        "How much a retrained model would differ: each version is one training run, and seeds were not varied.",
    ]
    operational = {c.lower() for c in wanted.operational}
    if not any(c.startswith(("latency", "duration", "time")) or c.endswith(("_ms", "_latency")) for c in operational):
        said.append("Latency: no latency column was given.")
    else:
        said.append(
            "Latency under load: the latency column was taken as given; device, batch size and queueing are not in "
            "the file."
        )
    if not any("cost" in c or "price" in c for c in operational):
        said.append("Cost: no cost column was given.")
    if not wanted.slices:
        said.append("How groups fare: no slices were asked for (--by).")
    if frame.task in ("binary", "multiclass", "multilabel") and not any(frame.scored):
        said.append("Ranking and calibration: no score column was given.")
    if frame.cluster is None:
        said.append(
            "Dependence between rows: they were taken as independent; if several rows share a user or document, "
            "name it with --cluster."
        )
    if not frame.has_id and len(comparison.models) > 1 and not comparison.request.unpaired:
        said.append("Whether the files' rows belong together: there is no id, so rows were paired by position.")
    said.append("Errors in the labels, their age, and any overlap of these rows with the training data.")
    said.append("What users do: no live traffic is in these files, so the effect on the business is not measured.")
    if len(comparison.models) > 1:
        said.append("Robustness: no perturbed or adversarial inputs were tried.")
    return tuple(said)
