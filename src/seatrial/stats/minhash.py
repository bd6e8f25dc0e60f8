"""Sets that are nearly the same: MinHash signatures, candidates by bands, true Jaccard similarities."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.errors import UsageError

Integers = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Signatures = NDArray[np.uint32]
Floats = NDArray[np.float64]

BANDS, WIDTH = 20, 5
BITS = np.uint64(48)
"""Members of a set are whole numbers below 2^48; above lies the number of the set within its chunk."""
MOST_SETS = 1 << 16
MOST_MEMBERS = 1 << 22
_BLOCK = 1 << 17
_LOW = (np.uint64(1) << BITS) - np.uint64(1)


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Sets of whole numbers below 2^48, one behind the other: set i is members[starts[i]:starts[i + 1]], sorted."""

    members: Hashes
    starts: Integers
    """(n + 1,)."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def sizes(self) -> Integers:
        return np.diff(self.starts)


def as_sets(owner: ArrayLike, members: ArrayLike, *, n: int) -> Sets:
    """Group members (M,) by the set that each belongs to, owner (M,) in 0..n-1, dropping repeats.

    Raises `UsageError` above 65,536 sets.

    >>> as_sets([0, 1, 0, 0], [7, 5, 3, 7], n=2).members.tolist()
    [3, 7, 5]
    """
    if n > MOST_SETS:
        raise UsageError(f"At most {MOST_SETS} sets can be formed at once, not {n}.")
    keys = (np.asarray(owner, dtype=np.uint64) << BITS) | (np.asarray(members, dtype=np.uint64) & _LOW)
    keys.sort()
    keys = keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys
    starts = np.searchsorted(keys, np.arange(n + 1, dtype=np.uint64) << BITS) if n < MOST_SETS else _starts(keys, n)
    return Sets(members=keys & _LOW, starts=np.asarray(starts, dtype=np.int64))


def _starts(keys: Hashes, n: int) -> Integers:
    counts = np.bincount((keys >> BITS).astype(np.int64), minlength=n)
    return np.concatenate([[0], np.cumsum(counts)])


def signatures(sets: Sets, *, seed: int = 0, size: int = BANDS * WIDTH) -> Signatures:
    """MinHash signatures (n, size): P(entry of A = entry of B) is about their Jaccard similarity (Broder 1997).

    Entry j is the least of a_j x + b_j mod 2^32 over the set's members x (a_j odd); empty sets get the largest number.

    >>> twice = Sets(members=np.array([1, 2, 3, 1, 2, 3], np.uint64) << np.uint64(30), starts=np.array([0, 3, 6]))
    >>> bool((np.diff(signatures(twice), axis=0) == 0).all())
    True
    """
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 1 << 32, size, dtype=np.uint32) | np.uint32(1)
    shifts = rng.integers(0, 1 << 32, size, dtype=np.uint32)
    found = np.full((len(sets), size), np.uint32(0xFFFFFFFF), dtype=np.uint32)
    there = np.flatnonzero(sets.sizes > 0)
    if not len(there):
        return found
    begins = sets.starts[there]
    whole = (sets.members >> np.uint64(16)).astype(np.uint32)
    cuts = np.unique(np.append(np.searchsorted(begins, np.arange(0, len(whole), _BLOCK)), len(there)))
    for first, last in itertools.pairwise(cuts.tolist()):
        low = begins[first]
        high = begins[last] if last < len(there) else len(whole)
        block, offsets = whole[low:high], begins[first:last] - low
        mapped = np.empty_like(block)
        for j in range(size):
            np.multiply(block, factors[j], out=mapped)
            np.add(mapped, shifts[j], out=mapped)
            found[there[first:last], j] = np.minimum.reduceat(mapped, offsets)
    return found


def miss_probability(similarity: float, *, bands: int = BANDS, width: int = WIDTH) -> float:
    """Chance that a pair of this Jaccard similarity is in no common bucket: (1 - s^width)^bands.

    >>> round(miss_probability(0.8), 5), round(miss_probability(0.5), 2)
    (0.00036, 0.53)
    """
    return float((1.0 - similarity**width) ** bands)


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Pairs of sets that share a bucket, first < second, without repeats."""

    first: Integers
    second: Integers
    cut: bool
    """A bucket was so full that only some of its pairs were taken."""


def candidates(
    signature: Signatures,
    *,
    wanted: NDArray[np.bool_],
    least: float = 0.0,
    bands: int = BANDS,
    width: int = WIDTH,
    neighbours: int = 16,
    seed: int = 0,
) -> Candidates:
    """Pairs whose signatures (n, bands x width) agree in a whole band (Leskovec, Rajaraman, Ullman, chapter 3).

    One of the two must be `wanted` (n,), and the whole signatures agree in at least the share `least`. Within a bucket
    a set is paired with its `neighbours` next ones in a random order, another one in every band.
    """
    rng = np.random.default_rng(seed)
    n = len(signature)
    found: list[Hashes] = []
    cut = False
    for band in range(bands):
        shuffled = rng.permutation(n)
        part = signature[:, band * width : (band + 1) * width].astype(np.uint64)
        key = np.zeros(n, dtype=np.uint64)
        for column in range(width):
            key = _mixed(key ^ (part[:, column] + np.uint64(0x9E3779B97F4A7C15)))
        key = key[shuffled]
        order = np.argsort(key, kind="stable")
        key, place = key[order], shuffled[order]
        here = wanted[place]
        for step in range(1, neighbours + 2):
            same = key[step:] == key[:-step]
            if not same.any():
                break
            pick = same & (here[step:] | here[:-step])
            one, two = place[:-step][pick], place[step:][pick]
            if least > 0 and len(one):
                alike = agreement(signature, one, two) >= least
                one, two = one[alike], two[alike]
            if step > neighbours:
                cut = cut or len(one) > 0
                break
            low, high = np.minimum(one, two).astype(np.uint64), np.maximum(one, two).astype(np.uint64)
            found.append((low << np.uint64(32)) | high)
    pairs = np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.uint64)
    return Candidates(
        first=(pairs >> np.uint64(32)).astype(np.int64),
        second=(pairs & np.uint64(0xFFFFFFFF)).astype(np.int64),
        cut=cut,
    )


def agreement(signature: Signatures, first: Integers, second: Integers) -> Floats:
    """Share of equal entries of two signatures, (P,): the MinHash estimate of the Jaccard similarity."""
    found = np.empty(len(first))
    for start in range(0, len(first), _BLOCK):
        here = slice(start, start + _BLOCK)
        found[here] = (signature[first[here]] == signature[second[here]]).mean(axis=1)
    return found


def jaccard(sets: Sets, first: ArrayLike, second: ArrayLike) -> Floats:
    """True Jaccard similarity |A and B| / |A or B| of pairs of sets, (P,); two empty sets: 1.

    >>> three = as_sets([0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 2, 3, 4, 5], n=2)
    >>> jaccard(three, [0], [1]).tolist()
    [0.4]
    """
    one, two = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    sizes = sets.sizes
    both = sizes[one] + sizes[two]
    found = np.ones(len(one))
    start = 0
    while start < len(one):
        fits = int(np.searchsorted(np.cumsum(both[start : start + MOST_SETS]), MOST_MEMBERS, side="right"))
        stop = start + min(max(fits, 1), MOST_SETS)
        a, b = one[start:stop], two[start:stop]
        owner = np.arange(len(a), dtype=np.uint64) << BITS
        keys = np.concatenate([np.repeat(owner, sizes[side]) | sets.members[_ranges(sets, side)] for side in (a, b)])
        keys.sort()
        shared = np.bincount((keys[1:][keys[1:] == keys[:-1]] >> BITS).astype(np.int64), minlength=len(a))
        union = both[start:stop] - shared
        found[start:stop] = np.where(union > 0, shared / np.maximum(union, 1), 1.0)
        start = stop
    return found


def _ranges(sets: Sets, which: Integers) -> Integers:
    """Positions of the members of several sets, one set behind the other."""
    sizes = sets.sizes[which]
    ends = np.cumsum(sizes)
    behind = np.repeat(sets.starts[which] - (ends - sizes), sizes)
    return np.asarray(np.arange(len(behind)) + behind, dtype=np.int64)


def _mixed(x: Hashes) -> Hashes:
    """Spread the bits of 64-bit numbers (splitmix64's finaliser; Steele, Lea and Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def mixed(x: ArrayLike) -> Hashes:
    """Spread the bits of whole numbers, so that any part of the 64 bits is a good hash.

    >>> len(set((mixed(np.arange(1000)) >> np.uint64(40)).tolist()))
    1000
    """
    given = np.asarray(x).astype(np.uint64)
    return np.asarray(_mixed(np.atleast_1d(given)).reshape(given.shape), dtype=np.uint64)
