"""A labelled sheet: how far its annotators agree, which rows are to be settled, what the labels allow to measure."""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.data.labels import canonical_labels, is_number, sorted_labels
from seatrial.data.source import Source
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.evaluation.sampling.sheet import ROW, read_rows
from seatrial.records.evidence import Confusion
from seatrial.records.evidence import Source as SourceRecord
from seatrial.records.numbers import format_count, format_interval
from seatrial.records.sample import ClassAgreement, Coefficient, Disagreement, LabelAgreement, Scale
from seatrial.records.versions import installed
from seatrial.stats.agreement import Agreed, Agreement, agreement, best_accuracy

Codes = NDArray[np.int64]
MOST_CLASSES = 500
MOST_ANNOTATORS = 9
MOST_SQUARE = 20
MOST_PAIRS = 40
GOOD, FAIR = 0.8, 0.667
"""Krippendorff's customary bounds: rely on alpha from .800, draw tentative conclusions from .667."""


def label_agreement(
    source: Source,
    labels: Sequence[str],
    *,
    scale: Scale = "nominal",
    classes: Sequence[str] = (),
    id: str | None = None,
    weight: str | None = None,
    unsure: str | None = "?",
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> LabelAgreement:
    """Measure how far annotators agree who labelled the same rows, each in a column of `labels`.

    `scale` says how far apart labels are: `nominal` (equal or not), `ordinal` (in the order of `classes`, else of the
    numbers), `interval` or `ratio` (numbers). `unsure` is what an annotator writes who cannot tell: no label. `weight`
    names a column of sampling weights.

    Raises `UsageError` for columns or labels that do not fit, `DataError` where no row has two labels.
    """
    places = _places(source, labels)
    names = tuple(source.columns[place] for place in places)
    own = None if id is None else source.columns[source.place(id, option="--id")]
    weights_in = None if weight is None else source.columns[source.place(weight, option="--weight")]
    key = own or _id_column(source)
    needed = [*names, *(one for one in (key, weights_in) if one is not None)]
    read = read_rows(source, list(dict.fromkeys(needed)), np.arange(_rows(source)))
    texts, mended = _labels([read[name] for name in names], unsure)
    known = _classes(texts, classes, scale)
    code = {name: at for at, name in enumerate(known)}
    codes = np.array([[code.get(one or "", -1) for one in row] for row in zip(*texts, strict=True)], dtype=np.int64)
    ids = tuple(str(one) for one in read[key]) if key else tuple(str(at) for at in range(1, len(codes) + 1))
    use, weights, notes = _weights(read, weights_in, codes)
    notes = [*mended, *notes]
    if not (codes[use] >= 0).sum(1).max(initial=0) > 1:
        raise DataError(f"{source.name}: no row has labels in two of {listed(names)}; agreement cannot be measured.")
    values = [float(name) for name in known] if scale in ("interval", "ratio") else None
    alpha = 1 - level
    found = agreement(
        codes[use], size=len(known), level=scale, values=values, weight=weights, alpha=alpha, draws=draws, seed=seed
    )
    coefficients = _coefficients(found, scale, level)
    if len(names) > 2:
        coefficients += _pairs(codes[use], names, len(known), weights, level, draws, seed)
    apart = _disagreements(codes, texts, ids, scale, values)
    ceiling = _ceiling(found.percent, len(known), level)
    main = coefficients[1]
    many = (codes >= 0).sum(1)
    return LabelAgreement(
        title=f"Agreement of {len(names)} annotators on {source.name}",
        sentence=_sentence(found, main, ceiling, len(apart)),
        tone=_tone(main),
        annotators=names,
        scale=scale,
        classes=known,
        rows=len(codes),
        items=found.items,
        single=int((many == 1).sum()),
        unlabelled=int((many == 0).sum()),
        coefficients=tuple(coefficients),
        per_class=tuple(
            ClassAgreement(
                label=name,
                count=int((codes == at).sum()),
                agreement=_coefficient(f"specific agreement on '{name}'", found.per_class[at], level),
            )
            for at, name in enumerate(known)
        ),
        confusions=_confusions(codes, names, known),
        disagreements=apart,
        ceiling=ceiling,
        notes=tuple(notes),
        not_shown=_not_shown(scale, found),
        weight=weights_in,
        roles={"id": key} if key else {},
        source=SourceRecord(model="labelled", name=source.name, sha256=source.sha256, rows=len(codes)),
        seed=seed,
        seatrial=installed("seatrial"),
    )


def _places(source: Source, labels: Sequence[str]) -> list[int]:
    if len(labels) < 2:
        raise UsageError("Name the columns of two annotators or more: --labels label_1,label_2.")
    if len(labels) > MOST_ANNOTATORS:
        raise UsageError(f"--labels names {len(labels)} columns; at most {MOST_ANNOTATORS} annotators are compared.")
    places = [source.place(name, option="--labels") for name in labels]
    if len(set(places)) < len(places):
        raise UsageError(f"--labels names a column twice: {listed(labels)}.")
    return places


def _id_column(source: Source) -> str | None:
    for name in (ROW, "id"):
        place = source.find(name)
        if place is not None:
            return source.columns[place]
    return None


def _rows(source: Source) -> int:
    (count,) = source.own_engine.one(f"SELECT count(*) FROM {source.scan(source.own_engine, [0])}")
    return int(count)


def _labels(columns: Sequence[Sequence[str | None]], unsure: str | None) -> tuple[list[list[str | None]], list[str]]:
    """Labels without spaces around them, alike where they are the same number; what was taken for no label."""
    stripped = [[(text or "").strip() or None for text in column] for column in columns]
    doubtful = 0
    if unsure is not None:
        doubtful = sum(text == unsure for column in stripped for text in column)
        stripped = [[None if text == unsure else text for text in column] for column in stripped]
    alike = canonical_labels({text for column in stripped for text in column if text is not None})
    found = [[None if text is None else alike.get(text) for text in column] for column in stripped]
    notes = []
    if doubtful:
        notes.append(f"{format_count(doubtful)} labels '{unsure}' (cannot tell) count as no label.")
    lower: dict[str, set[str]] = {}
    for column in found:
        for text in column:
            if text is not None:
                lower.setdefault(text.casefold(), set()).add(text)
    twins = [sorted(group) for group in lower.values() if len(group) > 1]
    if twins:
        notes.append(f"Labels that differ only in capital letters count as different: {' and '.join(twins[0][:3])}.")
    return found, notes


def _classes(texts: Sequence[Sequence[str | None]], given: Sequence[str], scale: Scale) -> tuple[str, ...]:
    seen = {text for column in texts for text in column if text is not None}
    if not seen:
        raise DataError("The label columns are empty: nothing was labelled yet.")
    if given:
        unknown = sorted(seen - set(given))
        if unknown:
            raise UsageError(
                f"The label '{unknown[0]:.80}' is none of --classes {listed(given)}.{did_you_mean(unknown[0], given)}"
            )
        known = tuple(dict.fromkeys(given))
    else:
        known = tuple(sorted_labels(seen))
    if len(known) > MOST_CLASSES:
        raise UsageError(f"{len(known):,} different labels; agreement is measured for at most {MOST_CLASSES} classes.")
    numeric = all(is_number(name) for name in known)
    if scale in ("interval", "ratio") and not numeric:
        odd = next(name for name in known if not is_number(name))
        raise UsageError(f"--scale {scale} needs numbers as labels; '{odd:.80}' is none.")
    if scale == "ordinal" and not given and not numeric:
        raise UsageError("--scale ordinal needs the order of the classes: --classes low,middle,high.")
    return known


def _weights(
    read: dict[str, list[str | None]], column: str | None, codes: Codes
) -> tuple[NDArray[np.bool_], NDArray[np.float64] | None, list[str]]:
    use = np.ones(len(codes), dtype=bool)
    if column is None:
        return use, None, []
    weights = np.array([_number(text) for text in read[column]])
    use = np.isfinite(weights) & (weights >= 0)
    if not use.any():
        raise DataError(f"--weight {column}: the column holds no weight.")
    lost = int((~use).sum())
    return use, weights[use], [f"{format_count(lost)} rows have no weight and are left out."] if lost else []


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _coefficient(name: str, of: Agreed, level: float, between: tuple[str, ...] = ()) -> Coefficient:
    return Coefficient(
        name=name,
        value=of.value,
        low=of.low,
        high=of.high,
        level=level,
        n=of.n,
        method=of.method,
        reason=of.reason,
        between=between,
    )


def _coefficients(found: Agreement, scale: Scale, level: float) -> list[Coefficient]:
    every = [
        _coefficient("percent agreement", found.percent, level),
        _coefficient(f"Krippendorff's alpha ({scale})", found.alpha, level),
        _coefficient("Gwet's AC1", found.gwet, level),
    ]
    if found.cohen is not None:
        every.append(_coefficient("Cohen's kappa", found.cohen, level))
    if found.fleiss is not None:
        every.append(_coefficient("Fleiss' kappa", found.fleiss, level))
    return every


def _pairs(
    codes: Codes,
    names: Sequence[str],
    size: int,
    weights: NDArray[np.float64] | None,
    level: float,
    draws: int,
    seed: int,
) -> list[Coefficient]:
    found = []
    for one, two in combinations(range(len(names)), 2):
        pair = codes[:, [one, two]]
        if not (pair >= 0).all(1).any():
            continue
        both = agreement(pair, size=size, weight=weights, alpha=1 - level, draws=draws, seed=seed)
        if both.cohen is not None:
            found.append(_coefficient("Cohen's kappa", both.cohen, level, (names[one], names[two])))
    return found


def _confusions(codes: Codes, names: Sequence[str], known: tuple[str, ...]) -> tuple[Confusion, ...]:
    found = []
    size = len(known)
    for one, two in combinations(range(len(names)), 2):
        both = codes[(codes[:, one] >= 0) & (codes[:, two] >= 0)]
        if not len(both):
            continue
        counts = np.zeros((size, size), dtype=np.int64)
        np.add.at(counts, (both[:, one], both[:, two]), 1)
        off = counts.copy()
        np.fill_diagonal(off, 0)
        order = np.argsort(-off.ravel(), kind="stable")[:MOST_PAIRS]
        pairs = tuple(
            (known[at // size], known[at % size], int(off.ravel()[at])) for at in order.tolist() if off.ravel()[at]
        )
        square = tuple(tuple(row) for row in counts.tolist()) if size <= MOST_SQUARE else None
        found.append(Confusion(model=f"{names[one]} and {names[two]}", labels=known, counts=square, pairs=pairs))
    return tuple(found)


def _disagreements(
    codes: Codes, texts: Sequence[Sequence[str | None]], ids: Sequence[str], scale: Scale, values: list[float] | None
) -> tuple[Disagreement, ...]:
    """Rows with two different labels, the furthest apart first on a scale with distances."""
    known = codes >= 0
    high = np.where(known, codes, -1).max(1)
    low = np.where(known, codes, codes.max(initial=0) + 1).min(1)
    rows = np.flatnonzero((known.sum(1) > 1) & (high != low))
    if scale != "nominal" and len(rows):
        points = np.arange(codes.max() + 1, dtype=np.float64) if values is None else np.asarray(values)
        span = [float(np.ptp(points[codes[row][known[row]]])) for row in rows]
        rows = rows[np.argsort(-np.array(span), kind="stable")]
    return tuple(
        Disagreement(id=ids[row], labels=tuple(column[row] or "" for column in texts)) for row in rows.tolist()
    )


def _ceiling(percent: Agreed, size: int, level: float) -> Coefficient:
    name = "best measurable accuracy"
    value, low, high = (
        None if one is None else best_accuracy(one, size=size) for one in (percent.value, percent.low, percent.high)
    )
    if value is None:
        return Coefficient(name=name, n=percent.n, level=level, reason="annotators agree less often than by chance")
    return Coefficient(
        name=name,
        value=value,
        low=low if percent.low is not None and low is not None else (1 / size if percent.low is not None else None),
        high=high,
        level=level,
        n=percent.n,
        method="from percent agreement, if annotators err independently, equally often, and evenly over the classes",
        reason=percent.reason,
    )


def _tone(main: Coefficient) -> Literal["good", "unsure", "bad"]:
    limit = main.value if main.low is None else main.low
    if limit is None:
        return "unsure"
    return "good" if limit >= GOOD else "bad" if (main.high or main.value or 0) < FAIR else "unsure"


def _sentence(found: Agreement, main: Coefficient, ceiling: Coefficient, apart: int) -> str:
    percent = found.percent
    text = f"Annotators agree on {format_interval(_of(percent.value), _of(percent.low), _of(percent.high))} % of "
    text += f"{format_count(found.items)} rows"
    if main.value is not None:
        text += f"; {main.name} is {format_interval(main.value, main.low, main.high)}"
    text += f". {format_count(apart)} rows are to be settled."
    if ceiling.value is not None and ceiling.value < 1:
        text += (
            f" Against one annotator's labels even a model that is always right measures about "
            f"{100 * ceiling.value:.3g} %: do not read more into a higher score."
        )
    return text


def _of(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _not_shown(scale: Scale, found: Agreement) -> tuple[str, ...]:
    every = [
        "Mistakes that annotators share: agreement is not truth.",
        "Whether the guideline asks the right question.",
        "The best measurable accuracy where annotators err alike or on the same hard rows: it is then higher.",
    ]
    if scale == "nominal":
        every.append("How far apart different labels are: every difference counts the same (--scale ordinal).")
    if found.single:
        every.append(f"{format_count(found.single)} rows with fewer than two labels.")
    return tuple(every)
