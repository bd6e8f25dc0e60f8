"""From the YAML a person writes to a `Suite`: strict, every refusal with its line, its place and what was meant."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from seatrial.decisions.yaml_fields import kind_of
from seatrial.errors import UsageError, did_you_mean
from seatrial.evaluation.suite_checks import check_suite
from seatrial.evaluation.suite_extends import read_extended
from seatrial.evaluation.suite_yaml import PlacedMap, place_of, read_placed
from seatrial.records.base import fields_at
from seatrial.records.suite import Suite

_LISTS = {"metrics", "lower_is_better", "slices", "probes", "protected", "choices", "inputs", "columns", "severity"}
_SHARES = {"failures", "threshold"}


def read_suite(path: str | Path) -> Suite:
    """Read a suite file; without a `name:` it is named after the file. Raises `UsageError` in one sentence.

    Metrics, formulas, slices, regular expressions and prompts are checked as far as that needs no data. The policy is
    not read here. Relative paths in the suite are from the file's folder.
    """
    file = Path(path).expanduser()
    return _validated(read_extended(file), name=file.name, stem=_stem(file))


def parse_suite(text: str, *, name: str = "suite.yaml") -> Suite:
    """Return the `Suite` of a YAML text; it can extend no other, having no folder.

    >>> suite = parse_suite("cases: [{name: adult, dataset: adult.csv, metrics: [accuracy], slices: [sex]}]")
    >>> suite.name, suite.cases[0].dataset.path, suite.cases[0].slices
    ('suite', 'adult.csv', ('sex',))
    """
    tree = read_placed(text, name=name)
    if not isinstance(tree, PlacedMap):
        given = "nothing" if tree is None else kind_of(tree)
        raise UsageError(f"{name} must be a mapping with the key 'cases', not {given}.")
    for key in ("extends", "remove"):
        if tree.get(key) is not None:
            raise UsageError(f"{name}, line {tree.places[key][1]}: '{key}' is for suite files; this is a text.")
    return _validated(tree, name=name, stem=_stem(Path(name)))


def _stem(file: Path) -> str:
    """The file's name without ending, and without a last `.suite`."""
    return file.stem.removesuffix(".suite") or file.stem


def _validated(tree: PlacedMap, *, name: str, stem: str) -> Suite:
    given = _ready(tree)
    given.setdefault("name", stem)
    if not given.get("cases"):
        raise UsageError(f"{name} has no cases: add 'cases:' with a name and a dataset each.")
    try:
        suite = Suite.model_validate(given)
    except ValidationError as error:
        every = error.errors()
        real = [one for one in every if one["type"] != "too_short"] or every  # a list lacks the entries that are wrong
        first = min(real, key=lambda one: _order(tree, one["loc"]))
        raise UsageError(_sentence(first, tree, name)) from None
    check_suite(suite, where=lambda *parts: _where(tree, parts, name))
    return suite


def _ready(tree: Any, *, key: str = "", typed: bool = False) -> Any:
    """The tree as the records take it: no empty keys, one word for a list of one, `5%` for a share."""
    if isinstance(tree, Mapping):
        inner = {
            name: _ready(value, key=name, typed=typed or name in ("parameters", "options"))
            for name, value in tree.items()
            if typed or value is not None
        }
        return inner if key != "metrics" or typed else [_named_formula(*item) for item in inner.items()]
    if typed:
        return [_ready(one, typed=True) for one in tree] if isinstance(tree, list) else tree
    if isinstance(tree, list):
        entries = [_ready(one) for one in tree]
        if key == "metrics":
            entries = [_formula(one) for one in entries]
        return _edges_joined(entries) if key in ("slices", "protected") else entries
    if key in _LISTS and isinstance(tree, str):
        from seatrial.data.slicing import parse_slices

        return list(parse_slices(tree)) if key in ("slices", "protected") else [tree]
    if key in _SHARES and isinstance(tree, str) and tree.strip().endswith("%"):
        try:
            return float(tree.strip()[:-1]) / 100
        except ValueError:
            return tree
    return tree


def _formula(entry: Any) -> Any:
    """`- profit: 120*tp - 15*fp` is `profit = 120*tp - 15*fp`."""
    if isinstance(entry, dict) and len(entry) == 1:
        return _named_formula(*next(iter(entry.items())))
    return entry


def _named_formula(name: str, formula: Any) -> Any:
    return f"{name} = {formula}" if isinstance(formula, str) else {name: formula}


def _edges_joined(entries: list[Any]) -> list[Any]:
    """`[age:0,18,65]` in a flow list comes as three entries; the numbers are edges of the first."""
    joined: list[Any] = []
    for one in entries:
        before = joined[-1] if joined else None
        edges = isinstance(before, str) and re.search(r":\s*-?[\d.]+(,-?[\d.]+)*$", before)
        if edges and isinstance(one, str) and re.fullmatch(r"-?[\d.]+", one):
            joined[-1] = f"{before},{one}"
        else:
            joined.append(one)
    return joined


def _order(tree: Any, path: tuple[int | str, ...]) -> tuple[int, int]:
    found = place_of(tree, path)
    return (found[1] if found else 0, -len(path))


def _where(tree: Any, path: tuple[int | str, ...], name: str) -> str:
    """`suite.yaml, line 12: cases.0.metrics.1` of a path."""
    found = place_of(tree, path)
    shown = f"{found[0]}, line {found[1]}" if found else name
    dotted = ".".join(str(part) for part in path)
    return f"{shown}: {dotted}" if dotted else shown


_WANTED = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a text",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
}


def _sentence(error: Any, tree: Any, name: str) -> str:
    path: tuple[int | str, ...] = error["loc"]
    where = _where(tree, path, name)
    kind, given = error["type"], error["input"]
    if kind == "extra_forbidden":
        key = str(path[-1])
        known = fields_at(Suite, path[:-1])
        every = [*known, "extends", "remove"] if len(path) == 1 else known
        hint = _elsewhere(key) or did_you_mean(key, every)
        return f"{where}: unknown key '{key}'.{hint} Known keys: {', '.join(every)}."
    if kind == "missing":
        return f"{_where(tree, path[:-1], name)}: '{path[-1]}' is missing; add it."
    if kind in _WANTED:
        return f"{where} {_WANTED[kind]}, not {kind_of(given)}."
    if kind == "literal_error":
        expected = [one.strip(" '") for one in re.split(r",| or ", error["ctx"]["expected"])]
        hint = did_you_mean(str(given), expected) if isinstance(given, str) else ""
        return f"{where} cannot be {kind_of(given)}.{hint} It is one of {', '.join(expected)}."
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    shown = "" if isinstance(given, Mapping | list) else f" (it is {kind_of(given)})"
    return f"{where}: {message[:1].lower()}{message[1:]}{shown}."


def _elsewhere(key: str) -> str:
    """Where a key belongs that stands in the wrong place."""
    from seatrial.records import suite

    homes: tuple[tuple[str, type[BaseModel]], ...] = (
        ("the suite", suite.Suite),
        ("a case", suite.Case),
        ("roles", suite.CaseRoles),
        ("a dataset", suite.DatasetSource),
        ("a probe", suite.ProbeSpec),
        ("budgets", suite.Budgets),
    )
    found = [home for home, record in homes if key in record.model_fields]
    return f" It belongs in {found[0]}." if len(found) == 1 else ""


def shared_part(first: Suite, second: Suite) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the cases both suites have with equal digests, and one sentence for each thing that differs.

    Runs of two versions of a suite may be compared on those cases alone.

    >>> old = parse_suite("cases: [{name: a, dataset: a.csv}, {name: b, dataset: b.csv}]")
    >>> new = parse_suite("cases: [{name: a, dataset: a.csv}, {name: b, dataset: b.csv, repeats: 2}]")
    >>> shared_part(old, new)
    (('a',), ("Case 'b' changed (repeats), so it is not compared.",))
    """
    before = {case.name: case for case in first.cases}
    after = {case.name: case for case in second.cases}
    shared = tuple(n for n, case in before.items() if n in after and case.digest() == after[n].digest())
    said: list[str] = []
    if first.seed != second.seed:
        said.append(f"The seed changed from {first.seed} to {second.seed}: samples and probes draw other rows.")
        shared = ()
    for name in (n for n in before if n not in after):
        said.append(f"Case '{name}' is only in version {first.version} of {first.name}.")
    for name in (n for n in after if n not in before):
        said.append(f"Case '{name}' is only in version {second.version} of {second.name}.")
    for name in (n for n in before if n in after and before[n].digest() != after[n].digest()):
        one, two = before[name].model_dump(mode="json"), after[name].model_dump(mode="json")
        keys = [key for key in one if one[key] != two[key]]
        said.append(f"Case '{name}' changed ({', '.join(keys)}), so it is not compared.")
    if first.budgets != second.budgets:
        said.append("The budgets differ, which changes where a run stops or is invalid, not what is measured.")
    return shared, tuple(said)
