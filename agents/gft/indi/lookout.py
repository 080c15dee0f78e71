"""Looking at a telescope over INDI without touching it; and making it safe when nobody else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents.gft.indi.connection import Connection
from agents.gft.indi.device import ALERT, BUSY, Device
from agents.gft.indi.dome import IndiDome
from agents.gft.indi.mount import IndiMount
from agents.gft.indi.settings import IndiSettings
from agents.gft.indi.weather import read_station
from agents.gft.stowing import stow
from followup.clock import Clock
from followup.devices import WeatherReading
from followup.errors import DeviceError
from followup.site import Site

_SHUTTER, _PARK, _EXPOSURE = "DOME_SHUTTER", "TELESCOPE_PARK", "CCD_EXPOSURE"


class Lookout:
    """A connection of its own to the devices of a telescope.

    It only listens until `shelter` is called: no device is connected, set up or told anything before.

    Parameters
    ----------
    park_before_closing
        Whether the roof would hit a telescope that is not parked.
    """

    def __init__(
        self,
        connection: Connection,
        settings: IndiSettings,
        site: Site,
        *,
        sky: Clock,
        wall: Clock,
        park_before_closing: bool,
    ) -> None:
        self.connection = connection
        self._settings = settings
        self._sky = sky
        self._park_before_closing = park_before_closing
        self._mount = IndiMount(connection, settings, site, sky=sky, wall=wall)
        self._dome = IndiDome(connection, settings, site, wall=wall)
        self._camera = Device(connection, settings.camera, "camera")
        self._weather = Device(connection, settings.weather, "weather station")
        self._heard: WeatherReading | None = None
        self._tried = False

    async def reading(self) -> WeatherReading:
        """Give what the weather station has last said, also when it is away since: that is as old as it is.

        Raises
        ------
        DeviceError
            When it has never said anything.
        """
        try:
            self._heard = read_station(self._weather, self._sky)
        except DeviceError:
            if self._heard is None:
                raise
        return self._heard

    def open(self) -> bool | None:
        """Whether the dome is not shut, or the mount not parked; None when that cannot be seen."""
        try:
            dome, mount = self._dome.device, self._mount.device
            shut = dome.on(_SHUTTER, "SHUTTER_CLOSE") and dome.state(_SHUTTER) not in {BUSY, ALERT}
            parked = not mount.has(_PARK) or (mount.on(_PARK, "PARK") and mount.state(_PARK) != BUSY)
        except DeviceError:
            return None
        return not (shut and parked)

    def closing(self) -> bool:
        """Whether somebody is making it safe already: what is not safe yet is on its way."""
        try:
            dome, mount = self._dome.device, self._mount.device
            shut = dome.on(_SHUTTER, "SHUTTER_CLOSE") and dome.state(_SHUTTER) != ALERT
            parks = not mount.has(_PARK) or mount.on(_PARK, "PARK")
        except DeviceError:
            return False
        return shut and parks

    async def shelter(self) -> tuple[str, ...]:
        """End the exposure, park, close the dome; return what failed."""
        failed = await stow(
            mount=self._mount,
            dome=self._dome,
            end_exposure=self._end_exposure,
            park_before_closing=self._park_before_closing,
            stop_first=self._tried,
        )
        self._tried = bool(failed)
        return failed

    async def _end_exposure(self) -> None:
        camera = self._camera
        if camera.has(_EXPOSURE) and camera.state(_EXPOSURE) == BUSY:
            await camera.tell("CCD_ABORT_EXPOSURE", {"ABORT": "On"})


@asynccontextmanager
async def lookout(
    settings: IndiSettings, site: Site, *, sky: Clock, wall: Clock, park_before_closing: bool
) -> AsyncIterator[Lookout]:
    """Listen to a telescope's server, whether it answers yet or not."""
    connection = Connection(settings.host, settings.port, frames=False)
    connection.start()
    try:
        yield Lookout(connection, settings, site, sky=sky, wall=wall, park_before_closing=park_before_closing)
    finally:
        await connection.close()
