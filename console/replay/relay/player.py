"""The telescope and the science centre, played from the record to a relay that is under test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeGuard

from console.replay.aftermath import Digests
from console.replay.conversation import Said
from console.replay.heard import Heard
from console.replay.keys import Key, about
from console.replay.parcels import Parcel, ParcelKey
from console.replay.player import Part, Player, Send, Setting
from followup.names import CSC, RELAY
from messaging.session import Session
from transfer.client import SftpStore
from transfer.datasets import download_dataset
from transfer.errors import TransferError, VerificationFailedError
from transfer.local import file_digest
from voevent.errors import InvalidError
from voevent.kinds import Content, Header, Receipt, Trigger, Upload, UploadState
from voevent.packet import Packet

PUBLISHED = "published"


class PlayedEnds(Player):
    """Plays both ends of the conversation to the relay.

    The telescope says its packets to the relay and uploads its datasets. The science centre listens on the
    topic, fetches each dataset before it says what it said of it then, and gives its receipts to the relay.

    Parameters
    ----------
    centre, telescope
        Sessions of the two, on the replay's own server.
    parcels
        What the telescope uploads.
    upper, lower
        The relay's store, as the telescope and as the science centre see it.
    scratch
        A folder for what is made on the way.

    Attributes
    ----------
    fetched
        What the store gave, by dataset and attempt.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        centre: Session,
        telescope: Session,
        parcels: Mapping[ParcelKey, Parcel],
        upper: SftpStore,
        lower: SftpStore,
        scratch: Path,
    ) -> None:
        super().__init__(setting)
        self.fetched: dict[ParcelKey, Digests] = {}
        self._centre, self._telescope = centre, telescope
        self._parcels = parcels
        self._upper, self._lower = upper, lower
        self._scratch = scratch
        self._uploads = {said.key: said.content for said in self.recording.by(self.recording.name.telescope)}
        centre.on_arrival = self.hear
        telescope.on_arrival = self.hear

    def part(self, said: Said) -> Part | None:
        """Say what the two said; a trigger does not come by the relay."""
        direct = isinstance(said.content, Trigger) and said.header.author == CSC
        return None if direct or said.header.author == RELAY else self.say

    def way(self, said: Said) -> Send:
        """Tell which of the two says it to the relay."""
        session = self._centre if said.header.author == CSC else self._telescope
        return partial(session.send, RELAY)

    def needs(self, said: Said) -> Sequence[Key]:
        """Tell what must have been published: what the science centre answers."""
        return [(PUBLISHED, *about(said.key))] if said.header.author == CSC else []

    async def before(self, said: Said) -> None:
        """Upload what is announced as uploaded; fetch what is answered for in the end."""
        if isinstance(said.content, Receipt):
            upload = self._uploads.get(about(said.key))
            if said.header.author == CSC and said.content.outcome.final and _completed(upload):
                await asyncio.to_thread(self._fetch, upload)
        elif _completed(said.content):
            await asyncio.to_thread(self._parcel(said.content).upload, self._upper, self._scratch)

    def key(self, packet: Packet, header: Header, content: Content) -> Key:
        """Give the key of a receipt of the relay, or of what it publishes for others."""
        if header.author == RELAY:
            return self.names.key(packet.id, content)
        if packet.id not in self.names.known:
            raise InvalidError(f"it publishes {packet.id}, which nobody gave to it")
        return (PUBLISHED, *self.names.known[packet.id])

    async def listened(self, heard: Heard) -> None:
        """Go on."""

    def _parcel(self, upload: Upload) -> Parcel:
        return self._parcels[(upload.dataset, upload.attempt)]

    def _fetch(self, upload: Upload) -> None:
        """Fetch and verify a dataset, as the science centre does (blocking)."""
        parcel = self._parcel(upload)
        what = f"dataset {upload.dataset}, attempt {upload.attempt}"
        folder = self._scratch / f"fetched-{upload.dataset}-{upload.attempt}"
        try:
            download_dataset(self._lower, self.recording.name.telescope, parcel.reference, folder)
        except VerificationFailedError as error:
            if not parcel.damaged or error.found != file_digest(parcel.sources[parcel.damaged]):
                self.complaints.append(f"{what}: the store gave what was not put into it: {error}")
        except TransferError as error:
            self.complaints.append(f"{what}: the store did not give it: {error}")
        else:
            if parcel.damaged:
                self.complaints.append(
                    f"{what}: the store gave {parcel.damaged} otherwise than it was put there"
                )
        self.fetched[(upload.dataset, upload.attempt)] = {
            path: file_digest(folder / path) for path in parcel.sources if (folder / path).is_file()
        }


def _completed(content: Content | None) -> TypeGuard[Upload]:
    return isinstance(content, Upload) and content.state is UploadState.COMPLETED
