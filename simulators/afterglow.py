"""The optical light of a burst: power laws in time joined smoothly, a power law in frequency.

References
----------
Sari, Piran & Narayan 1998, ApJ 497, L17 (power-law segments); Beuermann et al. 1999, A&A 352, L26 (smooth
breaks).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulators.filters import PASSBANDS
from voevent.packet import SkyPosition

REFERENCE_S = 1000.0
"""Time since the trigger at which an afterglow's magnitude is quoted."""

BEND_SHARPNESS = 2.5
"""How sharply one power law bends into the next (the s of smoothly broken power laws)."""
_FIRST_LIGHT_S = 1.0
"""The power laws begin here; they have no meaning at the trigger itself."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Afterglow:
    """Flux density as a function of time and frequency.

    Attributes
    ----------
    r_mag
        AB magnitude in r, 1000 s after the trigger, above the atmosphere; Galactic extinction is not
        simulated.
    indices
        F proportional to t**(-index), one for each segment; a negative one rises.
    breaks_s
        Times since the trigger between the segments, ascending, one fewer than `indices`.
    spectral_index
        F proportional to frequency**(-spectral_index), at all times.

    Raises
    ------
    ValueError
        When there is not one break between each two segments, or the breaks do not ascend.
    """

    r_mag: float
    indices: tuple[float, ...]
    breaks_s: tuple[float, ...]
    spectral_index: float

    def __post_init__(self) -> None:
        if len(self.indices) != len(self.breaks_s) + 1:
            raise ValueError(f"{len(self.indices)} segments need {len(self.indices) - 1} breaks between them")
        if any(after <= before for before, after in pairwise((0.0, *self.breaks_s))):
            raise ValueError(f"breaks must be positive and ascend, not {self.breaks_s}")

    def magnitude(self, t_s: float, filter_name: str, exposure_s: float = 0.0) -> float:
        """AB magnitude at a time since the trigger, or averaged in flux over an exposure centred there.

        Returns
        -------
        float
            Infinity until a second after the trigger, when nothing shines yet.
        """
        flux = self.flux_ratio(t_s - exposure_s / 2, t_s + exposure_s / 2)
        if flux <= 0.0:
            return math.inf
        return self._colour(filter_name) + self.r_mag - 2.5 * math.log10(flux)

    def flux_ratio(self, begin_s: float, end_s: float) -> float:
        """Mean flux between two times since the trigger, over the flux at 1000 s (at any frequency)."""
        return mean_flux(self._shape, begin_s, end_s) / self._at_reference

    def _colour(self, filter_name: str) -> float:
        ratio = PASSBANDS["r"].wavelength_nm / PASSBANDS[filter_name].wavelength_nm
        return 2.5 * self.spectral_index * math.log10(ratio)

    @property
    def _at_reference(self) -> float:
        return float(self._shape(np.array([REFERENCE_S]))[0])

    def _shape(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        log_flux = -self.indices[0] * np.log(times_s)
        for (before, after), break_s in zip(pairwise(self.indices), self.breaks_s, strict=True):
            bend = np.log1p((times_s / break_s) ** BEND_SHARPNESS) / BEND_SHARPNESS
            log_flux = log_flux - (after - before) * bend
        shape: NDArray[np.float64] = np.exp(log_flux)
        return shape


def mean_flux(
    flux: Callable[[NDArray[np.float64]], NDArray[np.float64]], begin_s: float, end_s: float
) -> float:
    """Average a flux over an exposure; nothing shines until a second after the trigger.

    Parameters
    ----------
    flux
        At times since the trigger, shape (n,), in seconds; smooth over an exposure.
    """
    if end_s <= _FIRST_LIGHT_S:
        return 0.0
    lit = max(begin_s, _FIRST_LIGHT_S)
    # So short a while is an instant: in the difference of its ends nothing but rounding would be left.
    if end_s - begin_s < 1e-6 * end_s:
        return float(flux(np.array([end_s]))[0])
    span = math.log(end_s / lit)
    times = lit * np.exp(span * (_NODES + 1) / 2)
    integral = float(np.sum(_WEIGHTS * flux(times) * times)) * span / 2
    return integral / (end_s - begin_s)


class Light(Protocol):
    """The optical light of a burst."""

    def magnitude(self, t_s: float, filter_name: str, exposure_s: float = 0.0) -> float:
        """AB magnitude above the atmosphere, averaged in flux over an exposure centred at `t_s`.

        Parameters
        ----------
        t_s
            Time since the trigger.

        Returns
        -------
        float
            Infinity where nothing shines.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedBurst:
    """A burst as it is: its true place, its true light."""

    name: str
    trigger_time: datetime
    position: SkyPosition
    afterglow: Light

    def magnitude(self, t_s: float, filter_name: str, exposure_s: float = 0.0) -> float:
        """Magnitude of its afterglow: see `Light.magnitude`."""
        return self.afterglow.magnitude(t_s, filter_name, exposure_s)


def find_burst(bursts: Sequence[SimulatedBurst], name: str) -> SimulatedBurst | None:
    """Return the burst of that name; None when there is none."""
    return next((burst for burst in bursts if burst.name == name), None)
