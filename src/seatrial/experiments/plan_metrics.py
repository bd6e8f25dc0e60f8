"""The metrics of a plan, as a person writes them: a formula, or a mapping around one."""

from collections.abc import Mapping
from typing import Any, get_args

from seatrial.decisions.yaml_fields import absent, amount, flag, items, kind_of, known_keys, name_text, number
from seatrial.errors import UsageError, did_you_mean
from seatrial.experiments.formulas import event_condition, metric_formula
from seatrial.experiments.windows import window_days
from seatrial.records.plan import Aggregate, ExperimentMetric

METRIC_KEYS = (
    "formula", "summary", "unit", "lower_is_better", "where", "aggregate", "window", "missing", "winsorize",
    "covariates", "cupac", "margin", "margin_is_relative",
)  # fmt: skip
MISSING = ("exclude", "zero")


def parse_metrics(given: Any, what: str) -> tuple[ExperimentMetric, ...]:
    """Return the metrics of a mapping name -> formula or name -> mapping; raises `UsageError` in one sentence.

    >>> parse_metrics({"revenue": {"formula": "mean(spent)", "missing": "zero", "unit": "USD"}}, "Plan")[0].scale
    'USD'
    """
    place = f"{what}: 'metrics'"
    if not isinstance(given, Mapping) or not given:
        raise UsageError(
            f"{place} must map a name to a formula, such as 'revenue_per_user: mean(revenue)', not {kind_of(given)}."
        )
    return tuple(parse_metric(name_text(str(key), place), value, what) for key, value in given.items())


def parse_metric(name: str, given: Any, what: str) -> ExperimentMetric:
    """Return one metric from its formula, or from a mapping with a formula."""
    place = f"{what}: metric '{name}'"
    if isinstance(given, ExperimentMetric):
        given = metric_fields(given)
    fields = given if isinstance(given, Mapping) else {"formula": given}
    known_keys(fields, METRIC_KEYS, place)
    formula = fields.get("formula")
    if not isinstance(formula, str) or not formula.strip():
        raise UsageError(
            f"{place} needs a formula such as 'mean(revenue)' or 'clicks / views', not {kind_of(formula)}."
        )
    metric_formula(formula, what=place)
    made: dict[str, Any] = {"name": name, "formula": formula.strip()}
    for key, field in (("summary", "summary"), ("unit", "scale"), ("window", "window"), ("where", "where")):
        if not absent(fields.get(key)):
            made[field] = name_text(fields[key], f"{place}: '{key}'")
    if "window" in made:
        try:
            window_days(made["window"])
        except UsageError as error:
            raise UsageError(f"{place}: 'window': {error}") from None
    if "where" in made:
        event_condition(made["where"], what=f"{place}: 'where'")
    for key, options in (("aggregate", get_args(Aggregate)), ("missing", MISSING)):
        if not absent(fields.get(key)):
            made[key] = name_text(fields[key], f"{place}: '{key}'").lower()
            if made[key] not in options:
                hint = did_you_mean(made[key], options)
                raise UsageError(f"{place}: '{key}' is one of {', '.join(options)}, not '{made[key]}'.{hint}")
    if not absent(fields.get("lower_is_better")):
        made["higher_is_better"] = not flag(fields["lower_is_better"], f"{place}: 'lower_is_better'")
    if not absent(fields.get("winsorize")):
        made["winsorize"] = number(fields["winsorize"], f"{place}: 'winsorize'")
    covariates = tuple(name_text(one, f"{place}: 'covariates'") for one in items(fields.get("covariates"), place))
    for one in covariates:
        metric_formula(one, what=f"{place}: covariate '{one}'")
    made["covariates"] = covariates
    if not absent(fields.get("cupac")):
        made["cupac"] = flag(fields["cupac"], f"{place}: 'cupac'")
        if made["cupac"] and not covariates:
            raise UsageError(f"{place}: 'cupac' predicts the metric from its covariates; name them in 'covariates'.")
    if not absent(fields.get("margin")):
        margin, share = amount(fields["margin"], fields.get("margin_is_relative"), f"{place}: 'margin'")
        if margin < 0 or (share and margin >= 1):
            raise UsageError(f"{place}: 'margin' is the largest acceptable loss, at least 0 and below 100 %.")
        made |= {"margin": margin, "margin_is_relative": share}
    return ExperimentMetric.parse(made, what=place)


def metric_fields(metric: ExperimentMetric) -> dict[str, Any]:
    """Return the mapping from which `parse_metric` makes the same metric."""
    known = metric.model_dump(
        mode="json", exclude={"name", "scale", "higher_is_better", "margin", "margin_is_relative"}
    )
    out: dict[str, Any] = {"formula": known.pop("formula")}
    if metric.scale is not None:
        out["unit"] = metric.scale
    out["lower_is_better"] = not metric.higher_is_better
    out |= known
    if metric.margin is not None:
        out |= amount_fields("margin", metric.margin, metric.margin_is_relative)
    return without_none(out)


def amount_fields(key: str, value: float, relative: bool) -> dict[str, Any]:
    """Return `2%` where that is exactly the number, else the number and whether it is a share.

    >>> amount_fields("margin", 0.02, True), amount_fields("margin", 0.5, False)
    ({'margin': '2%'}, {'margin': 0.5, 'margin_is_relative': False})
    """
    percent = f"{value * 100:.12g}"
    if relative and float(percent) / 100 == value:
        return {key: f"{percent}%"}
    return {key: value, f"{key}_is_relative": relative}


def without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping without what is None, at every depth."""
    return {
        key: without_none(value)
        if isinstance(value, Mapping)
        else [without_none(one) if isinstance(one, Mapping) else one for one in value]
        if isinstance(value, list)
        else value
        for key, value in given.items()
        if value is not None
    }
