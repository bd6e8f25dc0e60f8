"""`run_rows`: one model on the rows of one data set, resumable, within budgets."""

from collections.abc import Sequence
from typing import Any

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import UsageError
from seatrial.evaluation.runner.asking import Questions
from seatrial.evaluation.runner.desk import Desk
from seatrial.evaluation.runner.keeping import answered_from
from seatrial.evaluation.runner.local import ask_local
from seatrial.evaluation.runner.progress import RunProgress
from seatrial.evaluation.runner.ran import RanRows, Status
from seatrial.evaluation.runner.remote import ask_remote
from seatrial.evaluation.runner.tally import Tally
from seatrial.models.base import Answered, LocalModel, Model, RemoteModel
from seatrial.records.suite import Budgets, Case, Price
from seatrial.storage.row_log import AnswerCache, Place, RowLog


def run_rows(
    dataset: LoadedDataset,
    model: Model,
    *,
    case: Case,
    log: RowLog,
    cache: AnswerCache | None = None,
    budgets: Budgets = Budgets(),  # noqa: B008 (a frozen record)
    price: Price | None = None,
    positions: Sequence[int] | None = None,
    batch_size: int | None = None,
    concurrency: int | None = None,
    warm_up: int | None = None,
    seed: int = 0,
    started_cost: float = 0.0,
    started_seconds: float = 0.0,
    progress: RunProgress | None = None,
) -> RanRows:
    """Ask a model about rows; every answer is durable in `log` before the next batch (or the next call) starts.

    Rows that `log` holds are not asked again. `cache` is used for remote models, and local ones whose `cacheable` is
    true. `positions` takes some rows; `warm_up` is how many first calls (remote; default one a connection) or batches
    (local; default 1) have no part in the latency. `started_cost` and `started_seconds` were used up before, by other
    cases of the run. Budgets stop the run (`stopped`: it can be taken up again) or make it `invalid`; nothing is raised
    for failing rows. Raises `UsageError` for arguments that cannot be used, `ModelError` for a model that does not
    load, and lets `KeyboardInterrupt` through with the log clean.
    """
    model = _for_case(model, case)
    remote = isinstance(model, RemoteModel)
    size, at_once = _checked_sizes(model, batch_size, concurrency)
    model.open()
    info = model.info()
    places = _places(dataset, positions, case.repeats)
    wanted = set(places)
    before = [answered_from(place, row) for place, row in log.kept().items() if place in wanted]
    tally = Tally(
        of=len(places),
        budgets=budgets,
        started_cost=started_cost,
        started_seconds=started_seconds,
        currency=price.currency if price else "",
        progress=progress,
    )
    tally.found(before)
    warm = warm_up if warm_up is not None else (at_once if remote else 1)
    questions = Questions(
        dataset,
        case,
        model_fingerprint=info.fingerprint,
        needs_ids=bool(getattr(model, "needs_ids", False)),
        prompted=remote or hasattr(model, "for_case"),
    )
    uses_cache = remote or bool(getattr(model, "cacheable", False))
    desk = Desk(
        log=log,
        cache=cache if uses_cache else None,
        questions=questions,
        tally=tally,
        price=price,
        warm_up=warm,
    )
    done = {(one.row, one.repeat) for one in before}
    left = [place for place in places if place not in done]
    reason: str | None = None
    if left and isinstance(model, RemoteModel):
        reason = ask_remote(model, left, questions=questions, desk=desk, concurrency=at_once, seed=seed)
    elif left and isinstance(model, LocalModel):
        reason = ask_local(model, left, questions=questions, desk=desk, batch_size=size)
    tally.ended()
    status, reason = _status(tally, reason, of=len(places), budgets=budgets)
    return RanRows(
        answers=tuple(sorted(tally.answered, key=lambda one: (one.repeat, one.row))),
        places=tuple(places),
        ids=dataset.ids,
        status=status,
        reason=reason,
        seconds=tally.seconds,
        resumed=tally.resumed,
        cached=tally.cached,
        asked=tally.asked,
        model=model.name,
        device=info.device,
        batch_size=1 if remote else size,
        concurrency=at_once,
        remote=remote,
        warm_up=warm,
        price=price,
    )


def _for_case(model: Model, case: Case) -> Model:
    """The model as this case asks it: adapters of language models take its prompt and parameters."""
    fitted: Any = getattr(model, "for_case", None)
    if fitted is not None:
        model = fitted(case)
    if not isinstance(model, (LocalModel, RemoteModel)):
        raise UsageError(
            f"{type(model).__name__} is no model the runner can ask; derive it from LocalModel (predict a batch) or "
            "RemoteModel (ask one row)."
        )
    return model


def _checked_sizes(model: Model, batch_size: int | None, concurrency: int | None) -> tuple[int, int]:
    """Rows a batch and calls at once, as asked or as the model works best with."""
    for what, given in (("batch size", batch_size), ("concurrency", concurrency)):
        if given is not None and given < 1:
            raise UsageError(f"The {what} must be at least 1, not {given}.")
    if isinstance(model, RemoteModel):
        return 1, concurrency or model.limits.concurrency
    return batch_size or max(1, int(getattr(model, "batch_size", 1))), 1


def _places(dataset: LoadedDataset, positions: Sequence[int] | None, repeats: int) -> list[Place]:
    """Every (row, repeat), all rows once before any row twice."""
    rows = range(len(dataset)) if positions is None else [int(at) for at in positions]
    for at in rows if positions is not None else ():
        if not 0 <= at < len(dataset):
            raise UsageError(f"Position {at} is outside the {len(dataset)} rows of {dataset.name}.")
    return list(dict.fromkeys((row, repeat) for repeat in range(repeats) for row in rows))


def _status(tally: Tally, reason: str | None, *, of: int, budgets: Budgets) -> tuple[Status, str | None]:
    answered: list[Answered] = tally.answered
    hopeless = tally.hopeless()
    if hopeless is not None:
        return "invalid", hopeless
    if len(answered) < of:
        return "stopped", f"{reason} ({len(answered):,} of {of:,} rows are done)"
    share = tally.failures / of if of else 0.0
    if share > budgets.failures:
        return "invalid", (
            f"{tally.failures:,} of {of:,} rows have no answer ({share:.1%}), above the failure budget of "
            f"{budgets.failures:.1%}; most often: {tally.most_often()}"
        )
    return "complete", None
