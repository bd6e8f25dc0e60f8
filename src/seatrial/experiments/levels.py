"""Levels of arms, phases and segments, and their integer codes in SQL."""

from collections.abc import Mapping, Sequence

from seatrial.data.engine import literal
from seatrial.errors import DataError, UsageError, did_you_mean, listed

MISSING = "(missing)"
MOST_LEVELS = 200
MOST_ARMS = 50
CONTROLS = ("control", "a", "baseline", "off", "0", "false")


def canonical(levels: Sequence[str]) -> dict[str, str]:
    """Each level as it is shown: numbers without a fraction (1.0 is 1) where all levels are numbers.

    >>> canonical(["0.0", "1.0"]), canonical(["1.0", "b"])
    ({'0.0': '0', '1.0': '1'}, {'1.0': '1.0', 'b': 'b'})
    """
    shown: dict[str, str] = {}
    for level in levels:
        try:
            number = float(level)
        except ValueError:
            return {one: one for one in levels}
        whole = abs(number) < 1e15 and number == int(number)
        shown[level] = str(int(number)) if whole else level
    return shown


def in_order(levels: Sequence[str]) -> list[str]:
    """Levels by number where all are numbers, else by name."""
    try:
        return sorted(levels, key=lambda level: (float(level), level))
    except ValueError:
        return sorted(levels)


def arms_in_order(seen: Sequence[str], *, control: str | None, planned: Sequence[str], where: str) -> tuple[str, ...]:
    """The arms, the control first: the plan's, else those seen.

    Raises `UsageError` when the control is not said and not to be told by its name, `DataError` with fewer than two.
    """
    if planned:
        if control is not None and control != planned[0]:
            raise UsageError(f"The plan's control is '{planned[0]}', not '{control}'; leave out --control.")
        if seen and not {one.casefold() for one in seen} & {one.casefold() for one in planned}:
            raise DataError(
                f"{where} holds none of the plan's arms {listed(planned)}; it holds {listed(in_order(seen))}."
            )
        return tuple(planned)
    if len(seen) > MOST_ARMS:
        raise UsageError(f"{where} has {len(seen):,} different values, so it is no column of arms; name it with --arm.")
    named = in_order(seen)
    if len(named) < 2:
        raise DataError(
            f"{where} holds {f'only the arm {named[0]!r}' if named else 'no arm'}; two arms are needed to compare."
        )
    if control is None:
        fit = [name for name in named if name.casefold() in CONTROLS]
        if len(fit) != 1:
            raise UsageError(f"The arms are {listed(named)}; say which is the control: --control {named[0]}.")
        control = fit[0]
    elif control not in named:
        alike = [name for name in named if name.casefold() == control.casefold()]
        if len(alike) != 1:
            raise UsageError(
                f"There is no arm '{control}' (--control).{did_you_mean(control, named)} The arms are {listed(named)}."
            )
        control = alike[0]
    return control, *(name for name in named if name != control)


def arm_codes(seen: Sequence[str], arms: Sequence[str]) -> dict[str, int]:
    """Code of every value of the arm column that is one of `arms`: exactly, as the same number, or in other case."""
    shown, codes = canonical(seen), {}
    folded = {arm.casefold(): at for at, arm in enumerate(arms)}
    numbers = {canonical([arm])[arm]: at for at, arm in enumerate(arms)}
    for value in seen:
        if value in arms:
            codes[value] = arms.index(value)
        elif shown[value] in arms:
            codes[value] = arms.index(shown[value])
        elif shown[value] in numbers:
            codes[value] = numbers[shown[value]]
        elif len(folded) == len(arms) and value.casefold() in folded:
            codes[value] = folded[value.casefold()]
    return codes


def segment_levels(counts: Mapping[str | None, int], *, name: str) -> tuple[str, ...]:
    """Levels of a segment column from its values; `(missing)` comes last.

    Raises `UsageError` when there are too many to be segments.
    """
    present = [value for value in counts if value is not None and value != MISSING]
    if len(present) > MOST_LEVELS:
        raise UsageError(
            f"--segment {name}: the column has {len(present):,} different values; at most {MOST_LEVELS} can be"
            " segments. Put them into groups first."
        )
    missing = len(present) < len(counts)
    return (*in_order(present), *((MISSING,) if missing else ()))


def position_sql(column: str, levels: Sequence[str], *, otherwise: int | None = None, all_known: bool = False) -> str:
    """The same as `code_sql` for levels coded 0, 1, ...; for many rows in DuckDB, where a long CASE is slow.

    `all_known`: the column holds nothing else.
    """
    if len(levels) < 4:
        return code_sql(column, {level: code for code, level in enumerate(levels)}, otherwise=otherwise)
    last = "NULL" if otherwise is None else str(otherwise)
    place = f"list_position([{', '.join(literal(level) for level in levels)}], {column})"
    if all_known:
        return f"CAST({place} - 1 AS INTEGER)"
    return f"CAST(CASE WHEN {place} > 0 THEN {place} - 1 ELSE {last} END AS INTEGER)"


def code_sql(column: str, codes: Mapping[str, int], *, otherwise: int | None = None) -> str:
    """SQL of a level's integer code; `otherwise` (NULL when not given) for anything else."""
    last = "NULL" if otherwise is None else str(otherwise)
    if not codes:
        return f"CAST({last} AS INTEGER)"
    cases = " ".join(f"WHEN {literal(level)} THEN {code}" for level, code in codes.items())
    return f"CASE {column} {cases} ELSE {last} END"
