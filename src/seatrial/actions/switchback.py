"""A switchback experiment from the log of its orders, rides or sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.actions.experiment_metrics import as_metrics
from seatrial.actions.page import PageResult
from seatrial.errors import UsageError
from seatrial.experiments.columns import reads
from seatrial.experiments.logs import open_log, read_log
from seatrial.experiments.switchback import SwitchbackAsked
from seatrial.experiments.switchback import switchback as compare_periods
from seatrial.expressions import Node
from seatrial.records.plan import ExperimentMetric
from seatrial.records.switchback import Switchback
from seatrial.reports.document import Document


@dataclass(frozen=True)
class SwitchbackResult(PageResult):
    """What `switchback` hands back."""

    record: Switchback

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.switchback_page import switchback_document

        return switchback_document(self.record)


def switchback(
    log: Any,
    *,
    period: str,
    arm: str,
    metrics: Mapping[str, str | Node | ExperimentMetric | Mapping[str, Any]] | Sequence[str | ExperimentMetric],
    block: str | None = None,
    control: str | None = None,
    burn_in: int = 0,
    held: bool | None = None,
    lower_is_better: Sequence[str] = (),
    alpha: float = 0.05,
    seed: int = 0,
) -> SwitchbackResult:
    """Compare two arms over periods: values of each period, p by permuting them, limits by inverting that test.

    `log` has a row an order (or whatever a period is made of); `period` and `arm` are columns, a period being in one
    arm. `burn_in` periods after each switch are left out. Where arms were `held` over several periods (None: a
    burn-in or too few switches say so), stretches of one arm are permuted in place of periods; `block` is a column
    (the day) within which periods were randomised.

    >>> import seatrial as st
    >>> rows = [{"hour": h, "arm": "AB"[h * 7 % 5 % 2], "wait": 10 - 3 * (h * 7 % 5 % 2) + h % 3} for h in range(40)]
    >>> found = switchback(rows, period="hour", arm="arm", metrics={"wait": "mean(wait)"}, lower_is_better=["wait"])
    >>> found.record.metrics[0].effect.word
    'better'

    Raises `UsageError` for options and formulas, `DataError` for a log that is no switchback.
    """
    if burn_in < 0:
        raise UsageError(f"A burn-in is a number of periods, not {burn_in}.")
    wanted = as_metrics(metrics, plan=None, covariates={}, zero=(), lower_is_better=lower_is_better, winsorize={})
    source = open_log(log)
    read = [
        reads(metric, known=source.columns, before=source.columns, rows=source.columns)
        for metric in (one.model_copy(update={"where": None}) for one in wanted)
    ]
    texts = {name for one in read for name in one.texts}
    named = {name for one in read for name in one.columns}
    found = read_log(
        source,
        texts={
            "period": period,
            "arm": arm,
            **({"block": block} if block is not None else {}),
            **{f"column_{name}": name for name in sorted(texts)},
        },
        numbers={f"column_{name}": name for name in sorted(named - texts)},
    )
    return SwitchbackResult(
        compare_periods(
            found,
            read,
            SwitchbackAsked(
                control=control,
                burn_in=burn_in,
                held=held,
                lower_is_better=frozenset(one.name for one in wanted if not one.higher_is_better),
                alpha=alpha,
                seed=seed,
            ),
        )
    )
