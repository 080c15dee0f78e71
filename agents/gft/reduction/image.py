"""An image of the sky that is ready to be measured: a calibrated frame or a stack of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from agents.gft.reduction.astrometry import to_pixels
from agents.gft.reduction.profile import Floats, StarProfile
from followup.catalogue import ReferenceStars

AB_UJY = 23.9
"""AB magnitude of one microjansky (Oke, J. B., Gunn, J. E., 1983, ApJ 266, 713)."""

_NEIGHBOUR_REACH_FWHM = 12.0
_MODEL_ERROR = (0.05, 0.15)
"""Relative error of the light predicted of a star: at its centre, and from three widths outwards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ZeroPoint:
    """The magnitude scale of an image.

    Attributes
    ----------
    mag
        AB magnitude of a star with one unit of light in the image's standard aperture.
    err
        Error of `mag`: of the field as a whole.
    scatter
        What single stars differ by beyond their own errors (flat field, shape): any source has it too.
    stars
        Number of stars it rests on.
    """

    mag: float
    err: float
    scatter: float
    stars: int

    @property
    def ujy(self) -> float:
        """Flux density of one unit of light in the aperture, in microjansky."""
        return float(10.0 ** (0.4 * (AB_UJY - self.mag)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """How stars look on an image, and the aperture they are measured with (pixels)."""

    profile: StarProfile
    radius_px: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SkyImage:
    """Pixels with what is needed to measure them.

    Attributes
    ----------
    masked
        Pixels not to be trusted.
    noise_factor
        By how much the noise of apertures exceeds what single pixels suggest.
    """

    pixels: NDArray[np.float32]
    masked: NDArray[np.bool_]
    wcs: Any
    shape: Shape
    zero: ZeroPoint
    noise_factor: float = 1.0


class Neighbours:
    """The catalogue's stars as they should appear on one image."""

    def __init__(
        self, stars: ReferenceStars, filter_name: str, wcs: Any, shape: Shape, zero: ZeroPoint
    ) -> None:
        mag = stars.mags[filter_name]
        known = np.isfinite(mag)
        self.x, self.y = to_pixels(wcs, stars.ra_deg[known], stars.dec_deg[known])
        self.mag = mag[known]
        self._shape = shape
        self._tree = KDTree(np.column_stack([self.x, self.y])) if len(self.x) else None
        self._total = 10.0 ** (0.4 * (zero.mag - self.mag)) / shape.profile.enclosed(shape.radius_px)

    def light(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Predict the light of stars in apertures at n places, with its error; all of shape (n,)."""
        light, variance = np.zeros(len(x)), np.zeros(len(x))
        if self._tree is None:
            return light, variance
        reach = _NEIGHBOUR_REACH_FWHM * self._shape.profile.fwhm_px
        near = self._tree.query_ball_point(np.column_stack([x, y]), reach)
        place = np.repeat(np.arange(len(x)), [len(stars) for stars in near])
        star = np.array([i for stars in near for i in stars], np.intp)
        distance = np.hypot(self.x[star] - x[place], self.y[star] - y[place])
        each = self._total[star] * self._shape.profile.captured(distance, self._shape.radius_px)
        np.add.at(light, place, each)
        widths = distance / self._shape.profile.fwhm_px
        np.add.at(variance, place, (np.interp(widths, (0.0, 3.0), _MODEL_ERROR) * each) ** 2)
        return light, np.sqrt(variance)

    def picture(self, x: Floats, y: Floats) -> Floats:
        """Predict the light of stars in pixels around a place, given the coordinates of their centres."""
        picture = np.zeros(x.shape)
        if self._tree is not None:
            reach = _NEIGHBOUR_REACH_FWHM * self._shape.profile.fwhm_px
            for star in self._tree.query_ball_point((x.mean(), y.mean()), reach):
                distance = np.hypot(x - self.x[star], y - self.y[star])
                picture += self._total[star] * self._shape.profile(distance)
        return picture
