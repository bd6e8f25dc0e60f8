"""Build pairs: from one data set and a term list, or from two files that hold both halves."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.evaluation.counterfactual.edits import Edit, swapped
from seatrial.evaluation.counterfactual.pairs import Pair, Pairs, digest_of
from seatrial.evaluation.counterfactual.terms import Terms
from seatrial.evaluation.probes.base import Draw
from seatrial.records.counterfactual import CounterfactualSet, SwapCount

Progress = Callable[[str, int, int], None]
_PIECE = re.compile(r"\w+|\s+|[^\w\s]")


def text_column(dataset: LoadedDataset, column: str | None) -> str:
    """The column of texts: the one named, else the only input that holds text. Raises `UsageError`."""
    from seatrial.evaluation.probes.base import kind_of

    if column is not None:
        if column not in dataset.columns:
            raise UsageError(
                f"{dataset.name} has no column '{column}'.{did_you_mean(column, dataset.columns)} Its columns: "
                f"{listed(dataset.columns)}."
            )
        if column == dataset.target:
            raise UsageError(f"'{column}' is the label; name the column of texts with --column.")
        if not any(isinstance(value, str) for value in dataset.columns[column]):
            raise DataError(f"Column '{column}' of {dataset.name} holds no text.")
        return column
    texts = [name for name in dataset.inputs if kind_of(dataset.columns[name]) == "text"]
    if len(texts) != 1:
        said = f"several columns of text ({listed(texts)})" if texts else "no column that looks like text"
        raise UsageError(f"{dataset.name} has {said}; name the one to edit with --column.")
    return texts[0]


def build_pairs(
    dataset: LoadedDataset,
    terms: Terms,
    *,
    column: str | None = None,
    name: str | None = None,
    version: str = "1",
    most: int | None = None,
    unedited: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Pairs:
    """Edit every row by every swap of the term list that fits it; both directions come from the rows themselves.

    `most` keeps at most so many swaps of one row (drawn by seed and id). `unedited` keeps rows without a pair in the
    table, for AUCs and label rates against the background. Raises `UsageError` for a column that is not there,
    `DataError` where no row mentions any identity.
    """
    if most is not None and most < 1:
        raise UsageError(f"At most {most} swaps a row leaves nothing; give 1 or more.")
    column = text_column(dataset, column)
    texts = dataset.columns[column]
    draw = Draw(seed=seed, probe="swaps", column=column)
    pairs: list[Pair] = []
    places: list[int] = []
    edited_rows = 0
    for at, row in enumerate(dataset.ids):
        if progress is not None and at % 500 == 0:
            progress("rows edited", at, len(dataset))
        text = texts[at] if isinstance(texts[at], str) else ""
        label = None if dataset.target is None else dataset.columns[dataset.target][at]
        identities = terms.mentioned(text)
        found = [edited for swap in terms.swaps if (edited := swapped(text, swap)) is not None] if identities else []
        # a swap that leaves the text as it was is no pair
        found = [one for one in found if one.text != text]
        if most is not None and len(found) > most:
            ranked = sorted(range(len(found)), key=lambda k: (draw.number(f"{row}~{found[k].swap}"), k))
            found = [found[k] for k in sorted(ranked[:most])]
        edited_rows += bool(found)
        for one in found:
            pairs.append(
                Pair(
                    id=f"{row}~{one.swap}",
                    pair=row,
                    swap=one.swap,
                    original=text,
                    edited=one.text,
                    edits=one.edits,
                    status=one.status,
                    identities=identities,
                    label=label,
                )
            )
            places.append(at)
        if not found and unedited:
            pairs.append(Pair(id=row, pair=row, original=text, status="unedited", identities=identities, label=label))
            places.append(at)
    if not edited_rows:
        raise DataError(
            f"No row of {dataset.name} names an identity of the term list '{terms.name}' in column '{column}' "
            f"({listed(terms.identities)}); widen the list, or name another column."
        )
    return _pairs(
        dataset,
        pairs,
        places,
        column=column,
        name=name or f"{_stem(dataset.name)} by {terms.name}",
        version=version,
        terms=terms,
        how="terms",
        edited_rows=edited_rows,
        seed=seed,
        most=most,
    )


def pairs_of_two(
    dataset: LoadedDataset,
    other: LoadedDataset,
    *,
    terms: Terms | None = None,
    column: str | None = None,
    name: str | None = None,
    version: str = "1",
) -> Pairs:
    """Pairs from two files with the same ids, one as written and one edited by somebody else.

    With a term list each pair is named by the identities that were lost and gained (`gay->muslim`), else `edited`.
    Raises `DataError` where the ids do not meet or no text differs.
    """
    column = text_column(dataset, column)
    if column not in other.columns:
        raise UsageError(f"{other.name} has no column '{column}'; both files need it.")
    if not (dataset.has_id and other.has_id) and len(dataset) != len(other):
        raise DataError(
            f"{dataset.name} has {len(dataset):,} rows and {other.name} {len(other):,}; name the column that pairs "
            "them with --id."
        )
    known = {row: at for at, row in enumerate(other.ids)}
    pairs: list[Pair] = []
    places: list[int] = []
    edited_rows = 0
    unmatched = 0
    for at, row in enumerate(dataset.ids):
        there = known.get(row)
        text = _as_text(dataset.columns[column][at])
        label = None if dataset.target is None else dataset.columns[dataset.target][at]
        if there is None:
            unmatched += 1
            continue
        after = _as_text(other.columns[column][there])
        identities = () if terms is None else terms.mentioned(text)
        places.append(at)
        if after == text:
            pairs.append(Pair(id=row, pair=row, original=text, status="unedited", identities=identities, label=label))
            continue
        edited_rows += 1
        swap = _told(identities, () if terms is None else terms.mentioned(after))
        own = dataset.target is not None and dataset.target in other.columns
        pairs.append(
            Pair(
                id=f"{row}~{swap}",
                pair=row,
                swap=swap,
                original=text,
                edited=after,
                edits=differences(text, after),
                identities=identities,
                label=label,
                edited_label=other.columns[dataset.target][there] if own and dataset.target is not None else None,
            )
        )
    if not edited_rows:
        raise DataError(
            f"{dataset.name} and {other.name} have no pair of texts that differ"
            + (f" ({unmatched:,} ids of the first are not in the second)." if unmatched else ".")
        )
    notes = (f"{unmatched:,} rows of {dataset.name} have no partner in {other.name}",) if unmatched else ()
    return _pairs(
        dataset,
        pairs,
        places,
        column=column,
        name=name or f"{_stem(dataset.name)} and {_stem(other.name)}",
        version=version,
        terms=terms,
        how="two files",
        edited_rows=edited_rows,
        seed=0,
        most=None,
        notes=notes,
    )


def differences(before: str, after: str) -> tuple[Edit, ...]:
    """Where two texts differ, word by word.

    >>> [(edit.before, edit.after) for edit in differences("a gay man", "a straight man")]
    [('gay', 'straight')]
    """
    old, new = (_PIECE.findall(text) for text in (before, after))
    starts = [0]
    for piece in old:
        starts.append(starts[-1] + len(piece))
    return tuple(
        Edit(start=starts[i1], end=starts[i2], before="".join(old[i1:i2]), after="".join(new[j1:j2]))
        for i1, i2, j1, j2 in _changed(old, new)
    )


def _changed(old: list[str], new: list[str]) -> list[tuple[int, int, int, int]]:
    """Stretches that differ: place by place where there are as many pieces, else by difflib on what is not alike at
    both ends (which takes quadratic time)."""
    if len(old) == len(new):
        differs = [at for at, (x, y) in enumerate(zip(old, new, strict=True)) if x != y]
        return [(at, at + 1, at, at + 1) for at in differs]
    first = next((at for at, (x, y) in enumerate(zip(old, new, strict=False)) if x != y), min(len(old), len(new)))
    room = min(len(old), len(new)) - first
    last = next((at for at in range(room) if old[-1 - at] != new[-1 - at]), room)
    middle = old[first : len(old) - last], new[first : len(new) - last]
    matcher = difflib.SequenceMatcher(a=middle[0], b=middle[1])
    return [
        (first + i1, first + i2, first + j1, first + j2)
        for kind, i1, i2, j1, j2 in matcher.get_opcodes()
        if kind != "equal"
    ]


def reviewed_by(pairs: Pairs, earlier: Pairs) -> Pairs:
    """Carry over what a reader decided in an earlier table: `keep`, and texts changed by hand, where the original is
    the same."""
    import dataclasses

    decided = {row.id: row for row in earlier.rows if row.keep}
    rows = tuple(
        dataclasses.replace(row, keep=old.keep, edited=old.edited)
        if (old := decided.get(row.id)) is not None and old.original == row.original and row.status != "unedited"
        else row
        for row in pairs.rows
    )
    return dataclasses.replace(pairs, rows=rows, record=recounted(pairs.record, rows))


def recounted(record: CounterfactualSet, rows: Sequence[Pair]) -> CounterfactualSet:
    """The record of a table as it stands now."""
    return record.model_copy(update={"digest_of_pairs": digest_of(rows), **counts(rows)})


def counts(rows: Sequence[Pair]) -> dict[str, Any]:
    """How many pairs there are, by swap, and how many were looked at."""
    pairs = [row for row in rows if row.status != "unedited"]
    by_swap = Counter(row.swap for row in pairs)
    review = Counter(row.swap for row in pairs if row.status == "review")
    refused = Counter(row.swap for row in pairs if row.keep == "no")
    originals = {row.pair for row in pairs}
    return {
        "pairs": len(pairs),
        "review": sum(review.values()),
        "reviewed": sum(bool(row.keep) for row in pairs),
        "edited_rows": len(originals),
        "swaps": tuple(
            SwapCount(swap=swap, pairs=count, review=review[swap], refused=refused[swap])
            for swap, count in sorted(by_swap.items(), key=lambda item: (-item[1], item[0]))
        ),
    }


def _pairs(
    dataset: LoadedDataset,
    rows: list[Pair],
    places: list[int],
    *,
    column: str,
    name: str,
    version: str,
    terms: Terms | None,
    how: str,
    edited_rows: int,
    seed: int,
    most: int | None,
    notes: tuple[str, ...] = (),
) -> Pairs:
    inputs = tuple(dataset.inputs) if column in dataset.inputs else (column, *dataset.inputs)
    carried: Mapping[str, list[Any]] = {
        one: [dataset.columns[one][at] for at in places] for one in inputs if one != column
    }
    record = CounterfactualSet.model_validate(
        {
            "name": name,
            "version": version,
            "digest_of_pairs": digest_of(rows),
            "source": dataset.name,
            "source_fingerprint": dataset.fingerprint,
            "column": column,
            "inputs": inputs,
            "label": dataset.target,
            "positive": dataset.positive,
            "terms": None if terms is None else terms.name,
            "terms_version": None if terms is None else terms.version,
            "terms_digest": None if terms is None else terms.digest(),
            "how": how,
            "seed": seed,
            "most": most,
            "rows": len(dataset),
            "unedited_rows": len(dataset) - edited_rows,
            "notes": notes,
            **counts(rows),
        }
    )
    return Pairs(
        record=record,
        rows=tuple(rows),
        column=column,
        carried=dict(carried),
        inputs=inputs,
        label=dataset.target,
        positive=dataset.positive,
    )


def _told(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    lost = [one for one in before if one not in after]
    gained = [one for one in after if one not in before]
    if len(lost) == 1 and len(gained) == 1:
        return f"{lost[0]}->{gained[0]}"
    return "several" if lost or gained else "edited"


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def _stem(name: str) -> str:
    return name.split(".")[0] or name
