"""YAML of a suite as a tree that knows its lines: scalars stay text (`yes`, `007`), but under `parameters` and
`options` they are what YAML 1.2 says; bounded in size, depth and what aliases may multiply."""

import re
from typing import Any

import yaml

from seatrial.decisions.yaml_fields import yaml_sentence
from seatrial.errors import UsageError

MOST_BYTES = 1_000_000
MOST_NODES = 100_000
DEEPEST = 20
TYPED = ("parameters", "options")
"""Keys under which values go to libraries and servers as they are: there `0.2` is a number and `true` is true."""

_INTEGER = re.compile(r"[-+]?(0|[1-9]\d*)")
_REAL = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][-+]?\d+)([eE][-+]?\d+)?")
_NULL = ("", "null", "~")


class PlacedMap(dict[str, Any]):
    """A mapping that knows the file and line of each key."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str, tuple[str, int]] = {}


class PlacedList(list[Any]):
    """A list that knows the file and line of each entry."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[tuple[str, int]] = []


def read_placed(text: str, *, name: str) -> Any:
    """Return the document of a text; raises `UsageError` with the line where it is no YAML, too large or too deep."""
    if len(text) > MOST_BYTES:
        raise UsageError(f"{name} is larger than {MOST_BYTES // 1_000_000} MB: is it the right file?")
    try:
        loader = yaml.BaseLoader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise UsageError(f"{name} is not valid YAML: {_sentence(error, text)}.") from None
    except RecursionError:
        raise UsageError(f"{name} is nested too deeply: a suite has {DEEPEST} levels at most.") from None
    return None if node is None else _Tree(name).value(node, typed=False, depth=0)


def place_of(tree: Any, path: tuple[int | str, ...]) -> tuple[str, int] | None:
    """Return (file, line) of the deepest part of a path that the tree has."""
    found: tuple[str, int] | None = None
    for part in path:
        if isinstance(tree, PlacedMap) and part in tree:
            found = tree.places.get(str(part), found)
            tree = tree[str(part)]
        elif isinstance(tree, PlacedList) and isinstance(part, int) and part < len(tree):
            found = tree.places[part] if part < len(tree.places) else found
            tree = tree[part]
        else:
            break
    return found


class _Tree:
    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes = 0

    def value(self, node: yaml.Node, *, typed: bool, depth: int) -> Any:
        self._nodes += 1
        line = node.start_mark.line + 1
        if self._nodes > MOST_NODES:
            raise UsageError(f"{self._name}, line {line}: aliases (*name) multiply to more than {MOST_NODES:,} values.")
        if depth > DEEPEST:
            raise UsageError(f"{self._name}, line {line}: nested too deeply: a suite has {DEEPEST} levels at most.")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, typed=typed)
        if isinstance(node, yaml.SequenceNode):
            listed = PlacedList()
            for entry in node.value:
                listed.append(self.value(entry, typed=typed, depth=depth + 1))
                listed.places.append((self._name, entry.start_mark.line + 1))
            return listed
        mapped = PlacedMap()
        for key, value in node.value:
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise UsageError(f"{self._name}, line {at}: a key must be a word, not a list or a mapping.")
            word = str(key.value)
            if word in mapped:
                first = mapped.places[word][1]
                raise UsageError(
                    f"{self._name}, line {at}: key '{word}' is given twice (first in line {first}); keep one of them."
                )
            if word == "<<":
                raise UsageError(f"{self._name}, line {at}: merge keys ('<<') are not read; use 'extends: FILE'.")
            mapped[word] = self.value(value, typed=typed or word in TYPED, depth=depth + 1)
            mapped.places[word] = (self._name, at)
        return mapped


def _scalar(node: yaml.ScalarNode, *, typed: bool) -> Any:
    text = str(node.value)
    if node.style is not None:
        return text
    if text in _NULL:
        return None
    if not typed:
        return text
    if text in ("true", "True", "false", "False"):
        return text in ("true", "True")
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 19 else text
    if _REAL.fullmatch(text):
        return float(text)
    return text


def _sentence(error: yaml.YAMLError, text: str) -> str:
    """Say what is wrong and in which line; a tab is named as such."""
    said = yaml_sentence(error)
    mark = getattr(error, "problem_mark", None)
    lines = text.splitlines()
    if mark is not None and mark.line < len(lines) and re.match(r"\s*\t", lines[mark.line]):
        return f"line {mark.line + 1} is indented with a tab; YAML indents with spaces only"
    return said
