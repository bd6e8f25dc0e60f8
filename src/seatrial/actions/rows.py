"""Rows with their roles, of a file, a folder of images, or columns in memory."""

from pathlib import Path
from typing import Any

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, UsageError, listed
from seatrial.records.suite import Case, CaseRoles, DatasetSource


def rows_of(data: Any, roles: CaseRoles, inputs: tuple[str, ...] = (), *, seed: int = 0) -> LoadedDataset:
    """Return the rows of `data` (a path, columns in memory, or rows already loaded); `inputs` go before a guess.

    >>> rows_of({"id": ["a", "b"], "text": ["x", "y"], "label": [1, 0]}, CaseRoles(target="label")).inputs
    ('text',)

    Raises `UsageError` for a column that is not there, `DataError` for data that cannot be read.
    """
    from seatrial.data.datasets import load_dataset

    if isinstance(data, LoadedDataset):
        return data
    if not isinstance(data, (str, Path)):
        return _in_memory(data, roles, inputs)
    path = Path(data)
    source = DatasetSource(images=str(path)) if path.is_dir() else DatasetSource(path=str(path))
    case = Case(name="data", dataset=source, roles=roles.model_copy(update={"inputs": inputs}))
    return load_dataset(source, case=case, folder=".", seed=seed)


def _in_memory(data: Any, roles: CaseRoles, inputs: tuple[str, ...]) -> LoadedDataset:
    from seatrial.data.datasets.content import fingerprint
    from seatrial.data.datasets.files import columns_of
    from seatrial.data.labels import label_text
    from seatrial.data.tables import open_table

    columns = columns_of(open_table(data, name="data"))
    named = {option: getattr(roles, option) for option in ("id", "target", "time", "group")}
    for option, name in (*named.items(), *(("column", one) for one in inputs)):
        if name is not None and name not in columns:
            raise UsageError(f"The data have no column '{name}' ({option}). Columns: {listed(columns)}.")
    key = roles.id or ("id" if "id" in columns else None)
    n = len(next(iter(columns.values())))
    ids = tuple(label_text(value) for value in columns[key]) if key else tuple(map(str, range(n)))
    if len(set(ids)) < n:
        raise DataError(f"Column '{key}' names some rows twice; ids must be distinct.")
    if roles.target is not None:
        labels = [None if value is None else label_text(value) for value in columns[roles.target]]
        columns = {**columns, roles.target: labels}
    taken = {key, *named.values()}
    return LoadedDataset(
        name="data",
        ids=ids,
        columns=columns,
        inputs=inputs or tuple(name for name in columns if name not in taken),
        fingerprint=fingerprint(columns),
        target=roles.target,
        positive=roles.positive,
        time=roles.time,
        group=roles.group,
        has_id=key is not None,
    )
