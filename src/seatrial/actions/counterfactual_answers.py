"""Answers to both halves of counterfactual pairs: asked of a model, or read from a table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, UsageError
from seatrial.models.base import Answer, Model
from seatrial.records.run import ModelInfo
from seatrial.records.suite import Case, DatasetSource

Progress = Callable[[str, int, int], None]


def asked_of(
    model: Any,
    before: LoadedDataset,
    after: LoadedDataset,
    seed: int,
    trust_pickle: bool,
    case: Case | None,
    progress: Progress | None,
) -> tuple[ModelInfo, dict[str, Answer], dict[str, Answer]]:
    """Answers of both sides by id, asked by the runner; edits that repeat a text are asked again."""
    from seatrial.evaluation.runner import run_rows
    from seatrial.models.adapters import open_model
    from seatrial.storage.row_log import MemoryRowLog

    opened: Model = open_model(model, trust_pickle=trust_pickle)
    asked = case or Case(name="counterfactuals", dataset=DatasetSource(path="pairs"))
    found: list[dict[str, Answer]] = []
    try:
        for side in (before, after):
            if progress is not None:
                progress(f"{side.name}", 0, len(side))
            ran = run_rows(side, opened, case=asked, log=MemoryRowLog(), seed=seed)
            found.append({side.ids[one.row]: one.answer for one in ran.answers if one.repeat == 0})
        info = opened.info()
    finally:
        opened.close()
    return info, found[0], found[1]


def answers_in(
    predictions: Any,
    before: LoadedDataset,
    after: LoadedDataset,
    *,
    id: str | None,
    prediction: str | None,
    score: str | None,
) -> tuple[str, dict[str, Answer], dict[str, Answer]]:
    """Answers of both sides out of one table, by id."""
    columns, name = _columns(predictions)
    key = _chosen(columns, id, ("id",), name, "--id")
    if key is None:
        raise UsageError(f"{name} has no column 'id'; name the column of ids with --id.")
    label = _chosen(columns, prediction, ("prediction", "predicted", "label", "answer"), name, "--prediction")
    number = _chosen(columns, score, ("score", "probability", "prob"), name, "--score")
    if label is None and number is None:
        raise UsageError(f"{name} has neither a prediction nor a score; name one with --prediction or --score.")
    from seatrial.data.labels import label_text

    known: dict[str, Answer] = {}
    for at, row in enumerate(columns[key]):
        said = None if label is None else columns[label][at]
        value = None if number is None else columns[number][at]
        if value is not None and not isinstance(value, (int, float)):
            raise DataError(f"{name}: the score of id '{row}' is '{value!s:.40}', which is no number.")
        answer = (
            Answer(reason="no answer in the file")
            if said is None and value is None
            else Answer(
                prediction=label_text(said) if isinstance(said, bool) else said,
                score=None if value is None else float(value),
            )
        )
        text = row if isinstance(row, str) else label_text(row)
        if text in known:
            raise DataError(f"{name}: id '{text}' is there twice.")
        known[text] = answer
    wanted = set(after.ids)
    have = sum(one in known for one in wanted)
    if have == 0:
        raise DataError(
            f"{name} has no answer for any edited text: its ids must be those of the pairs (such as "
            f"'{after.ids[0]:.60}'); write them with 'counterfactual build --rows FILE'."
        )
    lost = Answer(reason="no row with this id in the predictions")
    return (
        name,
        {one: known.get(one, lost) for one in before.ids},
        {one: known.get(one, lost) for one in after.ids},
    )


def _columns(given: Any) -> tuple[dict[str, list[Any]], str]:
    from seatrial.data.datasets.files import columns_of, read_columns
    from seatrial.data.tables import open_table

    if isinstance(given, (str, Path)):
        path = Path(given)
        return read_columns(path), path.name
    return columns_of(open_table(given, name="predictions")), "predictions"


def _chosen(
    columns: dict[str, list[Any]], named: str | None, usual: tuple[str, ...], name: str, option: str
) -> str | None:
    if named is not None:
        if named not in columns:
            raise UsageError(f"{name} has no column '{named}' ({option}). Its columns: {', '.join(columns)}.")
        return named
    return next((one for one in usual if one in columns), None)
