"""The port to a catalogue of reference stars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voevent.packet import SkyPosition


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceStars:
    """Stars of a field. All arrays have shape (n,).

    Attributes
    ----------
    ra_deg, dec_deg
        ICRS at the epoch of observation.
    mags, mag_errs
        AB magnitudes and errors, by filter name; not-a-number where unknown.
    """

    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    mags: dict[str, NDArray[np.float64]]
    mag_errs: dict[str, NDArray[np.float64]]


class ReferenceCatalogue(Protocol):
    """Knows the constant stars of the sky."""

    def cone(self, centre: SkyPosition, radius_deg: float) -> ReferenceStars:
        """Stars within `radius_deg` of `centre`. May take a second; call it in a thread."""
        ...
