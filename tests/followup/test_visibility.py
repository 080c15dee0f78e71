import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from followup.limits import Limits
from followup.obstacle import obstacle
from followup.offline import astroplan
from followup.safety import pointing_breaches
from followup.visibility import (
    Visibility,
    airmass,
    horizon_deg,
    instant,
    location_of,
    observe_visibility,
    separation_deg,
)
from tests.followup.builders import MIDNIGHT, hourly, position, site

DAY = timedelta(hours=24)


def hours(visibility: Visibility) -> list[tuple[float, float]]:
    """Give the windows in hours since the start."""
    return [
        ((w.start - MIDNIGHT) / timedelta(hours=1), (w.end - MIDNIGHT) / timedelta(hours=1))
        for w in visibility.windows
    ]


@pytest.mark.parametrize(("ra_deg", "dec_deg"), [(80.0, 20.0), (200.0, 70.0), (30.0, -40.0)])
def test_agrees_with_astroplan_constraints(ra_deg: float, dec_deg: float) -> None:
    seen = observe_visibility(position(ra_deg, dec_deg), site(), Limits(), start=MIDNIGHT, end=MIDNIGHT + DAY)
    times = Time(seen.unix_s, format="unix")
    observer = astroplan.Observer(location=location_of(site()))
    target = SkyCoord(ra_deg * u.deg, dec_deg * u.deg)
    high = astroplan.AltitudeConstraint(min=20 * u.deg)(observer, target, times)
    night = astroplan.AtNightConstraint(max_solar_altitude=-12 * u.deg)(observer, target, times)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the angle is taken in the Moon's geocentric frame, which is meant
        far = astroplan.MoonSeparationConstraint(min=20 * u.deg)(observer, target, times)
    np.testing.assert_array_equal(seen.up, high)
    np.testing.assert_array_equal(seen.dark, night)
    np.testing.assert_array_equal(seen.moon_separation_deg >= 20, far)


def test_edges_of_windows_are_interpolated() -> None:
    seen = hourly(altitude=[10, 30, 40, 30, 10], sun=[-30] * 5)
    assert hours(seen) == [(0.5, 3.5)]
    dusk = hourly(altitude=[50] * 5, sun=[0, -16, -30, -20, -4])
    assert hours(dusk) == [(0.75, 3.5)]


def test_window_open_at_the_start_and_at_the_end() -> None:
    assert hours(hourly(altitude=[40] * 3, sun=[-30] * 3)) == [(0, 2)]


def test_two_windows_around_a_dip() -> None:
    assert hours(hourly(altitude=[40, 30, 10, 30, 40], sun=[-30] * 5)) == [(0, 1.5), (2.5, 4)]


def test_the_moon_counts_only_while_it_is_up() -> None:
    near = [5.0] * 4
    assert hours(hourly(altitude=[50] * 4, sun=[-30] * 4, separation=near)) == [(0, 3)]
    rises = hourly(altitude=[50] * 4, sun=[-30] * 4, separation=near, moon=[-20, -5, 10, 20])
    assert hours(rises) == [(0, 1)], "the edge is not interpolated into the time when the Moon is up"


def test_the_mount_reaches_neither_the_zenith_nor_far_from_the_meridian() -> None:
    night = {"altitude": [40, 60, 80, 60, 40], "sun": [-30] * 5}
    assert hours(hourly(**night, limits=Limits(max_altitude_deg=70.0))) == [(0, 1.5), (2.5, 4)]
    # In the south the hour angle is 0, whatever the altitude.
    assert hours(hourly(**night, limits=Limits(max_hour_angle_h=0.5))) == [(0, 4)]


@pytest.mark.parametrize(("ra_deg", "dec_deg"), [(80.0, 20.0), (200.0, 70.0), (30.0, -40.0)])
def test_hour_angles_agree_with_astroplan(ra_deg: float, dec_deg: float) -> None:
    seen = observe_visibility(position(ra_deg, dec_deg), site(), Limits(), start=MIDNIGHT, end=MIDNIGHT + DAY)
    observer = astroplan.Observer(location=location_of(site()))
    target = SkyCoord(ra_deg * u.deg, dec_deg * u.deg)
    theirs = observer.target_hour_angle(Time(seen.unix_s, format="unix"), target)
    apart = (seen.hour_angle_h - theirs.to_value(u.hourangle) + 12.0) % 24.0 - 12.0
    # Precession since 2000 and aberration: theirs is of the catalogue's place.
    assert np.abs(apart).max() < 0.1


def test_windows_are_where_the_mount_may_look() -> None:
    limits = Limits(max_hour_angle_h=2.0, max_altitude_deg=75.0)
    free, seen = (
        observe_visibility(position(), site(), each, start=MIDNIGHT, end=MIDNIGHT + DAY, step_s=60.0)
        for each in (Limits(), limits)
    )
    inside = np.zeros(len(seen.unix_s), dtype=bool)
    for window in seen.windows:
        inside |= (seen.unix_s > window.start.timestamp()) & (seen.unix_s < window.end.timestamp())
    assert 0 < inside.sum() < sum(w.duration_s for w in free.windows) / 60.0
    for altitude, azimuth, hour_angle in zip(
        seen.altitude_deg[inside], seen.azimuth_deg[inside], seen.hour_angle_h[inside], strict=True
    ):
        where = {"altitude_deg": altitude, "azimuth_deg": azimuth, "hour_angle_h": hour_angle}
        assert pointing_breaches(**where, site=site(), limits=limits) == ()


def test_local_horizon() -> None:
    hill = site(horizon=((90.0, 0.0), (180.0, 50.0), (270.0, 0.0)))
    found = horizon_deg(hill, np.array([0.0, 90.0, 135.0, 180.0, 359.0]))
    np.testing.assert_allclose(found, [20.0, 20.0, 25.0, 50.0, 20.0])
    seen = hourly(altitude=[40, 45, 40], sun=[-30] * 3, where=hill)
    assert seen.windows == ()
    assert obstacle(seen) == (
        "never above the local horizon in the next 2 h (highest 45.0 deg at 2026-11-22 09:00 UTC)"
    )


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (
            hourly(altitude=[5, 9.1, 3], sun=[-30] * 3),
            "never above 20 deg in the next 2 h (highest 9.1 deg at 2026-11-22 09:00 UTC)",
        ),
        (
            hourly(altitude=[50] * 3, sun=[5, -3.2, 5]),
            "the Sun stays above -12 deg for the next 2 h (lowest -3.2 deg at 2026-11-22 09:00 UTC)",
        ),
        (
            hourly(altitude=[50, 25, 10, 0], sun=[5, 0, -11, -30]),
            (
                "Sun above -12 deg until 2026-11-22 11:00 UTC, target sets below 20 deg before, "
                "at 2026-11-22 09:00 UTC"
            ),
        ),
        (
            hourly(altitude=[50, 10, 0, 0, 30], sun=[5, 0, -30, 0, 5]),
            (
                "Sun above -12 deg until 2026-11-22 10:00 UTC, target sets below 20 deg before, "
                "at 2026-11-22 08:00 UTC, and rises above 20 deg at 2026-11-22 12:00 UTC, in daylight"
            ),
        ),
        (
            hourly(altitude=[0, 0, 10, 30], sun=[-30, -30, 0, 5]),
            "Sun above -12 deg from 2026-11-22 10:00 UTC, target rises above 20 deg at 2026-11-22 11:00 UTC",
        ),
        (
            hourly(altitude=[50] * 3, sun=[-30] * 3, moon=[30] * 3, separation=[9.0, 8.4, 8.0]),
            "8.0 deg from the Moon when up in the dark in the next 2 h (at least 20 deg are wanted)",
        ),
        (
            hourly(altitude=[50, 60, 70], sun=[-30] * 3, limits=Limits(max_altitude_deg=45.0)),
            (
                "never within the mount's limits when up in the dark in the next 2 h: "
                "altitude 50 to 70 deg (at most 45), 0.0 to 0.0 h from the meridian (at most 12)"
            ),
        ),
        (hourly(altitude=[50] * 3, sun=[-30] * 3), ""),
    ],
)
def test_obstacle_says_why(seen: Visibility, says: str) -> None:
    assert obstacle(seen) == says


@given(
    st.lists(
        st.tuples(st.floats(-90, 90), st.floats(-90, 90), st.floats(-90, 90), st.floats(0, 180)),
        min_size=2,
        max_size=12,
    )
)
def test_there_is_a_reason_exactly_when_there_is_no_window(
    points: list[tuple[float, float, float, float]],
) -> None:
    altitude, sun, moon, separation = (list(column) for column in zip(*points, strict=True))
    seen = hourly(altitude=altitude, sun=sun, moon=moon, separation=separation)
    assert bool(obstacle(seen)) != bool(seen.windows)
    previous = MIDNIGHT
    for window in seen.windows:
        assert previous <= window.start < window.end <= instant(seen.unix_s[-1])
        previous = window.end


def test_windows_do_not_begin_before_the_start() -> None:
    later = replace(hourly(altitude=[40] * 3, sun=[-30] * 3), start=MIDNIGHT + timedelta(minutes=7))
    assert later.windows[0].start == MIDNIGHT + timedelta(minutes=7)


def test_airmass() -> None:
    assert airmass(90) == pytest.approx(1.0, abs=1e-3)
    assert airmass(30) == pytest.approx(1.993, abs=2e-3)
    assert 37 < airmass(0) < 40
    assert airmass(-20) == airmass(0)


def test_separation() -> None:
    lon, lat = np.array([0.0, 359.0, 10.0]), np.array([0.0, 0.0, 90.0])
    found = separation_deg(lon, lat, np.array([90.0, 1.0, 200.0]), np.array([0.0, 0.0, -90.0]))
    np.testing.assert_allclose(found, [90.0, 2.0, 180.0])


def test_instant_is_utc_to_the_second() -> None:
    assert instant(1e9 + 0.6) == datetime(2001, 9, 9, 1, 46, 41, tzinfo=UTC)
