"""Alerts about simulated bursts, with the delays and the errors of SVOM's; and real ones from files.

References
----------
Delays and error radii: medians of the notices that SVOM sent by April 2026.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from followup.errors import ConfigurationError
from simulators.afterglow import SimulatedBurst
from simulators.population import R90_OVER_SIGMA
from simulators.projection import offset
from voevent.alert import Alert, build_alert
from voevent.errors import VOEventError
from voevent.notice import Notice, read_notice
from voevent.packet import SkyPosition
from voevent.parse import parse
from voevent.svom import SvomPacketType

AUTHOR = "simulated-svom"
"""Author of simulated alerts."""

_EARLIEST_S = 39.0
_GAP_S = 20.0
_DETECTION_SNR = 6.5
_RADIUS_ARCMIN = (1.5, 9.9)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedAlert:
    """An alert and the sky time at which it comes."""

    time: datetime
    raw: bytes
    notice: Notice


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stage:
    packet_type: SvomPacketType
    instrument: str
    delay_s: float
    delay_spread: float
    radius_arcmin: float
    radius_spread: float


_STAGES = (
    _Stage(
        packet_type=SvomPacketType.ECLAIRS_WAKEUP,
        instrument="ECLAIRs",
        delay_s=95.0,
        delay_spread=0.4,
        radius_arcmin=6.3,
        radius_spread=0.35,
    ),
    _Stage(
        packet_type=SvomPacketType.SLEWING,
        instrument="ECLAIRs",
        delay_s=264.0,
        delay_spread=0.2,
        radius_arcmin=4.9,
        radius_spread=0.3,
    ),
    _Stage(
        packet_type=SvomPacketType.MXT_INITIAL,
        instrument="MXT",
        delay_s=593.0,
        delay_spread=0.2,
        radius_arcmin=1.9,
        radius_spread=0.15,
    ),
)


def svom_sequence(
    burst: SimulatedBurst, rng: np.random.Generator, *, authority: str = "followup"
) -> tuple[TimedAlert, ...]:
    """Write the alerts of a burst: ECLAIRs' wake-up, that the satellite slews, then MXT's better position.

    Each gives a position off the true one, as its error radius (90 % confidence) promises.
    """
    alerts = []
    snr = _DETECTION_SNR + rng.exponential(4.0)
    drawn = [stage.delay_s * math.exp(rng.normal(0.0, stage.delay_spread)) for stage in _STAGES]
    delays_s = itertools.accumulate(drawn, lambda last, delay: max(last + _GAP_S, delay))
    for stage, delay_s in zip(_STAGES, delays_s, strict=True):
        radius = stage.radius_arcmin * math.exp(rng.normal(0.0, stage.radius_spread))
        radius = float(np.clip(radius, *_RADIUS_ARCMIN)) / 60.0
        date = burst.trigger_time + timedelta(seconds=round(max(_EARLIEST_S, delay_s), 3))
        alert = Alert(
            burst=burst.name,
            trigger_time=burst.trigger_time,
            date=date,
            position=_measured(burst.position, radius, rng),
            instrument=stage.instrument,
            description=f"{burst.name}: simulated alert of {stage.instrument}",
            packet_type=stage.packet_type,
            detection={"SNR": f"{snr:.2f}", "Timescale": "20.48"},
        )
        packet = build_alert(alert, authority=authority, author=AUTHOR, drill=True)
        alerts.append(TimedAlert(time=date, raw=packet.raw, notice=read_notice(packet)))
    return tuple(alerts)


def alerts_from(path: Path) -> tuple[TimedAlert, ...]:
    """Read real alerts: one file, or all of a folder, in the order of their dates.

    Raises
    ------
    ConfigurationError
        When there is none, or one cannot be read as an alert.
    """
    files: Sequence[Path] = sorted(path.glob("*.xml")) if path.is_dir() else [path]
    if not files:
        raise ConfigurationError(f"{path} holds no alert", hint="alerts are files that end in .xml")
    alerts = []
    for file in files:
        try:
            packet = parse(file.read_bytes())
            notice = read_notice(packet)
        except OSError as error:
            raise ConfigurationError(
                f"{file} cannot be read: {error.strerror}", hint="give a file or a folder of alerts"
            ) from error
        except VOEventError as error:
            raise ConfigurationError(f"{file}: {error}", hint=f"followup packet show {file}") from error
        time = packet.date or notice.trigger_time
        alerts.append(TimedAlert(time=time, raw=packet.raw, notice=notice))
    return tuple(sorted(alerts, key=lambda alert: alert.time))


def _measured(true: SkyPosition, radius_deg: float, rng: np.random.Generator) -> SkyPosition:
    east, north = rng.normal(0.0, radius_deg * 3600.0 / R90_OVER_SIGMA, 2)
    place = offset(true, east_arcsec=east, north_arcsec=north)
    return SkyPosition(
        ra_deg=round(place.ra_deg, 4) % 360.0,
        dec_deg=round(place.dec_deg, 4),
        error_radius_deg=round(radius_deg, 4),
    )
