"""The figure of a focus run: star sizes over positions, and the curve through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from followup.figures.style import ACCENT, INK, MUTED, dress, new_figure, to_png


def focus_figure(
    positions: Sequence[int],
    diameters_px: Sequence[float],
    *,
    title: str,
    curve: Callable[[Any], Any] | None = None,
    best: float | None = None,
) -> bytes:
    """Draw a focus run (PNG).

    Parameters
    ----------
    positions, diameters_px
        Of the same length; sizes that are not numbers are left out.
    curve
        Gives the diameter at positions; None when nothing was found.
    best
        Where its minimum is.
    """
    figure = new_figure(width_in=6.4, height_in=4.0)
    axes = figure.subplots()
    dress(axes, title=title, xlabel="focuser position", ylabel="half-light diameter of the stars (px)")
    axes.plot(positions, diameters_px, "o", color=INK, markersize=5)
    if curve is not None:
        at = np.linspace(min(positions), max(positions), 200)
        axes.plot(at, curve(at), color=MUTED, linewidth=1.2)
    if best is not None:
        axes.axvline(best, color=ACCENT, linewidth=1.2)
        axes.annotate(f"{best:.0f}", (best, 0.97), xycoords=("data", "axes fraction"), color=ACCENT)
    axes.set_ylim(bottom=0.0)
    return to_png(figure)
