"""Alerts that we write ourselves, in the vocabulary of SVOM's notices: a person's, or a satellite's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from voevent.document import Cover, document
from voevent.forms.body import Body, params, unknown_radius, written
from voevent.identity import author_ivorn, check_burst, sha256_of
from voevent.packet import Group, Packet, Param, Role, SkyPosition
from voevent.parse import parse
from voevent.svom import SvomPacketType
from voevent.validate import validate


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """What an alert says.

    Attributes
    ----------
    burst
        Its name.
    trigger_time, date
        When it happened, and when this is written: aware.
    position
        ICRS; None in an alert without one.
    detection
        Parameters of the detection that strategies may choose by, e.g. ``SNR``.
    """

    burst: str
    trigger_time: datetime
    date: datetime
    position: SkyPosition | None
    instrument: str
    description: str
    packet_type: SvomPacketType | None = None
    detection: Mapping[str, str] = field(default_factory=dict)


def build_alert(alert: Alert, *, authority: str, author: str, drill: bool) -> Packet:
    """Write an alert that `voevent.notice.read_notice` reads back with the same content.

    Raises
    ------
    InvalidError
        When a name cannot stand in an IVORN, or a text not in XML.
    """
    kind = "coordinates" if alert.packet_type is None else alert.packet_type.name.lower().replace("_", "-")
    digest = sha256_of(repr(alert).encode())[:8]
    writer = author_ivorn(authority, author)
    cover = Cover(
        ivorn=f"{writer}#{check_burst(alert.burst)}_{kind}-{digest}",
        role=Role.TEST if drill else Role.OBSERVATION,
        author_ivorn=writer,
        date=alert.date,
        description=alert.description,
        citations=(),
    )
    said = [Param(name="Instrument", value=alert.instrument, ucd="instr")]
    if alert.packet_type is not None:
        said.insert(0, Param(name="Packet_Type", value=str(int(alert.packet_type)), ucd="meta.id"))
    detected = [Param(name=name, value=value) for name, value in alert.detection.items()]
    start = Param(name="Time_Window_Start", value=written(alert.trigger_time), ucd="time.start")
    burst = Param(name="Burst_Id", value=alert.burst, ucd="meta.id")
    body = Body(
        params=(*said, *params(unknown_radius(alert.position))),
        groups=(
            Group(name="Svom_Identifiers", params=(burst,)),
            Group(name="Detection_Info", params=(*detected, start)),
        ),
        position=alert.position,
        event_time=alert.trigger_time,
    )
    raw = document(cover, (), body)
    validate(raw)
    return parse(raw)
