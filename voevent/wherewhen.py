"""Where and when of an event, out of a WhereWhen element of VOEvent 1.1, 2.0 or 2.1.

References
----------
VOEvent 2.0, section 3.4. VOEvent 2.1 (proposed), the same section: TimeInterval, optional error radius.
"""

from __future__ import annotations

import math
import re
from datetime import datetime

from lxml import etree

from voevent.packet import SkyPosition
from voevent.times import read_iso, to_utc
from voevent.wording import one_line

_FRAMES = {"ICRS", "FK5", "J2000"}
"""Frames read as ICRS: FK5 at J2000 differs by less than 0.1″."""

_DEGREES = {"deg", "degs", "degree", "degrees", "deg-deg", "deg deg"}


def event_time(where: etree._Element, tolerated: list[str]) -> datetime | None:
    """Time of the event in UTC; the start where an interval is given. None when absent or unreadable."""
    coords = _astro_coords(where)
    element = _first(coords, "ISOTime")
    if element is None:
        element = _first(coords, "ISOTimeStart")
    text = ((element.text if element is not None else None) or "").strip()
    if not text:
        return None
    try:
        return to_utc(_repaired(text, tolerated), _time_scale(where, coords, tolerated))
    except ValueError as error:
        tolerated.append(f"event time not read: {one_line(str(error))}")
        return None


def read_date(text: str, what: str, tolerated: list[str]) -> datetime | None:
    """Read a date in UTC, or note that it cannot be read."""
    try:
        return _repaired(text, tolerated)
    except ValueError as error:
        tolerated.append(f"{what} not read: {one_line(str(error))}")
        return None


def position(where: etree._Element, *, unavailable: bool, tolerated: list[str]) -> SkyPosition | None:
    """Position of the event in ICRS; None when absent, unreadable or declared `unavailable`."""
    coords = _astro_coords(where)
    element = _first(coords, "Position2D")
    if element is None:
        return None
    if unavailable:
        tolerated.append("position ignored: the packet calls its coordinates unavailable")
        return None
    frame = _frame(where, coords, tolerated)
    value = _first(element, "Value2")
    if value is None or frame is None:
        return None
    try:
        ra, dec = (_angle(value, name, element.get("unit", "")) for name in ("C1", "C2"))
        if ra == 360.0:
            tolerated.append("right ascension 360 read as 0")
            ra = 0.0
        return SkyPosition(ra_deg=ra, dec_deg=dec, error_radius_deg=_error_radius(element, tolerated))
    except ValueError as error:
        tolerated.append(f"position not read: {one_line(str(error))}")
        return None


def _error_radius(element: etree._Element, tolerated: list[str]) -> float | None:
    if _first(element, "Error2Radius") is None:
        return None
    try:
        radius = _angle(element, "Error2Radius", element.get("unit", ""))
    except ValueError as error:
        tolerated.append(f"error radius not read: {one_line(str(error))}")
        return None
    if 0.0 <= radius <= 180.0:
        return radius
    tolerated.append(f"error radius not read: {radius} is outside 0 to 180 degrees")
    return None


def _angle(parent: etree._Element, name: str, unit: str) -> float:
    element = _first(parent, name)
    text = ((element.text if element is not None else None) or "").strip()
    if element is None or not text:
        raise ValueError(f"{name} is missing")
    unit = (element.get("pos_unit") or unit).strip().lower()
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number}")
    if unit in {"rad", "radian", "radians"}:
        return math.degrees(number)
    if unit and unit not in _DEGREES:
        raise ValueError(f"unit {unit!r} is not read")
    return number


def _repaired(text: str, tolerated: list[str]) -> datetime:
    try:
        return read_iso(text)
    except ValueError:
        # Two defects of real packets that leave no doubt about what was meant.
        mended = re.sub(r":60(?=\.|$|Z|\+)", ":59.999999", text.replace("--", "-"), count=1)
        mended = re.sub(r"(:59\.999999)\.\d+", r"\1", mended)
        if mended == text:
            raise
        time = read_iso(mended)
        tolerated.append(f"time {one_line(text, 40)!r} read as {mended}")
        return time


def _time_scale(where: etree._Element, coords: etree._Element, tolerated: list[str]) -> str:
    element = _first(coords, "TimeScale")
    if element is None:
        element = _first(where, "TimeFrame")
        element = _first(element, "TimeScale") if element is not None else None
    if element is not None and (element.text or "").strip():
        return (element.text or "").strip().upper()
    system = _system(where, coords)
    scale = system[0] if system else ""
    if scale in {"UTC", "TT", "TDB", "GPS", "TAI"}:
        return scale
    tolerated.append("no time scale is named: taken as UTC")
    return "UTC"


def _frame(where: etree._Element, coords: etree._Element, tolerated: list[str]) -> str | None:
    system = _system(where, coords)
    for part in system:
        if part in _FRAMES:
            return part
    if len(system) < 2:
        tolerated.append("no coordinate frame is named: taken as ICRS")
        return "ICRS"
    tolerated.append(
        f"position not read: coordinate system {one_line('-'.join(system), 60)!r} is not ICRS or FK5"
    )
    return None


def _system(where: etree._Element, coords: etree._Element) -> list[str]:
    """Parts of a coordinate system's name such as ``UTC-ICRS-GEO``: time scale, frame, origin."""
    name = coords.get("coord_system_id")
    if not name:
        element = _first(where, "AstroCoordSystem")
        name = element.get("id") if element is not None else None
    return [part.upper() for part in (name or "").strip().split("-") if part]


def _astro_coords(where: etree._Element) -> etree._Element:
    """Give the AstroCoords of the observation, never those of the observatory."""
    observation = _first(where, "ObservationLocation")
    scope = observation if observation is not None else where
    coords = _first(scope, "AstroCoords")
    return coords if coords is not None else scope


def _first(element: etree._Element, name: str) -> etree._Element | None:
    """First descendant of that local name."""
    return next(element.iterdescendants("{*}" + name), None)
