"""VOEvent packets: exact bytes on one side, frozen typed values on the other.

Here live parsing (tolerant), validation (strict), building, identity and the kinds of packet that the
sites of a campaign exchange. Nothing here reads a file but its own grammar, opens a socket or asks for
the time.
"""

from voevent.build import build
from voevent.errors import HostileError, InvalidError, MalformedError, OversizedError, VOEventError
from voevent.identity import author_of, receipt_ivorn, trigger_ivorn
from voevent.notice import Notice, read_notice
from voevent.packet import MAX_PACKET_BYTES, Packet, PacketId, SkyPosition
from voevent.parse import parse
from voevent.read import kind_of, read
from voevent.summary import summarise
from voevent.validate import validate, violations

__all__ = [
    "MAX_PACKET_BYTES",
    "HostileError",
    "InvalidError",
    "MalformedError",
    "Notice",
    "OversizedError",
    "Packet",
    "PacketId",
    "SkyPosition",
    "VOEventError",
    "author_of",
    "build",
    "kind_of",
    "parse",
    "read",
    "read_notice",
    "receipt_ivorn",
    "summarise",
    "trigger_ivorn",
    "validate",
    "violations",
]
