"""The rules of safety, each with its value and its limit."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import astropy.units as u
import pytest
from astropy.coordinates import AltAz, get_sun
from astropy.time import Time

from followup.devices import WeatherReading
from followup.limits import Limits
from followup.safety import (
    Breach,
    Rule,
    disk_breaches,
    dome_breaches,
    lowest_deg,
    pointing_breaches,
    power_breaches,
    sun_breaches,
    unmeasured,
    weather_breaches,
)
from followup.site import Site
from followup.sun import sun_altitude_deg
from followup.visibility import airmass, location_of

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SITE = Site(
    name="peak",
    latitude_deg=31.0,
    longitude_deg=-115.5,
    elevation_m=2800.0,
    horizon=((0.0, 10.0), (90.0, 40.0), (180.0, 10.0)),
)
LIMITS = Limits()


def reading(*, age_s: float = 0.0, safe: bool = True, reason: str = "", **values: float) -> WeatherReading:
    return WeatherReading(time=NOW - timedelta(seconds=age_s), safe=safe, reason=reason, values=values)


def told(found: tuple[Breach, ...]) -> list[str]:
    return [str(breach) for breach in found]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (reading(wind_m_s=15.0, gust_m_s=14.0, humidity_percent=90.0, rain_mm_h=0.0), []),
        (reading(), []),
        (reading(wind_m_s=15.2), ["wind: 15.2 m/s (limit: 15 m/s)"]),
        (reading(wind_m_s=3.0, gust_m_s=22.0), ["wind: 22 m/s (limit: 15 m/s)"]),
        (reading(humidity_percent=91.0), ["humidity: 91 % (limit: 90 %)"]),
        (reading(rain_mm_h=0.1), ["rain: 0.1 mm/h (limit: 0 mm/h)"]),
        (reading(rain_mm_h=math.nan), ["rain: nan mm/h (limit: 0 mm/h)"]),
        (reading(age_s=120.0), []),
        (reading(age_s=121.0), ["stale weather: the last reading is 121 s old (limit: 120 s)"]),
        (reading(safe=False, reason="clouds"), ["weather station: clouds (limit: its own)"]),
        (
            reading(safe=False, rain_mm_h=2.0),
            ["rain: 2 mm/h (limit: 0 mm/h)", "weather station: it says so (limit: its own)"],
        ),
    ],
)
def test_weather(said: WeatherReading, expected: list[str]) -> None:
    assert told(weather_breaches(said, LIMITS, now=NOW)) == expected


def test_what_a_station_does_not_measure_is_known() -> None:
    assert unmeasured(reading(gust_m_s=1.0)) == (Rule.RAIN, Rule.HUMIDITY)


def test_sun_disk_power_and_dome() -> None:
    assert told(sun_breaches(-12.0, SITE)) == []
    assert told(sun_breaches(-11.9, SITE)) == ["Sun: at altitude -11.9 deg (limit: -12 deg)"]
    assert told(disk_breaches(1e9, LIMITS)) == []
    assert told(disk_breaches(0.5e9, LIMITS)) == ["disk: 0.50 GB free (limit: 1 GB)"]
    flag = Path("/run/power-lost")
    assert told(power_breaches(flag, raised=False)) == []
    assert told(power_breaches(flag, raised=True)) == ["power: lost (limit: /run/power-lost must not exist)"]
    assert told(dome_breaches(should_be_open=False, is_open=False)) == []
    assert told(dome_breaches(should_be_open=True, is_open=False)) == [
        "dome: found shut while observing (limit: open)"
    ]


@pytest.mark.parametrize(
    ("altitude", "azimuth", "hour_angle", "expected"),
    [
        (45.0, 90.0, -2.0, []),
        (39.0, 90.0, -2.0, ["horizon: altitude 39.0 deg at azimuth 90 deg (limit: 40.0 deg)"]),
        (24.9, 45.0, -2.0, ["horizon: altitude 24.9 deg at azimuth 45 deg (limit: 25.0 deg)"]),
        (22.0, 180.0, 0.0, ["airmass: 2.65 (limit: 2.5)"]),
        (88.0, 180.0, 0.0, ["zenith: altitude 88.0 deg (limit: 85 deg)"]),
        (45.0, 270.0, 4.5, ["hour angle: +4.50 h (limit: 4 h)"]),
        (45.0, 270.0, 19.0, ["hour angle: -5.00 h (limit: 4 h)"]),
    ],
)
def test_where_the_mount_may_look(
    altitude: float, azimuth: float, hour_angle: float, expected: list[str]
) -> None:
    limits = Limits(max_airmass=2.5, max_altitude_deg=85.0, max_hour_angle_h=4.0)
    found = pointing_breaches(
        altitude_deg=altitude, azimuth_deg=azimuth, hour_angle_h=hour_angle, site=SITE, limits=limits
    )
    assert told(found) == expected


def test_the_largest_airmass_has_an_altitude() -> None:
    assert airmass(lowest_deg(Limits(max_airmass=2.0))) == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Limits)])
def test_a_limit_that_means_nothing_is_refused(field: str) -> None:
    """Every number has a range: none can be made endless, or no number at all."""
    if field == "park_before_closing":
        return
    if field == "power_lost_file":
        with pytest.raises(ValueError, match="names no file"):
            Limits(power_lost_file=Path())
        return
    for absurd in (math.inf, -math.inf, math.nan, -1.0, 1e9):
        with pytest.raises(ValueError, match=f"{field} is .*, it must be "):
            Limits(**{field: absurd})  # type: ignore[arg-type]  # a number's name


def test_the_sun_stands_where_astropy_says() -> None:
    for hours in range(0, 24 * 365, 1117):
        time = NOW + timedelta(hours=hours)
        frame = AltAz(obstime=Time(time), location=location_of(SITE))
        wanted = get_sun(Time(time)).transform_to(frame).alt.to_value(u.deg)
        assert sun_altitude_deg(SITE, time) == pytest.approx(wanted, abs=0.03)
