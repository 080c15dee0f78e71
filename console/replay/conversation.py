"""A campaign's conversation: what was said, by whom, when, and what each packet was for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from console.replay.errors import ReplayError
from console.replay.keys import Key
from followup.names import CSC, CampaignName
from voevent.build import build
from voevent.kinds import Content, Header, Receipt, Trigger
from voevent.packet import Packet, PacketId


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A packet of the conversation, with its place in it."""

    packet: Packet
    header: Header
    content: Content
    key: Key


def later(triggers: Iterable[Said], shift: timedelta) -> tuple[Said, ...]:
    """Give triggers that come later, with their burst; the very same bytes when they do not.

    A trigger that comes later has another digest: one that cites it cites it as it is called now.

    Parameters
    ----------
    triggers
        In the order in which they were written.
    """
    if not shift:
        return tuple(triggers)
    now: dict[PacketId, PacketId] = {}
    found = []
    for said in triggers:
        content = said.content
        if isinstance(content, Trigger):
            content = replace(content, trigger_time=content.trigger_time + shift)
        cites = tuple(replace(cited, id=now.get(cited.id, cited.id)) for cited in said.header.cites)
        header = replace(said.header, date=said.header.date + shift, cites=cites)
        packet = build(header, content)
        now[said.packet.id] = packet.id
        found.append(replace(said, packet=packet, header=header, content=content))
    return tuple(found)


@dataclass(kw_only=True)
class Conversation:
    """What is played to the party under test.

    Attributes
    ----------
    said
        Every packet of the campaign, in the order in which the CSC committed them.
    """

    name: CampaignName
    said: tuple[Said, ...]

    def by(self, author: str) -> tuple[Said, ...]:
        """Give what one site said, in the order of its own numbers."""
        return tuple(
            sorted((s for s in self.said if s.header.author == author), key=lambda s: s.header.sequence)
        )

    @property
    def triggers(self) -> tuple[Said, ...]:
        """The triggers of the science centre, by time."""
        found = [said for said in self.by(CSC) if isinstance(said.content, Trigger)]
        if not found:
            raise ReplayError(f"the record of {self.name} holds no trigger of the science centre")
        return tuple(sorted(found, key=lambda said: said.header.date))

    @property
    def start(self) -> datetime:
        """When the first trigger was written (sky time), if only by the telescope, for a drill."""
        found = [said.header.date for said in self.said if isinstance(said.content, Trigger)]
        if not found:
            raise ReplayError(f"the record of {self.name} holds no trigger")
        return min(found)

    @property
    def end(self) -> datetime:
        """When the last packet was written (sky time)."""
        return max(said.header.date for said in self.said)

    def receipts(self, cited: Packet) -> tuple[Said, ...]:
        """Give the receipts about a packet in the order in which they were written."""
        found = [s for s in self.said if isinstance(s.content, Receipt) and s.content.cited == cited.id]
        return tuple(sorted(found, key=_receipt_order))


def _receipt_order(said: Said) -> tuple[bool, datetime]:
    """Interim receipts first: their authors' clocks need not agree."""
    return isinstance(said.content, Receipt) and said.content.outcome.final, said.header.date
