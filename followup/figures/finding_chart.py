"""The finding chart: the field, north up, with the counterpart, the error circle, a scale and a compass."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.patches import Circle
from numpy.typing import NDArray
from scipy import ndimage

from followup.figures.style import ACCENT, INK, MOON, new_figure, to_png
from voevent.packet import SkyPosition

_SIDE_PX = 640
_MIN_WIDTH_ARCMIN = 3.0
_SCALES_ARCSEC = (10, 20, 30, 60, 120, 300, 600, 1200, 1800)


def finding_chart_figure(
    pixels: NDArray[np.floating],
    wcs: Any,
    *,
    circle: SkyPosition | None,
    source: SkyPosition | None,
    title: str,
    subtitle: str = "",
    width_arcmin: float | None = None,
) -> bytes:
    """Draw the sky around a position in negative, north up and east left.

    Parameters
    ----------
    pixels
        Shape (height, width).
    wcs
        Celestial `astropy.wcs.WCS` of the pixels.
    circle
        The burst's position with its error circle.
    source
        The counterpart; None while there is none.
    title, subtitle
        What the chart shows; and how it came about (filter, exposure, time).
    width_arcmin
        Side of the chart. Chosen so that the error circle fits when None.

    Returns
    -------
    bytes
        A PNG image.
    """
    height, width = pixels.shape
    scale_arcsec = float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix)))) * 3600.0
    centre = source or circle or _direction(wcs, (width - 1) / 2.0, (height - 1) / 2.0)
    if circle is not None and circle.error_radius_deg:
        centre = circle
    if width_arcmin is None:
        radius = circle.error_radius_deg if circle is not None and circle.error_radius_deg else 0.0
        width_arcmin = max(_MIN_WIDTH_ARCMIN, 2.4 * radius * 60.0)
        width_arcmin = min(width_arcmin, min(height, width) * scale_arcsec / 60.0)
    half = width_arcmin / 2.0

    figure = new_figure(width_in=6.4, height_in=6.8)
    axes = figure.add_subplot()
    chart = _north_up(pixels, wcs, centre, half)
    low, high = _cuts(chart)
    # East, the larger right ascension, is on the left: the axis counts arcminutes east and runs backwards.
    axes.imshow(
        np.arcsinh(np.clip((chart - low) / (high - low), 0.0, 1.0) * 8.0),
        origin="lower",
        cmap="gray_r",
        extent=(half, -half, -half, half),
        interpolation="nearest",
    )
    axes.set_xlim(half, -half)
    axes.set_ylim(-half, half)
    axes.set_xlabel(f"East of {centre.ra_deg:.4f}° (arcmin)", fontsize=10, color=INK)
    axes.set_ylabel(f"North of {centre.dec_deg:+.4f}° (arcmin)", fontsize=10, color=INK)
    axes.tick_params(colors=INK, labelsize=9)
    if circle is not None and circle.error_radius_deg:
        x, y = _offsets_arcmin(circle, centre)
        axes.add_patch(
            Circle(
                (x, y), circle.error_radius_deg * 60.0, fill=False, color=MOON, linewidth=1.2, linestyle="--"
            )
        )
        axes.annotate(
            "error circle",
            (x, y - circle.error_radius_deg * 60.0),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=MOON,
        )
    if source is not None:
        _draw_reticle(axes, *_offsets_arcmin(source, centre), half)
    _draw_scale(axes, half)
    _draw_compass(axes, half)
    axes.set_title("\n".join(filter(None, (title, subtitle))), loc="left", fontsize=10, color=INK)
    return to_png(figure)


def _north_up(pixels: NDArray[np.floating], wcs: Any, centre: SkyPosition, half_arcmin: float) -> Any:
    """Resample on a square of tangent-plane offsets, west to the right."""
    offsets = (np.arange(_SIDE_PX) + 0.5) / _SIDE_PX * 2.0 - 1.0
    # Nine places pin down the linear map from offsets to pixels well enough for a chart.
    east, north = (g.ravel() for g in np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]))
    ra, dec = _sky_at(east * half_arcmin / 60.0, north * half_arcmin / 60.0, centre)
    x, y = wcs.wcs_world2pix(ra, dec, 0)
    design = np.column_stack([east, north, np.ones(9)])
    (ax, bx, cx), (ay, by, cy) = (np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y))
    e, n = -offsets[None, :], offsets[:, None]
    places = np.broadcast_arrays(ay * e + by * n + cy, ax * e + bx * n + cx)
    filled = np.nan_to_num(np.asarray(pixels, np.float32), nan=float(np.nanmedian(pixels)))
    return ndimage.map_coordinates(filled, places, order=1, cval=np.nan)


def _cuts(chart: Any) -> tuple[float, float]:
    """Grey levels that show faint stars without drowning in the sky's noise."""
    seen = chart[np.isfinite(chart)]
    if not seen.size:
        return 0.0, 1.0
    middle = float(np.median(seen))
    noise = 1.4826 * float(np.median(np.abs(seen - middle))) or 1.0
    return middle - 1.0 * noise, middle + 60.0 * noise


def _draw_reticle(axes: Any, x: float, y: float, half: float) -> None:
    """Two strokes that point at the source and leave it free."""
    near, far = 0.035 * half, 0.14 * half
    axes.plot([x - near, x - far], [y, y], color=ACCENT, linewidth=1.8)
    axes.plot([x, x], [y + near, y + far], color=ACCENT, linewidth=1.8)


def _draw_scale(axes: Any, half: float) -> None:
    length = max((s for s in _SCALES_ARCSEC if s / 60.0 <= 0.45 * half), default=_SCALES_ARCSEC[0])
    left, bottom = 0.92 * half, -0.92 * half
    axes.plot([left, left - length / 60.0], [bottom, bottom], color=INK, linewidth=2.0, solid_capstyle="butt")
    label = f"{length}″" if length < 60 else f"{length // 60}′"
    axes.text(
        left - length / 120.0, bottom + 0.02 * half, label, ha="center", va="bottom", fontsize=9, color=INK
    )


def _draw_compass(axes: Any, half: float) -> None:
    corner, arm = (-0.88 * half, -0.88 * half), 0.16 * half
    for dx, dy, letter in ((0.0, arm, "N"), (arm, 0.0, "E")):
        tip = (corner[0] + dx, corner[1] + dy)
        axes.annotate(
            "", xy=tip, xytext=corner, arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 0.0}
        )
        axes.text(
            corner[0] + 1.25 * dx,
            corner[1] + 1.25 * dy,
            letter,
            ha="center",
            va="center",
            fontsize=9,
            color=INK,
        )


def _offsets_arcmin(position: SkyPosition, centre: SkyPosition) -> tuple[float, float]:
    """East and north of the centre, on its tangent plane."""
    ra = np.radians(position.ra_deg - centre.ra_deg)
    dec, dec0 = np.radians(position.dec_deg), np.radians(centre.dec_deg)
    cos_c = np.sin(dec0) * np.sin(dec) + np.cos(dec0) * np.cos(dec) * np.cos(ra)
    east = np.cos(dec) * np.sin(ra) / cos_c
    north = (np.cos(dec0) * np.sin(dec) - np.sin(dec0) * np.cos(dec) * np.cos(ra)) / cos_c
    return float(np.degrees(east)) * 60.0, float(np.degrees(north)) * 60.0


def _sky_at(east_deg: Any, north_deg: Any, centre: SkyPosition) -> tuple[Any, Any]:
    """Inverse of `_offsets_arcmin`, in degrees."""
    xi, eta, dec0 = np.radians(east_deg), np.radians(north_deg), np.radians(centre.dec_deg)
    depth = np.cos(dec0) - eta * np.sin(dec0)
    ra = centre.ra_deg + np.degrees(np.arctan2(xi, depth))
    dec = np.degrees(np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, depth)))
    return ra % 360.0, dec


def _direction(wcs: Any, x: float, y: float) -> SkyPosition:
    ra, dec = wcs.wcs_pix2world([x], [y], 0)
    return SkyPosition(ra_deg=float(ra[0]) % 360.0, dec_deg=float(dec[0]))
