"""The constant stars: a function of a seed and the position, the same for every telescope and in every run.

The sphere is divided into cells of about 0.25 deg; each cell's stars are drawn from a generator seeded with
the cell's own number, so that any cone can be asked for and two overlapping ones agree. Counts follow the
Galactic latitude, colours the stellar locus. There are no galaxies, no proper motions and no variables.

References
----------
Star counts: Bahcall & Soneira 1980, ApJS 44, 73. Stellar locus: Covey et al. 2007, AJ 134, 2398.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from followup.catalogue import ReferenceStars
from simulators.filters import PASSBANDS
from voevent.packet import SkyPosition

Floats = NDArray[np.float64]

BRIGHTEST_R = 9.0
FAINTEST_R = 22.5
"""Faintest star of the sky, deeper than any single frame of the known telescopes."""

CATALOGUE_FLOOR_MAG = 0.012
CATALOGUE_POSITION_ERR_ARCSEC = 0.03

_CELL_DEG = 0.25
_COUNT_SLOPE = 0.21
_COUNT_POLE_R16 = 350.0
_PLANE_OVER_POLE = 5.0
_GALACTIC_POLE = (math.radians(192.8595), math.radians(27.1283))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stars:
    """Stars as they are. All arrays have shape (n,), positions ICRS, magnitudes AB above the atmosphere."""

    ra_deg: Floats
    dec_deg: Floats
    mags: dict[str, Floats]


class StarField(Protocol):
    """Knows the constant stars as they are."""

    def stars(self, centre: SkyPosition, radius_deg: float) -> Stars:
        """Stars within `radius_deg` of `centre`, in every filter of `simulators.filters`."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cell:
    true: Stars
    catalogued: ReferenceStars


class SimulatedSky:
    """All stars of the sky.

    Parameters
    ----------
    seed
        Another seed is another sky.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._cell = functools.lru_cache(maxsize=256)(self._draw_cell)

    def stars(self, centre: SkyPosition, radius_deg: float) -> Stars:
        """Stars within `radius_deg` of `centre`, as they are."""
        cells = [cell.true for cell in self._cells(centre, radius_deg)]
        ra = np.concatenate([cell.ra_deg for cell in cells])
        dec = np.concatenate([cell.dec_deg for cell in cells])
        inside = separation_deg(centre, ra, dec) <= radius_deg
        return Stars(
            ra_deg=ra[inside],
            dec_deg=dec[inside],
            mags={f: np.concatenate([cell.mags[f] for cell in cells])[inside] for f in PASSBANDS},
        )

    def catalogued(self, centre: SkyPosition, radius_deg: float) -> ReferenceStars:
        """Return the stars within `radius_deg` of `centre` as a survey measured them, errors included."""
        cells = [cell.catalogued for cell in self._cells(centre, radius_deg)]
        ra = np.concatenate([cell.ra_deg for cell in cells])
        dec = np.concatenate([cell.dec_deg for cell in cells])
        inside = separation_deg(centre, ra, dec) <= radius_deg
        return ReferenceStars(
            ra_deg=ra[inside],
            dec_deg=dec[inside],
            mags={f: np.concatenate([cell.mags[f] for cell in cells])[inside] for f in PASSBANDS},
            mag_errs={f: np.concatenate([cell.mag_errs[f] for cell in cells])[inside] for f in PASSBANDS},
        )

    def _cells(self, centre: SkyPosition, radius_deg: float) -> list[_Cell]:
        bands = round(180.0 / _CELL_DEG)
        lowest = max(0, math.floor((centre.dec_deg - radius_deg + 90.0) / _CELL_DEG))
        highest = min(bands - 1, math.floor((centre.dec_deg + radius_deg + 90.0) / _CELL_DEG))
        cells: list[_Cell] = []
        for band in range(lowest, highest + 1):
            count = _cells_in_band(band)
            reach = _ra_reach_deg(centre.dec_deg, radius_deg)
            if reach >= 180.0:
                numbers = set(range(count))
            else:
                first = math.floor((centre.ra_deg - reach) / 360.0 * count)
                last = math.floor((centre.ra_deg + reach) / 360.0 * count)
                numbers = {number % count for number in range(first, last + 1)}
            cells.extend(self._cell(band, number) for number in sorted(numbers))
        return cells

    def _draw_cell(self, band: int, number: int) -> _Cell:
        rng = np.random.default_rng([self.seed, band, number])
        count = _cells_in_band(band)
        south = -90.0 + band * _CELL_DEG
        sin_south, sin_north = np.sin(np.radians([south, south + _CELL_DEG]))
        area_deg2 = math.degrees(math.degrees(2 * math.pi / count * (sin_north - sin_south)))
        middle = SkyPosition(ra_deg=(number + 0.5) / count * 360.0, dec_deg=south + _CELL_DEG / 2)
        n = int(rng.poisson(area_deg2 * _density_deg2(middle)))

        ra = (number + rng.random(n)) / count * 360.0
        dec = np.degrees(np.arcsin(sin_south + rng.random(n) * (sin_north - sin_south)))
        mags = _draw_magnitudes(rng, n)
        errs = {f: np.hypot(CATALOGUE_FLOOR_MAG, 0.03 * 10 ** (0.35 * (mags[f] - 21.5))) for f in PASSBANDS}
        shift = rng.normal(0.0, CATALOGUE_POSITION_ERR_ARCSEC / 3600.0, (2, n))
        return _Cell(
            true=Stars(ra_deg=ra, dec_deg=dec, mags=mags),
            catalogued=ReferenceStars(
                ra_deg=(ra + shift[0] / np.maximum(np.cos(np.radians(dec)), 1e-6)) % 360.0,
                dec_deg=np.clip(dec + shift[1], -90.0, 90.0),
                mags={f: mags[f] + rng.normal(0.0, 1.0, n) * errs[f] for f in PASSBANDS},
                mag_errs=errs,
            ),
        )


class SimulatedCatalogue:
    """The survey of a simulated sky: complete down to its faintest star.

    Magnitudes scatter about the truth by the errors given (0.012 mag for bright stars, growing towards the
    faint end), positions by 30 mas on each axis.
    """

    def __init__(self, sky: SimulatedSky) -> None:
        self._sky = sky

    def cone(self, centre: SkyPosition, radius_deg: float) -> ReferenceStars:
        """Stars within `radius_deg` of `centre`."""
        return self._sky.catalogued(centre, radius_deg)


def separation_deg(centre: SkyPosition, ra_deg: Floats, dec_deg: Floats) -> Floats:
    """Angles between a position and others, shape (n,), in degrees (haversine: exact for small angles)."""
    ra0, dec0 = math.radians(centre.ra_deg), math.radians(centre.dec_deg)
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    chord2 = np.sin((dec - dec0) / 2) ** 2 + math.cos(dec0) * np.cos(dec) * np.sin((ra - ra0) / 2) ** 2
    angles: Floats = np.degrees(2 * np.arcsin(np.sqrt(np.clip(chord2, 0.0, 1.0))))
    return angles


def galactic_latitude_deg(position: SkyPosition) -> float:
    """Galactic latitude of an ICRS position."""
    ra, dec = math.radians(position.ra_deg), math.radians(position.dec_deg)
    pole_ra, pole_dec = _GALACTIC_POLE
    sine = math.sin(dec) * math.sin(pole_dec) + math.cos(dec) * math.cos(pole_dec) * math.cos(ra - pole_ra)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def _cells_in_band(band: int) -> int:
    middle = math.radians(-90.0 + (band + 0.5) * _CELL_DEG)
    return max(1, round(360.0 * math.cos(middle) / _CELL_DEG))


def _ra_reach_deg(dec_deg: float, radius_deg: float) -> float:
    """Half the range of right ascension that a cone covers; 180 when it holds a pole."""
    if abs(dec_deg) + radius_deg >= 90.0:
        return 180.0
    return math.degrees(math.asin(math.sin(math.radians(radius_deg)) / math.cos(math.radians(dec_deg))))


def _density_deg2(position: SkyPosition) -> float:
    """Stars per square degree between the brightest and the faintest."""
    height = 1.0 - abs(math.sin(math.radians(galactic_latitude_deg(position))))
    at_16 = _COUNT_POLE_R16 * _PLANE_OVER_POLE**height
    return float(
        at_16 * (10 ** (_COUNT_SLOPE * (FAINTEST_R - 16.0)) - 10 ** (_COUNT_SLOPE * (BRIGHTEST_R - 16.0)))
    )


def _draw_magnitudes(rng: np.random.Generator, n: int) -> dict[str, Floats]:
    low, high = 10 ** (_COUNT_SLOPE * BRIGHTEST_R), 10 ** (_COUNT_SLOPE * FAINTEST_R)
    r = np.log10(low + rng.random(n) * (high - low)) / _COUNT_SLOPE
    # Faint stars are more often red dwarfs, whose g - r stops growing while r - i goes on.
    dwarf = rng.random(n) < np.clip(0.15 + 0.07 * (r - 14.0), 0.1, 0.6)
    g_r = np.where(dwarf, rng.normal(1.40, 0.08, n), rng.normal(0.60, 0.18, n))
    r_i = np.where(dwarf, rng.uniform(0.6, 1.7, n), 0.38 * g_r - 0.02 + rng.normal(0.0, 0.02, n))
    i_z = 0.52 * r_i - 0.03 + rng.normal(0.0, 0.02, n)
    z_y = 0.45 * i_z + rng.normal(0.0, 0.02, n)
    i = r - r_i
    z = i - i_z
    return {"g": r + g_r, "r": r, "i": i, "z": z, "y": z - z_y}
