"""The vocabulary of SVOM's notices.

References
----------
SVOM notices as distributed through GCN (topics ``gcn.notices.svom.voevent.*``), 2026.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from voevent.packet import Packet
from voevent.times import read_iso

IDENTIFIERS = "Svom_Identifiers"
"""Group with the burst's name."""

DETECTION = "Detection_Info"
"""Group about the detection."""


class SvomPacketType(IntEnum):
    """What a SVOM notice reports (its Param ``Packet_Type``)."""

    GRM_TRIGGER = 201
    """The gamma-ray monitor triggered; no position."""
    ECLAIRS_WAKEUP = 202
    """ECLAIRs found a new source; its first position."""
    ECLAIRS_CATALOG = 203
    """ECLAIRs saw a known source flare."""
    SLEWING = 204
    """The satellite turns to the source."""
    NOT_SLEWING = 205
    """The satellite does not turn to the source."""
    MXT_INITIAL = 209
    """The X-ray telescope's first position; its time is that of the X-ray observation."""
    MXT_UPDATE = 210
    """The X-ray telescope's refined position; its time is that of the X-ray observation."""
    RETRACTION = 219
    """There was no burst."""


def burst_id(packet: Packet) -> str | None:
    """Give the name of the burst, e.g. ``sb26042105``; None when the packet is not a SVOM notice."""
    return packet.param("Burst_Id", IDENTIFIERS)


def packet_type(packet: Packet) -> int | None:
    """Give the number of the notice's type; None when there is none."""
    said = (packet.param("Packet_Type") or "").strip()
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= 9 else None


def trigger_time(packet: Packet) -> datetime | None:
    """When the burst began, as far as the notice tells.

    That is the start of the window in which the burst was detected; WhereWhen repeats it, except in MXT's
    notices, where it is the start of an observation up to hours later. ``Alert_Seq_T0``, a little after the
    start of the window, is second best.
    """
    window = _time(packet, "Time_Window_Start", DETECTION)
    if window is not None:
        return window
    sequence = _time(packet, "Alert_Seq_T0", IDENTIFIERS)
    if packet_type(packet) in {SvomPacketType.MXT_INITIAL, SvomPacketType.MXT_UPDATE}:
        return sequence
    return packet.event_time or sequence


def _time(packet: Packet, name: str, group: str) -> datetime | None:
    try:
        return read_iso(packet.param(name, group) or "")
    except ValueError:
        return None
