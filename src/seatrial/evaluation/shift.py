"""What moved between two tables, by how much, and does it matter to the model."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seatrial.evaluation.shift_columns import Chance, Draft, category_column, number_column
from seatrial.evaluation.shift_images import MOST_EMBEDDED, Vectors
from seatrial.evaluation.shift_joint import Joint, joint_shift
from seatrial.evaluation.shift_metric import decompositions, scored_change, seen_change, weighted_change
from seatrial.evaluation.shift_nature import nature
from seatrial.evaluation.shift_reading import MOST_SAMPLED, Compared, Tables
from seatrial.evaluation.shift_rows import ModelRows
from seatrial.evaluation.shift_texts import MOST_TEXTS, text_column
from seatrial.evaluation.shift_words import column_sentence, sentence, status
from seatrial.records.evidence import Source
from seatrial.records.numbers import format_count
from seatrial.records.shift import Shift, ShiftedColumn
from seatrial.records.versions import installed
from seatrial.stats.divergence import binned as bin_counts
from seatrial.stats.divergence import mean_discrepancy, population_stability_index, reference_edges
from seatrial.stats.multiplicity import holm
from seatrial.stats.two_samples import Bridges, Permutations

SMALL_ROWS = 2_000
"""Rows of both tables up to which chance is what permuting the rows shows."""
FEWEST_DRAWS, MOST_TESTS = 999, 60
"""Permutations; above so many tests no p of theirs would be small enough, so limit laws are used."""
Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]


def shift(
    tables: Tables,
    model: ModelRows | None,
    *,
    alpha: float = 0.05,
    roles: dict[str, str] | None = None,
    notes: tuple[str, ...] = (),
    vectors: tuple[Vectors, ...] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> Shift:
    """Measure every column, all of them together, and what it does to the model's metric where there is a model."""
    drafts = _drafts(tables, seed, progress)
    drafts += [_vectors(one.name, one.reference, one.current, seed=seed, how=one.how) for one in vectors]
    columns = _corrected(drafts, alpha)
    joint = joint_shift(tables, alpha=alpha, seed=seed)
    moved = sum(one.moved for one in columns)
    names = tables.reference.source.name, tables.current.source.name
    found = Shift(
        title=f"{names[1]} against {names[0]}",
        sentence="",
        status="inconclusive",
        moved=moved,
        columns=columns,
        left_out=tables.left_out,
        joint=joint.record,
        alpha=alpha,
        roles=roles or {},
        notes=(*notes, *_sampling(tables)),
        sources=tuple(
            Source(model=name, name=side.source.name, sha256=side.source.sha256, rows=side.rows)
            for name, side in (("reference", tables.reference), ("current", tables.current))
        ),
        seatrial=installed("seatrial"),
        seed=seed,
    )
    if model is not None:
        found = _with_model(found, model, joint, alpha)
    found = found.model_copy(update={"not_shown": _not_shown(found, model)})
    return found.model_copy(update={"status": status(found), "sentence": sentence(found)})


def _with_model(found: Shift, model: ModelRows, joint: Joint, alpha: float) -> Shift:
    inputs_moved = any(one.moved for one in found.columns if one.part != "target") or joint.record.told_apart
    expected = [weighted_change(model, joint, alpha=alpha)]
    if model.task == "binary" and not model.labelled:
        expected.append(scored_change(model, alpha=alpha))
    update: dict[str, object] = {"metric": model.metric.name, "expected": tuple(expected)}
    if model.labelled:
        update["metric_change"] = seen_change(model, alpha=alpha)
        update["decompositions"] = decompositions(model, alpha=alpha)
        if model.task != "multilabel":
            update["nature"] = nature(model, joint, inputs_moved=inputs_moved, alpha=alpha)
    return found.model_copy(update=update)


def _drafts(tables: Tables, seed: int, progress: Progress | None) -> list[Draft]:
    reference, current = tables.reference, tables.current
    tests = 2 * (len(tables.columns) + 1)
    draws = max(FEWEST_DRAWS, 40 * min(tests, MOST_TESTS))
    small = reference.rows + current.rows <= SMALL_ROWS and tests <= MOST_TESTS
    permutations = Permutations.draw(reference.rows, current.rows, draws=draws, seed=seed) if small else None
    chance = Chance(permutations=permutations, bridges=Bridges(seed=seed), draws=draws, seed=seed)
    found = []
    for at, one in enumerate(tables.columns):
        if progress is not None:
            progress("measure", at, len(tables.columns))
        found.append(_draft(one, tables, chance, draws, seed))
    if tables.embedding:
        found.append(_embedding(tables, seed=seed))
    return found


def _draft(one: Compared, tables: Tables, chance: Chance, draws: int, seed: int) -> Draft:
    reference, current = tables.reference, tables.current
    draft = Draft(column=one.name, kind=one.kind, part=one.part, notes=list(one.notes))
    if one.kind == "text":
        lengths = reference.lengths(one.places[0]), current.lengths(one.places[1])
        texts = reference.texts(one.places[0]), current.texts(one.places[1])
        return text_column(draft, lengths, texts, chance, draws=draws, seed=seed)
    if one.kind == "number" or one.typed:
        for side, place in ((reference, one.places[0]), (current, one.places[1])):
            if not one.typed and (odd := side.unreadable(place)):
                draft.notes.append(f"{format_count(odd)} values of {side.source.name} are no numbers: taken as missing")
        return number_column(draft, reference.numbers(one.places[0]), current.numbers(one.places[1]), chance)
    counts = reference.levels(one.places[0]), current.levels(one.places[1])
    return category_column(draft, counts[0], counts[1], chance)


def _embedding(tables: Tables, *, seed: int) -> Draft:
    """All columns of the embedding as one vector a row."""
    sides = []
    rng = np.random.default_rng(seed)
    for at, side in enumerate((tables.reference, tables.current)):
        rows = np.column_stack([side.sampled_numbers(one.places[at]) for one in tables.embedding])
        rows = rows[~np.isnan(rows).any(axis=1)]
        if len(rows) > MOST_EMBEDDED:
            rows = rows[np.sort(rng.choice(len(rows), MOST_EMBEDDED, replace=False))]
        sides.append(rows)
    first, last = tables.embedding[0].name, tables.embedding[-1].name
    return _vectors(f"{first} to {last}" if first != last else first, sides[0], sides[1], seed=seed)


def _vectors(name: str, x: Floats, y: Floats, *, seed: int, how: str = "") -> Draft:
    """One vector a row, (n, d) and (m, d)."""
    draft = Draft(column=name, kind="embedding", n_reference=len(x), n_current=len(y))
    if min(len(x), len(y)) < 2:
        draft.add("MMD", None, reason="under two whole vectors in one of the tables", method="none")
        draft.said = "there are too few whole vectors"
        return draft
    found = mean_discrepancy(x, y, draws=FEWEST_DRAWS, seed=seed)
    method = f"Gaussian kernel, bandwidth {found.bandwidth:.4g} (median distance); permutation of the rows"
    draft.add("MMD", found.value, by_chance=found.by_chance, p=found.p_value, unit="squared", method=method)
    each = []
    for a, b in zip(x.T, y.T, strict=True):
        edges = reference_edges(a)
        psi = population_stability_index(bin_counts(a, edges), bin_counts(b, edges))
        each.append(max(psi - (1 / len(a) + 1 / len(b)) * len(edges), 0.0))
    draft.size = max(each)
    far = float(np.linalg.norm(y.mean(axis=0) - x.mean(axis=0)) / (np.sqrt((x.std(axis=0) ** 2).sum()) or 1.0))
    draft.said = f"its mean moved by {far:.3g} of the reference's spread, over {x.shape[1]} numbers"
    draft.notes.append(f"MMD of {format_count(len(x))} and {format_count(len(y))} rows{f', by {how}' if how else ''}")
    return draft


def _corrected(drafts: list[Draft], alpha: float) -> tuple[ShiftedColumn, ...]:
    """Holm over all tests of all columns; those that moved first, the largest first."""
    tests = [
        (d, k) for d, draft in enumerate(drafts) for k, one in enumerate(draft.measures) if one.p_value is not None
    ]
    adjusted, _ = holm([drafts[d].measures[k].p_value or 0.0 for d, k in tests], alpha=alpha)
    for (d, k), p in zip(tests, adjusted.tolist(), strict=True):
        drafts[d].measures[k] = drafts[d].measures[k].model_copy(update={"adjusted_p_value": p})
    found = [_column(draft, alpha) for draft in drafts]
    order = sorted(range(len(found)), key=lambda k: (not found[k].moved, -(found[k].size or 0.0), k))
    return tuple(found[k] for k in order)


def _column(draft: Draft, alpha: float) -> ShiftedColumn:
    known = [one.adjusted_p_value for one in draft.measures if one.adjusted_p_value is not None]
    p = min(known, default=None)
    moved = p is not None and p < alpha
    return ShiftedColumn(
        column=draft.column,
        kind=draft.kind,
        part=draft.part,
        n_reference=draft.n_reference,
        n_current=draft.n_current,
        missing_reference=draft.missing_reference,
        missing_current=draft.missing_current,
        moved=moved,
        size=draft.size,
        p_value=p,
        measures=tuple(draft.measures),
        bars=tuple(draft.bars),
        sentence=column_sentence(draft, moved=moved),
        notes=tuple(draft.notes),
    )


def _sampling(tables: Tables) -> list[str]:
    notes = []
    for side in (tables.reference, tables.current):
        if side.rows > MOST_SAMPLED:
            notes.append(
                f"The classifier and its weights see {format_count(MOST_SAMPLED)} of {format_count(side.rows)} rows of "
                f"{side.source.name}, drawn at random; columns are measured on all rows."
            )
    texts = [one for one in tables.columns if one.kind == "text"]
    if texts and max(tables.reference.rows, tables.current.rows) > MOST_TEXTS:
        notes.append(f"Words and characters are counted in at most {format_count(MOST_TEXTS)} texts of either table.")
    return notes


def _not_shown(found: Shift, model: ModelRows | None) -> tuple[str, ...]:
    said = []
    if model is None:
        said.append("What the shift does to a model: no target and prediction were found or named.")
    elif not model.labelled:
        said.append(
            "Whether the target still means the same: the current table has no targets, and both estimates assume it. "
            "Label some current rows to know."
        )
    if model is not None and not found.decompositions:
        said.append("Where the metric changed: no slices were asked for (--by), or the current table has no targets.")
    if found.left_out:
        many = len(found.left_out)
        said.append(f"{many} column{'s' if many > 1 else ''} left out of this, and what is in no column at all.")
    said += [
        "Shifts of how columns hang together that a logistic regression on values, squares, levels and words cannot "
        "see.",
        "Why something moved, and whether it goes on: two tables are two moments.",
        "Rows that belong together (one user, one document): rows are taken as independent, which makes chance look "
        "smaller than it is.",
    ]
    return tuple(said)
