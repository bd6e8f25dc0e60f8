"""CoNLL files: a token a line, an empty line between sentences, the last columns its tags."""

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from seatrial.data.source import Source
from seatrial.data.tables import open_table
from seatrial.errors import DataError, UsageError

_BREAK = "-DOCSTART-"
Table = dict[str, list[str]]


def conll_table(gold: str | os.PathLike[str], predicted: str | os.PathLike[str] | None = None) -> Table:
    """A CoNLL file as a table for the task `entities`: id, document, text, target, prediction; a row a sentence.

    With one file the last two columns of a line are the gold and the predicted tag (of a file with two columns, the
    last is the gold tag alone). With two files the last column of each is taken, and their tokens must agree. A line
    `-DOCSTART-` begins a document, for `--cluster document`. Raises `UsageError` for a file that is not there,
    `DataError` with the line for one that cannot be read.
    """
    table, _ = _table(Path(gold), predicted=None if predicted is None else Path(predicted), packed=None)
    return table


def open_conll(path: Path, *, packed: str | None) -> Source:
    """A CoNLL file as a source; see `conll_table`."""
    table, _ = _table(path, predicted=None, packed=packed)
    return open_table(table, name=path.name)


def _table(path: Path, *, predicted: Path | None, packed: str | None) -> tuple[Table, int]:
    sentences = list(_sentences(path, packed))
    if not sentences:
        raise DataError(f"{path.name} has no sentences.")
    width = len(sentences[0][2][0])
    table: Table = {"id": [], "document": [], "text": [], "target": []}
    for number, (document, _, lines) in enumerate(sentences, start=1):
        table["id"].append(str(number))
        table["document"].append(str(document))
        table["text"].append(" ".join(line[0] for line in lines))
        table["target"].append(_tags(lines, -1 if width < 3 or predicted is not None else -2))
    if predicted is not None:
        table["prediction"] = _of_other(path, sentences, predicted)
    elif width >= 3:
        table["prediction"] = [_tags(lines, -1) for _, _, lines in sentences]
    return table, width


def _of_other(path: Path, sentences: Sequence[tuple[int, int, list[list[str]]]], predicted: Path) -> list[str]:
    others = list(_sentences(predicted, None))
    if len(others) != len(sentences):
        raise DataError(f"{path.name} has {len(sentences):,} sentences and {predicted.name} {len(others):,}.")
    for (_, _, mine), (_, first, theirs) in zip(sentences, others, strict=True):
        if [line[0] for line in mine] != [line[0] for line in theirs]:
            raise DataError(f"{predicted.name}, line {first}: the sentence has other tokens than in {path.name}.")
    return [_tags(lines, -1) for _, _, lines in others]


def _tags(lines: Sequence[Sequence[str]], column: int) -> str:
    return json.dumps([line[column] for line in lines])


def _sentences(path: Path, packed: str | None) -> Iterator[tuple[int, int, list[list[str]]]]:
    """(document, first line, lines of columns) of each sentence."""
    document, first, lines, width = 1, 1, list[list[str]](), 0
    for number, line in enumerate(_lines(path, packed), start=1):
        columns = line.split()
        if columns and not columns[0].startswith(_BREAK):
            if len(columns) < 2 or (width and len(columns) != width):
                raise DataError(
                    f"{path.name}, line {number}: {len(columns)} columns"
                    + (f" where there were {width}." if width else "; a line has a token and its tag.")
                )
            width = len(columns)
            first = first if lines else number
            lines.append(columns)
            continue
        if lines:
            yield document, first, lines
            lines = []
        if columns and number > 1 and width:
            document += 1
    if lines:
        yield document, first, lines


def _lines(path: Path, packed: str | None) -> Iterator[str]:
    try:
        if packed not in (None, "gzip"):
            raise UsageError(f"{path.name}: a packed CoNLL file is read as .gz only.")
        with gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8") as opened:
            yield from opened
    except FileNotFoundError:
        raise UsageError(f"There is no file '{path}'.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8 text.") from None
