"""A burst of history from its alerts to the comparison, told as a story."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from console.replay.conversation import Conversation, later
from console.replay.history.alerts import announced
from console.replay.history.comparison import Comparison, compare
from console.replay.history.figure import history_figure
from console.replay.history.published import read_published
from console.replay.history.showing import headline, rows
from console.replay.telescope.run import play
from console.replay.telescope.simulated import UNTIL, given_strategies, simulated_scene
from console.replay.whatif.frames import taken_frames
from console.replay.whatif.place import Observatory, given_observatory
from console.replay.whatif.supposition import Supposition
from console.replay.whatif.weather import Weather, given_weather
from followup.clock import WallClock
from followup.errors import ConfigurationError
from followup.limits import Limits
from followup.names import check_telescope
from followup.story import PlainRunner, Runner, StepState, Story
from followup.strategy import default_text
from simulators.afterglow import SimulatedBurst
from simulators.sites import known_telescope
from simulators.sky import SimulatedCatalogue, SimulatedSky

_SEED = 1
"""Of the constant stars, which are invented, and of the noise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A burst of history as a telescope would have seen it: the comparison, and a picture of it (PNG)."""

    comparison: Comparison
    picture: bytes


def observe_history(
    alerts: Path,
    lightcurve: Path,
    *,
    telescope: str,
    supposed: Supposition = Supposition(),
    reddening: float | None = None,
    speed: float | None = None,
    work: Path | None = None,
    runner: Runner | None = None,
) -> Seen:
    """Observe a burst of history with a known telescope, simulated, at its real time (blocking).

    Parameters
    ----------
    alerts
        A file, or a folder of files: the burst's real alerts.
    lightcurve
        Its published photometry (see `console.replay.history.published`).
    telescope
        Name of one of `simulators.sites`; when a site is supposed, that under which it observes.
    supposed
        What is otherwise than it would have been: strategies (else those that come with the program), site,
        weather (else fine), and by how much later the burst and its alerts come.
    reddening
        E(B-V) of the Galaxy's dust, for published points that were corrected for it.
    speed
        How many times faster than the sky; None for as fast as the agent answers.
    work
        Folder to work in, which must not hold anything, and is kept; a temporary one when None.
    runner
        Who shows it.

    Raises
    ------
    ConfigurationError
        When a file cannot be read, or there is no such telescope.
    ReplayError
        When it cannot be played.
    """
    shift = supposed.shift or timedelta()
    if supposed.site is None:
        model = known_telescope(telescope)
        there = Observatory(model=model, limits=Limits())
    else:
        try:
            check_telescope(telescope)
        except ValueError as error:
            raise ConfigurationError(str(error), hint="under that name it observes") from error
        there = given_observatory(supposed.site, telescope)
    strategies = given_strategies(supposed.strategy) if supposed.strategy else default_text()
    published = read_published(lightcurve, reddening=reddening)
    with tempfile.TemporaryDirectory(prefix="followup-history-") as scratch:
        said = announced(alerts, telescope, Path(scratch))
        light = published.light()
        burst = SimulatedBurst(
            name=said.conversation.name.burst,
            trigger_time=said.trigger_time + shift,
            position=said.position,
            afterglow=light,
        )
        weather = given_weather(supposed.weather, burst.trigger_time) if supposed.weather else Weather()
        triggers = later(said.conversation.said, shift)
        conversation = Conversation(name=said.conversation.name, said=triggers)
        story = Story(
            flow="replay",
            name=f"{conversation.name} · history",
            subject=burst.name,
            clock=WallClock(),
            tags=(burst.name, telescope, "history"),
            parameters={
                "alerts": str(alerts),
                "light curve": str(lightcurve),
                "telescope": telescope,
                "otherwise": str(supposed) or "nothing",
                "speed": f"{speed:g}" if speed else "max",
            },
        )
        (runner or PlainRunner()).follow(story)
        try:
            story.begin("play:", "observe", "The real agent, over real servers, under the published sky.")
            sky = SimulatedSky(_SEED)
            scene_of = simulated_scene(
                there,
                strategies=strategies,
                stars=sky,
                catalogue=SimulatedCatalogue(sky),
                bursts=(burst,),
                weather=weather,
                until=conversation.end + UNTIL,
                seed=_SEED,
            )
            root = work or Path(scratch) / "state"
            replayed = play(conversation, scene_of, root, speed=speed)
            story.end("play:", message=f"{len(replayed.heard)} packets heard in {replayed.wall_s:.1f} s")
            story.begin("compare:", "compare with what was published", "Point by point.")
            frames = taken_frames(root, conversation.name)
            found = compare(replayed, said, published, light, frames=frames, shift=shift)
            picture = history_figure(found, published, light)
        except BaseException as error:
            story.finish(StepState.FAILED, "Broke off", f"{type(error).__name__}: {error}")
            raise
        story.show("points", "What was recovered", table=rows(found))
        story.show("light-curve", "Recovered over published", png=picture)
        story.end("compare:", message=headline(found))
        state, word = _ending(found)
        story.finish(state, word, headline(found))
        return Seen(comparison=found, picture=picture)


def _ending(found: Comparison) -> tuple[StepState, str]:
    if not found.good:
        return StepState.FAILED, "Rules broken"
    return StepState.COMPLETED, "Compared" if found.accepted else "Not observed"
