"""INDI's CCD simulator made to look through one of the known telescopes.

The driver draws what a program ``gsc`` prints (`simulators.gsc`), on a scale of magnitudes of its own, each
star a Gaussian on whole pixels, and adds noise that is the same in every frame. The telescope as it then is,
for planning and reduction, is the known one's `twin`.

References
----------
indilib/indi, version 1.9.9: drivers/ccd/ccd_simulator.cpp (``flux``, ``DrawImageStar``, ``AddToPixel``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from followup.site import Instrument
from simulators.sites import KnownTelescope
from voevent.packet import SkyPosition

Floats = NDArray[np.float64]

_GAIN_E_ADU = 0.5
_NOISE_ADU = 200
"""Each pixel gets a whole number below this, evenly drawn: coarse enough that cutting to whole ADU does not
matter."""
_FULL_ADU = 65000.0
_LIMITING_MAG, _SATURATION_MAG = 17.0, 1.0
_BRIGHTER = 1.0 + math.sqrt(90.0)
"""Factor on all exposures, by the driver's gain setting of 90."""
_FWHM_ARCSEC = 3.5
_FOCAL_LENGTH_MM = 900.0
_ARCSEC = 206.3
"""Per pixel and (µm / mm), as the driver rounds it."""
_DARK_SKY_MAG = 30.0
_VIGNETTING = 1.4


def twin(model: KnownTelescope) -> KnownTelescope:
    """Return the known telescope with the simulator's detector: its noise does not depend on the exposure."""
    instrument = dataclasses.replace(
        model.instrument,
        gain_e_adu=_GAIN_E_ADU,
        read_noise_e=round(_NOISE_ADU / math.sqrt(12.0) * _GAIN_E_ADU, 2),
        saturation_adu=_FULL_ADU,
        dark_current_e_s=0.0,
        readout_s=0.5,
    )
    conditions = dataclasses.replace(
        model.conditions,
        seeing_arcsec=_FWHM_ARCSEC,
        sky_mag=dict.fromkeys(model.conditions.sky_mag, _DARK_SKY_MAG),
    )
    return dataclasses.replace(model, instrument=instrument, conditions=conditions)


def driver_settings(model: KnownTelescope) -> Mapping[str, float]:
    """Give the driver's ``SIMULATOR_SETTINGS`` for a telescope's detector."""
    pixel_um = model.instrument.pixel_scale_arcsec * _FOCAL_LENGTH_MM / math.degrees(3.6)
    return MappingProxyType(
        {
            "SIM_XRES": model.instrument.width_px,
            "SIM_YRES": model.instrument.height_px,
            "SIM_XSIZE": round(pixel_um, 4),
            "SIM_YSIZE": round(pixel_um, 4),
            "SIM_NOISE": _NOISE_ADU,
        }
    )


def driver_mags(electrons_s: Floats, pixel_scale_arcsec: float) -> Floats:
    """Give the magnitudes at which the driver draws stars of so many electrons per second; shape (n,)."""
    # One unit of the driver's flux, spread over the pixels of the image of a star.
    sigma_px = _FWHM_ARCSEC / (2.0 * math.sqrt(2.0 * math.log(2.0))) / pixel_scale_arcsec
    adu = _BRIGHTER * math.sqrt(2.0 * math.pi) * sigma_px / pixel_scale_arcsec
    slope = 2.5 * math.log10(_FULL_ADU) / (_LIMITING_MAG - _SATURATION_MAG)
    with np.errstate(divide="ignore"):
        return np.asarray(_LIMITING_MAG - 2.5 / slope * np.log10(electrons_s / _GAIN_E_ADU / adu))


def on_whole_pixels(
    centre: SkyPosition,
    ra_deg: Floats,
    dec_deg: Floats,
    electrons_s: Floats,
    instrument: Instrument,
    *,
    looks_at: SkyPosition | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Share each star's light among the four pixels around it: the driver draws stars on whole pixels only.

    It cuts coordinates, counted from the middle of the detector, off to whole numbers: what lies halfway
    between two of them stays there whatever the rounding, and on either side of the pier. Its flat fields are
    vignetted, its stars are not: that is made good here.

    Parameters
    ----------
    centre
        What the driver takes for the middle of the detector.
    looks_at
        What is there; `centre` when None.

    Returns
    -------
    ra_deg, dec_deg, electrons_s
        Shape (4 n,).
    """
    px = math.degrees(1.0) * 3600.0 / instrument.pixel_scale_arcsec
    there = looks_at or centre
    ra0, dec0 = math.radians(there.ra_deg), math.radians(there.dec_deg)
    ra, dec = np.radians(ra_deg) - ra0, np.radians(dec_deg)
    depth = math.sin(dec0) * np.sin(dec) + math.cos(dec0) * np.cos(dec) * np.cos(ra)
    east = np.cos(dec) * np.sin(ra) / depth * px
    north = (math.cos(dec0) * np.sin(dec) - math.sin(dec0) * np.cos(dec) * np.cos(ra)) / depth * px
    side_px = min(instrument.width_px, instrument.height_px)
    electrons_s = electrons_s * np.exp(-_VIGNETTING * (east**2 + north**2) / side_px**2)
    (west_px, to_east), (south_px, to_north) = (np.divmod(each - 0.5, 1.0) for each in (east, north))
    parts = [
        (west_px + right + 0.5, south_px + up + 0.5, electrons_s * x_share * y_share)
        for right, x_share in ((0, 1.0 - to_east), (1, to_east))
        for up, y_share in ((0, 1.0 - to_north), (1, to_north))
    ]
    xi, eta, shares = (np.concatenate(each) for each in zip(*parts, strict=True))
    xi, eta = xi / px, eta / px
    ra0, dec0 = math.radians(centre.ra_deg), math.radians(centre.dec_deg)
    along = math.cos(dec0) - eta * math.sin(dec0)
    drawn_ra = ra0 + np.arctan2(xi, along)
    drawn_dec = np.arctan2(math.sin(dec0) + eta * math.cos(dec0), np.hypot(xi, along))
    return np.degrees(drawn_ra) % 360.0, np.degrees(drawn_dec), shares
