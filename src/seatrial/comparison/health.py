"""Health first: what in the data forbids a verdict, and what a reader should know before any number."""

from seatrial.comparison.reference import reference
from seatrial.comparison.versions import Comparison
from seatrial.data.facts import ColumnFacts
from seatrial.data.health import DataFacts, SideFacts
from seatrial.errors import listed
from seatrial.metrics.catalogue import rare_below
from seatrial.records import Finding
from seatrial.records.numbers import format_percent, format_share

MATCHED = 0.99


def findings(comparison: Comparison) -> tuple[Finding, ...]:
    """Every check of the data, failed ones first; a failed one makes the verdict invalid."""
    found: list[Finding] = []
    for facts in comparison.facts:
        found += [*_ids(facts), *_matching(facts), *_targets(facts), *_scores(facts), *_leaks(facts), *_columns(facts)]
    found += [*_labels(comparison), *_rare(comparison)]
    order = {"fail": 0, "warn": 1, "pass": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.status]))


def is_broken(comparison: Comparison) -> bool:
    """Whether some check failed."""
    return any(finding.status == "fail" for finding in findings(comparison))


def _ids(facts: DataFacts) -> list[Finding]:
    found = []
    for side in facts.sides:
        if side.duplicate_ids:
            found.append(
                _fail(
                    "duplicate ids",
                    f"{_many(side.duplicate_ids, 'row')} of {side.name} {_verb(side.duplicate_ids, 'repeat')} an id "
                    f"that was "
                    "already there; keep one row an example, or name the right column with --id.",
                    side.duplicate_ids,
                )
            )
        if side.missing_ids:
            found.append(
                _warn(
                    "missing ids",
                    f"{_many(side.missing_ids, 'row')} of {side.name} without an id left out.",
                    side.missing_ids,
                )
            )
    if not found:
        found.append(_pass("ids", "Every example has one row in each file."))
    return found


def _matching(facts: DataFacts) -> list[Finding]:
    if len(facts.sides) < 2:
        return []
    lost = [side for side in facts.sides if side.unmatched]
    if not lost:
        return [_pass("matching", f"All {facts.n:,} examples are in every file.")]
    said = "; ".join(f"{side.unmatched:,} of {side.rows:,} rows of {side.name}" for side in lost)
    also = (
        ""
        if facts.matched_share >= MATCHED
        else ", so the verdict is at best inconclusive unless the worst case passes"
    )
    share = format_share(facts.matched_share)
    text = f"{said} have no partner in the other files and were left out ({share} matched{also})."
    return [_warn("matching", text, sum(side.unmatched for side in lost))]


def _targets(facts: DataFacts) -> list[Finding]:
    found = []
    for side in facts.sides[1:]:
        if side.target_disagreements:
            many = _many(side.target_disagreements, "example")
            have = "has" if side.target_disagreements == 1 else "have"
            text = f"{many} {have} another target in {side.name} than in {facts.sides[0].name}"
            where = f" (ids {listed(side.disagreeing_ids)})" if side.disagreeing_ids else ""
            found.append(
                _fail(
                    "targets agree", f"{text}{where}; the files do not hold the same truth.", side.target_disagreements
                )
            )
    if facts.missing_targets:
        found.append(
            _warn(
                "missing targets",
                f"{_many(facts.missing_targets, 'row')} without a target left out.",
                facts.missing_targets,
            )
        )
    for side in facts.sides:
        if side.missing_predictions:
            share = side.missing_predictions / max(facts.n, 1)
            found.append(
                _warn(
                    "missing predictions",
                    f"{side.name} has no prediction for {_many(side.missing_predictions, 'row')} "
                    f"({format_percent(share)}); they are out of every metric for all versions.",
                    side.missing_predictions,
                )
            )
    if len(facts.sides) > 1 and not any(finding.status == "fail" for finding in found):
        found.append(_pass("targets agree", "The files agree on every target."))
    return found


def _labels(comparison: Comparison) -> list[Finding]:
    if comparison.frame.task not in ("binary", "multiclass"):
        return []
    found: list[Finding] = []
    sides = [side for facts in comparison.facts for side in facts.sides]
    known = set(sides[0].target_labels)
    for side in sides:
        predicted, own = set(side.prediction_labels), set(side.target_labels)
        if predicted and not predicted & known:
            found.append(
                _fail(
                    "label sets",
                    f"{side.name} predicts {_shown(side, predicted)}, and no target is any of these (targets are "
                    f"{listed(sorted(known), limit=4)}); write labels alike in every column.",
                    len(predicted),
                )
            )
        elif predicted - known:
            third = len(known | predicted) > len(comparison.frame.labels)
            counted = ": such an answer is neither class and counts as wrong, whatever the target" if third else ""
            found.append(
                _warn(
                    "label sets",
                    f"{side.name} predicts {_shown(side, predicted - known)}, which no target is{counted}.",
                    len(predicted - known),
                )
            )
        if own and own != known and not own & known:
            found.append(
                _fail(
                    "label sets",
                    f"The targets of {side.name} are {listed(sorted(own), limit=4)}, those of {sides[0].name} "
                    f"{listed(sorted(known), limit=4)}; the files do not hold the same labels.",
                    len(own),
                )
            )
    return found or [_pass("label sets", f"Targets and predictions share {len(comparison.frame.labels)} labels.")]


def _scores(facts: DataFacts) -> list[Finding]:
    found = []
    for side in facts.sides:
        if side.scores_out_of_range:
            found.append(
                _fail(
                    "probabilities",
                    f"{_many(side.scores_out_of_range, 'score')} of {side.name} "
                    f"{_verb(side.scores_out_of_range, 'lie')} outside 0 to 1; give "
                    "probabilities, or leave the column out with --prediction alone.",
                    side.scores_out_of_range,
                )
            )
        elif side.missing_scores and side.missing_scores < facts.n:
            found.append(
                _warn(
                    "missing scores",
                    f"{side.name} has no score for {_many(side.missing_scores, 'row')}; they are out of every "
                    "metric of scores.",
                    side.missing_scores,
                )
            )
    return found


def _leaks(facts: DataFacts) -> list[Finding]:
    words = {"equal": "equals the target on every row", "one-to-one": "stands one to one for the target"}
    return [
        _fail(
            "target leak",
            f"The column '{leak.column}' {words[leak.kind]}: a feature like this gives the answer away. Remove it, or "
            "name the true target with --target.",
        )
        for leak in facts.leaks
    ]


def _columns(facts: DataFacts) -> list[Finding]:
    found = []
    for column in facts.columns:
        if column.role in ("score", "value", "weight") and (column.unreadable or column.not_finite):
            found.append(
                _warn(
                    "unreadable numbers",
                    _unreadable(column, facts.sides[column.version].name),
                    column.unreadable + column.not_finite,
                )
            )
    return found


def _unreadable(column: ColumnFacts, model: str) -> str:
    parts = []
    if column.unreadable:
        parts.append(f"{column.unreadable:,} entries that are no numbers")
    if column.not_finite:
        parts.append(f"{column.not_finite:,} that are NaN or infinite")
    return f"'{column.column}' of {model} has {' and '.join(parts)}; they count as missing."


def _rare(comparison: Comparison) -> list[Finding]:
    rarest = comparison.facts[0].rarest_class
    if rarest is None or comparison.frame.task not in ("binary", "multiclass"):
        return []
    if rarest[1] >= rare_below(len(comparison.frame.labels)):
        return []
    text = (
        f"The rarest class, '{rarest[0]}', is {format_percent(rarest[1])} of the rows, so accuracy says little and "
        f"does not lead"
    )
    known = next((one for one in reference(comparison) if one.metric == "accuracy"), None)
    if known is not None and known.value is not None:
        text += f": answering {known.model} is right on {format_percent(known.value)}"
    return [_warn("rare class", f"{text}.")]


def _shown(side: SideFacts, labels: set[str]) -> str:
    return listed(sorted(labels), limit=4)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb


def _fail(name: str, sentence: str, count: int | None = None) -> Finding:
    return Finding(name=name, status="fail", sentence=sentence, count=count)


def _warn(name: str, sentence: str, count: int | None = None) -> Finding:
    return Finding(name=name, status="warn", sentence=sentence, count=count)


def _pass(name: str, sentence: str) -> Finding:
    return Finding(name=name, status="pass", sentence=sentence)
