"""A what-if from beginning to end, told as a story: the bundle is read, played on, compared."""

from __future__ import annotations

import tempfile
from pathlib import Path

from console.replay.record import Recording
from console.replay.telescope.run import play
from console.replay.whatif.comparison import Comparison, compare
from console.replay.whatif.imagined import imagine
from console.replay.whatif.showing import headline, rows
from console.replay.whatif.supposition import Supposition
from followup.clock import WallClock
from followup.story import PlainRunner, Runner, StepState, Story


def what_if(
    path: Path,
    supposed: Supposition,
    *,
    speed: float | None = None,
    work: Path | None = None,
    runner: Runner | None = None,
) -> Comparison:
    """Play a bundle's triggers to its telescope's agent in another world, and compare (blocking).

    Parameters
    ----------
    speed
        How many times faster than the sky; None for as fast as the agent answers.
    work
        Folder to work in, which must not hold anything, and is kept; a temporary one when None.
    runner
        Who shows it.

    Raises
    ------
    BundleError
        When the bundle is damaged, hostile or too new.
    ConfigurationError
        When a file of what is supposed cannot be understood.
    ReplayError
        When it cannot be played.
    """
    with tempfile.TemporaryDirectory(prefix="followup-whatif-") as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        recording = Recording.read(path, folder)
        imagined = imagine(recording, supposed)
        root = work or Path(scratch) / "state"
        story = _story(recording, supposed, speed)
        (runner or PlainRunner()).follow(story)
        try:
            story.begin("play:", "play the triggers", "Over real servers of its own, to the real agent.")
            replayed = play(imagined.conversation, imagined.scene_of, root, speed=speed)
            story.end("play:", message=f"{len(replayed.heard)} packets heard in {replayed.wall_s:.1f} s")
            story.begin("judge:", "compare with the record", "What was observed, when first, how deep.")
            found = compare(recording, imagined, supposed, replayed, root)
        except BaseException as error:
            story.finish(StepState.FAILED, "Broke off", f"{type(error).__name__}: {error}")
            raise
        story.show("comparison", "Then, and what if", table=rows(found))
        story.end("judge:", message=headline(found))
        if found.faults:
            story.finish(StepState.FAILED, "Rules broken", headline(found))
        else:
            story.finish(StepState.COMPLETED, "Compared", headline(found))
        return found


def _story(recording: Recording, supposed: Supposition, speed: float | None) -> Story:
    name = str(recording.name)
    return Story(
        flow="replay",
        name=f"{name} · what if",
        subject=recording.name.burst,
        clock=WallClock(),
        tags=(recording.name.burst, recording.name.telescope, "replay", "what-if"),
        parameters={
            "campaign": name,
            "what_if": str(supposed),
            "speed": f"{speed:g}" if speed else "max",
        },
    )
