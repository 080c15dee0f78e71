"""A dome over INDI: its shutter, and its opening turned to where the telescope looks."""

from __future__ import annotations

from agents.gft.indi.apparent import altitude_azimuth_deg, apparent
from agents.gft.indi.connection import Connection
from agents.gft.indi.device import Device
from agents.gft.indi.settings import IndiSettings
from followup.clock import Clock
from followup.errors import DeviceError
from followup.site import Site
from voevent.packet import SkyPosition

_SHUTTER, _PARK, _AZIMUTH, _SLAVED = "DOME_SHUTTER", "DOME_PARK", "ABS_DOME_POSITION", "DOME_AUTOSYNC"


class IndiDome:
    """The `followup.devices.Dome` of an INDI driver.

    The driver itself keeps the opening before the telescope while it tracks (``DOME_AUTOSYNC``); a slew does
    not wait for that: the dome is sent ahead.

    Parameters
    ----------
    wall
        The machine's clock: mount and dome live in its time.
    """

    def __init__(self, connection: Connection, settings: IndiSettings, site: Site, *, wall: Clock) -> None:
        self.device = Device(connection, settings.dome, "dome", self._set_up)
        self._settings = settings
        self._site = site
        self._wall = wall

    async def open(self) -> None:
        """Return when the shutter is open."""
        device = self.device
        await device.ready()
        if device.has(_PARK) and device.on(_PARK, "PARK"):
            await device.tell(_PARK, device.switch_to(_PARK, "UNPARK"), within_s=self._settings.dome_s)
        await self._shutter("SHUTTER_OPEN")

    async def close(self) -> None:
        """Return when the shutter is closed."""
        await self._shutter("SHUTTER_CLOSE")

    async def is_open(self) -> bool:
        """Whether the shutter is open now."""
        await self.device.ready()
        return self._is("SHUTTER_OPEN")

    async def face(self, target: SkyPosition) -> None:
        """Return when the opening is before a position in the sky; a roof has nothing to turn."""
        device = self.device
        await device.ready()
        if not device.has(_AZIMUTH):
            return
        now = self._wall.now()
        _, azimuth = altitude_azimuth_deg(apparent(target, now), self._site, now)
        tolerance = device.number("DOME_PARAMS", "AUTOSYNC_THRESHOLD") if device.has("DOME_PARAMS") else 5.0
        if abs((self._azimuth - azimuth + 180.0) % 360.0 - 180.0) > tolerance:
            await device.tell(_AZIMUTH, {"DOME_ABSOLUTE_POSITION": azimuth}, within_s=self._settings.dome_s)
        if device.has(_SLAVED) and not device.on(_SLAVED, "DOME_AUTOSYNC_ENABLE"):
            await device.tell(_SLAVED, device.switch_to(_SLAVED, "DOME_AUTOSYNC_ENABLE"))

    @property
    def _azimuth(self) -> float:
        return self.device.number(_AZIMUTH, "DOME_ABSOLUTE_POSITION")

    async def _shutter(self, member: str) -> None:
        device = self.device
        await device.ready()
        if self._is(member):
            return
        await device.tell(_SHUTTER, device.switch_to(_SHUTTER, member), within_s=self._settings.shutter_s)
        if not self._is(member):
            raise DeviceError(
                "dome",
                f"the shutter is not where it should be after {member}",
                hint="look at it: the telescope may stand in the open",
                retriable=True,
            )

    def _is(self, member: str) -> bool:
        return self.device.on(_SHUTTER, member) and self.device.state(_SHUTTER) not in {"Busy", "Alert"}

    async def _set_up(self) -> None:
        await self.device.wait(lambda: self.device.has(_SHUTTER), 10.0, f"it has no property {_SHUTTER}")
