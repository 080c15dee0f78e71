"""The curve of star sizes over focus positions: a hyperbola, and whether its minimum is to be believed.

References
----------
Weber, M., Brady, S., 2001 (see `agents.gft.focusing.star_size`): the size of a defocused star is a hyperbola.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from followup.errors import FollowupError

Floats = NDArray[np.float64]

LEAST_POINTS = 5
_SCATTER = 0.25
"""A fit whose typical residual is a larger part of the smallest size describes nothing."""
_DEPTH = 1.08
"""The ends of a curve must be larger than its bottom by this factor, or there is no minimum to find."""


class NoFocusError(FollowupError):
    """The sizes do not show where the focus is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The size of the stars at one position; not-a-number when too few were seen."""

    position: int
    diameter_px: float
    stars: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """A hyperbola: ``diameter = smallest * sqrt(1 + ((position - best) / width)**2)``."""

    best: float
    smallest_px: float
    width: float

    def __call__(self, position: Floats | float) -> Floats:
        """Give the diameter at a position."""
        return np.asarray(self.smallest_px * np.hypot(1.0, (position - self.best) / self.width), np.float64)


def fit(samples: Sequence[Sample], *, min_stars: int) -> Curve:
    """Find the best focus.

    Parameters
    ----------
    samples
        In order of position.
    min_stars
        Samples of fewer stars are left out.

    Raises
    ------
    NoFocusError
        When too few positions show stars, the minimum is at or beyond the edge of the positions, or the sizes
        do not follow a hyperbola.
    """
    good = [s for s in samples if s.stars >= min_stars and math.isfinite(s.diameter_px)]
    if len(good) < LEAST_POINTS:
        most = max((s.stars for s in samples), default=0)
        raise NoFocusError(
            f"too few stars: {len(good)} of {len(samples)} positions show {min_stars} or more"
            f" (at most {most})",
            hint="clouds? or a longer exposure_s, or smaller steps, in [focus]",
        )
    at = np.array([s.position for s in good], np.float64)
    size = np.array([s.diameter_px for s in good], np.float64)
    smallest = int(np.argmin(size))
    if smallest in {0, len(good) - 1}:
        end = "low" if smallest == 0 else "high"
        raise NoFocusError(
            f"the stars are smallest at the {end} edge, {at[smallest]:.0f}: the focus lies beyond",
            hint="begin nearer to the focus, or take more or larger steps, in [focus]",
        )
    curve = _hyperbola(at, size)
    if not at[0] < curve.best < at[-1]:
        raise NoFocusError(
            f"the curve's minimum, {curve.best:.0f}, is not between {at[0]:.0f} and {at[-1]:.0f}",
            hint="begin nearer to the focus, or take larger steps, in [focus]",
        )
    off = float(np.median(np.abs(size - curve(at)))) / curve.smallest_px
    if off > _SCATTER or float(min(size[0], size[-1])) < _DEPTH * curve.smallest_px:
        raise NoFocusError(
            f"the sizes show no clear minimum: {size.min():.1f} to {size.max():.1f} px",
            hint="larger steps, or longer exposures against the seeing, in [focus]",
        )
    return curve


def _hyperbola(at: Floats, size: Floats) -> Curve:
    """Fit it, with little regard for a frame that was shaken."""
    lowest = int(np.argmin(size))
    span = float(at[-1] - at[0])

    def residuals(p: Floats) -> Floats:
        return np.asarray(p[1] * np.hypot(1.0, (at - p[0]) / p[2]) - size, np.float64)

    start = np.array([at[lowest], size[lowest], span / 4.0])
    fitted = least_squares(
        residuals,
        start,
        bounds=([at[0] - span, 0.1, span / 1000.0], [at[-1] + span, 1000.0, 1000.0 * span]),
        loss="soft_l1",
        f_scale=0.1 * float(size[lowest]),
        x_scale=np.array([span, size[lowest], span]),
    )
    best, smallest, width = fitted.x
    return Curve(best=float(best), smallest_px=float(smallest), width=float(width))
