"""Term lists: identities, and the words that stand for one another when one identity is exchanged for another."""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from seatrial.decisions.yaml_fields import flag, given_or, items, kind_of, known_keys, name_text, yaml_sentence
from seatrial.decisions.yaml_text import read_yaml
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.evaluation.probes.wording import word_pattern

KEYS = ("name", "version", "plurals", "groups")
GROUP_KEYS = ("identities", "plurals", "pairs")


def normal(term: str) -> str:
    """A term as it is looked up: small letters, one blank between words."""
    return " ".join(term.lower().split())


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """What one term becomes; several `choices` mean that only a reader can tell which."""

    term: str
    """As it is written in the list."""
    identity: str
    choices: tuple[str, ...]

    @property
    def ambiguous(self) -> bool:
        return len(self.choices) > 1


@dataclass(frozen=True, kw_only=True)
class Swap:
    """Two identities exchanged for each other, all their terms at once."""

    group: str
    first: str
    second: str
    table: Mapping[str, Replacement]
    """Normal term to what it becomes."""
    pattern: re.Pattern[str]

    def label(self, mentioned: frozenset[str]) -> str:
        """`gay->straight`, or `gay<->straight` where a text mentions both."""
        if self.first in mentioned and self.second in mentioned:
            return f"{self.first}<->{self.second}"
        return f"{self.second}->{self.first}" if self.second in mentioned else f"{self.first}->{self.second}"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Identities of one kind: the k-th term of one stands for the k-th term of any other."""

    name: str
    identities: Mapping[str, tuple[str, ...]]
    plurals: bool = True
    pairs: tuple[tuple[str, str], ...] = ()
    """Which identities are exchanged; empty: each with each."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """A term list, read and checked."""

    name: str
    version: str
    groups: tuple[Group, ...]

    @cached_property
    def swaps(self) -> tuple[Swap, ...]:
        return tuple(
            _swap(group, first, second)
            for group in self.groups
            for first, second in (group.pairs or itertools.combinations(group.identities, 2))
        )

    @cached_property
    def identities(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for group in self.groups for name in group.identities))

    @cached_property
    def _finder(self) -> tuple[re.Pattern[str], dict[str, frozenset[str]]]:
        owners: dict[str, set[str]] = {}
        for group in self.groups:
            for name, terms in group.identities.items():
                for term in (*terms, *(plural(one) for one in terms if group.plurals)):
                    owners.setdefault(normal(term), set()).add(name)
        return word_pattern(owners), {term: frozenset(names) for term, names in owners.items()}

    def mentioned(self, text: str) -> tuple[str, ...]:
        """Identities a text names by any of their terms, in the order of the list."""
        pattern, owners = self._finder
        found: set[str] = set()
        for match in pattern.finditer(text):
            found |= owners.get(normal(match[0]), frozenset())
        return tuple(name for name in self.identities if name in found)

    def digest(self) -> str:
        """SHA-256 of what the list says."""
        said = [self.name, self.version, [[g.name, dict(g.identities), g.plurals, g.pairs] for g in self.groups]]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def plural(term: str) -> str:
    """The regular English plural of a term's last word.

    >>> [plural(term) for term in ("gay", "lesbian woman", "church", "lady", "boss")]
    ['gays', 'lesbian womans', 'churches', 'ladies', 'bosses']
    """
    low = term.lower()
    if low.endswith(("s", "x", "z", "ch", "sh")):
        return f"{term}es"
    if low.endswith("y") and len(low) > 1 and low[-2] not in "aeiou":
        return f"{term[:-1]}ies"
    return f"{term}s"


def read_terms(path: str | Path) -> Terms:
    """Read a term list. Raises `UsageError` in one sentence."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no term list '{path}'.") from None
    except UnicodeDecodeError:
        raise UsageError(f"Term list '{file.name}' is not a text file: it is YAML in UTF-8.") from None
    except OSError as error:
        raise UsageError(f"Term list '{path}' cannot be read: {error.strerror or error}.") from None
    return parse_terms(text, name=file.stem)


def parse_terms(text_or_mapping: str | Mapping[str, Any], *, name: str = "terms") -> Terms:
    """Return the term list of a YAML text, or of the same shape as a mapping; raises `UsageError` in one sentence.

    >>> terms = parse_terms("groups: {sexuality: {gay: [gay, gay man], straight: [straight, straight man]}}")
    >>> terms.mentioned("A Gay man."), [swap.table["gay man"].choices for swap in terms.swaps]
    (('gay',), [('straight man',)])
    """
    given: Any = text_or_mapping
    place = f"Term list '{name}'"
    if isinstance(given, str):
        try:
            given = read_yaml(given)
        except yaml.YAMLError as error:
            raise UsageError(f"{place} is no YAML: {yaml_sentence(error)}.") from None
    if not isinstance(given, Mapping):
        raise UsageError(f"{place} must hold 'groups:' of identities, not {kind_of(given)}.")
    known_keys(given, KEYS, place)
    plurals = flag(given_or(given, "plurals", True), f"{place}: 'plurals'")
    groups = given.get("groups")
    if not isinstance(groups, Mapping) or not groups:
        raise UsageError(
            f"{place} needs 'groups:', as in 'groups: {{sexuality: {{gay: [gay], straight: [straight]}}}}'."
        )
    read = tuple(_group(str(key), value, plurals, f"{place}, group '{key}'") for key, value in groups.items())
    seen: dict[str, str] = {}
    for group in read:
        for identity in group.identities:
            if identity in seen:
                raise UsageError(f"{place}: identity '{identity}' is in groups '{seen[identity]}' and '{group.name}'.")
            seen[identity] = group.name
    return Terms(
        name=name_text(given_or(given, "name", name), f"{place}: 'name'"),
        version=str(given_or(given, "version", "1")),
        groups=read,
    )


def _group(name: str, given: Any, plurals: bool, place: str) -> Group:
    if not isinstance(given, Mapping) or not given:
        raise UsageError(f"{place} must name identities with their terms, not {kind_of(given)}.")
    pairs: tuple[tuple[str, str], ...] = ()
    identities: Any = given
    if "identities" in given:
        known_keys(given, GROUP_KEYS, place)
        identities = given["identities"]
        plurals = flag(given_or(given, "plurals", plurals), f"{place}: 'plurals'")
        if not isinstance(identities, Mapping):
            raise UsageError(f"{place}: 'identities' must name identities with their terms, not {kind_of(identities)}.")
    read: dict[str, tuple[str, ...]] = {}
    for identity, terms in identities.items():
        words = tuple(
            " ".join(name_text(term, f"{place}, a term of '{identity}'").split())
            for term in items(terms, f"{place}, '{identity}'")
        )
        if not words:
            raise UsageError(f"{place}: '{identity}' has no terms; write '{identity}: [{identity}]'.")
        read[name_text(identity, f"{place}, an identity")] = words
    if len(read) < 2:
        raise UsageError(f"{place} has one identity only; nothing can stand for it. Add another.")
    lengths = {identity: len(words) for identity, words in read.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{identity} {count}" for identity, count in lengths.items())
        raise UsageError(
            f"{place}: the k-th term of one identity stands for the k-th of another, so all need as many terms "
            f"({shown}); repeat a term where one word stands for two."
        )
    if "identities" in given and "pairs" in given:
        pairs = tuple(_pair(one, read, place) for one in items(given["pairs"], f"{place}: 'pairs'"))
    return Group(name=name, identities=read, plurals=plurals, pairs=pairs)


def _pair(given: Any, identities: Mapping[str, Any], place: str) -> tuple[str, str]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2 or given[0] == given[1]:
        raise UsageError(f"{place}: a pair is two identities, as in '[gay, straight]', not {kind_of(given)}.")
    for one in given:
        if one not in identities:
            raise UsageError(
                f"{place}: pairs name '{one}', which is no identity of it.{did_you_mean(str(one), identities)} "
                f"Identities: {listed(identities)}."
            )
    return str(given[0]), str(given[1])


def _swap(group: Group, first: str, second: str) -> Swap:
    table: dict[str, Replacement] = {}
    for own, other in ((first, second), (second, first)):
        found: dict[str, tuple[str, list[str]]] = {}
        for term, stands in zip(group.identities[own], group.identities[other], strict=True):
            found.setdefault(normal(term), (term, []))[1].append(stands)
        if group.plurals:
            for term, stands in zip(group.identities[own], group.identities[other], strict=True):
                many, others = plural(term), plural(stands)
                if normal(many) not in {normal(one) for one in group.identities[own]}:
                    found.setdefault(normal(many), (many, []))[1].append(others)
        for key, (term, choices) in found.items():
            kept = tuple(dict.fromkeys(one for one in choices if normal(one) != key))
            if kept and key in table:
                # a word that both identities use: which of them is meant, only a reader can tell
                kept = tuple(dict.fromkeys((*table[key].choices, *kept)))
            if kept:
                table[key] = Replacement(term=term, identity=own, choices=kept)
    return Swap(group=group.name, first=first, second=second, table=table, pattern=word_pattern(table))
