"""A campaign's conversation: what was said, by whom, when, and what each packet was for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from console.replay.errors import ReplayError
from console.replay.keys import Key
from followup.names import CSC, CampaignName
from voevent.build import build
from voevent.kinds import Content, Header, Receipt, Trigger
from voevent.packet import Packet


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A packet of the conversation, with its place in it."""

    packet: Packet
    header: Header
    content: Content
    key: Key

    def later(self, shift: timedelta) -> Said:
        """Give a trigger that comes later, with its burst; the very same bytes when it does not."""
        if not shift or not isinstance(self.content, Trigger):
            return self
        header = replace(self.header, date=self.header.date + shift)
        content = replace(self.content, trigger_time=self.content.trigger_time + shift)
        return replace(self, packet=build(header, content), header=header, content=content)


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
