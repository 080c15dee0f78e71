"""The devices as campaigns share them: what is done together, what is done again, and calibration frames."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pytest

from agents.gft.gate import SAFETY
from agents.gft.observatory import Observatory
from followup.clock import WallClock
from followup.devices import FrameType, RawFrame, Telescope
from followup.errors import DeviceError, SlewRefusedError
from simulators.sites import known_telescope
from voevent.packet import SkyPosition

TARGET = SkyPosition(ra_deg=90.0, dec_deg=30.0)
INSTRUMENT = dataclasses.replace(
    known_telescope("gft-spm").instrument, filters=("g", "r"), saturation_adu=60000.0
)
PASSING = DeviceError("mount", "it did not answer", retriable=True)
LASTING = DeviceError("mount", "it is broken")


@dataclass
class Devices:
    """All devices in one; each method fails with what stands first in its queue."""

    failures: dict[str, list[Exception]] = field(default_factory=dict)
    hold: dict[str, asyncio.Event] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    light_adu_s: float = 15_000.0
    exposures: list[tuple[FrameType, float, str]] = field(default_factory=list)

    async def _do(self, what: str) -> None:
        if what in self.hold:
            await self.hold[what].wait()
        if queue := self.failures.get(what):
            raise queue.pop(0)
        self.done.append(what)

    async def reached(self, what: str) -> None:
        while what not in self.done:  # noqa: ASYNC110 - it comes within some turns of the loop
            await asyncio.sleep(0)

    async def slew(self, target: SkyPosition) -> None:
        await self._do("slew")

    async def stop(self) -> None:
        await self._do("stop")

    async def is_open(self) -> bool:
        return "open" in self.done

    async def open(self) -> None:
        await self._do("open")

    async def face(self, target: SkyPosition) -> None:
        await self._do("face")

    async def select(self, name: str) -> None:
        await self._do(f"select {name}")

    async def abort(self) -> None:
        await self._do("abort")

    async def expose(self, *, frame_type: FrameType, exposure_s: float, filter_name: str) -> RawFrame:
        await self._do("expose")
        self.exposures.append((frame_type, exposure_s, filter_name))
        level = self.light_adu_s * exposure_s if frame_type is FrameType.FLAT else 100.0
        return RawFrame(
            pixels=np.full((2, 2), min(level, 65535.0), np.uint16),
            frame_type=frame_type,
            date_obs=datetime(2026, 11, 22, tzinfo=UTC),
            exposure_s=exposure_s,
            filter=filter_name,
            pointing=TARGET,
        )


@pytest.fixture
def devices() -> Devices:
    return Devices()


@pytest.fixture
def observatory(devices: Devices) -> Observatory:
    one = cast("Any", devices)
    telescope = Telescope(mount=one, camera=one, filter_wheel=one, dome=one, weather=one)
    made = Observatory(telescope, WallClock())
    made.gate.lift(SAFETY)
    return made


async def test_the_dome_opens_while_the_mount_slews(devices: Devices, observatory: Observatory) -> None:
    devices.hold["slew"] = asyncio.Event()
    pointing = asyncio.ensure_future(observatory.point(TARGET))
    await devices.reached("face")
    assert devices.done == ["open", "face"]
    assert observatory.pointed_at is None
    devices.hold["slew"].set()
    await pointing
    assert observatory.pointed_at == TARGET
    await observatory.point(TARGET)
    assert devices.done.count("open") == 1


@pytest.mark.parametrize("what", ["slew", "face"])
async def test_pointing_is_tried_again_when_that_is_safe(
    devices: Devices, observatory: Observatory, what: str
) -> None:
    devices.failures[what] = [PASSING, PASSING]
    await observatory.point(TARGET)
    assert observatory.pointed_at == TARGET
    devices.failures[what] = [PASSING] * 3
    with pytest.raises(DeviceError, match="it did not answer"):
        await observatory.point(TARGET)
    assert observatory.pointed_at is None


async def test_a_refusal_is_no_failure_to_try_again(devices: Devices, observatory: Observatory) -> None:
    devices.failures["slew"] = [SlewRefusedError("mount", "it has set")]
    with pytest.raises(SlewRefusedError):
        await observatory.point(TARGET)
    assert "slew" not in devices.done


@pytest.mark.parametrize(("failures", "taken"), [([PASSING, PASSING], True), ([LASTING], False)])
async def test_exposures_are_tried_again_when_that_is_safe(
    devices: Devices, observatory: Observatory, failures: list[Exception], taken: bool
) -> None:
    devices.failures["expose"] = failures
    exposing = observatory.expose(exposure_s=10.0, filter_name="r")
    if taken:
        assert (await exposing).exposure_s == 10.0
    else:
        with pytest.raises(DeviceError, match="it is broken"):
            await exposing


async def test_after_a_failed_exposure_the_next_visit_points_anew(
    devices: Devices, observatory: Observatory
) -> None:
    await observatory.point(TARGET)
    devices.failures["expose"] = [DeviceError("mount", "it does not track: the stars would trail")]
    with pytest.raises(DeviceError, match="does not track"):
        await observatory.expose(exposure_s=10.0, filter_name="r")
    assert observatory.pointed_at is None


async def test_a_camera_that_does_not_answer_does_not_keep_the_mount_moving(
    devices: Devices, observatory: Observatory
) -> None:
    devices.hold["abort"] = asyncio.Event()
    devices.failures["abort"] = [PASSING]
    halting = asyncio.ensure_future(observatory.halt())
    await devices.reached("stop")
    devices.hold["abort"].set()
    await halting


@pytest.mark.parametrize("light_adu_s", [15_000.0, 600.0, 4e5])
async def test_flat_fields_are_exposed_until_they_are_well_lit(
    devices: Devices, observatory: Observatory, light_adu_s: float
) -> None:
    devices.light_adu_s = light_adu_s
    frames = await observatory.calibration_frames(INSTRUMENT)
    flats = [frame for frame in frames if frame.frame_type is FrameType.FLAT]
    assert [frame.filter for frame in flats] == ["g"] * 3 + ["r"] * 3
    assert all(0.3 * 60000 <= np.median(frame.pixels) <= 0.7 * 60000 for frame in flats)
    assert sum(frame.frame_type is FrameType.DARK for frame in frames) == 3


@pytest.mark.parametrize("light_adu_s", [0.0, 1e9])
async def test_a_screen_too_dark_or_too_bright_is_said(
    devices: Devices, observatory: Observatory, light_adu_s: float
) -> None:
    devices.light_adu_s = light_adu_s
    with pytest.raises(DeviceError, match=r"camera: a flat field through g of .* has a level of") as caught:
        await observatory.calibration_frames(INSTRUMENT)
    assert "lamp" in caught.value.hint


async def test_without_dark_current_no_darks_are_taken(devices: Devices, observatory: Observatory) -> None:
    frames = await observatory.calibration_frames(dataclasses.replace(INSTRUMENT, dark_current_e_s=0.0))
    assert not any(frame.frame_type is FrameType.DARK for frame in frames)
