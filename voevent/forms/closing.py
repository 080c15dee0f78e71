"""The form of a closing: outcome and summary, Tables of its tasks, decisions, and packets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from voevent.errors import InvalidError
from voevent.forms.body import Body, Value, mapping_group, param, params, prose, table, written
from voevent.forms.record import Record, mapping, rows, top_record
from voevent.identity import check_sha256
from voevent.kinds import Closing, Decided, Outcome, TaskOutcome, TaskSummary
from voevent.packet import Field, Packet
from voevent.wording import one_line, writable

TASKS = (
    Field(name="task", ucd="meta.id"),
    Field(name="outcome", ucd="meta.code.status"),
    Field(name="exposures", ucd="meta.number;obs", data_type="int"),
    Field(name="reason", ucd="meta.note"),
)
"""Columns of the summary of tasks."""

DECISIONS = (
    Field(name="time", ucd="time.epoch"),
    Field(name="rule", ucd="meta.id"),
    Field(name="text", ucd="meta.note"),
    Field(name="values", ucd="meta.note", description="JSON object of texts"),
)
"""Columns of the log of decisions."""

PACKETS = (
    Field(name="ivorn", ucd="meta.ref.ivoid"),
    Field(name="sha256", ucd="meta.checksum"),
)
"""Columns of the list of packets."""

_TASKS = "tasks"
_PACKETS = "packets"
_DECISIONS = "decisions"
_DETAILS = "details"

_MOST_BYTES = 40_000
"""Of all decisions, as they are written: a packet is bounded, and the list of packets stands in it, too."""
_LONGEST_TEXT = 400
_ESCAPED = {'"': "&quot;"}


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
        + table(_DECISIONS, DECISIONS, _written(closing.decisions))
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
        decisions=tuple(map(_read_decision, rows(packet, _DECISIONS))),
    )


def _read_task(row: Record) -> TaskSummary:
    return TaskSummary(
        task=row.text("task"),
        outcome=row.member("outcome", TaskOutcome),
        exposures=row.integer("exposures"),
        reason=row.optional("reason"),
    )


def _written(decisions: Sequence[Decided]) -> Iterator[tuple[Value, ...]]:
    """Give the rows of decisions, the first ones, as far as there is room."""
    left = _MOST_BYTES
    for number, each in enumerate(decisions):
        values = json.dumps(dict(each.values), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        row = (each.time, writable(each.rule), writable(each.text)[:_LONGEST_TEXT], writable(values))
        left -= sum(len(escape(written(cell), _ESCAPED).encode()) for cell in row)
        if left < 0:
            text = f"{len(decisions) - number} more decisions are in the dataset of records"
            yield each.time, "no-room", text, "{}"
            return
        yield row


def _read_decision(row: Record) -> Decided:
    return Decided(
        time=row.moment("time"),
        rule=row.text("rule"),
        text=row.optional("text"),
        values=_read_values(row),
    )


def _read_values(row: Record) -> dict[str, str]:
    said = row.optional("values") or "{}"
    try:
        values = json.loads(said)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise InvalidError(f"{row.what}: values is {one_line(said, 60)!r}, expected a JSON object of texts")
    return values
