"""Rows worth labelling, and what annotators made of them: a table in, a sheet with its papers out; a labelled sheet in,
a page out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from seatrial.actions.page import PageResult
from seatrial.actions.report import check_writable, replace_file
from seatrial.actions.tables import table_ending, write_table
from seatrial.data.predictions import open_source
from seatrial.data.slicing import parse_slices
from seatrial.data.source import Source
from seatrial.errors import UsageError, did_you_mean
from seatrial.evaluation.sampling import Drawn, Wanted, draw_sample
from seatrial.evaluation.sampling.datasheet import datasheet
from seatrial.evaluation.sampling.guideline import guideline
from seatrial.evaluation.sampling.labelled import label_agreement as measure
from seatrial.evaluation.sampling.sheet import check_names, seen_by_annotators, sheet, telling_columns
from seatrial.records.sample import LabelAgreement, Sample, Scale
from seatrial.reports.document import Document

Names = Sequence[str] | str
ALLOCATIONS = ("proportional", "neyman", "rare")


@dataclass(frozen=True)
class SampleResult(PageResult):
    """What `sample` hands back: the record, the drawn rows, and the papers that go with them."""

    record: Sample
    drawn: Drawn = field(repr=False)
    source: Source = field(repr=False)
    classes: tuple[str, ...] = ()
    telling: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.sample_page import sample_document

        return sample_document(self.record)

    def columns(self) -> dict[str, list[Any]]:
        """The sheet as columns, texts as they are in the table."""
        return sheet(self.source, self.drawn, for_spreadsheet=False)[0]

    def write_sheet(self, path: str | Path, *, when: str | None = None) -> tuple[Path, Path, Path]:
        """Write the sheet, and beside it the guideline and the datasheet (`.guideline.md`, `.datasheet.md`).

        `when` is said in the datasheet: the day of the draw.
        """
        file = Path(path)
        ending = table_ending(file)
        stem = file.name[: -len(ending)]
        papers = file.with_name(f"{stem}.guideline.md"), file.with_name(f"{stem}.datasheet.md")
        for paper in papers:
            check_writable(paper)
        columns, _ = sheet(self.source, self.drawn, for_spreadsheet=ending in (".csv", ".tsv", ".csv.gz"))
        write_table(file, columns)
        replace_file(papers[0], self.guideline())
        replace_file(papers[1], self.datasheet(sheet=file.name, when=when))
        return file, *papers

    def guideline(self) -> str:
        """Markdown for annotators, to be filled in."""
        shown = seen_by_annotators(self.source, self.record.hidden)
        return guideline(self.record, classes=self.classes, shown=shown, telling=self.telling)

    def datasheet(self, *, sheet: str = "SHEET.csv", when: str | None = None) -> str:
        """Markdown after Gebru and others, facts filled in, questions open."""
        return datasheet(self.record, sheet=sheet, when=when, classes=self.classes)


def sample(
    data: Any,
    *,
    by: Names = (),
    precision: float | None = None,
    rows: int | None = None,
    metric: str = "accuracy",
    rate: float | None = None,
    score: str | None = None,
    per: str = "overall",
    allocation: str | None = None,
    least: int = 5,
    double: float = 1.0,
    annotators: int = 2,
    classes: Names = (),
    hide: Names = (),
    level: float = 0.95,
    seed: int = 0,
) -> SampleResult:
    """Draw rows worth labelling: by strata, sized from the wanted precision, with weights that undo the strata.

    `by` cuts strata as slices are cut (`segment,age:quartiles`). `precision` is the half width of the 95 % interval of
    the `metric` (`accuracy`, or the `rate` of a label) over all rows together or `per` stratum, with the finite
    population correction; or give the number of `rows`. What is guessed before labelling: `rate`, or a `score` column,
    which also lets uncertain strata give more rows (`allocation` neyman); else a half, the worst case. `allocation`
    rare gives rare strata more. Every stratum gives at least `least` rows. A share `double` of the rows is labelled by
    all `annotators`. `classes` are named in the guideline; columns of `hide` are kept from annotators.

    Raises `UsageError` for an option that cannot be used, `DataError` for data that cannot be read.

    >>> data = {"text": [f"message {i}" for i in range(5000)], "channel": ["web"] * 4500 + ["app"] * 500}
    >>> found = sample(data, by="channel", precision=0.05)
    >>> [(stratum.slice["channel"], stratum.rows) for stratum in found.record.strata]
    [('app', 36), ('web', 321)]
    """
    source = _whole(data, "data")
    _one_of(metric, ("accuracy", "rate"), "--metric")
    _one_of(per, ("overall", "stratum"), "--per")
    if allocation is not None:
        _one_of(allocation, ALLOCATIONS, "--allocation")
    labels = [f"label_{at}" for at in range(1, annotators + 1)]
    hidden = check_names(source, labels, _names(hide))
    wanted = Wanted(
        by=parse_slices(by) if isinstance(by, str) else tuple(by),
        metric=metric,  # type: ignore[arg-type]
        rate=rate,
        score=score,
        precision=precision,
        per=per,  # type: ignore[arg-type]
        rows=rows,
        allocation=allocation,  # type: ignore[arg-type]
        least=least,
        double=double,
        annotators=annotators,
        hide=hidden,
        level=level,
        seed=seed,
    )
    drawn = draw_sample(source, wanted)
    telling = telling_columns(source, hidden)
    if telling:
        note = (
            f"{', '.join(telling)} may hold a model's answers: annotators who see them follow them (--hide "
            f"{','.join(telling)})."
        )
        record = drawn.record.model_copy(update={"notes": (*drawn.record.notes, note)})
        drawn = replace(drawn, record=record)
    return SampleResult(drawn.record, drawn=drawn, source=source, classes=_names(classes), telling=telling)


@dataclass(frozen=True)
class AgreementResult(PageResult):
    """What `label_agreement` hands back."""

    record: LabelAgreement

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.sample_page import agreement_document

        return agreement_document(self.record)


def label_agreement(
    labelled: Any,
    *,
    labels: Names = ("label_1", "label_2"),
    scale: str = "nominal",
    classes: Names = (),
    id: str | None = None,
    weight: str | None = None,
    unsure: str | None = "?",
    level: float = 0.95,
    seed: int = 0,
) -> AgreementResult:
    """Measure how far annotators agree who labelled the same rows, each in a column.

    `scale`: `nominal`, `ordinal` (in the order of `classes`, or of numbers), `interval`, `ratio`. `unsure` is what an
    annotator writes who cannot tell, and counts as no label. `weight` names a column of sampling weights.

    Raises `UsageError` for columns or labels that do not fit, `DataError` where no row has two labels.

    >>> rows = {"label_1": ["a", "a", "b", "b"] * 10, "label_2": ["a", "b", "b", "b"] * 10}
    >>> found = label_agreement(rows).record
    >>> [(one.name, round(one.value, 3)) for one in found.coefficients if one.value is not None][:1]
    [('percent agreement', 0.75)]
    """
    scales: tuple[Scale, ...] = get_args(Scale)
    _one_of(scale, scales, "--scale")
    return AgreementResult(
        measure(
            _whole(labelled, "labelled"),
            _names(labels),
            scale=scale,  # type: ignore[arg-type]
            classes=_names(classes),
            id=id,
            weight=weight,
            unsure=unsure,
            level=level,
            seed=seed,
        )
    )


def _whole(given: Any, name: str) -> Source:
    source, inner = open_source(given, name=name)
    if inner is not None:
        raise UsageError(f"A whole table is read; leave out '#{inner}'.")
    return source


def _one_of(given: str, known: Sequence[str], option: str) -> None:
    if given not in known:
        raise UsageError(f"{option} {given}: choose one of {', '.join(known)}.{did_you_mean(given, known)}")


def _names(given: Names) -> tuple[str, ...]:
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(part.strip() for part in parts if part.strip())
