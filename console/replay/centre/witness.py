"""Whether what the science centre says is true at the moment at which it says it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from archive.archive import Archive
from console.replay.heard import Heard
from console.replay.keys import about, spelt
from console.replay.parcels import Parcel, ParcelKey
from console.replay.witness import uncommitted
from messaging.journal import Journal
from transfer.local import file_digest
from voevent.kinds import Kind, Receipt, ReceiptOutcome, UploadState


async def unfounded(
    journal: Journal, archive: Archive, parcels: Mapping[ParcelKey, Parcel], heard: Heard
) -> str:
    """Look into its journal and its archive; tell what is said without ground, if anything."""
    if early := await uncommitted(journal, heard):
        return early
    if not isinstance(heard.content, Receipt) or heard.content.outcome is not ReceiptOutcome.ACCEPTED:
        return ""
    accepted = about(heard.key)
    if accepted[0] == Kind.UPLOAD and accepted[2] == UploadState.COMPLETED:
        return await asyncio.to_thread(_not_archived, archive, heard, accepted[1], parcels)
    if accepted[0] == Kind.CLOSING:
        missing = await asyncio.to_thread(archive.missing_packets, heard.header.campaign)
        if missing:
            return f"{spelt(heard.key)} was said with {len(missing)} packets missing in the archive"
    return ""


def _not_archived(archive: Archive, heard: Heard, dataset: str, parcels: Mapping[ParcelKey, Parcel]) -> str:
    """Tell why a dataset should not have been accepted (blocking); empty when it is archived as announced."""
    attempt = int(about(heard.key)[3].rpartition(" ")[2])
    parcel = parcels.get((dataset, attempt))
    if parcel is not None and parcel.damaged:
        return f"{spelt(heard.key)}: {parcel.damaged} was accepted with a wrong checksum"
    if dataset not in archive.manifests(heard.header.campaign):
        return f"{spelt(heard.key)} was said before the dataset was archived"
    for file in archive.files(heard.header.campaign):
        if file.dataset == dataset and file_digest(file.location) != file.sha256:
            return f"{spelt(heard.key)}: {file.name} in the archive is not what its manifest says"
    return ""
