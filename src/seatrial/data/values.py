"""Values: numeric columns that formulas name, and operational columns, found for every version that has them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seatrial.data.predictions import Predictions
from seatrial.data.roles import plain
from seatrial.data.staging import Table
from seatrial.errors import UsageError, did_you_mean, listed

_OPERATIONAL = re.compile(
    r"(.*_)?(latency|cost|price|tokens?|duration|throughput|memory|seconds|elapsed|runtime)(_.*)?"
    r"|.*_(ms|usd|eur|seconds|secs|tokens)"
)


@dataclass(frozen=True, kw_only=True)
class Value:
    """One numeric column of the frame and where each version has it."""

    name: str
    columns: Mapping[int, str]
    """Version to the column of its own source."""
    shared: bool = False
    """True for a feature of the example that only one file holds: all versions take it from there."""

    @property
    def present(self) -> frozenset[int]:
        return frozenset(self.columns)

    def read_from(self, version: int) -> str | None:
        """Return the column to read from a version's own source, None when nothing of it is."""
        if self.shared and version != min(self.columns):
            return None
        return self.columns.get(version)

    def sql(self, version: int, tables: Mapping[int, Table]) -> str:
        """Return SQL of this value for a version."""
        if version not in self.columns:
            return "CAST(NULL AS DOUBLE)"
        home = min(self.columns) if self.shared else version
        table = tables[home]
        return f"{table.alias}.v{table.stage.source.places[self.columns[home]]}"


def is_operational(name: str) -> bool:
    """Return whether a column's name says that it measures how a version runs: latency, cost, tokens, memory.

    >>> is_operational("latency_ms"), is_operational("age")
    (True, False)
    """
    return _OPERATIONAL.fullmatch(plain(name)) is not None


def find_values(versions: Sequence[Predictions], named: Sequence[str]) -> list[Value]:
    """Return the columns that formulas name, then the operational ones of every version's own file.

    Raises `UsageError` for a named column that no file has.
    """
    values = [_named(versions, name) for name in dict.fromkeys(named)]
    taken = {plain(value.name) for value in values}
    for at, one in enumerate(versions):
        for name in one.source.columns:
            base = _of_model(name, one) or name
            if plain(base) in taken or name in {*one.roles.columns, *one.described} or not is_operational(base):
                continue
            columns = _per_version(versions, base)
            if columns.get(at) != name or not _numeric(one, name):
                continue
            taken.add(plain(base))
            values.append(Value(name=base, columns=columns))
    return values


def _named(versions: Sequence[Predictions], name: str) -> Value:
    columns = {at: column for at, one in enumerate(versions) if (column := _own(one, name)) is not None}
    if not columns:
        every = list(dict.fromkeys(column for one in versions for column in one.source.columns))
        raise UsageError(f"There is no column '{name}'.{did_you_mean(name, every)} The columns are: {listed(every)}.")
    if len(columns) < len(versions) and not is_operational(name):
        home = min(columns)
        return Value(
            name=name, columns={home: columns[home]} | dict.fromkeys(range(len(versions)), columns[home]), shared=True
        )
    return Value(name=name, columns=columns)


def _own(one: Predictions, name: str) -> str | None:
    """Return the column of a version's source that holds a value: its own where models lie side by side."""
    if one.column is not None:
        for own in (f"{one.column}_{name}", f"{name}_{one.column}"):
            found = one.source.find(own)
            if found is not None:
                return one.source.columns[found]
    found = one.source.find(name)
    return None if found is None else one.source.columns[found]


def _of_model(name: str, one: Predictions) -> str | None:
    """Return `latency_ms` of the column `<model>_latency_ms` or `latency_ms_<model>`."""
    if one.column is None:
        return None
    if name.startswith(f"{one.column}_"):
        return name[len(one.column) + 1 :]
    return name[: -len(one.column) - 1] if name.endswith(f"_{one.column}") else None


def _per_version(versions: Sequence[Predictions], name: str) -> dict[int, str]:
    """Return each version's own column; a column that models side by side share belongs to none of them."""
    columns: dict[int, str] = {}
    for at, one in enumerate(versions):
        own = _own(one, name)
        if own is None or own in one.roles.columns:
            continue
        shared = any(
            other is not one
            and other.source.identity == one.source.identity
            and _own(other, name) == own
            and other.model == one.model
            and other.column != one.column
            for other in versions
        )
        if not shared:
            columns[at] = own
    return columns


def _numeric(one: Predictions, name: str) -> bool:
    """Return whether the first rows of a column hold at least one number and hardly anything else."""
    values = [value for value in one.source.sample([name])[name] if value is not None]
    numbers = 0
    for value in values:
        try:
            float(value)
            numbers += 1
        except ValueError:
            pass
    return numbers > 0 and numbers >= 0.5 * len(values)
