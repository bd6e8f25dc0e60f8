"""CSV, TSV, JSON and JSONL files: everything is text, strictly; what a text means comes from its column's role.

A sniffer would make `10:30` a time, `t` a boolean and a ragged file one column, so nothing is sniffed but the
delimiter,
and that from the header line alone.
"""

import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import duckdb

from seatrial.data.engine import DuckDBEngine, literal
from seatrial.data.source import SAMPLE_CELLS, SAMPLE_ROWS, Sample, Source, checked_names, location
from seatrial.errors import DataError

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_HEAD_BYTES = 8_000_000
_LONGEST_LINE = 8_000_000

LARGE_BYTES = 250_000_000
"""A text file larger than this (packed: a tenth of it) is copied to the scratch file, a smaller one into memory."""

Digest = Callable[[Path], str]


class CsvFile(Source):
    """A delimited text file with a header line, UTF-8, quoted by `"`."""

    def __init__(self, path: Path, *, packed: str | None, tabs: bool, digest: Digest) -> None:
        self.name = path.name
        self._path = path
        self._packed = packed
        self._digest = digest
        self.is_large = path.stat().st_size > LARGE_BYTES / (10 if packed else 1)
        header = self._header_text()
        self._delimiter = _delimiter(header, tabs=tabs)
        records = _records(header, self._delimiter, self.name, limit=50)
        first = records[0] if records else []
        if not any(cell.strip() for cell in first):
            raise DataError(f"{self.name}: line 1 is blank, but it must hold the column names.")
        if all(_is_number(cell) for cell in first):
            raise DataError(
                f"{self.name}: line 1 looks like data ({', '.join(first[:4])}); add a line of column names."
            )
        if len(first) == 1:
            kinds = "commas, semicolons, tabs or bars"
            raise DataError(
                f"{self.name}: line 1 names one column only ({first[0]!r:.60}); separate columns by {kinds}."
            )
        self.columns = checked_names(first, source=self.name, where=", line 1")
        broken = next((name for name in self.columns if "\n" in name.replace("\r\n", "")), None)
        if broken is not None and "\r\n" in header:
            raise DataError(
                f"{self.name}: the column name {broken!r:.60} holds a line break, and the lines end in another one; "
                "save the file with one kind of line ending."
            )
        self.kinds = ("TEXT",) * len(self.columns)
        if not any(records[1:]) and len(header) < _HEAD_BYTES // 4:
            raise DataError(f"{self.name} has a header but no rows.")

    def _header_text(self) -> str:
        if self._packed == "zstd":
            raw = self._unpacked_by_engine()
        else:
            opener = gzip.open if self._packed == "gzip" else open
            try:
                with opener(self._path, "rb") as file:
                    raw = file.read(_HEAD_BYTES)
            except (OSError, EOFError, zlib.error):
                raise DataError(
                    f"{self.name} is not a gzip file that can be read: it is damaged or cut short."
                ) from None
        return _decoded(raw, self.name, whole=len(raw) < _HEAD_BYTES)

    def _unpacked_by_engine(self) -> bytes:
        with DuckDBEngine(threads=1) as engine:
            sql = (
                f"SELECT line FROM read_csv({self._place(engine)}, auto_detect = false, header = false, "
                f"columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '', compression = 'zstd', "
                f"max_line_size = {_LONGEST_LINE}, strict_mode = false) LIMIT 2000"
            )
            try:
                lines = engine.rows(sql)
            except duckdb.Error as error:
                raise self.fails(error) from None
        return "\n".join(line or "" for (line,) in lines).encode() + b"\n"

    def _place(self, engine: DuckDBEngine) -> str:
        return literal(location(self._path, engine))

    @property
    def identity(self) -> object:
        return self._path.resolve()

    def scan(self, engine: DuckDBEngine, columns: Sequence[int]) -> str:
        types = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(self.columns)))
        wanted = ", ".join(f"c{place}" for place in columns) or "1"
        return (
            f"(SELECT {wanted} FROM read_csv({self._place(engine)}, auto_detect = false, header = true, "
            f"delim = {literal(self._delimiter)}, quote = '\"', escape = '\"', strict_mode = true, "
            f"null_padding = false, ignore_errors = false, compression = '{self._packed or 'none'}', "
            f"max_line_size = {_LONGEST_LINE}, buffer_size = {4 * _LONGEST_LINE}, columns = {{{types}}}))"
        )

    def digest(self) -> str:
        return self._digest(self._path)

    @cached_property
    def _head(self) -> list[list[str]]:
        text = self._header_text()
        limit = max(50, min(SAMPLE_ROWS, SAMPLE_CELLS // len(self.columns)))
        records = _records(text, self._delimiter, self.name, limit=limit + 1)
        return [row for row in records[1:] if len(row) == len(self.columns)]

    def sample(self, columns: Sequence[str]) -> Sample:
        """Return the first rows of some columns as text; None where missing."""
        return {name: [row[self.places[name]] or None for row in self._head] for name in columns}

    def fails(self, error: duckdb.Error) -> DataError:
        """Return the engine's complaint in one sentence with the line number."""
        message = str(error)
        line = re.search(r"CSV Error on Line: (\d+)", message)
        where = f"{self.name}, line {line[1]}" if line else self.name
        counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
        if counts:
            return DataError(
                f"{where}: {counts[2]} {'field' if counts[2] == '1' else 'fields'} where the header names {counts[1]};"
                f" quote texts that hold a {_DELIMITERS[self._delimiter]}, or complete the line."
            )
        if "unicode" in message or "utf-8" in message:
            return DataError(f"{where}: not UTF-8 text; save the file as UTF-8.")
        if "unterminated quote" in message:
            return DataError(
                f'{where}: a quote (") is not closed, or text follows a closed one; double quotes inside quotes.'
            )
        if "invalid state" in message:
            return DataError(
                f"{where}: the line endings or quotes are mixed; save the file with one kind of line ending."
            )
        if "line size" in message.lower():
            return DataError(f"{where}: a line is longer than {_LONGEST_LINE // 1_000_000} MB; is a quote left open?")
        if "GZIP" in message or "ZSTD" in message.upper() or "decompress" in message.lower():
            return DataError(f"{self.name} is damaged or cut short and cannot be unpacked.")
        return super().fails(error)


class JsonFile(Source):
    """A JSON array of objects, or one object a line (JSONL); every value is read as text."""

    def __init__(self, path: Path, *, packed: str | None, digest: Digest) -> None:
        self.name = path.name
        self._path = path
        self._packed = packed
        self._digest = digest
        self.is_large = path.stat().st_size > LARGE_BYTES / (10 if packed else 1)
        with DuckDBEngine(threads=1) as engine:
            kinds = "list_transform(json_keys(json), lambda key: json_type(json_extract(json, '/' || key)))"
            sql = f"SELECT json_type(json), json_keys(json), {kinds} FROM {self._objects(engine)} LIMIT 2000"
            try:
                found = engine.rows(sql)
            except duckdb.Error as error:
                raise self.fails(error) from None
        if not found:
            raise DataError(f"{self.name} has no rows.")
        odd = next((at for at, (kind, *_) in enumerate(found, 1) if kind != "OBJECT"), None)
        if odd is not None:
            raise DataError(f"{self.name}: entry {odd} is not an object; write one object per example.")
        self.columns = checked_names(list(dict.fromkeys(key for _, keys, _ in found for key in keys)), source=self.name)
        self.kinds = ("TEXT",) * len(self.columns)
        if not self.columns:
            raise DataError(f"{self.name}: its objects are empty.")
        if len(found) == 1 and all(kind in ("OBJECT", "ARRAY") for kind in found[0][2]):
            raise DataError(f"{self.name} is JSON by columns; write one object per example.")

    def _objects(self, engine: DuckDBEngine) -> str:
        place = literal(location(self._path, engine))
        return f"read_json_objects({place}, format = 'auto', compression = '{self._packed or 'none'}')"

    @property
    def identity(self) -> object:
        return self._path.resolve()

    def scan(self, engine: DuckDBEngine, columns: Sequence[int]) -> str:
        wanted = ", ".join(
            f"json_extract_string(json, {literal(self._pointer(place))}) AS c{place}" for place in columns
        )
        return f"(SELECT {wanted or '1'} FROM {self._objects(engine)})"

    def _pointer(self, place: int) -> str:
        return "/" + self.columns[place].replace("~", "~0").replace("/", "~1")

    def digest(self) -> str:
        return self._digest(self._path)

    def fails(self, error: duckdb.Error) -> DataError:
        """Return the engine's complaint in one sentence with the line number."""
        place = re.search(r"in (?:line|record/value) (\d+)", str(error))
        where = f", line {place[1]}" if place else ""
        return DataError(f"{self.name}{where}: not JSON that can be read: an array of objects, or one object a line.")


def _decoded(raw: bytes, name: str, *, whole: bool) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name} is UTF-16 text; save it as UTF-8.")
    if b"\0" in raw[:4096]:
        raise DataError(f"{name} is not a text file: it holds binary data.")
    if not whole:
        raw = raw[: raw.rfind(b"\n") + 1] or raw
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        printable = sum(byte >= 32 or byte in (9, 10, 13) for byte in raw[:4096])
        if printable < 0.9 * min(len(raw), 4096):
            raise DataError(f"{name} is not a text file: it holds binary data.") from None
        raise DataError(
            f"{name}, line {line}: not UTF-8 text (it looks like Latin-1 or Windows-1252); save the file as UTF-8."
        ) from None


def _delimiter(text: str, *, tabs: bool) -> str:
    """Return the delimiter: the one of `, ; tab |` that cuts the header, and the rows after it, into most columns."""
    candidates = ["\t", ",", ";", "|"] if tabs else [",", ";", "\t", "|"]

    def fit(delimiter: str) -> tuple[bool, int]:
        widths: list[int] = []
        try:
            for row in itertools.islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 5):
                widths += [len(row)] if row else []
        except csv.Error:
            return False, widths[0] if widths else 0
        return len(set(widths)) == 1, widths[0] if widths else 0

    fits = {delimiter: fit(delimiter) for delimiter in candidates}
    if tabs and fits["\t"][1] > 1:
        return "\t"
    several = [delimiter for delimiter in candidates if fits[delimiter][1] > 1]
    return max(several or candidates, key=lambda delimiter: fits[delimiter])


def _records(text: str, delimiter: str, name: str, *, limit: int) -> list[list[str]]:
    """Return the first records of a delimited text, the header included."""
    before = csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return list(itertools.islice(reader, limit))
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: {error}.") from None
    finally:
        csv.field_size_limit(before)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
