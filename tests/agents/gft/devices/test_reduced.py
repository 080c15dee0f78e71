"""Frames of INDI's camera under our sky, through the real calibration, astrometry and photometry."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from agents.gft.gate import SAFETY
from agents.gft.observatory import Observatory
from agents.gft.reduction.calibration import build_masters
from agents.gft.reduction.field import FieldReduction
from console.indi_stage import raise_curtain, site_settings
from console.settings import Indi
from followup.clock import WallClock
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.indi_camera import twin
from simulators.projection import offset
from simulators.scenario import Scenario, write_scenario
from simulators.sky import SimulatedCatalogue, SimulatedSky
from tests.agents.gft.devices.conftest import MODEL, SITE, free_port, near, over_indi, place
from voevent.kinds import Trigger, TriggerAction
from voevent.packet import PacketId

pytestmark = pytest.mark.integration

SEED, BURST, EXPOSURE_S = 4, "sb26112201", 2.0


async def test_an_afterglow_is_found_where_it_is_and_as_bright_as_it_is(tmp_path: Path) -> None:
    # Half an hour after the burst an exposure may be shorter than the stage says: it does not matter.
    target, now = place(1.0, 30.0), WallClock().now()
    light = Afterglow(r_mag=16.0, indices=(0.8,), breaks_s=(), spectral_index=1.0)
    burst = SimulatedBurst(
        name=BURST,
        trigger_time=now - timedelta(minutes=30),
        position=offset(target, east_arcsec=70.0, north_arcsec=-40.0),
        afterglow=light,
    )
    write_scenario(Scenario(seed=SEED, bursts=(burst,)), tmp_path / "sky.json")
    (tmp_path / "site.toml").write_text("")
    instrument = dataclasses.replace(
        twin(MODEL).instrument, filters=("r",), zero_points=tuple(twin(MODEL).instrument.zero_points[1:2])
    )
    server = await raise_curtain(tmp_path, MODEL, free_port())
    try:
        slots = Indi(**site_settings(MODEL, server.port)["indi"]).slots
        await near(server)
        async with over_indi(server.port, slots=slots) as subject:
            observatory = Observatory(subject.telescope, subject.clock)
            observatory.gate.lift(SAFETY)
            masters = build_masters(await observatory.calibration_frames(instrument), instrument)
            await subject.telescope.mount.slew(target)
            frames = [await observatory.expose(exposure_s=EXPOSURE_S, filter_name="r") for _ in range(2)]
    finally:
        await server.stop()

    trigger = Trigger(
        burst=BURST,
        telescope=MODEL.name,
        action=TriggerAction.OBSERVE,
        revision=0,
        trigger_time=burst.trigger_time,
        position=dataclasses.replace(target, error_radius_deg=0.05),
        instrument="ECLAIRs",
        notice=PacketId(ivorn="ivo://org.svom/fsc#sb26112201_eclairs-wakeup", sha256="0" * 64),
    )
    reduction = FieldReduction(
        trigger=trigger,
        campaign=f"{BURST}.{MODEL.name}",
        instrument=instrument,
        site=SITE,
        catalogue=SimulatedCatalogue(SimulatedSky(SEED)),
        masters=masters,
        folder=tmp_path / "reduced",
        drill=True,
    )
    for number, frame in enumerate(frames, 1):
        reduced = await asyncio.to_thread(reduction.reduce, frame, task="t1", number=number)
        assert reduced.problem == ""
        assert reduced.zero is not None
        assert reduced.zero.scatter < 0.03
    points, source, _ = reduction.result()
    assert source is not None
    assert abs(source.ra_deg - burst.position.ra_deg) * 3600 < 0.4
    assert abs(source.dec_deg - burst.position.dec_deg) * 3600 < 0.4
    assert len(points) == 2
    for point in points:
        assert not point.limit
        assert point.mag_err is not None
        off = point.mag - burst.magnitude(point.t_s, "r", EXPOSURE_S)
        assert abs(off) < 3.5 * point.mag_err + 0.01
