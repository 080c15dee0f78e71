"""The limits of a telescope's safety, which a site may set: the rules over them are in `followup.safety`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict

_RANGES: Mapping[str, tuple[float, float]] = {
    "max_wind_m_s": (1.0, 30.0),
    "max_humidity_percent": (20.0, 98.0),
    "max_rain_mm_h": (0.0, 0.5),
    "max_weather_age_s": (5.0, 300.0),
    "max_airmass": (1.1, 10.0),
    "max_altitude_deg": (30.0, 90.0),
    "max_hour_angle_h": (0.5, 12.0),
    "min_free_gb": (0.05, 10_000.0),
    "safe_for_s": (10.0, 7200.0),
    "agent_away_s": (5.0, 600.0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits that a site may set. None can be left out, and none be set so that it means nothing.

    Attributes
    ----------
    max_wind_m_s, max_humidity_percent, max_rain_mm_h
        Above these the telescope closes, as far as its weather station measures them. Gusts count as wind.
    max_weather_age_s
        Weather older than this is bad weather.
    max_airmass, max_altitude_deg, max_hour_angle_h
        Where the mount may look, besides the site's horizon: how low, how near the zenith, and how far from
        the meridian on either side.
    min_free_gb
        With less room on the disk nothing is exposed.
    power_lost_file
        While this file exists, power is lost; relative to the site's folder.
    safe_for_s
        So long (sky time) it must have been safe before the telescope opens again.
    agent_away_s
        An agent that has died, or does not stir, has so long to come back before the watchdog closes.
    park_before_closing
        Whether the roof would hit a telescope that is not parked: then it closes after parking, never before.

    Raises
    ------
    ValueError
        When a limit is absurd.
    """

    # As a section of settings: a name that is none would leave a limit as it is without a word.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    max_wind_m_s: float = 15.0
    max_humidity_percent: float = 90.0
    max_rain_mm_h: float = 0.0
    max_weather_age_s: float = 120.0
    max_airmass: float = 3.0
    max_altitude_deg: float = 90.0
    max_hour_angle_h: float = 12.0
    min_free_gb: float = 1.0
    power_lost_file: Path = Path("run/power-lost")
    safe_for_s: float = 300.0
    agent_away_s: float = 60.0
    park_before_closing: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in _RANGES:
                value, (low, high) = getattr(self, field.name), _RANGES[field.name]
                if not low <= value <= high:
                    raise ValueError(f"{field.name} is {value:g}, it must be {low:g} to {high:g}")
        if not self.power_lost_file.name:
            raise ValueError("power_lost_file names no file")
