"""Run models on a suite, keep every row, and lay the runs side by side on a report card."""

import platform
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seatrial.actions.page import Kind, PageResult
from seatrial.actions.policies import as_policy
from seatrial.actions.report import check_writable, replace_file
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.records import Policy, Verdict
from seatrial.records.card import ReportCard
from seatrial.records.run import CaseRun, Run
from seatrial.records.suite import Suite
from seatrial.reports.document import Document

if TYPE_CHECKING:
    from seatrial.actions.suites.case import Bench
    from seatrial.evaluation.runner import RunProgress
    from seatrial.models.base import Model
    from seatrial.storage.store import Store

MOST_MODELS = 20
Status = Literal["complete", "stopped", "invalid"]


@dataclass(frozen=True)
class SuiteResult(PageResult):
    """What `run` hands back: the report card, and the runs behind it."""

    record: ReportCard
    runs: tuple[Run, ...] = field(default=(), repr=False)

    @property
    def card(self) -> ReportCard:
        return self.record

    @property
    def verdict(self) -> Verdict | None:
        return self.record.verdict

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.card_page import card_document

        return card_document(self.record)

    def brief(self) -> Document:
        from seatrial.reports.card_page import card_document

        return card_document(self.record, brief=True)

    def render(self, kind: Kind) -> str:
        if kind != "markdown":
            return super().render(kind)
        from seatrial.reports import render_document
        from seatrial.reports.card_page import card_document

        return render_document(card_document(self.record, captions=True), kind)

    def junit(self) -> str:
        from seatrial.reports.junit import verdict_to_junit

        card = self.record
        if card.verdict is None:
            raise UsageError("There is no JUnit XML without a verdict: give a policy.")
        health = [finding for case in card.cases for finding in case.health]
        return verdict_to_junit(card.verdict, title=card.title, health=health, several=len(card.models) > 2)

    def model_card(self, path: str | Path, *, model: str | None = None) -> Path:
        """Write a model card: Markdown with Hugging Face model-index metadata, of the last model or the one named."""
        from seatrial.reports.model_card import to_model_card

        target = Path(path)
        check_writable(target)
        replace_file(target, to_model_card(self.record, model=model))
        return target

    def slides(self, path: str | Path) -> Path:
        """Write the report card as slides (.pptx); raises `UsageError` where python-pptx is not installed."""
        from seatrial.reports.slides import write_slides

        target = Path(path)
        check_writable(target)
        write_slides(self.record, target)
        return target


def run(
    suite: Suite | str | Path,
    *models: Any,
    cases: Sequence[str] = (),
    policy: Policy | str | Path | dict[str, Any] | None = None,
    store: "Store | str | Path | None" = None,
    folder: str | Path | None = None,
    batch_size: int | None = None,
    concurrency: int | None = None,
    trust_pickle: bool = False,
    again: bool = False,
    level: float = 0.95,
    progress: "RunProgress | None" = None,
    say: Callable[[str], None] | None = None,
) -> SuiteResult:
    """Run one or several models on a suite; the first is the baseline of the others.

    `suite` is a YAML file or a `Suite`; `models` are texts `NAME=ADAPTER:LOCATION`, names from the suite's `models`,
    functions, or `Model`s; none takes all of the suite's. `cases` picks some cases by name. Every answered row is kept
    in the store (`.seatrial/` here or in a folder above) before the next is asked for: what was stopped goes on where
    it was, and rows that are answered are not asked again unless `again`. `folder` is where relative paths start (the
    suite file's own folder). Without a `policy`, the one the suite names decides.

    Raises `UsageError` for a suite, model or option that cannot be used, `DataError` for data or a model that cannot
    be read.
    """
    from seatrial.actions.suites.cards import report_card

    read, where = opened_suite(suite, folder)
    rules = policy_of(read, where, policy)
    held = as_store(store)
    runs = run_models(
        read,
        models,
        folder=where,
        store=held,
        cases=cases,
        batch_size=batch_size,
        concurrency=concurrency,
        trust_pickle=trust_pickle,
        again=again,
        level=level,
        progress=progress,
        say=say,
    )
    card = report_card(runs, store=held, policy=rules, folder=where, level=level)
    enter_verdict(held, card)
    return SuiteResult(card, tuple(runs))


def run_models(
    suite: Suite,
    models: Sequence[Any],
    *,
    folder: Path,
    store: "Store",
    cases: Sequence[str] = (),
    batch_size: int | None = None,
    concurrency: int | None = None,
    trust_pickle: bool = False,
    again: bool = False,
    level: float = 0.95,
    progress: "RunProgress | None" = None,
    say: Callable[[str], None] | None = None,
) -> list[Run]:
    """Run models and keep their runs; arguments as in `run`."""
    from seatrial.actions.suites.case import Bench
    from seatrial.models.adapters import open_model

    if not 0.5 <= level < 1:
        raise UsageError(f"level {level:g}: give the intervals' level as a share such as 0.95.")
    for option, number in (("batch_size", batch_size), ("concurrency", concurrency)):
        if number is not None and number < 1:
            raise UsageError(f"{option} {number}: give a whole number from 1.")
    wanted = list(models) or list(suite.models)
    if not wanted:
        raise UsageError("Name a model: --model new=onnx:new.onnx (adapters: see `seatrial run --help`).")
    if len(wanted) > MOST_MODELS:
        raise UsageError(f"{len(wanted)} models were given; run at most {MOST_MODELS} at once.")
    chosen = some_cases(suite, cases)
    opened: list[Model] = []
    for one in wanted:
        spec = suite.models.get(one, one) if isinstance(one, str) else one
        name = one if spec is not one else None
        opened.append(open_model(spec, name=name, folder=folder, trust_pickle=trust_pickle))
    _distinct([model.name for model in opened])
    bench = Bench(
        suite=suite,
        folder=folder,
        store=store,
        batch_size=batch_size,
        concurrency=concurrency,
        level=level,
        again=f"#{uuid.uuid4().hex}" if again else "",
        progress=progress,
        say=say,
    )
    return _run_all(opened, chosen, bench)


def as_store(given: "Store | str | Path | None") -> "Store":
    """The store of a place, or the store itself."""
    from seatrial.storage.store import Store, open_store

    return given if isinstance(given, Store) else open_store(given)


def opened_suite(suite: Suite | str | Path, folder: str | Path | None = None) -> tuple[Suite, Path]:
    """A suite and the folder its relative paths start in."""
    if isinstance(suite, Suite):
        return suite, Path(folder or ".")
    from seatrial.evaluation.suite_file import read_suite

    path = Path(suite).expanduser()
    return read_suite(path), Path(folder) if folder is not None else path.parent


def policy_of(suite: Suite, folder: Path, given: Policy | str | Path | dict[str, Any] | None) -> Policy | None:
    """The policy given, else the one the suite names, else none."""
    if given is not None:
        return as_policy(given)
    return None if suite.policy is None else as_policy(folder / suite.policy)


def some_cases(suite: Suite, names: Sequence[str]) -> Suite:
    """A suite with some of its cases; the digest of the whole still names it."""
    known = [case.name for case in suite.cases]
    for name in names:
        if name not in known:
            raise UsageError(f"The suite has no case '{name}'.{did_you_mean(name, known)} Cases: {listed(known)}.")
    return suite if not names else suite.model_copy(update={"cases": tuple(c for c in suite.cases if c.name in names)})


def _run_all(models: Sequence["Model"], suite: Suite, bench: "Bench") -> list[Run]:
    from seatrial.actions.suites.case import Spent, load_case, run_case
    from seatrial.evaluation.not_tested import not_tested

    infos = [model.info() for model in models]  # a model that cannot be loaded is said before any work is done
    rows = [load_case(case, bench) for case in suite.cases]
    runs: list[Run] = []
    for model, info in zip(models, infos, strict=True):
        done: list[CaseRun] = []
        own = replace(bench, spent=Spent())
        with model:
            for one in rows:
                done.append(run_case(one, model, info, own))
        states = [case.status for case in done]
        status: Status = "invalid" if "invalid" in states else "stopped" if "stopped" in states else "complete"
        run = Run(
            suite=bench.suite.name,
            suite_version=bench.suite.version,
            suite_digest=bench.suite.digest(),
            model=info,
            seed=bench.suite.seed,
            cases=tuple(done),
            status=status,
            reason=next((f"{c.case}: {c.reason}" for c in done if c.status == status and c.reason), None),
            environment=environment(),
            not_tested=not_tested(suite, done),
        )
        bench.store.add_run(run, logs=own.spent.logs)
        runs.append(run)
    return runs


def environment() -> dict[str, str]:
    """What a number may depend on, without naming the machine."""
    from seatrial.records.versions import installed, library_versions

    return {"python": platform.python_version(), "seatrial": installed("seatrial"), **library_versions()}


def enter_verdict(store: "Store", card: ReportCard) -> None:
    """A verdict goes into the ledger, with the digests it rests on."""
    if card.verdict is None:
        return
    digests = {"suite": card.suite_digest, "evidence": card.digest()}
    digests |= {f"run {model.name}": run for model, run in zip(card.models, card.runs, strict=True)}
    if card.policy is not None:
        digests["policy"] = card.policy.digest()
    store.enter(kind="verdict", what=card.verdict.sentence, status=card.verdict.status, digests=digests)


def _distinct(names: Sequence[str]) -> None:
    for name in names:
        if list(names).count(name) > 1:
            raise UsageError(f"Two models are called '{name}': name them apart, NAME=ADAPTER:LOCATION.")
