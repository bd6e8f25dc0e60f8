"""Interleaved lists: who won each query, one vote a user."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.decisions.phrases import said
from seatrial.effects.estimate import finite
from seatrial.effects.words import word
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.experiments.logs import Log
from seatrial.records.evidence import Finding
from seatrial.records.interleaving import Interleaving
from seatrial.records.numbers import format_count, format_interval, format_percent
from seatrial.records.results import Effect, Estimate
from seatrial.records.versions import installed
from seatrial.stats.interleaving import Preference, interleaved_preference
from seatrial.stats.power import smallest_detectable_effect

Floats = NDArray[np.float64]
TIES = frozenset({"tie", "ties", "tied", "draw", "both", "neither", "none", "equal", "no preference"})
NOT_SHOWN = (
    "How much the preference is worth: a list that wins more clicks head to head need not earn more; an A/B test says.",
    "Whether the lists were drafted fairly: the draft itself is not in the log.",
    "What clicks do not say: satisfaction without a click, and clicks that were a mistake.",
)


@dataclass(frozen=True, kw_only=True)
class Votes:
    """Credits of every row: for the baseline, for the candidate; a row without either is silent."""

    baseline: str
    candidate: str
    first: Floats
    second: Floats
    tied: Floats


def interleaving(log: Log, votes: Votes, *, alpha: float = 0.05) -> Interleaving:
    """The preference of users between two rankings, from wins or credits of queries.

    `log` may have the texts `query` and `user`. Rows of one query (and user) are added up; the query is won by the
    ranking with more credit, tied at equal credit, silent without any. Every user has one vote, the mean over their
    queries (Student's t over users). Raises `DataError` where nobody gave a preference.
    """
    query, doubles = _queries(log)
    count = int(query.max()) + 1
    first, second, tied = (
        np.bincount(query, values, count).astype(np.float64) for values in (votes.first, votes.second, votes.tied)
    )
    heard = first + second + tied > 0
    users = _users(log, query, count)
    wins = (first > second) & heard, (second > first) & heard
    draws = heard & (first == second)
    found = interleaved_preference(
        wins[0].astype(float), wins[1].astype(float), draws.astype(float), units=users, alpha=alpha
    )
    if not found.units:
        raise DataError(f"{log.name}: no query has a winner or a tie.")
    unit = "user" if users is not None else "query"
    effect = _effect(found, votes, unit, alpha)
    return Interleaving(
        title=f"{votes.candidate} against {votes.baseline}, interleaved",
        sentence=_sentence(found, votes, effect, unit),
        baseline=votes.baseline,
        candidate=votes.candidate,
        unit=unit,
        rows=log.rows,
        queries=int(heard.sum()),
        silent=int((~heard).sum()),
        units=found.units,
        prefer_baseline=found.prefer_a,
        prefer_candidate=found.prefer_b,
        undecided=found.undecided,
        preference=effect,
        share=_share(found, votes, alpha),
        health=_health(doubles, heard, users),
        notes=_notes(users),
        not_shown=NOT_SHOWN,
        source=log.source,
        seatrial=installed("seatrial"),
    )


def read_winners(log: Log, baseline: str | None) -> Votes:
    """Votes from a column of winners: the two rankings' names, a word for a tie, empty where nobody clicked.

    Raises `DataError` when there are not two names, `UsageError` for a baseline that is none of them.
    """
    winner = log.texts["winner"]
    names = sorted({str(one) for one in winner if one is not None and str(one).casefold() not in TIES})
    if len(names) != 2:
        raise DataError(
            f"{log.name}: '{log.columns['winner']}' names {len(names)} rankings ({listed(names)}); two are compared, "
            "with 'tie' for a tie and nothing where nobody clicked."
        )
    if baseline is not None and baseline not in names:
        raise UsageError(f"--baseline {baseline}: the rankings are {listed(names)}.{did_you_mean(baseline, names)}")
    first = names[0] if baseline is None else baseline
    second = next(name for name in names if name != first)
    words = np.array(["" if one is None else str(one) for one in winner], dtype=object)
    tied = np.array([word.casefold() in TIES for word in words.tolist()], dtype=np.float64)
    return Votes(
        baseline=first,
        candidate=second,
        first=np.equal(words, first).astype(np.float64),
        second=np.equal(words, second).astype(np.float64),
        tied=tied,
    )


def read_credits(log: Log) -> Votes:
    """Votes from two columns of credit (clicks on each ranking's items); raises `DataError` for what is no count."""
    sides: Sequence[Floats] = [log.need_numbers("credit_baseline"), log.need_numbers("credit_candidate")]
    if any((side < 0).any() for side in sides):
        raise DataError(f"{log.name}: a credit is negative.")
    return Votes(
        baseline=log.columns["credit_baseline"],
        candidate=log.columns["credit_candidate"],
        first=sides[0],
        second=sides[1],
        tied=np.zeros(log.rows),
    )


def _queries(log: Log) -> tuple[NDArray[np.intp], int]:
    """The query of each row (with its user, where given), and how many rows add to an earlier one."""
    if "query" not in log.texts:
        return np.arange(log.rows), 0
    keys = log.need_texts("query").astype(str)
    if "user" in log.texts:
        keys = np.char.add(np.char.add(keys, "\x1f"), log.need_texts("user").astype(str))
    query = np.unique(keys, return_inverse=True)[1].astype(np.intp)
    return query, log.rows - (int(query.max()) + 1)


def _users(log: Log, query: NDArray[np.intp], count: int) -> NDArray[np.intp] | None:
    """The user of each query."""
    if "user" not in log.texts:
        return None
    codes = np.unique(log.need_texts("user").astype(str), return_inverse=True)[1].astype(np.intp)
    users = np.zeros(count, dtype=np.intp)
    users[query] = codes
    return users


def _effect(found: Preference, votes: Votes, unit: str, alpha: float) -> Effect:
    contrast = found.contrast
    low, high = contrast.interval(alpha)
    words, _ = word(contrast, alpha=alpha, margin=0.0, margin_is_relative=False, higher_is_better=True)
    reason = contrast.reasons[0]
    return Effect(
        baseline=votes.baseline,
        candidate=votes.candidate,
        metric="preference",
        n=found.units,
        difference=finite(contrast.difference[0]),
        low=finite(low[0]),
        high=finite(high[0]),
        level=1 - alpha,
        p_value=finite(contrast.p_value(0.0)[0]),
        word="cannot tell" if reason else words[0],
        standard_error=finite(contrast.standard_error[0]),
        smallest_detectable_effect=finite(smallest_detectable_effect(contrast.standard_error, alpha=alpha)[0]),
        method=None if reason else contrast.method,
        reason=reason,
        unit=unit,
    )


def _share(found: Preference, votes: Votes, alpha: float) -> Estimate:
    decided = found.prefer_a + found.prefer_b
    value = finite(found.share_b)
    return Estimate(
        model=votes.candidate,
        metric="share that prefers it",
        n=decided,
        value=value,
        reason="nobody is decided" if value is None else None,
        low=finite(found.share_low),
        high=finite(found.share_high),
        level=1 - alpha,
        method=found.share_method if decided else None,
    )


def _sentence(found: Preference, votes: Votes, effect: Effect, unit: str) -> str:
    units = f"{format_count(found.units)} {'users' if unit == 'user' else 'queries'}"
    if effect.reason is not None or effect.difference is None:
        return f"No preference can be told from {units}: {effect.reason}."
    numbers = format_interval(effect.difference, effect.low, effect.high, signed=True, thresholds=(0.0,))
    decided = found.prefer_a + found.prefer_b
    share = (
        f"of {format_count(decided)} decided, {format_percent(round(found.share_b, 3))} prefer {said(votes.candidate)}"
    )
    share = share if decided else "nobody is decided"
    if effect.word == "better":
        return f"Users prefer {said(votes.candidate)} to {said(votes.baseline)}: {numbers} over {units}; {share}."
    if effect.word == "worse":
        return f"Users prefer {said(votes.baseline)} to {said(votes.candidate)}: {numbers} over {units}; {share}."
    return (
        f"Cannot tell which of {said(votes.baseline)} and {said(votes.candidate)} users prefer: {numbers} over "
        f"{units}; {share}."
    )


def _health(doubles: int, heard: NDArray[np.bool_], users: NDArray[np.intp] | None) -> tuple[Finding, ...]:
    found = []
    if doubles:
        text = f"{format_count(doubles)} rows add to a query that is there already; a query counts once."
        found.append(Finding(name="each query once", status="pass", sentence=text, count=doubles))
    silent = float((~heard).mean())
    text = f"{format_percent(round(silent, 4))} of {format_count(len(heard))} queries had no click and no vote."
    found.append(Finding(name="queries with a click", status="warn" if silent > 0.9 else "pass", sentence=text))
    if users is not None:
        largest = float(np.bincount(users[heard]).max(initial=0)) / max(int(heard.sum()), 1)
        text = f"The busiest user has {format_percent(round(largest, 4))} of the queries; each user has one vote."
        found.append(Finding(name="one vote a user", status="pass", sentence=text))
    return tuple(found)


def _notes(users: NDArray[np.intp] | None) -> tuple[str, ...]:
    if users is not None:
        return ()
    return (
        "Without a user every query has a vote of its own, as if all were independent; name the column with --user.",
    )
