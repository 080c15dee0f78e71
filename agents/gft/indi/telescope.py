"""A whole telescope over INDI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents.gft.indi.camera import IndiCamera
from agents.gft.indi.connection import Connection
from agents.gft.indi.dome import IndiDome
from agents.gft.indi.filter_wheel import IndiFilterWheel
from agents.gft.indi.focuser import IndiFocuser
from agents.gft.indi.mount import IndiMount
from agents.gft.indi.settings import IndiSettings
from agents.gft.indi.weather import IndiWeatherStation
from followup.clock import Clock
from followup.devices import Telescope
from followup.site import Site


@asynccontextmanager
async def indi_telescope(
    settings: IndiSettings, site: Site, *, sky: Clock, wall: Clock
) -> AsyncIterator[Telescope]:
    """Connect to a telescope's devices; they stay as they are in the end.

    Parameters
    ----------
    site
        Where it stands, and how low it may look.
    sky
        The sky's clock, which must run as fast as the machine's: devices take real time.
    wall
        The machine's clock.

    Raises
    ------
    DeviceError
        When the server does not answer, a device is missing, or one cannot be connected.
    """
    connection = Connection(settings.host, settings.port)
    mount = IndiMount(connection, settings, site, sky=sky, wall=wall)
    wheel = IndiFilterWheel(connection, settings)
    camera = IndiCamera(connection, settings, mount=mount, wheel=wheel, sky=sky, wall=wall)
    dome = IndiDome(connection, settings, site, wall=wall)
    weather = IndiWeatherStation(connection, settings, sky=sky)
    focuser = IndiFocuser(connection, settings) if settings.focuser else None
    await connection.open()
    try:
        for each in (mount, wheel, camera, dome, weather, *((focuser,) if focuser else ())):
            await each.device.ready()
        yield Telescope(
            mount=mount, camera=camera, filter_wheel=wheel, dome=dome, weather=weather, focuser=focuser
        )
    finally:
        await connection.close()
