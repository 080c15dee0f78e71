"""Recorded packets, said again: to the byte, unless what they speak of is called otherwise now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from console.replay.conversation import Conversation, Said
from console.replay.parcels import Parcel, ParcelKey
from voevent.build import build
from voevent.kinds import Closing, Content, Receipt, Upload
from voevent.packet import Packet, PacketId


class Retelling:
    """Gives the packets to say now for recorded ones.

    A packet of the party under test may have other bytes than then, and so another digest; what cites it must
    cite it as it is now, and has another digest in turn.

    Parameters
    ----------
    party
        Site user that is under test.
    parcels
        What is really uploaded.
    """

    def __init__(
        self, conversation: Conversation, *, party: str, parcels: Mapping[ParcelKey, Parcel]
    ) -> None:
        self._played = {said.packet.id: said for said in conversation.said if said.header.author != party}
        self._parcels = parcels
        self._now: dict[PacketId, PacketId] = {}
        self._told: dict[PacketId, Packet] = {}

    def note(self, then: PacketId, now: PacketId) -> None:
        """Take note of what a recorded packet of the party under test is called now."""
        self._now[then] = now

    def told(self, said: Said) -> Packet:
        """Give the packet to say now; the same one when it is asked for again."""
        then = said.packet.id
        if then not in self._told:
            content = self._content(said.content)
            cites = tuple(replace(cited, id=self._id(cited.id)) for cited in said.header.cites)
            same = (content, cites) == (said.content, said.header.cites)
            self._told[then] = said.packet if same else build(replace(said.header, cites=cites), content)
        return self._told[then]

    def _id(self, then: PacketId) -> PacketId:
        # The science centre often has the relay's receipt before the packet that it is about.
        played = self._played.get(then)
        return self.told(played).id if played is not None else self._now.get(then, then)

    def _content(self, content: Content) -> Content:
        match content:
            case Receipt():
                return replace(content, cited=self._id(content.cited))
            case Closing():
                return replace(content, packets=tuple(map(self._id, content.packets)))
            case Upload():
                return replace(content, manifest=self._parcels[(content.dataset, content.attempt)].reference)
            case _:
                return content
