"""Files as sources: Parquet, Arrow and Feather with their own types; CSV, TSV, JSON and JSONL strictly as text."""

import hashlib
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb

from seatrial.data.engine import DuckDBEngine, literal, quoted
from seatrial.data.source import Source, aliases, checked_names, location
from seatrial.data.textfiles import CsvFile, JsonFile
from seatrial.errors import DataError, UsageError

_PACKED = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".conll": "conll",
    ".iob": "conll",
    ".bio": "conll",
}
_KNOWN = "CSV, TSV, JSON, JSONL (also .gz or .zst), Parquet, Arrow or Feather"


def open_file(path: str | os.PathLike[str]) -> Source:
    """Return the file as a source; the format comes from its ending, else from its first bytes.

    Raises `UsageError` when there is no such file or its format is unknown, `DataError` when it cannot be read.
    """
    file = Path(path).expanduser()
    head = _first_bytes(file)
    endings = [ending.lower() for ending in file.suffixes[-2:]]
    packed = _PACKED.get(endings[-1]) if endings else None
    ending = endings[-2] if packed and len(endings) > 1 else (endings[-1] if endings and not packed else "")
    kind = _FORMATS.get(ending) or _by_content(head)
    if kind is None:
        raise UsageError(f"{file.name}: the ending says no format that can be read: {_KNOWN}.")
    if not head:
        raise DataError(f"{file.name} is empty: it has no header and no rows.")
    told = _by_magic(head)
    if told is not None and not (told == "parquet" == kind or told == "arrow" == kind or told == packed):
        raise DataError(f"{file.name} is a {told} file by its first bytes but not by its name; rename it.")
    if kind == "parquet":
        return ParquetFile(file)
    if kind == "arrow":
        return ArrowFile(file)
    if kind == "conll":
        from seatrial.data.answers.conll import open_conll

        return open_conll(file, packed=packed)
    if kind == "json":
        return JsonFile(file, packed=packed, digest=_file_digest)
    return CsvFile(file, packed=packed, tabs=kind == "tsv", digest=_file_digest)


class ParquetFile(Source):
    """A Parquet file, scanned where it lies."""

    numbers_rows = True

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        engine = self.own_engine
        try:
            place = literal(location(path, engine))
            tree = engine.rows(f"SELECT name, num_children FROM parquet_schema({place})")
            described = engine.rows(f"DESCRIBE SELECT * FROM read_parquet({place})")
        except duckdb.Error as error:
            raise self.fails(error) from None
        self.columns = checked_names(_top_level(tree), source=self.name)
        self.kinds = tuple(str(row[1]) for row in described)
        if len(self.columns) != len(self.kinds):
            raise DataError(f"{self.name}: the Parquet schema cannot be read; write it anew without nested columns.")

    @property
    def identity(self) -> object:
        return self._path.resolve()

    def scan(self, engine: DuckDBEngine, columns: Sequence[int]) -> str:
        wanted = ", ".join(["file_row_number AS k", *(f"c{place}" for place in columns)])
        table = f"read_parquet({literal(location(self._path, engine))}, file_row_number = true)"
        renamed = aliases(len(self.columns))[:-1] + ", file_row_number)"
        return f"(SELECT {wanted} FROM {table} AS t{renamed})"

    def digest(self) -> str:
        return _file_digest(self._path)

    def fails(self, error: duckdb.Error) -> DataError:
        return DataError(f"{self.name} is not a Parquet file that can be read: it is damaged or cut short.")


class ArrowFile(Source):
    """An Arrow or Feather file, read through pyarrow as it streams."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow as arrow
        except ImportError:
            raise UsageError(f"{path.name}: Arrow and Feather files need pyarrow: pip install pyarrow.") from None
        self.name = path.name
        self._path = path
        try:
            schema = self._batches().schema
        except (arrow.ArrowInvalid, OSError):
            raise DataError(f"{path.name} is not an Arrow or Feather file that can be read.") from None
        self.columns = checked_names([str(name) for name in schema.names], source=self.name)
        self.own_engine.connection.register("seen", schema.empty_table())
        self.kinds = tuple(str(row[1]) for row in self.own_engine.rows("DESCRIBE SELECT * FROM seen"))

    def _batches(self) -> Any:
        import pyarrow as arrow

        with self._path.open("rb") as file:
            is_file = file.read(6) == b"ARROW1"
        mapped = arrow.memory_map(str(self._path))
        if not is_file:
            return arrow.ipc.open_stream(mapped)
        reader = arrow.ipc.open_file(mapped)
        batches = (reader.get_batch(at) for at in range(reader.num_record_batches))
        return arrow.RecordBatchReader.from_batches(reader.schema, batches)

    @property
    def identity(self) -> object:
        return self._path.resolve()

    def scan(self, engine: DuckDBEngine, columns: Sequence[int]) -> str:
        name = engine.fresh("arrow")
        engine.connection.register(name, self._batches())
        wanted = ", ".join(f"c{place}" for place in columns) or "1"
        return f"(SELECT {wanted} FROM {quoted(name)} AS t{aliases(len(self.columns))})"

    def digest(self) -> str:
        return _file_digest(self._path)


def _first_bytes(file: Path) -> bytes:
    try:
        if file.is_dir():
            raise UsageError(f"{file.name} is a folder; name a file in it.")
        with file.open("rb") as opened:
            return opened.read(64)
    except FileNotFoundError:
        raise UsageError(f"There is no file '{file}'.{_sibling(file)}") from None
    except PermissionError:
        raise UsageError(f"{file.name} may not be read by this user; change its permissions.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(file)!r:.80} cannot be opened: {error}.") from None


def _sibling(file: Path) -> str:
    try:
        names = [entry.name for entry in file.parent.iterdir() if entry.is_file()]
    except OSError:
        return ""
    near = get_close_matches(file.name, sorted(names), n=1, cutoff=0.6)
    return f" Did you mean '{file.with_name(near[0])}'?" if near else ""


def _by_magic(head: bytes) -> str | None:
    magic = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
    return next((name for mark, name in magic.items() if head.startswith(mark)), None)


def _by_content(head: bytes) -> str | None:
    told = _by_magic(head)
    if told in {"parquet", "arrow"}:
        return told
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in {b"{", b"["}:
        return "json"
    return "csv" if text and told is None and b"\0" not in head and b"," in head else None


def _file_digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _top_level(tree: Sequence[tuple[str, int | None]]) -> list[str]:
    """Return the names of the top-level columns of a Parquet schema, given in depth-first order."""
    names: list[str] = []
    at = 1
    while at < len(tree):
        names.append(str(tree[at][0]))
        at = _after(tree, at)
    return names


def _after(tree: Sequence[tuple[str, int | None]], at: int) -> int:
    children = tree[at][1] or 0
    at += 1
    for _ in range(children):
        at = _after(tree, at)
    return at
