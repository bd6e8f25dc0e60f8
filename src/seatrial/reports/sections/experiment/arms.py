"""The arms: how many units each has, against what was planned, and which model it serves."""

from seatrial.records import Readout
from seatrial.reports import numbers, words
from seatrial.reports.document import Cell, Column, Limits, Rows, Section, Table, rest


def build(readout: Readout, limits: Limits) -> Section | None:
    """Build the section."""
    if not readout.units:
        return None
    shown = readout.units[: limits.rows]
    planned = any(arm.planned_share is not None for arm in readout.units)
    models = any(arm.model is not None for arm in readout.units)
    rows = tuple(
        (
            Cell(text=arm.arm, note="control" if arm.arm == readout.arms[0] else ""),
            Cell(text=numbers.integer(arm.units)),
            Cell(text=numbers.percent(arm.share, decimals=2)),
            *((Cell(text=_share(arm.planned_share)),) if planned else ()),
            *((Cell(text=arm.model or "–"),) if models else ()),
        )
        for arm in shown
    )
    counted = words.units(readout.unit)
    return Section(
        id="arms",
        title="Who was in it",
        lead=_lead(readout, counted),
        blocks=(
            Table(
                caption=f"{counted.capitalize()} of each arm",
                groups=(Rows(rows=rows),),
                note=rest(len(shown), len(readout.units), "arms"),
                columns=(
                    Column(title="Arm"),
                    Column(title=counted.capitalize(), kind="number"),
                    Column(title="Share", kind="number"),
                    *((Column(title="Planned share", kind="number"),) if planned else ()),
                    *((Column(title="Model", narrow=False),) if models else ()),
                ),
            ),
        ),
    )


def _lead(readout: Readout, counted: str) -> str:
    total = numbers.integer(sum(arm.units for arm in readout.units))
    after = f" after {numbers.days(readout.days)}" if readout.days is not None else ""
    as_of = f", as of {numbers.moment(readout.as_of)}" if readout.as_of is not None else ""
    return f"{total} {counted} in {len(readout.arms)} arms{after}{as_of}."


def _share(share: float | None) -> str:
    return "–" if share is None else numbers.percent(share, decimals=2)
