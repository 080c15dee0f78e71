"""Which properties of a device its driver here works with: what it cannot do without, what it would miss.

References
----------
INDI: standard properties. The drivers beside this file use them.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.gft.indi.settings import IndiSettings


@dataclass(frozen=True, slots=True)
class Need:
    """A property with members, and what for; one that is not `vital` is done without."""

    prop: str
    members: tuple[str, ...]
    what_for: str
    vital: bool = True


_MOUNT = (
    Need("EQUATORIAL_EOD_COORD", ("RA", "DEC"), "to slew"),
    Need("ON_COORD_SET", ("TRACK",), "to track after a slew"),
    Need("TELESCOPE_ABORT_MOTION", ("ABORT",), "to stop"),
    Need("TELESCOPE_PARK", ("PARK", "UNPARK"), "to park"),
    Need("TELESCOPE_TRACK_STATE", ("TRACK_ON", "TRACK_OFF"), "to see whether it tracks", vital=False),
    Need("GEOGRAPHIC_COORD", ("LAT", "LONG", "ELEV"), "to be told where it stands", vital=False),
)
_CAMERA = (
    Need("CCD_EXPOSURE", ("CCD_EXPOSURE_VALUE",), "to expose"),
    Need("CCD_ABORT_EXPOSURE", ("ABORT",), "to end an exposure"),
    Need(
        "CCD_FRAME_TYPE", ("FRAME_LIGHT", "FRAME_BIAS", "FRAME_DARK", "FRAME_FLAT"), "for calibration frames"
    ),
    Need("CCD1", ("CCD1",), "to send frames"),
)
_COOLER = Need("CCD_TEMPERATURE", ("CCD_TEMPERATURE_VALUE",), "to be cooled (ccd_temperature_c)")
_BINNING = Need("CCD_BINNING", ("HOR_BIN", "VER_BIN"), "to bin (binning)")
_FILTER_WHEEL = (Need("FILTER_SLOT", ("FILTER_SLOT_VALUE",), "to turn"),)
_FOCUSER = (
    Need("ABS_FOCUS_POSITION", ("FOCUS_ABSOLUTE_POSITION",), "to go to a position"),
    Need("FOCUS_ABORT_MOTION", ("ABORT",), "to stop", vital=False),
    Need("FOCUS_TEMPERATURE", ("TEMPERATURE",), "to follow the tube's temperature", vital=False),
)
_DOME = (
    Need("DOME_SHUTTER", ("SHUTTER_OPEN", "SHUTTER_CLOSE"), "to open and to close"),
    Need("DOME_PARK", ("PARK", "UNPARK"), "to park", vital=False),
    Need("ABS_DOME_POSITION", ("DOME_ABSOLUTE_POSITION",), "to turn before the telescope", vital=False),
    Need("DOME_AUTOSYNC", ("DOME_AUTOSYNC_ENABLE",), "to follow the telescope by itself", vital=False),
)
_WEATHER = (
    Need("WEATHER_STATUS", (), "to judge the weather"),
    Need("WEATHER_PARAMETERS", (), "to tell what it is"),
    Need("WEATHER_UPDATE", ("PERIOD",), "to be read often enough", vital=False),
)


def needs(settings: IndiSettings) -> dict[str, tuple[Need, ...]]:
    """Give what each device of a telescope is needed for, by its role in ``[indi]``."""
    camera: tuple[Need, ...] = _CAMERA
    if settings.ccd_temperature_c is not None:
        camera = (*camera, _COOLER)
    if settings.binning != 1:
        camera = (*camera, _BINNING)
    found: dict[str, tuple[Need, ...]] = {
        "mount": _MOUNT,
        "camera": camera,
        "filter_wheel": _FILTER_WHEEL,
        "dome": _DOME,
        "weather": _WEATHER,
    }
    return {**found, "focuser": _FOCUSER} if settings.focuser else found
