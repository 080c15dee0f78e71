"""A test exposure: nothing is moved for it, and nothing cooled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np

from agents.gft.indi.telescope import indi_telescope
from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.plates import separation_arcsec
from agents.gft.reduction.pointing import looks_at
from console.preflight.finding import Finding, failed, passed, skipped, warned
from console.preflight.subject import Subject
from console.settings import IndiTelescope
from followup.devices import FrameType, RawFrame, Telescope
from followup.errors import DeviceError

_NORMAL = 1.4826
"""From the median absolute deviation of a normal distribution to its standard deviation."""


async def exposure(subject: Subject) -> AsyncIterator[Finding]:
    """Take a frame: of the sky where the telescope tracks already, else dark; try to solve one of the sky."""
    indi = subject.indi
    if indi is None:
        yield skipped("exposure", "a simulated camera needs no test")
        return
    if subject.agent_pid is not None:
        yield skipped("exposure", f"the agent runs (process {subject.agent_pid}) and has the camera")
        return
    async with _telescope(subject, indi) as telescope:
        raw = await _taken(telescope, subject)
    yield judge_frame(raw, subject)
    if raw.frame_type is FrameType.LIGHT:
        yield await asyncio.to_thread(_solved, raw, subject)


@asynccontextmanager
async def _telescope(subject: Subject, indi: IndiTelescope) -> AsyncIterator[Telescope]:
    settings = replace(indi.devices.settings(), ccd_temperature_c=None)
    async with indi_telescope(settings, subject.site, sky=subject.wall, wall=subject.wall) as telescope:
        yield telescope


async def _taken(telescope: Telescope, subject: Subject) -> RawFrame:
    """Take a frame of the sky if the telescope is ready for that as it stands, else a dark one."""
    for name in subject.instrument.filters:
        try:
            return await telescope.camera.expose(
                frame_type=FrameType.LIGHT, exposure_s=subject.exposure_s, filter_name=name
            )
        except DeviceError as error:
            # Another filter is in the beam, or the mount does not track: nothing was exposed, try the next.
            if error.retriable:
                raise
    return await telescope.camera.expose(
        frame_type=FrameType.DARK, exposure_s=subject.exposure_s, filter_name=subject.instrument.filters[0]
    )


def judge_frame(raw: RawFrame, subject: Subject) -> Finding:
    """Say what the levels of a frame mean."""
    median = float(np.median(raw.pixels))
    noise = _NORMAL * float(np.median(np.abs(raw.pixels - np.float64(median))))
    height, width = raw.pixels.shape
    instrument = subject.instrument
    kind = f"of the sky ({raw.filter})" if raw.frame_type is FrameType.LIGHT else "dark"
    said = f"{raw.exposure_s:g} s {kind}: {width} x {height}, median {median:.0f}, noise {noise:.1f} ADU"
    values = {
        "median_adu": median,
        "noise_adu": noise,
        "width": width,
        "height": height,
        "kind": raw.frame_type,
    }
    if (height, width) != (instrument.height_px, instrument.width_px):
        expected = f"[detector] says {instrument.width_px} x {instrument.height_px}"
        return failed("exposure", f"{said}; {expected}", "mend width_px, height_px or binning", **values)
    if noise == 0.0:
        return failed(
            "exposure", f"{said}: every pixel is the same", "look at the camera and its driver", **values
        )
    if median >= instrument.saturation_adu:
        return warned(
            "exposure", f"{said}: saturated", "is there light in the dome? saturation_adu right?", **values
        )
    return passed("exposure", said, **values)


def _solved(raw: RawFrame, subject: Subject) -> Finding:
    if subject.catalogue is None or subject.masters is None:
        return skipped("solving", "not tried: it takes reference stars and calibration frames")
    try:
        looks = looks_at(
            raw, masters=subject.masters, instrument=subject.instrument, catalogue=subject.catalogue
        )
    except ReductionError as error:
        return warned("solving", f"the frame cannot be solved: {error}", "nothing by day, or under clouds")
    off = separation_arcsec(looks, raw.pointing)
    return passed(
        "solving", f"the telescope looks {off:.0f} arcsec beside where its mount says", off_arcsec=off
    )
