"""The form of a closing: outcome and summary, Tables of the tasks and of every packet of the campaign."""

from __future__ import annotations

from voevent.forms.body import Body, mapping_group, param, params, prose, table
from voevent.forms.record import Record, mapping, rows, top_record
from voevent.identity import check_sha256
from voevent.kinds import Closing, Outcome, TaskOutcome, TaskSummary
from voevent.packet import Field, Packet
from voevent.wording import writable

TASKS = (
    Field(name="task", ucd="meta.id"),
    Field(name="outcome", ucd="meta.code.status"),
    Field(name="exposures", ucd="meta.number;obs", data_type="int"),
    Field(name="reason", ucd="meta.note"),
)
"""Columns of the summary of tasks."""

PACKETS = (
    Field(name="ivorn", ucd="meta.ref.ivoid"),
    Field(name="sha256", ucd="meta.checksum"),
)
"""Columns of the list of packets."""

_TASKS = "tasks"
_PACKETS = "packets"
_DETAILS = "details"


def write(closing: Closing) -> Body:
    """Lay a closing out."""
    return Body(
        params=params(
            param("outcome", closing.outcome, ucd="meta.code.status"),
            prose("summary", closing.summary),
        ),
        groups=mapping_group(_DETAILS, closing.details),
        tables=table(
            _TASKS, TASKS, ((t.task, t.outcome, t.exposures, writable(t.reason)) for t in closing.tasks)
        )
        + table(_PACKETS, PACKETS, ((p.ivorn, check_sha256(p.sha256)) for p in closing.packets)),
    )


def read(packet: Packet) -> Closing:
    """Read a closing back."""
    record = top_record(packet)
    return Closing(
        outcome=record.member("outcome", Outcome),
        summary=record.optional("summary"),
        tasks=tuple(map(_read_task, rows(packet, _TASKS))),
        packets=tuple(row.packet_id("ivorn", "sha256") for row in rows(packet, _PACKETS)),
        details=mapping(packet, _DETAILS),
    )


def _read_task(row: Record) -> TaskSummary:
    return TaskSummary(
        task=row.text("task"),
        outcome=row.member("outcome", TaskOutcome),
        exposures=row.integer("exposures"),
        reason=row.optional("reason"),
    )
