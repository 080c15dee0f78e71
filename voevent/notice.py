"""What an alert of anybody's says to a campaign: which burst, when, where, or that there was none.

References
----------
SVOM notices (`voevent.svom`). GCN notices of Swift, Fermi, INTEGRAL, GECAM and the IPN: Params ``TrigID``,
``Packet_Type``, the flags ``Def_NOT_a_GRB`` and ``Test_Submission``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from voevent import svom
from voevent.errors import InvalidError
from voevent.forms.record import position_of
from voevent.identity import check_burst
from voevent.packet import Citation, CiteKind, Packet, PacketId, Param, Role, SkyPosition
from voevent.read import kind_of
from voevent.wording import one_line

_TRIGGER_NUMBERS = ("TrigID", "Trigger_Number")
_NOT_A_BURST = {"Def_NOT_a_GRB", "Definite_NOT_GRB", "Definite_NOT_a_GRB"}
_TEST = {"Test_Submission", "Test_Notice"}
_DETECTORS = {"BAT", "XRT", "UVOT", "GBM", "LAT", "SPIACS", "WAM", "GRID", "MCAL", "WXT", "FXT"}
_MOST_FEATURES = 200
_LONGEST_FEATURE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """An alert, as a campaign needs it.

    Attributes
    ----------
    burst
        Fit to name a burst: SVOM's ``Burst_Id``, else ``swift-666931`` and the like from the trigger number,
        else from the stream and the time.
    instrument
        Who saw it, e.g. ``ECLAIRs`` or ``SWIFT-BAT``.
    packet_type
        Number of the notice's type in its author's vocabulary.
    trigger_time
        UTC; the burst's T0 if `dates_burst`.
    dates_burst
        False when `trigger_time` is not T0: in MXT's notices it is the start of the X-ray observation, and
        in a retraction without any time the date of the notice. Earlier notices of the burst know better.
    position
        None when the alert has none.
    retraction
        Whether it says that there was no burst; `cites` says which notices it takes back.
    drill
        Whether it is a test.
    features
        Parameters that strategies choose by: top-level Params by name, those of a Group by name too, or by
        ``Group.Name`` when that name is taken.
    cites
        Earlier notices, which need not have been public.
    """

    id: PacketId
    burst: str
    instrument: str
    packet_type: int | None
    trigger_time: datetime
    dates_burst: bool
    position: SkyPosition | None
    retraction: bool
    drill: bool
    features: Mapping[str, str] = field(default_factory=dict)
    cites: tuple[Citation, ...] = ()


def read_notice(packet: Packet) -> Notice:
    """Read an alert.

    Raises
    ------
    InvalidError
        When the packet is not about something observed, is one of our own, or has no time.
    """
    if kind_of(packet) is not None:
        raise InvalidError(f"{one_line(packet.ivorn)} is a packet of a campaign, not an alert")
    if packet.role in {Role.PREDICTION, Role.UTILITY}:
        raise InvalidError(f"{one_line(packet.ivorn)} reports no event: its role is {packet.role}")
    retraction = (
        any(c.cite is CiteKind.RETRACTION for c in packet.citations)
        or _flagged(packet, _NOT_A_BURST)
        or (svom.burst_id(packet) is not None and svom.packet_type(packet) == svom.SvomPacketType.RETRACTION)
    )
    time, dates_burst = _trigger_time(packet, retraction=retraction)
    return Notice(
        id=packet.id,
        burst=_burst(packet, time),
        instrument=_instrument(packet),
        packet_type=svom.packet_type(packet),
        trigger_time=time,
        dates_burst=dates_burst,
        position=position_of(packet),
        retraction=retraction,
        drill=packet.role is Role.TEST or _flagged(packet, _TEST),
        features=dict(_features(packet)),
        cites=packet.citations,
    )


def _trigger_time(packet: Packet, *, retraction: bool) -> tuple[datetime, bool]:
    """Time, and whether it is the burst's."""
    is_svom = svom.burst_id(packet) is not None
    time = svom.trigger_time(packet) if is_svom else packet.event_time
    if time is not None:
        return time, True
    if packet.event_time is not None:
        return packet.event_time, False
    if retraction and packet.date is not None:
        return packet.date, False
    why = next((note for note in packet.tolerated if note.startswith("event time")), "WhereWhen gives none")
    raise InvalidError(f"{one_line(packet.ivorn)} has no time of the event: {why}")


def _burst(packet: Packet, time: datetime) -> str:
    name = svom.burst_id(packet)
    if name is not None:
        return check_burst(name.strip())
    stream = re.sub(r"[^a-z0-9]+", "-", _stream(packet).lower())[:24].strip("-") or "event"
    for param in _TRIGGER_NUMBERS:
        number = (packet.param(param) or "").strip()
        # 0, -1 and the like stand for "none"
        if number.isascii() and number.isdecimal() and 0 < len(number) <= 20 and int(number) > 0:
            return check_burst(f"{stream}-{int(number)}")
    return check_burst(f"{stream}-{time:%y%m%d-%H%M%S}")


def _instrument(packet: Packet) -> str:
    said = (packet.param("Instrument") or "").strip()
    if said:
        return one_line(said, 40)
    stream = one_line(_stream(packet), 40)
    first = packet.ivorn.rpartition("#")[2].partition("_")[0]
    return f"{stream}-{first}" if first in _DETECTORS else stream


def _stream(packet: Packet) -> str:
    """Last part of the stream's name in the IVORN: GCN's is the mission."""
    return packet.ivorn.partition("#")[0].rpartition("/")[2]


def _features(packet: Packet) -> Iterator[tuple[str, str]]:
    taken: set[str] = set()
    for group, param in _all_params(packet):
        name = param.name if param.name not in taken else f"{group}.{param.name}"
        if not name or name in taken or len(name) > _LONGEST_FEATURE or len(param.value) > _LONGEST_FEATURE:
            continue
        taken.add(name)
        yield name, param.value.strip()
        if len(taken) == _MOST_FEATURES:
            return


def _flagged(packet: Packet, names: set[str]) -> bool:
    return any(p.name in names and p.value.strip().lower() == "true" for _, p in _all_params(packet))


def _all_params(packet: Packet) -> Iterator[tuple[str, Param]]:
    yield from (("", param) for param in packet.params)
    yield from ((group.name, param) for group in packet.groups for param in group.params)
