"""Light curve, SED and finding chart: what must be visible is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from astropy.wcs import WCS
from matplotlib.image import imread

from followup.figures.finding_chart import finding_chart_figure
from followup.figures.lightcurve import light_curve_figure
from followup.figures.sed import sed_figure
from followup.figures.style import ACCENT, MOON, filter_colour
from voevent.kinds import PhotometryPoint, PowerLaw, SedPoint
from voevent.packet import SkyPosition

FIT = PowerLaw(index=0.9, index_err=0.05, chi2=3.2, dof=4)


def picture(png: bytes) -> np.ndarray:
    assert png.startswith(b"\x89PNG")
    return imread(io.BytesIO(png))


def coloured(image: np.ndarray, colour: str) -> np.ndarray:
    """Where the image has (nearly) this colour."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    return np.all(np.abs(image[..., :3] - wanted) < 0.06, axis=-1)


def point(t_s, mag, name="r", *, limit=False, mag_err=0.05):
    return PhotometryPoint(
        task="t1",
        t_s=t_s,
        exposure_s=60.0,
        filter=name,
        mag=mag,
        mag_err=None if limit else mag_err,
        limit=limit,
    )


def test_a_light_curve_shows_every_filter_brighter_upwards():
    bright, faint = point(100.0, 15.0, "g"), point(20000.0, 20.0, "i")
    image = picture(light_curve_figure([bright, faint, point(1e4, 21.0, limit=True)], title="sb26112201"))
    g_rows, g_columns = np.nonzero(coloured(image, filter_colour("g")))
    i_rows, i_columns = np.nonzero(coloured(image, filter_colour("i")))
    assert i_rows.max() > g_rows.max() + 100, "the faint point is lower"
    assert i_columns.min() > g_columns.min() + 100, "the late point is further right"
    assert coloured(image, filter_colour("r")).sum() > 20, "the limit is marked"


@pytest.mark.parametrize(
    "points",
    [
        [],
        [point(300.0, 18.0)],
        [point(300.0, 20.0, limit=True)],
        [point(-20.0, 18.0)],
        [point(30.0 * 4**k, 14.0 + k, name) for k in range(8) for name in "griz"],
        [point(100.0, 18.0, "clear"), point(110.0, float("inf"), limit=True)],
    ],
    ids=["none", "one", "limit", "before", "many", "odd"],
)
def test_a_light_curve_of_anything_can_be_drawn(points):
    first = light_curve_figure(points, title="sb26112201 · gft-spm", fit=FIT)
    assert picture(first).shape == (528, 880, 4)
    assert first == light_curve_figure(points, title="sb26112201 · gft-spm", fit=FIT)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("relative_error", [0.02, 3.0])
def test_a_spectrum_shows_its_points(count, relative_error):
    sed = [
        SedPoint(
            filter=f,
            wavelength_nm=w,
            flux_density_ujy=w / 5.0,
            flux_density_err_ujy=w / 5.0 * relative_error,
        )
        for f, w in (("g", 481.1), ("r", 615.6), ("i", 750.4), ("z", 866.9))[:count]
    ]
    image = picture(sed_figure(sed, epoch_s=420.0, title="sb26112201", fit=FIT if count > 2 else None))
    for p in sed:
        assert coloured(image, filter_colour(p.filter)).sum() > 20


class TestFindingChart:
    circle = SkyPosition(ra_deg=150.0, dec_deg=40.0, error_radius_deg=3.0 / 60.0)

    def sky(self, rng, angle_deg=0.0):
        """A field with one bright star 2 arcmin north and 1 arcmin east of its middle."""
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.crval = [150.0, 40.0]
        wcs.wcs.crpix = [256.0, 256.0]
        c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
        wcs.wcs.cd = np.array([[-c, s], [s, c]]) * 2.0 / 3600.0
        pixels = rng.normal(100.0, 2.0, (512, 512)).astype(np.float32)
        star = SkyPosition(ra_deg=150.0 + 1.0 / 60.0 / np.cos(np.radians(40.0)), dec_deg=40.0 + 2.0 / 60.0)
        x, y = wcs.wcs_world2pix([star.ra_deg], [star.dec_deg], 0)
        gy, gx = np.mgrid[0:512, 0:512]
        pixels += 4000.0 * np.exp(-((gx - x[0]) ** 2 + (gy - y[0]) ** 2) / 8.0)
        return pixels, wcs, star

    @pytest.mark.parametrize("angle_deg", [0.0, 30.0, 180.0])
    def test_north_is_up_and_east_left_whatever_the_detector(self, rng, angle_deg):
        pixels, wcs, star = self.sky(rng, angle_deg)
        image = picture(
            finding_chart_figure(pixels, wcs, circle=self.circle, source=star, title="sb26112201")
        )
        ring_rows, ring_columns = np.nonzero(coloured(image, MOON))
        middle = (ring_rows.min() + ring_rows.max()) / 2, (ring_columns.min() + ring_columns.max()) / 2
        per_arcmin = (ring_columns.max() - ring_columns.min()) / 6.0
        row, column = middle[0] - 2.0 * per_arcmin, middle[1] - 1.0 * per_arcmin
        near = image[round(row) - 3 : round(row) + 4, round(column) - 3 : round(column) + 4, 0]
        assert near.mean() < 0.2, "the star is black and where it belongs"
        reticle_rows, reticle_columns = np.nonzero(coloured(image, ACCENT))
        assert abs(reticle_columns.min() - column) < 4, "the strokes lead up and right of the source"
        assert abs(reticle_rows.max() - row) < 4

    def test_without_source_and_circle_the_frame_is_shown(self, rng):
        pixels, wcs, _ = self.sky(rng)
        pixels[:20] = np.nan
        image = picture(finding_chart_figure(pixels, wcs, circle=None, source=None, title="sb26112201"))
        assert not coloured(image, ACCENT).any()
        assert not coloured(image, MOON).any()

    def test_a_width_can_be_chosen(self, rng):
        pixels, wcs, star = self.sky(rng)
        wide = finding_chart_figure(pixels, wcs, circle=None, source=star, title="x", width_arcmin=12.0)
        narrow = finding_chart_figure(pixels, wcs, circle=None, source=star, title="x", width_arcmin=3.0)

        def black(png):
            return (picture(png)[100:600, 100:600, :3].max(axis=-1) < 0.1).sum()

        assert black(narrow) > 4 * black(wide)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)
