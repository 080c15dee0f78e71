"""The look that all figures share: size, fonts, colours and markers of the filters, and the way to PNG.

References
----------
M. Okabe, K. Ito, "Color Universal Design", 2008, and P. Tol, "Colour schemes", SRON/EPS/TN/09-002, 2021:
the palettes that people with any colour vision tell apart. Every filter has its own marker as well.
"""

from __future__ import annotations

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK = "#222222"
"""Text, axes and the line that matters most."""
MUTED = "#777777"
"""What is there for orientation only."""
GRID = "#d9d9d9"
"""Grid lines."""
ACCENT = "#D55E00"
"""What the eye should find first: the counterpart, a task."""
SUN = "#E69F00"
"""The Sun."""
MOON = "#0072B2"
"""The Moon."""

_FILTERS: dict[str, tuple[str, str]] = {
    "u": ("#56B4E9", "v"),
    "g": ("#009E73", "s"),
    "r": ("#D55E00", "o"),
    "i": ("#CC79A7", "D"),
    "z": ("#882255", "^"),
    "y": ("#332288", "P"),
    "J": ("#E69F00", "X"),
    "H": ("#0072B2", "h"),
}

_DPI = 110


def filter_colour(name: str) -> str:
    """Colour of a filter; grey for one not in the palette."""
    return _FILTERS.get(name, (MUTED, "*"))[0]


def filter_marker(name: str) -> str:
    """Marker (matplotlib's letter) of a filter; a star for one not in the palette."""
    return _FILTERS.get(name, (MUTED, "*"))[1]


def new_figure(*, width_in: float = 8.0, height_in: float = 4.8) -> Figure:
    """Return an empty figure on a white ground, laid out so that nothing is cut off.

    Parameters
    ----------
    width_in, height_in
        Size in inches, at 110 pixels an inch.
    """
    figure = Figure(figsize=(width_in, height_in), dpi=_DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Any, *, title: str = "", xlabel: str = "", ylabel: str = "") -> None:
    """Give a matplotlib Axes the shared look: grid behind, quiet frame, title at the left."""
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=GRID, linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    axes.tick_params(colors=INK, labelsize=9)
    if title:
        axes.set_title(title, loc="left", fontsize=11, color=INK)
    if xlabel:
        axes.set_xlabel(xlabel, fontsize=10, color=INK)
    if ylabel:
        axes.set_ylabel(ylabel, fontsize=10, color=INK)


def to_png(figure: Figure) -> bytes:
    """Render a figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
