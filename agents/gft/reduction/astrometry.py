"""Where a frame looks: its detections matched to the stars of the catalogue.

The pointing is believed to a few arcminutes and the pixel scale to a percent; rotation and parity are not
believed at all. Every pair of detections that is as long as a pair of stars votes for a rotation and a
shift; the densest spot of the votes is refined by least squares.

References
----------
Calabretta, M. R., Greisen, E. W., 2002, A&A 395, 1077 (the gnomonic projection TAN, section 5.1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.spatial import KDTree

from agents.gft.reduction.errors import UnsolvedError
from agents.gft.reduction.profile import Floats
from agents.gft.reduction.sources import Detections
from voevent.packet import SkyPosition

_VOTERS = 20
"""Number of the brightest detections that vote."""
_MAX_SHIFT_ARCSEC = 600.0
"""Pointing errors up to this are found."""
_SCALE_TOLERANCE = 0.01
_CELL_PX = 8.0
_CELL_DEG = 1.0
_LEAST_MATCHES = 5
_LEAST_PART = 0.2
_HYPOTHESES = 6

Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class Solution:
    """A frame's astrometric solution.

    Attributes
    ----------
    rms_arcsec
        Of one star, in one coordinate.
    stars
        Number of stars matched.
    """

    wcs: WCS
    rms_arcsec: float
    stars: int


def to_plane(ra_deg: Floats, dec_deg: Floats, centre: SkyPosition) -> tuple[Floats, Floats]:
    """Project on the tangent plane at `centre`: degrees east and north."""
    ra = np.radians(ra_deg - centre.ra_deg)
    dec, dec0 = np.radians(dec_deg), np.radians(centre.dec_deg)
    cos_c = np.sin(dec0) * np.sin(dec) + np.cos(dec0) * np.cos(dec) * np.cos(ra)
    xi = np.cos(dec) * np.sin(ra) / cos_c
    eta = (np.cos(dec0) * np.sin(dec) - np.sin(dec0) * np.cos(dec) * np.cos(ra)) / cos_c
    return np.degrees(xi), np.degrees(eta)


def solve(
    found: Detections,
    ra_deg: Floats,
    dec_deg: Floats,
    mag: Floats,
    *,
    pointing: SkyPosition,
    scale_arcsec: float,
    shape: tuple[int, int],
) -> Solution:
    """Match detections with catalogue stars and fit a TAN projection.

    Parameters
    ----------
    found
        Detections, the most significant first.
    ra_deg, dec_deg, mag
        Shape (n,): the stars of a cone that holds the frame whatever the pointing error.
    pointing
        Where the middle of the frame looks, roughly.
    scale_arcsec
        Size of a pixel.
    shape
        Height and width of the frame.

    Raises
    ------
    UnsolvedError
        When no arrangement brings them together better than chance would.
    """
    known = np.nonzero(np.isfinite(mag))[0]
    if len(found) < _LEAST_MATCHES or len(known) < _LEAST_MATCHES:
        raise UnsolvedError(
            f"only {len(found)} sources on the frame and {len(known)} stars in the catalogue",
            hint="clouds, a closed dome, or a catalogue without this filter",
        )
    bright = known[np.argsort(mag[known])]
    middle = np.array([(shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0])
    pixels = np.column_stack([found.x, found.y])
    xi, eta = to_plane(ra_deg[bright], dec_deg[bright], pointing)
    plane = np.column_stack([xi, eta]) * 3600.0 / scale_arcsec
    reach = np.hypot(*plane.T).max()
    field_area = shape[0] * shape[1]
    crowd = round(_VOTERS * max(1.0, np.pi * reach**2 / field_area) * 1.3)

    best: tuple[Indices, Indices] | None = None
    for parity in (-1.0, 1.0):
        stars = plane * [parity, 1.0]
        tree = KDTree(stars)
        for start in _hypotheses(pixels[:_VOTERS] - middle, stars[:crowd], _MAX_SHIFT_ARCSEC / scale_arcsec):
            match = _refine(pixels - middle, stars, tree, start, field_area)
            if match is not None and (best is None or len(match[0]) > len(best[0])):
                best = match
                if len(match[0]) > 0.5 * len(found):
                    break
        if best is not None:
            break
    if best is None:
        raise UnsolvedError(
            f"{len(found)} sources on the frame match no arrangement of {len(bright)} catalogue stars",
            hint="it points elsewhere, is out of focus, or the pixel scale in its settings is wrong",
        )
    here, there = best
    chosen = bright[there]
    return _fit(pixels[here], ra_deg[chosen], dec_deg[chosen], middle, pointing)


def _hypotheses(pixels: Floats, stars: Floats, max_shift_px: float) -> list[Floats]:
    """Most voted rotations and shifts, as (3, 2) matrices of an affine map from pixels to the plane."""
    i, j = np.triu_indices(len(pixels), 1)
    across = pixels[j] - pixels[i]
    length = np.hypot(*across.T)
    i, j, across, length = (a[length > 60.0] for a in (i, j, across, length))
    p, q = np.nonzero(~np.eye(len(stars), dtype=np.bool_))
    span = stars[q] - stars[p]
    reach = np.hypot(*span.T)
    order = np.argsort(reach)
    p, q, span, reach = p[order], q[order], span[order], reach[order]
    slack = 1.5 + _SCALE_TOLERANCE * length
    first, last = np.searchsorted(reach, length - slack), np.searchsorted(reach, length + slack)
    count = last - first
    a = np.repeat(np.arange(len(length)), count)
    b = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)

    turn = np.arctan2(span[b, 1], span[b, 0]) - np.arctan2(across[a, 1], across[a, 0])
    cos, sin = np.cos(turn), np.sin(turn)
    # The middle of the pair moves least when the rotation is a little off.
    mx, my = ((pixels[i[a]] + pixels[j[a]]) / 2.0).T
    sx, sy = ((stars[p[b]] + stars[q[b]]) / 2.0).T
    tx, ty = sx - (cos * mx - sin * my), sy - (sin * mx + cos * my)
    near = np.hypot(tx, ty) < max_shift_px
    turn, tx, ty = turn[near], tx[near], ty[near]
    if not turn.size:
        return []
    found: list[Floats] = []
    # Points on a circle, so that 359 and 1 degree are neighbours.
    circle = np.degrees(np.column_stack([np.cos(turn), np.sin(turn)])) / _CELL_DEG
    votes = np.column_stack([circle, tx / _CELL_PX, ty / _CELL_PX])
    tree = KDTree(votes, compact_nodes=False, balanced_tree=False)
    weight = np.array(tree.query_ball_point(votes, 1.0, return_length=True), np.int64)
    for _ in range(_HYPOTHESES):
        top = int(np.argmax(weight))
        if weight[top] < 3:
            break
        members = tree.query_ball_point(votes[top], 1.0)
        angle = np.arctan2(np.median(np.sin(turn[members])), np.median(np.cos(turn[members])))
        c, s = np.cos(angle), np.sin(angle)
        found.append(np.array([[c, s], [-s, c], [np.median(tx[members]), np.median(ty[members])]]))
        weight[tree.query_ball_point(votes[top], 2.0)] = 0
    return found


def _refine(
    pixels: Floats, stars: Floats, tree: KDTree, start: Floats, field_area_px: float
) -> tuple[Indices, Indices] | None:
    """Match, fit, match closer: indices of pixels and stars, or None when chance gives as many."""
    transform = start
    here = there = np.empty(0, np.intp)
    for radius in (8.0, 4.0, 2.0, 1.5):
        mapped = pixels @ transform[:2] + transform[2]
        distance, nearest = tree.query(mapped, distance_upper_bound=radius)
        here = np.nonzero(np.isfinite(distance))[0]
        if len(here) < 4:
            return None
        there = nearest[here]
        # Of two detections that claim a star the nearer one has it.
        order = np.lexsort((distance[here], there))
        first = np.ones(len(order), np.bool_)
        first[1:] = there[order][1:] != there[order][:-1]
        here, there = here[order][first], there[order][first]
        if len(here) < 4:
            return None
        design = np.column_stack([pixels[here], np.ones(len(here))])
        transform = np.linalg.lstsq(design, stars[there], rcond=None)[0]
    scale = np.sqrt(abs(np.linalg.det(transform[:2])))
    mapped = pixels @ transform[:2] + transform[2]
    in_field = np.abs(mapped - transform[2]).max() + 1.0
    in_view = np.sum(np.abs(stars - transform[2]).max(axis=1) < in_field)
    chance = len(pixels) * in_view / field_area_px * np.pi * 1.5**2
    # An arrangement is chosen among many: it must also explain a fair part of what is seen.
    enough = max(
        _LEAST_MATCHES, chance + 5.0 * np.sqrt(chance) + 2.0, _LEAST_PART * min(len(pixels), in_view)
    )
    if len(here) < enough or abs(scale - 1.0) > _SCALE_TOLERANCE:
        return None
    return here, there


def _fit(pixels: Floats, ra_deg: Floats, dec_deg: Floats, middle: Floats, pointing: SkyPosition) -> Solution:
    """Least-squares linear TAN projection, its tangent point at the middle of the frame."""
    centre = pointing
    keep = np.ones(len(pixels), np.bool_)
    linear: Floats = np.zeros((3, 2))
    rms = 0.0
    design = np.column_stack([pixels - middle, np.ones(len(pixels))])
    # The first rounds move the tangent point to where the frame really looks, the others drop outliers.
    for _ in range(4):
        plane = np.column_stack(to_plane(ra_deg, dec_deg, centre))
        linear = np.asarray(np.linalg.lstsq(design[keep], plane[keep], rcond=None)[0], np.float64)
        residual = plane - design @ linear
        size = np.hypot(*residual.T)
        rms = float(np.sqrt(np.mean(size[keep] ** 2) / 2.0))
        sigma = 1.4826 * float(np.median(size)) / 1.1774
        keep = size <= max(4.0 * sigma, 1e-9)
        centre = from_plane(linear[2, 0], linear[2, 1], centre)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.crval = [centre.ra_deg, centre.dec_deg]
    wcs.wcs.crpix = middle + 1.0
    wcs.wcs.cd = linear[:2].T
    wcs.wcs.set()
    return Solution(wcs=wcs, rms_arcsec=rms * 3600.0, stars=int(keep.sum()))


def from_plane(xi_deg: float, eta_deg: float, centre: SkyPosition) -> SkyPosition:
    """Give the position that far east and north of another on the tangent plane there."""
    xi, eta, dec0 = np.radians(xi_deg), np.radians(eta_deg), np.radians(centre.dec_deg)
    depth = np.cos(dec0) - eta * np.sin(dec0)
    ra = centre.ra_deg + float(np.degrees(np.arctan2(xi, depth)))
    dec = float(np.degrees(np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, depth))))
    return SkyPosition(ra_deg=ra % 360.0, dec_deg=dec)


def to_pixels(wcs: Any, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
    """Pixel coordinates, 0 at the centre of the first pixel."""
    x, y = wcs.wcs_world2pix(np.atleast_1d(ra_deg), np.atleast_1d(dec_deg), 0)
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def to_sky(wcs: Any, x: float, y: float) -> SkyPosition:
    """Direction of a pixel coordinate, ICRS."""
    ra, dec = wcs.wcs_pix2world([x], [y], 0)
    return SkyPosition(ra_deg=float(ra[0]) % 360.0, dec_deg=float(dec[0]))
