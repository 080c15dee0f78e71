"""What all alerts about a burst say together: the same, in whatever order they were heard.

Alerts come out of order, twice, and for bursts that nobody has heard of; a retraction may come before what
it takes back. So nothing here depends on when an alert was heard, only on what it says of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from voevent.notice import Notice
from voevent.packet import PacketId
from voevent.svom import SvomPacketType

_LATER_OBSERVATIONS = {SvomPacketType.MXT_INITIAL, SvomPacketType.MXT_UPDATE}
"""Notices of observations that began after the burst: what they say about its beginning is second hand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """An alert that was heard.

    Attributes
    ----------
    written
        When its author wrote it; when it was heard, if it does not say.
    """

    notice: Notice
    written: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known about a burst.

    Attributes
    ----------
    best
        The alert whose position counts: the last one written that has one.
    trigger_time
        Of the best alert that dates the burst; of `best` when none does.
    retraction
        The alert that says there was no burst; None while there may be one.
    """

    best: Notice | None
    trigger_time: datetime | None
    retraction: Notice | None


def known(heard: Sequence[Heard]) -> Known:
    """Put alerts about one burst together.

    An alert without a position (a gamma-ray monitor's) adds nothing: telescopes cannot point by it.
    """
    order = sorted(heard, key=_order)
    placed = [h.notice for h in order if h.notice.position is not None and not h.notice.retraction]
    dating = [notice for notice in placed if notice.dates_burst]
    first_hand = [notice for notice in dating if notice.packet_type not in _LATER_OBSERVATIONS]
    best = placed[-1] if placed else None
    dated = (first_hand or dating or placed)[-1:]
    return Known(
        best=best,
        trigger_time=dated[0].trigger_time if dated else None,
        retraction=next((each.notice for each in order if each.notice.retraction), None),
    )


def _order(heard: Heard) -> tuple[datetime, int, PacketId]:
    """In the order of writing; of two written in the same second the more advanced kind is the later."""
    return heard.written, heard.notice.packet_type or 0, heard.notice.id
