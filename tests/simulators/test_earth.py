"""The quick formulae against astropy."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import astropy.units as u
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

import followup.offline  # noqa: F401 - astropy must not go to the network
from simulators.earth import airmass, altitude_azimuth_deg, angle_deg, between, horizon_deg, moon, sun
from simulators.sites import KNOWN_TELESCOPES, known_telescope
from voevent.packet import SkyPosition

TIMES = [datetime(2026, 11, 22, tzinfo=UTC) + timedelta(days=5.3 * step) for step in range(6)]
positions = st.builds(
    SkyPosition,
    ra_deg=st.floats(0.0, 360.0, exclude_max=True),
    dec_deg=st.floats(-90.0, 90.0),
)


def _location(site):
    return EarthLocation.from_geodetic(
        site.longitude_deg * u.deg, site.latitude_deg * u.deg, site.elevation_m * u.m
    )


@pytest.mark.parametrize("name", KNOWN_TELESCOPES)
def test_altitudes_and_azimuths_are_right_to_some_arcminutes(name):
    site = known_telescope(name).site
    targets = SkyCoord([10.0, 120.0, 200.0, 310.0, 45.0], [-40.0, 20.0, 60.0, 85.0, -5.0], unit="deg")
    frame = AltAz(obstime=Time(TIMES[1]), location=_location(site))
    exact = targets.transform_to(frame)
    for target, there in zip(targets, exact, strict=True):
        position = SkyPosition(ra_deg=target.ra.deg, dec_deg=target.dec.deg)
        altitude, azimuth = altitude_azimuth_deg(position, site, TIMES[1])
        found = SkyCoord(azimuth, altitude, unit="deg", frame=frame)
        assert found.separation(there).arcmin < 3.0


@pytest.mark.parametrize("time", TIMES)
def test_the_sun_stands_where_it_should(time):
    exact = get_sun(Time(time))
    place = SkyCoord(sun(time).ra_deg, sun(time).dec_deg, unit="deg")
    assert place.separation(SkyCoord(exact.ra, exact.dec)).deg < 0.05


@pytest.mark.parametrize("time", TIMES)
def test_the_moon_stands_where_it_should_with_its_phase(time):
    exact = get_body("moon", Time(time))
    position, lit = moon(time)
    place = SkyCoord(position.ra_deg, position.dec_deg, unit="deg")
    there = SkyCoord(exact.ra, exact.dec)
    assert place.separation(there).deg < 1.5
    the_sun = get_sun(Time(time))
    elongation = there.separation(SkyCoord(the_sun.ra, the_sun.dec))
    assert lit == pytest.approx((1 - math.cos(elongation.rad)) / 2, abs=0.02)


@pytest.mark.parametrize(
    ("altitude", "expected"), [(90, 1.0), (30, 1.994), (10, 5.6), (0, 38.0), (-20, 38.0)]
)
def test_air_masses_are_the_usual_ones(altitude, expected):
    assert airmass(altitude) == pytest.approx(expected, rel=0.03)


def test_a_horizon_is_interpolated_all_round():
    site = known_telescope("gft-jilin").site
    for azimuth, altitude in site.horizon:
        assert horizon_deg(site, azimuth % 360.0) == pytest.approx(altitude)
    assert horizon_deg(site, 35.0) == pytest.approx((16.0 + 22.0) / 2)
    assert horizon_deg(known_telescope("gft-spm").site, 35.0) == 0.0


@given(one=positions, other=positions, fraction=st.floats(0.0, 1.0))
@settings(max_examples=200, deadline=None)
def test_a_place_on_the_way_is_on_the_way(one, other, fraction):
    whole = angle_deg(one, other)
    if whole < 1e-3 or whole > 179.0:
        return
    place = between(one, other, fraction)
    assert angle_deg(one, place) == pytest.approx(fraction * whole, abs=1e-4)
    assert angle_deg(place, other) == pytest.approx((1 - fraction) * whole, abs=1e-4)
