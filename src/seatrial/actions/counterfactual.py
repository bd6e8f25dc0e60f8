"""Counterfactual pairs: build them from data and a term list, and hold a model to them."""

import json as _json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seatrial import __version__
from seatrial.actions.counterfactual_answers import answers_in, asked_of
from seatrial.actions.page import PageResult
from seatrial.actions.report import check_writable, replace_file
from seatrial.actions.rows import rows_of
from seatrial.actions.tables import table_ending, write_table
from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.counterfactual.answers import score_of
from seatrial.evaluation.counterfactual.building import build_pairs, pairs_of_two, reviewed_by
from seatrial.evaluation.counterfactual.identity_aucs import identity_aucs
from seatrial.evaluation.counterfactual.label_audit import label_audit
from seatrial.evaluation.counterfactual.outcomes import Halves, halves, readings
from seatrial.evaluation.counterfactual.pairs import Pairs
from seatrial.evaluation.counterfactual.reading import read_pairs, record_path
from seatrial.evaluation.counterfactual.terms import Terms, parse_terms, read_terms
from seatrial.evaluation.counterfactual.verdict import decide
from seatrial.models.base import Answer
from seatrial.records.counterfactual import CounterfactualReading, IdentityAuc, PairExample
from seatrial.records.results import Effect
from seatrial.records.run import ModelInfo
from seatrial.records.suite import Case, CaseRoles
from seatrial.reports.document import Document

Progress = Callable[[str, int, int], None]
_EXAMPLES = 20


@dataclass(frozen=True)
class BuiltPairs:
    """What `build_counterfactuals` hands back."""

    pairs: Pairs

    def write(self, path: str | Path) -> tuple[Path, Path]:
        """Write the table of pairs, and its record beside it."""
        file = Path(path)
        beside = record_path(file)
        table_ending(file)
        check_writable(beside)
        write_table(file, self.pairs.table())
        replace_file(
            beside, _json.dumps(self.pairs.record.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
        )
        return file, beside

    def write_rows(self, path: str | Path) -> Path:
        """Write every text that needs an answer once, by id, for a model that runs elsewhere."""
        sides = (self.pairs.originals(unedited=True), self.pairs.edited())
        columns: dict[str, list[Any]] = {"id": [row for side in sides for row in side.ids]}
        for name in self.pairs.inputs:
            columns[name if name != "id" else "data.id"] = [value for side in sides for value in side.columns[name]]
        return write_table(path, columns)

    def __str__(self) -> str:
        of = self.pairs.record
        lines = [
            f"{of.pairs:,} pairs from {of.edited_rows:,} of {of.rows:,} rows of {of.source} (column {of.column}); "
            f"{of.unedited_rows:,} rows have nothing to swap."
        ]
        lines += [f"  {one.swap}: {one.pairs:,}" for one in of.swaps[:12]]
        if len(of.swaps) > 12:
            lines.append(f"  and {len(of.swaps) - 12} more swaps")
        if of.review:
            lines.append(
                f"{of.review:,} pairs hold a word that could become several; they count only once you write 'yes' "
                "under keep (and mend the text under edited, if need be)."
            )
        left = of.pairs - of.reviewed
        if left:
            lines.append(f"{left:,} pairs have not been reviewed: read some before you trust the numbers.")
        return "\n".join([*lines, *of.notes]) + "\n"


def build_counterfactuals(
    data: Any,
    *,
    swap: Terms | str | Path | dict[str, Any] | None = None,
    column: str | None = None,
    inputs: Sequence[str] = (),
    edited: Any = None,
    id: str | None = None,
    target: str | None = None,
    positive: str | None = None,
    name: str | None = None,
    version: str = "1",
    most: int | None = None,
    unedited: bool = True,
    reviewed: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> BuiltPairs:
    """Build counterfactual pairs by the swaps of a term list, or (with `edited`) from two files with the same ids.

    `data` is a path or a mapping of columns; `swap` a term list (path, mapping or `Terms`); `inputs` are columns the
    model needs beside the text, which stay as they are. `most` keeps so many swaps of a row; `unedited` keeps rows
    without a pair in the table, for AUCs and label rates. `reviewed` is an earlier table whose decisions are carried
    over where the original text is the same.

    >>> rows = {"id": ["1", "2"], "text": ["The gay couple said hello.", "Nobody here."], "rude": ["no", "yes"]}
    >>> terms = {"groups": {"sexuality": {"gay": ["gay"], "straight": ["straight"]}}}
    >>> built = build_counterfactuals(rows, swap=terms, column="text", target="rude")
    >>> built.pairs.rows[0].edited, built.pairs.record.unedited_rows
    ('The straight couple said hello.', 1)

    Raises `UsageError` for options and term lists that cannot be used, `DataError` for data without anything to swap.
    """
    terms = _terms(swap)
    roles = CaseRoles(id=id, target=target, positive=positive)
    wanted = () if column is None else (column, *(one for one in inputs if one != column))
    if inputs and column is None:
        raise UsageError("--inputs names columns beside the text; name that one with --column.")
    dataset = rows_of(data, roles, wanted, seed=seed)
    if edited is not None:
        if reviewed is not None or most is not None:
            raise UsageError("Pairs of two files are taken as they are: leave out --reviewed and --most.")
        other = rows_of(edited, roles, wanted, seed=seed)
        return BuiltPairs(pairs_of_two(dataset, other, terms=terms, column=column, name=name, version=version))
    if terms is None:
        raise UsageError("Name a term list with --swap terms.yaml (or a second file of edited texts with --edited).")
    pairs = build_pairs(
        dataset,
        terms,
        column=column,
        name=name,
        version=version,
        most=most,
        unedited=unedited,
        seed=seed,
        progress=progress,
    )
    return BuiltPairs(pairs if reviewed is None else reviewed_by(pairs, read_pairs(reviewed)))


@dataclass(frozen=True)
class CounterfactualResult(PageResult):
    """What `run_counterfactuals` hands back."""

    record: CounterfactualReading

    @property
    def status(self) -> str | None:
        return self.record.status

    def document(self) -> Document:
        from seatrial.reports.counterfactual_page import counterfactual_document

        return counterfactual_document(self.record)


def run_counterfactuals(
    pairs: Pairs | str | Path,
    *,
    model: Any = None,
    predictions: Any = None,
    max_flip_rate: float | None = None,
    threshold: float = 0.5,
    tolerance: float = 0.0,
    positive: str | None = None,
    id: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    level: float = 0.95,
    seed: int = 0,
    trust_pickle: bool = False,
    case: Case | None = None,
    progress: Progress | None = None,
) -> CounterfactualResult:
    """Hold a model to counterfactual pairs: flip rates and score changes by swap, AUCs by identity, an audit of labels.

    `model` is what `open_model` takes (`tox=onnx:tox.onnx`, a function, a `Model`); `predictions` in its place is a
    table with an answer for the id of every original and of every edit. `max_flip_rate` asks for a verdict.

    >>> rows = {"id": ["1", "2"], "text": ["The gay couple said hello.", "A straight answer."]}
    >>> terms = {"groups": {"sexuality": {"gay": ["gay"], "straight": ["straight"]}}}
    >>> built = build_counterfactuals(rows, swap=terms, column="text")
    >>> rude = lambda batch: ["rude" if "gay" in text else "ok" for text in batch["text"]]
    >>> found = run_counterfactuals(built.pairs, model=rude)
    >>> found.record.overall.flips
    2

    Raises `UsageError` for options that do not fit, `DataError` for pairs or models that cannot be used.
    """
    if (model is None) == (predictions is None):
        raise UsageError("Name either a model (--model NAME=ADAPTER:LOCATION) or its answers (--predictions FILE).")
    if not 0.5 <= level < 1:
        raise UsageError(f"The level of intervals lies between 0.5 and 1, not {level:g}.")
    found = pairs if isinstance(pairs, Pairs) else read_pairs(pairs)
    if positive is not None:
        if found.label is not None:
            known = sorted({str(row.label) for row in found.rows if row.label is not None})
            if positive not in known:
                raise UsageError(f"--positive '{positive}': the labels are {', '.join(known[:12])}.")
        found = replace(found, positive=positive)
    if not found.used:
        raise DataError(
            f"No pair of {found.record.name} can be used: {found.record.review:,} wait for a review and "
            f"{sum(one.refused for one in found.record.swaps):,} were refused."
        )
    everything, after = found.originals(unedited=True), found.edited()
    info: ModelInfo | None = None
    if model is not None:
        info, first, second = asked_of(model, everything, after, seed, trust_pickle, case, progress)
        name = info.name
    else:
        name, first, second = answers_in(predictions, everything, after, id=id, prediction=prediction, score=score)
    sides = halves(found, first, second, threshold=threshold, tolerance=tolerance)
    return CounterfactualResult(
        _record(
            found, sides, first, everything, name=name, info=info, level=level, limit=max_flip_rate, threshold=threshold
        )
    )


def _record(
    pairs: Pairs,
    sides: Halves,
    first: dict[str, Answer],
    everything: LoadedDataset,
    *,
    name: str,
    info: ModelInfo | None,
    level: float,
    limit: float | None,
    threshold: float,
) -> CounterfactualReading:
    every = readings(sides, level=level, model=name, limit=limit)
    overall, swaps = every[0], every[1:]
    said = decide(overall, swaps, limit=limit)
    names = _identities(pairs)
    scores = [score_of(first.get(row), positive=pairs.positive) for row in everything.ids]
    aucs: tuple[IdentityAuc, ...] = ()
    whole, reason = None, None
    if pairs.label is None or pairs.positive is None:
        reason = "AUCs need labels with a positive class: build the pairs with --target and --positive"
    elif all(one is None for one in scores):
        reason = "AUCs need scores, and the model gave labels only"
    else:
        labels = [None if value is None else str(value) == pairs.positive for value in everything.columns[pairs.label]]
        named = {row.pair: row.identities for row in pairs.rows}
        whole, aucs = identity_aucs(
            scores, labels, [named[row] for row in everything.ids], names=names, model=name, level=level
        )
    left_out = sum(row.status == "review" and not row.keep for row in pairs.rows)
    return CounterfactualReading(
        title=f"{name} on {pairs.record.name}",
        seatrial=__version__,
        model=info,
        model_name=name,
        pairs=pairs.record,
        level=level,
        answered=overall.outcome.flip_rate.n,
        unanswered=overall.unanswered,
        left_out=left_out,
        refused=sum(row.keep == "no" for row in pairs.rows),
        threshold=threshold if any(one is not None for one in scores) else None,
        overall=overall,
        swaps=swaps,
        drops=_drops(sides, level),
        aucs=aucs,
        overall_auc=whole,
        auc_reason=reason,
        labels=label_audit(pairs, names=names, level=level),
        examples=_examples(sides),
        max_flip_rate=limit,
        status=said.status,
        sentence=said.sentence,
        headline=said.headline,
        tone=said.tone,
        notes=_notes(pairs, left_out),
    )


def _notes(pairs: Pairs, left_out: int) -> tuple[str, ...]:
    of = pairs.record
    notes = []
    if left_out:
        notes.append(f"{left_out:,} ambiguous pairs that nobody has reviewed are left out")
    unseen = sum(pairs.rows[at].keep == "" for at in pairs.used)
    if unseen:
        notes.append(f"{unseen:,} of {len(pairs.used):,} pairs were made by rule and not reviewed by a person")
    if of.changed_by_hand:
        notes.append("the table was changed by hand since it was built")
    return (*notes, *of.notes)


def _identities(pairs: Pairs) -> tuple[str, ...]:
    return tuple(sorted({name for row in pairs.rows for name in row.identities}))


def _drops(sides: Halves, level: float) -> tuple[Effect, ...]:
    """Quality on the edited rows against the same rows as written, by `compare`, clustered by original row."""
    from seatrial.actions.compare import compare

    pairs = sides.pairs
    if pairs.label is None:
        return ()
    rows = [pairs.rows[at] for at in sides.places]
    keep = [at for at, row in enumerate(rows) if row.label is not None]
    if not keep:
        return ()

    def table(side: Sequence[Answer | None]) -> dict[str, list[Any]]:
        labels = sides.labels(side)
        scores = [score_of(one, positive=pairs.positive) for one in side]
        out: dict[str, list[Any]] = {
            "id": [rows[at].id for at in keep],
            "row": [rows[at].pair for at in keep],
            "target": [str(rows[at].label) for at in keep],
        }
        classes = {str(row.label) for row in rows}
        if any(scores[at] is not None for at in keep):
            out["score"] = [scores[at] for at in keep]
        # a model that only scores has no labels of its own: `compare` cuts the score at the threshold
        if all(labels[at] is None or str(labels[at]) in classes for at in keep):
            out["prediction"] = [None if labels[at] is None else str(labels[at]) for at in keep]
        return out

    before, after = table(sides.before), table(sides.after)
    if not ({"score", "prediction"} & set(before)) or set(before) != set(after):
        return ()
    clustered = len(set(before["row"])) < len(before["row"])
    from seatrial.data.predictions import read

    try:
        options: dict[str, Any] = {
            "id": "id",
            "target": "target",
            "prediction": "prediction" if "prediction" in before else None,
            "score": "score" if "score" in before else None,
            "positive": pairs.positive,
            "threshold": sides.threshold,
        }
        found = compare(
            read(before, name="as written", **options),
            read(after, name="edited", **options),
            cluster="row" if clustered else None,
            level=level,
            examples=0,
        )
        return tuple(one for one in found.effects if not one.slice)
    except DataError:
        return ()


def _examples(sides: Halves) -> tuple[PairExample, ...]:
    """Pairs whose answer changed, those whose score moved most first."""
    changed, moved = sides.changed(), sides.moved()
    labels = sides.labels(sides.before), sides.labels(sides.after)
    positive = sides.pairs.positive
    order = sorted(
        (at for at, hit in enumerate(changed) if hit),
        key=lambda at: (-abs(moved[at] or 0.0), sides.pairs.rows[sides.places[at]].id),
    )
    return tuple(
        PairExample(
            id=row.id,
            swap=row.swap or "edited",
            original=row.original,
            edited=row.edited or "",
            before=str(labels[0][at]),
            after=str(labels[1][at]),
            score_before=score_of(sides.before[at], positive=positive),
            score_after=score_of(sides.after[at], positive=positive),
        )
        for at in order[:_EXAMPLES]
        for row in (sides.pairs.rows[sides.places[at]],)
    )


def _terms(given: Terms | str | Path | dict[str, Any] | None) -> Terms | None:
    if given is None or isinstance(given, Terms):
        return given
    return parse_terms(given) if isinstance(given, dict) else read_terms(given)
