"""The form of a status: the state and its text, the plan's tasks as a Table."""

from __future__ import annotations

from voevent.forms.body import Body, mapping_group, names_list, param, params, prose, table
from voevent.forms.record import Record, mapping, rows, top_record
from voevent.kinds import PlannedTask, Status, StatusState
from voevent.packet import Field, Packet

PLAN = (
    Field(name="task", ucd="meta.id"),
    Field(name="start", ucd="time.start;obs"),
    Field(name="filters", ucd="meta.id;instr.filter", description="in order, separated by spaces"),
    Field(name="exposure", unit="s", ucd="time.duration;obs.exposure", data_type="float"),
    Field(name="count", ucd="meta.number;obs", data_type="int"),
    Field(name="airmass", ucd="obs.airMass", data_type="float"),
)
"""Columns of a plan."""

_TASKS = "plan"
_DETAILS = "details"


def write(status: Status) -> Body:
    """Lay a status out."""
    return Body(
        params=params(param("state", status.state, ucd="meta.code.status"), prose("text", status.text)),
        groups=mapping_group(_DETAILS, status.details),
        tables=table(
            _TASKS,
            PLAN,
            (
                (
                    task.task,
                    task.start,
                    names_list("filters", task.filters),
                    float(task.exposure_s),
                    task.count,
                    None if task.airmass is None else float(task.airmass),
                )
                for task in status.tasks
            ),
        ),
    )


def read(packet: Packet) -> Status:
    """Read a status back."""
    record = top_record(packet)
    return Status(
        state=record.member("state", StatusState),
        text=record.optional("text"),
        tasks=tuple(map(_read_task, rows(packet, _TASKS))),
        details=mapping(packet, _DETAILS),
    )


def _read_task(row: Record) -> PlannedTask:
    return PlannedTask(
        task=row.text("task"),
        start=row.moment("start"),
        filters=tuple(row.optional("filters").split()),
        exposure_s=row.number("exposure"),
        count=row.integer("count"),
        airmass=row.optional_number("airmass"),
    )
