"""Measure metrics of a frame on every slice: one scan for what adds up, sorted scans for ranks, resampling for the
rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.frame import Frame
from seatrial.effects.cases import Cases, Floats
from seatrial.effects.columns import Reader, check_names, column_array, equal_columns, label_names, row_names
from seatrial.effects.detection import Detector, measure_detected
from seatrial.effects.grouping import Grouping
from seatrial.effects.large.measure import measure_large, rarer_of, why_not
from seatrial.effects.large.refused import value_only
from seatrial.effects.means import from_cases, from_moments
from seatrial.effects.measured import Measured, merge
from seatrial.effects.quantiles import measure_quantile, quantile_line
from seatrial.effects.ranks import Ranker, influences, measure_ranked
from seatrial.effects.resampled import measure_banded, measure_function
from seatrial.effects.scan import LOOK, MAX_CELL_CLASSES, TermGroup, scan
from seatrial.effects.terms import AtomLine, Influences, reads_target_only, validity
from seatrial.errors import UsageError
from seatrial.expressions import (
    Column,
    Mean,
    MetricRef,
    Name,
    Node,
    Number,
    Share,
    Size,
    atoms,
    depends_only_on,
    evaluate_rows,
    resolve,
    row_columns,
)
from seatrial.expressions import Quantile as QuantileAtom
from seatrial.metrics.base import (
    Averaged,
    Banded,
    Detected,
    Formula,
    Marginal,
    Metric,
    PerClass,
    Quantile,
    Ranked,
    Resampled,
)
from seatrial.metrics.catalogue import Catalogue

Pair = tuple[int, ...]
Progress = Callable[[str, int, int], None]
"""(what, done, of)."""

LABEL_NAMES = frozenset({"target", "prediction"})
LABELS_AND_SCORES = frozenset({"prediction", "score"})
SCORE_NAMES = frozenset({"score", "score_of_target", "sum_of_squared_scores"})
TARGET_NAMES = frozenset({"target", "is_positive"})
"""Row values that are the same for every version."""
MAX_RESAMPLED_SLICES = 100
ROWS_IN_MEMORY = 10_000_000
"""Rows x versions up to which whole columns are read; beyond, what needs the order of rows comes from counts."""
MAX_REPEATED = 20_000_000
"""Counts up to so many rows in all are measured row by row; above it as weights, whose limits differ by order 1/n."""


def catalogue_of(frame: Frame, *, operational: tuple[str, ...], formulas: dict[str, Formula]) -> Catalogue:
    """What can be measured on a frame."""
    return Catalogue(
        task=frame.task,
        labels=frame.labels,
        scored=bool(frame.scored) and all(frame.scored),
        columns=frame.values,
        operational=operational,
        formulas=formulas,
        true_labels=frame.facts.target_labels[0] if frame.facts.target_labels else (),
    )


def bind(metric: Metric, frame: Frame, catalogue: Catalogue) -> Metric:
    """A metric ready for a frame: names of a formula resolved, `centre` filled in; raises `UsageError` for an unknown
    name."""
    if isinstance(metric, (Formula, PerClass)):
        tree, own = metric.tree, metric.name in catalogue.formulas
        rows = {*frame.values, *frame.texts, *row_names(frame)}
        names = {part.name for part in tree.walk() if isinstance(part, (Name, MetricRef))}
        # an alias, or a metric of one class, is no reason to take a column's name from it
        given = {
            name: meant
            for name, meant in catalogue.in_formulas(names).items()
            if name != metric.name and (name not in rows or name in catalogue.by_name())
        }
        if not own and any(isinstance(part, Column) and part.name == "centre" for part in tree.walk()):
            tree = _replace_column(tree, "centre", Number(_centre(frame)))
        resolved = resolve(tree, columns=rows, metrics=given, collisions=own)
        for atom in atoms(resolved):
            if isinstance(atom, (Mean, QuantileAtom)):
                check_names(frame, row_columns(atom.row), metric=metric.name)
        if isinstance(metric, Formula):
            return _with_tree(metric, resolved)
    return metric


def named_columns(tree: Node) -> tuple[str, ...]:
    """Every bare or row-level name of a formula that could be a column of the user's table."""
    found = [part.name for part in tree.walk() if isinstance(part, (Column, Name))]
    return tuple(dict.fromkeys(found))


@dataclass
class Measurer:
    """Measures one frame; keeps what was read so that later questions (a policy's slice) cost little."""

    frame: Frame
    catalogue: Catalogue
    seed: int = 0
    frequency: bool = False
    """Whether weights are counts of rows."""
    same_columns: dict[tuple[int, int], frozenset[str]] = field(default_factory=dict)
    """Per pair of versions, the columns (prediction, score, names of values) equal byte for byte."""
    progress: Progress | None = None
    rows_in_memory: int = ROWS_IN_MEMORY

    def __post_init__(self) -> None:
        self.read = Reader(self.frame)
        self.plain = self.frame.cluster is None and self.frame.weight is None and self.frame.task != "multilabel"
        """Whether rows are independent, count alike and have one label each: what the scan answers."""
        if self.frequency and self.frame.weight is not None and not self.large:
            self._repeat()
        self._ranker: Ranker | None = None
        self._detector: Detector | None = None
        self._rarer: dict[Grouping, Floats] = {}
        self._equal_columns: dict[tuple[int, int], frozenset[str]] = {}
        self._counted: dict[Grouping, Floats] = {}

    def measure(
        self, metrics: Sequence[Metric], groupings: Sequence[Grouping], pairs: Sequence[Pair]
    ) -> dict[tuple[str, Grouping], Measured]:
        """Every metric on every grouping for all pairs (or for single versions `(i,)`)."""
        found: dict[tuple[str, Grouping], list[Measured]] = {}
        bound = [bind(metric, self.frame, self.catalogue) for metric in metrics]
        steps = len(pairs) * (1 + len(groupings)) + self.large
        unscanned: dict[str, Metric] = {}
        for at, pair in enumerate(pairs):
            self._tell("scan", at * (1 + len(groupings)), steps)
            scanned = self._scanned(bound, groupings, pair)
            for position, grouping in enumerate(groupings):
                self._tell("measure", at * (1 + len(groupings)) + 1 + position, steps)
                rows_of: _Rows | None = None
                for metric in bound:
                    one = scanned.get((metric.name, position))
                    if one is None and self.large:
                        unscanned[metric.name] = metric
                        continue
                    if one is None:
                        rows_of = rows_of or _Rows(self, grouping)
                        one = rows_of.measure(metric, pair)
                    found.setdefault((metric.name, grouping), []).append(one)
        merged = {key: merge(parts) for key, parts in found.items()}
        if self.large:
            self._tell("stream", steps - 1, steps)
            merged |= self._streamed(list(unscanned.values()), groupings, pairs)
            if self.frame.cluster is not None:
                reason = why_not(None, self.frame, self.rows_in_memory)
                merged = {key: value_only(one, reason, self.unit) for key, one in merged.items()}
        return merged

    def _streamed(
        self, metrics: Sequence[Metric], groupings: Sequence[Grouping], pairs: Sequence[Pair]
    ) -> dict[tuple[str, Grouping], Measured]:
        """What a table too long to hold can give beside the scan."""
        same = {(metric.name, pair): self.same(metric, pair) for metric in metrics for pair in pairs}
        return measure_large(metrics, self.frame, groupings, pairs, same, seed=self.seed, limit=self.rows_in_memory)

    @property
    def large(self) -> bool:
        """Whether the table is too long to hold whole columns of it."""
        return self.frame.n * len(self.frame.models) > self.rows_in_memory

    def rarer(self, grouping: Grouping) -> Floats | None:
        """Rows of the rarer class in each slice, (S,); None where the target is not binary."""
        if self.frame.task != "binary":
            return None
        if grouping not in self._rarer and self.large:
            self._rarer[grouping] = rarer_of(self.frame, grouping)
        if grouping not in self._rarer:
            target = self.read("target")
            codes = [self.read(f"slice_{k}") for k in grouping.columns]
            where = grouping.combine(codes) if codes else np.zeros(self.frame.n, dtype=np.intp)
            self._keep_rarer(grouping, where, target, np.ones(len(target)))
        return self._rarer[grouping]

    def rows_of(self, grouping: Grouping) -> Floats | None:
        """Rows of each slice, (S,), where a scan has counted them."""
        return self._counted.get(grouping)

    def _keep_rarer(self, grouping: Grouping, where: NDArray[np.intp], target: NDArray[Any], count: Floats) -> None:
        positive = np.bincount(where, np.where(target == self.frame.positive, count, 0.0), grouping.size)
        known = np.bincount(where, np.where(target >= 0, count, 0.0), grouping.size)
        self._rarer[grouping] = np.minimum(positive, known - positive)

    @property
    def unit(self) -> str:
        return self.frame.cluster or "row"

    def _repeat(self) -> None:
        """Counts of rows become that many rows, as long as they are not too many: then every method is the exact
        one."""
        counts = np.asarray(self.read("weight"), dtype=float)
        total = counts.sum()
        most = min(MAX_REPEATED, self.rows_in_memory // len(self.frame.models))
        if (counts == np.floor(counts)).all() and total <= most:
            rows = np.repeat(np.arange(self.frame.n), counts.astype(np.intp))
            self.read = Reader(self.frame, rows=rows)
            self.frame = replace(self.frame, n=len(rows), weight=None)
            self.frequency = False

    @property
    def ranker(self) -> Ranker:
        if self._ranker is None:
            weight = None if self.frame.weight is None else np.nan_to_num(np.asarray(self.read("weight"), dtype=float))
            self._ranker = Ranker(frame=self.frame, read=self.read, seed=self.seed, weight=weight)
        return self._ranker

    @property
    def detector(self) -> Detector:
        if self._detector is None:
            self._detector = Detector(
                frame=self.frame, rows=self.read("row").astype(np.intp), seed=self.seed, progress=self.progress
            )
        return self._detector

    def same(self, metric: Metric, pair: Pair) -> bool:
        """Whether every column the metric reads is equal byte for byte in both versions."""
        if len(pair) < 2:
            return False
        equal = self._equal((pair[0], pair[1]))
        if not equal >= LABELS_AND_SCORES:  # counts of unlike answers that agree on these rows agree by chance
            equal = equal - frozenset(self.frame.counted)
        if isinstance(metric, Quantile):
            return metric.column in equal
        if isinstance(metric, Ranked):
            return "score" in equal
        if not isinstance(metric, Formula):
            return equal >= LABELS_AND_SCORES
        shared = {*equal, *self.frame.texts, *TARGET_NAMES, *(SCORE_NAMES if "score" in equal else ())}
        return all(self._same_atom(atom, shared, equal) for atom in atoms(metric.tree)) or reads_target_only(
            metric.tree
        )

    def _same_atom(self, atom: Node, shared: set[str], equal: frozenset[str]) -> bool:
        """Whether an atom of a formula reads only columns that both versions share.

        Predictions that agree are not enough where the scores differ: two models then agreed on these rows by chance.
        """
        labels = equal >= LABELS_AND_SCORES
        if isinstance(atom, (Mean, QuantileAtom)):
            read = set(row_columns(atom.row))
            return read <= shared - {"prediction"} or (labels and not (read - shared) & set(self.frame.values))
        return labels or isinstance(atom, Size)

    def _equal(self, pair: tuple[int, int]) -> frozenset[str]:
        given = self.same_columns.get(pair, frozenset())
        if given >= LABELS_AND_SCORES:
            return given
        if pair not in self._equal_columns:
            self._equal_columns[pair] = equal_columns(self.frame, pair)
        return self._equal_columns[pair]

    def _scanned(
        self, metrics: Sequence[Metric], groupings: Sequence[Grouping], pair: Pair
    ) -> dict[tuple[str, int], Measured]:
        """What one GROUP BY answers."""
        values_alone = self.large and self.frame.weight is None and self.frame.task != "multilabel"
        if not (self.plain or values_alone):
            return {}
        discrete = self.frame.task in ("binary", "multiclass") and len(self.frame.labels) <= MAX_CELL_CLASSES
        cells = [m for m in metrics if discrete and _reads_labels_only(m)]
        sums = [m for m in metrics if m not in cells and isinstance(m, Formula) and _adds_up(m)]
        sums = [m for m in sums if self.large or not self._reads_counts(m)]
        if not cells and not sums:
            return {}
        groups = [TermGroup(name=m.name, atoms=_terms(m.tree)) for m in sums]
        found: dict[tuple[str, int], Measured] = {}
        for position, (grouping, one) in enumerate(
            zip(groupings, scan(self.frame, groups, groupings, pair, cells=bool(cells)), strict=True)
        ):
            self._counted[grouping] = one.rows
            if one.cells is not None and one.cells.target is not None and self.frame.task == "binary":
                self._keep_rarer(grouping, one.cells.slice_index, one.cells.target, one.cells.count)
            for metric in cells:
                if one.cells is None:
                    continue
                # cells already hold only rows that every version has a label for
                found[metric.name, position] = from_cases(
                    metric, one.cells, grouping, one.rows, pair, same=self.same(metric, pair), unit="row", models=pair
                )
            for metric in sums:
                found[metric.name, position] = from_moments(
                    metric, metric.tree, one, grouping, pair, same=self.same(metric, pair), unit="row"
                )
        return found

    def _reads_counts(self, metric: Formula) -> bool:
        """Whether a formula reads counts of structured answers: in memory already, many and small, so that rows are
        quicker than a scan of all their products."""
        read = {name for atom in atoms(metric.tree) if isinstance(atom, Mean) for name in row_columns(atom.row)}
        return not read.isdisjoint(self.frame.counted)

    def _tell(self, what: str, done: int, of: int) -> None:
        if self.progress is not None:
            self.progress(what, done, of)


class _Rows:
    """The rows of a frame under one grouping, for what the scan does not answer."""

    def __init__(self, measurer: Measurer, grouping: Grouping) -> None:
        self.measurer, self.frame, self.grouping = measurer, measurer.frame, grouping
        read = measurer.read
        codes = [read(f"slice_{k}") for k in grouping.columns]
        where = grouping.combine(codes) if codes else np.zeros(self.frame.n, dtype=np.int8)
        classes = self.frame.task in ("binary", "multiclass")
        weight = None if self.frame.weight is None else np.nan_to_num(np.asarray(read("weight"), dtype=float))
        self.cases = Cases(
            size=grouping.size,
            slice_index=where,
            count=np.broadcast_to(1.0, self.frame.n),
            target=read("target") if classes else None,
            predictions={m: read(f"prediction_{m}") for m in range(len(self.frame.models))} if classes else {},
            column=self._column,
            weight=weight,
            cluster=None if self.frame.cluster is None else read("cluster").astype(np.intp),
            n_clusters=self.frame.n_clusters,
            positive=self.frame.positive,
            labels=self.frame.labels,
            multilabel=self.frame.task == "multilabel",
            frequency=measurer.frequency,
            label_names=label_names(self.frame),
        )
        counted = measurer.rows_of(grouping)
        self.rows = np.bincount(where, minlength=grouping.size).astype(np.float64) if counted is None else counted
        if self.cases.frequency:
            self.rows = self.cases.total(self.cases.rows)

    def _column(self, name: str, model: int) -> NDArray[Any]:
        return column_array(self.frame, name, model, read=self.measurer.read)

    def measure(self, metric: Metric, pair: Pair) -> Measured:
        same, unit = self.measurer.same(metric, pair), self.measurer.unit
        if isinstance(metric, Ranked):
            return measure_ranked(
                metric, self.measurer.ranker, self.cases, self.grouping, self.rows, pair, same=same, unit=unit
            )
        if isinstance(metric, Quantile):
            columns = {m: f"value_{m}_{self.frame.values.index(metric.column)}" for m in range(len(self.frame.models))}
            return measure_quantile(
                metric, self.measurer.read, columns, self.cases, self.grouping, self.rows, pair, same=same, unit=unit
            )
        if isinstance(metric, Banded):
            return measure_banded(
                metric,
                self.measurer.ranker,
                self.cases,
                self.grouping,
                self.rows,
                pair,
                seed=self.measurer.seed,
                unit=unit,
            )
        if isinstance(metric, Resampled):
            return measure_function(
                metric,
                self.measurer.ranker,
                self.cases,
                self.grouping,
                self.rows,
                pair,
                seed=self.measurer.seed,
                unit=unit,
                progress=self.measurer.progress,
                most_slices=MAX_RESAMPLED_SLICES,
            )
        if isinstance(metric, Detected):
            return measure_detected(
                metric,
                self.measurer.detector,
                self.cases,
                self.grouping,
                self.rows,
                pair,
                same=same,
                unit=unit,
                most_slices=MAX_RESAMPLED_SLICES,
            )
        every = tuple(range(len(self.frame.models)))
        ranked, valid = self._ranked_atoms(metric, every)
        return from_cases(
            metric,
            self.cases,
            self.grouping,
            self.rows,
            pair,
            same=same,
            unit=unit,
            models=every,
            ranked=ranked,
            extra_valid=valid,
        )

    def _ranked_atoms(self, metric: Metric, models: Pair) -> tuple[dict[int, Influences], NDArray[np.bool_] | None]:
        """Influences of the rank metrics and quantiles a formula names, on the rows that have every input of it."""
        named = (
            [a for a in atoms(metric.tree) if isinstance(a, (MetricRef, QuantileAtom))]
            if isinstance(metric, Formula)
            else []
        )
        if not named:
            return {}, None
        valid = np.logical_and.reduce([validity(metric, self.cases, model) for model in models])
        for atom in named:
            for model in models:
                if isinstance(atom, QuantileAtom):
                    valid = valid & np.isfinite(self._amounts(atom, model))
                else:
                    valid = valid & self.measurer.ranker.valid(self.measurer.ranker.classes(self._ranked(atom)))
        found: dict[int, Influences] = {
            model: {atom.key(): self._atom_line(atom, model, valid) for atom in named} for model in models
        }
        return found, valid

    def _atom_line(self, atom: MetricRef | QuantileAtom, model: int, valid: NDArray[np.bool_]) -> AtomLine:
        if isinstance(atom, QuantileAtom):
            return quantile_line(self._amounts(atom, model), atom.probability, self.cases, valid)
        line = influences(self._ranked(atom), self.measurer.ranker, self.cases, self.grouping, model, valid)
        return AtomLine(value=line.value, psi=line.psi, reasons=line.reasons, flat=line.interval_reasons)

    def _amounts(self, atom: QuantileAtom, model: int) -> Floats:
        columns = {n: self._column(n, model) for n in row_columns(atom.row)}
        return evaluate_rows(atom.row, columns, labels=self.cases.label_names, size=self.frame.n)

    def _ranked(self, atom: MetricRef) -> Ranked:
        name = atom.name if atom.label is None else f"{atom.name}[{atom.label}]"
        metric = self.measurer.catalogue.get(name)
        if not isinstance(metric, Ranked):
            raise UsageError(
                f"A formula cannot use '{name}': only means and metrics of ranks have a sum to differentiate."
            )
        return metric


def _reads_labels_only(metric: Metric) -> bool:
    if isinstance(metric, (PerClass, Averaged, Marginal)):
        return True
    return isinstance(metric, Formula) and depends_only_on(metric.tree, LABEL_NAMES)


def _adds_up(metric: Formula) -> bool:
    return all(isinstance(atom, (Mean, Share)) for atom in atoms(metric.tree))


def _terms(tree: Node) -> tuple[Mean | Share, ...]:
    return tuple(atom for atom in atoms(tree) if isinstance(atom, (Mean, Share)))


def _with_tree(metric: Formula, tree: Node) -> Formula:
    return replace(metric, tree=tree)


def _centre(frame: Frame) -> float:
    """A number near the middle of most targets, so that their variance does not cancel."""
    step = max(1, frame.n // LOOK)
    seen = frame.engine.query(f'SELECT target FROM "{frame.table}" WHERE row % {step} = 0 ORDER BY row')["target"]
    known = np.asarray(seen, dtype=float)
    known = known[np.isfinite(known)]
    return float(f"{np.median(known):.9g}") if len(known) else 0.0


def _replace_column(node: Node, name: str, by: Node) -> Node:
    if isinstance(node, Column) and node.name == name:
        return by
    children = node.children
    return node.with_children(tuple(_replace_column(child, name, by) for child in children)) if children else node
