"""Pointing that is true: what an acquisition exposure shows is corrected, and journalled before."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from agents.gft.acquiring import acquire
from agents.gft.reduction.calibration import build_masters
from agents.gft.reduction.pointing import corrected, looks_at
from followup.campaign import What
from followup.devices import FrameType, RawFrame
from simulators.earth import angle_deg
from simulators.imager import Imager
from simulators.projection import offset
from simulators.sky import SimulatedCatalogue, SimulatedSky
from tests.agents.gft.reduction.observatory import CENTRE, T0, small_telescope
from tests.simulators.handclock import HandClock
from voevent.packet import SkyPosition

MODEL = small_telescope()
SKY = SimulatedSky(3)
OFF_ARCSEC = (160.0, -110.0)


@dataclass
class Night:
    """A mount that looks beside where it says, under clouds if need be; and all that was journalled."""

    off_arcsec: tuple[float, float] = OFF_ARCSEC
    clouds: bool = False
    aim: SkyPosition = CENTRE
    told: list[tuple[str, Any]] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        self.clock = HandClock(T0)
        frames = [self._frame(FrameType.BIAS, CENTRE) for _ in range(3)]
        self.bench = SimpleNamespace(
            acquisition_s=10.0,
            instrument=MODEL.instrument,
            masters=build_masters(frames, MODEL.instrument),
            catalogue=SimulatedCatalogue(SKY),
            observatory=self,
            wall=self.clock,
        )
        self.record = SimpleNamespace(
            name="sb26112201.gft-spm", note=self.note, story=SimpleNamespace(say=lambda _: None)
        )

    @property
    def looks(self) -> SkyPosition:
        east, north = self.off_arcsec
        return offset(self.aim, east_arcsec=east, north_arcsec=north)

    async def note(self, what: What, **data: Any) -> None:
        self.told.append((what, data))

    async def point(self, target: SkyPosition, *, aim: SkyPosition) -> None:
        self.told.append(("point", aim))
        self.aim = aim

    async def expose(self, *, exposure_s: float, filter_name: str) -> RawFrame:
        self.told.append(("expose", exposure_s))
        frame = self._frame(FrameType.LIGHT, self.aim, exposure_s)
        if self.clouds:
            return dataclasses.replace(frame, pixels=np.full_like(frame.pixels, 1000))
        return frame

    def _frame(self, kind: FrameType, pointing: SkyPosition, exposure_s: float = 0.0) -> RawFrame:
        self._number += 1
        east, north = self.off_arcsec
        return Imager(MODEL, SKY).frame(
            frame_type=kind,
            start=T0,
            exposure_s=exposure_s,
            filter_name="r",
            pointing=pointing,
            rng=np.random.default_rng(self._number),
            looks_at=offset(pointing, east_arcsec=east, north_arcsec=north),
        )

    async def acquire(self) -> str:
        bench, record = cast("Any", self.bench), cast("Any", self.record)
        return await acquire(bench, record, CENTRE, task="t1", filter_name="r")


async def test_what_is_off_is_corrected_and_looked_at_again() -> None:
    night = Night()
    assert await night.acquire() == "it looks 0 arcsec beside the target"
    assert angle_deg(night.looks, CENTRE) * 3600 < 1.0
    assert [what for what, _ in night.told] == [
        What.ACQUIRING, "expose", What.SLEWING, "point", What.ACQUIRING, "expose",
    ]  # fmt: skip
    _, intention = night.told[2]
    assert intention["task"] == "t1"
    assert intention["beside_arcsec"] == pytest.approx(np.hypot(*OFF_ARCSEC), abs=2)


async def test_what_is_near_enough_is_left_alone() -> None:
    night = Night(off_arcsec=(20.0, 10.0))
    assert await night.acquire() == "it looks 22 arcsec beside the target"
    assert [what for what, _ in night.told] == [What.ACQUIRING, "expose"]


async def test_under_clouds_the_mount_is_believed() -> None:
    night = Night(clouds=True)
    assert (await night.acquire()).startswith("where it looks could not be told: only 0 sources")
    assert night.aim == CENTRE


async def test_who_does_not_ask_for_it_loses_no_time() -> None:
    night = Night()
    night.bench.acquisition_s = 0.0
    assert await night.acquire() == ""
    assert night.told == []


def test_a_frame_tells_where_it_looks() -> None:
    night = Night()
    frame = night._frame(FrameType.LIGHT, CENTRE, 10.0)
    looks = looks_at(
        frame, masters=night.bench.masters, instrument=MODEL.instrument, catalogue=SimulatedCatalogue(SKY)
    )
    assert angle_deg(looks, night.looks) * 3600 < 0.3
    aim = corrected(CENTRE, looks=looks, target=CENTRE)
    assert angle_deg(offset(aim, east_arcsec=OFF_ARCSEC[0], north_arcsec=OFF_ARCSEC[1]), CENTRE) * 3600 < 0.4
