"""Calibration frames are taken once, and not while a person has the telescope."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from agents.gft.gate import HALT, TAKEOVER, Gate
from agents.gft.signs import Signs
from console import calibrating
from console.calibrating import masters_of, no_masters
from followup.errors import DeviceError
from followup.site import Instrument

INSTRUMENT = cast("Instrument", SimpleNamespace(width_px=4, height_px=3))


class Devices:
    """As much of an `Observatory` as is asked for."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.begun = 0
        self.exposing = asyncio.Event()
        self.done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    async def calibration_frames(self, instrument: Instrument) -> list[Any]:
        assert instrument is INSTRUMENT
        self.begun += 1
        self.exposing.set()
        return await self.done


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What asks for them, with devices whose frames need no making."""
    monkeypatch.setattr(calibrating, "build_masters", lambda _frames, instrument: no_masters(instrument))

    async def ask(devices: Devices) -> Any:
        signs = Signs(tmp_path / "run")
        return await masters_of(cast("Any", devices), INSTRUMENT, tmp_path / "calibration.npz", signs)

    return ask


async def test_they_are_taken_once(asked: Any) -> None:
    devices = Devices()
    devices.done.set_result([])
    assert (await asked(devices)).shape == (3, 4)
    assert np.all((await asked(devices)).bias == 0.0)
    assert devices.begun == 1


async def test_they_wait_for_who_has_taken_the_telescope_over(
    asked: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    devices, signs = Devices(), Signs(tmp_path / "run")
    devices.done.set_result([])
    devices.gate.shut(TAKEOVER, "the mirror is washed")
    asking = asyncio.ensure_future(asked(devices))
    async with asyncio.timeout(30.0):
        while not caplog.records:  # noqa: ASYNC110 - it is a line of the log
            await asyncio.sleep(0)
    await settle()
    assert (devices.begun, asking.done()) == (0, False)
    assert "wait until people let the agent: takeover: the mirror is washed" in caplog.text
    assert signs.taken_over == "the mirror is washed", "the watchdog knows"
    devices.gate.lift(TAKEOVER)
    await asking
    assert devices.begun == 1
    assert signs.taken_over == ""


@pytest.mark.parametrize("how", ["the exposure is aborted", "the exposure goes on"])
async def test_who_takes_the_telescope_over_meanwhile_has_it(asked: Any, how: str) -> None:
    devices = Devices()
    asking = asyncio.ensure_future(asked(devices))
    await devices.exposing.wait()
    devices.gate.shut(HALT, "taken over")
    if how == "the exposure is aborted":
        devices.done.set_exception(DeviceError("camera", "the exposure was aborted"))
    devices.gate.shut(TAKEOVER, "taken over")
    devices.gate.lift(HALT)
    await settle()
    assert (devices.begun, devices.done.done(), asking.done()) == (1, True, False)
    devices.done = asyncio.get_running_loop().create_future()
    devices.done.set_result([])
    devices.gate.lift(TAKEOVER)
    await asking
    assert devices.begun == 2


async def test_what_fails_is_told(asked: Any) -> None:
    devices = Devices()
    devices.done.set_exception(DeviceError("camera", "the shutter is stuck"))
    with pytest.raises(DeviceError, match="the shutter is stuck"):
        await asked(devices)
