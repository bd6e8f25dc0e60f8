"""A file of predictions as a model: each row's answer is looked up by its id."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from seatrial.data.engine import quoted
from seatrial.data.files import open_file
from seatrial.data.roles import ROW, SCORE_PREFIXES, Given, Roles, find_roles
from seatrial.data.roles import number as finite
from seatrial.data.selection import class_scores_of, is_long, models_in, select
from seatrial.data.source import Source, as_text
from seatrial.data.tables import open_table
from seatrial.data.values import is_operational
from seatrial.errors import SeatrialError, UsageError, listed
from seatrial.models.answers import as_answers, plain_value
from seatrial.models.artefact import fingerprint_of, size_of
from seatrial.models.base import Answer, Batch, LocalModel, ModelError
from seatrial.models.opening import Opening
from seatrial.records.run import ModelInfo

IDS = "@id"
"""The batch column of row ids."""
OPTIONS = ("id", "prediction", "score", "text", "values")


class PredictionsModel(LocalModel):
    """`predictions:p.parquet` (also `FILE#MODEL`): the answers of a model that ran elsewhere.

    Columns are found as `compare` finds them, or named by `id`, `prediction`, `score`; `text` and `values=a,b` name
    columns to keep beside the answer, as measures of the run are (`latency_ms`, `cost_usd`). A row is found by its id,
    or, where the file has none, by its position (ids of the data must then be positions). An id that is not in the
    file is a missing answer.
    """

    adapter: ClassVar[str] = "predictions"
    recorded = True
    _path: Path | None = None
    _part: str | None = None
    _keep: tuple[str, ...] = ()
    needs_ids: ClassVar[bool] = True
    """The runner adds the rows' ids to each batch, as the column `@id`."""
    batch_size = 4096

    def __init__(self, opening: Opening) -> None:
        opening.refuse_unknown(OPTIONS)
        self._start(opening.name, dict(opening.options))
        location, sharp, part = opening.location.partition("#")
        exact = Opening(name=opening.name, location=opening.location, folder=opening.folder)
        try:
            self._path = exact.file()
        except ModelError:
            if not sharp:
                raise
            self._path, self._part = opening.file(location), part
        self._keep = opening.names("values") or ()

    @classmethod
    def of(cls, given: object, *, name: str) -> Self:
        """Return the model of a table of predictions in memory."""
        made = cls.__new__(cls)
        made._start(name, {})
        made._given = given
        return made

    def _start(self, name: str, options: dict[str, Any]) -> None:
        self.name = name
        self._options = options
        self._given: Any = None
        self._answers: list[Answer] | None = None
        self._places: dict[str, int] | None = None
        self._file_name = "the table"
        self._details: dict[str, str] = {}
        self._info: ModelInfo | None = None

    def open(self) -> None:
        if self._answers is not None:
            return
        try:
            source = open_table(self._given, name=self.name) if self._path is None else open_file(self._path)
            self._file_name = source.name
            roles = self._roles(source)
            self._load(source, roles)
        except ModelError:
            raise
        except SeatrialError as error:
            raise ModelError(f"Model '{self.name}': {error}") from None

    def close(self) -> None:
        self._answers, self._places = None, None

    def predict(self, batch: Batch) -> Sequence[Answer]:
        self.open()
        if IDS not in batch:
            raise ModelError(
                f"Model '{self.name}' looks answers up by the rows' ids, and the batch has none (column '{IDS}')."
            )
        return [self._answer(plain_value(one)) for one in batch[IDS]]

    def info(self) -> ModelInfo:
        if self._info is None:
            was_open = self._answers is not None
            self.open()
            if self._path is None:
                fingerprint = open_table(self._given, name=self.name).sha256
            else:
                fingerprint = fingerprint_of([self._path], self._options, what=self._part or "")
            self._info = ModelInfo(
                name=self.name,
                adapter=self.adapter,
                location=self._file_name + ("" if self._part is None else f"#{self._part}"),
                fingerprint=fingerprint,
                size_bytes=None if self._path is None else size_of([self._path]),
                device="unknown",
                details=self._details,
            )
            if not was_open:
                self.close()
        return self._info

    def _answer(self, identity: Any) -> Answer:
        answers, places = self._answers or [], self._places
        text = str(identity)
        if places is None:
            if not text.isdigit():
                raise ModelError(
                    f"Model '{self.name}': {self._file_name} has no id column, and the rows of the data have ids such "
                    f"as '{text[:40]}'; name the file's with id=COLUMN."
                )
            place = int(text)
            return (
                answers[place] if place < len(answers) else Answer(reason=f"{self._file_name} has no row {text[:40]}")
            )
        found = places.get(text)
        return Answer(reason=f"the id is not in {self._file_name}") if found is None else answers[found]

    def _roles(self, source: Source) -> Roles:
        option = self._options.get
        given = Given(id=option("id"), prediction=option("prediction"), score=option("score"))
        own: list[tuple[str, str]] | None = None
        if self._part is not None:
            selected = select(source, self._part, given)
            given, self._model = selected.given, selected.model
            own = class_scores_of(source, self._part) if selected.column is not None else None
        else:
            self._model = None
            column = is_long(source)
            if column is not None:
                names = models_in(source, column)
                raise ModelError(
                    f"Model '{self.name}': {source.name} holds {len(names)} models ({listed(names, limit=4)}); name "
                    f"one as {source.name}#{names[0]}."
                )
        roles, guesses = find_roles(source, given, own=own)
        scores = roles.scores or (() if own is not None or roles.score else _class_scores(source))
        if roles.prediction is None and roles.score is None and not scores and not roles.labels:
            text = self._text_column(source)
            if text is None:
                raise ModelError(
                    f"Model '{self.name}': {source.name} has no prediction or score column that can be recognised; "
                    f"name it with prediction=COLUMN or score=COLUMN. Its columns: {listed(source.columns)}."
                )
        self._details = (
            {"read as": "; ".join(line for line in guesses if not line.startswith("target"))} if guesses else {}
        )
        return Roles(
            id=roles.id,
            prediction=roles.prediction,
            score=None if scores else roles.score,
            scores=scores,
            labels=roles.labels,
        )

    def _text_column(self, source: Source) -> str | None:
        named = self._options.get("text")
        if named is not None:
            return source.columns[source.place(str(named), option="text")]
        return None

    def _load(self, source: Source, roles: Roles) -> None:
        wanted: dict[str, str] = {}
        if roles.id is not None and roles.id != ROW:
            wanted["id"] = roles.id
        if roles.prediction is not None:
            wanted["prediction"] = roles.prediction
        if roles.score is not None:
            wanted["score"] = roles.score
        for label, column in roles.scores:
            wanted[f"score_{label}"] = column
        for one in roles.labels:
            if one.prediction is not None:
                wanted[f"prediction_{one.label}"] = one.prediction
            if one.score is not None:
                wanted[f"score_{one.label}"] = one.score
        text = self._text_column(source)
        if text is not None:
            wanted["text"] = text
        measures = () if self._part is not None else tuple(name for name in source.columns if is_operational(name))
        measures = tuple(name for name in measures if name not in wanted.values() and name not in wanted)
        for name in dict.fromkeys((*self._keep, *measures)):
            wanted.setdefault(name, source.columns[source.place(name, option="values")])
        columns = self._read(source, wanted)
        ids = columns.pop("id", None)
        rows = len(ids if ids is not None else next(iter(columns.values())))
        for name in columns:
            if name.startswith("score"):
                columns[name] = [_score(value, name, source.name) for value in columns[name]]
            elif name == "prediction":
                columns[name] = _as_numbers(columns[name])
            elif name in measures:
                columns[name] = [None if value is None else finite(value) for value in columns[name]]
        self._places = None if ids is None else self._by_id(ids, source.name)
        self._answers = as_answers(columns, rows, model=self.name)
        self._answers = [
            Answer(reason=f"{source.name} has no answer for it") if one.reason == "the model answered nothing" else one
            for one in self._answers
        ]

    def _read(self, source: Source, wanted: dict[str, str]) -> dict[str, list[Any]]:
        places = [source.places[column] for column in wanted.values()]
        where, extra = "", []
        if self._model is not None:
            at = source.places[self._model[0]]
            extra = [at]
            where = f" WHERE {as_text(f'c{at}', source.kinds[at])} = ?"
        engine = source.own_engine  # one thread: the rows stay in their order
        picked = ", ".join(f"{as_text(f'c{at}', source.kinds[at])} AS {quoted(f'v{n}')}" for n, at in enumerate(places))
        scan = source.scan(engine, list(dict.fromkeys([*places, *extra])))
        parameters = () if self._model is None else (self._model[1],)
        found = engine.rows(f"SELECT {picked} FROM {scan}{where}", parameters)
        if not found:
            raise ModelError(f"Model '{self.name}': {source.name} has no rows.")
        return {name: [row[n] for row in found] for n, name in enumerate(wanted)}

    def _by_id(self, ids: Sequence[str | None], file: str) -> dict[str, int]:
        places: dict[str, int] = {}
        for at, identity in enumerate(ids):
            if identity is None:
                continue
            if identity in places:
                raise ModelError(
                    f"Model '{self.name}': {file} holds the id '{identity}' twice; name a column of distinct ids with "
                    "id=COLUMN."
                )
            places[identity] = at
        return places


def _class_scores(source: Source) -> tuple[tuple[str, str], ...]:
    """Return (class, column) of two or more `score_<class>` columns, in a file that need not have a target."""
    for prefix in SCORE_PREFIXES:
        found = [(name[len(prefix) :], name) for name in source.columns if name.casefold().startswith(prefix)]
        found = [(label, name) for label, name in found if label]
        if len(found) > 1:
            return tuple(found)
    return ()


def _score(value: str | None, column: str, file: str) -> float | None:
    if value is None:
        return None
    try:
        return float(value)  # NaN and infinities become missing answers that say so
    except ValueError:
        raise UsageError(f"{file}: '{value[:40]}' in '{column}' is no number.") from None


def _as_numbers(values: list[str | None]) -> list[Any]:
    """Return texts as numbers if all of them are numbers as a machine writes them (`3`, `0.25`, never `007`)."""
    present = [one for one in values if one is not None]
    for one in present:
        number = finite(one)
        if number is None or (one.lstrip("-")[:1] == "0" and one.lstrip("-")[1:2] not in ("", ".")) or one[:1] == "+":
            return list(values)
    whole = all(one.lstrip("-").isdigit() for one in present)
    if not present:
        return list(values)
    return [None if one is None else (int(one) if whole else float(one)) for one in values]


__all__ = ["IDS", "PredictionsModel"]
