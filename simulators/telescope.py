"""A simulated telescope: the ports of `followup.devices` with the delays, errors and limits of a real one."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta
from pathlib import Path

import numpy as np

from followup.clock import Clock
from followup.devices import Telescope, WeatherReading, WeatherStation
from followup.errors import DeviceError
from simulators.atmosphere import ConditionsAt
from simulators.camera import Bursts, SimulatedCamera, SimulatedDome, SimulatedFilterWheel
from simulators.focuser import SimulatedFocuser
from simulators.imager import Imager
from simulators.mount import SimulatedMount
from simulators.scenario import ScenarioFile
from simulators.sites import KnownTelescope
from simulators.sky import SimulatedSky, StarField

WEATHER_FILE = "weather.json"
"""Beside the scenario; see `SimulatedWeatherStation`."""

_FINE = {"temperature_c": 8.0, "humidity_percent": 45.0, "wind_m_s": 3.0, "cloud_percent": 0.0}


class SimulatedWeatherStation:
    """Good weather, unless a file says otherwise: ``{"safe": false, "reason": "rain", "age_s": 0}``.

    ``age_s`` (a reading that is so old) and ``values`` (measured numbers by name) can be left out.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    async def reading(self) -> WeatherReading:
        """Read the weather now.

        Raises
        ------
        DeviceError
            When the file cannot be understood.
        """
        now = self._clock.now()
        try:
            said = json.loads(self._path.read_text(encoding="utf-8"))
            return WeatherReading(
                time=now - timedelta(seconds=float(said.get("age_s", 0.0))),
                safe=bool(said["safe"]),
                reason=str(said.get("reason", "")),
                values=_FINE | {str(name): float(value) for name, value in said.get("values", {}).items()},
            )
        except FileNotFoundError:
            return WeatherReading(time=now, safe=True, values=_FINE)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DeviceError(
                "weather station",
                f"{self._path} says nothing readable: {error}",
                hint='write {"safe": true} into it, or remove it',
                retriable=True,
            ) from error


def simulated_telescope(model: KnownTelescope, scenario: Path, *, clock: Clock) -> Telescope:
    """Make a simulated telescope.

    Parameters
    ----------
    model
        Which telescope it imitates.
    scenario
        File of its sky, read again when it changes. A file ``weather.json`` beside it, when there is one,
        makes the weather.
    clock
        The sky's clock: all delays are on it.

    Raises
    ------
    ConfigurationError
        When the scenario cannot be read.
    """
    sky = ScenarioFile(scenario)
    return telescope_under(
        model,
        SimulatedSky(sky.scenario.seed),
        sky,
        weather=SimulatedWeatherStation(scenario.with_name(WEATHER_FILE), clock),
        clock=clock,
        seed=sky.scenario.seed,
    )


def telescope_under(
    model: KnownTelescope,
    stars: StarField,
    bursts: Bursts,
    *,
    weather: WeatherStation,
    clock: Clock,
    seed: int,
    conditions: ConditionsAt | None = None,
) -> Telescope:
    """Make a simulated telescope under any sky and in any weather.

    Parameters
    ----------
    model
        Which telescope it imitates.
    clock
        The sky's clock: all delays are on it.
    seed
        Of its noise, and of where its slews land.
    conditions
        Those of the air at each time; None for the site's own at all times.
    """
    landing, noise = np.random.default_rng([seed, zlib.crc32(model.name.encode())]).spawn(2)
    mount = SimulatedMount(model, clock, landing)
    wheel = SimulatedFilterWheel(model, clock)
    dome = SimulatedDome(model, clock)
    focuser = SimulatedFocuser(clock, weather)
    camera = SimulatedCamera(
        model=model,
        clock=clock,
        imager=Imager(model, stars, conditions=conditions),
        sky=bursts,
        mount=mount,
        wheel=wheel,
        dome=dome,
        focuser=focuser,
        rng=noise,
    )
    return Telescope(
        mount=mount, camera=camera, filter_wheel=wheel, dome=dome, weather=weather, focuser=focuser
    )
