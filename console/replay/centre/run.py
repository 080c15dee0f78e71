"""Playing a record against the science centre, from the bundle to what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from archive.archive import Archive
from archive.errors import UnknownCampaignError
from console.replay.aftermath import Aftermath, Digests
from console.replay.centre.stage import CentreStage, staged
from console.replay.course import BEFORE, Course, run_through
from console.replay.parcels import Parcel, ParcelKey, given, parcels_of
from console.replay.record import Recording
from console.state import State
from transfer.local import file_digest
from transfer.manifest import Manifest
from voevent.kinds import PhotometryPoint

_AFTER = timedelta(hours=6)


def replay_centre(
    recording: Recording, root: Path, scratch: Path, *, speed: float | None = None
) -> tuple[Aftermath, tuple[PhotometryPoint, ...]]:
    """Play a record against the science centre's agent (blocking).

    Parameters
    ----------
    root
        A folder of its own, which does not exist yet.
    scratch
        An empty folder for what is made on the way.
    speed
        How many times faster than then; None for as fast as the agent answers.

    Returns
    -------
    tuple
        What came of it, and the light curve in the archive then.

    Raises
    ------
    ReplayRefusedError
        When something real might be reached.
    ReplayError
        When the agent answers no more.
    """
    began = time.monotonic()
    parcels = parcels_of(recording, scratch)
    return run_through(
        lambda sky: staged(recording, parcels, State(root), scratch, sky=sky),
        begin=lambda stage: _begun(recording, stage),
        outcome=lambda stage, ended: _outcome(recording, parcels, stage, ended=ended, began=began),
        start=recording.start - BEFORE,
        speed=speed,
    )


def _begun(recording: Recording, stage: CentreStage) -> Course:
    player, agent = stage.player, stage.agent
    player.start()
    return Course(
        journal=stage.journal,
        heard=player.heard,
        # What is tried again later, by the machine's clock, is waited for.
        busy=lambda: player.busy or bool(agent.downloads.waits or agent.archivist.trouble),
        unanswered=player.unanswered,
        over=lambda: player.over,
        last=recording.end,
        until=recording.end + _AFTER,
    )


async def _outcome(
    recording: Recording,
    parcels: Mapping[ParcelKey, Parcel],
    stage: CentreStage,
    *,
    ended: bool,
    began: float,
) -> tuple[Aftermath, tuple[PhotometryPoint, ...]]:
    name = str(recording.name)
    kept = await asyncio.to_thread(_archived, stage.archive, name)
    try:
        curve = await asyncio.to_thread(stage.archive.photometry, name)
    except UnknownCampaignError:
        curve = ()
    outcome = Aftermath(
        heard=tuple(stage.player.heard),
        complaints=tuple(stage.player.complaints),
        given=await asyncio.to_thread(given, parcels),
        kept=kept,
        ended=ended,
        wall_s=time.monotonic() - began,
    )
    return outcome, curve


def _archived(archive: Archive, campaign: str) -> dict[ParcelKey, Digests]:
    """Digest what is archived, as it is on the disk (blocking)."""
    try:
        manifests = [Manifest.parse(raw) for raw in archive.manifests(campaign).values()]
        files = archive.files(campaign)
    except UnknownCampaignError:
        return {}
    return {
        (manifest.dataset, manifest.attempt): {
            file.name: file_digest(file.location) for file in files if file.dataset == manifest.dataset
        }
        for manifest in manifests
    }
