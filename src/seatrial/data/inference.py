"""Inference: roles that no name tells, found by comparing the first rows of two files."""

from collections.abc import Mapping
from dataclasses import replace

from seatrial.data.roles import ROW, Given, Roles, is_score, number
from seatrial.data.source import Source
from seatrial.errors import UsageError, listed

_MOST_COLUMNS = 300
_LEAST_ROWS = 5

Values = dict[str, list[str | None]]


def infer(baseline: Source, candidate: Source, roles: Roles, given: Given) -> tuple[Given, tuple[str, ...]]:
    """Return options completed by what the values of two files tell, and a sentence for each.

    The target is the column that is equal in both files, row by row; the prediction is one that differs and holds the
    target's labels; a column of fractions in 0..1 that differs is a score. Raises `UsageError` naming the candidates
    when several columns fit.
    """
    common = [name for name in baseline.columns[:_MOST_COLUMNS] if name in candidate.places]
    common = [name for name in common if name not in (roles.id, roles.cluster, roles.weight)]
    first, second = _paired(baseline, candidate, common, roles.id)
    rows = len(next(iter(first.values()), []))
    if rows < _LEAST_ROWS:
        return given, ()
    equal = [name for name in common if first[name] == second[name]]
    differing = [name for name in common if name not in equal]
    guesses: list[str] = []
    target = roles.target
    if target is None:
        pairs = [(t, p) for t in equal for p in differing if _answers(first, second, t, p)]
        targets = list(dict.fromkeys(t for t, _ in pairs))
        if not targets and any(is_score(first[name]) for name in differing):
            targets = [name for name in equal if len(_present(first[name])) == 2]
        target = _only(baseline, "target", targets, equal)
        if target is not None:
            guesses.append(f"target = column '{target}', since it is equal in both files (--target)")
    if target is not None and roles.prediction is None and roles.score is None and not roles.scores:
        fits = [name for name in differing if _answers(first, second, target, name)]
        prediction = _only(baseline, "prediction", fits, differing)
        scores = [name for name in differing if is_score(first[name]) and is_score(second[name]) and name not in fits]
        if prediction is not None:
            guesses.append(
                f"prediction = column '{prediction}', since it differs and holds the target's labels (--prediction)"
            )
            given = replace(given, prediction=prediction)
        if len(scores) == 1 or (scores and prediction is None):
            score = _only(baseline, "score", scores, differing)
            guesses.append(f"score = column '{score}', since it differs and holds fractions (--score)")
            given = replace(given, score=score)
    return replace(given, target=given.target or target), tuple(guesses)


def _only(source: Source, role: str, fits: list[str], among: list[str]) -> str | None:
    if len(fits) > 1:
        raise UsageError(
            f"{source.name}: the {role} could be {listed((repr(name) for name in fits), limit=6)}; say which with "
            f"--{role}."
        )
    return fits[0] if fits and among else None


def _answers(first: Values, second: Values, target: str, prediction: str) -> bool:
    """Return whether a column could be the prediction of a target: the same few labels, or numbers as well."""
    labels = _present(first[target])
    answers = _present(first[prediction]) | _present(second[prediction])
    if len(labels) < 2 or not answers:
        return False
    if len(labels) <= max(20, len(first[target]) // 4):
        return answers <= labels
    numeric = [number(value) for value in [*labels, *answers]]
    return all(value is not None for value in numeric) and not (
        is_score(first[prediction]) and not is_score(first[target])
    )


def _present(values: list[str | None]) -> set[str]:
    return {value for value in values if value is not None}


def _paired(baseline: Source, candidate: Source, names: list[str], id: str | None) -> tuple[Values, Values]:
    """Return the sampled values of both files on the same examples: by id where there is one, else by position."""
    by_id = id is not None and id != ROW and id in candidate.places
    wanted = [*names, id] if by_id and id is not None else names
    first, second = baseline.sample(wanted), candidate.sample(wanted)
    if by_id and id is not None:
        at = _positions(second[id])
        matched = [(row, at[key]) for row, key in enumerate(first[id]) if key is not None and key in at]
    else:
        rows = min((len(values) for values in [*first.values(), *second.values()]), default=0)
        matched = [(row, row) for row in range(rows)]
    return (
        {name: [first[name][row] for row, _ in matched] for name in names},
        {name: [second[name][row] for _, row in matched] for name in names},
    )


def _positions(ids: list[str | None]) -> Mapping[str, int]:
    return {key: row for row, key in reversed(list(enumerate(ids))) if key is not None}
