"""Playing a record against the relay, from the bundle to what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from console.replay.aftermath import Aftermath
from console.replay.course import BEFORE, Course, run_through
from console.replay.parcels import Parcel, ParcelKey, given, parcels_of
from console.replay.record import Recording
from console.replay.relay.stage import RelayStage, staged
from console.state import State

_AFTER = timedelta(hours=6)


def replay_relay(recording: Recording, root: Path, scratch: Path, *, speed: float | None = None) -> Aftermath:
    """Play a record against the relay's agent (blocking).

    Parameters
    ----------
    root
        A folder of its own, which does not exist yet.
    scratch
        An empty folder for what is made on the way.
    speed
        How many times faster than then; None for as fast as the agent answers.

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
        outcome=lambda stage, ended: _outcome(parcels, stage, ended=ended, began=began),
        start=recording.start - BEFORE,
        speed=speed,
    )


def _begun(recording: Recording, stage: RelayStage) -> Course:
    player = stage.player
    player.start()
    return Course(
        journal=stage.journal,
        heard=player.heard,
        busy=lambda: player.busy,
        unanswered=player.unanswered,
        over=lambda: player.over,
        last=recording.end,
        until=recording.end + _AFTER,
    )


async def _outcome(
    parcels: Mapping[ParcelKey, Parcel], stage: RelayStage, *, ended: bool, began: float
) -> Aftermath:
    player = stage.player
    return Aftermath(
        heard=tuple(player.heard),
        complaints=tuple(player.complaints),
        given=await asyncio.to_thread(given, parcels),
        kept=dict(player.fetched),
        ended=ended,
        wall_s=time.monotonic() - began,
    )
