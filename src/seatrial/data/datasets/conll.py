"""CoNLL files: a token a line, its label in the last column; one row a sentence, clustered by document.

Labels may be IOB1, IOB2 (BIO), BIOES or BILOU, and are read by the rules of the CoNLL-2000 evaluation.
"""

import gzip
import itertools
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seatrial.data.answers.entities import spans_of_tags
from seatrial.data.datasets.raw import Asked, RawTable, place_of, short_name
from seatrial.errors import DataError, UsageError
from seatrial.records.suite import DatasetSource

DOCUMENT = "-DOCSTART-"

Span = dict[str, Any]


def read(source: DatasetSource, asked: Asked) -> RawTable:
    """Read sentences: `text` (tokens joined by spaces), `target` (spans of its characters), `tokens` and `tags`.

    A model that tags tokens takes `inputs: [tokens]`, `target: tags`.

    Raises `UsageError` when there is no such file, `DataError` naming the line of a label that is none.
    """
    path = place_of(source.path or "", asked)
    ids: list[str] = []
    documents: list[str] = []
    tokens: list[list[str]] = []
    tags: list[list[str]] = []
    targets: list[list[Span]] = []
    document, marks = 0, 0
    for number, sentence, starts_document in _sentences(path):
        document += starts_document
        marks += starts_document
        words = [word for word, _ in sentence]
        labels = [label for _, label in sentence]
        if not words:
            continue
        ids.append(str(len(ids)))
        documents.append(str(document))
        tokens.append(words)
        tags.append(labels)
        try:
            targets.append(spans(words, labels))
        except ValueError as error:
            raise DataError(
                f"{path.name}, sentence from line {number}: {error}; the label stands in the last column."
            ) from None
    if not tokens:
        raise DataError(f"{path.name} has no sentences: a token a line, its label last, a blank line after a sentence.")
    columns: dict[str, Sequence[Any]] = {"id": ids}
    if marks > 1:
        columns["document"] = documents
    columns |= {"text": [" ".join(one) for one in tokens], "tokens": tokens, "tags": tags, "target": targets}
    return RawTable(
        name=short_name(source, path.name),
        columns=columns,
        id="id",
        target="target",
        cluster="document" if marks > 1 else None,
        inputs=("text",),
        task="entities",
    )


def spans(tokens: Sequence[str], tags: Sequence[str]) -> list[Span]:
    """Return entities as {start, end, label}, in characters of the tokens joined by spaces; `end` is exclusive.

    Raises `ValueError` for a tag that is none.

    >>> spans(["New", "York", "is", "big"], ["B-LOC", "I-LOC", "O", "O"])
    [{'start': 0, 'end': 8, 'label': 'LOC'}]
    >>> [span["end"] for span in spans(["A", "B"], ["I-X", "B-X"])]
    [1, 3]
    """
    begins = list(itertools.accumulate((len(token) + 1 for token in tokens), initial=0))
    return [
        {"start": begins[first], "end": begins[after] - 1, "label": kind} for first, after, kind in spans_of_tags(tags)
    ]


def _sentences(path: Path) -> Iterator[tuple[int, list[tuple[str, str]], bool]]:
    """(line of its first token, (token, label) of each token, whether a document starts before it)."""
    sentence: list[tuple[str, str]] = []
    first, new_document = 1, False
    for number, line in enumerate(_text(path).splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith(DOCUMENT) or not stripped:
            if sentence:
                yield first, sentence, new_document
                sentence, new_document = [], False
            new_document = new_document or stripped.startswith(DOCUMENT)
            continue
        parts = stripped.split("\t") if "\t" in stripped else stripped.split()
        if stripped.startswith("# ") and len(parts) != 2:
            continue
        if len(parts) < 2:
            raise DataError(
                f"{path.name}, line {number}: '{stripped:.40}' has no label; write the token, then its label."
            )
        if not sentence:
            first = number
        sentence.append((parts[0], parts[-1].strip()))
    if sentence:
        yield first, sentence, new_document


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no file '{path}'.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8 text; save it as UTF-8.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} cannot be read: {error}.") from None
