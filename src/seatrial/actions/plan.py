"""Plan an experiment: what is tested, how it is decided, how many units and days it takes; then freeze it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial import __version__
from seatrial.actions.page import PageResult
from seatrial.errors import UsageError
from seatrial.experiments.assumptions import Assumptions
from seatrial.experiments.freeze import amend, changes, freeze
from seatrial.experiments.plan_file import load_plan, parse_plan_file, plan_keys, plan_text
from seatrial.experiments.plan_text import dump_plan
from seatrial.experiments.sizing import size
from seatrial.records.plan import ExperimentMetric, Plan
from seatrial.reports.document import Document
from seatrial.reports.plan_page import plan_document

AnyPlan = Plan | str | Path | Mapping[str, Any]
DEFAULT_ARMS = {"control": 50, "treatment": 50}


@dataclass(frozen=True)
class PlanResult(PageResult):
    """A plan with its sizing, and what it changes where it amends another; a text, a notebook page, a file."""

    record: Plan
    changes: tuple[str, ...] = ()
    """Against the plan it amends, in words."""

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.record

    def document(self) -> Document:
        """The plan's page, for the review before the launch."""
        return plan_document(self.plan, version=__version__, changes=self.changes)

    def freeze(self, path: str | Path) -> "PlanResult":
        """Freeze the plan and write it with its digest; a file that is there already is never overwritten.

        Raises `UsageError` when the file exists or cannot be written.
        """
        frozen = PlanResult(freeze(self.plan), self.changes)
        write_new(Path(path), dump_plan(frozen.plan))
        return frozen

    def to_yaml(self) -> str:
        """The plan as the file it is read from."""
        return dump_plan(self.plan)


def plan(
    source: AnyPlan | None = None,
    *,
    name: str | None = None,
    hypothesis: str | None = None,
    unit: str | None = None,
    control: str | None = None,
    arms: Mapping[str, Any] | Sequence[str] | None = None,
    metrics: Mapping[str, Any] | Sequence[ExperimentMetric] | None = None,
    primary: str | Sequence[Any] | None = None,
    guardrails: Mapping[str, Any] | Sequence[Any] | str | None = None,
    secondary: Sequence[str] | str | None = None,
    minimum_effect: float | str | None = None,
    alpha: float | None = None,
    power: float | None = None,
    segments: Sequence[str] | str | None = None,
    stopping: str | Mapping[str, Any] | None = None,
    start: Any = None,
    days: int | None = None,
    timezone: str | None = None,
    ramp: Sequence[Mapping[str, Any]] | None = None,
    columns: Mapping[str, str] | None = None,
    history: Any = None,
    base: Any = None,
    new_units_per_day: Any = None,
    amends: AnyPlan | None = None,
) -> PlanResult:
    """Plan an experiment, and size it where a history or a base rate says what the metrics are today.

    `source` is a plan file, YAML text, a mapping of its shape, or a `Plan`; the arguments override it key by key
    (`docs/plan.md` explains each). `metrics` maps names to formulas, as text (`"clicks / views"`) or as trees built
    with operators, or to mappings with `formula`; or is a list of `ExperimentMetric`. `guardrails` is a list of names
    and mappings, or maps names to margins (`{"latency_p95": "5%"}`). `history` is a table with one row a unit, `base`
    the value today where there is none, `new_units_per_day` a number, a list, or daily active units of a population.
    `amends` is the frozen plan that this one replaces.

    Raises `UsageError` for a plan that cannot be, `DataError` for a history that cannot carry it.

    >>> result = plan(
    ...     arms={"A": 50, "B": 50}, metrics={"buys": "mean(bought == 1)"}, minimum_effect="5%", base=0.05
    ... )
    >>> result.plan.sizing.units
    {'A': 122121, 'B': 122121}
    """
    given: dict[str, Any] = {
        "name": name,
        "hypothesis": hypothesis,
        "unit": unit,
        "control": control,
        "arms": dict.fromkeys(arms, 1) if arms is not None and not isinstance(arms, Mapping) else arms,
        "metrics": _metrics(metrics),
        "primary": primary,
        "guardrails": _guardrails(guardrails),
        "secondary": secondary,
        "minimum_effect": minimum_effect,
        "alpha": alpha,
        "power": power,
        "segments": segments,
        "stopping": stopping,
        "start": start,
        "days": days,
        "timezone": timezone,
        "ramp": ramp,
        "columns": columns,
        "base": base,
        "new_units_per_day": new_units_per_day,
    }
    wanted = {key: value for key, value in given.items() if value is not None}
    planned, assumed = _read(source, wanted, amending=amends is not None)
    if planned.frozen:
        if history is not None or amends is not None:
            raise UsageError(
                f"Plan '{planned.name}' is frozen and is never edited; give what changes beside --amends, as options "
                f"or as a new file."
            )
        return PlanResult(planned)
    old = None if amends is None else _as_plan(amends)
    if history is not None or assumed.base:
        planned = size(planned, history=history, base=assumed.base, new_units_per_day=assumed.traffic)
    if old is None:
        return PlanResult(planned)
    return PlanResult(amend(planned, old), changes(planned, old))


def write_new(path: Path, text: str) -> None:
    """Write a file that must not be there yet; raises `UsageError` when it is."""
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"'{path}' exists already, and a frozen plan is never overwritten; give the new version another name."
        ) from None
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror or error}.") from None


def _read(source: AnyPlan | None, wanted: dict[str, Any], *, amending: bool) -> tuple[Plan, Assumptions]:
    """The plan of a source with the arguments laid over it, and what it assumes."""
    if source is None:
        fields = {"arms": DEFAULT_ARMS, "name": "experiment", **wanted}
        found = parse_plan_file(fields, name=str(fields["name"]))
        return found.plan, found.assumptions
    name, folder, mapping = _mapping(source)
    was = parse_plan_file(mapping, name=name, folder=folder)
    if not wanted and not (was.plan.frozen and amending):
        return was.plan, was.assumptions
    if was.plan.frozen:
        if not amending:
            raise UsageError(
                f"Plan '{was.plan.name}' is frozen and is never edited: '{next(iter(wanted))}' cannot be changed. Name "
                f"it with --amends as well, and the change becomes its next version."
            )
        mapping = {
            key: value
            for key, value in mapping.items()
            if key not in ("digest", "frozen", "sizing", "version", "amends", "minimum_effect_is_relative")
        }
    else:
        mapping = {key: value for key, value in mapping.items() if key != "sizing"}
        if "minimum_effect" in wanted:
            mapping.pop("minimum_effect_is_relative", None)
    if "metrics" in wanted and isinstance(mapping.get("metrics"), Mapping):
        wanted = wanted | {"metrics": {**mapping["metrics"], **wanted["metrics"]}}
    found = parse_plan_file({**mapping, **wanted}, name=name, folder=folder)
    if _needs(found.plan) == _needs(was.plan) and "new_units_per_day" not in wanted:
        return found.plan.model_copy(update={"sizing": was.plan.sizing}), found.assumptions
    return found.plan, found.assumptions


def _needs(plan: Plan) -> tuple[object, ...]:
    """What a sizing rests on: where it is the same, so is the size."""
    return (
        plan.control, plan.arms, plan.phases, plan.metrics, plan.policy.model_copy(update={"name": ""}),
        plan.minimum_effect, plan.minimum_effect_is_relative, plan.stopping, plan.unit,
    )  # fmt: skip


def _mapping(source: AnyPlan) -> tuple[str, Path | None, Mapping[str, Any]]:
    """A plan's name, the folder its files are in, and its keys."""
    if isinstance(source, Plan):
        return source.name, None, plan_keys(dump_plan(source), name=source.name)
    if isinstance(source, Mapping):
        return "plan", None, source
    if isinstance(source, str) and "\n" in source:
        return "plan", None, plan_keys(source, name="plan")
    path = Path(source)
    text = plan_text(path)
    name = path.name.split(".")[0]
    return name, path.parent, plan_keys(text, name=name)


def _as_plan(given: AnyPlan) -> Plan:
    if isinstance(given, Plan):
        return given
    if isinstance(given, str | Path) and "\n" not in str(given):
        return load_plan(given)
    return _read(given, {}, amending=False)[0]


def _metrics(given: Mapping[str, Any] | Sequence[ExperimentMetric] | None) -> dict[str, Any] | None:
    """Metrics as a plan file writes them: a tree becomes its formula."""
    from seatrial.experiments.formulas import formula_text
    from seatrial.expressions import Node

    if given is None:
        return None
    if not isinstance(given, Mapping):
        return {metric.name: metric for metric in given}
    made: dict[str, Any] = {}
    for name, one in given.items():
        if isinstance(one, Node):
            made[name] = formula_text(one)
        elif isinstance(one, Mapping):
            made[name] = {key: formula_text(value) if isinstance(value, Node) else value for key, value in one.items()}
            covariates = made[name].get("covariates", ())
            if not isinstance(covariates, str):
                made[name]["covariates"] = [formula_text(c) if isinstance(c, Node) else c for c in covariates]
        else:
            made[name] = one
    return made


def _guardrails(given: Mapping[str, Any] | Sequence[Any] | str | None) -> list[Any] | None:
    """Guardrails as a plan file writes them; a mapping of names to margins becomes a list."""
    if given is None:
        return None
    if isinstance(given, str):
        return [given]
    if isinstance(given, Mapping) and "metric" not in given:
        return [{"metric": name, **({} if margin is None else {"margin": margin})} for name, margin in given.items()]
    return [given] if isinstance(given, Mapping) else list(given)
