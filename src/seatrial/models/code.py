"""Code a user names: an object of `package.module:name` or `file.py:name`, and the digest of where it was written."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from seatrial.errors import UsageError, did_you_mean
from seatrial.models.base import ModelError
from seatrial.models.opening import resolved


def load_object(place: str, *, folder: Path) -> Any:
    """Return the object of `file.py:name` (relative to `folder`) or `package.module:name`; `name` may have dots.

    Modules beside the file, and packages in `folder`, can be imported. Raises `UsageError` when the text names no
    object, `ModelError` when the code is missing, does not run or has no such name.
    """
    module_name, colon, attribute = place.rpartition(":")
    if not colon or not module_name or not attribute:
        raise UsageError(f"'{place}' names no object; write file.py:name or package.module:name.")
    found: Any = _module(module_name, place, folder)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ModelError(f"'{place}': there is no '{part}' in it.{did_you_mean(part, dir(found))}")
        found = getattr(found, part)
    return found


def source_file(place: str, *, folder: Path) -> Path | None:
    """Return the file in which `file.py:name` or `package.module:name` is written, None where there is none."""
    module_name = place.rpartition(":")[0]
    if module_name.endswith(".py"):
        path = resolved(module_name, folder)
        return path if path.is_file() else None
    module = sys.modules.get(module_name)
    file = getattr(module, "__file__", None)
    return Path(file) if file and Path(file).is_file() else None


def _module(module_name: str, place: str, folder: Path) -> ModuleType:
    is_file = module_name.endswith(".py")
    path = resolved(module_name, folder)
    if is_file and not path.is_file():
        near = did_you_mean(path.name, (one.name for one in path.parent.glob("*.py")))
        raise ModelError(f"'{place}': there is no file '{module_name}'.{near}")
    try:
        with _importable(path.resolve().parent if is_file else folder.resolve()):
            return _run(path.resolve()) if is_file else importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not is_file and error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise ModelError(
                f"'{place}': there is no module '{error.name}' here; name a file as file.py:name."
            ) from None
        raise ModelError(f"'{place}' needs the package '{error.name}', which is not installed.") from None
    except Exception as error:
        raise ModelError(f"'{place}' cannot be loaded: {type(error).__name__}: {error}.") from error


def _run(path: Path) -> ModuleType:
    """Run a file as a module of its own name, once for each content."""
    digest = hashlib.sha256(str(path).encode() + b"\0" + path.read_bytes()).hexdigest()[:16]
    name = f"seatrial_file_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"'{path.name}' is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look a class's module up by its name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let imports find what lies in a folder, while the code is loaded."""
    place = str(folder)
    sys.path.insert(0, place)
    try:
        yield
    finally:
        if place in sys.path:
            sys.path.remove(place)
