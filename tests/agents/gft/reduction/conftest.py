"""Calibration frames and masters, made once for all tests of the reduction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agents.gft.reduction.calibration import Masters, build_masters
from followup.devices import FrameType, RawFrame
from simulators.imager import Imager
from simulators.sky import SimulatedSky
from tests.agents.gft.reduction.observatory import CENTRE, T0, Observatory, small_telescope


@pytest.fixture(scope="session")
def calibration_frames() -> list[RawFrame]:
    telescope = small_telescope()
    rng = np.random.default_rng(7)
    imager = Imager(telescope, SimulatedSky(1))
    wanted = [(FrameType.BIAS, 0.0, "r")] * 5 + [(FrameType.DARK, 60.0, "r")] * 3
    wanted += [(FrameType.FLAT, 2.0, name) for name in "gri" for _ in range(3)]
    return [
        imager.frame(
            frame_type=kind, start=T0, exposure_s=exposure, filter_name=name, pointing=CENTRE, rng=rng
        )
        for kind, exposure, name in wanted
    ]


@pytest.fixture(scope="session")
def masters(calibration_frames: list[RawFrame]) -> Masters:
    return build_masters(calibration_frames, small_telescope().instrument)


@pytest.fixture
def observatory(masters: Masters, tmp_path: Path) -> Callable[..., Observatory]:
    def make(sky_seed: int = 3) -> Observatory:
        return Observatory(
            telescope=small_telescope(), sky=SimulatedSky(sky_seed), masters=masters, folder=tmp_path
        )

    return make


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)
