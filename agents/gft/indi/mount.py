"""A mount over INDI: positions of date, slews repeated until they are true, limits of our own."""

from __future__ import annotations

import asyncio
import logging
import time

import numpy as np

from agents.gft.indi.apparent import (
    Apparent,
    altitude_azimuth_deg,
    apparent,
    icrs,
    separation_arcsec,
    sidereal_h,
)
from agents.gft.indi.connection import Connection
from agents.gft.indi.device import ALERT, BUSY, Device
from agents.gft.indi.settings import IndiSettings
from followup.clock import Clock
from followup.errors import DeviceError, SlewRefusedError
from followup.site import Site
from followup.visibility import horizon_deg
from voevent.packet import SkyPosition

log = logging.getLogger(__name__)

_COORD, _PARK, _TRACK = "EQUATORIAL_EOD_COORD", "TELESCOPE_PARK", "TELESCOPE_TRACK_STATE"
_SLEWS = 6
_STARTS_S = 2.0
"""A mount that does not begin to move within this time will not move."""
_STOPS_S = 5.0


class IndiMount:
    """The `followup.devices.Mount` of an INDI driver.

    INDI mounts go below the horizon without a word: the site's limits are checked here.

    Parameters
    ----------
    site
        Told to the mount, and its limits.
    sky
        The sky's clock: limits are of its time.
    wall
        The machine's clock: mounts live in the machine's time.
    """

    def __init__(
        self, connection: Connection, settings: IndiSettings, site: Site, *, sky: Clock, wall: Clock
    ) -> None:
        self.device = Device(connection, settings.mount, "mount", self._set_up)
        self._settings = settings
        self._site = site
        self._sky = sky
        self._wall = wall
        self._stops = 0

    async def slew(self, target: SkyPosition) -> None:
        """Point at an ICRS position; return when tracking there.

        Raises
        ------
        SlewRefusedError
            When the target is below a limit, or the mount will not go there.
        DeviceError
            When it is stopped on the way, does not arrive in time, or not near enough.
        """
        self._check_limits(target)
        stops = self._stops
        try:
            await self.device.ready()
            await self._unpark()
            for _ in range(_SLEWS):
                await self._go(target, stops)
                if self._error_arcsec(target) <= self._settings.pointing_tolerance_arcsec:
                    return
                log.info("slewing again: it points %.0f arcsec off", self._error_arcsec(target))
        except asyncio.CancelledError:
            await asyncio.shield(self.stop())
            raise
        raise DeviceError(
            "mount",
            f"after {_SLEWS} slews it still points {self._error_arcsec(target):.0f} arcsec off",
            hint="look after its alignment, or allow more: pointing_tolerance_arcsec in [indi]",
        )

    async def position(self) -> SkyPosition:
        """Where it says it points now, ICRS."""
        await self.device.ready()
        return self.says()

    async def flip_due(self) -> bool:
        """Whether a German mount has tracked past the meridian on the side for the east."""
        after_min = self._settings.flip_after_min
        if after_min is None or self.pier_side != "west" or self._parked:
            return False
        west_h = (sidereal_h(self._site, self._wall.now()) - self._reported().ra_h + 12.0) % 24.0 - 12.0
        return west_h * 60.0 > after_min

    def says(self) -> SkyPosition:
        """Where it last said that it points, ICRS.

        Raises
        ------
        DeviceError
            When it is not connected.
        """
        return icrs(self._reported(), self._wall.now())

    async def stop(self) -> None:
        """Stop moving at once; tracking ends."""
        self._stops += 1
        stops = self._stops
        await self.device.tell("TELESCOPE_ABORT_MOTION", {"ABORT": "On"})
        await self.device.wait(lambda: self.device.state(_COORD) != BUSY, _STOPS_S, "it does not stop")
        # Who has been told to park meanwhile does so: ending the tracking would end that.
        if self.device.has(_TRACK) and self._stops == stops:
            await self.device.tell(_TRACK, self.device.switch_to(_TRACK, "TRACK_OFF"))

    async def park(self) -> None:
        """Go to the park position and stay."""
        self._stops += 1
        device = self.device
        await device.ready()
        if self._parked and device.state(_PARK) == BUSY:  # somebody else has had it park
            within_s = self._settings.slew_s
            await device.wait(lambda: device.state(_PARK) != BUSY, within_s, "it is still parking")
        if self._parked:
            return
        try:
            await device.tell(_PARK, device.switch_to(_PARK, "PARK"), within_s=self._settings.slew_s)
        except asyncio.CancelledError:
            await asyncio.shield(self.stop())
            raise
        if not self._parked:
            raise DeviceError(
                "mount", "it did not park", hint="was it stopped? park it by another INDI client"
            )

    def check_tracking(self) -> None:
        """Refuse an exposure of the sky while it does not track.

        Raises
        ------
        DeviceError
            When it does not.
        """
        tracks = not self.device.has(_TRACK) or self.device.on(_TRACK, "TRACK_ON")
        if not tracks or self._parked or self.device.state(_COORD) == BUSY:
            raise DeviceError("mount", "it does not track: the stars would trail", hint="slew first")

    @property
    def pier_side(self) -> str:
        """On which side of its pier the telescope is: ``east``, ``west``, or empty when it does not say."""
        sides = self.device.values("TELESCOPE_PIER_SIDE") if self.device.has("TELESCOPE_PIER_SIDE") else {}
        return next((name.removeprefix("PIER_").lower() for name, on in sides.items() if on == "On"), "")

    # --- one slew -------------------------------------------------------------------------------------

    async def _go(self, target: SkyPosition, stops: int) -> None:
        """Send it there once, and wait until it moves no more."""
        device = self.device
        goal = apparent(target, self._wall.now())
        since, key = device.connection.serial, (device.name, _COORD, BUSY)
        moved_before, asked = device.connection.heard[key], time.monotonic()
        answered = await device.ask(_COORD, {"RA": goal.ra_h, "DEC": goal.dec_deg})

        def at_rest() -> bool:
            if self._stops != stops:
                return True
            state = device.state(_COORD)
            moved = device.connection.heard[key] > moved_before
            # Reports of where it pointed before the command may come after it: they say nothing yet.
            waited = time.monotonic() - asked > _STARTS_S
            return state == ALERT or (state != BUSY and answered() and (moved or waited))

        await device.wait(at_rest, self._settings.slew_s, "it did not arrive")
        if self._stops != stops:
            raise DeviceError("mount", "it was stopped while moving")
        if device.state(_COORD) == ALERT:
            raise SlewRefusedError("mount", str(device.refusal(_COORD, since)).partition(": ")[2])
        if device.connection.heard[key] == moved_before and self._error_arcsec(target) > 3600.0:
            said = device.connection.said(device.name, since)
            raise SlewRefusedError("mount", f"it does not move: {said or 'it gives no reason'}")

    async def _unpark(self) -> None:
        device = self.device
        if self._parked:
            await device.tell(_PARK, device.switch_to(_PARK, "UNPARK"), within_s=self._settings.slew_s)
        if not device.on("ON_COORD_SET", "TRACK"):
            await device.tell("ON_COORD_SET", device.switch_to("ON_COORD_SET", "TRACK"))

    def _check_limits(self, target: SkyPosition) -> None:
        now = self._sky.now()
        altitude, azimuth = altitude_azimuth_deg(apparent(target, now), self._site, now)
        lowest = float(horizon_deg(self._site, np.array([azimuth]))[0])
        if altitude < lowest:
            raise SlewRefusedError.too_low(target, altitude_deg=altitude, lowest_deg=lowest)

    @property
    def _parked(self) -> bool:
        return self.device.has(_PARK) and self.device.on(_PARK, "PARK")

    def _reported(self) -> Apparent:
        return Apparent(ra_h=self.device.number(_COORD, "RA"), dec_deg=self.device.number(_COORD, "DEC"))

    def _error_arcsec(self, target: SkyPosition) -> float:
        return separation_arcsec(self._reported(), apparent(target, self._wall.now()))

    async def _set_up(self) -> None:
        """Tell it where it stands: INDI counts longitude from 0 to 360 deg eastwards."""
        place: dict[str, str | float] = {
            "LAT": self._site.latitude_deg,
            "LONG": self._site.longitude_deg % 360.0,
            "ELEV": self._site.elevation_m,
        }
        await self.device.wait(lambda: self.device.has(_COORD), 10.0, f"it has no property {_COORD}")
        if self.device.has("GEOGRAPHIC_COORD"):
            await self.device.command("GEOGRAPHIC_COORD", place)
