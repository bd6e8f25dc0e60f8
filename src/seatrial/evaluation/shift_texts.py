"""How far a column of texts moved: length, words the reference never used, and a character profile of any language."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seatrial.evaluation.shift_columns import (
    BY_LAW,
    BY_PERMUTATION,
    Chance,
    Draft,
    count_missing,
    histogram,
    nothing,
)
from seatrial.records.numbers import format_count, format_percent, format_value
from seatrial.stats import divergence
from seatrial.stats.ordered import ordered

Floats = NDArray[np.float64]
MOST_TEXTS = 5_000
"""Texts of each table whose words and characters are looked at."""
MOST_GRAMS = 500
"""Character trigrams counted apart; all others are one."""
DRAWS = 999
VOCABULARY_DRAWS = 199
_WORD = re.compile(r"\w+")


def text_column(
    draft: Draft,
    lengths: tuple[Floats, Floats],
    texts: tuple[Sequence[str | None], Sequence[str | None]],
    chance: Chance,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Draft:
    """Measure a column of texts from the lengths of all rows and the texts of a sample of them."""
    x, y = (side[~np.isnan(side)] for side in lengths)
    count_missing(draft, len(lengths[0]), len(lengths[1]), len(x), len(y))
    rng = np.random.default_rng(seed)
    known = [_some([one for one in side if one], rng) for side in texts]
    if not len(x) or not len(y) or not known[0] or not known[1]:
        return nothing(draft)
    both = ordered(x, y)
    if chance.permutations is not None:
        p, how, band = _length_draws(lengths, both.kolmogorov_smirnov, chance)
    else:
        p = divergence.kolmogorov_p(both.kolmogorov_smirnov, both.n, both.m)
        how, band = BY_LAW["KS"], divergence.kolmogorov_by_chance(both.n, both.m)
    n, m = len(known[0]), len(known[1])
    sampled = (
        "" if n == len(x) and m == len(y) else f" of {format_count(n)} and {format_count(m)} texts drawn at random"
    )
    profile = trigrams([*known[0], *known[1]])
    psi, js, drawn_psi, drawn_js = _profile_draws(profile, n, draws, seed)
    unseen, by_chance = _unseen(known[0], known[1], seed)
    as_large = int((drawn_js >= js - 1e-12).sum())
    draft.add("PSI", psi, by_chance=float(np.quantile(drawn_psi, 0.95)), method=_profile_method(profile, sampled))
    draft.add(
        "characters", js, by_chance=float(np.quantile(drawn_js, 0.95)), p=(as_large + 1) / (draws + 1), unit="bits",
        method=f"Jensen-Shannon of {_profile_method(profile, sampled)}",
    )  # fmt: skip
    draft.add(
        "share of unseen words", unseen, by_chance=by_chance, method=f"words the reference does not have{sampled}; "
        "permutation of the texts",
    )  # fmt: skip
    draft.add("length KS", both.kolmogorov_smirnov, by_chance=band, p=p, method=f"characters of a text; {how}")
    draft.size = max(psi - float(drawn_psi.mean()), 0.0)
    draft.bars = histogram(both)
    before, after = float(np.median(x)), float(np.median(y))
    draft.said = (
        f"{_percent(unseen)} of its words are not in the reference (chance: up to {_percent(by_chance)}); the median "
        f"length is {format_value(after)} characters after {format_value(before)}"
    )
    return draft


def _profile_method(profile: Floats, sampled: str) -> str:
    return f"character trigrams, {profile.shape[1]} kinds{sampled}; permutation of the texts"


def _some(texts: list[str], rng: np.random.Generator) -> list[str]:
    if len(texts) <= MOST_TEXTS:
        return texts
    return [texts[k] for k in np.sort(rng.choice(len(texts), MOST_TEXTS, replace=False))]


def _length_draws(lengths: tuple[Floats, Floats], ks: float, chance: Chance) -> tuple[float, str, float]:
    from seatrial.stats.two_samples import shares

    rows = np.concatenate(lengths)
    codes = np.full(len(rows), -1, dtype=np.int64)
    known = ~np.isnan(rows)
    values, codes[known] = np.unique(rows[known], return_inverse=True)
    if chance.permutations is None:
        return 1.0, "", 0.0
    mine, others = chance.permutations.counts(codes, len(values))
    drawn = np.abs(np.cumsum(shares(mine), axis=1) - np.cumsum(shares(others), axis=1)).max(axis=1)
    return chance.permutations.p_value(drawn, ks), BY_PERMUTATION, float(np.quantile(drawn, 0.95))


def trigrams(texts: Sequence[str]) -> Floats:
    """Counts of the most frequent character trigrams of each text, (texts, kinds), the last column all others.

    Small letters, any run of spaces as one, a space before and behind: no language is assumed.

    >>> trigrams(["aaaa", "AAAA"]).sum(axis=1).tolist()
    [4.0, 4.0]
    """
    marked = [" " + " ".join(text.casefold().split()) + " " for text in texts]
    points = np.frombuffer("".join(marked).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    length = np.array([len(text) for text in marked])
    text_of = np.repeat(np.arange(len(marked)), length)
    gram = (points[:-2] << 42) + (points[1:-1] << 21) + points[2:] if len(points) > 2 else np.empty(0, np.int64)
    inside = text_of[:-2] == text_of[2:] if len(points) > 2 else np.empty(0, np.bool_)
    gram, where = gram[inside], text_of[: len(inside)][inside]
    kinds, codes = np.unique(gram, return_inverse=True)
    often = np.argsort(-np.bincount(codes, minlength=len(kinds)), kind="stable")[:MOST_GRAMS]
    place = np.full(len(kinds), len(often))
    place[often] = np.arange(len(often))
    size = len(often) + 1
    counts = np.bincount(where * size + place[codes], minlength=len(marked) * size)
    found = counts.reshape(len(marked), size).astype(np.float64)
    return found if found[:, -1].any() else found[:, :-1]


def _profile_draws(profile: Floats, n: int, draws: int, seed: int) -> tuple[float, float, Floats, Floats]:
    """PSI and Jensen-Shannon of the two profiles, and of `draws` permutations of the texts."""
    total = profile.sum(axis=0)
    label = np.zeros(len(profile), dtype=np.float32)
    label[:n] = 1
    rng = np.random.default_rng(seed)
    narrow = profile.astype(np.float32)
    psi, js = np.empty(draws + 1), np.empty(draws + 1)
    smaller = float(min(profile[:n].sum(), profile[n:].sum()))
    for start in range(0, draws + 1, 100):
        many = min(100, draws + 1 - start)
        sides = rng.permuted(np.tile(label, (many, 1)), axis=1)
        if start == 0:
            sides[0] = label
        mine = (sides @ narrow).astype(np.float64)
        others = np.maximum(total - mine, 0.0)
        p, q = (side / np.maximum(side.sum(axis=1, keepdims=True), 1.0) for side in (mine, others))
        psi[start : start + many] = divergence.psi_of_shares(p, q, smaller)
        js[start : start + many] = divergence.jensen_shannon_of_shares(p, q)
    return float(psi[0]), float(js[0]), psi[1:], js[1:]


def _unseen(reference: Sequence[str], current: Sequence[str], seed: int) -> tuple[float, float]:
    """Share of the current words that no reference text has, and what permuted texts show at most in 95 %."""
    kinds: dict[str, int] = {}
    types: list[int] = []
    owner: list[int] = []
    for at, text in enumerate([*reference, *current]):
        for word in _WORD.findall(text.casefold()):
            types.append(kinds.setdefault(word, len(kinds)))
            owner.append(at)
    word, text_of = np.array(types, dtype=np.int64), np.array(owner, dtype=np.int64)
    side = np.zeros(len(reference) + len(current), dtype=np.bool_)
    side[: len(reference)] = True
    rng = np.random.default_rng(seed)

    def share(mine: NDArray[np.bool_]) -> float:
        here = mine[text_of]
        seen = np.zeros(len(kinds), dtype=np.bool_)
        seen[word[here]] = True
        others = word[~here]
        return float((~seen[others]).mean()) if len(others) else 0.0

    drawn = [share(rng.permutation(side)) for _ in range(VOCABULARY_DRAWS)]
    return share(side), float(np.quantile(drawn, 0.95))


def _percent(share: float) -> str:
    return format_percent(round(share, 3))
