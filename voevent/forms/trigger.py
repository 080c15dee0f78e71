"""The form of a trigger: position and trigger time in WhereWhen, the notice's parameters in a Group."""

from __future__ import annotations

from voevent.errors import InvalidError
from voevent.forms.body import Body, mapping_group, param, params, prose, unknown_radius
from voevent.forms.record import mapping, position_of, top_record
from voevent.kinds import Trigger, TriggerAction
from voevent.packet import Packet

_FEATURES = "features"


def write(trigger: Trigger) -> Body:
    """Lay a trigger out."""
    return Body(
        params=params(
            param("action", trigger.action, ucd="meta.code"),
            param("revision", trigger.revision, ucd="meta.version"),
            param("burst", trigger.burst, ucd="meta.id;src"),
            param("telescope", trigger.telescope, ucd="meta.id;instr.tel"),
            param("instrument", trigger.instrument, ucd="meta.id;instr"),
            param("notice_ivorn", trigger.notice.ivorn, ucd="meta.ref.ivoid"),
            param("notice_sha256", trigger.notice.sha256, ucd="meta.checksum"),
            prose("reason", trigger.reason),
            unknown_radius(trigger.position),
        ),
        groups=mapping_group(_FEATURES, trigger.features),
        position=trigger.position,
        event_time=trigger.trigger_time,
    )


def read(packet: Packet) -> Trigger:
    """Read a trigger back."""
    record = top_record(packet)
    if packet.event_time is None:
        raise InvalidError("trigger: the trigger time (ISOTime) is missing")
    trigger = Trigger(
        burst=record.text("burst"),
        telescope=record.text("telescope"),
        action=record.member("action", TriggerAction),
        revision=record.integer("revision"),
        trigger_time=packet.event_time,
        position=position_of(packet),
        instrument=record.optional("instrument"),
        notice=record.packet_id("notice_ivorn", "notice_sha256"),
        features=mapping(packet, _FEATURES),
        reason=record.optional("reason"),
    )
    if trigger.action is TriggerAction.OBSERVE and trigger.position is None:
        raise InvalidError("trigger: it asks to observe but has no position")
    return trigger
