"""The filters of published photometry, and how its magnitudes become those that a telescope would measure.

References
----------
AB minus Vega: Blanton & Roweis 2007, AJ 133, 734, table 1; for Z and Y Hewett et al. 2006, MNRAS 367, 454.
Galactic extinction for a reddening E(B-V) with R_V = 3.1: Schlafly & Finkbeiner 2011, ApJ 737, 103, table 6,
which is per magnitude of E(B-V) on the scale of Schlegel, Finkbeiner & Davis 1998, ApJ 500, 525: the scale of
their map, which the true reddening is 0.86 of.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedBand:
    """A filter that others observe through.

    Attributes
    ----------
    ab_minus_vega
        What is added to a Vega magnitude to have an AB one.
    dust
        Magnitudes that the Galaxy's dust takes away for a reddening E(B-V) of 1 mag, on the scale of
        Schlegel, Finkbeiner & Davis 1998.
    vega
        Whether magnitudes are Vega's when nobody says: of Johnson's, Cousins's and the infrared filters.
    """

    wavelength_nm: float
    ab_minus_vega: float
    dust: float
    vega: bool = False


BANDS = {
    "U": PublishedBand(wavelength_nm=366.0, ab_minus_vega=0.79, dust=4.334, vega=True),
    "B": PublishedBand(wavelength_nm=436.0, ab_minus_vega=-0.09, dust=3.626, vega=True),
    "V": PublishedBand(wavelength_nm=545.0, ab_minus_vega=0.02, dust=2.742, vega=True),
    "R": PublishedBand(wavelength_nm=641.0, ab_minus_vega=0.21, dust=2.169, vega=True),
    "I": PublishedBand(wavelength_nm=798.0, ab_minus_vega=0.45, dust=1.505, vega=True),
    "J": PublishedBand(wavelength_nm=1235.0, ab_minus_vega=0.91, dust=0.709, vega=True),
    "H": PublishedBand(wavelength_nm=1662.0, ab_minus_vega=1.39, dust=0.449, vega=True),
    "K": PublishedBand(wavelength_nm=2159.0, ab_minus_vega=1.85, dust=0.302, vega=True),
    "u": PublishedBand(wavelength_nm=355.0, ab_minus_vega=0.91, dust=4.239),
    "g": PublishedBand(wavelength_nm=481.0, ab_minus_vega=-0.08, dust=3.303),
    "r": PublishedBand(wavelength_nm=617.0, ab_minus_vega=0.16, dust=2.285),
    "i": PublishedBand(wavelength_nm=752.0, ab_minus_vega=0.37, dust=1.698),
    "z": PublishedBand(wavelength_nm=866.0, ab_minus_vega=0.54, dust=1.263),
    "y": PublishedBand(wavelength_nm=962.0, ab_minus_vega=0.57, dust=1.087),
    "Z": PublishedBand(wavelength_nm=878.0, ab_minus_vega=0.53, dust=1.23),
    "Y": PublishedBand(wavelength_nm=1020.0, ab_minus_vega=0.63, dust=0.97),
}
"""By name. Those that the telescopes here have go by the wavelengths that they have here."""

_OTHER_NAMES = {"rc": "R", "ic": "I", "ks": "K", "vj": "V"}
"""As they are spelt without regard to capitals and underscores: Rc, R_c, R_C."""

AB_SYSTEMS = {"ab", "sdss"}
"""Magnitudes of these are AB, through whatever filter."""
VEGA_SYSTEMS = {"vega", "landolt", "johnson", "kron-cousins", "cousins", "bessel", "bessell", "lupton"}
"""Of these, Vega: standard stars, and formulae that lead to them."""
CATALOGUES = {"usno", "nomad", "gsc", "ucac3", "ucac4", "2mass", "apass", "ps1", ""}
"""Comparison stars of these, or nobody says which: the filter's own system."""


def band_of(filter_name: str) -> str | None:
    """Tell which of `BANDS` a published filter's name means, primes and subscripts passed over.

    None for none: without a filter (also when calibrated on R: CR), white, ultraviolet, Thuan & Gunn's.
    """
    name = filter_name.strip().rstrip("'′")
    name = _OTHER_NAMES.get(name.lower().replace("_", ""), name)
    return name if name in BANDS else None


def ab_offset(band: str, system: str) -> float | None:
    """Tell what is to be added to a magnitude to have it in AB; None when the system is not known."""
    known, said = BANDS[band], system.strip().lower()
    if said in AB_SYSTEMS:
        return 0.0
    if said in VEGA_SYSTEMS or (said in CATALOGUES and known.vega):
        return known.ab_minus_vega
    return 0.0 if said in CATALOGUES else None
