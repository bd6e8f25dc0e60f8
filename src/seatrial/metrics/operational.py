"""Metrics of what a prediction costs: time, money, tokens; any task."""

from typing import Any

from seatrial.metrics.base import EVERY_TASK, Formula, Metric, Quantile
from seatrial.records.numbers import format_percent

PROBABILITIES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def scale_of(column: str) -> str | None:
    """The unit a column's name declares: `latency_ms` -> `ms`, `cost_usd` -> `USD`."""
    last = column.lower().rsplit("_", 1)[-1]
    return {
        "ms": "ms",
        "s": "s",
        "seconds": "s",
        "us": "us",
        "usd": "USD",
        "eur": "EUR",
        "gbp": "GBP",
        "tokens": "tokens",
        "mb": "MB",
        "bytes": "bytes",
    }.get(last)


def of_column(column: str, statistic: str) -> Metric | None:
    """`latency_ms.mean`, `latency_ms.p95`; None when the statistic is not one of them."""
    common: dict[str, Any] = {
        "tasks": EVERY_TASK,
        "higher_is_better": False,
        "margin": 0.05,
        "margin_is_relative": True,
        "lowest": None,
        "highest": None,
        "scale": scale_of(column),
        "operational": True,
    }
    name = f"{column}.{statistic}"
    if statistic == "mean":
        return Formula(name=name, summary=f"mean of {column}", formula=f"mean({_quoted(column)})", **common)
    if statistic in PROBABILITIES:
        share = PROBABILITIES[statistic]
        return Quantile(
            name=name,
            summary=f"{column} that {format_percent(share)} of rows stay under",
            column=column,
            probability=share,
            formula=f"{statistic}({_quoted(column)})",
            **common,
        )
    return None


def derived(columns: tuple[str, ...]) -> list[Metric]:
    """Cost per 1,000 rows, throughput, tokens per unit of cost, from the operational columns there are."""
    found: list[Metric] = []
    cost = next((c for c in columns if c.lower().startswith(("cost", "price"))), None)
    latency = next((c for c in columns if c.lower().startswith("latency")), None)
    tokens = next((c for c in columns if "tokens" in c.lower()), None)
    if cost:
        found.append(
            _derived(
                "cost_per_1000", "cost of 1,000 rows", f"1000*mean({_quoted(cost)})", good=False, scale=scale_of(cost)
            )
        )
    if latency:
        per_second = {"ms": 1000, "us": 1_000_000}.get(scale_of(latency) or "", 1)
        found.append(
            _derived(
                "throughput",
                "rows a second, one after the other",
                f"{per_second}/mean({_quoted(latency)})",
                good=True,
                scale="rows/s",
            )
        )
    if cost and tokens:
        formula = f"mean({_quoted(tokens)})/mean({_quoted(cost)})"
        found.append(_derived("tokens_per_cost", "tokens for one unit of cost", formula, good=True, scale=None))
    return found


def _derived(name: str, summary: str, formula: str, *, good: bool, scale: str | None) -> Formula:
    return Formula(
        name=name,
        summary=summary,
        formula=formula,
        higher_is_better=good,
        scale=scale,
        tasks=EVERY_TASK,
        margin=0.05,
        margin_is_relative=True,
        lowest=None,
        highest=None,
        operational=True,
    )


def _quoted(column: str) -> str:
    return column if column.isidentifier() else f"col({column!r})"
