"""The simulated mount: how long it takes, where it lands, what it refuses, and how it is stopped."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import numpy as np
import pytest

from followup.errors import DeviceError, SlewRefusedError
from simulators.earth import altitude_azimuth_deg, angle_deg
from simulators.mount import SimulatedMount
from simulators.sites import known_telescope
from tests.simulators.handclock import START, HandClock
from voevent.packet import SkyPosition

MODEL = known_telescope("gft-spm")
HIGH = SkyPosition(ra_deg=90.0, dec_deg=30.0)
LOW = SkyPosition(ra_deg=270.0, dec_deg=-40.0)
POLE = SkyPosition(ra_deg=0.0, dec_deg=90.0)


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def mount(clock):
    return SimulatedMount(MODEL, clock, np.random.default_rng(1))


async def test_a_slew_takes_as_long_as_the_way_is_far(clock, mount):
    await clock.finish(mount.slew(HIGH))
    assert clock.since_start() == pytest.approx(60.0 / 9.0 + 2.0, abs=0.01)
    assert await mount.position() == HIGH


async def test_it_lands_a_little_off_and_says_nothing_of_it(clock, mount):
    off = []
    for _ in range(40):
        await clock.finish(mount.slew(HIGH))
        assert await mount.position() == HIGH
        off.append(angle_deg(mount.looks_at(), HIGH) * 3600.0)
    # Rayleigh distributed: the mean is 1.25 standard deviations per axis.
    assert np.mean(off) == pytest.approx(1.25 * MODEL.mechanics.pointing_error_arcsec, rel=0.25)


async def test_it_drifts_while_tracking(clock, mount):
    await clock.finish(mount.slew(HIGH))
    landed = mount.looks_at()
    await clock.advance(600.0)
    drift = angle_deg(mount.looks_at(), landed) * 3600.0
    assert drift == pytest.approx(10 * MODEL.mechanics.drift_arcsec_min, rel=1e-3)


async def test_it_refuses_what_has_not_risen(clock, mount):
    assert altitude_azimuth_deg(LOW, MODEL.site, clock.now())[0] < 0
    with pytest.raises(SlewRefusedError, match=r"mount: 270\.0000 -40\.0000 is at altitude -\d+\.\d deg"):
        await mount.slew(LOW)
    assert clock.since_start() == 0


async def test_it_refuses_what_stands_behind_the_horizon():
    model = known_telescope("gft-jilin")
    clock = HandClock()
    mount = SimulatedMount(model, clock, np.random.default_rng(1))
    # Of all that stands at 21 deg, find what is in the north-west, where hills reach up to 24 deg.
    hidden = next(
        place
        for ra in range(0, 360, 2)
        for dec in range(-30, 80, 2)
        if 20.5
        < (where := altitude_azimuth_deg(place := SkyPosition(ra_deg=ra, dec_deg=dec), model.site, START))[0]
        < 21.5
        and 295.0 < where[1] < 305.0
    )
    with pytest.raises(SlewRefusedError, match="below the limit of 2"):
        await clock.finish(mount.slew(hidden))


async def test_a_stopped_slew_says_so_and_leaves_it_on_the_way(clock, mount):
    slew = asyncio.ensure_future(mount.slew(HIGH))
    await clock.advance(4.0)
    await mount.stop()
    with pytest.raises(DeviceError, match="stopped"):
        await slew
    there = await mount.position()
    assert 0 < angle_deg(there, HIGH) < 60.0
    assert angle_deg(there, HIGH) + angle_deg(there, POLE) == pytest.approx(60.0, abs=1e-6)
    with pytest.raises(DeviceError, match="does not track"):
        mount.check_tracking()


async def test_its_position_moves_with_it(clock, mount):
    slew = asyncio.ensure_future(mount.slew(HIGH))
    ways = []
    for _ in range(4):
        await clock.advance(1.0)
        ways.append(angle_deg(await mount.position(), HIGH))
    assert ways == sorted(ways, reverse=True)
    await clock.finish(asyncio.wait_for(slew, None))


async def test_a_new_slew_takes_over_from_the_one_under_way(clock, mount):
    first = asyncio.ensure_future(mount.slew(HIGH))
    await clock.advance(2.0)
    other = SkyPosition(ra_deg=100.0, dec_deg=40.0)
    await clock.finish(mount.slew(other))
    with pytest.raises(DeviceError, match="stopped"):
        await first
    assert await mount.position() == other
    mount.check_tracking()


async def test_a_cancelled_slew_stops_the_mount(clock, mount):
    slew = asyncio.ensure_future(mount.slew(HIGH))
    await clock.advance(2.0)
    slew.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slew
    there = await mount.position()
    await clock.advance(60.0)
    assert await mount.position() == there


async def test_parking_ends_tracking(clock, mount):
    await clock.finish(mount.slew(HIGH))
    await clock.finish(mount.park())
    assert await mount.position() == POLE
    with pytest.raises(DeviceError, match="does not track"):
        mount.check_tracking()


async def test_tracking_ends_when_the_target_has_set(clock, mount):
    await clock.finish(mount.slew(HIGH))
    mount.check_tracking()
    await clock.advance(timedelta(hours=11).total_seconds())
    with pytest.raises(DeviceError, match="tracking ended at its limit"):
        mount.check_tracking()
    with pytest.raises(DeviceError, match="does not track"):
        mount.check_tracking()
