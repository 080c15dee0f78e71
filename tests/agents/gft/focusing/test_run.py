"""A focus run of the simulated telescope: to the focus and back, and when somebody comes between."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from agents.gft.focusing.run import FocusRun
from agents.gft.focusing.star_size import star_size
from agents.gft.focusing.terms import FocusTerms
from agents.gft.gate import SAFETY, ShutError
from agents.gft.observatory import Observatory
from agents.gft.reduction.calibration import Masters
from followup.devices import Focuser, Telescope
from simulators.focuser import IN_FOCUS, LIMITS
from simulators.scenario import Scenario, write_scenario
from simulators.telescope import WEATHER_FILE, simulated_telescope
from tests.agents.gft.reduction.observatory import small_telescope
from tests.simulators.handclock import HandClock
from voevent.packet import SkyPosition

MODEL = small_telescope(512)
SHAPE = (512, 512)
NO_MASTERS = Masters(
    bias=np.full(SHAPE, 1000, np.float32), dark=np.zeros(SHAPE, np.float32), bad=np.zeros(SHAPE, bool)
)
HIGH = SkyPosition(ra_deg=90.0, dec_deg=25.0)
TERMS = FocusTerms(step=600, points=7, exposure_s=15.0, backlash=100, filter="r")


class Night:
    """The simulated telescope, pointed at stars, with a clock moved by hand."""

    def __init__(self, folder: Path) -> None:
        write_scenario(Scenario(seed=4), folder / "sky.json")
        self.weather = folder / WEATHER_FILE
        self.clock = HandClock()
        self.telescope: Telescope = simulated_telescope(MODEL, folder / "sky.json", clock=self.clock)
        self.observatory = Observatory(self.telescope, self.clock)
        self.observatory.gate.lift(SAFETY)
        self.told: list[tuple[str, int]] = []

    @property
    def focuser(self) -> Focuser:
        assert self.telescope.focuser is not None
        return self.telescope.focuser

    def run(self, terms: FocusTerms = TERMS) -> FocusRun:
        return FocusRun(
            self.observatory,
            self.focuser,
            terms=terms,
            masters=NO_MASTERS,
            instrument=MODEL.instrument,
            leaves=self._leaves,
            is_back=self._is_back,
        )

    async def _leaves(self, start: int) -> None:
        assert await self.focuser.position() == start, "told before anything moves"
        self.told.append(("leaves", start))

    async def _is_back(self, start: int) -> None:
        assert await self.focuser.position() == start
        self.told.append(("is back", start))


@pytest.fixture
async def night(tmp_path: Path) -> Night:
    made = Night(tmp_path)
    await made.clock.finish(made.observatory.point(HIGH))
    return made


async def test_it_ends_in_focus_whatever_the_slack_of_the_drive(night: Night) -> None:
    await night.clock.finish(night.focuser.move(IN_FOCUS + 900))
    result = await night.clock.finish(night.run().run("a test"))
    assert result.problem == ""
    assert result.seen is not None
    # Reached from below, the optics stand half the slack (40 steps) before the motor.
    assert await night.focuser.position() == result.position == pytest.approx(IN_FOCUS + 40, abs=150)
    assert result.temperature_c == 8.0
    assert result.seen.diameter_px < 0.7 * max(s.diameter_px for s in result.samples)


async def test_it_follows_the_temperature(night: Night) -> None:
    night.weather.write_text(json.dumps({"safe": True, "values": {"temperature_c": 0.0}}))
    result = await night.clock.finish(night.run().run("a test"))
    assert result.position == pytest.approx(IN_FOCUS + 480 + 40, abs=150)


async def test_out_of_focus_stars_are_larger(night: Night) -> None:
    sizes = []
    for position in (IN_FOCUS, IN_FOCUS + 2000):
        await night.clock.finish(night.focuser.move(position))
        frame = await night.clock.finish(night.observatory.expose(exposure_s=5.0, filter_name="r"))
        sizes.append(star_size(frame, NO_MASTERS, MODEL.instrument))
    assert all(size.stars >= 5 for size in sizes)
    assert sizes[1].diameter_px > 1.4 * sizes[0].diameter_px


async def test_no_stars_no_focus_and_it_stays_where_it_was(night: Night) -> None:
    await night.clock.finish(night.telescope.dome.close())
    result = await night.clock.finish(night.run().run("a test"))
    assert result.problem.startswith("too few stars: 0 of 7 positions show 5 or more")
    assert await night.focuser.position() == IN_FOCUS
    assert night.told == [("leaves", IN_FOCUS), ("is back", IN_FOCUS)]


async def test_at_the_end_of_its_way_there_is_no_run(night: Night) -> None:
    await night.clock.finish(night.focuser.move(LIMITS[1]))
    result = await night.clock.finish(night.run().run("a test"))
    assert "only 4 positions lie within the limits" in result.problem


async def test_who_stops_it_gets_the_telescope_at_once_and_the_focus_as_it_was(night: Night) -> None:
    running = asyncio.ensure_future(night.run().run("a test"))
    while await night.focuser.position() == IN_FOCUS:
        await night.clock.advance(1.0)
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert await night.focuser.position() != IN_FOCUS
    assert night.told == [("leaves", IN_FOCUS)]
    await night.clock.finish(night.observatory.expose(exposure_s=5.0, filter_name="r"))
    assert await night.focuser.position() == IN_FOCUS
    assert night.told == [("leaves", IN_FOCUS), ("is back", IN_FOCUS)]


async def test_a_gate_that_shuts_ends_it_and_nothing_moves_any_more(night: Night) -> None:
    running = asyncio.ensure_future(night.run().run("a test"))
    while await night.focuser.position() == IN_FOCUS:
        await night.clock.advance(1.0)
    stands = await night.focuser.position()
    night.observatory.gate.shut(SAFETY, "rain")
    with pytest.raises(ShutError):
        await night.clock.finish(asyncio.wait_for(running, None))
    assert await night.focuser.position() in {stands, stands + TERMS.step}
