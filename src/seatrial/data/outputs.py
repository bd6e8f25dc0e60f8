"""Outputs: the task, the label list, the positive class, and the SQL of target, prediction and score columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seatrial.data.answers.cells import answers_of
from seatrial.data.answers.counting import COUNTED, labels_of, missing_as_null
from seatrial.data.coding import Coding
from seatrial.data.engine import DuckDBEngine
from seatrial.data.frame import Task
from seatrial.data.labels import Raw, canonical_labels, label_text, opposite, positive_label, sorted_labels
from seatrial.data.predictions import Predictions
from seatrial.data.roles import LabelRoles
from seatrial.data.staging import Table
from seatrial.errors import DataError, UsageError, listed

MOST_LABELS = 5_000
MOST_NUMERIC_LABELS = 50


@dataclass
class Outputs:
    """What the versions answer, decided once for all of them."""

    task: Task
    versions: Sequence[Predictions]
    tables: Mapping[int, Table]
    labels: tuple[str, ...] = ()
    positive: int | None = None
    raws: dict[tuple[int, str], dict[Raw, str | None]] = field(default_factory=dict)
    """(version, column) to its raw values' canonical labels."""
    notes: list[str] = field(default_factory=list)
    scored: tuple[bool, ...] = ()
    target_labels: tuple[tuple[str, ...], ...] = ()
    prediction_labels: tuple[tuple[str, ...], ...] = ()
    home: int = 0
    """The version whose target counts."""
    strange: frozenset[str] = frozenset()
    """Of a binary task: what was predicted and is neither class. Such an answer is wrong whatever the target."""

    def columns(self, coding: Coding, members: Sequence[int]) -> dict[str, str]:
        """Return SQL of the frame's target, prediction and score columns, and of `differs_<i>`, by name.

        Version i of the frame is `members[i]`; the target is the first one's that has any.
        """
        if self.task == "multilabel":
            return self._multilabel_columns(coding, members)
        home = next((at for at in members if self.versions[at].roles.target is not None), None)
        if home is None:
            raise UsageError(f"{self.versions[members[0]].source_name} has no target column; name it with --target.")
        parts: dict[str, str] = {}
        target = self.versions[home].roles.target or ""
        numbers = self.task == "regression"
        if self.task in COUNTED:
            return self._answer_columns(home, target, members)
        parts["target"] = self._number(home, target) if numbers else self._code(home, target, coding)
        for place, at in enumerate(members):
            one = self.versions[at]
            if numbers:
                parts[f"prediction_{place}"] = self._number(at, one.roles.prediction or "")
                continue
            scores = self._score_columns(at, f"score_{place}")
            if one.roles.prediction is not None:
                parts[f"prediction_{place}"] = self._answered(at, one.roles.prediction, parts["target"], coding)
            elif self.task == "binary":
                parts[f"prediction_{place}"] = self._thresholded(scores[f"score_{place}"], one.threshold)
            else:
                parts[f"prediction_{place}"] = _largest(scores)
            parts |= scores
        for place, at in enumerate(members):
            own = self.versions[at].roles.target
            if own is None or at == home or self.tables[at] is self.tables[home]:
                continue
            other = self._number(at, own) if numbers else self._code(at, own, coding)
            both = f"{parts['target']} IS NOT NULL AND {other} IS NOT NULL"
            unequal = f"{parts['target']} <> {other}"
            if numbers:
                unequal = f"abs({parts['target']} - {other}) > 1e-9 * greatest(1, abs({other}))"
            parts[f"differs_{place}"] = f"({both} AND {unequal})"
        return parts

    def _answer_columns(self, home: int, target: str, members: Sequence[int]) -> dict[str, str]:
        """Structured answers as the text of their cells."""
        parts = {"target": self._text(home, target)}
        for place, at in enumerate(members):
            parts[f"prediction_{place}"] = self._text(at, self.versions[at].roles.prediction or "")
            own = self.versions[at].roles.target
            if own is not None and at != home and self.tables[at] is not self.tables[home]:
                parts[f"differs_{place}"] = f"COALESCE({parts['target']} <> {self._text(at, own)}, FALSE)"
        return parts

    def _text(self, at: int, name: str) -> str:
        return missing_as_null(f"CAST({self._column(at, name, 't')} AS VARCHAR)", self.task)

    def disagreements(
        self, engine: DuckDBEngine, table: str, versions: int, *, has_id: bool
    ) -> tuple[tuple[int, ...], tuple[tuple[str, ...], ...]]:
        """Return per version how many matched rows have another target than the baseline, and three of their ids."""
        known = [row[0] for row in engine.rows(f"DESCRIBE SELECT * FROM {table}")]
        counts = [0] * versions
        examples: list[tuple[str, ...]] = [()] * versions
        for at in range(versions):
            if f"differs_{at}" not in known:
                continue
            (counts[at],) = engine.one(f"SELECT count(*) FROM {table} WHERE differs_{at}")
            if counts[at]:
                shown = "id" if has_id else "rowid"
                sql = f"SELECT CAST({shown} AS VARCHAR) FROM {table} WHERE differs_{at} ORDER BY rowid LIMIT 3"
                examples[at] = tuple(row[0] for row in engine.rows(sql))
        return tuple(counts), tuple(examples)

    def _column(self, at: int, name: str, kind: str) -> str:
        table = self.tables[at]
        return f"{table.alias}.{kind}{table.stage.source.places[name]}"

    def _number(self, at: int, name: str) -> str:
        return self._column(at, name, "v")

    def _code(self, at: int, name: str, coding: Coding) -> str:
        place = {label: code for code, label in enumerate(self.labels)}
        raws = self.raws[at, name]
        codes = {raw: place[label] for raw, label in raws.items() if label in place}
        return coding.code(self._column(at, name, "t"), codes)

    def _answered(self, at: int, name: str, target: str, coding: Coding) -> str:
        """The code of a predicted label; one that is neither class of two is wrong: what the target is not."""
        code = self._code(at, name, coding)
        strange = [raw for raw, label in self.raws[at, name].items() if label in self.strange]
        if not strange:
            return code
        hit = coding.code(self._column(at, name, "t"), dict.fromkeys(strange, 1))
        return f"CAST(CASE WHEN {hit} = 1 THEN 1 - {target} ELSE {code} END AS TINYINT)"

    def _score_columns(self, at: int, name: str) -> dict[str, str]:
        roles = self.versions[at].roles
        if self.task == "binary":
            if roles.score is not None:
                return {name: self._number(at, roles.score)}
            by_label = self._class_columns(at)
            positive = self.positive or 0
            if positive in by_label:
                return {name: self._number(at, by_label[positive])}
            if 1 - positive in by_label:
                return {name: f"1 - {self._number(at, by_label[1 - positive])}"}
            return {}
        by_label = self._class_columns(at)
        if not by_label:
            return {}
        return {
            f"{name}_{code}": self._number(at, by_label[code]) if code in by_label else "CAST(NULL AS DOUBLE)"
            for code in range(len(self.labels))
        }

    def _class_columns(self, at: int) -> dict[int, str]:
        place = {label.casefold(): code for code, label in enumerate(self.labels)}
        scores = self.versions[at].roles.scores
        found = {place.get(label.casefold()): column for label, column in scores}
        return {code: column for code, column in found.items() if code is not None}

    def _thresholded(self, score: str, threshold: float) -> str:
        positive = self.positive or 0
        at_least = f"{score} >= CAST('{threshold!r}' AS DOUBLE)"
        chosen = f"CASE WHEN {score} IS NULL THEN NULL WHEN {at_least} THEN {positive} ELSE {1 - positive} END"
        return f"CAST({chosen} AS TINYINT)"

    def _multilabel_columns(self, coding: Coding, members: Sequence[int]) -> dict[str, str]:
        parts: dict[str, str] = {}
        home = members[0]
        for code, label in enumerate(self.labels):
            parts[f"target_l{code}"] = self._truth(home, self._label(home, label).target, coding)
            for place, at in enumerate(members):
                own = self._label(at, label)
                if own.score is not None:
                    parts[f"score_{place}_l{code}"] = self._number(at, own.score)
                if own.prediction is not None:
                    parts[f"prediction_{place}_l{code}"] = self._truth(at, own.prediction, coding)
                else:
                    score = parts[f"score_{place}_l{code}"]
                    at_least = f"{score} >= CAST('{self.versions[at].threshold!r}' AS DOUBLE)"
                    chosen = f"CASE WHEN {score} IS NULL THEN NULL WHEN {at_least} THEN 1 ELSE 0 END"
                    parts[f"prediction_{place}_l{code}"] = f"CAST({chosen} AS TINYINT)"
        for place, at in enumerate(members):
            if at == home or self.tables[at] is self.tables[home]:
                continue
            unequal = [
                f"({parts[f'target_l{code}']}) <> ({self._truth(at, self._label(at, label).target, coding)})"
                for code, label in enumerate(self.labels)
            ]
            parts[f"differs_{place}"] = f"COALESCE({' OR '.join(unequal)}, FALSE)"
        return parts

    def _label(self, at: int, label: str) -> LabelRoles:
        for one in self.versions[at].roles.labels:
            if one.label.casefold() == label.casefold():
                return one
        raise UsageError(f"{self.versions[at].source_name} has no columns target_{label} and prediction_{label}.")

    def _truth(self, at: int, name: str, coding: Coding) -> str:
        raws = self.raws[at, name]
        codes = {raw: int(label) for raw, label in raws.items() if label in ("0", "1")}
        return coding.code(self._column(at, name, "t"), codes)


def find_outputs(versions: Sequence[Predictions], tables: Mapping[int, Table], engine: DuckDBEngine) -> Outputs:
    """Decide task, labels and positive class from the options and the data of all versions.

    Raises `UsageError` when an option does not fit or the positive class must be named, `DataError` when the columns
    cannot be read as this task's.
    """
    if any(one.roles.labels for one in versions):
        return _multilabel(versions, tables)
    home = next((at for at, one in enumerate(versions) if one.roles.target is not None), None)
    if home is None:
        raise UsageError(
            f"{versions[0].source_name} has no target column that can be recognised; name it with --target."
        )
    given = next((one.task for one in versions if one.task is not None), None)
    outputs = Outputs(task=given or "binary", versions=versions, tables=tables, home=home)
    if given in COUNTED:
        _find_answer_labels(outputs)
        return outputs
    if given == "regression" or (given is None and _is_regression(outputs)):
        outputs.task = "regression"
        outputs.scored = (False,) * len(versions)
        outputs.target_labels = outputs.prediction_labels = ((),) * len(versions)
        _check_numbers(outputs)
        return outputs
    if given == "multilabel":
        raise UsageError("--task multilabel needs columns target_<label> with prediction_<label> or score_<label>.")
    _find_labels(outputs)
    _decide_classes(outputs, given)
    return outputs


def _find_answer_labels(outputs: Outputs) -> None:
    """Read the labels that structured answers of every version name (types of entities, fields, classes of boxes)."""
    found: dict[str, list[tuple[str, ...]]] = {"target": [], "prediction": []}
    for at, one in enumerate(outputs.versions):
        if one.roles.prediction is None:
            raise UsageError(
                f"{one.source_name}: the task '{outputs.task}' needs a prediction column; name it with --prediction."
            )
        for role, name in (("target", one.roles.target), ("prediction", one.roles.prediction)):
            answers = [] if name is None else answers_of(outputs.task, one, outputs.tables[at], name, role)
            if role == "target" and name is not None and answers.count(None) == len(answers):
                raise DataError(f"{one.source_name}: the target column '{name}' holds no values.")
            found[role].append(labels_of(outputs.task, answers))
    outputs.labels = tuple(sorted({label for several in found.values() for labels in several for label in labels}))
    outputs.target_labels, outputs.prediction_labels = tuple(found["target"]), tuple(found["prediction"])
    outputs.scored = (False,) * len(outputs.versions)


def _is_regression(outputs: Outputs) -> bool:
    """Return whether targets are numbers, not labels: fractions, or more than 50 values, and no scores."""
    versions = outputs.versions
    if any(one.roles.score is not None or one.roles.scores or one.roles.prediction is None for one in versions):
        return False
    numeric, fractions = _numbers(outputs, outputs.home, versions[outputs.home].roles.target or "")
    if not numeric:
        return False
    if fractions:
        return True
    predicted = [_numbers(outputs, at, one.roles.prediction or "") for at, one in enumerate(versions)]
    if all(numeric for numeric, _ in predicted) and any(fractions for _, fractions in predicted):
        return True
    target = outputs._column(outputs.home, versions[outputs.home].roles.target or "", "v").split(".")[1]
    table = outputs.tables[outputs.home]
    sql = f"SELECT count(*) FROM (SELECT DISTINCT {target} FROM {table.relation} WHERE {target} IS NOT NULL)"
    (distinct,) = table.stage.engine.one(sql, table.given)
    return bool(distinct > MOST_NUMERIC_LABELS)


def _numbers(outputs: Outputs, at: int, name: str) -> tuple[bool, bool]:
    """Return whether a column holds numbers only, and whether some have fractions."""
    table = outputs.tables[at]
    place = table.stage.source.places[name]
    sql = (
        f"SELECT count(v{place}), count(*) FILTER (WHERE w{place} = 2), count(*) FILTER (WHERE v{place} <> "
        f"floor(v{place}))"
        f" FROM {table.relation}"
    )
    numbers, unreadable, fractions = table.stage.engine.one(sql, table.given)
    return numbers > 0 and unreadable == 0, fractions > 0


def _check_numbers(outputs: Outputs) -> None:
    for at, one in enumerate(outputs.versions):
        for role, name in (("target", one.roles.target), ("prediction", one.roles.prediction)):
            if name is None and role == "prediction":
                raise UsageError(
                    f"{one.source_name}: a regression needs a prediction column; name it with --prediction."
                )
            if name is None:
                continue
            table = outputs.tables[at]
            place = table.stage.source.places[name]
            sql = f"SELECT count(v{place}) FROM {table.relation}"
            (numbers,) = table.stage.engine.one(sql, table.given)
            if not numbers and table.rows:
                raise DataError(
                    f"{one.source_name}: the {role} column '{name}' holds no numbers, as a regression needs."
                )


def _find_labels(outputs: Outputs) -> None:
    """Read the distinct values of all targets and predictions and write them one way."""
    found: dict[tuple[int, str], list[Raw]] = {}
    for at, one in enumerate(outputs.versions):
        for role, name in (("target", one.roles.target), ("prediction", one.roles.prediction)):
            if name is not None:
                found[at, name] = _distinct(outputs, at, name, role)
    named = [label for one in outputs.versions for label, _ in one.roles.scores]
    canonical = canonical_labels([*(label_text(raw) for raws in found.values() for raw in raws), *named])
    outputs.raws = {key: {raw: canonical[label_text(raw)] for raw in raws} for key, raws in found.items()}
    every = {label for raws in outputs.raws.values() for label in raws.values() if label is not None}
    folded = {label.casefold() for label in every}
    every |= {canonical[label] or label for label in named if (canonical[label] or label).casefold() not in folded}
    outputs.labels = sorted_labels(every)

    def labels_of(at: int, name: str | None) -> tuple[str, ...]:
        raws = outputs.raws.get((at, name or ""), {})
        return sorted_labels(label for label in raws.values() if label is not None)

    outputs.target_labels = tuple(labels_of(at, one.roles.target) for at, one in enumerate(outputs.versions))
    outputs.prediction_labels = tuple(labels_of(at, one.roles.prediction) for at, one in enumerate(outputs.versions))


def _distinct(outputs: Outputs, at: int, name: str, role: str) -> list[Raw]:
    table = outputs.tables[at]
    column = f"t{table.stage.source.places[name]}"
    rows = table.stage.engine.rows(
        f"SELECT {column} FROM {table.relation} WHERE {column} IS NOT NULL GROUP BY ALL ORDER BY ALL LIMIT "
        f"{MOST_LABELS + 1}",
        table.given,
    )
    if len(rows) > MOST_LABELS:
        raise DataError(
            f"{outputs.versions[at].source_name}: the {role} column '{name}' has more than {MOST_LABELS:,} "
            f"different labels;"
            f" is it the right column (--{role}), or a number (--task regression)?"
        )
    return [row[0] for row in rows]


def _decide_classes(outputs: Outputs, given: Task | None) -> None:
    """Settle binary or multiclass, the positive class, and which versions have scores."""
    versions = outputs.versions
    source = versions[outputs.home].source_name
    if not outputs.target_labels[outputs.home]:
        raise DataError(f"{source}: the target column '{versions[outputs.home].roles.target}' holds no values.")
    single_score = any(one.roles.score is not None for one in versions)
    positive = next((one.positive for one in versions if one.positive is not None), None)
    if len(outputs.labels) == 1 and given != "multiclass":
        other = positive if positive not in (None, outputs.labels[0]) else opposite(outputs.labels[0])
        if other is not None and other != outputs.labels[0]:
            outputs.labels = sorted_labels([*outputs.labels, other])
            outputs.notes.append(f"only the label '{outputs.target_labels[outputs.home][0]}' occurs")
        elif single_score:
            raise DataError(
                f"{source}: the only label is '{outputs.labels[0]}', so no metric of scores can be computed;"
                " name the positive class with --positive."
            )
    if given == "binary" and len(outputs.labels) > 2:
        _set_strange_aside(outputs, positive)
    binary = len(outputs.labels) == 2
    if given == "binary" and not binary:
        raise UsageError(
            f"--task binary: {source} has {len(outputs.labels)} labels ({listed(outputs.labels, limit=6)}); a "
            f"binary task has two."
        )
    outputs.task = "binary" if binary and given != "multiclass" else "multiclass"
    if outputs.task == "binary":
        outputs.positive = positive_label(outputs.labels, given=positive, source=source)
    elif positive is not None:
        outputs.notes.append(f"--positive {positive} has no effect: there are {len(outputs.labels)} labels")
    scored: list[bool] = []
    for one in versions:
        has = one.roles.score is not None if outputs.task == "binary" else False
        scored.append(has or bool(one.roles.scores))
        if outputs.task == "multiclass" and one.roles.prediction is None and not one.roles.scores:
            raise UsageError(
                f"{one.source_name}: one score column cannot tell {len(outputs.labels)} labels apart"
                f" ({listed(outputs.labels, limit=6)}); name a prediction column with --prediction or give one "
                f"score column"
                " per class (score_<class>)."
            )
        if outputs.task == "multiclass" and one.roles.score is not None:
            outputs.notes.append(
                f"{one.name}: column '{one.roles.score}' is not used, since there are more than two labels"
            )
    outputs.scored = tuple(scored)


def _set_strange_aside(outputs: Outputs, positive: str | None) -> None:
    """Keep the two classes of a binary task where only predictions name more: those are answers that are wrong."""
    classes = {label for labels in outputs.target_labels for label in labels}
    if len(classes) == 1:
        (only,) = classes
        other = positive if positive is not None and positive != only else opposite(only)
        classes |= {other} if other is not None and other in outputs.labels else set()
    if len(classes) != 2:
        return
    outputs.strange = frozenset(outputs.labels) - classes
    outputs.labels = sorted_labels(classes)
    said = listed(sorted(outputs.strange), limit=4)
    outputs.notes.append(f"answers that are neither class ({said}) are wrong, whatever the target")


def _multilabel(versions: Sequence[Predictions], tables: Mapping[int, Table]) -> Outputs:
    without = next((one for one in versions if not one.roles.labels), None)
    if without is not None:
        raise UsageError(f"{without.source_name} has no columns target_<label>, but another file is multilabel.")
    outputs = Outputs(task="multilabel", versions=versions, tables=tables)
    outputs.labels = tuple(label.label for label in versions[0].roles.labels)
    for at, one in enumerate(versions):
        for label in one.roles.labels:
            for role, name in (("target", label.target), ("prediction", label.prediction)):
                if name is None:
                    continue
                raws = _distinct(outputs, at, name, role)
                canonical = canonical_labels([*(label_text(raw) for raw in raws), "0"])
                odd = [text for text in canonical.values() if text not in ("0", "1", None)]
                if odd:
                    raise DataError(
                        f"{one.source_name}: column '{name}' must hold 0 and 1 (or true and false), not "
                        f"{listed(odd, limit=3)}."
                    )
                outputs.raws[at, name] = {raw: canonical[label_text(raw)] for raw in raws}
    outputs.scored = tuple(all(label.score is not None for label in one.roles.labels) for one in versions)
    outputs.target_labels = outputs.prediction_labels = ((),) * len(versions)
    return outputs


def _largest(scores: Mapping[str, str]) -> str:
    """Return SQL of the position of the largest score, the first of equal ones; NULL when all are missing."""
    if not scores:
        return "CAST(NULL AS INTEGER)"
    listing = f"list_value({', '.join(scores.values())})"
    place = f"list_position({listing}, list_max({listing})) - 1"
    return f"CAST(CASE WHEN list_max({listing}) IS NOT NULL THEN {place} END AS INTEGER)"
