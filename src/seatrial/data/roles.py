"""Roles: which column is the id, the target, the prediction, the score; found by name, checked by value, said aloud."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seatrial.data.answers.counting import COUNTED
from seatrial.data.source import Source
from seatrial.errors import UsageError, listed

ROW = "@row"
"""The id that means: the position of the row in its file."""


@dataclass(frozen=True, kw_only=True)
class LabelRoles:
    """The columns of one label of a multilabel task."""

    label: str
    target: str
    prediction: str | None = None
    score: str | None = None


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The columns that hold each part; None where there is none."""

    id: str | None = None
    target: str | None = None
    prediction: str | None = None
    score: str | None = None
    scores: tuple[tuple[str, str], ...] = ()
    """(class, column) when there is one score column per class."""
    cluster: str | None = None
    weight: str | None = None
    labels: tuple[LabelRoles, ...] = ()
    """Multilabel: one entry per label, in the order of the file."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that has a role."""
        single = (self.id, self.target, self.prediction, self.score, self.cluster, self.weight)
        several = [column for _, column in self.scores]
        for label in self.labels:
            several += [name for name in (label.target, label.prediction, label.score) if name is not None]
        named = [name for name in single if name is not None and name != ROW]
        return tuple(dict.fromkeys([*named, *several]))


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the user said of the columns."""

    id: str | None = None
    target: str | None = None
    prediction: str | None = None
    score: str | None = None
    cluster: str | None = None
    weight: str | None = None
    task: str | None = None
    positive: str | None = None
    unused: tuple[str, ...] = ()
    """Columns that have another use and take no role."""


_TIERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "id": (
        ("id", "example_id", "row_id", "sample_id", "item_id", "instance_id", "record_id", "uid", "uuid", "guid"),
        ("index", "idx", "key", "image_id", "image", "img", "filename", "file_name", "doc_id", "question_id", "qid"),
        ("query_id", "text_id", "segment_id", "seg_id", "case_id", "rev_id", "row", "row_number", "no", "nr"),
        ("unnamed:_0", "column_1"),
    ),
    "target": (
        ("target", "y_true", "ground_truth", "groundtruth", "truth", "true_label", "label_true", "actual", "gold"),
        ("y", "label", "labels", "gold_label", "label_gold", "target_label", "true_class", "y_test", "actual_label"),
        ("class", "reference", "expected", "true", "correct_label", "outcome", "answer", "observed"),
    ),
    "prediction": (
        ("prediction", "y_pred", "predicted", "pred", "yhat", "y_hat", "predicted_label", "pred_label"),
        ("prediction_label", "label_pred", "predicted_class", "pred_class", "predicted_y", "predictions", "preds"),
        ("p", "output", "model_output", "model_prediction", "answer", "response"),
    ),
    "score": (
        ("score", "y_score", "prob", "proba", "probability", "y_prob", "y_proba", "prediction_score", "pred_score"),
        ("predicted_probability", "pred_proba", "pred_prob", "p_hat", "positive_probability", "prob_positive"),
        ("score_1", "prob_1", "proba_1", "p_1", "p1", "scores", "probabilities", "p", "s", "confidence", "logit"),
    ),
    "weight": (("sample_weight", "sample_weights"),),
}
_PREFIXES = {
    "target": ("target_", "label_", "y_true_", "true_"),
    "prediction": ("prediction_", "pred_", "y_pred_", "predicted_"),
    "score": ("score_", "prob_", "proba_", "probability_", "p_", "y_score_"),
}
SCORE_PREFIXES = _PREFIXES["score"]


def plain(name: str) -> str:
    """Return a column name as names are compared: small letters, one underscore for anything between.

    >>> plain("Y-True")
    'y_true'
    """
    return re.sub(r"[\s\-.]+", "_", name.strip().casefold())


def find_roles(
    source: Source, given: Given, *, own: Sequence[tuple[str, str]] | None = None
) -> tuple[Roles, tuple[str, ...]]:
    """Return the roles of the columns and a sentence for each guess.

    `own` is for one model of a file with several side by side: its score columns per class; prediction and score are
    then only what `given` says. Raises `UsageError` when a named column is missing or several columns fit one role.
    """
    taken = {name: _named(source, getattr(given, name), name) for name in ("id", "target", "prediction", "score")}
    taken |= {name: _named(source, getattr(given, name), name) for name in ("cluster", "weight")}
    guesses: list[str] = []
    used = {name for name in (*taken.values(), *given.unused) if name is not None}

    if own is None and taken["target"] is None and taken["prediction"] is None and given.task in (None, "multilabel"):
        labels = _multilabel(source, used)
        if labels:
            found_id = taken["id"] or _best(source, "id", used, guesses)
            guesses.append(f"labels = {listed(label.label for label in labels)} (columns target_<label>)")
            roles = Roles(id=found_id, labels=labels, cluster=taken["cluster"], weight=taken["weight"])
            return roles, tuple(guesses)

    wanted = ("target", "prediction", "score", "id", "weight")
    for role in wanted if given.task not in COUNTED else ("target", "prediction", "id", "weight"):
        if taken[role] is None and not (own is not None and role in ("prediction", "score")):
            taken[role] = _best(source, role, used, guesses)
            used |= {name for name in (taken[role],) if name is not None}
    if given.task in COUNTED:  # a score is part of the answer, or there is none
        taken["score"], own = None, ()
    scores: tuple[tuple[str, str], ...] = tuple(own or ())
    if own is None and given.score is None:
        scores = _class_scores(source, taken["target"], used)
        if scores:
            taken["score"] = None
            guesses = [line for line in guesses if not line.startswith("score = ")]
            guesses.append(f"scores per class = {listed(column for _, column in scores)}")
    if own is None and taken["score"] is None and not scores and given.prediction is None:
        _fractional_prediction_is_a_score(source, taken, guesses, given)
    found = Roles(
        id=taken["id"],
        target=taken["target"],
        prediction=taken["prediction"],
        score=taken["score"],
        scores=scores,
        cluster=taken["cluster"],
        weight=taken["weight"],
    )
    return found, tuple(guesses)


def require_outputs(source: Source, roles: Roles, *, target: bool = True) -> None:
    """Raise `UsageError` when there is nothing to evaluate: no prediction and no score, or no target."""
    if roles.labels:
        return
    columns = f"Its columns: {listed(source.columns)}."
    if roles.prediction is None and roles.score is None and not roles.scores:
        alike = _alike(source, roles)
        if alike:
            raise UsageError(
                f"{source.name}: no column is named like a prediction, but several hold the labels of"
                f" '{roles.target}': {listed(alike, limit=6)}. Name models by --models {','.join(alike[:2])},"
                f" by {source.name}#{alike[0]}, or one column by --prediction."
            )
        raise UsageError(
            f"{source.name} has no prediction or score column that can be recognised; name it with --prediction or"
            f" --score. {columns}"
        )
    if roles.target is None and target:
        raise UsageError(f"{source.name} has no target column that can be recognised; name it with --target. {columns}")


def guess_role(source: Source, role: str, *, used: Iterable[str] = ()) -> tuple[str | None, tuple[str, ...]]:
    """Return the column whose name and values fit one role best, and the sentence that says so; None when none does.

    Raises `UsageError` when several columns could be the target.
    """
    guesses: list[str] = []
    return _best(source, role, set(used), guesses), tuple(guesses)


def is_score(values: Sequence[str | None]) -> bool:
    """Return whether values look like scores: numbers within 0..1, some of them fractions."""
    numbers = [number(value) for value in values if value is not None]
    real = [value for value in numbers if value is not None]
    if not real or len(real) < 0.9 * len(numbers):
        return False
    fractions = any(value != int(value) for value in real if abs(value) < 1e15)
    return fractions and all(0 <= value <= 1 for value in real)


def number(text: str) -> float | None:
    """Return a text as a finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _named(source: Source, name: str | None, role: str) -> str | None:
    if name is None or (role == "id" and name == ROW):
        return name
    return source.columns[source.place(name, option=f"--{role}")]


def _best(source: Source, role: str, used: set[str], guesses: list[str]) -> str | None:
    """Return the column with the best name for a role whose values can have it."""
    by_plain: dict[str, list[str]] = {}
    for name in source.columns:
        if name not in used:
            by_plain.setdefault(plain(name), []).append(name)
    for tier in _TIERS[role]:
        found = [name for key in tier for name in by_plain.get(key, [])]
        fit = [name for name in found if _fits(source, role, name)]
        if role in ("target", "prediction") and len(fit) > 1:
            fit = _without_copies(source, fit)
            if len(fit) > 1:
                raise UsageError(
                    f"{source.name}: the {role} could be {' or '.join(repr(name) for name in fit)}; say which with "
                    f"--{role}."
                )
        if fit:
            guesses.append(f"{role} = column '{fit[0]}' (--{role})")
            return fit[0]
    return _id_by_suffix(source, used, guesses) if role == "id" else None


def _id_by_suffix(source: Source, used: set[str], guesses: list[str]) -> str | None:
    ends = [name for name in source.columns if name not in used and re.search(r"(^|_)(id|uuid|key)$", plain(name))]
    fit = [name for name in ends if _unique(source, name)]
    if len(fit) != 1:
        return None
    guesses.append(f"id = column '{fit[0]}' (--id)")
    return fit[0]


def _fits(source: Source, role: str, name: str) -> bool:
    values = source.sample([name])[name]
    present = [value for value in values if value is not None]
    if role == "id":
        return plain(name) in _TIERS["id"][0] or _unique(source, name)
    if role in ("score", "weight"):
        numbers = [number(value) for value in present]
        if not present or sum(value is None for value in numbers) > 0.5 * len(numbers):
            return role == "score" and plain(name) in _TIERS["score"][0] and bool(present)
        if plain(name) == "confidence":
            return any(value is not None and value < 0.5 for value in numbers)
        return plain(name) in _TIERS["score"][0] or role == "weight" or is_score(values)
    if role == "prediction" and plain(name) == "p":
        return not is_score(values)
    return True


def _unique(source: Source, name: str) -> bool:
    present = [value for value in source.sample([name])[name] if value is not None]
    return bool(present) and len(set(present)) >= 0.95 * len(present)


def _without_copies(source: Source, names: list[str]) -> list[str]:
    values = source.sample(names)
    kept: list[str] = []
    for name in names:
        if not any(values[name] == values[other] for other in kept):
            kept.append(name)
    return kept


def _multilabel(source: Source, used: set[str]) -> tuple[LabelRoles, ...]:
    """Return the labels of `target_<label>` columns that have a `prediction_<label>` or `score_<label>` beside them."""
    by_fold = {name.casefold(): name for name in source.columns if name not in used}
    labels: list[LabelRoles] = []
    for name in by_fold.values():
        prefix = next((p for p in _PREFIXES["target"] if name.casefold().startswith(p)), None)
        if prefix is None or len(name) == len(prefix):
            continue
        label = name[len(prefix) :]
        beside = {
            role: next(
                (by_fold[p + label.casefold()] for p in _PREFIXES[role] if p + label.casefold() in by_fold), None
            )
            for role in ("prediction", "score")
        }
        if beside["prediction"] is not None or beside["score"] is not None:
            labels.append(LabelRoles(label=label, target=name, **beside))
    return tuple(labels)


def _class_scores(source: Source, target: str | None, used: set[str]) -> tuple[tuple[str, str], ...]:
    """Return (class, column) for columns named `score_<class>`, if two or more of the classes are in the target."""
    if target is None:
        return ()
    for prefix in _PREFIXES["score"]:
        found = [(name[len(prefix) :], name) for name in source.columns if name.casefold().startswith(prefix)]
        found = [(label, name) for label, name in found if label and name not in used]
        if len(found) < 2:
            continue
        known = {value.casefold() for value in source.sample([target])[target] if value is not None}
        hits = [label for label, _ in found if label.casefold() in known]
        if len(hits) >= 2 or (hits and len(known) == 1):
            return tuple(found)
    return ()


def _fractional_prediction_is_a_score(
    source: Source, taken: dict[str, str | None], guesses: list[str], given: Given
) -> None:
    """Move a guessed prediction column to the score when it holds fractions in 0..1 and the target has two values."""
    prediction, target = taken["prediction"], taken["target"]
    if prediction is None or target is None or given.task == "regression":
        return
    values = source.sample([prediction, target])
    labels = {value for value in values[target] if value is not None}
    if len(labels) <= 2 and is_score(values[prediction]):
        taken["score"], taken["prediction"] = prediction, None
        guesses[:] = [line for line in guesses if not line.startswith("prediction = ")]
        guesses.append(f"score = column '{prediction}', since it holds fractions (--score, --prediction)")


def _alike(source: Source, roles: Roles) -> list[str]:
    """Return the columns whose values in the sample are all labels of the target."""
    if roles.target is None:
        return []
    names = [name for name in source.columns[:300] if name not in roles.columns]
    values = source.sample([*names, roles.target])
    labels = {value for value in values[roles.target] if value is not None}
    if len(labels) < 2:
        return []
    alike = []
    for name in names:
        present = {value for value in values[name] if value is not None}
        if len(present) >= 2 and present <= labels:
            alike.append(name)
    return alike if len(alike) >= 2 else []


def is_target_name(name: str) -> bool:
    """Return whether a column is called like a target: `label`, `y_true`."""
    return any(plain(name) in tier for tier in _TIERS["target"])


def is_prediction_name(name: str) -> bool:
    """Return whether a column is surely called like a prediction: `prediction`, `y_pred`.

    >>> is_prediction_name("y_pred"), is_prediction_name("answer")
    (True, False)
    """
    return any(plain(name) in tier for tier in _TIERS["prediction"][:2])


def is_score_name(name: str) -> bool:
    """Return whether a column is surely called like a score: `score`, `y_prob`, `proba`."""
    return plain(name) in _TIERS["score"][0]


def target_prefix(name: str) -> str | None:
    """Return the part of a column's name before its label: `target_` of `target_toxic`; None where there is none."""
    prefix = next((one for one in _PREFIXES["target"] if name.casefold().startswith(one)), None)
    return prefix if prefix is not None and len(name) > len(prefix) else None
