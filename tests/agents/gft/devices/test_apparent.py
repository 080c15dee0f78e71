"""Positions of date against astropy's, there and back; and where they stand over a site."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from astropy.coordinates import TETE, SkyCoord
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from agents.gft.indi.apparent import altitude_azimuth_deg, apparent, icrs, separation_arcsec
from followup import offline  # noqa: F401 - no tables are looked for in the network
from simulators import earth
from simulators.sites import known_telescope
from voevent.packet import SkyPosition

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SITE = known_telescope("gft-spm").site

positions = st.builds(
    SkyPosition, ra_deg=st.floats(0, 359.999), dec_deg=st.floats(-89.9, 89.9), error_radius_deg=st.none()
)


@pytest.mark.parametrize(("ra_deg", "dec_deg"), [(0.1, 0.0), (102.86, 1.78), (266.4, -29.0), (37.9, 89.2)])
def test_they_are_those_of_astropy(ra_deg: float, dec_deg: float) -> None:
    ours = apparent(SkyPosition(ra_deg=ra_deg, dec_deg=dec_deg), NOW)
    theirs = SkyCoord(ra_deg, dec_deg, unit="deg").transform_to(TETE(obstime=Time(NOW)))
    apart = SkyCoord(ours.ra_h * 15.0, ours.dec_deg, unit="deg").separation(
        SkyCoord(theirs.ra.deg, theirs.dec.deg, unit="deg")
    )
    assert apart.arcsec < 0.05


@given(positions)
def test_there_and_back(position: SkyPosition) -> None:
    back = icrs(apparent(position, NOW), NOW)
    assert earth.angle_deg(back, position) * 3600 < 1e-3
    assert separation_arcsec(apparent(back, NOW), apparent(position, NOW)) < 1e-3


@given(positions)
def test_over_a_site_they_stand_where_the_simulators_have_them(position: SkyPosition) -> None:
    altitude, azimuth = altitude_azimuth_deg(apparent(position, NOW), SITE, NOW)
    rough_altitude, rough_azimuth = earth.altitude_azimuth_deg(position, SITE, NOW)
    tolerance = 0.05 if abs(position.dec_deg) < 85 else 0.5
    assert altitude == pytest.approx(rough_altitude, abs=tolerance)
    turn = (azimuth - rough_azimuth + 180) % 360 - 180
    assert abs(turn) * np.cos(np.radians(altitude)) < 2 * tolerance
