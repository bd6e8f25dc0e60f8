"""A challenger in the shadow of a champion, from the log of requests that both scored."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seatrial.actions.page import PageResult
from seatrial.decisions.yaml_fields import amount as read_amount
from seatrial.errors import UsageError
from seatrial.experiments.capacity import read_capacity
from seatrial.experiments.logs import open_log, read_log
from seatrial.experiments.shadow import Asked
from seatrial.experiments.shadow import shadow as compare_shadow
from seatrial.experiments.shadow_effects import DEFAULT_MARGIN, LATENCIES, RECALL
from seatrial.experiments.times import instant, zone
from seatrial.experiments.windows import window_hours
from seatrial.records.decision import Policy, Rule, Verdict
from seatrial.records.shadow import Shadow
from seatrial.reports.document import Document


@dataclass(frozen=True)
class ShadowResult(PageResult):
    """What `shadow` hands back."""

    record: Shadow

    @property
    def verdict(self) -> Verdict:
        return self.record.verdict

    def document(self) -> Document:
        from seatrial.reports.shadow_page import shadow_document

        return shadow_document(self.record)


def shadow(
    log: Any,
    *,
    champion: str,
    challenger: str,
    label: str,
    capacity: str | int | float,
    time: str | None = None,
    labelled_at: str | None = None,
    maturity: str | None = None,
    positive: str | None = None,
    id: str | None = None,
    amount: str | None = None,
    latency_champion: str | None = None,
    latency_challenger: str | None = None,
    latency_below: float | None = None,
    margin: float | str | None = None,
    as_of: str | None = None,
    timezone: str = "UTC",
    alpha: float = 0.05,
    power: float = 0.8,
    seed: int = 0,
) -> ShadowResult:
    """Compare two models that scored the same requests, at one review capacity and on matured labels only.

    `log` has a row a request; the other arguments name its columns. A request counts once it is `maturity` ("30d") old
    at `as_of` (else the latest time in the log). Both models alert on the `capacity` highest scores: "500", "2%",
    "500/day". The challenger passes when its recall is shown not to be worse than the champion's by `margin`: 0.005 is
    half a point, "0.5%" that share of the champion's recall; `latency_below` bounds its p99 too.

    >>> import seatrial as st
    >>> rows = [{"a": i, "b": i + i % 3, "fraud": int(i > 950 or i % 100 == 0)} for i in range(1000)]
    >>> found = shadow(rows, champion="a", challenger="b", label="fraud", capacity=50, margin=0.1)
    >>> found.verdict.status, found.record.alerts
    ('pass', 50)

    Raises `UsageError` for options, `DataError` for a log that cannot carry the question.
    """
    source = open_log(log)
    if maturity is not None and time is None:
        raise UsageError("A maturity needs the time of each request: name its column with --time.")
    if labelled_at is not None and time is None:
        raise UsageError("The time of a label says nothing without that of its request: name its column with --time.")
    if champion == challenger:
        raise UsageError("Champion and challenger are the same column; name two.")
    where = zone(timezone)
    found = read_log(
        source,
        numbers={
            part: column
            for part, column in (
                ("champion", champion),
                ("challenger", challenger),
                ("label", None if positive is not None else label),
                ("amount", amount),
                ("latency_champion", latency_champion),
                ("latency_challenger", latency_challenger),
            )
            if column is not None
        },
        texts={
            part: column
            for part, column in (("id", id), ("word", label if positive is not None else None))
            if column is not None
        },
        times={part: column for part, column in (("time", time), ("labelled_at", labelled_at)) if column is not None},
        timezone=timezone,
    )
    if positive is not None:
        words = found.texts["word"]
        if positive not in set(words.tolist()):
            raise UsageError(f"'{label}' never is '{positive}' (--positive).")
        value = np.array([np.nan if word is None else float(word == positive) for word in words])
        found = replace(found, numbers={**found.numbers, "label": value}, columns={**found.columns, "label": label})
    return ShadowResult(
        compare_shadow(
            found,
            Asked(
                champion=champion,
                challenger=challenger,
                capacity=read_capacity(capacity),
                policy=_policy(margin, latency_below, latency_challenger, alpha, power),
                maturity=maturity,
                maturity_hours=None if maturity is None else window_hours(maturity),
                as_of=None if as_of is None else instant(as_of, where, end_of_day=True, option="--as-of"),
                timezone=timezone,
                seed=seed,
            ),
        )
    )


def _policy(
    margin: float | str | None, latency_below: float | None, latency: str | None, alpha: float, power: float
) -> Policy:
    size, relative = (DEFAULT_MARGIN, False) if margin is None else read_amount(margin, None, "'--margin'")
    rules = [Rule.parse({"metric": RECALL, "role": "guardrail", "margin": size, "margin_is_relative": relative},
                        what="--margin")]  # fmt: skip
    if latency_below is not None:
        if latency is None:
            raise UsageError("A bound on latency needs the challenger's: name its column with --latency-challenger.")
        rules.append(Rule(metric=LATENCIES[-1], role="guardrail", below=latency_below))
    return Policy.parse(
        {"name": "shadow", "alpha": alpha, "power": power, "rules": tuple(rules), "assumed": margin is None},
        what="The policy of a shadow log",
    )
