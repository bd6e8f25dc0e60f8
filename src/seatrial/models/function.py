"""Python functions as models: a function of a batch or of a row, plain or async, or an object with `predict`."""

import asyncio
import hashlib
import inspect
import json
import pickle
import platform
import secrets
import types
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

from seatrial.errors import did_you_mean, listed
from seatrial.models.answers import OUTPUTS, as_answers
from seatrial.models.artefact import digest_of, fingerprint_of, library_version, size_of
from seatrial.models.base import Answer, Batch, LocalModel, ModelError
from seatrial.models.code import load_object, source_file
from seatrial.models.opening import Opening, file_name
from seatrial.models.pandas_frame import as_frame
from seatrial.records.run import ModelInfo

OPTIONS = ("per", "output", "classes", "files")


class FunctionModel(LocalModel):
    """`function:file.py:predict` or `function:package.module:predict`.

    Parameters named like input columns get those columns; one parameter of another name gets the batch, a dict of
    lists (a pandas data frame where it is annotated so). With `per=row` the same, a row at a time: values for columns.
    An object or class with `predict`, and an async function, are taken too. `files=weights.bin,rules.txt` names what
    else belongs to the model's fingerprint. What it returns: `as_answers`.
    """

    adapter: ClassVar[str] = "function"

    def __init__(self, opening: Opening) -> None:
        opening.refuse_unknown(OPTIONS)
        self.name = opening.name
        self._place: str | None = opening.location
        self._folder = opening.folder
        self._per_row = opening.one_of("per", ("batch", "row"), "batch") == "row"
        self._output = opening.one_of("output", OUTPUTS)
        self._classes = opening.names("classes", from_file=True)
        self._options = {key: value for key, value in opening.options.items() if key != "files"}
        if self._classes is not None:
            self._options["classes"] = self._classes
        self._files = opening.files("files")
        self._given: Any = None
        self._function: Callable[..., Any] | None = None
        self._info: ModelInfo | None = None

    @classmethod
    def of(cls, given: object, *, name: str) -> Self:
        """Return the model of a function, class or object with `predict` that Python hands in."""
        made = cls(Opening(name=name, location=name))
        made._place = None
        made._given = given
        return made

    def open(self) -> None:
        if self._function is not None:
            return
        if self._place is not None:
            place = self._place if ":" in self._place else f"{self._place}:predict"
            self._given = load_object(place, folder=self._folder)
        self._function = _callable(self._given, self.name)

    def close(self) -> None:
        self._function = None

    def predict(self, batch: Batch) -> Sequence[Answer]:
        self.open()
        rows = _rows(batch)
        if not self._per_row:
            return as_answers(self._call(batch), rows, model=self.name, classes=self._classes, output=self._output)
        answers: list[Answer] = []
        for at in range(rows):
            raw = self._call({name: values[at] for name, values in batch.items()})
            answers += as_answers([raw], 1, model=self.name, classes=self._classes, output=self._output)
        return answers

    def info(self) -> ModelInfo:
        if self._info is None:
            self._info = self._described()
        return self._info

    def _described(self) -> ModelInfo:
        self.open()
        details = {"python": platform.python_version()}
        if self._place is None:
            fingerprint, known = of_object(self._given)
            if not known:
                details["fingerprint"] = "of this process only: what the function holds cannot be told from its code"
            return ModelInfo(
                name=self.name,
                adapter=self.adapter,
                location=_title(self._given),
                fingerprint=fingerprint,
                code_version=fingerprint[:12] if known else None,
                details=details,
            )
        place = self._place if ":" in self._place else f"{self._place}:predict"
        module, _, attribute = place.rpartition(":")
        source = source_file(place, folder=self._folder)
        if source is None:
            version = library_version(module.split(".")[0])
            return ModelInfo(
                name=self.name,
                adapter=self.adapter,
                location=place,
                fingerprint=hashlib.sha256(f"{version}:{place}".encode()).hexdigest(),
                code_version=version,
                details=details,
            )
        files = [source, *self._files]
        return ModelInfo(
            name=self.name,
            adapter=self.adapter,
            location=f"{file_name(module)}:{attribute}",
            fingerprint=fingerprint_of(files, self._options, what=attribute),
            code_version=digest_of(source)[:12],
            size_bytes=size_of(files),
            details=details,
        )

    def _call(self, columns: Any) -> Any:
        function = self._function
        if function is None:
            raise ModelError(f"Model '{self.name}' is not open.")
        arguments, named = _arguments(function, columns, self.name, per_row=self._per_row)
        found = function(*arguments, **named)
        return _waited(found) if inspect.iscoroutine(found) else found


class _NoColumnError(ModelError, KeyError):
    """A function asked its batch for a column that is not there."""

    def __str__(self) -> str:
        return str(self.args[0])


class _Columns(dict[str, Any]):
    """The batch as a function gets it: a dict that says which columns there are when one is missing."""

    def __missing__(self, name: object) -> Any:
        near = did_you_mean(str(name), self)
        raise _NoColumnError(f"The function asks for the column '{name}', and the inputs are {listed(self)}.{near}")


def _rows(batch: Batch) -> int:
    return len(next(iter(batch.values()))) if batch else 0


def _callable(given: Any, model: str) -> Callable[..., Any]:
    if isinstance(given, type):
        try:
            given = given()
        except TypeError as error:
            raise ModelError(
                f"Model '{model}': the class {given.__name__} cannot be made without arguments ({error}); name a "
                "function that makes the answers."
            ) from None
    predict = getattr(given, "predict", None)
    found = predict if callable(predict) else given
    if not callable(found):
        raise ModelError(
            f"Model '{model}': a {type(given).__name__} is no function and has no `predict`; name a function."
        )
    return found  # type: ignore[no-any-return]


def _arguments(
    function: Callable[..., Any], columns: Any, model: str, *, per_row: bool
) -> tuple[list[Any], dict[str, Any]]:
    """Return what the function is called with: columns by name, else the whole batch as its only argument."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [_Columns(columns)], {}
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return [], dict(columns)
    single = [one for one in parameters if one.kind is not one.VAR_POSITIONAL]
    required = [one for one in single if one.default is one.empty]
    wanted = [one for one in single if one.name in columns]
    if (len(required) == 1 and required[0].name not in columns) or (not required and single and not wanted):
        return [_whole(columns, single[0] if not required else required[0], per_row=per_row)], {}
    if not single:
        if any(one.kind is one.VAR_POSITIONAL for one in parameters):
            return [_Columns(columns)], {}
        raise ModelError(f"Model '{model}': the function takes no argument; it gets a batch of rows as its first one.")
    lacking = [one.name for one in required if one.name not in columns]
    if lacking:
        raise ModelError(
            f"Model '{model}': the function asks for '{lacking[0]}', which is no input column."
            f"{did_you_mean(lacking[0], columns)} The inputs are {listed(columns)}."
        )
    positional = [columns[one.name] for one in wanted if one.kind is one.POSITIONAL_ONLY]
    return positional, {one.name: columns[one.name] for one in wanted if one.kind is not one.POSITIONAL_ONLY}


def _whole(columns: Any, parameter: inspect.Parameter, *, per_row: bool) -> Any:
    if not per_row and "DataFrame" in str(parameter.annotation):
        return as_frame(columns)
    return _Columns(columns)


def _waited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def _title(given: Any) -> str:
    own = getattr(given, "__qualname__", None) or type(given).__qualname__
    return f"{getattr(given, '__module__', None) or type(given).__module__}:{own}"


def of_object(given: Any) -> tuple[str, bool]:
    """Return the digest of an object in memory and whether it covers all that the object holds."""
    found = hashlib.sha256()
    try:
        _feed(given, found.update, seen=set())
    except Exception:  # anything may refuse to be pickled, in any way
        return secrets.token_hex(32), False
    return found.hexdigest(), True


def _feed(given: Any, update: Callable[[bytes], None], *, seen: set[int]) -> None:
    """Hash a function by its code, its defaults and the values it uses from outside; anything else by its pickle."""
    if id(given) in seen:
        return
    seen.add(id(given))
    if isinstance(given, types.MethodType):
        _feed(given.__func__, update, seen=seen)
        _feed(given.__self__, update, seen=seen)
    elif isinstance(given, types.FunctionType):
        _feed_code(given.__code__, update)
        used = inspect.getclosurevars(given)
        outside = [given.__defaults__, given.__kwdefaults__, *_sorted(used.nonlocals), *_sorted(used.globals)]
        for value in outside:
            _feed(value, update, seen=seen)
    elif isinstance(given, types.ModuleType | types.BuiltinFunctionType):
        update(getattr(given, "__name__", "").encode())
    elif isinstance(given, tuple | list):
        for one in given:
            _feed(one, update, seen=seen)
    elif isinstance(given, type):
        update(given.__qualname__.encode())
        try:
            update(inspect.getsource(given).encode())
        except (OSError, TypeError):
            update(pickle.dumps(given))
    else:
        if type(given).__module__ != "builtins":
            _feed(type(given), update, seen=seen)
        update(pickle.dumps(given))


def _sorted(values: Any) -> list[Any]:
    return [values[name] for name in sorted(values)]


def _feed_code(code: types.CodeType, update: Callable[[bytes], None]) -> None:
    update(code.co_code)
    update(json.dumps([list(code.co_names), list(code.co_varnames)]).encode())
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _feed_code(constant, update)
        else:
            update(repr(constant).encode())
