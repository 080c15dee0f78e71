"""Which INDI devices a telescope consists of, and how long each may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class IndiSettings:
    """A telescope behind an `indiserver`.

    Attributes
    ----------
    host, port
        Where the server listens.
    mount, camera, filter_wheel, dome, weather
        Names of the devices as the server has them.
    focuser
        Name of the focuser, empty when there is none.
    slots
        Slot of the filter wheel, counted from 1, by name of the filter.
    ccd_temperature_c
        To which the detector is cooled before anything is exposed; None to leave the cooler alone.
    binning
        Pixels read out as one, on both axes.
    pointing_tolerance_arcsec
        A slew is repeated until the mount says that it points this well.
    flip_after_min
        A German mount swings to the other side of its pier, between two exposures, when its target is so many
        minutes past the meridian; None for a mount that need not, or does it by itself.
    weather_s
        How often the weather station is to be read.
    slew_s, filter_s, shutter_s, dome_s, focus_s, cooling_s
        How long these may take at most.
    readout_s
        How long after the end of an exposure its frame may take to arrive.
    """

    host: str = "localhost"
    port: int = 7624
    mount: str
    camera: str
    filter_wheel: str
    dome: str
    weather: str
    focuser: str = ""
    slots: Mapping[str, int] = field(default_factory=dict)
    ccd_temperature_c: float | None = None
    binning: int = 1
    pointing_tolerance_arcsec: float = 10.0
    flip_after_min: float | None = None
    weather_s: float = 5.0
    slew_s: float = 180.0
    filter_s: float = 60.0
    shutter_s: float = 120.0
    dome_s: float = 180.0
    focus_s: float = 120.0
    cooling_s: float = 900.0
    readout_s: float = 60.0
