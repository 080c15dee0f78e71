"""The constant stars of a what-if: the reference stars that the telescope enclosed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from console.replay.errors import ReplayError
from followup.catalogue import ReferenceStars
from simulators.filters import PASSBANDS
from simulators.sky import Stars, separation_deg
from voevent.packet import SkyPosition

Floats = NDArray[np.float64]

_TYPICAL_ERR_MAG = 0.05
"""Of magnitudes that are not in the catalogue, but guessed from the next filter's."""


class RecordedStars:
    """A sky of the stars of a catalogue, as `simulators.sky.StarField`, and as a catalogue of them.

    The catalogue has errors, so that the stars are not quite as it says: they are drawn, once, by its errors.
    A magnitude it does not have is that of the nearest filter it has, with the usual colour of its stars.

    Parameters
    ----------
    path
        As `agents.gft.enclosures` writes it.
    seed
        Draws how the stars are.

    Raises
    ------
    ReplayError
        When it cannot be read, or holds no filter that can be simulated.
    """

    def __init__(self, path: Path, seed: int) -> None:
        try:
            columns = _columns(path)
        except (OSError, IndexError, KeyError, TypeError, ValueError, fits.VerifyError) as error:
            raise ReplayError(f"the recorded reference stars cannot be read: {error}") from error
        known = [name for name in PASSBANDS if f"mag_{name}" in columns and f"err_{name}" in columns]
        # Who has no magnitude gives no light.
        lit = np.zeros(columns["ra"].shape, np.bool_)
        for name in known:
            lit |= np.isfinite(columns[f"mag_{name}"])
        if not lit.any():
            raise ReplayError(
                "no recorded reference star has a magnitude in a filter that can be simulated",
                hint=f"these can: {', '.join(PASSBANDS)}",
            )
        columns = {name: values[lit] for name, values in columns.items()}
        self._ra, self._dec = columns["ra"], columns["dec"]
        self._mags, self._errs = _completed(
            {name: columns[f"mag_{name}"] for name in known}, {name: columns[f"err_{name}"] for name in known}
        )
        rng = np.random.default_rng(seed)
        self._true = {
            name: self._mags[name] + rng.normal(0.0, 1.0, len(self._ra)) * self._errs[name]
            for name in PASSBANDS
        }

    def reach_deg(self, centre: SkyPosition) -> float:
        """Radius around a place within which the record is as good as whole."""
        return float(np.quantile(separation_deg(centre, self._ra, self._dec), 0.95))

    def stars(self, centre: SkyPosition, radius_deg: float) -> Stars:
        """Stars within `radius_deg` of `centre`, as they are."""
        inside = self._inside(centre, radius_deg)
        return Stars(
            ra_deg=self._ra[inside],
            dec_deg=self._dec[inside],
            mags={name: mag[inside] for name, mag in self._true.items()},
        )

    def cone(self, centre: SkyPosition, radius_deg: float) -> ReferenceStars:
        """Stars within `radius_deg` of `centre`, as the catalogue has them."""
        inside = self._inside(centre, radius_deg)
        return ReferenceStars(
            ra_deg=self._ra[inside],
            dec_deg=self._dec[inside],
            mags={name: mag[inside] for name, mag in self._mags.items()},
            mag_errs={name: err[inside] for name, err in self._errs.items()},
        )

    def _inside(self, centre: SkyPosition, radius_deg: float) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = separation_deg(centre, self._ra, self._dec) <= radius_deg
        return inside


def _columns(path: Path) -> dict[str, Floats]:
    with fits.open(path, memmap=False) as hdus:
        table = hdus[1]
        if not isinstance(table, fits.BinTableHDU):
            raise TypeError("there is an image where the table should be")
        columns = {name: np.asarray(table.data[name], np.float64) for name in table.columns.names}
    if lacking := [name for name in ("ra", "dec") if name not in columns]:
        raise ValueError(f"there is no column {', '.join(lacking)}")
    if any(values.ndim != 1 for values in columns.values()):
        raise ValueError("a column holds more than one number a star")
    return columns


def _completed(
    mags: Mapping[str, Floats], errs: Mapping[str, Floats]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Give every star a magnitude in every filter."""
    nothing = np.full(next(iter(mags.values())).shape, np.nan)
    whole: dict[str, Floats] = {}
    whole_errs: dict[str, Floats] = {}
    for name, band in PASSBANDS.items():
        own = mags.get(name, nothing)
        mag, err = own.copy(), errs.get(name, nothing).copy()
        for other in sorted(mags, key=lambda near: abs(PASSBANDS[near].wavelength_nm - band.wavelength_nm)):
            both = np.isfinite(own) & np.isfinite(mags[other])
            missing = ~np.isfinite(mag) & np.isfinite(mags[other])
            mag[missing] = mags[other][missing] + (
                np.median((own - mags[other])[both]) if both.any() else 0.0
            )
            err[missing] = _TYPICAL_ERR_MAG
        err[~(err > 0.0)] = _TYPICAL_ERR_MAG
        whole[name], whole_errs[name] = mag, err
    return whole, whole_errs
