"""Health: facts about the data that decide whether any result can be trusted; what they mean is decided elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from seatrial.data.answers.counting import COUNTED
from seatrial.data.engine import DuckDBEngine, quoted
from seatrial.data.facts import ColumnFacts
from seatrial.data.frame import Frame
from seatrial.data.predictions import Predictions
from seatrial.data.roles import is_target_name, plain
from seatrial.data.staging import Uses, stage
from seatrial.data.values import is_operational
from seatrial.errors import UsageError

_MOST_COLUMNS = 200
_MOST_SUSPECTS = 20
_MOST_MISSING = 0.01


@dataclass(frozen=True, kw_only=True)
class SideFacts:
    """What is known of one version's input."""

    name: str
    rows: int
    matched: int
    unmatched: int
    duplicate_ids: int
    missing_ids: int
    target_disagreements: int
    """Matched rows whose target differs from the baseline file's."""
    disagreeing_ids: tuple[str, ...]
    target_labels: tuple[str, ...]
    prediction_labels: tuple[str, ...]
    missing_predictions: int
    """Matched rows without a prediction."""
    scores_out_of_range: int
    """Scores of matched rows below 0 or above 1."""
    missing_scores: int
    identical: bool
    """Whether predictions and scores equal the baseline's on every row."""
    identical_values: tuple[str, ...]
    """Numeric columns that equal the baseline's on every row."""


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A column that is no output of the model and tells the target on every row."""

    column: str
    kind: Literal["equal", "one-to-one"]


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """Counts for the health checks, over the matched rows unless said otherwise."""

    n: int
    matched_share: float
    sides: tuple[SideFacts, ...]
    columns: tuple[ColumnFacts, ...]
    """Missing, unreadable and non-finite entries per column, over all rows of its file."""
    class_counts: tuple[tuple[str, int], ...]
    """Rows per label of the target, in the order of the labels; of a multilabel task, rows that have the label."""
    missing_targets: int
    leaks: tuple[Leak, ...]

    @property
    def rarest_class(self) -> tuple[str, float] | None:
        """The label with the fewest rows (a label without any left out) and its share."""
        present = [(count, label) for label, count in self.class_counts if count]
        total = sum(count for count, _ in present)
        return (min(present)[1], min(present)[0] / total) if present else None

    @property
    def majority_class(self) -> tuple[str, float] | None:
        """The label with the most rows and its share: the accuracy of always answering it."""
        present = [(count, label) for label, count in self.class_counts if count]
        total = sum(count for count, _ in present)
        if not present:
            return None
        most = max(count for count, _ in present)
        return next(label for count, label in present if count == most), most / total


def data_facts(frame: Frame, predictions: Sequence[Predictions]) -> DataFacts:
    """Return the facts about an aligned frame and the inputs it was made of."""
    engine = frame.engine
    if not isinstance(engine, DuckDBEngine):
        raise UsageError("The facts of the data are read through DuckDB.")
    known = {row[0]: str(row[1]) for row in engine.rows(f"DESCRIBE SELECT * FROM {quoted(frame.table)}")}
    sides: list[SideFacts] = []
    for at, side in enumerate(frame.sides):
        own = [name for name in known if _is_output(name, at)]
        scores = [name for name in own if name.startswith("score_")]
        answers = [name for name in own if name.startswith("prediction_")]
        values = [
            (name, f"value_{at}_{k}", f"value_0_{k}") for k, name in enumerate(frame.values) if at in frame.present[k]
        ]
        unlike = " OR ".join(
            f"{name} IS DISTINCT FROM {_of_baseline(name, at)}" for name in own if _of_baseline(name, at) in known
        )
        same_shape = len(own) == len([name for name in known if _is_output(name, 0)])
        wanted = [
            f"count(*) FILTER (WHERE {' OR '.join(f'{name} IS NULL' for name in answers) or 'FALSE'})",
            " + ".join(f"count(*) FILTER (WHERE {name} < 0 OR {name} > 1)" for name in scores) or "0",
            f"count(*) FILTER (WHERE {' OR '.join(f'{name} IS NULL' for name in scores) or 'FALSE'})",
            f"count(*) FILTER (WHERE {unlike or 'FALSE'})",
            *(f"count(*) FILTER (WHERE {mine} IS DISTINCT FROM {base})" for _, mine, base in values),
        ]
        found = engine.one(f"SELECT {', '.join(wanted)} FROM {quoted(frame.table)}")
        facts = frame.facts
        sides.append(
            SideFacts(
                name=side.name,
                rows=side.rows,
                matched=side.matched,
                unmatched=frame.unmatched[at],
                duplicate_ids=side.duplicate_ids,
                missing_ids=side.missing_ids,
                target_disagreements=facts.target_disagreements[at],
                disagreeing_ids=facts.disagreeing_ids[at],
                target_labels=facts.target_labels[at],
                prediction_labels=facts.prediction_labels[at],
                missing_predictions=found[0],
                scores_out_of_range=found[1],
                missing_scores=found[2],
                identical=same_shape and found[3] == 0,
                identical_values=tuple(name for (name, _, _), n in zip(values, found[4:], strict=True) if n == 0),
            )
        )
    counts, missing = _class_counts(frame, engine)
    return DataFacts(
        n=frame.n,
        matched_share=frame.matched_share,
        sides=tuple(sides),
        columns=frame.facts.columns,
        class_counts=counts,
        missing_targets=missing,
        leaks=find_leaks(predictions, engine),
    )


def find_leaks(predictions: Sequence[Predictions], engine: DuckDBEngine) -> tuple[Leak, ...]:
    """Return columns of the baseline's source that equal the target on every row, or stand one to one for it.

    A column is looked at only if the first rows do not already rule it out; at least two levels, at most 1 % missing.
    """
    first = predictions[0]
    target = first.roles.target
    if target is None:
        return ()
    suspects = _suspects(predictions, target)
    if not suspects:
        return ()
    places = first.source.places
    model = () if first.model is None else (places[first.model[0]],)
    uses = Uses(texts=(places[target], *(places[name] for name in suspects), *model))
    staged = stage(engine, first.source, uses)
    relation, given = staged.relation(None if first.model is None else (places[first.model[0]], first.model[1]))
    leaks: list[Leak] = []
    goal = f"CAST(t{places[target]} AS VARCHAR)"
    for name in suspects:
        column = f"CAST(t{places[name]} AS VARCHAR)"
        both = f"{column} IS NOT NULL AND {goal} IS NOT NULL"
        unlike = f"{column} <> {goal} AND TRY_CAST({column} AS DOUBLE) IS DISTINCT FROM TRY_CAST({goal} AS DOUBLE)"
        missing_or_unlike = f"count(*) FILTER (WHERE {column} IS NULL), count(*) FILTER (WHERE {both} AND {unlike})"
        rows, missing, unequal = engine.one(f"SELECT count(*), {missing_or_unlike} FROM {relation}", given)
        pairs, levels, labels = engine.one(
            f"SELECT count(*), count(DISTINCT a), count(DISTINCT b) FROM"
            f" (SELECT DISTINCT {column} AS a, {goal} AS b FROM {relation} WHERE {both})",
            given,
        )
        if missing > _MOST_MISSING * rows or levels < 2:
            continue
        if unequal == 0:
            leaks.append(Leak(column=name, kind="equal"))
        elif pairs == levels == labels and rows >= 2 * levels:
            leaks.append(Leak(column=name, kind="one-to-one"))
    staged.drop()
    return tuple(leaks)


def _suspects(predictions: Sequence[Predictions], target: str) -> list[str]:
    """Return the columns that tell the target on all of the first rows."""
    first = predictions[0]
    roles = {
        column for one in predictions if one.source.identity == first.source.identity for column in one.roles.columns
    }
    model = {first.model[0]} if first.model is not None else set()
    names = [
        name
        for name in first.source.columns
        if name not in roles | model
        and (
            name in first.features
            if first.features is not None
            else not is_target_name(name) and not _is_output_name(name) and not is_operational(name)
        )
    ][:_MOST_COLUMNS]
    values = first.source.sample([target, *names])
    goal = values[target]
    labels = {value for value in goal if value is not None}
    few = len(labels) <= max(50, len(goal) // 4)
    suspects: list[str] = []
    for name in names:
        pairs = {(a, b) for a, b in zip(values[name], goal, strict=True) if a is not None and b is not None}
        levels = {a for a, _ in pairs}
        equal = all(a == b for a, b in pairs)
        if len(levels) < 2 or (first.column is not None and levels <= labels):
            continue
        if equal or (few and len(pairs) == len(levels) == len({b for _, b in pairs})):
            suspects.append(name)
    return suspects[:_MOST_SUSPECTS]


def _class_counts(frame: Frame, engine: DuckDBEngine) -> tuple[tuple[tuple[str, int], ...], int]:
    table = quoted(frame.table)
    if frame.task == "regression" or frame.task in COUNTED:
        (missing,) = engine.one(f"SELECT count(*) - count(target) FROM {table}")
        return (), missing
    if frame.task == "multilabel":
        sums = ", ".join(f"COALESCE(sum(target_l{code}), 0)" for code in range(len(frame.labels)))
        absent = " OR ".join(f"target_l{code} IS NULL" for code in range(len(frame.labels)))
        *counts, missing = engine.one(f"SELECT {sums}, count(*) FILTER (WHERE {absent}) FROM {table}")
        return tuple((label, int(count)) for label, count in zip(frame.labels, counts, strict=True)), missing
    found = dict(engine.rows(f"SELECT target, count(*) FROM {table} GROUP BY target"))
    counts = [(label, found.get(code, 0)) for code, label in enumerate(frame.labels)]
    return tuple(counts), found.get(None, 0)


def _is_output(column: str, version: int) -> bool:
    return any(
        column == f"{kind}_{version}" or column.startswith(f"{kind}_{version}_") for kind in ("prediction", "score")
    )


def _of_baseline(column: str, version: int) -> str:
    kind, _, rest = column.partition("_")
    return f"{kind}_0{rest.removeprefix(str(version))}"


def _is_output_name(name: str) -> bool:
    return plain(name).startswith(("pred", "score", "prob", "y_pred", "y_score", "y_prob", "yhat", "y_hat", "correct"))
