"""Run one model on one case, and measure what came back."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial.actions.evaluate import evaluate
from seatrial.actions.result import Result
from seatrial.actions.suites.probing import probe_outcomes
from seatrial.actions.suites.tables import (
    as_case_predictions,
    cluster_of,
    in_folder,
    metrics_of,
    predicates,
    protected_of,
    slices_of,
)
from seatrial.comparison.health import findings
from seatrial.comparison.versions import Comparison
from seatrial.data.dataset import LoadedDataset
from seatrial.data.datasets import load_dataset
from seatrial.data.predictions import Predictions
from seatrial.errors import DataError, SeatrialError, UsageError, listed
from seatrial.evaluation.runner import RanRows, RunProgress, alone, run_rows, work_key
from seatrial.evaluation.suite_checks import check_case
from seatrial.metrics.catalogue import load_dotted
from seatrial.models.base import LocalModel, Model
from seatrial.records.audit import Audit
from seatrial.records.evidence import Finding
from seatrial.records.run import CaseRun, CounterfactualOutcome, Latency, ModelInfo
from seatrial.records.suite import Case, Suite
from seatrial.storage.store import Store


@dataclass
class Spent:
    """What the run of one model has used up so far, for its budgets."""

    cost: float = 0.0
    seconds: float = 0.0
    logs: list[str] = field(default_factory=list)
    """Row logs that were written to."""


MANY_READS = 20
"""Runs on the same held-out rows above which their number is a warning."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all cases of one run share."""

    suite: Suite
    folder: Path
    """Of the suite file: relative paths start there."""
    store: Store
    batch_size: int | None = None
    concurrency: int | None = None
    level: float = 0.95
    again: str = ""
    """Something new asks every row again."""
    progress: RunProgress | None = None
    say: Callable[[str], None] | None = None
    """Told what is being done."""
    spent: Spent = field(default_factory=Spent)

    def told(self, what: str) -> None:
        if self.say is not None:
            self.say(what)


@dataclass(frozen=True, kw_only=True)
class CaseRows:
    """A case with its rows, loaded once for all models."""

    case: Case
    dataset: LoadedDataset
    checks: tuple[Finding, ...] = ()
    """What was seen of the data alone: overlap with the training data."""


def load_case(case: Case, bench: Bench) -> CaseRows:
    """Load a case's rows and the columns its predicates make; look for overlap where the training data are named."""
    dataset = load_dataset(case.dataset, case=case, folder=bench.folder, seed=bench.suite.seed, task=case.task)
    check_case(case, dataset)
    made: dict[str, Sequence[Any]] = {}
    for one in predicates(case):
        place, _, attribute = one.path.partition(":")
        path = f"{in_folder(place, bench.folder)}:{attribute}" if place.endswith(".py") else one.path
        function = load_dotted(path)
        try:
            made[one.name] = [_level(function(dataset.row(i))) for i in range(len(dataset))]
        except Exception as error:
            raise UsageError(f"Slice '{one.name}': {one.path} raised {type(error).__name__}: {error}.") from None
    if made:
        dataset = dataset.with_columns(made, fingerprint=dataset.fingerprint)
    return CaseRows(case=case, dataset=dataset, checks=_overlap(case, dataset, bench))


def run_case(rows: CaseRows, model: Model, info: ModelInfo, bench: Bench) -> CaseRun:
    """Run every row (or take up what was begun), keep the table of rows, and measure everything the case asks."""
    case, dataset, suite = rows.case, rows.dataset, bench.suite
    bench.told(f"{info.name} on {case.name}")
    ran = _answers(rows, model, info, bench)
    read_as = bench.spent.logs[-1]
    latency, times = _latency(ran, rows, model, bench)
    ran = _untimed(ran) if model.recorded else ran
    table = bench.store.put_table(_with_times(ran.columns(dataset, case=case), ran, times))
    earlier = bench.store.reads(dataset.fingerprint)
    bench.store.count_read(dataset.fingerprint, suite=suite.name, model=info.name, run=read_as)
    found = CaseRun(
        case=case.name,
        spec=case,
        dataset=dataset.record(),
        task=case.task or dataset.task or "unknown",
        rows=len(dataset),
        repeats=case.repeats,
        table=table,
        failed=ran.failures(),
        status=ran.status,
        reason=ran.reason,
        latency=latency,
        cost=ran.cost_record(),
        health=(*rows.checks, _reads(earlier)),
        resumed=ran.resumed,
        cached=ran.cached,
    )
    if (dataset.target is None and not dataset.targets) or all(one.answer.reason is not None for one in ran.answers):
        return found
    return _measured(found, rows, ran, model, info, bench)


def case_predictions(of: CaseRun, store: Store, *, model: str) -> Predictions:
    """The rows of a finished case as predictions."""
    return as_case_predictions(
        store.table(of.table),
        model=model,
        case=of.spec,
        dataset=of.dataset,
        task=of.task if of.task != "unknown" else None,
    )


def measured(predictions: Predictions, of: CaseRun, *, folder: Path, level: float, seed: int) -> Result:
    """One model's rows on one case, every metric and slice of the case."""
    case = of.spec
    return evaluate(
        predictions,
        metrics=metrics_of(case, folder),
        by=slices_of(case, of.dataset, predictions.columns),
        cross=case.cross,
        cluster=cluster_of(case, of.dataset, predictions.columns),
        lower_is_better=case.lower_is_better,
        level=level,
        seed=seed,
    )


def _answers(rows: CaseRows, model: Model, info: ModelInfo, bench: Bench) -> RanRows:
    return answers_of(rows.dataset, rows.case, model, info, bench, variant="clean")


def answers_of(
    dataset: LoadedDataset, case: Case, model: Model, info: ModelInfo, bench: Bench, *, variant: str
) -> RanRows:
    """Run the rows of a data set under the suite's budgets and prices; `variant` names what was done to the rows."""
    suite = bench.suite
    key = work_key(dataset.fingerprint, info.fingerprint, case, variant=f"{variant}{bench.again}", seed=suite.seed)
    ran = run_rows(
        dataset,
        model,
        case=case,
        log=bench.store.row_log(key),
        cache=None if bench.again else bench.store.cache(),
        budgets=suite.budgets,
        price=suite.prices.get(info.name) or suite.prices.get("any"),
        batch_size=bench.batch_size,
        concurrency=bench.concurrency,
        seed=suite.seed,
        started_cost=bench.spent.cost,
        started_seconds=bench.spent.seconds,
        progress=bench.progress,
    )
    bench.spent.cost += ran.cost
    bench.spent.seconds += ran.seconds
    bench.spent.logs.append(key)
    return ran


def _latency(
    ran: RanRows, rows: CaseRows, model: Model, bench: Bench
) -> tuple[Latency | None, Mapping[int, float] | None]:
    """How long a row takes: as it was asked, or, where rows were asked in batches, alone on some of them.

    The second is the time of each row by position where it was taken apart from the answers, else None.
    """
    if model.recorded:
        return None, None
    together = ran.latency(bench.level)
    if not isinstance(model, LocalModel) or ran.batch_size == 1:
        return together, None
    if ran.status != "complete":
        return together, {}
    bench.told(f"{model.name} on {rows.case.name}: one row at a time")
    one = alone(rows.dataset, model, case=rows.case, seed=bench.suite.seed, level=bench.level)
    if one is None:
        return together, {}
    per_second = None if together is None else together.rows_per_second
    return one.latency.model_copy(update={"rows_per_second": per_second}), one.service_ms


def _with_times(
    columns: dict[str, Sequence[Any]], ran: RanRows, times: Mapping[int, float] | None
) -> dict[str, Sequence[Any]]:
    """The table with the times of rows alone, where they were taken: a batch's time over its rows is nobody's wait."""
    if times is None:
        return columns
    kept = {column: values for column, values in columns.items() if column != "latency_ms"}
    if times:
        kept["latency_ms"] = [times.get(one.row) if one.repeat == 0 else None for one in ran.answers]
    return kept


def _untimed(ran: RanRows) -> RanRows:
    """The same rows without the time it took to look them up: a time that was recorded with them takes its place."""
    return replace(ran, answers=tuple(replace(one, service_ms=None, queue_ms=None) for one in ran.answers))


def _measured(found: CaseRun, rows: CaseRows, ran: RanRows, model: Model, info: ModelInfo, bench: Bench) -> CaseRun:
    """The same run with its numbers; what cannot be measured is a finding with the reason."""
    case = rows.case
    try:
        predictions, result = _result(found, info.name, bench)
        comparison = result.comparison
        lead = comparison.lead_metric()
        found = found.model_copy(
            update={
                "task": comparison.frame.task,
                "main_metric": lead,
                "estimates": tuple(comparison.estimates(alpha=1 - bench.level)),
                "health": (*found.health, *_findings(comparison)),
            }
        )
    except DataError as error:
        reason = in_a_suite(str(error))
        return found.model_copy(
            update={
                "status": "invalid",
                "reason": found.reason or reason,
                "health": (*found.health, Finding(name="Rows", status="fail", sentence=reason)),
            }
        )
    extra: dict[str, Any] = {}
    trouble: list[Finding] = [*_unknown_labels(predictions, rows.dataset)]
    if case.protected:
        audit, why = _audit(predictions, found, bench)
        extra["audit"] = audit
        trouble += [] if why is None else [why]
    if case.probes:
        extra["probes"] = probe_outcomes(rows.dataset, ran, model, info, case, lead, found, bench=bench)
    if case.counterfactuals is not None:
        pairs, why = _counterfactuals(rows, model, info, bench)
        extra["counterfactuals"] = pairs
        trouble += [] if why is None else [why]
    return found.model_copy(update={**extra, "health": (*found.health, *trouble)})


def _result(of: CaseRun, model: str, bench: Bench) -> tuple[Predictions, Result]:
    """The rows measured. What the model's answers do not allow is `DataError`; what the suite asks wrongly stays
    `UsageError`."""
    try:
        predictions = case_predictions(of, bench.store, model=model)
    except UsageError as error:
        raise DataError(str(error)) from None
    try:
        return predictions, measured(predictions, of, folder=bench.folder, level=bench.level, seed=bench.suite.seed)
    except UsageError as error:
        plain = of.spec.model_copy(update={"metrics": (), "slices": (), "lower_is_better": ()})
        bare = of.model_copy(update={"spec": plain})
        try:
            measured(predictions, bare, folder=bench.folder, level=bench.level, seed=bench.suite.seed)
        except UsageError:
            raise DataError(str(error)) from None
        raise


def _findings(comparison: Comparison) -> tuple[Finding, ...]:
    found = findings(comparison)
    return tuple(one.model_copy(update={"sentence": in_a_suite(one.sentence)}) for one in found)


def in_a_suite(sentence: str) -> str:
    """A sentence about columns in the words of a suite, which has no flags."""
    sentence = re.sub(r"; name [^.;]*--[^.;]*\.", ".", sentence)
    return re.sub(r"--(target|positive|cluster|weight|id)\b", r"roles.\1", re.sub(r"^--task \w+: ", "", sentence))


def _unknown_labels(predictions: Predictions, dataset: LoadedDataset) -> list[Finding]:
    """Labels of a multilabel model that the data do not have: they cannot be right or wrong."""
    if not dataset.targets:
        return []
    known = {f"prediction_{label}".casefold() for label in dataset.targets}
    named = [name for name in predictions.columns if name.casefold().startswith("prediction_")]
    unknown = [n.partition("_")[2] for n in named if n.casefold() not in known and n not in predictions.described]
    if not unknown:
        return []
    said = listed(unknown, limit=4)
    sentence = f"The model answers labels that the data do not have ({said}): they count for nothing."
    return [Finding(name="label sets", status="warn", sentence=sentence, count=len(unknown))]


def _audit(predictions: Predictions, of: CaseRun, bench: Bench) -> tuple[Audit | None, Finding | None]:
    from seatrial.evaluation.fairness import Asked, audit_decisions

    asked = Asked(
        protected=protected_of(of.spec, of.dataset, predictions.columns),
        favourable=of.spec.favourable,
        cluster=cluster_of(of.spec, of.dataset, predictions.columns),
        mitigations=False,
        proxies=False,
        level=bench.level,
        seed=bench.suite.seed,
    )
    try:
        return audit_decisions(predictions, asked), None
    except SeatrialError as error:
        return None, Finding(name="Fairness", status="warn", sentence=f"No fairness audit: {error}")


def _counterfactuals(
    rows: CaseRows, model: Model, info: ModelInfo, bench: Bench
) -> tuple[tuple[CounterfactualOutcome, ...], Finding | None]:
    """Ask both halves of every pair, and count the answers that changed."""
    from seatrial.evaluation.counterfactual.outcomes import outcomes
    from seatrial.evaluation.counterfactual.reading import read_pairs

    case = rows.case
    try:
        pairs = read_pairs(in_folder(str(case.counterfactuals), bench.folder))
        answers = []
        for half, dataset in (("as written", pairs.originals()), ("edited", pairs.edited())):
            bench.told(f"{info.name} on {case.name}: counterfactuals, {half}")
            ran = _answers(replace(rows, dataset=dataset), model, info, bench)
            answers.append(tuple(one.answer for one in ran.answers))
        return outcomes(pairs, answers[0], answers[1], bench.level, model=info.name, threshold=case.threshold), None
    except SeatrialError as error:
        return (), Finding(name="Counterfactuals", status="warn", sentence=f"No counterfactuals: {error}")


def _overlap(case: Case, dataset: LoadedDataset, bench: Bench) -> tuple[Finding, ...]:
    from seatrial.evaluation.leakage import overlap_findings

    train = None
    if case.train is not None:
        train = load_dataset(case.train, case=case, folder=bench.folder, seed=bench.suite.seed, task=case.task)
    bench.told(f"{case.name}: overlap")
    return overlap_findings(dataset, train, seed=bench.suite.seed)


def _reads(earlier: int) -> Finding:
    """How often these rows were read before."""
    if earlier == 0:
        return Finding(name="Reads", status="pass", sentence="No earlier run in this store read these rows.", count=0)
    times = "once" if earlier == 1 else f"{earlier:,} times"
    return Finding(
        name="Reads",
        status="warn" if earlier >= MANY_READS else "pass",
        sentence=f"These rows were read {times} before by runs of this store; the more often a choice is made on the "
        "same rows, the more its result flatters.",
        count=earlier,
    )


def _level(given: Any) -> str | None:
    if given is None:
        return None
    if isinstance(given, bool):
        return "yes" if given else "no"
    return str(given)
