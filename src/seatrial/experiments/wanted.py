"""Which table each name of a formula comes from, when units are made of exposures, events and a pre-period table."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.experiments.columns import EVENTS, Reads, reads
from seatrial.experiments.tables import Opened, Uses
from seatrial.records.plan import ExperimentMetric, Plan


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is needed of each table."""

    reads: tuple[Reads, ...]
    of_events: tuple[tuple[str, ...], ...]
    """Per metric: the names that events give, `events` among them."""
    of_units: tuple[tuple[tuple[str, str], ...], ...]
    """Per metric: (name, `exposures` or `pre`) of the columns a unit has from the start."""
    covariates: tuple[tuple[str, str], ...]
    """(name, table) of all metrics' covariates."""
    segments: tuple[tuple[str, str], ...]
    planned: frozenset[str]
    named_events: tuple[str, ...]
    """Names that can only be those of events."""
    exposures: Uses
    events: Uses
    pre: Uses


def wanted(
    metrics: Sequence[ExperimentMetric],
    exposures: Opened,
    events: Opened,
    pre: Opened | None,
    *,
    plan: Plan | None,
    segments: Sequence[str],
) -> Wanted:
    """Find every name; raises `UsageError` for one that is nowhere."""
    tables = {"pre": pre, "exposures": exposures}
    before = [name for one in tables.values() if one is not None for name in one.source.columns]
    read = tuple(reads(one, known=None, before=before, rows=events.source.columns) for one in metrics)
    use: dict[str, dict[str, dict[str, None]]] = {
        table: {"segments": {}, "numbers": {}, "texts": {}} for table in ("exposures", "events", "pre")
    }
    of_events: list[tuple[str, ...]] = []
    of_units: list[tuple[tuple[str, str], ...]] = []
    named: dict[str, None] = {}
    for one in read:
        mine: dict[str, None] = {}
        units: list[tuple[str, str]] = []
        for name in one.columns:
            text = name in one.texts
            table = _table_of(name, exposures, events, pre, text=text, metric=one.metric.name)
            if table in ("events", "number", "named"):
                mine[name] = None
                if table == "named":
                    named[name] = None
                elif table == "events":
                    use["events"]["numbers"][name] = None
            else:
                units.append((name, table))
                use[table]["texts" if text else "numbers"][name] = None
        for name in one.where_columns:
            use["events"]["texts" if name in one.where_texts else "numbers"][name] = None
        of_events.append(tuple(mine))
        of_units.append(tuple(units))
    covariates: dict[tuple[str, str], None] = {}
    for name in (name for one in read for name in one.covariates):
        table = "pre" if pre is not None and name in pre.source.columns else "exposures"
        covariates[name, table] = None
        use[table]["numbers"][name] = None
    split: list[tuple[str, str]] = []
    planned = () if plan is None else plan.segments
    for name in dict.fromkeys([*planned, *segments]):
        in_pre = exposures.source.find(name) is None and pre is not None and pre.source.find(name) is not None
        chosen = pre if in_pre and pre is not None else exposures
        exact = chosen.source.columns[chosen.source.place(name, option="--segment")]
        split.append((exact, "pre" if in_pre else "exposures"))
        use["pre" if in_pre else "exposures"]["segments"][exact] = None
    return Wanted(
        reads=read,
        of_events=tuple(of_events),
        of_units=tuple(of_units),
        covariates=tuple(covariates),
        segments=tuple(split),
        planned=frozenset(planned),
        named_events=tuple(named),
        exposures=_uses(use["exposures"]),
        events=_uses(use["events"]),
        pre=_uses(use["pre"]),
    )


def _uses(found: dict[str, dict[str, None]]) -> Uses:
    return Uses(segments=tuple(found["segments"]), numbers=tuple(found["numbers"]), texts=tuple(found["texts"]))


def _table_of(name: str, exposures: Opened, events: Opened, pre: Opened | None, *, text: bool, metric: str) -> str:
    in_exposures = name in exposures.source.columns
    in_pre = pre is not None and name in pre.source.columns
    if name in events.source.columns and not (text and (in_exposures or in_pre)):
        if text:
            raise UsageError(
                f"Metric '{metric}' compares '{name}' of single events with words, but a unit has many events; put the"
                f" condition into its where, or segment by {name}."
            )
        return "events"
    if name == EVENTS:
        return "number"
    if in_exposures or in_pre:
        return "exposures" if in_exposures else "pre"
    if events.event is not None:
        return "named"
    known = [*events.source.columns, *exposures.source.columns, *(pre.source.columns if pre is not None else ())]
    names = list(dict.fromkeys(known))
    raise UsageError(
        f"Metric '{metric}': there is no column '{name}'.{did_you_mean(name, names)} The columns are: {listed(names)}."
    )
