from __future__ import annotations

import numpy as np
import pytest

from agents.gft.reduction.astrometry import solve, to_pixels, to_plane, to_sky
from agents.gft.reduction.errors import UnsolvedError
from agents.gft.reduction.sources import Detections
from voevent.packet import SkyPosition

SHAPE = (1000, 1200)
SCALE = 1.3


def field(rng, *, stars=150, ra_deg=150.0, dec_deg=50.0):
    """Stars of a cone around a pointing."""
    centre = SkyPosition(ra_deg=ra_deg, dec_deg=dec_deg)
    radius = 0.45
    dec = dec_deg + radius * rng.uniform(-1, 1, 4 * stars)
    ra = ra_deg + radius * rng.uniform(-1, 1, 4 * stars) / np.cos(np.radians(dec))
    mag = 12.0 + 8.0 * rng.random(4 * stars) ** 0.5
    return centre, ra % 360.0, dec, mag


def detections(rng, ra, dec, mag, looks_at, *, angle_deg=0.0, mirrored=False, complete=0.85, spurious=15):
    """What a detector sees of the stars when it looks there, turned by so much."""
    xi, eta = to_plane(ra, dec, looks_at)
    angle = np.radians(angle_deg)
    side = 1.0 if mirrored else -1.0
    x = (side * xi * np.cos(angle) - eta * np.sin(angle)) * 3600.0 / SCALE + (SHAPE[1] - 1) / 2
    y = (side * xi * np.sin(angle) + eta * np.cos(angle)) * 3600.0 / SCALE + (SHAPE[0] - 1) / 2
    seen = (
        (x > 0) & (x < SHAPE[1]) & (y > 0) & (y < SHAPE[0]) & (mag < 18.5) & (rng.random(len(x)) < complete)
    )
    x, y, snr = (
        x[seen] + rng.normal(0, 0.1, seen.sum()),
        y[seen] + rng.normal(0, 0.1, seen.sum()),
        10 ** (0.4 * (20 - mag[seen])),
    )
    x = np.append(x, rng.uniform(0, SHAPE[1], spurious))
    y = np.append(y, rng.uniform(0, SHAPE[0], spurious))
    snr = np.append(snr, rng.uniform(5, 500, spurious))
    order = np.argsort(-snr)
    return Detections(x=x[order], y=y[order], peak=snr[order], snr=snr[order])


def solution(found, ra, dec, mag, pointing):
    return solve(found, ra, dec, mag, pointing=pointing, scale_arcsec=SCALE, shape=SHAPE)


@pytest.mark.parametrize("off_arcsec", [0.0, 60.0, 240.0])
@pytest.mark.parametrize("angle_deg", [0.0, 1.5, -7.0, 90.0, 180.0])
def test_a_frame_is_solved_whatever_its_rotation_and_pointing_error(rng, off_arcsec, angle_deg):
    pointing, ra, dec, mag = field(rng)
    looks_at = SkyPosition(ra_deg=pointing.ra_deg, dec_deg=pointing.dec_deg + off_arcsec / 3600.0)
    found = detections(rng, ra, dec, mag, looks_at, angle_deg=angle_deg)
    solved = solution(found, ra, dec, mag, pointing)
    middle = to_sky(solved.wcs, (SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2)
    assert middle.ra_deg == pytest.approx(looks_at.ra_deg, abs=0.1 / 3600.0)
    assert middle.dec_deg == pytest.approx(looks_at.dec_deg, abs=0.1 / 3600.0)
    assert solved.rms_arcsec == pytest.approx(0.1 * SCALE, rel=0.3)


@pytest.mark.parametrize("dec_deg", [-89.2, 0.0, 85.0])
@pytest.mark.parametrize("ra_deg", [0.01, 150.0])
def test_it_is_solved_near_the_pole_and_where_right_ascension_begins_anew(rng, ra_deg, dec_deg):
    pointing = SkyPosition(ra_deg=ra_deg, dec_deg=dec_deg)
    xi, eta = 0.45 * rng.uniform(-1, 1, (2, 500))
    dec0 = np.radians(dec_deg)
    depth = np.cos(dec0) - np.radians(eta) * np.sin(dec0)
    ra = (ra_deg + np.degrees(np.arctan2(np.radians(xi), depth))) % 360.0
    dec = np.degrees(
        np.arctan2(np.sin(dec0) + np.radians(eta) * np.cos(dec0), np.hypot(np.radians(xi), depth))
    )
    mag = 12.0 + 8.0 * rng.random(500) ** 0.5
    solved = solution(detections(rng, ra, dec, mag, pointing), ra, dec, mag, pointing)
    x, y = to_pixels(solved.wcs, np.array([ra_deg]), np.array([dec_deg]))
    assert np.hypot(x[0] - (SHAPE[1] - 1) / 2, y[0] - (SHAPE[0] - 1) / 2) < 0.2


def test_a_mirrored_detector_is_recognised(rng):
    pointing, ra, dec, mag = field(rng)
    found = detections(rng, ra, dec, mag, pointing, mirrored=True, angle_deg=30.0)
    solved = solution(found, ra, dec, mag, pointing)
    assert np.linalg.det(solved.wcs.pixel_scale_matrix) > 0.0


def test_a_sparse_field_is_solved(rng):
    pointing, ra, dec, mag = field(rng, stars=12)
    mag -= 3.0
    found = detections(rng, ra, dec, mag, pointing, complete=1.0, spurious=3)
    assert len(found) < 40
    assert solution(found, ra, dec, mag, pointing).stars >= 8


def test_another_field_is_not_taken_for_this_one(rng):
    for _ in range(5):
        pointing, ra, dec, mag = field(rng)
        _, other_ra, other_dec, other_mag = field(rng)
        found = detections(rng, other_ra, other_dec, other_mag, pointing)
        with pytest.raises(UnsolvedError, match="match no arrangement"):
            solution(found, ra, dec, mag, pointing)


def test_too_few_sources_are_said_to_be_too_few(rng):
    pointing, ra, dec, mag = field(rng)
    found = detections(rng, ra, dec, mag, pointing)
    with pytest.raises(UnsolvedError, match="only 3 sources") as caught:
        solution(found[:3], ra, dec, mag, pointing)
    assert "clouds" in caught.value.hint
