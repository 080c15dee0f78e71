"""The passbands the simulated sky is seen through.

References
----------
Effective wavelengths and widths: Tonry et al. 2012, ApJ 750, 99 (Pan-STARRS1 g r i z y).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PHOTONS_AB0 = 5.48e10
"""Photons per second and square metre in a unit logarithmic bandwidth from a source of AB magnitude 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passband:
    """A filter.

    Attributes
    ----------
    wavelength_nm, width_nm
        Effective wavelength and equivalent width.
    extinction
        Magnitudes lost per airmass at a good high site.
    """

    wavelength_nm: float
    width_nm: float
    extinction: float


PASSBANDS = {
    "g": Passband(wavelength_nm=481.0, width_nm=105.0, extinction=0.17),
    "r": Passband(wavelength_nm=617.0, width_nm=125.0, extinction=0.10),
    "i": Passband(wavelength_nm=752.0, width_nm=121.0, extinction=0.06),
    "z": Passband(wavelength_nm=866.0, width_nm=100.0, extinction=0.05),
    "y": Passband(wavelength_nm=962.0, width_nm=63.0, extinction=0.06),
}
"""By filter name, from blue to red."""


def zero_point(filter_name: str, *, aperture_m: float, throughput: float) -> float:
    """AB magnitude that gives one electron per second above the atmosphere.

    Parameters
    ----------
    throughput
        Electrons per photon that enters the aperture, in that filter: mirrors, obstruction, detector.
    """
    band = PASSBANDS[filter_name]
    area_m2 = math.pi * (aperture_m / 2) ** 2
    rate = PHOTONS_AB0 * band.width_nm / band.wavelength_nm * area_m2 * throughput
    return round(2.5 * math.log10(rate), 2)
