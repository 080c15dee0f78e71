"""The clock that jumps, and the devices that are played."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from console.replay.clock import JumpingClock
from console.replay.errors import ReplayError
from console.replay.telescope.devices import Tape, played_telescope
from followup.clock import Clock
from followup.devices import FrameType, RawFrame, Telescope
from followup.errors import DeviceError
from voevent.packet import SkyPosition

START = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
PLACE = SkyPosition(ra_deg=95.0, dec_deg=40.0)


def line(after_s: float, lasts_s: float, device: str, did: str, **facts: Any) -> dict[str, Any]:
    began = START + timedelta(seconds=after_s)
    ended = began + timedelta(seconds=lasts_s)
    return {"time": began.isoformat(), "ended": ended.isoformat(), "device": device, "did": did, **facts}


def exposure(after_s: float, filter_name: str = "r", **facts: Any) -> dict[str, Any]:
    told = {"frame_type": "light", "exposure_s": 20.0, "filter_name": filter_name}
    found = (
        {} if "failed" in facts else {"found": {"date_obs": (START + timedelta(seconds=after_s)).isoformat()}}
    )
    return line(after_s, 26.0, "camera", "expose", told=told, **found, **facts)


def weather(after_s: float, *, safe: bool, reason: str = "") -> dict[str, Any]:
    return line(
        after_s, 0.0, "weather", "reading", age_s=3.0, found={"safe": safe, "reason": reason, "values": {}}
    )


def frame(date_obs: str) -> RawFrame:
    return RawFrame(
        pixels=np.zeros((1, 1), np.uint16),
        frame_type=FrameType.LIGHT,
        date_obs=datetime.fromisoformat(date_obs),
        exposure_s=20.0,
        filter="r",
        pointing=PLACE,
    )


async def took_s(clock: JumpingClock, work: Any) -> float:
    """How long something lasts on a clock that nobody else looks at."""
    began = clock.now()
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.sleep(0.001 if clock.next() is None else 0)
        if clock.next() is not None:
            clock.jump()
    task.result()
    return (clock.now() - began).total_seconds()


def telescope(clock: Clock, *lines: dict[str, Any]) -> Telescope:
    return played_telescope(lines, frame, clock)


async def test_the_clock_stands_until_it_jumps_and_wakes_in_order() -> None:
    clock = JumpingClock(START)
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.ensure_future(sleeper(n, s)) for n, s in (("b", 20.0), ("a", 10.0), ("c", 20.0))]
    given_up = asyncio.ensure_future(clock.sleep(5.0))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    assert clock.now() == START
    for _ in range(3):
        assert clock.jump()
        await asyncio.sleep(0)
    assert not clock.jump()
    await asyncio.gather(*tasks)
    assert woken == ["a", "b", "c"]
    assert clock.now() == START + timedelta(seconds=20)
    assert clock.next() is None
    await clock.sleep(0.0)


async def test_commands_take_as_long_as_they_took() -> None:
    clock = JumpingClock(START)
    played = telescope(
        clock,
        line(0, 14.0, "mount", "slew"),
        line(60, 3.0, "mount", "slew"),
        line(0, 20.0, "dome", "open"),
        line(20, 2.5, "filter_wheel", "select"),
    )
    assert await took_s(clock, played.mount.slew(PLACE)) == 14.0
    assert await took_s(clock, played.mount.slew(PLACE)) == 3.0
    assert await took_s(clock, played.mount.slew(PLACE)) == 3.0, "as the last time"
    assert await played.mount.position() == PLACE
    assert not await played.dome.is_open()
    assert await took_s(clock, played.dome.open()) == 20.0
    assert await played.dome.is_open()
    assert await took_s(clock, played.filter_wheel.select("r")) == 2.5


async def test_the_camera_gives_the_recorded_frames_and_fails_as_it_failed() -> None:
    clock = JumpingClock(START)
    played = telescope(
        clock,
        exposure(10),
        exposure(50, failed="read-out failed", retriable=True),
        exposure(90),
        exposure(130, "g"),
    )
    told: dict[str, Any] = {"frame_type": FrameType.LIGHT, "exposure_s": 20.0}
    assert await took_s(clock, played.camera.expose(**told, filter_name="g")) == 26.0
    first = asyncio.ensure_future(played.camera.expose(**told, filter_name="r"))
    await took_s(clock, asyncio.wait({first}))
    assert first.result().date_obs == START + timedelta(seconds=10)
    with pytest.raises(DeviceError, match="read-out failed") as failed:
        await took_s(clock, played.camera.expose(**told, filter_name="r"))
    assert failed.value.retriable
    await took_s(clock, played.camera.expose(**told, filter_name="r"))
    with pytest.raises(DeviceError, match="holds no further light frame of 20 s through r"):
        await played.camera.expose(**told, filter_name="r")
    with pytest.raises(DeviceError, match="no further light frame of 5 s"):
        await played.camera.expose(frame_type=FrameType.LIGHT, exposure_s=5.0, filter_name="g")


async def test_an_exposure_can_be_aborted() -> None:
    clock = JumpingClock(START)
    played = telescope(clock, exposure(10))
    exposing = asyncio.ensure_future(
        played.camera.expose(frame_type=FrameType.LIGHT, exposure_s=20.0, filter_name="r")
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await played.camera.abort()
    with pytest.raises(DeviceError, match="aborted"):
        await exposing
    assert clock.now() == START


async def test_the_weather_is_what_it_was_at_that_time() -> None:
    clock = JumpingClock(START)
    played = telescope(clock, weather(-100, safe=True), weather(30, safe=False, reason="rain"))
    reading = await played.weather.reading()
    assert reading.safe
    assert (clock.now() - reading.time).total_seconds() == 3.0
    await took_s(clock, clock.sleep(31.0))
    reading = await played.weather.reading()
    assert (reading.safe, reading.reason) == (False, "rain")


async def test_the_mount_flips_when_it_flipped() -> None:
    clock = JumpingClock(START)
    played = telescope(clock, line(30, 0.0, "mount", "flip_due", found=True))
    assert not await played.mount.flip_due()
    await took_s(clock, clock.sleep(30.0))
    assert await played.mount.flip_due()
    assert not await played.mount.flip_due()


def test_a_record_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ReplayError, match="cannot be understood"):
        Tape([{"device": "mount"}])
