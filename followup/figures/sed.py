"""The spectral energy distribution of an afterglow at one epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, NullLocator

from followup.figures.style import INK, MUTED, dress, filter_colour, filter_marker, new_figure, to_png
from voevent.kinds import PowerLaw, SedPoint

_LIGHT_NM_HZ = 2.99792458e17


def sed_figure(
    points: Sequence[SedPoint], *, epoch_s: float, title: str, fit: PowerLaw | None = None
) -> bytes:
    """Draw flux density against wavelength, with the frequencies on top.

    Parameters
    ----------
    points
        At least one.
    epoch_s
        Time since the trigger time that the points are for.
    title
        What the figure is of, e.g. the campaign's name.
    fit
        Power law in frequency, F proportional to frequency**(-index).

    Returns
    -------
    bytes
        A PNG image.
    """
    figure = new_figure(width_in=6.4)
    axes = figure.add_subplot()
    dress(
        axes,
        title=f"{title}, {epoch_s:.0f} s after the trigger",
        xlabel="Wavelength (nm)",
        ylabel="Flux density (µJy)",
    )
    wavelengths = np.array([p.wavelength_nm for p in points])
    fluxes = np.array([p.flux_density_ujy for p in points])
    errors = np.array([p.flux_density_err_ujy for p in points])
    axes.set_xscale("log")
    axes.set_yscale("log")
    span = np.array([wavelengths.min() / 1.12, wavelengths.max() * 1.12])
    if fit is not None:
        # The line passes through the weighted mean of the points, as the fit does.
        weight = (fluxes / errors) ** 2
        mean_log = np.sum(weight * np.log(wavelengths)) / weight.sum()
        level = np.sum(weight * np.log(fluxes)) / weight.sum()
        axes.plot(
            span,
            np.exp(level + fit.index * (np.log(span) - mean_log)),
            color=INK,
            linestyle="--",
            linewidth=1.0,
            label=f"F ∝ ν^(−β), β = {fit.index:.2f} ± {fit.index_err:.2f}",
        )
    for point, flux, error in zip(points, fluxes, errors, strict=True):
        axes.errorbar(
            point.wavelength_nm,
            flux,
            # The axis is logarithmic: a bar may not reach zero.
            yerr=[[min(error, 0.95 * flux)], [error]],
            marker=filter_marker(point.filter),
            markersize=7,
            color=filter_colour(point.filter),
            elinewidth=1.2,
            capsize=3,
        )
        axes.annotate(
            point.filter,
            (point.wavelength_nm, flux),
            xytext=(9, -3),
            textcoords="offset points",
            fontsize=10,
            color=INK,
        )
    low, high = np.min(fluxes - np.minimum(errors, 0.8 * fluxes)), np.max(fluxes + errors)
    room = max(1.12, (high / low) ** 0.12)
    axes.set_ylim(low / room, high * room)
    axes.set_xlim(*span)
    axes.set_xticks(wavelengths, [f"{w:.0f}" for w in wavelengths])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(axis="y", which="minor", labelsize=8, labelcolor=INK)
    top = axes.secondary_xaxis("top", functions=(_to_thz, _to_thz))
    top.set_xlabel("Frequency (THz)", fontsize=9, color=MUTED)
    top.set_xticks(_to_thz(wavelengths), [f"{f:.0f}" for f in _to_thz(wavelengths)])
    top.xaxis.set_minor_locator(NullLocator())
    top.tick_params(colors=MUTED, labelsize=8)
    top.spines["top"].set_color(MUTED)
    if fit is not None:
        axes.legend(frameon=False, fontsize=9, loc="best")
    return to_png(figure)


def _to_thz(wavelength_nm: Any) -> Any:
    """Frequency of a wavelength; the same formula leads back."""
    return _LIGHT_NM_HZ / np.maximum(wavelength_nm, 1e-9) / 1e12
