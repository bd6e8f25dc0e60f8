"""From the text a person writes to a `Policy`: sections of rules, one line or one mapping each."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from seatrial.decisions.yaml_fields import (
    absent,
    amount,
    flag,
    given_or,
    items,
    kind_of,
    known_keys,
    level_text,
    name_text,
    number,
    yaml_sentence,
)
from seatrial.decisions.yaml_text import read_yaml
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.records.decision import Policy, Role, Rule
from seatrial.records.numbers import format_percent

SECTIONS: dict[str, Role] = {
    "success": "success",
    "guardrails": "guardrail",
    "bounds": "guardrail",
    "secondary": "secondary",
}
KEYS = ("name", "alpha", "power", *SECTIONS, "rules", "metrics", "lower_is_better", "assumed")
ITEM_KEYS = ("metric", "slice", "margin", "margin_is_relative", "below", "above", "alpha", "case")
ROLES: dict[str, Role] = {"success": "success", "guardrail": "guardrail", "secondary": "secondary"}

_ONE_LINE = re.compile(r"^(?P<metric>.+?)\s+(?P<side>below|above)\s+(?P<bound>\S.*)$", re.DOTALL)


def load_policy(path: str | Path) -> Policy:
    """Read a policy file; without a `name:` it is named after the file. Raises `UsageError` in one sentence."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no policy file '{path}'.") from None
    except UnicodeDecodeError:
        raise UsageError(f"Policy '{file.name}' is not a text file: a policy is YAML in UTF-8.") from None
    except OSError as error:
        raise UsageError(f"Policy file '{path}' cannot be read: {error.strerror or error}.") from None
    return parse_policy(text, name=file.stem)


def parse_policy(text_or_mapping: str | Mapping[str, Any], *, name: str = "policy") -> Policy:
    """Return the `Policy` of a YAML text or of the same shape as a mapping; raises `UsageError` in one sentence.

    >>> policy = parse_policy("success: [roc_auc]\\nguardrails: [{metric: recall, slice: sex=Female, margin: 2%}]")
    >>> [(rule.role, rule.metric, rule.slice, rule.margin) for rule in policy.rules]
    [('success', 'roc_auc', {}, None), ('guardrail', 'recall', {'sex': 'Female'}, 0.02)]
    """
    what = f"Policy '{name}'"
    given: Any = text_or_mapping
    if isinstance(given, str):
        try:
            given = read_yaml(given)
        except yaml.YAMLError as error:
            raise UsageError(f"{what} is not valid YAML: {yaml_sentence(error)}.") from None
        except RecursionError:
            raise UsageError(f"{what} is nested too deeply: a policy has sections and rules, no more.") from None
    if given is None or (isinstance(given, str) and not given.strip()):
        raise UsageError(f"{what} is empty: add 'success', 'guardrails' or 'bounds'.")
    if not isinstance(given, Mapping):
        raise UsageError(
            f"{what} must be a mapping of sections such as 'success:' or 'guardrails:', not {kind_of(given)}."
        )
    known_keys(given, KEYS, what)
    formulas, lower = _formulas(given, what)
    fields: dict[str, Any] = {"metrics": formulas, "lower_is_better": lower, "rules": _rules(given, what)}
    fields["name"] = name_text(given_or(given, "name", name), f"{what}: 'name'")
    fields["alpha"] = number(given_or(given, "alpha", 0.05), f"{what}: 'alpha'")
    fields["power"] = number(given_or(given, "power", 0.8), f"{what}: 'power'")
    fields["assumed"] = flag(given_or(given, "assumed", False), f"{what}: 'assumed'")
    return Policy.parse(fields, what=what)


def default_policy(metric: str) -> Policy:
    """Return what is assumed when nobody gave a policy: one guardrail on the main metric at its default margin.

    >>> default_policy("roc_auc").rules[0].role
    'guardrail'
    """
    return Policy(name="assumed", rules=(Rule(metric=metric, role="guardrail"),), assumed=True)


def resolve_margin(rule: Rule, default: tuple[float, bool]) -> tuple[float, bool]:
    """Return (margin, is it a share of the baseline): the rule's own, else the metric's default.

    >>> resolve_margin(Rule(metric="log_loss", role="guardrail"), (0.02, True))
    (0.02, True)
    """
    return default if rule.margin is None else (rule.margin, rule.margin_is_relative)


def check_names(
    policy: Policy,
    known: Collection[str],
    slices: Mapping[str, Collection[str]],
    *,
    formulas: Collection[str] = (),
    ungated: Collection[str] = (),
) -> None:
    """Raise `UsageError` for a metric, slice column or slice level of the policy that does not exist.

    `known` holds every metric name that can be computed (the policy's own formulas may be left out), `slices` the
    levels of each slice column, `formulas` formula metrics defined outside the policy, `ungated` metrics whose
    difference has no sound interval: those can be bounded, not compared.
    """
    what = f"Policy '{policy.name}'"
    catalogue = set(known) - set(formulas)
    taken = sorted(catalogue & set(policy.metrics))
    if taken:
        raise UsageError(f"{what}: 'metrics' redefines '{taken[0]}', which is a metric already; give it another name.")
    every = {*known, *policy.metrics, *formulas}
    for metric in policy.lower_is_better:
        if metric not in every:
            hint = did_you_mean(metric, every)
            raise UsageError(f"{what}: 'lower_is_better' names '{metric}', which is no metric.{hint}")
        if metric not in policy.metrics and metric not in formulas:
            raise UsageError(
                f"{what}: 'lower_is_better' is for formula metrics; '{metric}' has its direction already, leave it out."
            )
    for rule in policy.rules:
        if rule.metric not in every:
            hint = did_you_mean(rule.metric, every) or f" Known metrics: {listed(sorted(every))}."
            raise UsageError(f"{what}: there is no metric '{rule.metric}' here.{hint}")
        if rule.metric in ungated and not rule.is_bound and rule.role != "secondary":
            raise UsageError(
                f"{what}: a difference of '{rule.metric}' has no sound interval, so it cannot decide; "
                "give it an absolute bound ('below: ...' or 'above: ...') or list it as secondary."
            )
        _check_slice(rule, slices, what)


def _check_slice(rule: Rule, slices: Mapping[str, Collection[str]], what: str) -> None:
    for column, level in rule.slice.items():
        asked = f"{what}: '{rule.metric}' is asked for on '{column}={level}', and"
        if column not in slices:
            hint = did_you_mean(column, slices) or (f" Known: {listed(sorted(slices))}." if slices else "")
            raise UsageError(f"{asked} there is no column '{column}' to slice by.{hint}")
        levels = slices[column]
        if level not in levels:
            hint = did_you_mean(level, levels) or f" It holds: {listed(levels)}."
            raise UsageError(f"{asked} '{column}' never is '{level}'.{hint}")


def _rules(given: Mapping[str, Any], what: str) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for section, role in SECTIONS.items():
        for index, item in enumerate(items(given.get(section), f"{what}: '{section}'"), start=1):
            rule = parse_rule(item, role, f"{what}: '{section}' item {index}")
            if section == "bounds" and not rule.is_bound:
                raise UsageError(f"{what}: 'bounds' item {index} ('{rule.metric}') needs 'below' or 'above'.")
            rules.append(rule)
    for index, item in enumerate(items(given.get("rules"), f"{what}: 'rules'"), start=1):
        place = f"{what}: 'rules' item {index}"
        if not isinstance(item, Mapping) or "role" not in item:
            raise UsageError(f"{place} must be a mapping with 'metric' and 'role' (success, guardrail or secondary).")
        named = name_text(item["role"], f"{place}: 'role'")
        if named not in ROLES:
            raise UsageError(f"{place}: unknown role '{named}'.{did_you_mean(named, ROLES)} Roles: {', '.join(ROLES)}.")
        rules.append(parse_rule({k: v for k, v in item.items() if k != "role"}, ROLES[named], place))
    if not rules:
        raise UsageError(f"{what} has no rules: add 'success', 'guardrails' or 'bounds'.")
    refuse_twins(rules, what)
    return tuple(rules)


def refuse_twins(rules: Sequence[Rule], what: str) -> None:
    """Raise `UsageError` when two rules ask the same of the same metric."""
    seen: set[tuple[str, tuple[tuple[str, str], ...], Role, str, str | None]] = set()
    for rule in rules:
        kind = "below" if rule.below is not None else "above" if rule.above is not None else "compared"
        key = (rule.metric, tuple(sorted(rule.slice.items())), rule.role, kind, rule.case)
        if key in seen:
            where = f" on {' & '.join(f'{c}={v}' for c, v in rule.slice.items())}" if rule.slice else ""
            raise UsageError(f"{what} lists '{rule.metric}'{where} twice as {rule.role}: keep one of them.")
        seen.add(key)


def parse_rule(item: Any, role: Role, place: str) -> Rule:
    """Return the rule of one line or mapping of a section; `place` begins its sentence when it cannot be one."""
    fields: dict[str, Any]
    if isinstance(item, str):
        if not item.strip():
            raise UsageError(f"{place} is empty: name a metric.")
        line = _ONE_LINE.match(item.strip())
        fields = {"metric": line["metric"], line["side"]: line["bound"]} if line else {"metric": item.strip()}
    elif isinstance(item, Mapping):
        known_keys(item, ITEM_KEYS, place)
        fields = {key: value for key, value in item.items() if not absent(value)}
    else:
        raise UsageError(f"{place} must be a metric name or a mapping such as 'metric: recall', not {kind_of(item)}.")
    if "metric" not in fields:
        raise UsageError(f"{place}: 'metric' is missing; add it.")
    fields["metric"] = name_text(fields["metric"], f"{place}: 'metric'")
    place = f"{place} ({fields['metric']})"
    for key in ("below", "above", "alpha"):
        if key in fields:
            fields[key] = number(fields[key], f"{place}: '{key}'")
    if "margin" in fields:
        fields.update(_margin(fields["margin"], fields.get("margin_is_relative"), place))
    elif flag(fields.get("margin_is_relative", False), f"{place}: 'margin_is_relative'"):
        raise UsageError(f"{place}: 'margin_is_relative' says nothing without 'margin'; add it.")
    else:
        fields.pop("margin_is_relative", None)
    if "slice" in fields:
        fields["slice"] = _slice(fields["slice"], place)
    if "case" in fields:
        fields["case"] = name_text(fields["case"], f"{place}: 'case'")
    try:
        return Rule.model_validate(fields | {"role": role})
    except ValidationError as error:
        first = error.errors()[0]
        key = f"'{first['loc'][0]}': " if first["loc"] else ""
        raise UsageError(f"{place}: {key}{first['msg'].removeprefix('Value error, ')}.") from None


def _margin(given: Any, relative: Any, place: str) -> dict[str, Any]:
    share, is_share = amount(given, relative, f"{place}: 'margin'")
    if is_share and share >= 1:
        raise UsageError(
            f"{place}: a margin of {format_percent(share)} of the baseline allows any loss; give less than 100 %."
        )
    return {"margin": share, "margin_is_relative": is_share}


def _slice(given: Any, place: str) -> dict[str, str]:
    if isinstance(given, Mapping):
        where = f"{place}: 'slice'"
        return {name_text(column, where): level_text(level, where) for column, level in given.items()}
    if not isinstance(given, str):
        raise UsageError(f"{place}: 'slice' must look like 'sex=Female' or '{{sex: Female}}', not {kind_of(given)}.")
    found: dict[str, str] = {}
    for part in re.split(r"\s&\s", given):
        column, equals, level = (piece.strip() for piece in part.partition("="))
        if not equals or not column:
            raise UsageError(f"{place}: slice '{given}' cannot be read; write 'column=value', joined by ' & '.")
        if column in found:
            raise UsageError(f"{place}: slice '{given}' names '{column}' twice.")
        found[column] = level
    return found


def _formulas(given: Mapping[str, Any], what: str) -> tuple[dict[str, str], tuple[str, ...]]:
    section = given.get("metrics")
    if absent(section):
        section = {}
    if not isinstance(section, Mapping):
        example = "'profit: 120*tp - 15*fp'"
        raise UsageError(f"{what}: 'metrics' must map a name to a formula, such as {example}, not {kind_of(section)}.")
    formulas: dict[str, str] = {}
    less = f"{what}: 'lower_is_better'"
    lower = [name_text(item, less) for item in items(given.get("lower_is_better"), less)]
    for key, value in section.items():
        metric = name_text(key, f"{what}: 'metrics'")
        place = f"{what}: 'metrics' '{metric}'"
        formula = value
        if isinstance(value, Mapping):
            known_keys(value, ("formula", "lower_is_better"), place)
            if "formula" not in value:
                raise UsageError(f"{place}: 'formula' is missing; add it.")
            formula = value["formula"]
            if flag(value.get("lower_is_better", False), f"{place}: 'lower_is_better'") and metric not in lower:
                lower.append(metric)
        if not isinstance(formula, str) or not formula.strip():
            raise UsageError(f"{place} must be a formula such as '120*tp - 15*fp', not {kind_of(formula)}.")
        formulas[metric] = formula.strip()
    return formulas, tuple(lower)
