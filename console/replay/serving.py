"""Replays on order: what people ask for in a form, or by a schedule, told as one story."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from archive.bundle.container import SUFFIX
from console.replay.showing import headline
from console.replay.suite import Outcome, bundles_in, replay_each
from console.replay.verdict import Verdict
from followup.clock import WallClock
from followup.errors import ConfigurationError, FollowupError
from followup.story import Runner, Said, Shown, StepEnded, StepStarted, StepState, Story, StoryEvent

log = logging.getLogger(__name__)

Replay = Callable[[Path, str, str, Runner], Sequence[Verdict]]
"""Replays a bundle against a party at a speed, shown by a runner (blocking); gives a verdict a party."""


class ReplayService:
    """Implements `followup.steering.ReplayDesk` for a folder of bundles: one replay after the other.

    Parameters
    ----------
    parties
        Who can be under test; the usual one first.
    """

    def __init__(self, folder: Path, parties: Sequence[str], replay: Replay) -> None:
        self.parties = tuple(parties)
        self._folder = folder
        self._replay = replay
        self._work = ThreadPoolExecutor(1, thread_name_prefix="replay")
        self._ending = threading.Event()

    def bundles(self) -> tuple[str, ...]:
        """Names of the bundles that are there now (blocking)."""
        return tuple(sorted(path.name for path in self._folder.glob(f"*{SUFFIX}")))

    def begin(self, wanted: Mapping[str, Any]) -> Story:
        """Begin a replay, or queue it."""
        bundle, against, speed = (str(wanted[key]) for key in ("bundle", "against", "speed"))
        stopped = threading.Event()
        story = Story(
            flow="replay",
            name=f"{bundle.removesuffix(SUFFIX) or self._folder.absolute().name} · replay against {against}",
            subject=bundle or str(self._folder),
            clock=WallClock(),
            parameters={"bundle": bundle, "against": against, "speed": speed},
            on_cancel=lambda _why: stopped.set(),
        )
        self._work.submit(self._tell, story, bundle, against, speed, stopped)
        return story

    def close(self) -> None:
        """End after the replay that goes on (blocking)."""
        self._ending.set()
        self._work.shutdown(wait=True, cancel_futures=True)

    def _tell(self, story: Story, bundle: str, against: str, speed: str, stopped: threading.Event) -> None:
        try:
            outcomes = self._play(story, bundle, against, speed, stopped)
        except FollowupError as error:
            story.finish(StepState.FAILED, "Refused", f"{error}" + (f" ({error.hint})" if error.hint else ""))
            return
        except Exception as error:
            log.exception("what was ordered broke off")
            story.finish(StepState.FAILED, "Broke off", f"{type(error).__name__}: {error}")
            return
        story.show("suite", "What was replayed", table=tuple(map(_row, outcomes)))
        bad = [outcome for outcome in outcomes if not outcome.good]
        if stopped.is_set() or self._ending.is_set():
            story.finish(StepState.CANCELLED, "Stopped", f"after {len(outcomes)} of the bundles")
        elif not bad:
            story.finish(StepState.COMPLETED, "As recorded", f"{len(outcomes)} bundles replayed")
        else:
            said = "; ".join(outcome.problem or ", ".join(map(headline, outcome.verdicts)) for outcome in bad)
            unplayed = all(outcome.problem for outcome in bad)
            story.finish(StepState.FAILED, "Cannot be replayed" if unplayed else "Not as recorded", said)

    def _play(
        self, story: Story, bundle: str, against: str, speed: str, stopped: threading.Event
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        found = self._chosen(bundle)
        played = replay_each(
            found, lambda path: self._replay(path, against, speed, _Within(story, path.name))
        )
        while not (stopped.is_set() or self._ending.is_set()):
            outcome = next(played, None)
            if outcome is None:
                break
            if outcome.problem:
                story.say(f"{outcome.name}: {outcome.problem}", level=40)
            outcomes.append(outcome)
        return outcomes

    def _chosen(self, bundle: str) -> Sequence[Path]:
        """Find what is meant: nothing but the bundles of our folder."""
        if not bundle:
            return bundles_in(self._folder)
        if bundle not in self.bundles():
            raise ConfigurationError(f"{self._folder} holds no {bundle}", hint="choose one that is listed")
        return [self._folder / bundle]


class _Within:
    """Implements `followup.story.Runner`: tells the stories of single replays as parts of another one."""

    def __init__(self, whole: Story, name: str) -> None:
        self._whole = whole
        self._name = name
        self._count = 0

    def follow(self, story: Story) -> None:
        """Tell of it from now on."""
        self._count += 1
        part = f"{self._name} {self._count}"

        def tell(event: StoryEvent) -> None:
            match event:
                case StepStarted():
                    name = f"{story.name}: {event.name}"
                    self._whole.begin(f"{event.step}{part}", name, event.description)
                case StepEnded():
                    self._whole.end(f"{event.step}{part}", event.state, event.message)
                case Said():
                    self._whole.say(
                        event.text, step=f"{event.step}{part}" if event.step else "", level=event.level
                    )
                case Shown():
                    self._whole.show(
                        f"{story.name} {event.key}",
                        f"{story.name}: {event.description}",
                        png=event.png,
                        markdown=event.markdown,
                        table=event.table,
                    )

        story.read(tell)

    async def settle(self, timeout_s: float) -> None:
        """Do nothing: the whole is waited for."""

    def close(self) -> None:
        """Do nothing."""


def _row(outcome: Outcome) -> Mapping[str, str]:
    said = outcome.problem or "; ".join(map(headline, outcome.verdicts))
    return {
        "bundle": outcome.name,
        "verdict": "as recorded" if outcome.good else "cannot be replayed" if outcome.problem else "differs",
        "said": said,
    }
