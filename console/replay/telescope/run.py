"""Playing a record against a telescope's agent, from the bundle to what came of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.gft.closing import LOGS
from console.replay.contents import digests
from console.replay.conversation import Conversation
from console.replay.course import BEFORE, Course, run_through
from console.replay.heard import Heard
from console.replay.record import Recording
from console.replay.telescope.scene import SceneOf, recorded_scene
from console.replay.telescope.stage import Stage, staged
from console.state import State
from transfer.errors import ManifestError
from transfer.local import file_digest
from transfer.manifest import Manifest
from voevent.kinds import Upload, UploadState


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What came of a replay.

    Attributes
    ----------
    heard
        What the agent said, in the order in which it was heard.
    complaints
        Rules that it broke on the way.
    files
        The files of the datasets as they were uploaded, with digests that do not depend on when that was, by
        dataset and attempt.
    damaged
        What is not in the store as its manifest says.
    decisions
        Why it planned as it did.
    ended
        Whether the campaign came to its end.
    reduction_s, wall_s
        Processor time of the reduction's thread, and how long all of it took.
    """

    heard: tuple[Heard, ...]
    complaints: tuple[str, ...]
    files: Mapping[tuple[str, int], Mapping[str, str]]
    damaged: tuple[str, ...]
    decisions: tuple[Mapping[str, Any], ...]
    ended: bool
    reduction_s: float
    wall_s: float


def replay_telescope(recording: Recording, root: Path, *, speed: float | None = None) -> Replayed:
    """Play a record against the telescope's agent (blocking).

    Parameters
    ----------
    root
        A folder of its own, which does not exist yet.
    speed
        How many times faster than then; None for as fast as the agent answers.

    Raises
    ------
    ReplayRefusedError
        When something real might be reached.
    ReplayError
        When the record does not have what is needed, or the agent answers no more.
    """
    return play(recording, recorded_scene(recording), root, speed=speed)


def play(
    conversation: Conversation, scene_of: SceneOf, root: Path, *, speed: float | None = None
) -> Replayed:
    """Play triggers to a telescope's agent that works with what it is given (blocking).

    Parameters
    ----------
    conversation
        With the triggers, and how each packet of the agent is answered; those that were never said before are
        answered as by an idle centre.
    scene_of
        Makes what the agent works with.
    root
        A folder of its own, which does not exist yet.
    speed
        How many times faster than the sky; None for as fast as the agent answers.

    Raises
    ------
    ReplayRefusedError
        When something real might be reached.
    ReplayError
        When something is missing, or the agent answers no more.
    """
    began = time.monotonic()
    state = State(root)
    return run_through(
        lambda sky: staged(conversation, scene_of, state, sky=sky),
        begin=_begun,
        outcome=lambda stage, ended: _replayed(stage, ended=ended, began=began),
        start=conversation.start - BEFORE,
        speed=speed,
    )


def _begun(stage: Stage) -> Course:
    others = stage.others
    others.start()
    return Course(
        journal=stage.journal,
        heard=others.heard,
        busy=lambda: others.busy,
        unanswered=others.unanswered,
        over=lambda: others.over and not stage.agent.campaigns,
        changes=stage.scene.changes,
        last=others.conversation.triggers[-1].header.date,
        until=stage.scene.until,
    )


async def _replayed(stage: Stage, *, ended: bool, began: float) -> Replayed:
    reduction_s = await stage.bench.reduce(time.thread_time)
    files, damaged = await asyncio.to_thread(_uploaded, stage)
    return Replayed(
        heard=tuple(stage.others.heard),
        complaints=tuple(stage.others.complaints),
        files=files,
        damaged=damaged,
        decisions=await asyncio.to_thread(_decisions, stage),
        ended=ended,
        reduction_s=reduction_s,
        wall_s=time.monotonic() - began,
    )


def _uploaded(stage: Stage) -> tuple[dict[tuple[str, int], Mapping[str, str]], tuple[str, ...]]:
    """Read what was uploaded, and hold it against what was announced (blocking)."""
    files: dict[tuple[str, int], Mapping[str, str]] = {}
    damaged: list[str] = []
    for heard in stage.others.heard:
        upload = heard.content
        if not isinstance(upload, Upload) or upload.state is not UploadState.COMPLETED:
            continue
        path = stage.store / upload.manifest.path
        try:
            raw = path.read_bytes()
            manifest = Manifest.parse(raw)
        except (OSError, ManifestError) as error:
            damaged.append(f"{upload.dataset}: its manifest is not in the store: {error}")
            continue
        if hashlib.sha256(raw).hexdigest() != upload.manifest.sha256:
            damaged.append(f"{upload.dataset}: the manifest in the store is not the one announced")
        files[(upload.dataset, upload.attempt)] = digests(path.parent, manifest)
        damaged += [f"{upload.dataset}: {what}" for what in _not_there(path.parent, manifest)]
    return files, tuple(damaged)


def _not_there(folder: Path, manifest: Manifest) -> list[str]:
    return [
        f"{entry.path} is not in the store as its manifest says"
        for entry in manifest.files
        if not (folder / entry.path).is_file() or file_digest(folder / entry.path) != entry.sha256
    ]


def _decisions(stage: Stage) -> tuple[Mapping[str, Any], ...]:
    path = stage.bench.folder / str(stage.others.conversation.name) / LOGS / "decisions.json"
    try:
        return tuple(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return ()
