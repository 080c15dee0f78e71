"""The alerts, the telescope and the relay, played from the record to a science centre that is under test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from agents.csc.service import CscAgent
from console.replay.conversation import Said
from console.replay.errors import ReplayError
from console.replay.heard import Heard
from console.replay.keys import Key, spelt
from console.replay.parcels import Parcel, ParcelKey
from console.replay.player import Part, Player, Send, Setting
from followup.errors import FollowupError
from followup.names import CSC, topic_of
from messaging.session import Envelope, Session
from transfer.client import SftpStore
from voevent.errors import InvalidError
from voevent.kinds import Closing, Content, Header, Receipt, Trigger, TriggerAction, Upload, UploadState
from voevent.packet import Packet, PacketId


class PlayedSites(Player):
    """Plays the others to the science centre.

    What a telescope or the relay said comes on the telescope's topic, published by the relay; triggers are
    asked for with the recorded alerts, or by a person who calls the campaign off.

    Parameters
    ----------
    agent
        That of the science centre.
    relay, telescope
        Sessions of the two, on the replay's own server.
    parcels
        What the telescope uploads.
    store
        The relay's store, as the telescope sees it.
    scratch
        A folder for what is made on the way.

    Raises
    ------
    ReplayError
        When the record does not hold an alert that led to a trigger.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        agent: CscAgent,
        relay: Session,
        telescope: Session,
        parcels: Mapping[ParcelKey, Parcel],
        store: SftpStore,
        scratch: Path,
    ) -> None:
        super().__init__(setting)
        self._agent = agent
        self._relay = relay
        self._parcels = parcels
        self._store = store
        self._scratch = scratch
        self._topic = topic_of(self.recording.name.telescope)
        self._alerts = self._found_alerts()
        self._keys = {said.packet.id: said.key for said in self.recording.by(CSC)}
        relay.on_arrival = self.hear
        telescope.on_arrival = self.hear

    def part(self, said: Said) -> Part | None:
        """Say what others said; have it trigger its telescope; what it answers it answers by itself."""
        if said.header.author != CSC:
            return self.say
        return self._ask if isinstance(said.content, Trigger) else None

    def way(self, said: Said) -> Send:
        """Tell that it hears everything on the topic."""
        del said
        return partial(self._relay.publish, self._topic)

    def needs(self, said: Said) -> Sequence[Key]:
        """Tell what it must have said before: the triggers that are answered, or listed."""
        cited = [each.id for each in said.header.cites]
        match said.content:
            case Receipt():
                cited.append(said.content.cited)
            case Closing():
                cited += said.content.packets
        return [self._keys[packet] for packet in cited if packet in self._keys]

    async def before(self, said: Said) -> None:
        """Upload what is announced as uploaded."""
        upload = said.content
        if isinstance(upload, Upload) and upload.state is UploadState.COMPLETED:
            parcel = self._parcels[(upload.dataset, upload.attempt)]
            await asyncio.to_thread(parcel.upload, self._store, self._scratch)

    def key(self, packet: Packet, header: Header, content: Content) -> Key:
        """Give the key of a trigger or a receipt of the science centre."""
        if header.author != CSC:
            raise InvalidError(f"{packet.ivorn} is by {header.author}")
        return self.names.key(packet.id, content)

    async def listened(self, heard: Heard) -> None:
        """Publish receipts, as the relay does."""
        if isinstance(heard.content, Receipt):
            packet = heard.packet
            await self._relay.publish(
                self._topic, Envelope(raw=packet.raw, id=packet.id, body=packet.description)
            )

    async def _ask(self, said: Said) -> None:
        """Have it say a trigger, as it was asked to then."""
        name = self.recording.name
        if not isinstance(said.content, Trigger):
            return
        try:
            if said.content.action is TriggerAction.CANCEL:
                await self._agent.call_off(name, said.content.reason)
            else:
                alert = self._alerts[said.content.notice]
                await self._agent.trigger(alert, [name.telescope], drill=said.header.drill)
        except FollowupError as error:
            self.complaints.append(f"{spelt(said.key)}: asked for in vain: {error}")

    def _found_alerts(self) -> dict[PacketId, bytes]:
        """Find the alerts that the triggers name."""
        held = {one.packet.id: one.packet.raw for one in self.recording.bundle.deliveries}
        found = {}
        for said in self.recording.by(CSC):
            trigger = said.content
            if isinstance(trigger, Trigger) and trigger.action is not TriggerAction.CANCEL:
                if trigger.notice not in held:
                    raise ReplayError(
                        f"the record of {self.recording.name} does not hold the alert {trigger.notice.ivorn}"
                    )
                found[trigger.notice] = held[trigger.notice]
        return found
