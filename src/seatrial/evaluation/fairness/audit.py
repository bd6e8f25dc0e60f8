"""The whole audit: align, measure groups and gaps, search stand-ins, explore thresholds, say what was found."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.align import align
from seatrial.data.frame import Frame
from seatrial.data.labels import canonical_labels
from seatrial.data.predictions import Predictions
from seatrial.data.slicing import slice_spec
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.evaluation.fairness.gaps import audit_cut
from seatrial.evaluation.fairness.groups import Cut, measure_groups
from seatrial.evaluation.fairness.mitigations import mitigations
from seatrial.evaluation.fairness.proxies import Searched, search_proxies
from seatrial.evaluation.fairness.reductions import MOST_LEARNT, MOST_ROWS, reductions
from seatrial.evaluation.fairness.thresholds import (
    Decisions,
    best_common,
    chosen_elsewhere,
    folds,
    measured,
    points,
    tried,
)
from seatrial.evaluation.fairness.words import findings, headline, not_shown
from seatrial.records import Slice
from seatrial.records.audit import Audit, DecisionRule, Explorer
from seatrial.records.evidence import Source
from seatrial.records.versions import installed, library_versions

MOST_READ = 150
"""Columns read to be searched for stand-ins."""
MOST_EXPLORED = 1_000_000
"""Rows the threshold explorer reads; of a longer table it takes them evenly spaced."""
FEWEST_EXPLORED = 100
_PLAIN = ("TEXT", "VARCHAR", "BOOL", "INT", "BIGINT", "HUGEINT", "DOUBLE", "FLOAT", "DECIMAL", "DATE", "TIMESTAMP")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of an audit."""

    protected: tuple[str, ...]
    """As `--by` takes them: `sex`, `age:0,25,60`."""
    favourable: str | None = None
    reference: Slice = field(default_factory=dict)
    cross: int = 2
    cluster: str | None = None
    smallest: float = 0.02
    proxies: bool = True
    mitigations: bool = True
    reductions: bool = False
    """Learn new models under a constraint: takes seconds a protected column."""
    benefit: float | None = None
    cost: float | None = None
    level: float = 0.95
    seed: int = 0


def audit_decisions(predictions: Predictions, asked: Asked) -> Audit:
    """Audit one model's decisions; raises `UsageError` for an option that does not fit, `DataError` for data that
    cannot carry an audit."""
    texts, unread = _other_columns(predictions, asked) if asked.proxies else ((), {})
    cross = min(asked.cross, len(asked.protected))
    frame = align([predictions], slices=asked.protected, cross=cross, texts=texts, cluster=asked.cluster)
    _check(frame, predictions)
    favourable = _favourable(frame, asked.favourable)
    _check_reference(frame, asked.reference)
    groups = measure_groups(frame, favourable, cross=cross, smallest=asked.smallest, seed=asked.seed)
    model = frame.models[0]
    alpha = 1 - asked.level
    overall = groups.whole.estimates(model, 0, alpha=alpha)
    cuts = tuple(
        audit_cut(cut, model, level=asked.level, reference=asked.reference, smallest=asked.smallest)
        for cut in groups.cuts
    )
    searched = (
        search_proxies(frame, smallest=asked.smallest, level=asked.level, seed=asked.seed)
        if frame.texts
        else Searched(proxies=(), columns=(), skipped={}, rows=0)
    )
    explorers = _explorers(frame, groups.cuts, favourable, asked, alpha)
    notes = [*predictions.guesses, *frame.notes, *groups.notes]
    if searched.rows and searched.rows < frame.n:
        notes.append(f"stand-ins were searched on {searched.rows:,} rows, evenly spaced")
    if frame.weight is not None and searched.proxies:
        notes.append("the search for stand-ins counts every row once, whatever its weight")
    accuracy = next(one for one in overall if one.metric == "accuracy")
    protected = tuple(cut.name for cut in frame.slices)
    tone, said = headline(cuts)
    found = findings(
        cuts, searched.proxies, explorers, favourable=frame.labels[favourable], level=asked.level, n=frame.n
    )
    scored = bool(frame.scored and frame.scored[0])
    side = frame.sides[0]
    return Audit(
        model=model,
        title=f"Fairness audit of {model}",
        headline=said,
        sentence=found[0].sentence if found else "Nothing could be compared.",
        tone=tone,
        findings=found,
        protected=protected,
        favourable=frame.labels[favourable],
        n=frame.n,
        decided=accuracy.n,
        overall=overall,
        cuts=cuts,
        proxies=searched.proxies,
        columns_searched=searched.columns,
        columns_skipped={**unread, **searched.skipped},
        explorers=explorers,
        threshold=frame.threshold if scored and predictions.roles.prediction is None else None,
        benefit=asked.benefit,
        cost=asked.cost,
        smallest=asked.smallest,
        level=asked.level,
        notes=tuple(dict.fromkeys(notes)),
        not_shown=not_shown(
            frame, cuts, scored=scored, searched=bool(searched.columns), money=asked.benefit is not None
        ),
        roles=_roles(predictions, frame),
        source=Source(model=model, name=side.source, sha256=side.sha256, rows=side.rows, matched=side.matched),
        seatrial=installed("seatrial"),
        libraries=library_versions(),
        seed=asked.seed,
    )


def _other_columns(predictions: Predictions, asked: Asked) -> tuple[tuple[str, ...], dict[str, str]]:
    """Columns without another use, and why the others are not read."""
    source = predictions.source
    used = {*predictions.roles.columns, *(slice_spec(text, source).column for text in asked.protected)}
    if asked.cluster is not None:
        used.add(source.columns[source.place(asked.cluster, option="--cluster")])
    if predictions.model is not None:
        used.add(predictions.model[0])
    found: list[str] = []
    skipped: dict[str, str] = {}
    for name, kind in zip(source.columns, source.kinds, strict=True):
        if name in used:
            continue
        if not any(part in kind.upper() for part in _PLAIN) or "[" in kind or ("(" in kind and "DECIMAL" not in kind):
            skipped[name] = f"a column of type {kind[:40]} is not searched"
        elif len(found) == MOST_READ:
            skipped[name] = f"only the first {MOST_READ} columns are read"
        else:
            found.append(name)
    return tuple(found), skipped


def _check(frame: Frame, predictions: Predictions) -> None:
    if frame.n == 0:
        raise DataError(f"{predictions.source_name} has no rows to audit.")
    if frame.task != "binary" or len(frame.labels) != 2:
        raise UsageError(
            f"An audit reads decisions with two outcomes; {predictions.source_name} is {frame.task}"
            f"{f' with labels {listed(frame.labels)}' if frame.labels else ''}. Name one outcome against the rest in a "
            "column of its own."
        )


def _favourable(frame: Frame, given: str | None) -> int:
    positive = frame.positive or 0
    if given is None:
        return positive
    known = canonical_labels([given])[given]
    for place, label in enumerate(frame.labels):
        if label in (given, known):
            return place
    raise UsageError(
        f"--favourable {given}: there is no such outcome.{did_you_mean(given, frame.labels)} "
        f"The outcomes: {listed(frame.labels)}."
    )


def _check_reference(frame: Frame, reference: Slice) -> None:
    cuts = {cut.name: cut.levels for cut in frame.slices}
    for column, level in reference.items():
        if column not in cuts:
            raise UsageError(
                f"--reference {column}={level}: '{column}' is not protected here.{did_you_mean(column, cuts)}"
            )
        if level not in cuts[column]:
            raise UsageError(
                f"--reference {column}={level}: no such group.{did_you_mean(level, cuts[column])} "
                f"Groups: {listed(cuts[column])}."
            )


def _explorers(
    frame: Frame, cuts: tuple[Cut, ...], favourable: int, asked: Asked, alpha: float
) -> tuple[Explorer, ...]:
    """The threshold explorer of every protected column on its own."""
    if not (frame.scored and frame.scored[0]):
        return ()
    single = [cut for cut in cuts if len(cut.grouping.columns) == 1]
    rows = _Rows.read(frame, single, favourable, most=MOST_EXPLORED)
    fewer = None
    if asked.reductions and frame.texts:
        texts = tuple(f"text_{place}" for place in range(len(frame.texts)))
        fewer = _Rows.read(frame, single, favourable, most=MOST_ROWS, texts=texts)
    found = []
    for cut in single:
        name = cut.grouping.names[0]
        kept = int(cut.ranked.sum())
        if kept < 2 or rows.usable.sum() < FEWEST_EXPLORED:
            reason = "fewer than two ranked groups" if kept < 2 else f"under {FEWEST_EXPLORED} rows have a score"
            found.append(Explorer(protected=name, notes=(f"not explored: {reason}",)))
            continue
        relearnt: tuple[DecisionRule, ...] = ()
        if fewer is not None:
            relearnt = _relearnt(fewer, cut, asked, alpha)
        found.append(_explorer(name, rows.of(cut, asked), frame.n, asked, alpha, relearnt))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Rows of the frame with a label, a decision and a score; all arrays are of the rows that were read."""

    frame: Frame
    columns: dict[str, NDArray[Any]]
    usable: NDArray[np.bool_]
    weight: NDArray[np.float64]
    favourable: int
    texts: tuple[NDArray[Any], ...]
    """Other columns, on the usable rows."""

    @classmethod
    def read(
        cls, frame: Frame, single: list[Cut], favourable: int, *, most: int, texts: tuple[str, ...] = ()
    ) -> "_Rows":
        names = ["score_0", "target", "prediction_0", *(f"slice_{cut.grouping.columns[0]}" for cut in single)]
        names += ["weight"] if frame.weight is not None else []
        names += ["cluster"] if frame.cluster is not None else []
        read = frame.sample([*names, *texts], most=most)
        usable = np.isfinite(np.asarray(read["score_0"], float))
        usable &= (np.asarray(read["target"]) >= 0) & (np.asarray(read["prediction_0"]) >= 0)
        weight = np.asarray(read["weight"], float) if frame.weight is not None else np.ones(len(usable))
        usable &= weight > 0
        return cls(
            frame=frame,
            columns=dict(read),
            usable=usable,
            weight=weight,
            favourable=favourable,
            texts=tuple(np.asarray(read[name])[usable] for name in texts),
        )

    def of(self, cut: Cut, asked: Asked) -> Decisions:
        """The decisions, their groups those of one protected column; groups too small to rank are -1."""
        frame, usable = self.frame, self.usable
        kept = np.flatnonzero(cut.ranked)
        code = np.full(cut.grouping.size, -1, dtype=np.intp)
        code[kept] = np.arange(len(kept))
        flipped = self.favourable != frame.positive
        score = np.asarray(self.columns["score_0"], float)[usable]
        return Decisions(
            score=-score if flipped else score,
            label=(np.asarray(self.columns["target"], np.intp) == self.favourable)[usable],
            decided=(np.asarray(self.columns["prediction_0"], np.intp) == self.favourable)[usable],
            group=code[np.asarray(self.columns[f"slice_{cut.grouping.columns[0]}"], np.intp)][usable],
            groups=tuple(cut.grouping.levels[0][k] for k in kept.tolist()),
            weight=self.weight[usable],
            weighted=frame.weight is not None,
            frequency=frame.weights == "counts",
            cluster=None if frame.cluster is None else np.asarray(self.columns["cluster"], np.intp)[usable],
            flipped=flipped,
            benefit=asked.benefit,
            cost=asked.cost,
        )


def _relearnt(rows: _Rows, cut: Cut, asked: Asked, alpha: float) -> tuple[DecisionRule, ...]:
    """New models under a constraint, held against the best single threshold on the same rows."""
    of = rows.of(cut, asked)
    if of.n < FEWEST_EXPLORED:
        return ()
    fold = folds(of, asked.seed)
    best = chosen_elsewhere(of, best_common, fold)
    return reductions(of, fold, rows.texts, best, alpha=alpha, seed=asked.seed)


def _explorer(
    name: str, of: Decisions, rows: int, asked: Asked, alpha: float, relearnt: tuple[DecisionRule, ...]
) -> Explorer:
    fold = folds(of, asked.seed)
    rules = [measured(of, of.decided, "as decided", "as decided", per_group=False, alpha=alpha)]
    own, best = tried(of, fold, alpha=alpha)
    rules += own
    rules += mitigations(of, fold, best, wanted=asked.mitigations, alpha=alpha, seed=asked.seed)
    rules += relearnt
    notes = ["a rule is chosen on one half of the rows and measured on the other, both ways"]
    if of.n < rows:
        notes.append(f"{of.n:,} of {rows:,} rows: those with a label, a decision and a score")
    if (of.group < 0).any():
        notes.append("people of groups too small to rank keep the threshold that is best for everyone")
    if any(rule.reason is None for rule in relearnt):
        notes.append(
            f"new models see the other columns, not '{name}'; they are learnt on at most {MOST_LEARNT:,} rows of each "
            f"half and measured on at most {MOST_ROWS:,} rows, evenly spaced"
        )
    return Explorer(protected=name, points=points(of), rules=tuple(rules), n=of.n, notes=tuple(notes))


def _roles(predictions: Predictions, frame: Frame) -> dict[str, str]:
    roles = predictions.roles
    known = {
        "label": roles.target,
        "decision": roles.prediction,
        "score": roles.score,
        "weight": frame.weight,
        "cluster": frame.cluster,
        "id": roles.id,
        "positive": None if frame.positive is None else frame.labels[frame.positive],
    }
    return {name: value for name, value in known.items() if value is not None}
