"""The light curve of a campaign: AB magnitude against the logarithm of the time since the trigger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from followup.figures.style import INK, MUTED, dress, filter_colour, filter_marker, new_figure, to_png
from voevent.kinds import PhotometryPoint, PowerLaw

_BLUE_TO_RED = "uUgBVrRiIzyJHK"


def light_curve_figure(
    points: Sequence[PhotometryPoint], *, title: str, fit: PowerLaw | None = None
) -> bytes:
    """Draw detections with errors, limits as arrows, and the fitted decay through each filter.

    Parameters
    ----------
    points
        Any number; without one the figure says so.
    title
        What the figure is of, e.g. the campaign's name.
    fit
        Power law in time, F proportional to t**(-index).

    Returns
    -------
    bytes
        A PNG image.
    """
    figure = new_figure()
    axes = figure.add_subplot()
    shown = [p for p in points if p.t_s > 0.0 and math.isfinite(p.mag)]
    dress(axes, title=title, xlabel="Time since trigger, t − T0 (s)", ylabel="AB magnitude")
    if not shown:
        axes.text(
            0.5, 0.5, "no measurement yet", ha="center", va="center", color=MUTED, transform=axes.transAxes
        )
        axes.set_xticks([])
        axes.set_yticks([])
        return to_png(figure)
    names = sorted({p.filter for p in shown}, key=lambda f: (_BLUE_TO_RED.find(f) % 99, f))
    for name in names:
        own = [p for p in shown if p.filter == name]
        _draw_detections(axes, [p for p in own if not p.limit], name)
        _draw_limits(axes, [p for p in own if p.limit], name)
        if fit is not None:
            _draw_decay(axes, [p for p in own if not p.limit], fit, name)
    _scale(axes, shown)
    handles = [_key(name, marker=filter_marker(name), color=filter_colour(name)) for name in names]
    if any(p.limit for p in shown):
        sigma = max(p.limit_sigma for p in shown if p.limit)
        handles.append(_key(f"{sigma:g}σ upper limit", marker=r"$\downarrow$", color=MUTED))
    if fit is not None:
        handles.append(Line2D([], [], color=MUTED, linestyle="--", linewidth=1.0, label=_law(fit)))
    axes.legend(handles=handles, frameon=False, fontsize=9, loc="best")
    return to_png(figure)


def _draw_detections(axes: Any, points: Sequence[PhotometryPoint], name: str) -> None:
    if not points:
        return
    t = np.array([p.t_s for p in points])
    half = np.array([p.exposure_s for p in points]) / 2.0
    axes.errorbar(
        t,
        [p.mag for p in points],
        yerr=[p.mag_err or 0.0 for p in points],
        xerr=[np.minimum(half, 0.9 * t), half],
        linestyle="none",
        marker=filter_marker(name),
        markersize=5.5,
        color=filter_colour(name),
        elinewidth=1.0,
    )


def _draw_limits(axes: Any, points: Sequence[PhotometryPoint], name: str) -> None:
    for point in points:
        axes.annotate(
            "",
            xy=(point.t_s, point.mag + 0.45),
            xytext=(point.t_s, point.mag),
            arrowprops={"arrowstyle": "-|>", "color": filter_colour(name), "linewidth": 1.2, "shrinkA": 0.0},
        )
        axes.plot(
            point.t_s,
            point.mag,
            marker="_",
            markersize=11,
            markeredgewidth=1.6,
            color=filter_colour(name),
        )
        axes.annotate(
            name, (point.t_s, point.mag), xytext=(6, 3), textcoords="offset points", fontsize=8, color=INK
        )


def _draw_decay(axes: Any, points: Sequence[PhotometryPoint], fit: PowerLaw, name: str) -> None:
    """Draw the common slope through the weighted mean of a filter's points."""
    if not points:
        return
    t = np.array([p.t_s for p in points])
    weight = np.array([(p.mag_err or 1.0) ** -2 for p in points])
    level = np.sum(weight * ([p.mag for p in points] - 2.5 * fit.index * np.log10(t))) / weight.sum()
    span = np.geomspace(t.min() / 1.15, t.max() * 1.15, 60)
    axes.plot(
        span,
        level + 2.5 * fit.index * np.log10(span),
        color=filter_colour(name),
        linestyle="--",
        linewidth=1.0,
        alpha=0.8,
        zorder=1,
    )


def _scale(axes: Any, points: Sequence[PhotometryPoint]) -> None:
    """Logarithmic time with readable ticks over any range, bright at the top."""
    t = [p.t_s for p in points]
    axes.set_xscale("log")
    axes.set_xlim(min(t) / 1.35, max(t) * 1.35)
    decades = math.log10(max(t) / min(t))
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0,) if decades > 3.0 else (1.0, 2.0, 5.0)))
    if decades < 0.5:
        axes.xaxis.set_major_locator(LogLocator(base=10, subs=tuple(np.arange(1.0, 10.0))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    faint = max(p.mag + (0.7 if p.limit else (p.mag_err or 0.0)) for p in points)
    bright = min(p.mag - (p.mag_err or 0.0) for p in points)
    margin = max(0.25, 0.06 * (faint - bright))
    axes.set_ylim(faint + margin, bright - margin)


def _key(label: str, *, marker: str, color: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker=marker, markersize=6, color=color, label=label)


def _law(fit: PowerLaw) -> str:
    quality = f", χ²/dof = {fit.chi2:.1f}/{fit.dof}" if fit.dof else ""
    return f"F ∝ t^(−α), α = {fit.index:.2f} ± {fit.index_err:.2f}{quality}"
