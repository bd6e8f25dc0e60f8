"""What every YAML file of a user's is read with: known keys, names, numbers, flags, lists, each with its sentence."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import yaml

from seatrial.errors import UsageError, did_you_mean


def items(section: Any, place: str) -> Sequence[Any]:
    """Return a section as a list: nothing is empty, one line is a list of one; raises `UsageError` for a mapping."""
    if absent(section):
        return ()
    if isinstance(section, str):
        return (section,)
    if isinstance(section, Sequence) and not isinstance(section, bytes):
        return section
    raise UsageError(f"{place} must be a list of lines starting with '- ', not {kind_of(section)}.")


def known_keys(given: Mapping[Any, Any], known: Collection[str], place: str) -> None:
    """Raise `UsageError` for a key that is not known, with what was probably meant."""
    for key in given:
        if key not in known:
            hint = did_you_mean(str(key), known)
            raise UsageError(f"{place}: unknown key '{key}'.{hint} Known keys: {', '.join(known)}.")


def number(given: Any, place: str) -> float:
    """Return a number, also from its text; raises `UsageError`."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise UsageError(f"{place} must be a number, not {kind_of(given)}.")
    try:
        return float(given)
    except ValueError:
        hint = " ('%' is for margins)" if str(given).strip().endswith("%") else ""
        raise UsageError(f"{place} must be a number, not '{given!s:.40}'{hint}.") from None
    except OverflowError:
        raise UsageError(f"{place} is too large a number.") from None


def amount(given: Any, relative: Any, place: str) -> tuple[float, bool]:
    """Return (number, is it a share): `2%` is a share of something, a bare number is one where `relative` says so.

    `place` ends with the key in quotes.

    >>> amount("2%", None, "'margin'"), amount(0.5, None, "'margin'")
    ((0.02, True), (0.5, False))
    """
    is_share = False if relative is None else flag(relative, f"{place[:-1]}_is_relative'")
    if isinstance(given, str) and given.strip().endswith("%"):
        return number(given.strip()[:-1], place) / 100, True
    return number(given, place), is_share


def share(given: Any, place: str) -> float:
    """Return a number that may be written as a percentage.

    >>> share("80%", "'power'"), share(0.8, "'power'")
    (0.8, 0.8)
    """
    return amount(given, None, place)[0]


def flag(given: Any, place: str) -> bool:
    """Return true or false, also from `yes`, `no`, `on`, `off`; raises `UsageError`."""
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.strip().lower() in ("true", "yes", "on", "false", "no", "off"):
        return given.strip().lower() in ("true", "yes", "on")
    raise UsageError(f"{place} must be true or false, not {kind_of(given)}.")


def name_text(given: Any, place: str) -> str:
    """Return a text that is not blank, without spaces around it; raises `UsageError`."""
    if not isinstance(given, str) or not given.strip():
        raise UsageError(f"{place} must be a name, not {kind_of(given)}.")
    return given.strip()


def level_text(given: Any, place: str) -> str:
    """Return one value of a column as text; raises `UsageError`."""
    if isinstance(given, str | bool | int | float):
        return str(given)
    raise UsageError(f"{place} must give one value per column, not {kind_of(given)}.")


def given_or(mapping: Mapping[str, Any], key: str, default: Any) -> Any:
    """Return what stands under a key, or the default where there is nothing."""
    value = mapping.get(key)
    return default if absent(value) else value


def absent(given: Any) -> bool:
    """Whether nothing was given: None, or a blank text."""
    return given is None or (isinstance(given, str) and not given.strip())


def kind_of(given: Any) -> str:
    """Say what was given, for a sentence: `a mapping`, `a list`, `nothing`, or the text itself."""
    kinds: tuple[tuple[type | tuple[type, ...], Literal["a mapping", "a list"]], ...] = (
        (Mapping, "a mapping"),
        ((list, tuple, set), "a list"),
    )
    for types, said in kinds:
        if isinstance(given, types):
            return said
    return "nothing" if absent(given) else f"'{given!s:.40}'"


def yaml_sentence(error: yaml.YAMLError) -> str:
    """Say in one sentence why a text is no YAML, and in which line."""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return f"{where}{problem}"
