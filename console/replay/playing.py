"""A replay from beginning to end, told as a story: the bundle is read, played, judged."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archive.archive import Archive
from archive.bundle.container import SUFFIX
from archive.bundle.export import export_campaign
from console.replay.record import Recording
from console.replay.run import replay_telescope
from console.replay.showing import headline, rows
from console.replay.verdict import Verdict, verdict
from followup.clock import WallClock
from followup.story import PlainRunner, Runner, StepState, Story


@contextmanager
def bundle_of(archive: Archive, campaign: str) -> Iterator[Path]:
    """Make a bundle of an archived campaign for a replay; it is removed after."""
    with tempfile.TemporaryDirectory(prefix="followup-bundle-") as folder:
        path = Path(folder) / f"{campaign}{SUFFIX}"
        export_campaign(archive, campaign, path)
        yield path


def replay_bundle(
    path: Path,
    *,
    speed: float | None = None,
    strategies: str = "",
    work: Path | None = None,
    runner: Runner | None = None,
) -> Verdict:
    """Replay a bundle against its telescope's agent, and judge (blocking).

    Parameters
    ----------
    speed
        How many times faster than then; None for as fast as the agent answers.
    strategies
        Those to follow instead of the recorded ones.
    work
        Folder to work in, which must not hold anything, and is kept; a temporary one when None.
    runner
        Who shows it.

    Raises
    ------
    BundleError
        When the bundle is damaged, hostile or too new.
    ReplayError
        When it cannot be replayed.
    """
    with tempfile.TemporaryDirectory(prefix="followup-replay-") as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        recording = Recording.read(path, folder)
        story = _story(recording, speed)
        (runner or PlainRunner()).follow(story)
        try:
            story.begin("play:", "play the record", "Over real servers of its own, to the real agent.")
            replayed = replay_telescope(
                recording, work or Path(scratch) / "state", speed=speed, strategies=strategies
            )
            story.end("play:", message=f"{len(replayed.heard)} packets heard in {replayed.wall_s:.1f} s")
            story.begin("judge:", "compare with the record", "Packet by packet, decision by decision.")
            found = verdict(recording, replayed)
        except BaseException as error:
            story.finish(StepState.FAILED, "Broke off", f"{type(error).__name__}: {error}")
            raise
        story.show("verdict", "Verdict", table=rows(found))
        story.end("judge:", message=headline(found))
        story.finish(
            StepState.COMPLETED if found.good else StepState.FAILED,
            "As recorded" if found.good else "Not as recorded",
            headline(found),
        )
        return found


def _story(recording: Recording, speed: float | None) -> Story:
    name = str(recording.name)
    return Story(
        flow="replay",
        name=f"{name} · replay",
        subject=recording.name.burst,
        clock=WallClock(),
        tags=(recording.name.burst, recording.name.telescope, "replay"),
        parameters={"campaign": name, "against": "gft", "speed": f"{speed:g}" if speed else "max"},
    )
