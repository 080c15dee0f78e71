"""Sites to run campaigns with; what takes long to make is made once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import agents.gft.reduction.field
from agents.gft.reduction.calibration import Masters, build_masters
from followup.almanac import Almanac
from followup.devices import FrameType
from followup.figures import finding_chart, lightcurve, sed, visibility
from simulators.imager import Imager
from simulators.sky import SimulatedSky
from tests.agents.gft.reduction.observatory import small_telescope
from tests.agents.plain import PlainReduction, picture
from tests.agents.world import CENTRE, T0, World


@pytest.fixture(scope="session")
def night() -> Almanac:
    """The almanac of the telescope's site; tabulating takes a second."""
    return Almanac.tabulate(small_telescope(320).site, T0 - timedelta(minutes=10), hours=60.0)


@pytest.fixture(scope="session")
def night_masters() -> Masters:
    telescope = small_telescope(320)
    imager, rng = Imager(telescope, SimulatedSky(3)), np.random.default_rng(7)
    wanted = [(FrameType.BIAS, 0.0, "r")] * 3 + [(FrameType.DARK, 30.0, "r")] * 3
    wanted += [(FrameType.FLAT, 2.0, name) for name in "rg" for _ in range(3)]
    frames = [
        imager.frame(
            frame_type=kind, start=T0, exposure_s=exposure, filter_name=name, pointing=CENTRE, rng=rng
        )
        for kind, exposure, name in wanted
    ]
    return build_masters(frames, telescope.instrument)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduce and draw nothing, which takes longer than all the rest; one test has the real thing."""
    monkeypatch.setattr(agents.gft.reduction.field, "FieldReduction", PlainReduction)
    monkeypatch.setattr(lightcurve, "light_curve_figure", picture)
    monkeypatch.setattr(finding_chart, "finding_chart_figure", picture)
    monkeypatch.setattr(sed, "sed_figure", picture)
    monkeypatch.setattr(visibility, "visibility_figure", picture)


@pytest.fixture
async def world(tmp_path: Path, night: Almanac, night_masters: Masters) -> AsyncIterator[World]:
    """All sites running, without the store."""
    world = World(tmp_path, model=small_telescope(320), masters=night_masters, almanac=night)
    await world.start()
    yield world
    await world.stop()


@pytest.fixture
async def whole_world(tmp_path: Path, night: Almanac, night_masters: Masters) -> AsyncIterator[World]:
    """All sites running, and the store."""
    world = World(tmp_path, model=small_telescope(320), masters=night_masters, almanac=night)
    await world.serve_files()
    await world.start()
    yield world
    await world.stop()
