"""A catalogue of reference stars in a file of the site's own.

A FITS binary table in its first extension, one row a star: ``ra`` and ``dec`` (degrees, ICRS, at about the
present epoch), and for each filter ``mag_FILTER`` and ``err_FILTER`` (AB). Magnitudes that are not known are
not-a-number.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from followup.catalogue import ReferenceStars
from followup.errors import ConfigurationError
from voevent.packet import SkyPosition

Floats = NDArray[np.float64]

_MAG, _ERR = "mag_", "err_"


class LocalCatalogue:
    """The `followup.catalogue.ReferenceCatalogue` of a file, held in memory.

    Parameters
    ----------
    path
        The file.
    filters
        Those that it must have.

    Raises
    ------
    ConfigurationError
        When it cannot be read, or lacks a column.
    """

    def __init__(self, path: Path, filters: tuple[str, ...]) -> None:
        wanted = ["ra", "dec", *(f"{part}{name}" for name in filters for part in (_MAG, _ERR))]
        try:
            with fits.open(path, memmap=False) as hdus:
                table = hdus[1].data
                columns = {name: np.asarray(table[name], np.float64) for name in wanted}
        except (OSError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"{path} is no catalogue of reference stars: {error}",
                hint=f"a FITS table with the columns {', '.join(wanted)} (docs/operating.md)",
            ) from error
        order = np.argsort(columns["dec"], kind="stable")
        self._columns = {name: column[order] for name, column in columns.items()}
        self._filters = filters

    def cone(self, centre: SkyPosition, radius_deg: float) -> ReferenceStars:
        """Stars within `radius_deg` of `centre`."""
        dec = self._columns["dec"]
        first, last = np.searchsorted(dec, [centre.dec_deg - radius_deg, centre.dec_deg + radius_deg])
        ra, dec = self._columns["ra"][first:last], dec[first:last]
        inside = np.nonzero(_separation_deg(centre, ra, dec) <= radius_deg)[0] + first
        return ReferenceStars(
            ra_deg=self._columns["ra"][inside],
            dec_deg=self._columns["dec"][inside],
            mags={name: self._columns[_MAG + name][inside] for name in self._filters},
            mag_errs={name: self._columns[_ERR + name][inside] for name in self._filters},
        )


def _separation_deg(centre: SkyPosition, ra_deg: Floats, dec_deg: Floats) -> Floats:
    ra0, dec0 = np.radians(centre.ra_deg), np.radians(centre.dec_deg)
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    chord2 = np.sin((dec - dec0) / 2) ** 2 + np.cos(dec0) * np.cos(dec) * np.sin((ra - ra0) / 2) ** 2
    return np.asarray(np.degrees(2 * np.arcsin(np.sqrt(np.clip(chord2, 0.0, 1.0)))))
