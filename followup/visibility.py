"""When a target can be observed from a site.

`observe_visibility` computes it with astroplan; `followup.almanac` gives the same from tables, at once.
The conditions (altitude, local horizon, the mount's limits, Sun, Moon) are applied here, in one place for
both. astroplan's own constraint objects are not used for that: they know neither a local horizon nor that a
Moon below the horizon does no harm, and they keep every time grid they have seen in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import astropy.units as u
import numpy as np
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from numpy.typing import NDArray

from followup.limits import Limits
from followup.offline import astroplan
from followup.site import Site
from voevent.packet import SkyPosition

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A span of time in which the target can be observed."""

    start: datetime
    end: datetime

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Visibility:
    """A target over a site in the course of time. All arrays have shape (n,), n > 1.

    Attributes
    ----------
    limits
        The mount's are among them.
    start
        Windows begin not before this; the grid may begin a step earlier.
    unix_s
        Times, ascending, in seconds since 1970-01-01 UTC.
    altitude_deg, azimuth_deg
        Of the target, without refraction; azimuth from north through east.
    sun_altitude_deg, moon_altitude_deg, moon_separation_deg
        Seen from the site.
    """

    site: Site
    limits: Limits
    start: datetime
    unix_s: Floats
    altitude_deg: Floats
    azimuth_deg: Floats
    sun_altitude_deg: Floats
    moon_altitude_deg: Floats
    moon_separation_deg: Floats

    @property
    def limit_deg(self) -> Floats:
        """The lowest altitude allowed in the target's azimuth."""
        return horizon_deg(self.site, self.azimuth_deg)

    @property
    def hour_angle_h(self) -> Floats:
        """Hour angle of the target in hours, positive west of the meridian, -12 to 12."""
        altitude, azimuth = np.radians(self.altitude_deg), np.radians(self.azimuth_deg)
        latitude = np.radians(self.site.latitude_deg)
        west = -np.sin(azimuth) * np.cos(altitude)
        south = np.sin(altitude) * np.cos(latitude) - np.cos(altitude) * np.cos(azimuth) * np.sin(latitude)
        return np.asarray(np.degrees(np.arctan2(west, south)) / 15.0)

    @property
    def up(self) -> Flags:
        """Whether the target is above the lowest altitude allowed."""
        return self.altitude_deg >= self.limit_deg

    @property
    def in_reach(self) -> Flags:
        """Whether it is neither nearer the zenith nor farther from the meridian than the mount can go."""
        low, central = self._mount_margins
        return (low >= 0) & (central >= 0)

    @property
    def dark(self) -> Flags:
        """Whether the Sun is low enough."""
        return self.sun_altitude_deg <= self.site.max_sun_altitude_deg

    @property
    def moon_clear(self) -> Flags:
        """Whether the Moon is down or far enough."""
        far = self.moon_separation_deg >= self.site.min_moon_separation_deg
        return far | (self.moon_altitude_deg < 0)

    @property
    def windows(self) -> tuple[Window, ...]:
        """When the target can be observed; their ends are interpolated between the grid's times."""
        clear = self.moon_clear
        margins = (
            self.altitude_deg - self.limit_deg,
            self.site.max_sun_altitude_deg - self.sun_altitude_deg,
            *self._mount_margins,
        )
        good = np.all([margin >= 0 for margin in margins], axis=0) & clear
        edges = np.flatnonzero(np.diff(np.concatenate(([False], good, [False])).astype(np.int8)))
        found = []
        for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
            begin, end = self.unix_s[first], self.unix_s[last]
            # the Moon's condition jumps as it rises or sets: only the others can be interpolated
            if first > 0 and clear[first - 1]:
                begin = max(_crossing(self.unix_s, m, first - 1) for m in margins if m[first - 1] < 0)
            if last + 1 < len(good) and clear[last + 1]:
                end = min(_crossing(self.unix_s, m, last) for m in margins if m[last + 1] < 0)
            window = Window(start=max(instant(begin), self.start), end=instant(end))
            if window.duration_s > 0:
                found.append(window)
        return tuple(found)

    def altitude_at(self, time: datetime) -> float:
        """Altitude of the target in degrees, interpolated."""
        return float(np.interp(time.timestamp(), self.unix_s, self.altitude_deg))

    @property
    def _mount_margins(self) -> tuple[Floats, Floats]:
        return (
            self.limits.max_altitude_deg - self.altitude_deg,
            self.limits.max_hour_angle_h - np.abs(self.hour_angle_h),
        )


def horizon_deg(site: Site, azimuth_deg: Floats) -> Floats:
    """Lowest altitude allowed in some azimuths: the site's limit, or its horizon where that is higher."""
    lowest = np.full_like(azimuth_deg, site.min_altitude_deg)
    if not site.horizon:
        return lowest
    azimuths, altitudes = np.array(site.horizon).T
    return np.asarray(np.maximum(lowest, np.interp(azimuth_deg, azimuths, altitudes, period=360.0)))


def airmass(altitude_deg: float) -> float:
    """Relative airmass at a true altitude.

    References
    ----------
    K. A. Pickering, "The Southern Limits of the Ancient Star Catalog", DIO 12, 2002, equation 1.
    """
    altitude_deg = max(altitude_deg, 0.0)
    return float(1 / np.sin(np.radians(altitude_deg + 244 / (165 + 47 * altitude_deg**1.1))))


def instant(unix_s: float) -> datetime:
    """Time as an aware datetime in UTC, to the second."""
    return datetime.fromtimestamp(round(float(unix_s)), UTC)


def observe_visibility(
    position: SkyPosition,
    site: Site,
    limits: Limits,
    *,
    start: datetime,
    end: datetime,
    step_s: float = 600.0,
) -> Visibility:
    """Compute a target's visibility with astroplan. Takes about 0.1 s for a day; call it in a thread.

    Parameters
    ----------
    start, end
        Aware; the first and the last time of the grid.
    step_s
        Largest step of the grid.
    """
    span_s = max((end - start).total_seconds(), 1.0)
    unix_s = start.timestamp() + np.linspace(0.0, span_s, max(2, int(np.ceil(span_s / step_s)) + 1))
    times = Time(unix_s, format="unix", scale="utc")
    observer = astroplan.Observer(location=location_of(site), name=site.name)
    target = observer.altaz(times, SkyCoord(position.ra_deg * u.deg, position.dec_deg * u.deg, frame="icrs"))
    moon = observer.moon_altaz(times)
    altitude, azimuth = target.alt.to_value(u.deg), target.az.to_value(u.deg)
    moon_altitude, moon_azimuth = moon.alt.to_value(u.deg), moon.az.to_value(u.deg)
    return Visibility(
        site=site,
        limits=limits,
        start=start,
        unix_s=unix_s,
        altitude_deg=altitude,
        azimuth_deg=azimuth,
        sun_altitude_deg=observer.sun_altaz(times).alt.to_value(u.deg),
        moon_altitude_deg=moon_altitude,
        moon_separation_deg=separation_deg(azimuth, altitude, moon_azimuth, moon_altitude),
    )


def location_of(site: Site) -> EarthLocation:
    """Place of a site as astropy knows it."""
    return EarthLocation.from_geodetic(
        lon=site.longitude_deg * u.deg, lat=site.latitude_deg * u.deg, height=site.elevation_m * u.m
    )


def separation_deg(lon1_deg: Floats, lat1_deg: Floats, lon2_deg: Floats, lat2_deg: Floats) -> Floats:
    """Angle between directions given in the same spherical frame (haversine formula)."""
    lat1, lat2 = np.radians(lat1_deg), np.radians(lat2_deg)
    half_lon = np.radians(lon2_deg - lon1_deg) / 2
    haversine = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin(half_lon) ** 2
    return np.asarray(np.degrees(2 * np.arcsin(np.sqrt(np.clip(haversine, 0, 1)))))


def _crossing(unix_s: Floats, margin: Floats, index: int) -> float:
    # where `margin` passes zero between index and index + 1, as a straight line
    before, after = margin[index], margin[index + 1]
    return float(unix_s[index] - before * (unix_s[index + 1] - unix_s[index]) / (after - before))
