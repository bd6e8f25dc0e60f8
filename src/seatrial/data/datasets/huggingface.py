"""Hugging Face data sets: a folder saved to disk, local files, or a name on the hub; offline unless told otherwise."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.data.datasets.pictures import BytesPictures
from seatrial.data.datasets.raw import Asked, RawTable, place_of, short_name
from seatrial.data.datasets.typed import plain
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.records.suite import DatasetSource

_BUILDERS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".arrow": "arrow",
    ".txt": "text",
}
PREFERRED = ("test", "validation", "train")
"""Splits taken where none is named, the first there is."""


def read(source: DatasetSource, asked: Asked) -> RawTable:
    """Read one split; class labels become their names, images are decoded when asked for.

    A name that is no local path is looked for on the hub (`owner/name` or `owner/name:configuration`).
    """
    given = source.huggingface or ""
    try:
        import datasets
    except ImportError:
        raise UsageError(f"{given}: Hugging Face data sets need the library: pip install 'seatrial[hf]'.") from None
    place = place_of(given, asked)
    bars = datasets.utils.logging.is_progress_bar_enabled()
    datasets.utils.logging.disable_progress_bar()
    try:
        found = _local(datasets, place) if place.exists() else _hub(datasets, given)
    except (UsageError, DataError):
        raise
    except Exception as error:
        said = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        if place.exists():
            raise DataError(
                f"{place.name} is no data set that the datasets library can read: {said.rstrip('.')}."
            ) from None
        raise UsageError(
            f"There is no folder or file '{given}', and the hub gave no data set of that name: {said.rstrip('.')}."
        ) from None
    finally:
        if bars:
            datasets.utils.logging.enable_progress_bar()
    table, guesses = _split(found, source.split, given)
    return RawTable(
        name=short_name(source, place.name if place.exists() else given.replace("/", "-")),
        columns=_columns(datasets, table, name=place.name),
        guesses=guesses,
        version=str(table.info.version) if getattr(table, "info", None) and table.info.version else None,
    )


def _local(datasets: Any, place: Path) -> Any:
    if place.is_file():
        builder = _BUILDERS.get(place.suffix.lower())
        if builder is None:
            raise UsageError(
                f"{place.name}: the datasets library reads {', '.join(_BUILDERS)} files; name one, or a folder."
            )
        return _loaded(datasets, builder, data_files=str(place))
    if (place / "dataset_info.json").is_file() or (place / "dataset_dict.json").is_file():
        return datasets.load_from_disk(str(place))
    return _loaded(datasets, str(place))


def _loaded(datasets: Any, what: str, **files: str) -> Any:
    """Load without leaving a copy in the user's cache."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="seatrial-", ignore_cleanup_errors=True) as cache:
        return datasets.load_dataset(what, cache_dir=cache, keep_in_memory=True, **files)


def _hub(datasets: Any, given: str) -> Any:
    name, _, configuration = given.partition(":")
    if os.environ.get("HF_HUB_OFFLINE", "") in ("1", "true", "ON", "yes"):
        raise UsageError(f"There is no folder or file '{given}', and HF_HUB_OFFLINE forbids asking the hub.")
    return datasets.load_dataset(name, configuration or None)


def _split(found: Any, wanted: str | None, given: str) -> tuple[Any, tuple[str, ...]]:
    if not isinstance(found, Mapping):
        if wanted is not None and str(getattr(found, "split", None)) != wanted:
            raise UsageError(f"{Path(given).name} is one table without splits; leave 'split' out.")
        return found, ()
    splits = list(found)
    if wanted is not None:
        if wanted not in splits:
            raise UsageError(
                f"{Path(given).name} has no split '{wanted}'.{did_you_mean(wanted, splits)} It has {listed(splits)}."
            )
        return found[wanted], ()
    chosen = next((one for one in PREFERRED if one in splits), splits[0])
    said = () if len(splits) == 1 else (f"split = '{chosen}' of {listed(splits)} (split)",)
    return found[chosen], said


def _columns(datasets: Any, table: Any, *, name: str) -> dict[str, Sequence[Any]]:
    columns: dict[str, Sequence[Any]] = {}
    for column, feature in table.features.items():
        if isinstance(feature, datasets.Image):
            raw = table.cast_column(column, datasets.Image(decode=False))[column]
            columns[column] = BytesPictures([_encoded(one, name) for one in raw], name=name)
            continue
        values = list(table[column])
        if isinstance(feature, datasets.ClassLabel):
            columns[column] = [None if value is None or value < 0 else feature.int2str(int(value)) for value in values]
        else:
            columns[column] = [plain(value) for value in values]
    return columns


def _encoded(one: Any, name: str) -> bytes:
    if one is None:
        raise DataError(f"{name}: an image is missing.")
    if one.get("bytes") is not None:
        return bytes(one["bytes"])
    try:
        return Path(one["path"]).read_bytes()
    except (OSError, TypeError):
        raise DataError(f"{name}: the image '{one.get('path')!s:.80}' cannot be read.") from None
