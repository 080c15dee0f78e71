"""A telescope's master calibration frames: read, or taken once; never while people keep the agent from it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import numpy as np

from agents.gft.gate import PEOPLE, TAKEOVER
from agents.gft.observatory import Observatory
from agents.gft.reduction.calibration import Masters, build_masters, read_masters, write_masters
from agents.gft.signs import Signs
from followup.devices import RawFrame
from followup.site import Instrument

log = logging.getLogger(__name__)


def no_masters(instrument: Instrument) -> Masters:
    """Give what changes no frame: until there are any, and nothing is observed before."""
    shape = (instrument.height_px, instrument.width_px)
    nothing = np.zeros(shape, np.float32)
    return Masters(bias=nothing, dark=nothing, bad=np.zeros(shape, np.bool_))


async def masters_of(observatory: Observatory, instrument: Instrument, path: Path, signs: Signs) -> Masters:
    """Read them; take them first when there are none, as soon as no person holds or has the telescope.

    Parameters
    ----------
    signs
        Tell the watchdog of a takeover meanwhile.
    """
    if await asyncio.to_thread(path.is_file):
        return await asyncio.to_thread(read_masters, path)
    while True:
        await _free_of_people(observatory, signs)
        log.info(
            "taking calibration frames (once, some minutes of sky time)",
            extra={"event": "calibration.taking"},
        )
        frames = await _taken(observatory, instrument)
        if frames is not None:
            break
    masters = await asyncio.to_thread(build_masters, frames, instrument)
    await asyncio.to_thread(write_masters, masters, path)
    return masters


async def _free_of_people(observatory: Observatory, signs: Signs) -> None:
    gate, told = observatory.gate, ""
    while True:
        heard = gate.changes.listen()
        signs.take_over(gate.reasons.get(TAKEOVER, ""))
        if not gate.shut_by(*PEOPLE):
            return
        if told != (told := str(gate)):
            log.warning(
                "calibration frames have to be taken, and wait until people let the agent: %s",
                gate,
                extra={"event": "calibration.waits"},
            )
        await asyncio.shield(heard)


async def _taken(observatory: Observatory, instrument: Instrument) -> list[RawFrame] | None:
    """Take them; None when a person came between."""
    gate = observatory.gate
    taking = asyncio.ensure_future(observatory.calibration_frames(instrument))
    ordered = asyncio.ensure_future(gate.shuts(*PEOPLE))
    try:
        await asyncio.wait({taking, ordered}, return_when=asyncio.FIRST_COMPLETED)
        if not taking.done() or (taking.exception() is not None and gate.shut_by(*PEOPLE)):
            return None
        return taking.result()
    finally:
        for task in (taking, ordered):
            task.cancel()
        await asyncio.gather(taking, ordered, return_exceptions=True)
