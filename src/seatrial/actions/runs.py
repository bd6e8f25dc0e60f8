"""What is in the store: list runs, show one, compare some, tag one, report one; and the gate over a suite."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.actions.page import PageResult
from seatrial.actions.run import SuiteResult, as_store, enter_verdict, opened_suite, policy_of, run_models
from seatrial.errors import UsageError
from seatrial.records import Policy
from seatrial.records.run import Run
from seatrial.records.suite import Suite
from seatrial.reports.document import Document

if TYPE_CHECKING:
    from seatrial.evaluation.runner import RunProgress
    from seatrial.records.runs import RunList
    from seatrial.storage.store import Store


@dataclass(frozen=True)
class RunsResult(PageResult):
    """What `runs` hands back: the runs of a store, newest first."""

    record: "RunList"

    def document(self) -> Document:
        from seatrial.reports.runs_page import runs_document

        return runs_document(self.record)


def runs(
    *, suite: str | None = None, model: str | None = None, store: "Store | str | Path | None" = None
) -> RunsResult:
    """List the runs of a store, newest first, with their main metric, state and tags."""
    from seatrial.records.runs import ListedRun, RunList
    from seatrial.records.versions import installed

    held = sorted(as_store(store).runs(suite=suite, model=model), key=lambda one: one.when, reverse=True)
    listed_runs: list[ListedRun] = []
    for one in held:
        case = one.run.cases[0]
        lead = next((e for e in case.estimates if e.metric == case.main_metric and not e.slice), None)
        listed_runs.append(
            ListedRun(
                run=one.digest,
                when=one.when,
                suite=one.run.suite,
                suite_version=one.run.suite_version,
                model=one.run.model.name,
                adapter=one.run.model.adapter,
                status=one.run.status,
                cases=len(one.run.cases),
                rows=sum(case.rows * case.repeats for case in one.run.cases),
                failed=sum(f.count for case in one.run.cases for f in case.failed),
                case=case.case,
                main=lead,
                tags=tuple(one.tags),
            )
        )
    return RunsResult(RunList(seatrial=installed("seatrial"), runs=tuple(listed_runs), suite=suite, model=model))


def show(
    *references: str,
    policy: Policy | str | Path | dict[str, Any] | None = None,
    store: "Store | str | Path | None" = None,
    folder: str | Path | None = None,
    level: float = 0.95,
) -> SuiteResult:
    """The report card of stored runs, the first as the baseline; nothing is run again.

    A reference is a run's digest (its first characters), a tag, a model's name, `MODEL@SUITE` or `latest`.
    """
    from seatrial.actions.policies import as_policy
    from seatrial.actions.suites.cards import report_card

    if not references:
        raise UsageError("Name a run: its first characters, a tag, a model, or latest (`seatrial runs` lists them).")
    held = as_store(store)
    found = [held.run(reference).run for reference in references]
    _one_suite(found, references)
    card = report_card(found, store=held, policy=as_policy(policy), folder=Path(folder or "."), level=level)
    return SuiteResult(card, tuple(found))


def tag(reference: str, name: str, *, store: "Store | str | Path | None" = None) -> str:
    """Give a run a name that later commands take (`production`); a name moves from the run that had it. Returns the
    run's digest."""
    held = as_store(store)
    found = held.run(reference)
    held.tag(reference, name)
    return found.digest


def gate_suite(
    baseline: str,
    *candidates: str,
    suite: Suite | str | Path,
    policy: Policy | str | Path | dict[str, Any] | None = None,
    store: "Store | str | Path | None" = None,
    folder: str | Path | None = None,
    batch_size: int | None = None,
    concurrency: int | None = None,
    trust_pickle: bool = False,
    level: float = 0.95,
    progress: "RunProgress | None" = None,
    say: Callable[[str], None] | None = None,
) -> SuiteResult:
    """Compare versions on a suite, and decide: each is a run, a tag, a model or a predictions file; what was not run
    yet is run now."""
    from seatrial.actions.references import runs_of
    from seatrial.actions.suites.cards import report_card

    read, where = opened_suite(suite, folder)
    rules = policy_of(read, where, policy)
    held = as_store(store)

    def run_model(reference: str) -> Run:
        (done,) = run_models(
            read,
            [reference],
            folder=where,
            store=held,
            batch_size=batch_size,
            concurrency=concurrency,
            trust_pickle=trust_pickle,
            level=level,
            progress=progress,
            say=say,
        )
        return done

    found = runs_of([baseline, *candidates], suite=read, store=held, run_model=run_model)
    card = report_card(found, store=held, policy=rules, folder=where, level=level)
    enter_verdict(held, card)
    return SuiteResult(card, tuple(found))


def _one_suite(found: Sequence[Run], references: Sequence[str]) -> None:
    for one, reference in zip(found, references, strict=True):
        if one.suite != found[0].suite:
            raise UsageError(
                f"'{references[0]}' is a run of the suite '{found[0].suite}', '{reference}' of '{one.suite}': only "
                "runs of one suite can be compared."
            )
