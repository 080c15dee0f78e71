"""A replay from beginning to end, told as a story: the bundle is read, played, judged."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from archive.bundle.container import SUFFIX
from archive.bundle.export import export_campaign
from console.replay.parties import Against, Party
from console.replay.record import Recording
from console.replay.showing import headline, rows
from followup.clock import WallClock
from followup.story import PlainRunner, Runner, StepState, Story

if TYPE_CHECKING:
    from archive.archive import Archive
    from console.replay.verdict import Verdict


@contextmanager
def bundle_of(archive: Archive, campaign: str) -> Iterator[Path]:
    """Make a bundle of an archived campaign for a replay; it is removed after."""
    with tempfile.TemporaryDirectory(prefix="followup-bundle-") as folder:
        path = Path(folder) / f"{campaign}{SUFFIX}"
        export_campaign(archive, campaign, path)
        yield path


def replay_against(
    path: Path,
    against: Against,
    *,
    speed: float | None = None,
    work: Path | None = None,
    runner: Runner | None = None,
) -> list[Verdict]:
    """Replay a bundle against one party, or against each in turn (blocking): see `replay_bundle`.

    Parameters
    ----------
    work
        With several parties, each has a folder of its name in it.
    """
    several = len(against.parties) > 1
    return [
        replay_bundle(
            path,
            against=party,
            speed=speed,
            work=work / party if work and several else work,
            runner=runner,
        )
        for party in against.parties
    ]


def replay_bundle(
    path: Path,
    *,
    against: Party = Party.GFT,
    speed: float | None = None,
    work: Path | None = None,
    runner: Runner | None = None,
) -> Verdict:
    """Replay a bundle against an agent, and judge (blocking).

    Parameters
    ----------
    against
        Who is under test; the others are played from the record.
    speed
        How many times faster than then; None for as fast as the agent answers.
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
        folder, made = Path(scratch) / "bundle", Path(scratch) / "made"
        folder.mkdir()
        made.mkdir()
        recording = Recording.read(path, folder)
        story = _story(recording, against, speed)
        (runner or PlainRunner()).follow(story)
        try:
            story.begin("play:", "play the record", "Over real servers of its own, to the real agent.")
            heard, judge = _played(recording, against, work or Path(scratch) / "state", made, speed)
            story.end("play:", message=f"{heard} packets heard")
            story.begin("judge:", "compare with the record", "Packet by packet, decision by decision.")
            found = judge()
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


def _played(
    recording: Recording, against: Party, root: Path, made: Path, speed: float | None
) -> tuple[int, Callable[[], Verdict]]:
    """Play a record to a party; tell how many packets were heard of it, and give what judges.

    Only what is wanted is loaded: an agent takes its time.
    """
    match against:
        case Party.GFT:
            from console.replay.telescope.judging import verdict  # noqa: PLC0415
            from console.replay.telescope.run import replay_telescope  # noqa: PLC0415

            replayed = replay_telescope(recording, root, speed=speed)
            return len(replayed.heard), lambda: verdict(recording, replayed)
        case Party.CSC:
            from console.replay.centre.judging import verdict_on_centre  # noqa: PLC0415
            from console.replay.centre.run import replay_centre  # noqa: PLC0415

            after, curve = replay_centre(recording, root, made, speed=speed)
            return len(after.heard), lambda: verdict_on_centre(recording, after, curve)
        case Party.RELAY:
            from console.replay.relay.judging import verdict_on_relay  # noqa: PLC0415
            from console.replay.relay.run import replay_relay  # noqa: PLC0415

            came = replay_relay(recording, root, made, speed=speed)
            return len(came.heard), lambda: verdict_on_relay(recording, came)


def _story(recording: Recording, against: Party, speed: float | None) -> Story:
    name = str(recording.name)
    return Story(
        flow="replay",
        name=f"{name} · replay against {against}",
        subject=recording.name.burst,
        clock=WallClock(),
        tags=(recording.name.burst, recording.name.telescope, "replay"),
        parameters={"campaign": name, "against": str(against), "speed": f"{speed:g}" if speed else "max"},
    )
