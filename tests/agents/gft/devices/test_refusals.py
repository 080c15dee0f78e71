"""A mount that refuses, stays idle, does not answer, lands elsewhere or goes away: all with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agents.gft.indi import device, mount
from agents.gft.indi.apparent import apparent
from agents.gft.indi.connection import Connection
from agents.gft.indi.mount import IndiMount
from followup.clock import WallClock
from followup.errors import DeviceError, SlewRefusedError
from tests.agents.gft.devices.conftest import SITE, place, settings
from tests.agents.gft.devices.fake import MOUNT, FakeMount, Values, message, number

pytestmark = pytest.mark.integration

COORD = "EQUATORIAL_EOD_COORD"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mount, "_STARTS_S", 0.2)
    monkeypatch.setattr(device, "ANSWER_S", 0.5)


@asynccontextmanager
async def connected(fake: FakeMount) -> AsyncIterator[IndiMount]:
    async with fake.serving() as port:
        given = settings(port, mount=MOUNT, slew_s=1.0)
        connection = Connection(given.host, given.port)
        wall = WallClock()
        await connection.open()
        try:
            yield IndiMount(connection, given, SITE, sky=wall, wall=wall)
        finally:
            await connection.close()


async def refused(fake: FakeMount) -> DeviceError:
    async with connected(fake) as each:
        with pytest.raises(DeviceError) as caught:
            await each.slew(place(1.0, 30.0))
    return caught.value


def arriving(off_deg: float) -> FakeMount:
    """A mount that lands so far off, always."""

    def react(values: Values) -> str:
        landed = {"RA": float(values["RA"]), "DEC": float(values["DEC"]) + off_deg}
        return number(COORD, landed, state="Busy") + number(COORD, landed)

    return FakeMount({COORD: react})


async def test_it_is_sent_to_positions_of_date() -> None:
    fake, target = arriving(0.0), place(1.0, 30.0)
    async with connected(fake) as each:
        await each.slew(target)
        assert (await each.position()).dec_deg == pytest.approx(target.dec_deg, abs=1e-6)
    ((name, values),) = fake.asked
    goal = apparent(target, WallClock().now())
    assert name == COORD
    assert float(values["RA"]) == pytest.approx(goal.ra_h, abs=1e-5)
    assert float(values["DEC"]) == pytest.approx(goal.dec_deg, abs=1e-4)
    # A quarter of a century of precession.
    assert abs(goal.ra_h * 15 - target.ra_deg) > 0.2


async def test_idle_with_a_message_is_a_refusal() -> None:
    words = message("[ERROR] Please unpark the mount before issuing any motion commands.")
    error = await refused(
        FakeMount({COORD: lambda _: words + number(COORD, {"RA": 0, "DEC": 90}, state="Idle")})
    )
    assert isinstance(error, SlewRefusedError)
    said = "Please unpark the mount before issuing any motion commands."
    assert str(error) == f"mount: it does not move: {said}"


async def test_alert_is_a_refusal_with_its_reason() -> None:
    words = message("[ERROR] Target is below the mount's own horizon.")
    error = await refused(
        FakeMount({COORD: lambda _: words + number(COORD, {"RA": 0, "DEC": 90}, state="Alert")})
    )
    assert isinstance(error, SlewRefusedError)
    assert str(error) == "mount: Target is below the mount's own horizon."


async def test_no_answer_ends_after_its_time() -> None:
    error = await refused(FakeMount())
    assert str(error) == "mount: it did not arrive within 1 s"
    assert error.retriable
    assert error.hint


async def test_busy_for_ever_ends_after_its_time() -> None:
    moving = number(COORD, {"RA": 0, "DEC": 90}, state="Busy")
    error = await refused(FakeMount({COORD: lambda _: moving}))
    assert str(error) == "mount: it did not arrive within 1 s"


async def test_a_mount_that_never_gets_there() -> None:
    error = await refused(arriving(100 / 3600))
    assert str(error) == "mount: after 6 slews it still points 100 arcsec off"
    assert not error.retriable
    assert "pointing_tolerance_arcsec" in error.hint


async def test_a_lost_connection_is_noticed_at_once() -> None:
    error = await refused(FakeMount({COORD: lambda _: None}))
    assert "the connection to the INDI server at 127.0.0.1:" in str(error)
    assert error.retriable


async def test_a_stop_without_an_answer_says_so() -> None:
    async with connected(FakeMount()) as each:
        with pytest.raises(DeviceError, match="mount: it did not answer to TELESCOPE_ABORT_MOTION ABORT On"):
            await each.stop()
