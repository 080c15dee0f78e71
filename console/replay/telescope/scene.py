"""What a telescope's agent finds on the stage: its devices, its place, its rules and its stars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from agents.gft.local_catalogue import LocalCatalogue
from agents.gft.reduction.calibration import Masters, read_masters
from agents.gft.reduction.port import Reduction, on_site
from console.replay.record import Recording
from console.replay.telescope.devices import Frames, played_telescope
from console.replay.telescope.light import NO_MASTERS, Headers, NoStars, PlayedReduction
from followup.catalogue import ReferenceCatalogue
from followup.clock import Clock
from followup.devices import Telescope
from followup.limits import Limits
from followup.site import Instrument, Site

_AFTER = timedelta(hours=6)
"""So much later than the record's end (sky time) a replay is given up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What the agent works with.

    Attributes
    ----------
    strategies
        The text of the strategies to follow.
    reduction
        Makes the reduction of a campaign.
    pictures
        Whether light curves, finding charts and nights are drawn.
    changes
        Times at which a clock that jumps must stop: what the agent looks at has changed.
    until
        When a campaign that does not end is given up (sky time).
    """

    telescope: Telescope
    site: Site
    instrument: Instrument
    limits: Limits
    strategies: str
    catalogue: ReferenceCatalogue
    masters: Masters
    reduction: Callable[..., Reduction] = on_site
    pictures: bool = True
    changes: tuple[datetime, ...] = ()
    until: datetime


SceneOf = Callable[[Clock], Scene]
"""Makes a scene whose devices go by a clock of the sky (blocking)."""


def recorded_scene(recording: Recording) -> SceneOf:
    """Give the scene of a record: the devices played from it, all else as it was."""

    def made(sky: Clock) -> Scene:
        site, instrument = recording.place()
        light = recording.bundle.manifest.light
        headers = Headers.read(recording) if light else None
        return Scene(
            telescope=played_telescope(recording.devices(), headers or Frames(recording.frames()), sky),
            site=site,
            instrument=instrument,
            limits=recording.limits(),
            strategies=recording.strategies,
            catalogue=NoStars() if light else LocalCatalogue(recording.stars, instrument.filters),
            masters=NO_MASTERS if light else read_masters(recording.masters),
            reduction=partial(PlayedReduction, recording, headers) if headers else on_site,
            pictures=not light,
            changes=recording.weather_changes,
            until=recording.end + _AFTER,
        )

    return made
