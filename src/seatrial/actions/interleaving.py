"""Which of two rankings users prefer, from a log of interleaved lists."""

from dataclasses import dataclass
from typing import Any

from seatrial.actions.page import PageResult
from seatrial.errors import UsageError
from seatrial.experiments.interleaving import interleaving as prefer
from seatrial.experiments.interleaving import read_credits, read_winners
from seatrial.experiments.logs import open_log, read_log
from seatrial.records.interleaving import Interleaving
from seatrial.reports.document import Document


@dataclass(frozen=True)
class InterleavingResult(PageResult):
    """What `interleaving` hands back."""

    record: Interleaving

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.interleaving_page import interleaving_document

        return interleaving_document(self.record)


def interleaving(
    log: Any,
    *,
    winner: str | None = None,
    credit_baseline: str | None = None,
    credit_candidate: str | None = None,
    user: str | None = None,
    query: str | None = None,
    baseline: str | None = None,
    alpha: float = 0.05,
) -> InterleavingResult:
    """Say which of two rankings users prefer, one vote a user.

    `log` has a row a query: either `winner` names the ranking that won it ("tie" for a tie, empty where nobody
    clicked), or `credit_baseline` and `credit_candidate` count the clicks on each one's items. `query` adds up rows of
    one query. `baseline` says which of the two names is the baseline (else the first in the alphabet).

    >>> import seatrial as st
    >>> rows = [{"user": i % 50, "won": "new" if i % 3 else "old"} for i in range(400)]
    >>> interleaving(rows, winner="won", user="user", baseline="old").record.preference.word
    'better'

    Raises `UsageError` for options, `DataError` for a log without two rankings.
    """
    credits = (credit_baseline, credit_candidate)
    if (winner is None) == (credits == (None, None)) or (winner is None and None in credits):
        raise UsageError(
            "Name the column of the winner (--winner), or both of credit (--credit-baseline and -candidate)."
        )
    if winner is None and baseline is not None:
        raise UsageError("With columns of credit the baseline is that of --credit-baseline; leave out --baseline.")
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha must lie strictly between 0 and 0.5, not {alpha:g}.")
    named = {"winner": winner, "user": user, "query": query}
    counted = {"credit_baseline": credit_baseline, "credit_candidate": credit_candidate}
    found = read_log(
        open_log(log),
        texts={part: column for part, column in named.items() if column is not None},
        numbers={part: column for part, column in counted.items() if column is not None},
    )
    votes = read_credits(found) if winner is None else read_winners(found, baseline)
    return InterleavingResult(prefer(found, votes, alpha=alpha))
