"""What is written down: observing strategies, reference stars, calibration frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from agents.gft.local_catalogue import LocalCatalogue
from agents.gft.reduction.calibration import read_masters
from console.preflight.finding import Finding, failed, passed, skipped, warned
from console.preflight.subject import Subject
from console.site_papers import CALIBRATION, strategies_text
from followup.errors import FollowupError
from followup.strategy import load_strategies
from voevent.packet import SkyPosition

_MAKE_STARS = "make one from Gaia (docs/operating.md, Reference stars), and name it in site.toml"
_ENOUGH_STARS = 12
"""Fewer in a frame are hard to solve on."""


async def strategies(subject: Subject) -> AsyncIterator[Finding]:
    """Look at what is to be observed when, and whether the filters for it are there."""
    text, where = strategies_text(subject.folder, subject.config.strategies_file)
    found = load_strategies(text, source=where)
    have = set(subject.instrument.filters)
    lacking: list[str] = []
    idle: list[str] = []
    for strategy in found.strategies:
        for epoch in strategy.epochs:
            if not have & set(epoch.filters):
                idle.append(f"{strategy.name}/{epoch.name}")
            lacking += [name for name in epoch.filters if name not in have | set(lacking)]
    source = subject.config.strategies_file or "the built-in ones"
    said = f"{len(found.strategies)} strategies and {len(found.rules)} rules ({source})"
    if idle:
        yield failed(
            "strategies",
            f"{said}: {', '.join(idle)} asks for no filter of the telescope's ({', '.join(sorted(have))})",
            "name filters of the telescope in the strategies file",
        )
    elif lacking:
        yield warned(
            "strategies",
            f"{said}: filters {', '.join(lacking)} are left out here",
            "nothing, or shorten them",
        )
    else:
        yield passed("strategies", said)


async def stars(subject: Subject) -> AsyncIterator[Finding]:
    """Look at the reference stars that frames are solved and calibrated on."""
    indi = subject.indi
    if indi is None:
        yield skipped("stars", "those of the simulated sky")
        return
    if indi.catalogue_file is None and not await asyncio.to_thread(
        (subject.folder / subject.config.scenario_file).is_file
    ):
        yield failed("stars", "no catalogue_file: no frame can be solved or calibrated", _MAKE_STARS)
        return
    if indi.catalogue_file is None:
        yield warned(
            "stars",
            "no catalogue_file: the simulated sky's are used, and all that the telescope says is a drill",
            _MAKE_STARS,
        )
        return
    instrument, site = subject.instrument, subject.site
    path = subject.folder / indi.catalogue_file
    catalogue = await asyncio.to_thread(LocalCatalogue, path, instrument.filters)
    subject.catalogue = catalogue
    half_deg = min(instrument.width_px, instrument.height_px) * instrument.pixel_scale_arcsec / 3600.0 / 2.0
    # A ring of fields that pass near the zenith: what the telescope will look at in the course of a year.
    counts = [
        catalogue.cone(SkyPosition(ra_deg=float(ra), dec_deg=site.latitude_deg), half_deg).ra_deg.size
        for ra in np.arange(0.0, 360.0, 15.0)
    ]
    median, least = int(np.median(counts)), min(counts)
    said = f"{indi.catalogue_file}: {median} stars in a field at the zenith (median; at least {least})"
    if median < _ENOUGH_STARS:
        yield failed(
            "stars",
            said,
            f"frames need {_ENOUGH_STARS} stars or more: make it deeper",
            median=median,
            least=least,
        )
    elif least < _ENOUGH_STARS:
        yield warned(
            "stars", said, "some fields will not be solved: make it deeper", median=median, least=least
        )
    else:
        yield passed("stars", said, median=median, least=least)


async def calibration(subject: Subject) -> AsyncIterator[Finding]:
    """Look at the master calibration frames."""
    path = subject.folder / CALIBRATION
    if not await asyncio.to_thread(path.is_file):
        yield warned(
            "calibration",
            "no calibration frames yet: the agent takes them when it starts, some minutes",
            "start it by day, the flat-field screen lit before the telescope",
        )
        return
    try:
        masters = await asyncio.to_thread(read_masters, path)
    except (FollowupError, OSError, ValueError, KeyError) as error:
        yield failed(
            "calibration", f"{path} cannot be read: {error}", "remove it: the agent takes new frames"
        )
        return
    subject.masters = masters
    shape, wanted = masters.shape, (subject.instrument.height_px, subject.instrument.width_px)
    lacking = [name for name in subject.instrument.filters if name not in masters.flats]
    if shape != wanted or lacking:
        what = (
            f"no flat field through {', '.join(lacking)}"
            if lacking
            else f"frames of {shape[1]} x {shape[0]} pixels"
        )
        yield failed("calibration", f"{path} has {what}", "remove it: the agent takes new frames")
    else:
        yield passed("calibration", f"{path.name}: bias and flat fields through {', '.join(masters.flats)}")
