"""A simulated mount: slews take their time, land a little off, and tracking drifts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from followup.clock import Clock
from followup.errors import DeviceError, SlewRefusedError
from simulators.earth import altitude_azimuth_deg, angle_deg, between, horizon_deg, hour_angle_deg
from simulators.interruptible import interrupted
from simulators.projection import offset
from simulators.sites import KnownTelescope
from voevent.packet import SkyPosition

_PARKED = SkyPosition(ra_deg=0.0, dec_deg=90.0)
_LOWEST_DEG = 5.0
_FLIP_PAST_DEG = 0.5


@dataclass(kw_only=True, slots=True)
class _Motion:
    origin: SkyPosition
    target: SkyPosition
    began: datetime
    seconds: float
    stopped: asyncio.Event


class SimulatedMount:
    """The `followup.devices.Mount` of a known telescope.

    Parameters
    ----------
    model
        Its mechanics and its site's horizon; nothing below that, or below 5 deg, can be pointed at.
    clock
        The sky's clock.
    rng
        Draws where slews land.
    """

    def __init__(self, model: KnownTelescope, clock: Clock, rng: np.random.Generator) -> None:
        self._model = model
        self._clock = clock
        self._rng = rng
        self._at = _PARKED
        self._motion: _Motion | None = None
        self._tracking_since: datetime | None = None
        self._landed_off_arcsec = (0.0, 0.0)
        self.upside_down = False
        """Whether it looks west, on the other side of its pier; never unless it is a German mount."""

    async def slew(self, target: SkyPosition) -> None:
        """Point at an ICRS position; a slew under way is stopped by a new one.

        Raises
        ------
        SlewRefusedError
            When the target is below the limit.
        DeviceError
            When the slew is stopped.
        """
        altitude, lowest = self._altitude_and_limit(target)
        if altitude < lowest:
            raise SlewRefusedError.too_low(target, altitude_deg=altitude, lowest_deg=lowest)
        await self._move(SkyPosition(ra_deg=target.ra_deg, dec_deg=target.dec_deg))
        error = self._model.mechanics.pointing_error_arcsec
        self._landed_off_arcsec = (self._rng.normal(0.0, error), self._rng.normal(0.0, error))
        self._tracking_since = self._clock.now()
        self.upside_down = self._model.mechanics.german and self._west_of_meridian_deg(target) >= 0.0

    async def position(self) -> SkyPosition:
        """Where it says it points now, ICRS."""
        motion = self._motion
        if motion is None:
            return self._at
        elapsed = (self._clock.now() - motion.began).total_seconds()
        return between(motion.origin, motion.target, min(1.0, elapsed / motion.seconds))

    async def flip_due(self) -> bool:
        """Whether it has tracked past the meridian and is to swing to the other side of its pier."""
        waits = self._model.mechanics.german and not self.upside_down and self._tracking_since is not None
        return waits and self._west_of_meridian_deg(self._at) > _FLIP_PAST_DEG

    async def stop(self) -> None:
        """Stop moving and tracking at once."""
        self._at = await self.position()
        if self._motion is not None:
            self._motion.stopped.set()
        self._motion = None
        self._tracking_since = None

    async def park(self) -> None:
        """Go to the celestial pole and stay.

        Raises
        ------
        DeviceError
            When it is stopped on the way.
        """
        await self._move(_PARKED)

    def says(self) -> SkyPosition:
        """Where it believes to look while tracking, ICRS."""
        return self._at

    def looks_at(self) -> SkyPosition:
        """Where it looks in truth while tracking: where the slew landed, and drifted off since."""
        if self._tracking_since is None:
            return self._at
        minutes = (self._clock.now() - self._tracking_since).total_seconds() / 60.0
        east, north = self._landed_off_arcsec
        drift = self._model.mechanics.drift_arcsec_min * minutes
        return offset(self._at, east_arcsec=east + drift, north_arcsec=north)

    def check_tracking(self) -> None:
        """Refuse an exposure of the sky while it does not track.

        Raises
        ------
        DeviceError
            When it does not, or has tracked the target into its limit.
        """
        if self._tracking_since is None:
            raise DeviceError("mount", "it does not track: the stars would trail", hint="slew first")
        altitude, lowest = self._altitude_and_limit(self._at)
        if altitude < lowest:
            self._tracking_since = None
            raise DeviceError(
                "mount",
                f"tracking ended at its limit: the target has sunk to {altitude:.1f} deg, "
                f"below {lowest:.1f} deg",
                hint="wait until it has risen",
            )

    async def _move(self, target: SkyPosition) -> None:
        await self.stop()
        mechanics = self._model.mechanics
        self._motion = motion = _Motion(
            origin=self._at,
            target=target,
            began=self._clock.now(),
            seconds=angle_deg(self._at, target) / mechanics.slew_deg_s + mechanics.settle_s,
            stopped=asyncio.Event(),
        )
        try:
            stopped = await interrupted(self._clock, motion.seconds, motion.stopped)
        except asyncio.CancelledError:
            await self.stop()
            raise
        if stopped:
            raise DeviceError("mount", "it was stopped while moving")
        self._motion, self._at = None, target

    def _west_of_meridian_deg(self, position: SkyPosition) -> float:
        """Give the hour angle, from -180 to 180 deg."""
        return hour_angle_deg(position, self._model.site, self._clock.now())

    def _altitude_and_limit(self, position: SkyPosition) -> tuple[float, float]:
        altitude, azimuth = altitude_azimuth_deg(position, self._model.site, self._clock.now())
        return altitude, max(_LOWEST_DEG, horizon_deg(self._model.site, azimuth))
