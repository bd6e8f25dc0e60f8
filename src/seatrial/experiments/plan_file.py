"""From the text a person writes to a `Plan`: arms, metrics, rules, stopping, dates; a frozen file is checked whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

import yaml

from seatrial.decisions.policy import parse_policy, parse_rule, refuse_twins
from seatrial.decisions.yaml_fields import (
    absent,
    amount,
    flag,
    given_or,
    items,
    kind_of,
    known_keys,
    name_text,
    number,
    share,
    yaml_sentence,
)
from seatrial.decisions.yaml_text import read_yaml
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.experiments.assumptions import Assumptions, parse_base, parse_traffic
from seatrial.experiments.offline_verdict import read_verdict
from seatrial.experiments.plan_metrics import parse_metrics
from seatrial.experiments.plan_stopping import parse_stopping
from seatrial.experiments.windows import window_days
from seatrial.records.base import Record
from seatrial.records.decision import Policy, Role, Rule
from seatrial.records.plan import Arm, Columns, ExperimentMetric, Phase, Plan, Sizing

AnyRecord = TypeVar("AnyRecord", bound=Record)

RULES: dict[str, Role] = {"primary": "success", "guardrails": "guardrail", "secondary": "secondary"}
KEYS = (
    "schema_version", "name", "version", "amends", "frozen", "digest", "hypothesis", "unit", "control", "arms",
    "metrics", *RULES, "policy", "minimum_effect", "minimum_effect_is_relative", "alpha", "power", "segments",
    "post_stratify", "stopping", "new_units_per_day", "base", "start", "days", "timezone", "ramp", "columns", "sizing",
)  # fmt: skip
ARM_KEYS = ("weight", "model", "model_digest", "verdict")
RAMP_KEYS = ("from", "weights")
CONTROLS = ("control", "baseline", "a")
"""Names of arms, in any case, that are the control when the plan names none; the first found."""
_EXAMPLE = "success metric: 'primary: revenue_per_user'"


@dataclass(frozen=True, kw_only=True)
class PlanFile:
    """A plan, and what its file assumes for the sizing."""

    plan: Plan
    assumptions: Assumptions


def load_plan(path: str | Path) -> Plan:
    """Read a plan file; raises `UsageError` in one sentence, also for one that was edited after it was frozen."""
    return read_plan_file(path).plan


def parse_plan(text_or_mapping: str | Mapping[str, Any], *, name: str = "plan", folder: Path | None = None) -> Plan:
    """Return the `Plan` of a YAML text or of the same shape as a mapping; raises `UsageError` in one sentence.

    `folder` is where the offline verdict files that arms name are looked for.

    >>> plan = parse_plan("{arms: {A: 50, B: 50}, metrics: {ctr: clicks / views}, minimum_effect: 2%}")
    >>> plan.control, plan.primary, plan.minimum_effect, plan.stopping.rule
    ('A', 'ctr', 0.02, 'hybrid')
    """
    return parse_plan_file(text_or_mapping, name=name, folder=folder).plan


def read_plan_file(path: str | Path) -> PlanFile:
    """Read a plan file with what it assumes; without a `name:` the plan is named after the file."""
    file = Path(path)
    return parse_plan_file(plan_text(file), name=file.name.split(".")[0], folder=file.parent)


def plan_text(path: Path) -> str:
    """Return the text of a plan file; raises `UsageError` when there is none."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no plan file '{path}'.") from None
    except UnicodeDecodeError:
        raise UsageError(f"Plan '{path.name}' is not a text file: a plan is YAML in UTF-8.") from None
    except OSError as error:
        raise UsageError(f"Plan file '{path}' cannot be read: {error.strerror or error}.") from None


def parse_plan_file(
    text_or_mapping: str | Mapping[str, Any], *, name: str = "plan", folder: Path | None = None
) -> PlanFile:
    """`parse_plan` with what the file assumes for the sizing."""
    what = f"Plan '{name}'"
    given = plan_keys(text_or_mapping, name=name)
    known_keys(given, KEYS, what)
    metrics = parse_metrics(given.get("metrics"), what)
    policy = _policy(given, metrics, name, what)
    arms = _arms(given.get("arms"), folder, what)
    names = [arm.name for arm in arms]
    minimum, is_relative = (None, False)
    if not absent(given.get("minimum_effect")):
        minimum, is_relative = amount(
            given["minimum_effect"], given.get("minimum_effect_is_relative"), f"{what}: 'minimum_effect'"
        )
    zone = _zone(given_or(given, "timezone", "UTC"), what)
    phases = _ramp(given.get("ramp"), names, zone, what)
    start = None if absent(given.get("start")) else _time(given["start"], zone, f"{what}: 'start'")[0]
    if start is None and phases:
        start = phases[0].start
    fields: dict[str, Any] = {
        "name": name_text(_plain(given_or(given, "name", name)), f"{what}: 'name'"),
        "version": _whole(given_or(given, "version", 1), f"{what}: 'version'"),
        "amends": None if absent(given.get("amends")) else name_text(given["amends"], f"{what}: 'amends'"),
        "frozen": flag(given_or(given, "frozen", False), f"{what}: 'frozen'"),
        "hypothesis": ""
        if absent(given.get("hypothesis"))
        else name_text(given["hypothesis"], f"{what}: 'hypothesis'"),
        "unit": name_text(given_or(given, "unit", "user"), f"{what}: 'unit'"),
        "control": _control(given.get("control"), names, what),
        "arms": arms,
        "phases": phases,
        "metrics": metrics,
        "policy": policy,
        "minimum_effect": minimum,
        "minimum_effect_is_relative": is_relative,
        "post_stratify": None
        if absent(given.get("post_stratify"))
        else name_text(given["post_stratify"], f"{what}: 'post_stratify'"),
        "segments": tuple(name_text(one, f"{what}: 'segments'") for one in items(given.get("segments"), what)),
        "stopping": parse_stopping(given.get("stopping"), what),
        "start": start,
        "days": None if absent(given.get("days")) else _whole(given["days"], f"{what}: 'days'"),
        "timezone": zone.key,
        "columns": _record(Columns, given.get("columns"), f"{what}: 'columns'") or Columns(),
        "sizing": _record(Sizing, given.get("sizing"), f"{what}: 'sizing'"),
    }
    if not absent(given.get("schema_version")):
        fields["schema_version"] = name_text(_plain(given["schema_version"]), f"{what}: 'schema_version'")
    plan = Plan.parse(fields, what=what)
    _check_dates(plan, zone, what)
    _check_digest(plan, given.get("digest"), what)
    place = f"{what}: 'base'"
    base = parse_base(given.get("base"), plan.primary, [metric.name for metric in metrics], place)
    traffic = parse_traffic(given.get("new_units_per_day"), f"{what}: 'new_units_per_day'")
    return PlanFile(plan=plan, assumptions=Assumptions(base=base, traffic=traffic))


def plan_keys(given: str | Mapping[str, Any], *, name: str = "plan") -> Mapping[str, Any]:
    """Return the keys of a YAML text as they are written; raises `UsageError` when it is no mapping."""
    what = f"Plan '{name}'"
    found: Any = given
    if isinstance(given, str):
        try:
            found = read_yaml(given)
        except yaml.YAMLError as error:
            raise UsageError(f"{what} is not valid YAML: {yaml_sentence(error)}.") from None
        except RecursionError:
            raise UsageError(f"{what} is nested too deeply.") from None
    if absent(found):
        raise UsageError(f"{what} is empty: it needs 'arms', 'metrics' and a {_EXAMPLE}.")
    if not isinstance(found, Mapping):
        raise UsageError(f"{what} must be a mapping of keys such as 'arms:' and 'metrics:', not {kind_of(found)}.")
    return found


def _policy(given: Mapping[str, Any], metrics: tuple[ExperimentMetric, ...], name: str, what: str) -> Policy:
    """The rules that `primary`, `guardrails` and `secondary` say, or a whole policy under `policy`."""
    known = [metric.name for metric in metrics]
    shorthand = [key for key in (*RULES, "alpha", "power") if not absent(given.get(key))]
    whole = given.get("policy")
    if not absent(whole):
        if shorthand:
            raise UsageError(f"{what}: give 'policy' or '{shorthand[0]}', not both: a policy holds it already.")
        if not isinstance(whole, Mapping):
            raise UsageError(f"{what}: 'policy' must be a mapping of sections, not {kind_of(whole)}.")
        policy = parse_policy(whole, name=f"{name}: policy")
    else:
        rules: list[Rule] = []
        for section, role in RULES.items():
            place = f"{what}: '{section}'"
            one = given.get(section)
            for index, item in enumerate([one] if isinstance(one, Mapping) else items(one, place), start=1):
                rules.append(parse_rule(item, role, f"{place} item {index}"))
        if not any(rule.role != "secondary" for rule in rules):
            if len(metrics) > 1 or any(rule.metric == known[0] for rule in rules):
                raise UsageError(f"{what} says nothing that decides: name the {_EXAMPLE}.")
            rules.insert(0, Rule(metric=known[0], role="success"))
        refuse_twins(rules, what)
        policy = Policy.parse(
            {
                "name": _plain(given_or(given, "name", name)),
                "alpha": number(given_or(given, "alpha", 0.05), f"{what}: 'alpha'"),
                "power": share(given_or(given, "power", 0.8), f"{what}: 'power'"),
                "rules": tuple(rules),
            },
            what=what,
        )
    for rule in policy.rules:
        if rule.metric not in known:
            hint = did_you_mean(rule.metric, known) or f" Metrics of the plan: {listed(known)}."
            raise UsageError(f"{what}: a {rule.role} rule names '{rule.metric}', which is no metric of the plan.{hint}")
    return policy


def _arms(given: Any, folder: Path | None, what: str) -> tuple[Arm, ...]:
    place = f"{what}: 'arms'"
    if not isinstance(given, Mapping) or not given:
        raise UsageError(f"{place} must map each arm to its weight, such as '{{A: 50, B: 50}}', not {kind_of(given)}.")
    arms = []
    for key, value in given.items():
        arm = name_text(_plain(key), place)
        of = f"{place} '{arm}'"
        if isinstance(value, Mapping):
            known_keys(value, ARM_KEYS, of)
            fields: dict[str, Any] = {
                name: name_text(_plain(value[name]), f"{of}: '{name}'")
                for name in ("model", "model_digest")
                if not absent(value.get(name))
            }
            fields["weight"] = share(given_or(value, "weight", 1.0), f"{of}: 'weight'")
            if not absent(value.get("verdict")):
                fields["verdict"] = read_verdict(value["verdict"], fields.get("model"), folder, f"{of}: 'verdict'")
        else:
            fields = {"weight": 1.0 if absent(value) else share(value, f"{of}: weight")}
        arms.append(Arm.parse({"name": arm, **fields}, what=of))
    return tuple(arms)


def _control(given: Any, names: list[str], what: str) -> str:
    if not absent(given):
        named = name_text(_plain(given), f"{what}: 'control'")
        if named not in names:
            raise UsageError(
                f"{what}: the control '{named}' is no arm.{did_you_mean(named, names)} Arms: {listed(names)}."
            )
        return named
    for usual in CONTROLS:
        found = next((name for name in names if name.casefold() == usual), None)
        if found is not None:
            return found
    raise UsageError(f"{what}: which arm is the control? Write 'control: {names[0]}' (arms: {listed(names)}).")


def _ramp(given: Any, names: list[str], zone: ZoneInfo, what: str) -> tuple[Phase, ...]:
    place = f"{what}: 'ramp'"
    phases: list[Phase] = []
    before: datetime | None = None
    for index, item in enumerate(items(given, place), start=1):
        of = f"{place} item {index}"
        if not isinstance(item, Mapping):
            raise UsageError(
                f"{of} must be like '{{from: 2026-12-01, weights: {{A: 95, B: 5}}}}', not {kind_of(item)}."
            )
        known_keys(item, RAMP_KEYS, of)
        start, moment = _time(item.get("from"), zone, f"{of}: 'from'")
        weights = item.get("weights")
        if not isinstance(weights, Mapping) or not weights:
            raise UsageError(f"{of}: 'weights' must map each arm to its weight, not {kind_of(weights)}.")
        known_keys(weights, names, f"{of}: 'weights'")
        shares = {name: share(weights[name], f"{of}: '{name}'") if name in weights else 0.0 for name in names}
        if min(shares.values()) < 0 or sum(shares.values()) <= 0:
            raise UsageError(f"{of}: weights cannot be negative, and one at least must be above 0.")
        if before is not None and moment <= before:
            raise UsageError(f"{of}: the phase from {start} begins before the one above it; put phases in order.")
        before = moment
        phases.append(Phase(start=start, weights=shares))
    return tuple(phases)


def _check_dates(plan: Plan, zone: ZoneInfo, what: str) -> None:
    if plan.days is not None:
        for metric in plan.metrics:
            if metric.window is not None and window_days(metric.window) > plan.days:
                raise UsageError(
                    f"{what}: '{metric.name}' needs {metric.window} after a unit's first exposure, and the experiment "
                    f"runs {plan.days} days, so no unit would ever count; run it longer or shorten the window."
                )
    if plan.start is None or not plan.phases:
        return
    begin = _moment(plan.start, zone)
    if _moment(plan.phases[0].start, zone) < begin:
        raise UsageError(f"{what}: the ramp begins on {plan.phases[0].start}, before the start on {plan.start}.")
    if plan.days is not None and _moment(plan.phases[-1].start, zone) >= begin + timedelta(days=plan.days):
        raise UsageError(
            f"{what}: the last phase begins on {plan.phases[-1].start}, after the {plan.days} days that began on "
            f"{plan.start}."
        )


def _check_digest(plan: Plan, given: Any, what: str) -> None:
    if absent(given):
        if plan.frozen:
            raise UsageError(
                f"{what} says that it is frozen and has no digest; freeze it with `seatrial plan --freeze`."
            )
        return
    if not plan.frozen or plan.digest() != str(given).strip():
        raise UsageError(
            f"{what} was edited after it was frozen: its content does not have the digest it names. Restore the file, "
            f"or write the change as a new version: seatrial plan NEW.yaml --amends OLD.yaml --freeze ..."
        )


def _zone(given: Any, what: str) -> ZoneInfo:
    named = name_text(given, f"{what}: 'timezone'")
    try:
        return ZoneInfo(named)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder's name an OSError
        hint = did_you_mean(named, available_timezones())
        raise UsageError(
            f"{what}: there is no time zone '{named}'.{hint} Write one like Europe/Berlin, or UTC."
        ) from None


def _time(given: Any, zone: ZoneInfo, place: str) -> tuple[str, datetime]:
    """A date or time as ISO 8601 text, and the moment it is in the plan's time zone."""
    text = given.isoformat() if isinstance(given, date) else given
    if not isinstance(text, str) or absent(text):
        raise UsageError(
            f"{place} must be a date such as 2026-12-01, or a time such as 2026-12-01T09:00, not {kind_of(given)}."
        )
    try:
        return text.strip(), _moment(text.strip(), zone)
    except ValueError:
        raise UsageError(
            f"{place} must be a date such as 2026-12-01, or a time such as 2026-12-01T09:00, not '{text:.40}'."
        ) from None


def _moment(text: str, zone: ZoneInfo) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _record(kind: type[AnyRecord], given: Any, place: str) -> AnyRecord | None:
    if absent(given):
        return None
    if not isinstance(given, Mapping):
        raise UsageError(f"{place} must be a mapping, not {kind_of(given)}.")
    return kind.parse(given, what=place)


def _whole(given: Any, place: str) -> int:
    found = number(given, place)
    if not 1 <= found < 1e15 or found != int(found):
        raise UsageError(f"{place} must be a whole number of at least 1, not {given}.")
    return int(found)


def _plain(given: Any) -> Any:
    """A number that stands where a name is wanted is the name it looks like."""
    return str(given) if isinstance(given, int | float) and not isinstance(given, bool) else given
