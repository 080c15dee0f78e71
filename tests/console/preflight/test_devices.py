"""Devices that lack something, over the wire of an INDI server that a test is master of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents.gft.indi import connection
from agents.gft.indi.finding import FoundDevice, candidates
from console.control import Control
from console.preflight import devices
from console.preflight.finding import Finding, Verdict
from tests.console.preflight.indi import ALL, CAMERA, DOME, MOUNT, FakeIndi, without
from tests.console.preflight.site import content, subject

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not come need not be waited for long here."""
    monkeypatch.setattr(devices, "_DEFINED_S", 0.3)
    monkeypatch.setattr(devices, "_LEAST_PATIENCE_S", 0.3)
    monkeypatch.setattr("agents.gft.indi.device._DEVICE_S", 0.5)


async def collected(found: AsyncIterator[Finding]) -> dict[str, Finding]:
    return {finding.check: finding async for finding in found}


async def looked(folder: Path, fake: FakeIndi, **indi: Any) -> dict[str, Finding]:
    async with fake.serving() as port:
        said = content(port)
        said["indi"] |= indi
        return await collected(devices.devices(subject(folder, said)))


async def test_all_is_well(tmp_path: Path) -> None:
    found = await looked(tmp_path, FakeIndi(ALL))
    assert set(found) == {"indi", "mount", "camera", "filter_wheel", "dome", "weather_station"}
    assert {finding.verdict for finding in found.values()} == {Verdict.PASS}, found
    assert found["mount"].said.endswith("parked")


@pytest.mark.parametrize(
    ("device", "properties", "check", "words"),
    [
        ("Mount", without(MOUNT, "TELESCOPE_PARK"), "mount", "has no TELESCOPE_PARK to park"),
        ("Camera", without(CAMERA, "CCD1"), "camera", "has no CCD1 to send frames"),
        ("Camera", {**CAMERA, "CCD_FRAME_TYPE": {"FRAME_LIGHT": True}}, "camera",
         "has no CCD_FRAME_TYPE.FRAME_BIAS"),
        ("Camera", {**CAMERA, "CCD_INFO": {"CCD_MAX_X": 640.0, "CCD_MAX_Y": 512.0}}, "camera",
         "reads out 640 x 512 pixels (binning 1), [detector] says 1280 x 1024"),
        ("Dome", without(DOME, "DOME_SHUTTER"), "dome", "has no DOME_SHUTTER to open and to close"),
        ("Station", {}, "weather_station", "no WEATHER_PARAMETERS to tell what it is"),
    ],
)  # fmt: skip
async def test_a_device_that_lacks_something(
    tmp_path: Path, device: str, properties: dict[str, Any], check: str, words: str
) -> None:
    found = await looked(tmp_path, FakeIndi({**ALL, device: properties}))
    assert found[check].verdict is Verdict.FAIL
    assert words in found[check].said
    assert found[check].advice
    assert [name for name, finding in found.items() if finding.verdict is not Verdict.PASS] == [check]


async def test_what_can_be_done_without_is_a_warning(tmp_path: Path) -> None:
    found = await looked(tmp_path, FakeIndi({**ALL, "Dome": without(DOME, "DOME_AUTOSYNC")}))
    assert found["dome"].verdict is Verdict.WARNING
    assert "without DOME_AUTOSYNC to follow the telescope by itself" in found["dome"].said


async def test_settings_ask_for_more(tmp_path: Path) -> None:
    found = await looked(
        tmp_path, FakeIndi(ALL), ccd_temperature_c=-20.0, slots={"g": 1, "r": 9}, focuser="Focuser"
    )
    assert "has no CCD_TEMPERATURE to be cooled" in found["camera"].said
    assert "has 5 slots, [indi.slots] says r = 9" in found["filter_wheel"].said
    assert "no device named 'Focuser'" in found["focuser"].said
    assert "it has Camera, Dome, Mount, Station, Wheel" in found["focuser"].advice


async def test_a_shutter_in_alert(tmp_path: Path) -> None:
    fake = FakeIndi(ALL, alert=frozenset({("Dome", "DOME_SHUTTER")}))
    assert (await looked(tmp_path, fake))["dome"].verdict is Verdict.FAIL


async def test_a_station_that_says_nothing_new(tmp_path: Path) -> None:
    async with FakeIndi(ALL).serving() as port:
        said = content(port)
        watched = subject(tmp_path, said)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(devices, "_MISSES", 0.05)
            found = await collected(devices.weather(watched))
    assert found["weather"].verdict is Verdict.FAIL
    assert "nothing new" in found["weather"].said


async def test_no_server_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.console.preflight.site import looked as preflight  # noqa: PLC0415 - the whole, once

    monkeypatch.setattr(connection, "_OPEN_S", 0.3)
    subject(tmp_path, content(1))
    found = await preflight(tmp_path, "devices", "weather", "exposure", exposure_s=0.5)
    assert set(found) == {"settings", "indi"}, "what needs the server is not tried after that"
    assert found["indi"].verdict is Verdict.FAIL
    assert "nothing answers at 127.0.0.1:1" in found["indi"].said


async def test_the_devices_of_a_running_agent_are_left_alone(tmp_path: Path) -> None:
    watched = subject(tmp_path, content(1), agent_pid=4711)
    found = await collected(devices.devices(watched))
    assert found["devices"].verdict is Verdict.SKIPPED
    assert "process 4711" in found["devices"].said
    assert found["devices"].said.endswith("it is starting")
    assert await collected(devices.weather(watched)) == {}


@pytest.mark.parametrize(
    ("weather", "verdict"), [("safe", Verdict.PASS), ("wind: 20 m/s (limit: 15 m/s)", Verdict.WARNING)]
)
async def test_a_running_agent_is_asked(tmp_path: Path, weather: str, verdict: Verdict) -> None:
    async def standing(_arguments: dict[str, Any]) -> dict[str, Any]:
        return {"observing": "sb1.gft-jilin", "weather": weather}

    watched = subject(tmp_path, content(1), agent_pid=4711)
    control = Control(tmp_path, {"telescope": standing})
    await control.start()
    try:
        found = await collected(devices.devices(watched))
    finally:
        await control.stop()
    assert found["devices"].said.endswith("it observes sb1.gft-jilin")
    assert (found["weather"].verdict, weather in found["weather"].said) == (verdict, True)


async def test_an_agent_that_cannot_answer(tmp_path: Path) -> None:
    watched = subject(tmp_path, content(1), agent_pid=4711)
    control = Control(tmp_path, {})
    await control.start()
    try:
        found = await collected(devices.devices(watched))
    finally:
        await control.stop()
    assert found["devices"].verdict is Verdict.FAIL


def test_a_device_that_is_one_thing_is_taken_before_one_that_is_several() -> None:
    both = FoundDevice(name="A camera with a wheel", interface=(1 << 1) | (1 << 4))
    wheel = FoundDevice(name="Wheel", interface=1 << 4)
    assert candidates("filter_wheel", [both, wheel]) == ["Wheel", "A camera with a wheel"]
    assert candidates("camera", [both, wheel]) == ["A camera with a wheel"]
    assert candidates("dome", [both, wheel]) == []
