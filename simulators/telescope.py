"""A simulated telescope: the ports of `followup.devices` with the delays, errors and limits of a real one."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np

from followup.clock import Clock
from followup.devices import FrameType, RawFrame, Telescope, WeatherReading
from followup.errors import DeviceError, SlewRefusedError
from simulators.earth import altitude_azimuth_deg, angle_deg, horizon_deg
from simulators.imager import Imager
from simulators.scenario import ScenarioFile
from simulators.sites import KnownTelescope
from simulators.sky import SimulatedSky
from voevent.packet import SkyPosition

_PARKED = SkyPosition(ra_deg=0.0, dec_deg=90.0)
_LONGEST_EXPOSURE_S = 3600.0


@dataclass(kw_only=True)
class _Body:
    """What the devices of one telescope share."""

    model: KnownTelescope
    clock: Clock
    rng: np.random.Generator
    imager: Imager
    sky: ScenarioFile
    weather_file: Path
    says: SkyPosition = _PARKED
    offset_arcsec: tuple[float, float] = (0.0, 0.0)
    tracking_since: float = 0.0
    tracking: bool = False
    filter: str = ""
    dome_open: bool = False
    exposing: asyncio.Event | None = None
    moving: asyncio.Event | None = field(default=None)

    def looks_at(self) -> SkyPosition:
        """Where it looks in truth: where the slew landed, drifted off since."""
        minutes = (self.clock.now().timestamp() - self.tracking_since) / 60.0
        drift = self.model.mechanics.drift_arcsec_min * minutes
        east, north = self.offset_arcsec[0] + drift, self.offset_arcsec[1]
        dec = max(-90.0, min(90.0, self.says.dec_deg + north / 3600.0))
        ra = self.says.ra_deg + east / 3600.0 / max(0.01, math.cos(math.radians(dec)))
        return SkyPosition(ra_deg=ra % 360.0, dec_deg=dec)


class _Mount:
    def __init__(self, body: _Body) -> None:
        self._body = body

    async def slew(self, target: SkyPosition) -> None:
        body = self._body
        now = body.clock.now()
        altitude, azimuth = altitude_azimuth_deg(target, body.model.site, now)
        lowest = max(5.0, horizon_deg(body.model.site, azimuth))
        if altitude < lowest:
            raise SlewRefusedError(
                "mount",
                f"{target.ra_deg:.4f} {target.dec_deg:+.4f} is at altitude {altitude:.1f} deg, "
                f"below the limit of {lowest:.1f} deg",
                hint="wait until it has risen",
            )
        mechanics = body.model.mechanics
        body.tracking = False
        body.moving = stopped = asyncio.Event()
        seconds = angle_deg(body.says, target) / mechanics.slew_deg_s + mechanics.settle_s
        if await _interrupted(body.clock, seconds, stopped):
            raise DeviceError("mount", "the slew was stopped", retriable=False)
        error = mechanics.pointing_error_arcsec
        body.offset_arcsec = (body.rng.normal(0.0, error), body.rng.normal(0.0, error))
        body.says = SkyPosition(ra_deg=target.ra_deg, dec_deg=target.dec_deg)
        body.tracking, body.tracking_since = True, body.clock.now().timestamp()

    async def position(self) -> SkyPosition:
        return self._body.says

    async def stop(self) -> None:
        if self._body.moving is not None:
            self._body.moving.set()
        self._body.tracking = False

    async def park(self) -> None:
        body = self._body
        await body.clock.sleep(
            angle_deg(body.says, _PARKED) / body.model.mechanics.slew_deg_s + body.model.mechanics.settle_s
        )
        body.says, body.tracking = _PARKED, False


class _Camera:
    def __init__(self, body: _Body) -> None:
        self._body = body

    async def expose(self, *, frame_type: FrameType, exposure_s: float, filter_name: str) -> RawFrame:
        body = self._body
        if body.exposing is not None:
            raise DeviceError("camera", "it is exposing already")
        if not 0.0 <= exposure_s <= _LONGEST_EXPOSURE_S:
            raise DeviceError("camera", f"it cannot expose for {exposure_s:g} s")
        if frame_type is FrameType.LIGHT and not body.tracking:
            raise DeviceError("camera", "the mount does not track: the stars would trail")
        start, truth = body.clock.now(), body.looks_at()
        body.imager.show(body.sky.bursts())
        body.exposing = aborted = asyncio.Event()
        try:
            seconds = exposure_s + body.model.instrument.readout_s
            drawing = asyncio.to_thread(
                body.imager.frame,
                frame_type=frame_type,
                start=start,
                exposure_s=exposure_s,
                filter_name=filter_name,
                pointing=body.says,
                rng=body.rng,
                looks_at=truth,
            )
            frame, stopped = await asyncio.gather(drawing, _interrupted(body.clock, seconds, aborted))
        finally:
            body.exposing = None
        if stopped:
            raise DeviceError("camera", "the exposure was aborted")
        return frame

    async def abort(self) -> None:
        if self._body.exposing is not None:
            self._body.exposing.set()


class _FilterWheel:
    def __init__(self, body: _Body) -> None:
        self._body = body

    async def select(self, filter_name: str) -> None:
        body = self._body
        if filter_name not in body.model.instrument.filters:
            raise DeviceError(
                "filter wheel",
                f"there is no filter {filter_name}",
                hint=f"it has {', '.join(body.model.instrument.filters)}",
            )
        if filter_name != body.filter:
            await body.clock.sleep(body.model.mechanics.filter_change_s)
            body.filter = filter_name


class _Dome:
    def __init__(self, body: _Body) -> None:
        self._body = body

    async def open(self) -> None:
        await self._move(opened=True)

    async def close(self) -> None:
        await self._move(opened=False)

    async def is_open(self) -> bool:
        return self._body.dome_open

    async def _move(self, *, opened: bool) -> None:
        if self._body.dome_open is not opened:
            await self._body.clock.sleep(self._body.model.mechanics.dome_s)
            self._body.dome_open = opened


class _WeatherStation:
    def __init__(self, body: _Body) -> None:
        self._body = body

    async def reading(self) -> WeatherReading:
        """Good weather, unless a file beside the scenario says otherwise."""
        now = self._body.clock.now()
        try:
            said = json.loads(self._body.weather_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return WeatherReading(time=now, safe=True)
        except ValueError as error:
            raise DeviceError("weather station", f"it says something unreadable: {error}") from error
        age = timedelta(seconds=float(said.get("age_s", 0.0)))
        return WeatherReading(time=now - age, safe=bool(said["safe"]), reason=str(said.get("reason", "")))


def simulated_telescope(model: KnownTelescope, scenario: Path, *, clock: Clock) -> Telescope:
    """Make a simulated telescope.

    Parameters
    ----------
    model
        Which telescope it imitates.
    scenario
        File of its sky. A file ``weather.json`` beside it, when there is one, makes the weather:
        ``{"safe": false, "reason": "rain", "age_s": 0}``.
    clock
        The sky's clock: all delays are on it.
    """
    sky = ScenarioFile(scenario)
    seed = sky.scenario.seed
    body = _Body(
        model=model,
        clock=clock,
        rng=np.random.default_rng([seed, sum(model.name.encode())]),
        imager=Imager(model, SimulatedSky(seed)),
        sky=sky,
        weather_file=scenario.with_name("weather.json"),
    )
    return Telescope(
        mount=_Mount(body),
        camera=_Camera(body),
        filter_wheel=_FilterWheel(body),
        dome=_Dome(body),
        weather=_WeatherStation(body),
    )


async def _interrupted(clock: Clock, seconds: float, event: asyncio.Event) -> bool:
    """Sleep so long on the sky's clock; return early with True when the event comes first."""
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({sleeping, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return event.is_set()
    finally:
        for each in (sleeping, waiting):
            each.cancel()
        await asyncio.gather(sleeping, waiting, return_exceptions=True)
