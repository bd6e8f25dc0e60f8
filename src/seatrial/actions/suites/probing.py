"""Run a model on perturbed copies of its rows, and measure each against the same rows clean."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from seatrial.actions.compare import compare
from seatrial.actions.suites.tables import as_case_predictions, cluster_of, metrics_of, slices_of
from seatrial.data.dataset import LoadedDataset
from seatrial.errors import SeatrialError
from seatrial.evaluation.probes import Perturbed, perturbed, sampled_rows, severities
from seatrial.evaluation.probes.outcomes import direction_held, flip_rate, worst_slice
from seatrial.evaluation.runner import RanRows
from seatrial.models.base import Answer, Answered, Model
from seatrial.records import Effect, Estimate
from seatrial.records.run import CaseRun, ModelInfo, ProbeOutcome
from seatrial.records.suite import Case, ProbeSpec

if TYPE_CHECKING:
    from seatrial.actions.suites.case import Bench

CLEAN = "clean"


def probe_outcomes(
    dataset: LoadedDataset,
    clean: RanRows,
    model: Model,
    info: ModelInfo,
    case: Case,
    lead: str,
    found: CaseRun,
    *,
    bench: "Bench",
) -> tuple[ProbeOutcome, ...]:
    """Every probe of a case at every severity, paired with the clean rows."""
    if model.recorded:
        reason = "The answers were recorded: there is none for a changed input. Run the model itself."
        return tuple(
            ProbeOutcome(
                probe=spec.probe, severity=severities(spec, folder=bench.folder)[0], rows=0, touched=0, reason=reason
            )
            for spec in case.probes
        )
    outcomes: list[ProbeOutcome] = []
    once = case.model_copy(update={"repeats": 1})
    first = tuple(one for one in clean.answers if one.repeat == 0)
    for spec in case.probes:
        positions = sampled_rows(dataset, spec, seed=bench.suite.seed)
        for severity in severities(spec, folder=bench.folder):
            bench.told(f"{info.name} on {case.name}: {spec.probe} {severity:g}")
            try:
                outcomes.append(
                    _outcome(dataset, first, positions, spec, severity, model, info, once, lead, found, bench)
                )
            except SeatrialError as error:
                outcomes.append(
                    ProbeOutcome(
                        probe=spec.probe, severity=severity, columns=spec.columns, rows=0, touched=0, reason=str(error)
                    )
                )
                break
    return tuple(outcomes)


def _outcome(
    dataset: LoadedDataset,
    clean: Sequence[Answered],
    positions: Sequence[int],
    spec: ProbeSpec,
    severity: float,
    model: Model,
    info: ModelInfo,
    case: Case,
    lead: str,
    found: CaseRun,
    bench: "Bench",
) -> ProbeOutcome:
    from seatrial.actions.suites.case import answers_of

    suite = bench.suite
    whole = len(positions) == len(dataset)
    rows = dataset if whole else dataset.taken(positions, fingerprint=f"{dataset.fingerprint}:{spec.rows}:{suite.seed}")
    hit: Perturbed = perturbed(rows, spec, severity, seed=suite.seed, folder=bench.folder)
    ran = answers_of(hit.dataset, case, model, info, bench, variant=f"{spec.digest()}@{severity:g}")
    before = [clean[i] for i in positions]
    effects, worst = _effects(rows, before, ran, case, lead, found, bench)
    direction = spec.direction or hit.direction or ("same" if hit.label_preserving else None)
    return ProbeOutcome(
        probe=spec.probe,
        severity=severity,
        columns=tuple(hit.columns),
        label_preserving=hit.label_preserving,
        rows=len(rows),
        touched=sum(hit.touched),
        failed=sum(
            a.answer.reason is not None and b.answer.reason is None for b, a in zip(before, ran.answers, strict=True)
        ),
        effects=effects,
        worst=worst,
        flip_rate=flip_rate(
            [said(one.answer, case) for one in before],
            [said(one.answer, case) for one in ran.answers],
            hit.touched,
            model=info.name,
            level=bench.level,
        ),
        direction=direction,
        held=None if direction is None else _held(before, ran.answers, hit, direction, case, info.name, bench.level),
    )


def _effects(
    rows: LoadedDataset,
    before: Sequence[Answered],
    ran: RanRows,
    case: Case,
    lead: str,
    found: CaseRun,
    bench: "Bench",
) -> tuple[tuple[Effect, ...], Effect | None]:
    """Perturbed against clean on the same rows: all rows for every metric, and the slice that lost most."""

    def predictions(answers: Sequence[Answered], name: str) -> Any:
        columns = _table_of(rows, answers, ran, case)
        return as_case_predictions(columns, model=name, case=case, dataset=found.dataset, task=found.task)

    old, new = predictions(before, CLEAN), predictions(ran.answers, "perturbed")
    result = compare(
        old,
        new,
        metrics=metrics_of(case, bench.folder) or (lead,),
        by=slices_of(case, found.dataset, old.columns),
        cluster=cluster_of(case, found.dataset, old.columns),
        lower_is_better=case.lower_is_better,
        level=bench.level,
        seed=bench.suite.seed,
        examples=0,
    )
    effects = [e for e in result.effects if not e.metric.startswith(("latency", "queue", "cost", "input_tokens"))]
    whole = tuple(e for e in effects if not e.slice)
    return whole, worst_slice(e for e in effects if e.metric == lead)


def said(answer: Answer, case: Case) -> Any:
    """What an answer decides: the prediction, else the class its scores name, else the text; None where it failed."""
    if answer.reason is not None:
        return None
    if answer.prediction is not None:
        return answer.prediction
    if answer.scores:
        return max(answer.scores, key=lambda name: answer.scores[name])
    return answer.text if answer.score is None else answer.score >= case.threshold


def _held(
    before: Sequence[Answered],
    after: Sequence[Answered],
    hit: Perturbed,
    direction: Literal["same", "up", "down"],
    case: Case,
    model: str,
    level: float,
) -> Estimate:
    def of(answers: Sequence[Answered]) -> list[Any]:
        if direction == "same":
            return [said(one.answer, case) for one in answers]
        return [score_of(one.answer, case.roles.positive) for one in answers]

    return direction_held(of(before), of(after), hit.touched, direction=direction, model=model, level=level)


def score_of(answer: Answer, positive: str | None) -> float | None:
    """The score of the positive class, else a number that was predicted; None where there is neither."""
    if answer.score is not None:
        return answer.score
    if positive is not None and positive in answer.scores:
        return answer.scores[positive]
    number = answer.prediction
    return float(number) if isinstance(number, (int, float)) and not isinstance(number, bool) else None


def _table_of(
    rows: LoadedDataset, answers: Sequence[Answered], like: RanRows, case: Case
) -> Mapping[str, Sequence[Any]]:
    """The table of rows of some answers, in the order of `rows`."""
    placed = tuple(replace(one, row=at) for at, one in enumerate(answers))
    return replace(like, answers=placed, places=tuple((at, 0) for at in range(len(placed)))).columns(rows, case=case)
