"""The light curve that a telescope recovered, over the published one."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from console.replay.history.comparison import Comparison, Recovered
from console.replay.history.passbands import BANDS
from console.replay.history.published import PublishedLightCurve
from followup.figures.style import INK, MUTED, dress, filter_colour, filter_marker, new_figure, to_png
from simulators.tabulated import TabulatedAfterglow

_MARGIN = 2.0
"""Published points are shown for so many times longer, before and after ours."""
_SAME_GLASS_NM = 60.0


def history_figure(
    comparison: Comparison, published: PublishedLightCurve, light: TabulatedAfterglow
) -> bytes:
    """Draw what was published, what was put into the sky and what was recovered, and the residuals below.

    Returns
    -------
    bytes
        A PNG image.
    """
    figure = new_figure(height_in=6.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    title = f"{comparison.burst} as {comparison.telescope} would have seen it"
    dress(upper, title=title, ylabel="AB magnitude")
    dress(lower, xlabel="Time since trigger, t − T0 (s)", ylabel="residual (mag)")
    if not comparison.points:
        text = comparison.answers[-1] if comparison.answers else "nothing was answered"
        if comparison.accepted:
            text = "nothing was measured"
        upper.text(
            0.5, 0.5, text, ha="center", va="center", color=MUTED, transform=upper.transAxes, wrap=True
        )
        upper.set_xticks([])
        upper.set_yticks([])
        lower.set_yticks([])
        return to_png(figure)
    times = [point.t_s for point in comparison.points if point.t_s > 0.0]
    span = min(times) / _MARGIN, max(times) * _MARGIN
    names = [name for name in BANDS if any(point.filter == name for point in comparison.points)]
    for name in names:
        _draw_sky(upper, published, light, name, span)
        own = [point for point in comparison.points if point.filter == name]
        _draw_recovered(upper, lower, own, name)
    _scale(upper, lower, comparison, span)
    # Once for all filters: what they look like needs no colour.
    upper.plot([], [], linestyle="none", marker=".", markersize=6, color=MUTED, label="published")
    upper.plot([], [], color=MUTED, linewidth=0.8, label="the sky made of it")
    handles, labels = upper.get_legend_handles_labels()
    upper.legend(handles, labels, frameon=False, fontsize=8, loc="upper right", ncols=2)
    return to_png(figure)


def _draw_sky(
    axes: Any, published: PublishedLightCurve, light: TabulatedAfterglow, name: str, span: tuple[float, float]
) -> None:
    """Draw published points through glass like ours, and the light that went through them all."""
    wavelength_nm = BANDS[name].wavelength_nm
    near = [
        point
        for point in published.points
        if span[0] <= point.t_s <= span[1]
        and abs(BANDS[point.band].wavelength_nm - wavelength_nm) <= _SAME_GLASS_NM
    ]
    axes.errorbar(
        [point.t_s for point in near],
        [point.mag for point in near],
        yerr=[point.mag_err for point in near],
        linestyle="none",
        marker=".",
        markersize=6,
        color=filter_colour(name),
        alpha=0.5,
        elinewidth=0.8,
        zorder=1,
    )
    times = np.geomspace(*span, 240)
    axes.plot(
        times,
        [light.magnitude(t_s, name) for t_s in times],
        color=filter_colour(name),
        linewidth=0.8,
        alpha=0.7,
        zorder=2,
    )


def _draw_recovered(upper: Any, lower: Any, points: list[Recovered], name: str) -> None:
    measured = [point for point in points if point.residual is not None]
    style = {
        "linestyle": "none",
        "marker": filter_marker(name),
        "markersize": 6,
        "color": filter_colour(name),
        "markeredgecolor": INK,
        "markeredgewidth": 0.6,
        "zorder": 4,
    }
    errors = [point.mag_err or 0.0 for point in measured]
    times = [point.t_s for point in measured]
    upper.errorbar(times, [point.mag for point in measured], yerr=errors, label=f"{name}, recovered", **style)
    lower.errorbar(times, [point.residual for point in measured], yerr=errors, **style)
    limits = [point for point in points if point.limit]
    if limits:
        upper.plot(
            [point.t_s for point in limits],
            [point.mag for point in limits],
            linestyle="none",
            marker=r"$\downarrow$",
            markersize=9,
            color=filter_colour(name),
            label=f"{name}, limit",
            zorder=4,
        )


def _scale(upper: Any, lower: Any, comparison: Comparison, span: tuple[float, float]) -> None:
    upper.set_xscale("log")
    upper.set_xlim(*span)
    decades = float(np.log10(span[1] / span[0]))
    subs = (1.0,) if decades > 3.0 else (1.0, 2.0, 5.0)
    upper.xaxis.set_major_locator(LogLocator(base=10, subs=subs))
    upper.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    upper.xaxis.set_minor_formatter(NullFormatter())
    shown = [p.mag for p in comparison.points] + [
        p.sky_mag for p in comparison.points if p.sky_mag is not None
    ]
    upper.set_ylim(max(shown) + 1.0, min(shown) - 1.0)
    lower.axhline(0.0, color=MUTED, linewidth=0.8)
    widest = max(
        (abs(p.residual) + (p.mag_err or 0.0) for p in comparison.points if p.residual is not None),
        default=0.1,
    )
    lower.set_ylim(1.2 * widest, -1.2 * widest)
