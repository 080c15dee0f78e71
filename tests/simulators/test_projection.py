"""TAN, north up, east left: held against astropy's WCS."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from simulators.projection import Projection, offset
from simulators.sky import separation_deg
from voevent.packet import SkyPosition

CENTRES = [(150.0, 2.0), (0.01, -40.0), (210.0, 75.0), (33.0, 90.0)]


def _projection(ra=150.0, dec=2.0, rotation=0.0):
    return Projection(
        centre=SkyPosition(ra_deg=ra, dec_deg=dec),
        width_px=1024,
        height_px=800,
        pixel_scale_arcsec=1.27,
        rotation_deg=rotation,
    )


def _wcs(projection):
    """The same in FITS' terms (Calabretta & Greisen 2002, A&A 395, 1077)."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [projection.centre.ra_deg, projection.centre.dec_deg]
    wcs.wcs.lonpole = 180.0  # at a pole the default is another
    wcs.wcs.crpix = [(projection.width_px + 1) / 2, (projection.height_px + 1) / 2]
    scale, angle = projection.pixel_scale_arcsec / 3600.0, math.radians(projection.rotation_deg)
    wcs.wcs.cd = scale * np.array([[-math.cos(angle), math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return wcs


@pytest.mark.parametrize(("ra", "dec"), CENTRES)
@pytest.mark.parametrize("rotation", [0.0, 0.35, -0.8, 90.0])
def test_pixels_are_those_of_a_tangential_wcs(ra, dec, rotation):
    projection = _projection(ra, dec, rotation)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 1023, 50), rng.uniform(0, 799, 50)
    found = projection.pixels(*_wcs(projection).all_pix2world(x, y, 0))
    assert np.allclose(found, (x, y), atol=1e-6)


def test_the_position_looked_at_falls_on_the_centre():
    x, y = _projection().pixels(np.array([150.0]), np.array([2.0]))
    assert (x[0], y[0]) == (511.5, 399.5)


def test_north_is_up_and_east_is_left():
    x, y = _projection().pixels(np.array([150.0, 150.1]), np.array([2.1, 2.0]))
    assert y[0] > 399.5
    assert x[0] == pytest.approx(511.5)
    assert x[1] < 511.5
    assert y[1] == pytest.approx(399.5, abs=0.05)


def test_a_positive_rotation_turns_the_y_axis_towards_east():
    along_y = np.array([511.5]), np.array([799.0])
    turned = _projection(rotation=30.0)
    ra, dec = _wcs(turned).all_pix2world(*along_y, 0)
    towards = SkyCoord(150.0, 2.0, unit="deg").position_angle(SkyCoord(ra[0], dec[0], unit="deg"))
    assert towards.deg == pytest.approx(30.0, abs=0.01)


def test_the_reach_holds_every_corner():
    projection = _projection(210.0, 75.0)
    ra, dec = _wcs(projection).all_pix2world([-0.5, 1023.5], [-0.5, 799.5], 0)
    reach = separation_deg(projection.centre, ra, dec)
    assert reach.max() == pytest.approx(projection.reach_deg, rel=1e-3)
    assert reach.max() <= projection.reach_deg


@pytest.mark.parametrize(("ra", "dec"), [*CENTRES, (0.0, -90.0)])
def test_an_offset_is_as_far_and_in_the_direction_that_was_asked_for(ra, dec):
    centre = SkyPosition(ra_deg=ra, dec_deg=dec, error_radius_deg=0.1)
    found = offset(centre, east_arcsec=300.0, north_arcsec=-400.0)
    x, y = _projection(ra, dec).pixels(np.array([found.ra_deg]), np.array([found.dec_deg]))
    assert (511.5 - x[0]) * 1.27 == pytest.approx(300.0, abs=1e-3)
    assert (y[0] - 399.5) * 1.27 == pytest.approx(-400.0, abs=1e-3)
    assert 0.0 <= found.ra_deg < 360.0
    assert found.error_radius_deg is None
