"""The catalogue as text."""

from seatrial.errors import UsageError, did_you_mean
from seatrial.metrics.base import Metric
from seatrial.metrics.catalogue import aliases, every_metric, task_aliases
from seatrial.metrics.operational import PROBABILITIES
from seatrial.records.numbers import format_percent

TASKS = ("binary", "multiclass", "multilabel", "regression", "entities", "fields", "boxes", "text")


def other_names(metric: Metric) -> list[str]:
    """Other names of a metric: those it has everywhere, then those that mean it within its tasks."""
    short = {alias for task in metric.tasks for alias, name in task_aliases(task).items() if name == metric.name}
    known = {alias for alias, name in aliases().items() if name == metric.name}
    return [*sorted(known), *sorted(short - known)]


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
        others = other_names(metric)
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
            "Of one class: recall[CLASS], entity_f1[TYPE], field_accuracy[FIELD], box_map[CLASS]; F-beta: f0.5, f2, "
            "f2_macro. Your own: NAME=FORMULA, or module:function.",
            "In formulas: tp fp fn tn, mean() sum() count() sqrt() log() exp() abs() min() max() p50()..p99() "
            "winsorize(), columns by name;",
            "inside mean(): target, prediction, score, is_positive, score_of_target and every column.",
        ]
    return "\n".join(lines) + "\n"
