"""How well a telescope sees something: the exposure-time calculator of the simulated ones."""

from __future__ import annotations

import math
from datetime import datetime

from simulators.atmosphere import Atmosphere
from simulators.pointspread import noise_pixels
from simulators.sites import KnownTelescope
from voevent.packet import SkyPosition


def signal_to_noise(
    telescope: KnownTelescope,
    position: SkyPosition,
    mag: float,
    *,
    time: datetime,
    exposure_s: float,
    filter_name: str,
    exposures: int = 1,
) -> float:
    """Signal over noise of a point source at its best: median seeing, known place, known profile.

    Parameters
    ----------
    mag
        AB magnitude in that filter, above the atmosphere.
    exposure_s, exposures
        Length of each exposure and their number; all are taken to be made at `time`.

    References
    ----------
    The "CCD equation", e.g. Howell 2006, Handbook of CCD Astronomy, section 4.4.
    """
    instrument, air = telescope.instrument, Atmosphere(telescope)
    signal = exposure_s * 10 ** (0.4 * (air.zero_point(position, time, filter_name) - mag))
    background = exposure_s * (air.sky_e_px(position, time, filter_name) + instrument.dark_current_e_s)
    pixels = noise_pixels(air.fwhm_px(position, time, filter_name))
    noise2 = signal + pixels * (background + instrument.read_noise_e**2)
    return math.sqrt(exposures) * signal / math.sqrt(noise2)
