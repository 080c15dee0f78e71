"""How long the reduction of a frame of 1024 × 1024 pixels takes: calibrated, solved, scaled, written."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from agents.gft.reduction.calibration import build_masters
from agents.gft.reduction.field import FieldReduction
from benchmarks.table import row
from followup.devices import FrameType, RawFrame
from simulators.imager import Imager
from simulators.sites import KnownTelescope, known_telescope
from simulators.sky import SimulatedCatalogue, SimulatedSky
from voevent.kinds import Trigger, TriggerAction
from voevent.packet import PacketId, SkyPosition

FRAMES = 12
SIDE_PX = 1024
GOAL_S = 0.4
"""Of processor time."""

_FILTER = "r"
_T0 = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
_TARGET = SkyPosition(ra_deg=95.0, dec_deg=40.0, error_radius_deg=2.5 / 60.0)


def run() -> list[dict[str, Any]]:
    """Measure; returns rows with name, value, p99, unit, ratio, against and runs."""
    known = known_telescope("gft-spm")
    instrument = dataclasses.replace(known.instrument, width_px=SIDE_PX, height_px=SIDE_PX)
    telescope = dataclasses.replace(known, instrument=instrument)
    sky = SimulatedSky(1)
    with tempfile.TemporaryDirectory() as folder:
        field = FieldReduction(
            trigger=_trigger(),
            campaign="sb26112201.gft-spm",
            instrument=instrument,
            site=telescope.site,
            catalogue=SimulatedCatalogue(sky),
            masters=build_masters(_calibration(telescope, sky), instrument),
            folder=Path(folder),
            drill=True,
        )
        wall, processor = [], []
        for number, raw in enumerate(_frames(telescope, sky)):
            began, used = time.perf_counter(), time.process_time()
            field.reduce(raw, task="t1", number=number + 1)
            if number > 0:  # what is loaded at the first use is not counted
                wall.append(time.perf_counter() - began)
                processor.append(time.process_time() - used)
        began, used = time.perf_counter(), time.process_time()
        field.photometry("t1", _FILTER)
        measuring = time.process_time() - used
    size = f"{SIDE_PX} × {SIDE_PX}"
    return [
        row(f"reduction of a frame of {size}, processor time", processor, unit="s", goal=GOAL_S),
        row(f"reduction of a frame of {size}, wall time", wall, unit="s"),
        row(f"search and photometry on {FRAMES} such frames, processor time", [measuring], unit="s"),
    ]


def _trigger() -> Trigger:
    return Trigger(
        burst="sb26112201",
        telescope="gft-spm",
        action=TriggerAction.OBSERVE,
        revision=0,
        trigger_time=_T0,
        position=_TARGET,
        instrument="ECLAIRs",
        notice=PacketId(ivorn="ivo://followup/bench#sb26112201_eclairs-wakeup", sha256="0" * 64),
    )


def _calibration(telescope: KnownTelescope, sky: SimulatedSky) -> list[RawFrame]:
    wanted = [(FrameType.BIAS, 0.0)] * 3 + [(FrameType.DARK, 30.0)] * 3 + [(FrameType.FLAT, 2.0)] * 3
    rng = np.random.default_rng(1)
    imager = Imager(telescope, sky)
    return [
        imager.frame(
            frame_type=kind, start=_T0, exposure_s=exposure_s, filter_name=_FILTER, pointing=_TARGET, rng=rng
        )
        for kind, exposure_s in wanted
    ]


def _frames(telescope: KnownTelescope, sky: SimulatedSky) -> list[RawFrame]:
    rng = np.random.default_rng(2)
    imager = Imager(telescope, sky)
    return [
        imager.frame(
            frame_type=FrameType.LIGHT,
            start=_T0 + timedelta(seconds=60.0 + 36.0 * number),
            exposure_s=30.0,
            filter_name=_FILTER,
            pointing=_TARGET,
            rng=rng,
        )
        for number in range(FRAMES)
    ]
