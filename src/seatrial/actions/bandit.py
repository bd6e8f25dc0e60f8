"""Honest arm values from a bandit's log."""

from dataclasses import dataclass, replace
from typing import Any

from seatrial.actions.page import PageResult
from seatrial.errors import UsageError
from seatrial.experiments.bandit_log import BanditAsked
from seatrial.experiments.bandit_log import bandit as value_arms
from seatrial.experiments.logs import open_log, read_log
from seatrial.experiments.times import zone
from seatrial.records.bandit import Bandit
from seatrial.reports.document import Document


@dataclass(frozen=True)
class BanditResult(PageResult):
    """What `bandit` hands back."""

    record: Bandit

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.bandit_page import bandit_document

        return bandit_document(self.record)


def bandit(
    log: Any,
    *,
    arm: str,
    reward: str,
    propensity: str,
    batch: str | None = None,
    time: str | None = None,
    control: str | None = None,
    target_policy: str | None = None,
    clip: float | None = None,
    timezone: str = "UTC",
    alpha: float = 0.05,
    seed: int = 0,
) -> BanditResult:
    """Value the arms of a bandit from its log, and compare each with a control.

    `log` has a row a choice: the arm, its reward, and the chance with which it was chosen. `batch` is a column of what
    was decided together (or "day" of `time`). `target_policy` is an arm, or a column with the chance with which another
    policy would have made the same choice; `clip` cuts its weights. Plain means are shown as naive and never used.

    >>> import seatrial as st
    >>> rows = [{"arm": "AB"[i % 2], "click": int(i % (8 - 4 * (i % 2)) < 2), "p": 0.5} for i in range(2000)]
    >>> bandit(rows, arm="arm", reward="click", propensity="p", control="A").record.contrasts[0].word
    'better'

    Raises `UsageError` for options, `DataError` for a log that cannot carry the question.
    """
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha must lie strictly between 0 and 0.5, not {alpha:g}.")
    zone(timezone)
    source = open_log(log)
    by_day = batch == "day" and source.find("day") is None
    if by_day and time is None:
        raise UsageError(
            "There is no column 'day' (--batch): name the column of time (--time) to take the day from it."
        )
    column = None if target_policy is None else source.find(target_policy)
    numbers = {"reward": reward, "propensity": propensity}
    if column is not None:
        numbers["target"] = source.columns[column]
    found = read_log(
        source,
        numbers=numbers,
        texts={"arm": arm, **({"batch": batch} if batch is not None and not by_day else {})},
        times={} if time is None else {"time": time},
        timezone=timezone,
    )
    if by_day:
        found = replace(found, columns={**found.columns, "batch": "day"})
    return BanditResult(
        value_arms(
            found,
            BanditAsked(
                reward=reward,
                control=control,
                target=None if column is not None else target_policy,
                clip=clip,
                alpha=alpha,
                timezone=timezone,
                seed=seed,
            ),
        )
    )
