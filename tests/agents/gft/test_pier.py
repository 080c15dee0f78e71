"""A German mount whose target crosses the meridian swings over its pier between exposures, and goes on."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from agents.gft.gate import SAFETY
from agents.gft.indi.apparent import Apparent, icrs, sidereal_h
from agents.gft.observatory import Observatory
from agents.gft.reduction.calibration import Masters
from agents.gft.reduction.pointing import looks_at
from followup.story import Said
from simulators.earth import angle_deg
from simulators.mount import SimulatedMount
from simulators.scenario import Scenario, write_scenario
from simulators.sites import KnownTelescope
from simulators.sky import SimulatedCatalogue, SimulatedSky
from simulators.telescope import simulated_telescope
from tests.agents.gft.reduction.observatory import small_telescope
from tests.agents.world import EXPOSURES, World, alert
from tests.simulators.handclock import START, HandClock
from voevent.packet import SkyPosition


def german(side_px: int) -> KnownTelescope:
    model = small_telescope(side_px)
    return dataclasses.replace(model, mechanics=dataclasses.replace(model.mechanics, german=True))


def crosses_at(model: KnownTelescope, time: object, dec_deg: float) -> SkyPosition:
    """A place that is on the meridian then."""
    return icrs(Apparent(ra_h=sidereal_h(model.site, time), dec_deg=dec_deg), time)  # type: ignore[arg-type]


async def test_frames_are_solved_either_way_round(tmp_path: Path) -> None:
    model, clock = german(512), HandClock()
    write_scenario(Scenario(seed=4), tmp_path / "sky.json")
    observatory = Observatory(simulated_telescope(model, tmp_path / "sky.json", clock=clock), clock)
    observatory.gate.lift(SAFETY)
    shape = (512, 512)
    masters = Masters(
        bias=np.full(shape, 1000, np.float32), dark=np.zeros(shape, np.float32), bad=np.zeros(shape, bool)
    )
    target = crosses_at(model, START + timedelta(seconds=60), 25.0)
    seen = []
    for _ in range(2):
        await clock.finish(observatory.point(target))
        assert not await observatory.mind_the_pier()
        raw = await clock.finish(observatory.expose(exposure_s=20.0, filter_name="r"))
        seen.append(
            await asyncio.to_thread(
                looks_at,
                raw,
                masters=masters,
                instrument=model.instrument,
                catalogue=SimulatedCatalogue(SimulatedSky(4)),
            )
        )
        await clock.advance(240.0)
        assert await observatory.mind_the_pier() is (len(seen) == 1)
    assert all(angle_deg(looks, target) * 3600 < 60 for looks in seen)


@pytest.mark.integration
@pytest.mark.usefixtures("plain")
async def test_a_series_goes_on_after_the_flip(whole_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world, asked = whole_world, itertools.count(1)

    async def flip_due(_: SimulatedMount) -> bool:
        return next(asked) == 3  # before the third exposure

    monkeypatch.setattr(SimulatedMount, "flip_due", flip_due)
    await world.trigger(alert())
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"
    assert (await world.gft.begun()).keys() == set(EXPOSURES)
    assert world.gft.commands.count("mount.slew") == 2
    said = [e.text for e in world.gft.runner.last._events if isinstance(e, Said)]
    assert any("swings over its pier" in text for text in said)
