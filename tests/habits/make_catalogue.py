"""Write the catalogue of metrics into `docs/metrics.md`: `python tests/habits/make_catalogue.py`."""

from pathlib import Path

from seatrial.actions.metrics import TASKS, other_names
from seatrial.metrics.base import Metric
from seatrial.metrics.catalogue import every_metric
from seatrial.records.numbers import format_percent

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
BEGIN = "<!-- catalogue: begin (written by `python tests/habits/make_catalogue.py`) -->\n"
END = "<!-- catalogue: end -->\n"


def row(metric: Metric) -> str:
    """One line of the table."""
    others = other_names(metric)
    also = f" (also {', '.join(f'`{alias}`' for alias in others)})" if others else ""
    good = ("more" if metric.higher_is_better else "less") if metric.directed else "neither"
    share = metric.margin_is_relative
    guarded = metric.gated and metric.directed
    margin = (format_percent(metric.margin) if share else metric.margin) if guarded else "none"
    tasks = ", ".join(task for task in TASKS if task in metric.tasks) + ("; scores" if metric.needs_scores else "")
    formula = metric.formula.replace("|", "\\|")
    return f"| `{metric.name}`{also} | {metric.summary} | `{formula}` | {tasks} | {good} | {margin} | {metric.kind} |\n"


def table() -> str:
    """The catalogue as a Markdown table."""
    head = "| name | meaning | formula | tasks, needs | good | margin | kind |\n|---|---|---|---|---|---|---|\n"
    return head + "".join(row(metric) for metric in every_metric())


def page(text: str) -> str:
    """The page's text with the catalogue of today."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
