"""Names to metrics: the catalogue for one task, formulas, per-class forms, operational columns, dotted functions."""

import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.expressions import Column, Name, Node, parse
from seatrial.metrics import classification, discrimination, operational
from seatrial.metrics.base import (
    ANSWERS,
    EVERY_TASK,
    Averaged,
    Detected,
    Formula,
    Metric,
    OverLabels,
    Resampled,
    of_label,
)
from seatrial.metrics.regression import pinball

FAMILIES = (
    "classification",
    "discrimination",
    "calibration",
    "regression",
    "labelling",
    "extraction",
    "detection",
    "generation",
)
"""One module of this room a family; each has `METRICS` and `ALIASES`. Add a metric to one of them, or a module here."""

RARE = 0.10
"""Share of the rarest class under which accuracy never leads."""

_CLASS_FORM = re.compile(r"^(?P<name>[a-z_0-9.]+)\[(?P<label>.+)\]$", re.DOTALL)
_F_BETA = re.compile(r"^f(?P<beta>\d+(\.\d+)?)(_(?P<average>macro|micro|weighted))?$")


def _tree_or_self(metric: Metric) -> object:
    return metric.tree if isinstance(metric, Formula) else metric


def _family(name: str) -> ModuleType:
    return importlib.import_module(f"seatrial.metrics.{name}")


def every_metric() -> list[Metric]:
    """Every catalogue metric of every task, in the order they are shown."""
    return [metric for family in FAMILIES for metric in _family(family).METRICS]


def aliases() -> dict[str, str]:
    """Other names metrics are known by, to their catalogue name."""
    return {alias: name for family in FAMILIES for alias, name in _family(family).ALIASES.items()}


def task_aliases(task: str) -> dict[str, str]:
    """Short names that mean another metric in each task: `f1` of entities is `entity_f1`."""
    found: dict[str, str] = {}
    for family in FAMILIES:
        found |= getattr(_family(family), "TASK_ALIASES", {}).get(task, {})
    return found


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What can be measured on one table: its task, classes, operational columns."""

    task: str
    labels: tuple[str, ...] = ()
    scored: bool = False
    columns: tuple[str, ...] = ()
    """Every numeric column a formula may name."""
    operational: tuple[str, ...] = ()
    formulas: dict[str, Formula] = field(default_factory=dict)
    """Metrics the user or a policy defined by formula."""
    true_labels: tuple[str, ...] = ()
    """Of structured answers, the labels that the targets name."""

    def names(self) -> list[str]:
        """Every name that `get` takes without brackets or suffix."""
        own = [m.name for m in self._of_task()] + list(self.formulas)
        dotted = [f"{c}.{s}" for c in self.operational for s in ("mean", *operational.PROBABILITIES)]
        return own + dotted + [m.name for m in operational.derived(self.operational)]

    def by_name(self) -> dict[str, Metric]:
        """The catalogue metrics of this task, for formulas that name them."""
        return {metric.name: metric for metric in (*self._of_task(), *self.formulas.values())}

    def in_formulas(self, names: Collection[str]) -> dict[str, object]:
        """What a formula may name: metrics of this task, their aliases, and of `names` those made from a name: `f2`.

        Formulas are given as trees. Where there are more than two classes, per-class metrics are here too, to be named
        with a class: `recall['cat']`.
        """
        found: dict[str, object] = {name: _tree_or_self(metric) for name, metric in self.by_name().items()}
        if self.task in ("multiclass", "multilabel"):
            for metric in every_metric():
                if "binary" in metric.tasks and classification.has_classes(metric.name, discrimination.BY_CLASS):
                    found.setdefault(metric.name, _tree_or_self(metric))
        for alias, name in aliases().items():
            if name in found:
                found.setdefault(alias, found[name])
        for name in names:
            made = self._derived_form(name) if name not in found and _F_BETA.match(name) else None
            if isinstance(made, Formula):
                found[name] = made.tree
        return found

    def get(self, name: str) -> Metric:
        """Return the metric of a name; raises `UsageError` with the nearest name when there is none."""
        if name in self.formulas:
            return self.formulas[name]
        known = {metric.name: metric for metric in self._of_task()}
        wanted = name if name in known else self._alias(name)
        found = known.get(wanted) or self._derived_form(wanted)
        if found is None:
            raise UsageError(self._unknown(name))
        if found.needs_scores and not self.scored:
            raise UsageError(f"Metric '{name}' needs scores, and no score column is known; name it with --score.")
        return found.named(name)

    def _of_task(self) -> list[Metric]:
        found = [metric for metric in every_metric() if self.task in metric.tasks]
        return [
            metric.over(self.true_labels) if isinstance(metric, OverLabels) and self.true_labels else metric
            for metric in found
        ]

    def _alias(self, name: str) -> str:
        """The catalogue's name of a metric that is also known by another, in this task or in all."""
        return task_aliases(self.task).get(name) or aliases().get(name, name)

    def _derived_form(self, name: str) -> Metric | None:
        if match := _CLASS_FORM.match(name):
            return self._class_form(match["name"], match["label"])
        if (match := _F_BETA.match(name)) and self.task not in {"regression", *ANSWERS}:
            return self._f_beta(name, float(match["beta"]), match["average"])
        for column in sorted(self.columns, key=len, reverse=True):
            if name == column:
                return operational.of_column(column, "mean")
            if name.startswith(column + "."):
                return operational.of_column(column, name[len(column) + 1 :])
        return next((metric for metric in operational.derived(self.operational) if metric.name == name), None)

    def _class_form(self, name: str, label: str) -> Metric | None:
        name = self._alias(name)
        if name == "mean_pinball_loss" and self.task == "regression":
            try:
                probability = float(label)
            except ValueError:
                probability = 0.0
            if not 0 < probability < 1:
                raise UsageError(f"'{name}[{label}]': give the quantile as a number between 0 and 1: {name}[0.9].")
            return pinball(probability, name=f"{name}[{label}]")
        if self.task == "regression":
            return None
        if label not in self.labels:
            raise UsageError(
                f"'{name}[{label}]': no class '{label}'.{did_you_mean(label, self.labels)} Classes: "
                f"{listed(self.labels)}."
            )
        if self.task in ANSWERS:
            return self._answer_form(name, label)
        if (match := _F_BETA.match(name)) and not match["average"] and name != "f1":
            return classification.fbeta_of_class(name, float(match["beta"]), label)
        return classification.per_class(name, label) or discrimination.per_class(name, label)

    def _answer_form(self, name: str, label: str) -> Metric | None:
        """A metric of structured answers on one label: `entity_f1[PER]`."""
        known = next((m for m in self._of_task() if m.name == name), None)
        common: dict[str, Any] = {"name": f"{name}[{label}]", "summary": f"{known.summary}: {label}"} if known else {}
        if isinstance(known, Detected):
            return replace(known, label=label, **common)
        by_label = {column for family in FAMILIES for column in getattr(_family(family), "BY_LABEL", ())}
        if not isinstance(known, Formula) or not common:
            return None
        counts = {part.name for part in known.tree.walk() if isinstance(part, Name)}
        return replace(known, tree=of_label(known.tree, label), **common) if counts and counts <= by_label else None

    def _f_beta(self, name: str, beta: float, average: str | None) -> Metric | None:
        formula, summary = (
            classification.fbeta_formula(beta),
            f"harmonic mean of precision and recall, recall counted {beta:g} times",
        )
        if average is None:
            return Formula(name=name, summary=summary, formula=formula) if self.task == "binary" else None
        return next(
            m
            for m in classification.averaged(f"f{beta:g}", formula, summary)
            if isinstance(m, Averaged) and m.average == average
        )

    def _unknown(self, name: str) -> str:
        elsewhere = sorted(
            {task for metric in every_metric() if metric.name == aliases().get(name, name) for task in metric.tasks}
        )
        if elsewhere:
            forms = [m for m in self.names() if m.startswith(aliases().get(name, name) + "_")]
            hint = f" Use {listed(forms)}, or '{name}[CLASS]' for one class." if forms else ""
            return f"Metric '{name}' is for {listed(elsewhere)} tasks, and this is a {self.task} one.{hint}"
        options = [*self.names(), *aliases()]
        hint = did_you_mean(name, options)
        return f"Unknown metric '{name}'.{hint} `seatrial metrics` lists them; NAME=FORMULA defines one."


def rare_below(classes: int) -> float:
    """The share under which a class is rare: 10 %, of more than five classes half an even share.

    Examples:
        >>> rare_below(2), rare_below(10)
        (0.1, 0.05)
    """
    return min(RARE, 0.5 / max(classes, 1))


def main_metric(catalogue: Catalogue, *, rarest_share: float | None) -> str:
    """The metric a summary leads with; never accuracy when the rarest class is under 10 % (of more than five classes,
    under half an even share)."""
    if catalogue.task == "regression":
        return "root_mean_squared_error"
    if catalogue.task == "multilabel":
        return "f1_micro"
    if catalogue.task in ANSWERS:
        return _usual_answers(catalogue)[0]
    if rarest_share is None or rarest_share >= rare_below(len(catalogue.labels)):
        return "accuracy"
    if catalogue.task == "multiclass":
        return "f1_macro"
    return "average_precision" if catalogue.scored else "f1"


def default_metrics(catalogue: Catalogue, *, rarest_share: float | None) -> list[str]:
    """What is measured when nobody says what: the main metric first, then the task's usual ones, then what they
    cost."""
    lead = main_metric(catalogue, rarest_share=rarest_share)
    usual = {
        "binary": [
            "roc_auc",
            "average_precision",
            "f1",
            "precision",
            "recall",
            "specificity",
            "accuracy",
            "balanced_accuracy",
            "matthews_corrcoef",
            "selection_rate",
            "log_loss",
            "brier_score",
            "expected_calibration_error",
        ],
        "multiclass": [
            "accuracy",
            "balanced_accuracy",
            "f1_macro",
            "f1_weighted",
            "precision_macro",
            "recall_macro",
            "matthews_corrcoef",
            "cohen_kappa",
            "roc_auc_ovr",
            "log_loss",
            "brier_score",
        ],
        "multilabel": ["f1_micro", "f1_macro", "precision_micro", "recall_micro", "subset_accuracy", "hamming_loss"],
        "regression": ["root_mean_squared_error", "mean_absolute_error", "r2", "mean_error"],
    }.get(catalogue.task) or _usual_answers(catalogue)
    known = catalogue.by_name()
    names = [lead, *(name for name in usual if name != lead)]
    if catalogue.task == "multiclass" and len(catalogue.labels) <= 20:
        names += [f"recall[{label}]" for label in catalogue.labels]
    if catalogue.task == "multilabel" and len(catalogue.labels) <= 20:
        names += [f"f1[{label}]" for label in catalogue.labels]
    for column in catalogue.operational:
        names += [f"{column}.mean", f"{column}.p50", f"{column}.p95"]
    names += [metric.name for metric in operational.derived(catalogue.operational)]
    return [name for name in names if name not in known or catalogue.scored or not known[name].needs_scores]


def _usual_answers(catalogue: Catalogue) -> list[str]:
    """The usual metrics of structured answers, as their family names them: those whose counts are there."""
    family = next(module for module in map(_family, FAMILIES) if catalogue.task in getattr(module, "USUAL", {}))
    known = catalogue.by_name()
    names: list[str] = []
    for name in family.USUAL[catalogue.task]:
        metric = known[name]
        tree = metric.tree if isinstance(metric, Formula) else None
        parts = {part.name for part in tree.walk() if isinstance(part, (Name, Column))} if tree is not None else set()
        if not isinstance(metric, OverLabels) and parts <= {*catalogue.columns, *known}:
            names.append(name)
    if len(catalogue.true_labels) <= 20:
        names += [f"{name}[{label}]" for name in family.USUAL_BY_LABEL for label in catalogue.true_labels]
    return names


def formula_metric(name: str, text: str, *, lower_is_better: bool = False) -> Formula:
    """A metric from a user's formula: `profit`, `120*tp - 15*fp`. Raises `UsageError` where the formula cannot be
    read."""
    return Formula(
        name=name,
        summary="as defined by you",
        formula=text,
        tree=parse(text),
        tasks=EVERY_TASK,
        higher_is_better=not lower_is_better,
        margin=0.02,
        margin_is_relative=True,
        lowest=None,
        highest=None,
    )


def tree_metric(name: str, tree: Node, text: str, *, lower_is_better: bool = False) -> Formula:
    """A metric from a tree built with Python operators."""
    return Formula(
        name=name,
        summary="as defined by you",
        formula=text,
        tree=tree,
        tasks=EVERY_TASK,
        higher_is_better=not lower_is_better,
        margin=0.02,
        margin_is_relative=True,
        lowest=None,
        highest=None,
    )


def function_metric(
    name: str, function: Callable[..., float], *, lower_is_better: bool = False, tasks: Collection[str] = EVERY_TASK
) -> Resampled:
    """A metric from any function `f(y_true, y_pred, sample_weight=...)`; one whose second argument is a score gets
    scores."""
    try:
        parameters = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        parameters = ["y_true", "y_pred"]
    if len(parameters) < 2:
        raise UsageError(
            f"Metric '{name}': a function takes (y_true, y_pred), and this one takes ({', '.join(parameters)})."
        )
    scored = any(word in parameters[1] for word in ("score", "prob"))
    return Resampled(
        name=name,
        summary=(inspect.getdoc(function) or "a function of yours").splitlines()[0],
        tasks=frozenset(tasks),
        formula=f"{getattr(function, '__module__', '')}.{getattr(function, '__name__', name)}",
        function=function,
        input="score" if scored else "prediction",
        weighted="sample_weight" in parameters,
        needs_scores=scored,
        higher_is_better=not lower_is_better,
        margin=0.02,
        margin_is_relative=True,
        lowest=None,
        highest=None,
    )


def load_dotted(path: str) -> Any:
    """Return the object of `package.module:name` or `file.py:name`; raises `UsageError` when it is not there."""
    place, _, attribute = path.partition(":")
    try:
        if place.endswith(".py"):
            spec = importlib.util.spec_from_file_location(Path(place).stem, place)
            if spec is None or spec.loader is None or not Path(place).is_file():
                raise UsageError(f"'{path}': there is no file '{place}'.")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(place)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"'{path}' cannot be loaded: {type(error).__name__}: {error}.") from None
    if not hasattr(module, attribute):
        raise UsageError(f"'{path}': '{place}' has no '{attribute}'.{did_you_mean(attribute, dir(module))}")
    return getattr(module, attribute)


def from_python(given: object, *, name: str | None = None) -> Metric:
    """A metric from what a user hands in: a `Metric`, a tree built with operators, or a function."""
    if isinstance(given, Metric):
        return given.named(name) if name else given
    if isinstance(given, Node):
        return tree_metric(name or "formula", given, str(given))
    if callable(given):
        return function_metric(name or str(getattr(given, "__name__", "function")), given)
    raise UsageError(f"A metric is a name, a formula, a Metric or a function; {type(given).__name__} was given.")
