"""Write perturbed copies of a data set, for a model that runs elsewhere."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.actions.rows import rows_of
from seatrial.actions.tables import table_ending, write_table
from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, UsageError, listed
from seatrial.evaluation.probes import Perturbed, open_probe, perturbed, sampled_rows, severities
from seatrial.evaluation.probes.catalogue import check_severity
from seatrial.records.suite import CaseRoles, ProbeSpec

Progress = Callable[[str, int, int], None]
ADDED = ("probe", "severity", "touched")


@dataclass(frozen=True)
class PerturbedCopies:
    """What `perturb` hands back: the clean rows, and one copy for each probe and severity."""

    clean: LoadedDataset
    copies: tuple[Perturbed, ...]
    raw: Mapping[str, Sequence[Any]]
    """Columns as the file has them, where that is text: unchanged cells are written as they were."""
    skipped: tuple[str, ...] = ()
    """Probes that fit no column, each with the reason."""

    def columns(self, copies: Sequence[Perturbed] | None = None) -> dict[str, list[Any]]:
        """One table: each copy below the other, the data's columns, then `probe`, `severity`, `touched`.

        `touched` is yes where a cell of the row changed. Data without ids get `id`, the position of the row.
        """
        chosen = self.copies if copies is None else copies
        names = [name for name in self.clean.columns]
        clash = [name for name in ADDED if name in names]
        if clash:
            raise UsageError(f"The data have columns called {listed(clash)} themselves; rename them first.")
        out: dict[str, list[Any]] = {}
        if not self.clean.has_id:
            out[next(n for n in ("id", "row_id", "seatrial_id") if n not in names)] = [
                one for _ in chosen for one in self.clean.ids
            ]
        for name in names:
            out[name] = [value for copy in chosen for value in self._cells(copy, name)]
        out["probe"] = [copy.probe for copy in chosen for _ in self.clean.ids]
        out["severity"] = [copy.severity for copy in chosen for _ in self.clean.ids]
        out["touched"] = ["yes" if one else "no" for copy in chosen for one in copy.touched]
        return out

    def _cells(self, copy: Perturbed, name: str) -> Sequence[Any]:
        after = copy.dataset.columns[name]
        before, raw = self.clean.columns[name], self.raw.get(name)
        if raw is None:
            return after
        if name not in copy.columns:
            return raw
        return [
            text if type(old) is type(new) and old == new else new
            for old, new, text in zip(before, after, raw, strict=True)
        ]

    def write(self, path: str | Path, *, split: bool = False) -> tuple[Path, ...]:
        """Write one file, or with `split` one for each probe and severity (`out-typos-0.05.csv`); images in a folder.

        Raises `UsageError` for an ending no table can be written in, and where a file cannot be written.
        """
        if any(_is_images(copy) for copy in self.copies):
            return self._write_images(Path(path))
        file = Path(path)
        ending = table_ending(file)
        if not split:
            return (write_table(file, self.columns()),)
        stem = file.name[: -len(ending)]
        places = {file.with_name(f"{stem}-{copy.probe}-{copy.severity:g}{ending}"): copy for copy in self.copies}
        return tuple(write_table(place, self.columns([copy])) for place, copy in places.items())

    def _write_images(self, folder: Path) -> tuple[Path, ...]:
        """`FOLDER/probe-severity/name.png`: lossless, so that nothing but the probe changes a pixel."""
        try:
            from PIL import Image
        except ImportError:
            raise UsageError("Writing images needs Pillow: pip install pillow.") from None
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"'{folder}' is a file; images are written into a folder.")
        written = []
        for copy in self.copies:
            column = next(name for name in copy.columns)
            place = folder / f"{copy.probe}-{copy.severity:g}"
            images = copy.dataset.columns[column]
            for at, row in enumerate(self.clean.ids):
                inside = [part for part in row.replace("\\", "/").split("/") if part not in ("", ".", "..")]
                target = place.joinpath(*inside[:-1], os.path.splitext(inside[-1])[0] + ".png")
                if images[at] is None:
                    continue
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    pixels = images[at]
                    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
                    Image.fromarray(flat).save(target)
                except OSError as error:
                    raise UsageError(f"'{target}' cannot be written: {error.strerror or error}.") from None
            written.append(place)
        return tuple(written)

    def __str__(self) -> str:
        lines = [f"{len(self.clean):,} rows of {self.clean.name}"]
        lines += [
            f"  {copy.probe} at {copy.severity:g} on {', '.join(copy.columns)}: {sum(copy.touched):,} rows changed"
            + ("" if copy.label_preserving else " (the label may no longer hold)")
            for copy in self.copies
        ]
        return "\n".join([*lines, *(f"  left out: {one}" for one in self.skipped)]) + "\n"


def perturb(
    data: Any,
    *,
    probes: Sequence[str | ProbeSpec] | str,
    severity: Sequence[float] | float = (),
    columns: Sequence[str] | str = (),
    rows: int | None = None,
    id: str | None = None,
    target: str | None = None,
    time: str | None = None,
    group: str | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> PerturbedCopies:
    """Perturbed copies of a file, a folder of images or columns in memory, one for each probe and severity.

    `probes` are names of the catalogue, `module:object` or `file.py:object`; without `severity` each probe's own
    ladder. `rows` takes a seeded sample. Same ids, target and other columns; the same seed gives the same copies.

    >>> copies = perturb({"id": ["1", "2"], "text": ["a fine day", "so it was"]}, probes="case", severity=1.0)
    >>> copies.columns()["id"], copies.columns()["severity"]
    (['1', '2'], [1.0, 1.0])

    Raises `UsageError` for a probe, severity or column that does not fit, `DataError` where no probe fits any column.
    """
    given = [one.strip() for one in probes.split(",")] if isinstance(probes, str) else list(probes)
    if not given or not all(given):
        raise UsageError("Name the probes: --probe typos,ocr.")
    if rows is not None and rows < 1:
        raise UsageError(f"--rows {rows}: take at least one row.")
    levels = (float(severity),) if isinstance(severity, (int, float)) else tuple(float(one) for one in severity)
    named = tuple(one.strip() for one in columns.split(",")) if isinstance(columns, str) and columns else tuple(columns)
    specs = [
        one if isinstance(one, ProbeSpec) else ProbeSpec(probe=one, severity=levels, columns=named, rows=rows)
        for one in given
    ]
    for spec in specs:
        probe = open_probe(spec.probe, spec.options, folder=folder)
        for one in spec.severity:
            check_severity(probe, one)
    clean, raw = _read(data, CaseRoles(id=id, target=target, time=time, group=group), named, seed)
    if rows is not None:
        chosen = sampled_rows(clean, specs[0].model_copy(update={"rows": rows}), seed=seed)
        clean = clean.taken(chosen, fingerprint=f"{clean.fingerprint} {rows} {seed}")
        raw = {name: [values[at] for at in chosen] for name, values in raw.items()}
    copies: list[Perturbed] = []
    skipped: list[str] = []
    work = [(spec, one) for spec in specs for one in severities(spec, folder=folder)]
    for done, (spec, one) in enumerate(work):
        if progress is not None:
            progress(f"{spec.probe} at {one:g}", done, len(work))
        try:
            copies.append(perturbed(clean, spec, one, seed=seed, folder=folder))
        except DataError as error:
            if len(specs) == 1:
                raise
            if str(error) not in skipped:
                skipped.append(str(error))
    if not copies:
        raise DataError(" ".join(skipped))
    if any(map(_is_images, copies)) and not all(map(_is_images, copies)):
        raise UsageError("Probes of images and of other columns write different files; name them in two calls.")
    return PerturbedCopies(clean=clean, copies=tuple(copies), raw=raw, skipped=tuple(skipped))


def _is_images(copy: Perturbed) -> bool:
    from seatrial.evaluation.probes.base import is_image

    return any(
        next((is_image(value) for value in _some(copy.dataset.columns[name]) if value is not None), False)
        for name in copy.columns
    )


def _some(values: Sequence[Any]) -> Sequence[Any]:
    return [values[at] for at in range(min(len(values), 20))]


def _read(
    data: Any, roles: CaseRoles, columns: tuple[str, ...], seed: int
) -> tuple[LoadedDataset, dict[str, Sequence[Any]]]:
    """Rows with their types, and the texts of a text file as they stand in it."""
    loaded = rows_of(data, roles, columns, seed=seed)
    path = Path(data) if isinstance(data, (str, Path)) else None
    return loaded, {} if path is None or path.is_dir() else _texts(path, loaded)


def _texts(path: Path, loaded: LoadedDataset) -> dict[str, Sequence[Any]]:
    from seatrial.data.files import open_file
    from seatrial.data.textfiles import CsvFile

    opened = open_file(path)
    if not isinstance(opened, CsvFile):
        return {}
    wanted = ", ".join(f"c{place}" for place in range(len(opened.columns)))
    scan = opened.scan(opened.own_engine, range(len(opened.columns)))
    found = opened.own_engine.rows(f"SELECT {wanted} FROM {scan}")
    if len(found) != len(loaded):
        return {}
    return {name: [row[place] for row in found] for place, name in enumerate(opened.columns) if name in loaded.columns}
