"""INDI drivers that stall, die, disconnect or are not there: noticed in time, and taken up again after."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from agents.gft.indi import connection as link
from deploy.indiserver import IndiServer
from followup.devices import FrameType, RawFrame
from followup.errors import DeviceError
from followup.limits import Limits
from followup.safety import weather_breaches
from tests.agents.gft.devices.conftest import (
    CAMERA,
    DOME,
    WEATHER,
    Subject,
    camera_ready,
    free_port,
    over_indi,
)

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def subject(server: IndiServer) -> AsyncIterator[Subject]:
    async with over_indi(server.port, readout_s=3.0, weather_s=1.0) as each:
        yield each


def driver(server: IndiServer, program: str) -> psutil.Process:
    assert server.pid is not None
    (found,) = (child for child in psutil.Process(server.pid).children() if program in child.name())
    return found


@contextlib.contextmanager
def stalled(server: IndiServer, program: str) -> Iterator[None]:
    process = driver(server, program)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


async def wrong(subject: Subject) -> str:
    """What is wrong with the weather; empty when nothing is."""
    reading = await subject.telescope.weather.reading()
    return "; ".join(map(str, weather_breaches(reading, Limits(), now=subject.clock.now())))


async def changed(subject: Subject, *, to_safe: bool) -> str:
    """Why it is unsafe, once it is as wanted: after the driver has read its station, once a second."""
    async with asyncio.timeout(10.0):
        while True:
            reason = await wrong(subject)
            if to_safe is (reason == ""):
                return reason
            await asyncio.sleep(0.01)


async def bias(subject: Subject) -> RawFrame:
    return await subject.telescope.camera.expose(frame_type=FrameType.BIAS, exposure_s=0.0, filter_name="r")


async def dark(subject: Subject, exposure_s: float) -> RawFrame:
    return await subject.telescope.camera.expose(
        frame_type=FrameType.DARK, exposure_s=exposure_s, filter_name="r"
    )


async def begun(subject: Subject, exposure_s: float) -> asyncio.Task[RawFrame]:
    """Have it expose, and wait until the driver does."""
    heard = subject.telescope.dome.device.connection.heard  # type: ignore[attr-defined]
    before = heard[CAMERA, "CCD_EXPOSURE", "Busy"]
    exposing = asyncio.ensure_future(dark(subject, exposure_s))
    async with asyncio.timeout(30.0):
        while heard[CAMERA, "CCD_EXPOSURE", "Busy"] == before:  # noqa: ASYNC110 - said by the driver
            await asyncio.sleep(0.05)
    return exposing


async def test_a_stalled_camera_is_given_up_and_found_again(subject: Subject, server: IndiServer) -> None:
    assert await bias(subject)
    with stalled(server, "indi_simulator_ccd"), pytest.raises(DeviceError) as caught:
        await bias(subject)
    assert str(caught.value) == "camera: it did not begin to expose within 3 s"
    assert caught.value.retriable
    assert await dark(subject, 0.5)


async def _filter(subject: Subject) -> None:
    other = "g" if subject.telescope.filter_wheel.selected == "r" else "r"  # type: ignore[attr-defined]
    await subject.telescope.filter_wheel.select(other)


async def _focus(subject: Subject) -> None:
    focuser = subject.telescope.focuser
    assert focuser is not None
    await focuser.move(await focuser.position() + 10)


async def _dome(subject: Subject) -> None:
    dome = subject.telescope.dome
    await (dome.close() if await dome.is_open() else dome.open())


@pytest.mark.parametrize(
    "device",
    [
        ("indi_simulator_wheel", "filter wheel", _filter),
        ("indi_simulator_focus", "focuser", _focus),
        ("indi_simulator_dome", "dome", _dome),
    ],
    ids=["filter wheel", "focuser", "dome"],
)
async def test_whatever_stalls_is_given_up_in_its_time_and_found_again(
    subject: Subject,
    server: IndiServer,
    monkeypatch: pytest.MonkeyPatch,
    device: tuple[str, str, Callable[[Subject], Awaitable[None]]],
) -> None:
    program, kind, command = device
    monkeypatch.setattr("agents.gft.indi.device.ANSWER_S", 0.5)
    with stalled(server, program), pytest.raises(DeviceError) as caught:
        await command(subject)
    assert str(caught.value).startswith(f"{kind}: it did not answer to ")
    assert caught.value.retriable
    monkeypatch.undo()
    await command(subject)
    await subject.telescope.dome.close()


async def test_a_driver_that_dies_while_exposing(subject: Subject, server: IndiServer) -> None:
    exposing = await begun(subject, 60.0)
    driver(server, "indi_simulator_ccd").send_signal(signal.SIGKILL)
    with pytest.raises(
        DeviceError, match=r"camera: '?CCD Simulator'? (has disconnected|is not connected)"
    ) as no:
        await exposing
    assert no.value.retriable
    assert no.value.hint
    # The server starts it again, and it is connected again.
    assert await bias(subject)
    await camera_ready(server)


async def test_a_device_that_disconnects_is_connected_again(subject: Subject, server: IndiServer) -> None:
    await server.tell(DOME, "CONNECTION", {"DISCONNECT": "On"})
    while subject.telescope.dome.device.connected():  # type: ignore[attr-defined]  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert not await subject.telescope.dome.is_open()


async def test_bad_weather_is_bad_at_once_and_silence_is_bad_after_a_while(
    subject: Subject, server: IndiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await wrong(subject) == ""
    await server.tell(WEATHER, "WEATHER_CONTROL", {"Wind": 60})
    # The driver may send the warning before the figure that it is about.
    assert (await changed(subject, to_safe=False)).count("wind") > 0
    await server.tell(WEATHER, "WEATHER_CONTROL", {"Wind": 0})
    await changed(subject, to_safe=True)
    heard = subject.telescope.weather.device.connection.heard_at  # type: ignore[attr-defined]
    for key in heard:
        monkeypatch.setitem(heard, key, heard[key] - Limits().max_weather_age_s - 5)
    assert "stale weather: the last reading is 12" in await wrong(subject)


async def test_an_order_that_a_driver_cannot_carry_out(subject: Subject) -> None:
    with pytest.raises(DeviceError, match="filter wheel: "):
        await subject.telescope.filter_wheel.select("beyond")
    await subject.telescope.filter_wheel.select("r")


async def test_the_detector_is_cooled_and_binned_before_it_is_used(server: IndiServer) -> None:
    async with over_indi(server.port, ccd_temperature_c=-2.0, binning=2) as subject:
        frame = await bias(subject)
    assert frame.pixels.shape == (512, 512)
    assert float(frame.header["CCD-TEMP"]) <= -1.0
    async with over_indi(server.port) as subject:
        assert (await bias(subject)).pixels.shape == (1024, 1024)


async def test_a_device_that_is_not_there(server: IndiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.gft.indi.device._DEVICE_S", 0.5)
    with pytest.raises(
        DeviceError, match=r"camera: the INDI server at .* has no device named 'Big CCD'"
    ) as no:
        async with over_indi(server.port, camera="Big CCD"):
            pytest.fail("it is not there")
    assert CAMERA in no.value.hint


async def test_a_server_that_ends_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = IndiServer(tmp_path, port=free_port())
    await server.start()
    try:
        async with over_indi(server.port) as subject:
            exposing = await begun(subject, 60.0)
            await server.stop()
            with pytest.raises(
                DeviceError, match=r"camera: the connection to the INDI server at .* was lost"
            ) as lost:
                await exposing
            assert lost.value.retriable
            monkeypatch.setattr(link, "RECONNECT_S", 0.2)
            with pytest.raises(DeviceError, match=r"INDI server: nothing answers at 127\.0\.0\.1:") as away:
                await subject.telescope.mount.position()
            assert away.value.retriable
            assert "start indiserver" in away.value.hint
            monkeypatch.undo()
            await server.start()
            assert await bias(subject)
            assert math.isfinite((await subject.telescope.mount.position()).ra_deg)
    finally:
        await server.stop()


async def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_OPEN_S", 0.3)
    with pytest.raises(DeviceError, match=r"INDI server: nothing answers at 127\.0\.0\.1:1$") as no:
        async with over_indi(1):
            pytest.fail("nobody is there")
    assert no.value.hint
