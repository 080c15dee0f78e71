"""Sites, instruments and triggers to plan with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from followup.limits import Limits
from followup.site import Instrument, Site
from followup.visibility import Visibility
from voevent.kinds import Trigger, TriggerAction
from voevent.packet import PacketId, SkyPosition

MIDNIGHT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
"""About midnight at San Pedro Mártir."""


def site(**changes: Any) -> Site:
    facts: dict[str, Any] = {
        "name": "San Pedro Mártir",
        "latitude_deg": 31.04,
        "longitude_deg": -115.46,
        "elevation_m": 2790.0,
    }
    return Site(**facts | changes)


def instrument(**changes: Any) -> Instrument:
    facts: dict[str, Any] = {
        "telescope": "gft-spm",
        "aperture_m": 1.3,
        "width_px": 1000,
        "height_px": 1200,
        "pixel_scale_arcsec": 1.08,  # half-width of the field 0.15 deg
        "gain_e_adu": 1.5,
        "read_noise_e": 8.0,
        "saturation_adu": 60000.0,
        "dark_current_e_s": 0.1,
        "readout_s": 3.0,
        "filters": ("g", "r", "i", "z"),
        "zero_points": (),
    }
    return Instrument(**facts | changes)


def position(ra_deg: float = 80.0, dec_deg: float = 20.0, radius_deg: float | None = 0.1) -> SkyPosition:
    return SkyPosition(ra_deg=ra_deg, dec_deg=dec_deg, error_radius_deg=radius_deg)


def trigger(**changes: Any) -> Trigger:
    facts: dict[str, Any] = {
        "burst": "sb26112201",
        "telescope": "gft-spm",
        "action": TriggerAction.OBSERVE,
        "revision": 0,
        "trigger_time": MIDNIGHT,
        "position": position(),
        "instrument": "ECLAIRs",
        "notice": PacketId(ivorn="ivo://org.svom/fsc#sb26112201_eclairs-wakeup", sha256="0" * 64),
    }
    return Trigger(**facts | changes)


def hourly(
    *,
    altitude: list[float],
    sun: list[float],
    moon: list[float] | None = None,
    separation: list[float] | None = None,
    where: Site | None = None,
    limits: Limits | None = None,
) -> Visibility:
    """Build a visibility with one value an hour, the target due south."""
    count = len(altitude)
    return Visibility(
        site=where or site(),
        limits=limits or Limits(),
        start=MIDNIGHT,
        unix_s=MIDNIGHT.timestamp() + 3600.0 * np.arange(count),
        altitude_deg=np.array(altitude),
        azimuth_deg=np.full(count, 180.0),
        sun_altitude_deg=np.array(sun),
        moon_altitude_deg=np.array(moon or [-10.0] * count),
        moon_separation_deg=np.array(separation or [90.0] * count),
    )
