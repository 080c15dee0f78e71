"""A population of afterglows: most of them faint, half of those seen early still rising, many with a break.

References
----------
Brightness and its spread: Dainotti et al. 2024, arXiv:2405.02263 (535 bursts with optical light curves, biased
to those with a redshift). How many are fainter: Wang et al. 2013, arXiv:1307.5939, and Melandri et al. 2008,
arXiv:0804.0811 (24 of 63 detected by 2-m robots in the first ten minutes).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

import numpy as np

from simulators.afterglow import Afterglow, SimulatedBurst
from voevent.notice import Notice
from voevent.packet import SkyPosition

_BRIGHT_R1000 = (17.3, 1.6)
"""Mean and standard deviation of r at 1000 s of afterglows that were studied."""
_FAINT_R1000 = (22.0, 1.6)
"""The same of those that were mostly not seen."""
_BRIGHT_FRACTION = 0.37
_RISING_FRACTION = 0.5
_PEAK_S = (330.0, 0.9)
_EARLY_INDEX = (0.6, 0.2)
_LATE_INDEX = (0.78, 0.2)
_FINAL_INDEX = (1.15, 0.2)
_PLATEAU_END_S = (1500.0, 0.7)
_BREAK_S = (0.3 * 86400.0, 1.0)
_SPECTRAL_INDEX = (1.1, 0.35)
_R90_OVER_SIGMA = math.sqrt(2.0 * math.log(10.0))


def draw_afterglow(rng: np.random.Generator, *, bright: bool | None = None) -> Afterglow:
    """Draw an afterglow.

    Parameters
    ----------
    bright
        Whether it is one of those that get studied (37 % are); drawn when None.
    """
    if bright is None:
        bright = bool(rng.random() < _BRIGHT_FRACTION)
    mean, spread = _BRIGHT_R1000 if bright else _FAINT_R1000
    early = max(0.1, rng.normal(*_EARLY_INDEX))
    late = max(early + 0.05, rng.normal(*_LATE_INDEX))
    final = max(late + 0.1, rng.normal(*_FINAL_INDEX))
    indices, breaks = [early, late, final], [_log_normal(rng, *_PLATEAU_END_S), _log_normal(rng, *_BREAK_S)]
    if rng.random() < _RISING_FRACTION:
        peak_s = min(_log_normal(rng, *_PEAK_S), 0.8 * breaks[0])
        indices, breaks = [-rng.uniform(0.3, 1.2), *indices], [peak_s, *breaks]
    breaks = list(np.maximum.accumulate(np.array(breaks) * (1.0 + 1e-6 * np.arange(len(breaks)))))
    return Afterglow(
        r_mag=round(float(rng.normal(mean, spread)), 3),
        indices=tuple(round(float(index), 3) for index in indices),
        breaks_s=tuple(round(float(time), 1) + number for number, time in enumerate(breaks)),
        spectral_index=round(float(np.clip(rng.normal(*_SPECTRAL_INDEX), 0.3, 2.5)), 3),
    )


def draw_position(rng: np.random.Generator) -> SkyPosition:
    """Draw a direction, evenly over the sky."""
    dec = math.degrees(math.asin(rng.uniform(-1.0, 1.0)))
    return SkyPosition(ra_deg=rng.uniform(0.0, 360.0), dec_deg=dec)


def draw_burst(
    rng: np.random.Generator,
    *,
    name: str,
    trigger_time: datetime,
    suits: Callable[[SimulatedBurst], bool] = lambda _burst: True,
    tries: int = 20_000,
) -> SimulatedBurst:
    """Draw bursts until one suits.

    Raises
    ------
    ValueError
        When none does in so many tries.
    """
    for _ in range(tries):
        burst = SimulatedBurst(
            name=name,
            trigger_time=trigger_time,
            position=draw_position(rng),
            afterglow=draw_afterglow(rng),
        )
        if suits(burst):
            return burst
    raise ValueError(f"no burst in {tries} suits")


def burst_of(notice: Notice, rng: np.random.Generator, *, bright: bool | None = None) -> SimulatedBurst:
    """Draw what a real alert was about: a true place in its error circle, and an afterglow.

    Raises
    ------
    ValueError
        When the alert has no position.
    """
    centre = notice.position
    if centre is None:
        raise ValueError(f"{notice.id.ivorn} has no position")
    sigma = (centre.error_radius_deg or 0.0) / _R90_OVER_SIGMA
    east, north = np.clip(rng.normal(0.0, 1.0, 2), -1.5, 1.5) * sigma
    dec = max(-90.0, min(90.0, centre.dec_deg + north))
    ra = (centre.ra_deg + east / max(0.01, math.cos(math.radians(dec)))) % 360.0
    return SimulatedBurst(
        name=notice.burst,
        trigger_time=notice.trigger_time,
        position=SkyPosition(ra_deg=ra, dec_deg=dec),
        afterglow=draw_afterglow(rng, bright=bright),
    )


def _log_normal(rng: np.random.Generator, median: float, spread: float) -> float:
    return float(median * math.exp(rng.normal(0.0, spread)))
