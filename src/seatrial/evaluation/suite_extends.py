"""A suite that extends another: keys go before the other's, cases are merged by name, lists are replaced."""

import os
from pathlib import Path, PurePosixPath

from seatrial.decisions.yaml_fields import kind_of
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.evaluation.suite_yaml import PlacedList, PlacedMap, read_placed

DEEPEST_CHAIN = 10
OWN = ("extends", "remove", "name", "version")
"""Keys that are a file's own: an extended suite does not hand them on."""
PLACES = ("path", "images", "arrays", "huggingface", "sklearn", "sql")
_FILES = ("path", "images", "labels", "arrays", "counterfactuals")


def read_extended(path: Path, *, chain: tuple[Path, ...] = ()) -> PlacedMap:
    """Return the tree of a suite file with what it extends merged in; raises `UsageError` in one sentence."""
    here = path.resolve()
    if here in chain:
        names = " extends ".join(one.name for one in (*chain[chain.index(here) :], here))
        raise UsageError(f"Suites extend each other in a circle: {names}; break it.")
    if len(chain) >= DEEPEST_CHAIN:
        raise UsageError(f"{path.name}: more than {DEEPEST_CHAIN} suites extend each other; make the chain shorter.")
    tree = _read(path)
    if tree.get("extends") is None:
        if tree.get("remove") is not None:
            raise UsageError(f"{_at(tree, 'remove')}: 'remove' is for a suite that extends another; leave it out.")
        tree.pop("extends", None)
        tree.pop("remove", None)
        return tree
    base_name = tree["extends"]
    if not isinstance(base_name, str):
        raise UsageError(f"{_at(tree, 'extends')}: 'extends' must be one file, not {kind_of(base_name)}.")
    base_path = path.parent / Path(base_name).expanduser()
    if not base_path.is_file():
        raise UsageError(f"{_at(tree, 'extends')}: there is no suite file '{base_name}' to extend.")
    base = read_extended(base_path, chain=(*chain, here))
    moved = _moved(base, os.path.relpath(base_path.resolve().parent, here.parent))
    return _extended(moved, tree)


def _read(path: Path) -> PlacedMap:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = did_you_mean(path.name, [one.name for one in _suites_in(path.parent)])
        raise UsageError(f"There is no suite file '{path}'.{near} `seatrial init` writes one.") from None
    except UnicodeDecodeError:
        raise UsageError(f"Suite '{path.name}' is not a text file: a suite is YAML in UTF-8.") from None
    except IsADirectoryError:
        raise UsageError(f"'{path}' is a folder; name the suite file in it.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"Suite file '{path!s:.200}' cannot be read: {error}.") from None
    tree = read_placed(text, name=path.name)
    if tree is None:
        raise UsageError(f"{path.name} is empty: a suite names its cases; `seatrial init` writes one.")
    if not isinstance(tree, PlacedMap):
        raise UsageError(f"{path.name} must be a mapping with the key 'cases', not {kind_of(tree)}.")
    return tree


def _suites_in(folder: Path) -> list[Path]:
    try:
        return [one for one in folder.iterdir() if one.suffix in (".yaml", ".yml")]
    except OSError:
        return []


def _extended(base: PlacedMap, own: PlacedMap) -> PlacedMap:
    for key in OWN:
        base.pop(key, None)
    removed = own.pop("remove", None)
    names = [] if removed is None else [removed] if isinstance(removed, str) else list(removed)
    have = _cases(base)
    for at, name in enumerate(names):
        if name not in have:
            hint = did_you_mean(str(name), have)
            raise UsageError(
                f"{_at(own, 'remove')}: remove.{at}: the extended suite has no case '{name!s:.60}'.{hint} "
                f"Its cases: {listed(have)}."
            )
    own.pop("extends", None)
    kept = PlacedList()
    for place, case in _placed_cases(base):
        if case.get("name") not in names:
            kept.append(case)
            kept.places.append(place)
    positions = {case.get("name"): at for at, case in enumerate(kept) if isinstance(case, PlacedMap)}
    if isinstance(own.get("cases"), PlacedList):
        for place, case in zip(own["cases"].places, own["cases"], strict=True):
            known = positions.get(case.get("name")) if isinstance(case, PlacedMap) else None
            if known is None:
                kept.append(case)
                kept.places.append(place)
            else:
                kept[known] = _merged(kept[known], case)
                kept.places[known] = place
        own["cases"] = kept
    elif own.get("cases") is None and kept:
        own["cases"] = kept
        own.places.setdefault("cases", base.places.get("cases", ("", 0)))
    return _merged(base, own)


def _merged(base: PlacedMap, own: PlacedMap) -> PlacedMap:
    """The keys of both; a mapping is merged with a mapping, anything else replaces; null takes the default again."""
    merged = PlacedMap()
    for source in (base, own):
        for key, value in source.items():
            before = merged.get(key)
            whole = key in ("dataset", "train") and not _adds(value)
            if isinstance(before, PlacedMap) and isinstance(value, PlacedMap) and not whole:
                value = _merged(before, value)
            elif key in ("dataset", "train") and isinstance(before, str) and _adds(value):
                value["path"] = before
            merged[key] = value
            merged.places[key] = source.places.get(key, ("", 0))
    return merged


def _adds(source: object) -> bool:
    """Whether a data set's mapping names no place of its own, so that it adds to the other's."""
    return isinstance(source, PlacedMap) and not any(place in source for place in PLACES)


def _cases(tree: PlacedMap) -> list[str]:
    return [str(case.get("name")) for _, case in _placed_cases(tree)]


def _placed_cases(tree: PlacedMap) -> list[tuple[tuple[str, int], PlacedMap]]:
    cases = tree.get("cases")
    if not isinstance(cases, PlacedList):
        return []
    return [(place, case) for place, case in zip(cases.places, cases, strict=True) if isinstance(case, PlacedMap)]


def _moved(tree: PlacedMap, way: str) -> PlacedMap:
    """Paths of an extended suite in another folder, as seen from the folder of the one that extends it."""
    if way == ".":
        return tree
    if isinstance(tree.get("policy"), str):
        tree["policy"] = _from_here(tree["policy"], way)
    for _, case in _placed_cases(tree):
        for key in ("dataset", "train"):
            place = case.get(key)
            if isinstance(place, str):
                case[key] = _from_here(place, way)
            elif isinstance(place, PlacedMap):
                _move_files(place, way)
        _move_files(case, way)
        for key in ("metrics", "slices"):
            if isinstance(case.get(key), PlacedList):
                case[key][:] = [_dotted_from_here(one, way) if isinstance(one, str) else one for one in case[key]]
    return tree


def _move_files(mapping: PlacedMap, way: str) -> None:
    for key in _FILES:
        if isinstance(mapping.get(key), str):
            mapping[key] = _from_here(mapping[key], way)


def _from_here(path: str, way: str) -> str:
    if Path(path).is_absolute() or path.startswith("~"):
        return path
    return str(PurePosixPath(os.path.normpath(os.path.join(way, path)).replace(os.sep, "/")))


def _dotted_from_here(text: str, way: str) -> str:
    """`NAME = file.py:object` with the file as seen from here; anything else as it is."""
    name, equals, rest = text.rpartition("=")
    file, colon, attribute = (rest if equals else text).strip().rpartition(":")
    if not colon or not file.endswith(".py") or not attribute.isidentifier():
        return text
    return f"{name.strip()} = {_from_here(file, way)}:{attribute}" if equals else f"{_from_here(file, way)}:{attribute}"


def _at(tree: PlacedMap, key: str) -> str:
    file, line = tree.places[key]
    return f"{file}, line {line}"
