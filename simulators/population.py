"""A population of afterglows: most of them faint, half of those seen early still rising, all with a break.

Two samples can be drawn from. The intrinsic one is what a satellite's alerts lead to: most of it is never
seen by a 1-m telescope. The studied one is what catalogues of optical light curves hold, biased to bursts
bright enough for a redshift; that bias is in its brightness alone, the shapes are drawn alike.

References
----------
Studied sample: Dainotti et al. 2024, arXiv:2405.02263 (535 bursts). Intrinsic brightness: Wang et al. 2013,
arXiv:1307.5939. Early detections: Melandri et al. 2008, arXiv:0804.0811 (24 of 63 by 2-m robots). Brighter
ones fade faster: Oates et al. 2012, arXiv:1208.1856.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from simulators.afterglow import BEND_SHARPNESS, Afterglow, SimulatedBurst
from simulators.projection import offset
from voevent.notice import Notice
from voevent.packet import SkyPosition

R90_OVER_SIGMA = math.sqrt(2.0 * math.log(10.0))
"""The radius that holds 90 % of a round two-dimensional Gaussian, over its standard deviation per axis."""

_DAY_S = 86400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Brightness:
    """Two halves of Gaussians of different widths, joined at the mode: r at 1000 s."""

    mode: float
    sigma_bright: float
    sigma_faint: float

    def draw(self, rng: np.random.Generator) -> float:
        both = self.sigma_bright + self.sigma_faint
        if rng.random() * both < self.sigma_bright:
            return self.mode - abs(rng.normal(0.0, self.sigma_bright))
        return self.mode + abs(rng.normal(0.0, self.sigma_faint))


_INTRINSIC = _Brightness(mode=22.5, sigma_bright=3.0, sigma_faint=4.0)
_STUDIED = _Brightness(mode=18.0, sigma_bright=2.2, sigma_faint=1.1)

_RISING = 0.58
_PEAK_S = (420.0, 0.7)
_RISE_INDEX = (0.2, 0.8)
_EARLY_INDEX = (0.85, 0.2)
_MIDDLE_INDEX = (0.63, 0.12)
_FINAL_INDEX = (1.1, 0.2)
_FASTER_PER_MAG = 0.1
_EARLY_END_S = (1500.0, 0.6)
_BREAK_S = (0.3 * _DAY_S, 1.4)
_SPECTRAL_INDEX = (1.1, 0.6)


def draw_afterglow(rng: np.random.Generator, *, bright: bool = False) -> Afterglow:
    """Draw an afterglow.

    Parameters
    ----------
    bright
        From the studied sample, rather than from the intrinsic one.
    """
    r_mag = (_STUDIED if bright else _INTRINSIC).draw(rng)
    faster = _FASTER_PER_MAG * max(-1.5, min(3.0, 17.4 - r_mag))
    early = max(0.1, rng.normal(*_EARLY_INDEX))
    middle = max(0.3, rng.normal(*_MIDDLE_INDEX) + faster)
    final = max(middle + 0.05, rng.normal(*_FINAL_INDEX) + faster / 2)
    early_end_s = _log_normal(rng, *_EARLY_END_S)
    indices = [early, middle, final]
    breaks_s = [early_end_s, _log_normal_in(rng, *_BREAK_S, low=2.0 * early_end_s)]
    if rng.random() < _RISING:
        rise = rng.uniform(*_RISE_INDEX)
        peak_s = _log_normal_in(rng, *_PEAK_S, high=0.9 * early_end_s)
        # The smooth bend peaks a little off its break, where rise and decay cancel.
        indices.insert(0, -rise)
        breaks_s.insert(0, peak_s * (early / rise) ** (1.0 / BEND_SHARPNESS))
    return Afterglow(
        r_mag=round(r_mag, 3),
        indices=tuple(round(index, 3) for index in indices),
        breaks_s=tuple(sorted(breaks_s)),
        spectral_index=round(_log_normal_in(rng, *_SPECTRAL_INDEX, high=3.5), 3),
    )


def draw_position(
    rng: np.random.Generator, declinations_deg: tuple[float, float] = (-90.0, 90.0)
) -> SkyPosition:
    """Draw a direction, evenly over the sky between two declinations."""
    low, high = (math.sin(math.radians(limit)) for limit in declinations_deg)
    dec = math.degrees(math.asin(rng.uniform(low, high)))
    return SkyPosition(ra_deg=rng.uniform(0.0, 360.0), dec_deg=dec)


def draw_burst(
    rng: np.random.Generator,
    *,
    name: str,
    trigger_time: datetime,
    place: Callable[[SkyPosition], bool] = lambda _position: True,
    tries: int = 3000,
) -> SimulatedBurst:
    """Draw a burst of the intrinsic population.

    Parameters
    ----------
    place
        Whether its position will do; it is drawn until it does.

    Raises
    ------
    ValueError
        When none does in so many tries.
    """
    for _ in range(tries):
        if place(position := draw_position(rng)):
            return SimulatedBurst(
                name=name, trigger_time=trigger_time, position=position, afterglow=draw_afterglow(rng)
            )
    raise ValueError(f"no position that will do in {tries} tries")


def burst_of(notice: Notice, rng: np.random.Generator, *, bright: bool = False) -> SimulatedBurst:
    """Draw what a real alert was about: a true place in its error circle, and an afterglow.

    The place follows a Gaussian whose 90 % radius is the alert's, cut off at that radius.

    Parameters
    ----------
    bright
        See `draw_afterglow`.

    Raises
    ------
    ValueError
        When the alert has no position.
    """
    centre = notice.position
    if centre is None:
        raise ValueError(f"{notice.id.ivorn} has no position")
    sigma_arcsec = (centre.error_radius_deg or 0.0) * 3600.0 / R90_OVER_SIGMA
    radius_arcsec = sigma_arcsec * math.sqrt(-2.0 * math.log(1.0 - 0.9 * rng.random()))
    angle = rng.uniform(0.0, 2.0 * math.pi)
    return SimulatedBurst(
        name=notice.burst,
        trigger_time=notice.trigger_time,
        position=offset(
            centre,
            east_arcsec=radius_arcsec * math.cos(angle),
            north_arcsec=radius_arcsec * math.sin(angle),
        ),
        afterglow=draw_afterglow(rng, bright=bright),
    )


def _log_normal(rng: np.random.Generator, median: float, spread: float) -> float:
    return float(median * math.exp(rng.normal(0.0, spread)))


def _log_normal_in(
    rng: np.random.Generator, median: float, spread: float, *, low: float = 0.0, high: float = math.inf
) -> float:
    """Draw from the part of a log-normal distribution between two values."""
    while not low < (value := _log_normal(rng, median, spread)) < high:
        pass
    return value
