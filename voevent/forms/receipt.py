"""The form of a receipt: the packet it is about is its first citation."""

from __future__ import annotations

from voevent.errors import InvalidError
from voevent.forms.body import Body, mapping_group, param, params, prose
from voevent.forms.record import CITED_SHA256, Record, mapping, top_record
from voevent.kinds import Receipt, ReceiptOutcome
from voevent.packet import Packet

_DETAILS = "details"


def write(receipt: Receipt) -> Body:
    """Lay a receipt out; its citation is written with the packet's others."""
    return Body(
        params=params(
            param("outcome", receipt.outcome, ucd="meta.code.status"),
            prose("reason", receipt.reason),
        ),
        groups=mapping_group(_DETAILS, receipt.details),
    )


def read(packet: Packet) -> Receipt:
    """Read a receipt back."""
    record = top_record(packet)
    if not packet.citations:
        raise InvalidError("receipt: it cites no packet")
    cited = Record(
        "receipt",
        {"ivorn": packet.citations[0].ivorn, CITED_SHA256: packet.param(CITED_SHA256) or ""},
    )
    return Receipt(
        cited=cited.packet_id("ivorn", CITED_SHA256),
        outcome=record.member("outcome", ReceiptOutcome),
        reason=record.optional("reason"),
        details=mapping(packet, _DETAILS),
    )
