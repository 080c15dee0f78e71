"""The scene of what was never recorded: simulated devices under a given sky."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from console.replay.telescope.calibration import masters_taken
from console.replay.telescope.scene import Scene, SceneOf
from console.replay.whatif.place import Observatory
from console.replay.whatif.weather import Weather
from followup.catalogue import ReferenceCatalogue
from followup.clock import Clock
from followup.devices import Telescope
from followup.errors import ConfigurationError
from followup.strategy import LONGEST_AGE_S, load_strategies
from simulators.afterglow import SimulatedBurst
from simulators.camera import Bursts
from simulators.sky import StarField
from simulators.telescope import telescope_under

UNTIL = timedelta(seconds=LONGEST_AGE_S) + timedelta(hours=12)
"""So long after its last trigger (sky time) a campaign that does not end is given up."""


def simulated_scene(
    there: Observatory,
    *,
    strategies: str,
    stars: StarField,
    catalogue: ReferenceCatalogue,
    bursts: tuple[SimulatedBurst, ...],
    weather: Weather,
    until: datetime,
    seed: int,
) -> SceneOf:
    """Give the scene of a telescope that is simulated.

    Parameters
    ----------
    strategies
        The text of those to follow.
    stars, catalogue
        The constant stars as they are, and as a survey has them.
    until
        When a campaign that does not end is given up (sky time).
    seed
        Of the noise, and of where slews land.
    """
    model = there.model

    def under(sky: Clock) -> Telescope:
        made = telescope_under(
            model,
            stars,
            _Lights(bursts),
            weather=weather.station(sky),
            clock=sky,
            seed=seed,
            conditions=weather.conditions(model.conditions),
        )
        # It is in focus, and nobody focuses it.
        return replace(made, focuser=None)

    def made(sky: Clock) -> Scene:
        return Scene(
            telescope=under(sky),
            site=model.site,
            instrument=model.instrument,
            limits=there.limits,
            strategies=strategies,
            catalogue=catalogue,
            masters=masters_taken(under, model.instrument, sky.now()),
            pictures=False,
            changes=weather.changes,
            until=until,
        )

    return made


def given_strategies(path: Path) -> str:
    """Read a file of strategies.

    Raises
    ------
    ConfigurationError
        When it cannot be read or understood.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the strategies {path} cannot be read: {error}", hint="docs/strategies.md"
        ) from error
    load_strategies(text, source=str(path))
    return text


@dataclass(frozen=True, slots=True)
class _Lights(Bursts):
    """The bursts of a sky in which nothing more will go off."""

    few: tuple[SimulatedBurst, ...]

    def bursts(self) -> Sequence[SimulatedBurst]:
        """All of them."""
        return self.few
