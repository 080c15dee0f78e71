"""Pointing that is true: after a slew a short exposure is solved, and the pointing corrected by it."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from agents.gft.bench import Bench
from agents.gft.record import Record
from agents.gft.reduction.errors import ReductionError
from followup.campaign import What
from voevent.packet import SkyPosition

log = logging.getLogger(__name__)

_LOOKS = 3
_TOLERANCE_FIELDS = 0.05
"""A target may be so far from the middle of the frame, in sides of the frame."""


async def acquire(bench: Bench, record: Record, target: SkyPosition, *, task: str, filter_name: str) -> str:
    """Bring a target that the mount points at to the middle of the frame.

    What cannot be solved (clouds, a bright sky) is left as it is: the frames of the series may be solved.

    Returns
    -------
    str
        How far off it looks in the end, for people; empty when nobody asks for it.

    Raises
    ------
    DeviceError
        When an exposure or a correction fails.
    """
    if bench.acquisition_s <= 0.0:
        return ""
    # photutils and scipy take a second to load: who believes the mount does without them.
    from agents.gft.reduction.plates import separation_arcsec  # noqa: PLC0415
    from agents.gft.reduction.pointing import corrected, looks_at  # noqa: PLC0415

    instrument = bench.instrument
    side_arcsec = min(instrument.width_px, instrument.height_px) * instrument.pixel_scale_arcsec
    aim, seen = target, ""
    for look in range(1, _LOOKS + 1):
        await record.note(What.ACQUIRING, task=task, look=look, seconds=bench.acquisition_s)
        raw = await bench.observatory.expose(exposure_s=bench.acquisition_s, filter_name=filter_name)
        solving = partial(
            looks_at, raw, masters=bench.masters, instrument=instrument, catalogue=bench.catalogue
        )
        try:
            looks = await asyncio.to_thread(solving)
        except ReductionError as error:
            seen = f"where it looks could not be told: {error}"
            break
        off_arcsec = separation_arcsec(looks, target)
        seen = f"it looks {off_arcsec:.0f} arcsec beside the target"
        if off_arcsec <= _TOLERANCE_FIELDS * side_arcsec or look == _LOOKS:
            break
        aim = corrected(aim, looks=looks, target=target)
        where = f"{aim.ra_deg:.4f} {aim.dec_deg:+.4f}"
        record.story.say(f"{seen}: corrected")
        now = bench.wall.now().isoformat()
        await record.note(
            What.SLEWING, task=task, target=where, beside_arcsec=round(off_arcsec), wall_time=now
        )
        await bench.observatory.point(target, aim=aim)
    log.info("%s: %s", record.name, seen, extra={"campaign": str(record.name)})
    return seen
