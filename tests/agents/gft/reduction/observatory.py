"""A small telescope under a simulated sky, and a campaign reduced there."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from agents.gft.reduction.calibration import Masters
from agents.gft.reduction.field import FieldReduction
from followup.devices import FrameType, RawFrame
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.imager import Imager
from simulators.sites import KNOWN_TELESCOPES, KnownTelescope
from simulators.sky import SimulatedCatalogue, SimulatedSky
from voevent.kinds import Trigger, TriggerAction
from voevent.packet import PacketId, SkyPosition

T0 = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
CENTRE = SkyPosition(ra_deg=95.0, dec_deg=40.0, error_radius_deg=2.5 / 60.0)


def small_telescope(side_px: int = 512) -> KnownTelescope:
    """San Pedro Mártir's telescope with a smaller detector, so that a frame takes little time."""
    known = KNOWN_TELESCOPES["gft-spm"]
    return dataclasses.replace(
        known, instrument=dataclasses.replace(known.instrument, width_px=side_px, height_px=side_px)
    )


def make_trigger(position: SkyPosition | None = CENTRE) -> Trigger:
    return Trigger(
        burst="sb26112201",
        telescope="gft-spm",
        action=TriggerAction.OBSERVE,
        revision=0,
        trigger_time=T0,
        position=position,
        instrument="ECLAIRs",
        notice=PacketId(ivorn="ivo://org.svom/fsc#sb26112201_eclairs-wakeup", sha256="0" * 64),
    )


def burst_at(east_arcmin: float, north_arcmin: float, r_mag: float, *indices: float) -> SimulatedBurst:
    """A burst so far from the centre of the error circle, with this magnitude in r at 1000 s."""
    ra = CENTRE.ra_deg + east_arcmin / 60.0 / math.cos(math.radians(CENTRE.dec_deg))
    return SimulatedBurst(
        name="sb26112201",
        trigger_time=T0,
        position=SkyPosition(ra_deg=ra, dec_deg=CENTRE.dec_deg + north_arcmin / 60.0),
        afterglow=Afterglow(r_mag=r_mag, indices=indices or (0.9,), breaks_s=(), spectral_index=1.0),
    )


@dataclass
class Observatory:
    """Takes frames of the simulated sky and has them reduced."""

    telescope: KnownTelescope
    sky: SimulatedSky
    masters: Masters
    folder: Path

    def field(self) -> FieldReduction:
        """A reduction over the observatory's folder; a second one takes up what the first one left."""
        return FieldReduction(
            trigger=make_trigger(),
            campaign="sb26112201.gft-spm",
            instrument=self.telescope.instrument,
            site=self.telescope.site,
            catalogue=SimulatedCatalogue(self.sky),
            masters=self.masters,
            folder=self.folder,
            drill=True,
        )

    def frames(
        self,
        bursts: Sequence[SimulatedBurst],
        *,
        start_s: float,
        count: int,
        exposure_s: float = 30.0,
        filter_name: str = "r",
        off_arcsec: float = 15.0,
        seed: int = 1,
    ) -> list[RawFrame]:
        """Consecutive frames; the mount misses by `off_arcsec` in each axis."""
        rng = np.random.default_rng(seed)
        imager = Imager(self.telescope, self.sky, bursts)
        taken = []
        for i in range(count):
            east, north = rng.normal(0.0, off_arcsec / 3600.0, 2)
            at = SkyPosition(
                ra_deg=CENTRE.ra_deg + east / math.cos(math.radians(CENTRE.dec_deg)),
                dec_deg=CENTRE.dec_deg + north,
            )
            taken.append(
                imager.frame(
                    frame_type=FrameType.LIGHT,
                    start=T0 + timedelta(seconds=start_s + i * (exposure_s + 6.0)),
                    exposure_s=exposure_s,
                    filter_name=filter_name,
                    pointing=SkyPosition(ra_deg=CENTRE.ra_deg, dec_deg=CENTRE.dec_deg),
                    looks_at=at,
                    rng=rng,
                )
            )
        return taken

    def observe(
        self, field: FieldReduction, task: str, bursts: Sequence[SimulatedBurst], **frames: float | str
    ) -> None:
        """Take frames and reduce them as one task."""
        already = sum(f.task == task for f in field.frames)
        for i, raw in enumerate(self.frames(bursts, **frames)):  # type: ignore[arg-type]  # by name
            field.reduce(raw, task=task, number=already + i + 1)
