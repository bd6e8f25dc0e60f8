"""The catalogue as text."""

from seatrial.errors import UsageError, did_you_mean
from seatrial.metrics.catalogue import aliases, every_metric
from seatrial.metrics.operational import PROBABILITIES
from seatrial.records.numbers import format_percent

TASKS = ("binary", "multiclass", "multilabel", "regression")


def catalogue_text(name: str | None = None) -> str:
    """Every metric with its formula and meaning; one metric, or those of a task, when named. Raises `UsageError` for
    neither."""
    every = every_metric()
    wanted = aliases().get(name, name) if name else None
    chosen = every if wanted is None else [m for m in every if m.name == wanted or wanted in m.tasks]
    if not chosen:
        options = [*(m.name for m in every), *TASKS, *aliases()]
        raise UsageError(
            f"No metric or task '{name}'.{did_you_mean(str(name), options)} `seatrial metrics` lists them all."
        )
    lines: list[str] = []
    for metric in chosen:
        tasks = ", ".join(task for task in TASKS if task in metric.tasks)
        good = "more is better" if metric.higher_is_better else "less is better"
        if not metric.directed:
            good = "neither more nor less is better by itself"
        scores = ", needs scores" if metric.needs_scores else ""
        margin = (
            format_percent(metric.margin) + " of the baseline" if metric.margin_is_relative else f"{metric.margin:g}"
        )
        judged = f"; default margin {margin}" if metric.gated and metric.directed else "; no default margin"
        others = sorted(alias for alias, known in aliases().items() if known == metric.name)
        lines += [
            metric.name,
            f"    {metric.formula}",
            f"    {metric.summary}; {good}{judged}",
            f"    tasks: {tasks}{scores}; kind: {metric.kind}" + (f"; also: {', '.join(others)}" if others else ""),
        ]
    if wanted is None:
        quantiles = ", ".join(PROBABILITIES)
        lines += [
            "",
            f"Of any numeric column: COLUMN.mean, COLUMN.{{{quantiles}}} (latency_ms.p95); cost_per_1000, "
            f"throughput, tokens_per_cost.",
            "Of one class: recall[CLASS]; F-beta: f0.5, f2, f2_macro. Your own: NAME=FORMULA, or module:function.",
            "In formulas: tp fp fn tn, mean() sum() count() sqrt() log() exp() abs() min() max() p50()..p99() "
            "winsorize(), columns by name;",
            "inside mean(): target, prediction, score, is_positive, score_of_target and every column.",
        ]
    return "\n".join(lines) + "\n"
