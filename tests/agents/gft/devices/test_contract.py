"""What every telescope does behind the ports of `followup.devices`, simulated or over INDI."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from followup.devices import FrameType, RawFrame
from followup.errors import DeviceError, SlewRefusedError
from simulators.earth import angle_deg
from tests.agents.gft.devices.conftest import MODEL, Subject

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

SHORT_S, LONG_S = 0.5, 60.0


def light(
    subject: Subject, exposure_s: float = SHORT_S, filter_name: str = "r"
) -> Coroutine[Any, Any, RawFrame]:
    return subject.telescope.camera.expose(
        frame_type=FrameType.LIGHT, exposure_s=exposure_s, filter_name=filter_name
    )


async def observing(subject: Subject) -> None:
    await subject.finish(subject.telescope.mount.slew(subject.high))
    await subject.finish(subject.telescope.filter_wheel.select("r"))


async def test_it_points_and_then_tracks(subject: Subject) -> None:
    for target in (subject.beside, subject.high):
        await subject.finish(subject.telescope.mount.slew(target))
        assert angle_deg(await subject.telescope.mount.position(), target) * 3600 < 15


async def test_a_frame_of_the_sky_says_when_how_and_where(subject: Subject) -> None:
    await observing(subject)
    before = subject.clock.now()
    frame = await subject.finish(light(subject))
    after = subject.clock.now()
    assert frame.pixels.shape == (MODEL.instrument.height_px, MODEL.instrument.width_px)
    assert frame.pixels.dtype == np.uint16
    assert (frame.frame_type, frame.filter, frame.exposure_s) == (FrameType.LIGHT, "r", SHORT_S)
    slack = timedelta(seconds=1)
    assert before - slack <= frame.date_obs
    assert frame.date_obs + timedelta(seconds=frame.exposure_s) <= after + slack
    assert angle_deg(frame.pointing, subject.high) * 3600 < 15


async def test_what_is_below_the_limit_is_refused(subject: Subject) -> None:
    below = r"mount: .* is at altitude -\d+\.\d deg, below the limit"
    with pytest.raises(SlewRefusedError, match=below) as no:
        await subject.finish(subject.telescope.mount.slew(subject.low))
    assert not no.value.retriable


async def test_a_stopped_mount_says_so_and_tracks_no_more(subject: Subject) -> None:
    await observing(subject)
    moving = asyncio.ensure_future(subject.telescope.mount.slew(subject.far))
    await subject.pass_s(0.5)
    await subject.telescope.mount.stop()
    with pytest.raises(DeviceError, match="mount: it was stopped while moving"):
        await moving
    assert angle_deg(await subject.telescope.mount.position(), subject.far) > 1
    with pytest.raises(DeviceError, match="mount: it does not track: the stars would trail"):
        await light(subject)


async def test_a_slew_that_nobody_waits_for_ends(subject: Subject) -> None:
    await observing(subject)
    moving = asyncio.ensure_future(subject.telescope.mount.slew(subject.far))
    await subject.pass_s(0.5)
    moving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await moving
    stands = await subject.telescope.mount.position()
    await subject.pass_s(0.5)
    assert angle_deg(stands, subject.far) > 1
    assert angle_deg(await subject.telescope.mount.position(), stands) < 0.02


async def test_a_parked_mount_points_again_when_it_is_told_to(subject: Subject) -> None:
    await observing(subject)
    await subject.finish(subject.telescope.mount.park())
    with pytest.raises(DeviceError, match="does not track"):
        await light(subject)
    await subject.finish(subject.telescope.mount.park())
    await observing(subject)
    assert await subject.finish(light(subject))


async def test_only_through_the_filter_in_the_beam(subject: Subject) -> None:
    await observing(subject)
    with pytest.raises(DeviceError, match="filter wheel: there is no filter K") as no:
        await subject.telescope.filter_wheel.select("K")
    assert "g, r, i, z" in no.value.hint
    with pytest.raises(DeviceError, match="camera: filter r is in the beam, not g"):
        await light(subject, filter_name="g")
    await subject.finish(subject.telescope.filter_wheel.select("g"))
    assert (await subject.finish(light(subject, filter_name="g"))).filter == "g"


async def test_an_aborted_exposure_gives_no_frame_and_frees_the_camera(subject: Subject) -> None:
    await observing(subject)
    await subject.telescope.camera.abort()
    exposing = asyncio.ensure_future(light(subject, LONG_S))
    await subject.pass_s(0.5)
    with pytest.raises(DeviceError, match="camera: it is exposing already"):
        await light(subject)
    await subject.telescope.camera.abort()
    with pytest.raises(DeviceError, match="camera: the exposure was aborted") as ended:
        await exposing
    assert not ended.value.retriable
    assert (await subject.finish(light(subject))).exposure_s == SHORT_S


async def test_a_cancelled_exposure_frees_the_camera(subject: Subject) -> None:
    await observing(subject)
    exposing = asyncio.ensure_future(light(subject, LONG_S))
    await subject.pass_s(0.5)
    exposing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await exposing
    assert (await subject.finish(light(subject))).exposure_s == SHORT_S


async def test_a_bias_frame_needs_no_tracking(subject: Subject) -> None:
    await subject.telescope.mount.stop()
    frame = await subject.finish(
        subject.telescope.camera.expose(frame_type=FrameType.BIAS, exposure_s=0.0, filter_name="r")
    )
    assert (frame.frame_type, frame.exposure_s) == (FrameType.BIAS, 0.0)
    assert np.median(frame.pixels) > 0


async def test_the_dome_opens_turns_and_closes(subject: Subject) -> None:
    dome = subject.telescope.dome
    assert not await dome.is_open()
    for _ in range(2):
        await subject.finish(dome.open())
        assert await dome.is_open()
    await subject.finish(dome.face(subject.north))
    await subject.finish(dome.close())
    assert not await dome.is_open()


async def test_the_focuser_goes_where_it_is_told_within_its_limits(subject: Subject) -> None:
    focuser = subject.telescope.focuser
    assert focuser is not None
    lowest, highest = await focuser.limits()
    start = await focuser.position()
    assert lowest < start - 500 < start + 500 < highest
    for position in (start - 500, start + 500, start + 500, start):
        await subject.finish(focuser.move(position))
        assert await focuser.position() == position
    with pytest.raises(DeviceError, match=f"focuser: it cannot go to {highest + 1}") as no:
        await subject.finish(focuser.move(highest + 1))
    assert str(highest) in no.value.hint
    assert isinstance(await focuser.temperature(), float)


async def test_the_weather_is_read(subject: Subject) -> None:
    reading = await subject.telescope.weather.reading()
    assert (reading.safe, reading.reason) == (True, "")
    assert abs((subject.clock.now() - reading.time).total_seconds()) < 120
    assert reading.values
