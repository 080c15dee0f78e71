"""INDI's simulators under our sky: a focus run finds the focus; a mount that flips shows the same stars."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from agents.gft.focusing.run import FocusRun
from agents.gft.focusing.terms import FocusTerms
from agents.gft.gate import SAFETY
from agents.gft.observatory import Observatory
from agents.gft.reduction.calibration import Masters, build_masters
from agents.gft.reduction.plates import separation_arcsec
from agents.gft.reduction.pointing import looks_at
from console.indi_stage import IN_FOCUS, raise_curtain, site_settings
from console.settings import Indi
from followup.site import Instrument
from simulators.indi_camera import twin
from simulators.scenario import Scenario, write_scenario
from simulators.sky import SimulatedCatalogue, SimulatedSky
from tests.agents.gft.devices.conftest import MODEL, Subject, free_port, near, over_indi, place

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

SEED = 4
INSTRUMENT: Instrument = dataclasses.replace(
    twin(MODEL).instrument, filters=("r",), zero_points=tuple(twin(MODEL).instrument.zero_points[1:2])
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def under_the_sky(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Subject]:
    folder: Path = tmp_path_factory.mktemp("sky")
    write_scenario(Scenario(seed=SEED), folder / "sky.json")
    (folder / "site.toml").write_text("")
    server = await raise_curtain(folder, MODEL, free_port())
    try:
        slots = Indi(**site_settings(MODEL, server.port)["indi"]).slots
        await near(server)
        async with over_indi(server.port, slots=slots, flip_after_min=0.0) as subject:
            yield subject
    finally:
        await server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def masters(under_the_sky: Subject) -> Masters:
    observatory = Observatory(under_the_sky.telescope, under_the_sky.clock)
    return build_masters(await observatory.calibration_frames(INSTRUMENT), INSTRUMENT)


def free(subject: Subject) -> Observatory:
    observatory = Observatory(subject.telescope, subject.clock)
    observatory.gate.lift(SAFETY)
    return observatory


async def nobody_asks(_start: int) -> None:
    """Stands in for the journal."""


async def test_a_focus_run_ends_where_the_camera_is_sharpest(
    under_the_sky: Subject, masters: Masters
) -> None:
    focuser = under_the_sky.telescope.focuser
    assert focuser is not None
    observatory = free(under_the_sky)
    await observatory.point(under_the_sky.high)
    await focuser.move(IN_FOCUS + 6000)
    terms = FocusTerms(step=5000, points=5, exposure_s=1.0, backlash=500, filter="r")
    run = FocusRun(
        observatory,
        focuser,
        terms=terms,
        masters=masters,
        instrument=INSTRUMENT,
        leaves=nobody_asks,
        is_back=nobody_asks,
    )
    result = await run.run("a test")
    assert result.problem == ""
    assert abs(result.position - IN_FOCUS) < 1000
    assert await focuser.position() == result.position


async def test_frames_on_both_sides_of_the_pier_are_solved(under_the_sky: Subject, masters: Masters) -> None:
    observatory = free(under_the_sky)
    catalogue = SimulatedCatalogue(SimulatedSky(SEED))
    target = place(-0.004, 30.0)  # it crosses the meridian in 14 s
    seen, sides = [], []
    for _ in range(2):
        await observatory.point(target)
        raw = await observatory.expose(exposure_s=1.0, filter_name="r")
        sides.append(raw.header["PIERSIDE"])
        seen.append(
            await asyncio.to_thread(
                looks_at, raw, masters=masters, instrument=INSTRUMENT, catalogue=catalogue
            )
        )
        while len(sides) == 1 and not await observatory.mind_the_pier():  # noqa: ASYNC110 - the sky turns
            await asyncio.sleep(0.1)
    assert sides == ["west", "east"]
    assert separation_arcsec(*seen) < 30.0
