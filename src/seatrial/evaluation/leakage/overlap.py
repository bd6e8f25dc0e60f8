"""Every check of a test set against itself and against the training data."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.leakage import checks, giveaway
from seatrial.evaluation.leakage.columns import Codes, Sides, codes, missing, sides
from seatrial.evaluation.leakage.images import Looks, looks, near_images
from seatrial.evaluation.leakage.matching import Flags, Matches
from seatrial.evaluation.leakage.rows import contradictions, equal_rows, near_rows, own_copies, row_keys, total
from seatrial.evaluation.leakage.texts import near_texts
from seatrial.evaluation.leakage.together import shared_groups, time_travel
from seatrial.records.evidence import Finding, Source
from seatrial.records.overlap import Overlap, OverlapCheck
from seatrial.records.versions import installed

Progress = Callable[[str, int, int], None]
THRESHOLD = 0.8
LEVEL = 0.95
COPIES = ("copies in the training data", "near copies in the training data")


def overlap_findings(test: LoadedDataset, train: LoadedDataset | None, *, seed: int = 0) -> tuple[Finding, ...]:
    """The checks of `find_overlap` as health findings, one a check."""
    return as_findings(find_overlap(test, train, seed=seed))


def as_findings(of: Overlap) -> tuple[Finding, ...]:
    """The checks of an overlap as health findings."""
    return tuple(Finding(name=one.kind, status=one.status, sentence=one.sentence, count=one.count) for one in of.checks)


def find_overlap(
    test: LoadedDataset,
    train: LoadedDataset | None,
    *,
    threshold: float = THRESHOLD,
    text: Sequence[str] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> Overlap:
    """Look for what makes a score on `test` say less than it seems, given the training data or without them.

    Copies and near copies on both sides and within the test set, equal inputs with different targets, groups and times
    on both sides (roles `group`, else `cluster`, and `time`), columns that tell the target alone, targets named in the
    text. `threshold` is the Jaccard similarity of texts that are near copies; `text` names columns that are texts
    where that cannot be told from their values.

    Raises `UsageError` for a threshold outside 0.5..1, `DataError` for an empty side or no common input.
    """
    if not 0.5 <= threshold <= 1:
        raise UsageError(f"The similarity of near copies lies between 0.5 and 1, not {threshold:g}.")
    for one, name in ((test, "test set"), (train, "training data")):
        if one is not None and not len(one):
            raise DataError(f"The {name} ({one.name}) has no rows.")
    both, notes = sides(test, train, text=text)
    if not both.kinds:
        raise DataError(f"{test.name} and its training data have no input column in common.")
    found = _checks(both, threshold=threshold, seed=seed, notes=notes, progress=progress)
    status = checks.worst([one.status for one in found])
    copied: set[str] = set()
    for check in found:
        if check.status != "pass" and check.kind in COPIES:
            copied.update(check.ids)
    roles = {
        role: value for role in ("target", "group", "cluster", "time") if (value := getattr(test, role)) is not None
    }
    return Overlap(
        title=f"{test.name} against {train.name}" if train is not None else f"{test.name} by itself",
        sentence=checks.sentence(found, both),
        status=status,
        rows_test=both.n_test,
        rows_train=None if train is None else both.n_train,
        checks=tuple(found),
        copied=tuple(id for id in test.ids if id in copied),
        compared=dict(both.kinds),
        roles=roles,
        notes=tuple([*notes, *test.guesses]),
        not_shown=checks.not_shown(both),
        sources=tuple(
            Source(model=role, name=one.name, sha256=one.fingerprint, rows=len(one))
            for role, one in (("test", test), ("train", train))
            if one is not None
        ),
        threshold=threshold,
        seed=seed,
        seatrial=installed("seatrial"),
    )


def _checks(
    both: Sides, *, threshold: float, seed: int, notes: list[str], progress: Progress | None
) -> list[OverlapCheck]:
    seen: dict[str, tuple[Looks, Looks]] = {}
    for name in both.of("image"):
        first, second = both.values(name)
        seen[name] = looks(first, progress=progress), looks(second, progress=progress)
    names, keys = row_keys(both, seen)
    equal = equal_rows(both, keys)
    own = own_copies(total(keys, 1)) if both.train is not None else None
    found: list[OverlapCheck] = []
    if both.train is not None:
        found.append(checks.copies_across(both, equal, own))
    near: list[tuple[Matches, tuple[str, ...], Codes | None]] = []
    texts = near_texts(both, threshold=threshold, seed=seed, progress=progress)
    if texts is not None:
        near.append((*texts, None))
    for name, pair in seen.items():
        matches, sampled, said = near_images(both, name, pair, seed=seed)
        near.append((matches, said, sampled))
    table = near_rows(both, names, keys)
    usual = None
    if table is not None:
        near.append((table[0], (), None))
        usual = table[1]
    if both.train is not None:
        for matches, said, sampled in near:
            found.append(
                checks.near_across(both, matches, already=equal.in_train, notes=said, sampled=sampled, usual=usual)
            )
    found.append(checks.copies_within(both, equal))
    for matches, said, sampled in near:
        found.append(checks.near_within(both, matches, already=equal.in_test, notes=said, sampled=sampled))
    found += _targets(both, equal, total(keys, 0), total(keys, 1), seed=seed, notes=notes)
    if both.train is not None:
        found += _apart(both, notes)
    return found


def _targets(
    both: Sides,
    equal: Matches,
    keys: NDArray[np.uint64],
    train_keys: NDArray[np.uint64],
    *,
    seed: int,
    notes: list[str],
) -> list[OverlapCheck]:
    name = both.test.target
    if name is None or name not in both.test.columns:
        return []
    found = []
    own = both.test.columns[name]
    target = giveaway.target_of(own, both.test.task)
    if isinstance(target, str) or target.task != "number":
        found.append(_contradictions(both, equal, keys, train_keys, name))
    if isinstance(target, str):
        notes.append(f"Columns were not held against the target: {target}.")
        return found
    columns = giveaway.every_column(both, target, alpha=1 - LEVEL, seed=seed)
    found.append(checks.giveaways(both, columns, target))
    named = giveaway.named_targets(both, target, alpha=1 - LEVEL, seed=seed)
    if named is not None:
        found.append(checks.named(both, named))
    order = giveaway.order_tells(target, alpha=1 - LEVEL)
    if order is not None:
        found.append(checks.ordered(order))
    return found


def _contradictions(
    both: Sides, equal: Matches, keys: NDArray[np.uint64], train_keys: NDArray[np.uint64], name: str
) -> OverlapCheck:
    own = both.test.columns[name]
    with_train = both.train is not None and name in both.train.columns
    other = both.train.columns[name] if both.train is not None and with_train else ()
    first, second = codes(own, other)
    known = _known(own)
    within, most = contradictions(keys, first, known)
    across = np.zeros(both.n_test, dtype=bool)
    if with_train:
        both_keys, labels = np.concatenate([keys, train_keys]), np.concatenate([first, second])
        every, _ = contradictions(both_keys, labels, np.concatenate([known, _known(other)]))
        across = every[: both.n_test] & equal.in_train & ~within
    return checks.contradictory(both, equal, within, across, most, (first, second))


def _known(values: Sequence[object]) -> Flags:
    return np.array([not missing(value) for value in values], dtype=bool)


def _apart(both: Sides, notes: list[str]) -> list[OverlapCheck]:
    found: list[OverlapCheck] = []
    train = both.train
    if train is None:
        return found
    for role in ("group", "cluster"):
        name = getattr(both.test, role)
        if name is None or name not in both.test.columns:
            continue
        if name not in train.columns:
            notes.append(f"The training data have no column '{name}': groups on both sides could not be looked for.")
        else:
            groups = shared_groups(both.test.columns[name], train.columns[name])
            found.append(checks.grouped(both, name, groups))
        break
    name = both.test.time
    if name is not None and name in both.test.columns:
        if name not in train.columns:
            notes.append(f"The training data have no column '{name}': time travel could not be looked for.")
        else:
            travel = time_travel(both.test.columns[name], train.columns[name])
            if isinstance(travel, str):
                notes.append(f"Time travel could not be looked for: {travel}.")
            else:
                found.append(checks.travelled(both, name, travel))
    return found
