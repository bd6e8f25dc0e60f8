"""Texts that are nearly the same: shingles of characters, MinHash, buckets, true Jaccard similarity."""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seatrial.evaluation.leakage.columns import Sides, missing
from seatrial.evaluation.leakage.matching import Matches, best, no_matches
from seatrial.stats.minhash import (
    BANDS,
    MOST_SETS,
    WIDTH,
    Sets,
    Signatures,
    as_sets,
    candidates,
    jaccard,
    miss_probability,
    mixed,
    signatures,
)

Progress = Callable[[str, int, int], None]
SHINGLE = 5
"""Characters."""
SHORTEST = 20
"""Shorter texts are compared by equality alone: too few shingles to be nearly the same."""
LONGEST = 20_000
"""Characters of a text that are looked at."""
MOST_CHARACTERS = 300_000_000
"""Of both sides: above, training rows are sampled."""
_CHUNK = 2_000_000
_MULTIPLIER = np.uint64(0x100000001B3)
_JOINT = "\n"


def near_texts(
    sides: Sides, *, threshold: float, seed: int, progress: Progress | None = None
) -> tuple[Matches, tuple[str, ...]] | None:
    """Best near copy of every test row by its texts, all text columns as one; None without text columns."""
    columns = sides.of("text")
    if not columns:
        return None
    notes = []
    test = joined([sides.values(name)[0] for name in columns], sides.n_test)
    train = joined([sides.values(name)[1] for name in columns], sides.n_train)
    kept = np.arange(len(train))
    if (cut := sum(len(text) > LONGEST for text in (*test, *train))) > 0:
        notes.append(f"{cut:,} texts are longer than {LONGEST:,} characters: their beginnings are compared.")
    sizes = [sum(min(len(text), LONGEST) for text in side) for side in (test, train)]
    if sum(sizes) > MOST_CHARACTERS and len(train) > 1:
        share = max(0.05, (MOST_CHARACTERS - sizes[0]) / max(1, sizes[1]))
        many = max(1, int(share * len(train)))
        kept = np.sort(np.random.default_rng(seed).choice(len(train), many, replace=False))
        train = [train[i] for i in kept]
        notes.append(f"{many:,} of {sides.n_train:,} training rows were sampled for near copies: more may be there.")
    normal_test, normal_train = [normalised(text) for text in test], [normalised(text) for text in train]
    unique = dict.fromkeys(text for text in (*normal_test, *normal_train) if len(text) >= SHORTEST)
    number = {text: at for at, text in enumerate(unique)}
    texts = list(unique)
    of_test = np.array([number.get(text, -1) for text in normal_test], dtype=np.int64)
    of_train = np.array([number.get(text, -1) for text in normal_train], dtype=np.int64)
    short = int((of_test < 0).sum())
    if short:
        notes.append(f"{short:,} test rows have texts under {SHORTEST} characters: only equal ones are found.")
    how = f"Jaccard similarity of shingles of {SHINGLE} characters"
    method = (
        f"{how} of the texts in small letters with single spaces, at least {threshold:g}; candidates by MinHash "
        f"({BANDS * WIDTH} hashes, {BANDS} bands of {WIDTH}: a pair at {threshold:g} is missed with chance "
        f"{miss_probability(threshold):.2g}), every candidate verified"
    )
    empty = no_matches(sides.n_test, how=how, method=method)
    if not texts:
        return empty, tuple(notes)
    wanted = np.zeros(len(texts), dtype=bool)
    wanted[of_test[of_test >= 0]] = True
    signature = _signatures(texts, seed, progress)
    error = np.sqrt(threshold * (1 - threshold) / (BANDS * WIDTH))
    found = candidates(signature, wanted=wanted, least=max(0.0, threshold - 4.5 * float(error)), seed=seed)
    if found.cut:
        notes.append("So many texts are alike that not every pair was looked at: counts are lower limits.")
    alike = similarity(texts, found.first, found.second, progress)
    near = alike >= threshold
    one, two, alike = found.first[near], found.second[near], alike[near]
    pairs = (
        np.concatenate([one, two, np.flatnonzero(wanted)]),
        np.concatenate([two, one, np.flatnonzero(wanted)]),
        np.concatenate([alike, alike, np.ones(int(wanted.sum()))]),
    )
    place, value = _rows(pairs, of_test, of_train, sides.n_test, same=False)
    in_train = np.where(place >= 0, kept[np.maximum(place, 0)] if len(kept) else -1, -1)
    within, within_value = _rows(pairs, of_test, of_test, sides.n_test, same=True)
    return (
        Matches(
            train=in_train,
            train_alike=value,
            test=within,
            test_alike=within_value,
            how=how,
            method=method,
        ),
        tuple(notes),
    )


def _rows(pairs: Any, of_test: Any, of_other: Any, n: int, *, same: bool) -> tuple[Any, Any]:
    """Best other row of every test row, from pairs of texts; a row is no match of itself."""
    one, two, alike = pairs
    size = int(max(of_test.max(initial=-1), of_other.max(initial=-1), one.max(initial=-1), two.max(initial=-1))) + 1
    first = np.full(size, -1, dtype=np.int64)
    last = np.full(size, -1, dtype=np.int64)
    there = np.flatnonzero(of_other >= 0)
    first[of_other[there][::-1]] = there[::-1]
    last[of_other[there]] = there
    keep = first[two] >= 0
    text_place, text_value = best(one[keep], two[keep], alike[keep], size)
    known = np.flatnonzero(of_test >= 0)
    place, value = np.full(n, -1, dtype=np.int64), np.zeros(n)
    if not same:
        chosen = text_place[of_test[known]]
        hit = chosen >= 0
        place[known[hit]] = first[chosen[hit]]
        value[known[hit]] = text_value[of_test[known]][hit]
        return place, value
    own = one == two
    twin = np.where(last > first, 1.0, 0.0)
    apart = ~own & keep
    text_place, text_value = best(one[apart], two[apart], alike[apart], size)
    for row in known:
        text = of_test[row]
        if twin[text]:
            place[row], value[row] = (last[text] if first[text] == row else first[text]), 1.0
        elif text_place[text] >= 0:
            place[row], value[row] = first[text_place[text]], text_value[text]
    return place, value


def joined(columns: Sequence[Sequence[Any]], n: int) -> list[str]:
    """The texts of a row as one."""
    if len(columns) == 1:
        return [("" if missing(value) else str(value)) for value in columns[0]]
    return [_JOINT.join("" if missing(column[i]) else str(column[i]) for column in columns) for i in range(n)]


def normalised(text: str) -> str:
    """A text in small letters, compatible characters alike, single spaces, cut at 20,000 characters.

    >>> normalised("  Hello\\n WORLD ")
    'hello world'
    """
    text = text[:LONGEST]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def shingles(texts: Sequence[str]) -> Sets:
    """The shingles of up to 65,536 texts as sets of numbers; a shorter text than a shingle is one shingle.

    >>> shingles(["abcdef", "abcde"]).sizes.tolist()
    [2, 1]
    """
    padded = [text if len(text) >= SHINGLE else text.ljust(SHINGLE, "\0") for text in texts]
    lengths = np.array([len(text) for text in padded], dtype=np.int64)
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    if not len(points):
        return as_sets([], [], n=len(texts))
    owner = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    size = len(points) - SHINGLE + 1
    value = np.zeros(size, dtype=np.uint64)
    for offset in range(SHINGLE):
        value = value * _MULTIPLIER + points[offset : offset + size]
        value ^= value >> np.uint64(29)
    inside = owner[:size] == owner[SHINGLE - 1 :]
    return as_sets(owner[:size][inside], mixed(value[inside]) >> np.uint64(16), n=len(texts))


def chunks(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Cut a list into stretches of at most about two million characters and 65,535 texts."""
    found, start, total = [], 0, 0
    for at, size in enumerate(sizes):
        if at > start and (total + size > _CHUNK or at - start >= MOST_SETS - 1):
            found.append((start, at))
            start, total = at, 0
        total += size
    return [*found, (start, len(sizes))] if len(sizes) else []


def _signatures(texts: Sequence[str], seed: int, progress: Progress | None) -> Signatures:
    found = np.empty((len(texts), BANDS * WIDTH), dtype=np.uint32)
    for start, stop in chunks([len(text) for text in texts]):
        if progress is not None:
            progress("texts", start, len(texts))
        found[start:stop] = signatures(shingles(texts[start:stop]), seed=seed)
    return found


def similarity(texts: Sequence[str], first: Any, second: Any, progress: Progress | None = None) -> Any:
    """True Jaccard similarity of pairs of texts by their positions, (P,)."""
    found = np.zeros(len(first))
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    work = (lengths[first] + lengths[second]).tolist()
    for start, stop in chunks(work):
        if progress is not None:
            progress("near copies", start, len(first))
        here = np.concatenate([first[start:stop], second[start:stop]])
        known, place = np.unique(here, return_inverse=True)
        sets = [shingles([texts[i] for i in known[a:b]]) for a, b in _halves(len(known))]
        whole = _chained(sets)
        found[start:stop] = jaccard(whole, place[: stop - start], place[stop - start :])
    return found


def _halves(n: int) -> list[tuple[int, int]]:
    most = MOST_SETS - 1
    return [(at, min(at + most, n)) for at in range(0, n, most)]


def _chained(parts: Sequence[Sets]) -> Sets:
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([0, *(len(part.members) for part in parts)])
    return Sets(
        members=np.concatenate([part.members for part in parts]),
        starts=np.concatenate(
            [part.starts[:-1] + end for part, end in zip(parts, ends[:-1], strict=True)] + [ends[-1:]]
        ),
    )
