"""A first suite, written next to the user's data: their columns asked, every line commented, ready to run."""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.actions.report import check_writable
from seatrial.actions.suite_page import policy_page, shell, suite_page, template
from seatrial.actions.suite_schema import SCHEMA_FILE, schema_text
from seatrial.data.dataset import LoadedDataset
from seatrial.data.datasets import load_dataset
from seatrial.data.datasets.content import Digested
from seatrial.data.roles import plain
from seatrial.errors import UsageError, listed
from seatrial.evaluation.suite_draft import draft_of
from seatrial.records.suite import Case, CaseRoles, DatasetSource, SuiteTask

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".conll", ".npz")
_PACKED = (".gz", ".zst")


@dataclass(frozen=True, kw_only=True)
class Written:
    """What `init` left behind."""

    suite: Path
    files: tuple[Path, ...]
    dataset: LoadedDataset | None
    """None where a template was written."""
    guesses: tuple[str, ...]
    next: str
    """The command to run next."""


def init(
    data: str | Path | None = None,
    *,
    target: str | None = None,
    unlabelled: bool = False,
    task: SuiteTask | None = None,
    id: str | None = None,
    positive: str | None = None,
    out: str | Path = "suite.yaml",
) -> Written:
    """Write a commented suite, its policy and the schema for editors; nothing that exists is overwritten.

    `data` is a file as in `compare`, a folder or zip of images, an .npz, a saved Hugging Face folder, or
    `sklearn:iris`; without it the one data file of the folder of `out`, else a template is written. `unlabelled` says
    that no column is the truth. Raises `UsageError` when a file is there already or the target is in doubt.
    """
    suite = Path(out)
    if suite.suffix not in (".yaml", ".yml"):
        raise UsageError(f"'{out}': a suite is a YAML file; end its name in .yaml.")
    policy = suite.with_name(f"{suite.stem.removesuffix('.suite')}.policy.yaml")
    for path in (suite, policy):
        check_writable(path)
        if path.exists():
            raise UsageError(f"'{path}' is there already and is not overwritten; choose another name by --out.")
    source = _source(data, suite) if data is not None else _only_file(suite.parent)
    if source is None:
        pages = {suite: template(policy), policy: policy_page("accuracy", "balanced_accuracy")}
        return _finished(suite, pages, None)
    roles = CaseRoles(id=id, target=target, positive=positive)
    case = Case(name="draft", dataset=source, task=task, roles=roles)
    loaded = load_dataset(source, case=case, folder=suite.parent)
    part = _test_part(loaded)
    if part is not None:
        source = source.model_copy(update={"where": part})
        loaded = load_dataset(source, case=case, folder=suite.parent)
    if loaded.target is None and not loaded.targets and not unlabelled:
        raise UsageError(
            f"{loaded.name}: which column is the truth? Say it with --target {_likely_target(loaded)}, or --unlabelled "
            f"where none is. Its columns: {listed(loaded.columns, limit=30)}."
        )
    if loaded.task == "binary" and loaded.positive is None:
        labels = sorted({str(value) for value in loaded.columns[loaded.target or ""] if value is not None})
        raise UsageError(
            f"{loaded.name}: which of the labels {' and '.join(repr(one) for one in labels)} is the positive class? "
            f"Say it with --positive {labels[-1]!r}."
        )
    draft = draft_of(loaded)
    measured = [name for name in draft.metrics if name != "mean_error"]
    pages = {suite: suite_page(suite, policy, source, loaded, draft, id=id)}
    pages[policy] = policy_page(*(measured[:2] or ["accuracy"]))
    return _finished(suite, pages, loaded)


def _finished(suite: Path, pages: Mapping[Path, str], loaded: LoadedDataset | None) -> Written:
    written = write_new(pages)
    schema = suite.with_name(SCHEMA_FILE)
    if not schema.exists():
        written += write_new({schema: schema_text()})
    return Written(
        suite=suite,
        files=written,
        dataset=loaded,
        guesses=loaded.guesses if loaded is not None else (),
        next=f"seatrial run {shell(str(suite))} --model new=ADAPTER:LOCATION",
    )


def write_new(pages: Mapping[Path, str]) -> tuple[Path, ...]:
    """Write files that must not be there yet: all whole, or none at all. Raises `UsageError`."""
    done: list[Path] = []
    for path, page in pages.items():
        temporary: str | None = None
        try:
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(page)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
            os.link(temporary, path)
            done.append(path)
        except OSError as error:
            for one in done:
                one.unlink(missing_ok=True)
            if isinstance(error, FileExistsError):
                raise UsageError(f"'{path}' is there already and is not overwritten.") from None
            raise UsageError(f"'{path}' cannot be written: {error.strerror}.") from None
        finally:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
    return tuple(done)


def _source(data: str | Path, suite: Path) -> DatasetSource:
    given = str(data)
    if given.startswith("sklearn:"):
        return DatasetSource(sklearn=given.removeprefix("sklearn:"))
    path = Path(data).expanduser()
    if not path.exists():
        raise UsageError(f"There is no file or folder '{data}'.")
    shown = _relative(path, suite.parent)
    if path.is_dir():
        saved = any((path / name).is_file() for name in ("dataset_info.json", "dataset_dict.json"))
        return DatasetSource(huggingface=shown) if saved else DatasetSource(images=shown)
    if path.suffix.lower() == ".zip":
        return DatasetSource(images=shown, label_pattern=_pattern(path))
    if path.suffix.lower() in (".npz", ".npy"):
        return DatasetSource(arrays=shown)
    return DatasetSource(path=shown)


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _pattern(archive: Path) -> str | None:
    """`_(?P<label>...)` where all images of a flat zip are called `00017_cat.jpg`."""
    import zipfile

    try:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if not name.endswith("/")]
    except (zipfile.BadZipFile, OSError):
        return None
    pattern = r"_(?P<label>[A-Za-z]+)\.\w+$"
    flat = bool(names) and all("/" not in name and re.search(pattern, name) for name in names)
    return pattern if flat else None


def _only_file(folder: Path) -> DatasetSource | None:
    found = sorted(path.name for path in folder.iterdir() if path.is_file() and _is_data(path))
    if len(found) > 1:
        raise UsageError(
            f"Several files here may be the data: {listed(found, limit=6)}; name one: seatrial init {found[0]}."
        )
    return _source(folder / found[0], folder / "suite.yaml") if found else None


def _is_data(path: Path) -> bool:
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    return bool(endings) and endings[-1] in TABLES and path.name != SCHEMA_FILE and not path.name.startswith(".")


def _test_part(data: LoadedDataset) -> dict[str, str] | None:
    """`{split: test}` where a column says which rows are for testing and which are not."""
    for name, values in data.columns.items():
        if plain(name) in ("split", "subset", "partition") and name != data.target and not isinstance(values, Digested):
            levels = {str(value) for value in values}
            found = next((level for level in ("test", "Test", "TEST") if level in levels and len(levels) > 1), None)
            if found is not None:
                return {name: found}
    return None


def _likely_target(data: LoadedDataset) -> str:
    """The last column with few values, else the last one: where tables keep it most often."""
    names = [name for name, values in data.columns.items() if not isinstance(values, Digested)]
    few = [name for name in names if 2 <= len({str(value) for value in data.columns[name]}) <= 50]
    return shell((few or names)[-1])
