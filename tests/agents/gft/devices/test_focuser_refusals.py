"""A focuser that refuses, stalls, stops elsewhere or goes away: all with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agents.gft.indi import device
from agents.gft.indi.connection import Connection
from agents.gft.indi.focuser import IndiFocuser
from followup.errors import DeviceError
from tests.agents.gft.devices.conftest import settings
from tests.agents.gft.devices.fake import FOCUSER_PROPERTIES, MOUNT, FakeMount, Values, message, number

pytestmark = pytest.mark.integration

AT = "ABS_FOCUS_POSITION"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "ANSWER_S", 0.5)


def at(steps: float, state: str = "Ok") -> str:
    return number(AT, {"FOCUS_ABSOLUTE_POSITION": steps}, state=state)


def fake(react: object) -> FakeMount:
    return FakeMount({AT: react}, properties=FOCUSER_PROPERTIES)  # type: ignore[dict-item]  # a reaction


@asynccontextmanager
async def connected(to: FakeMount) -> AsyncIterator[IndiFocuser]:
    async with to.serving() as port:
        given = settings(port, focuser=MOUNT, focus_s=1.0)
        connection = Connection(given.host, given.port)
        await connection.open()
        try:
            yield IndiFocuser(connection, given)
        finally:
            await connection.close()


async def refused(to: FakeMount) -> DeviceError:
    async with connected(to) as focuser:
        with pytest.raises(DeviceError) as caught:
            await focuser.move(200)
    return caught.value


async def test_it_goes_there_and_has_no_thermometer() -> None:
    def react(values: Values) -> str:
        return at(150, "Busy") + at(float(values["FOCUS_ABSOLUTE_POSITION"]))

    async with connected(fake(react)) as focuser:
        await focuser.move(200)
        assert await focuser.position() == 200
        assert await focuser.temperature() is None


async def test_alert_is_a_refusal_with_its_reason() -> None:
    error = await refused(fake(lambda _: message("[ERROR] The motor is blocked.") + at(100, "Alert")))
    assert str(error) == "focuser: The motor is blocked."


async def test_no_answer_ends_after_its_time() -> None:
    error = await refused(fake(lambda _: ""))
    assert str(error).startswith("focuser: it did not answer to ABS_FOCUS_POSITION")
    assert error.retriable


async def test_busy_for_ever_ends_after_its_time() -> None:
    error = await refused(fake(lambda _: at(120, "Busy")))
    assert str(error).startswith("focuser: it is still busy with ABS_FOCUS_POSITION")
    assert error.retriable


async def test_idle_somewhere_else_is_noticed() -> None:
    error = await refused(fake(lambda _: at(120, "Idle")))
    assert str(error) == "focuser: it is at 120 after 200 was asked for"
    assert error.retriable


async def test_a_lost_connection_is_noticed_at_once() -> None:
    error = await refused(fake(lambda _: None))
    assert "the connection to the INDI server" in str(error)
    assert error.retriable


async def test_who_stops_waiting_stops_it() -> None:
    moving = asyncio.Event()

    def react(_: Values) -> str:
        moving.set()
        return at(120, "Busy")

    focus = fake(react)
    focus.reactions["FOCUS_ABORT_MOTION"] = lambda _: (
        at(130, "Idle") + '<setSwitchVector device="Mount" name="FOCUS_ABORT_MOTION" state="Ok"/>'
    )
    async with connected(focus) as focuser:
        going = asyncio.ensure_future(focuser.move(200))
        await moving.wait()
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
    assert focus.asked[-1] == ("FOCUS_ABORT_MOTION", {"ABORT": "On"})
