"""The image of a star: all of its light, where it belongs, in the shape of a Moffat profile."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import dblquad

from simulators.pointspread import MOFFAT_BETA, PointSources, draw


def _image(x, y, electrons, fwhm_px, shape=(101, 121)):
    image = np.zeros(shape, dtype=np.float32)
    sources = PointSources(
        x=np.atleast_1d(np.asarray(x, float)),
        y=np.atleast_1d(np.asarray(y, float)),
        electrons=np.atleast_1d(np.asarray(electrons, float)),
    )
    draw(image, sources, fwhm_px)
    return image


def _moffat_pixel(dx, dy, fwhm_px):
    """The profile integrated over one pixel, by quadrature."""
    core = fwhm_px / (2 * math.sqrt(2 ** (1 / MOFFAT_BETA) - 1))
    value, _ = dblquad(
        lambda v, u: (1 + (u * u + v * v) / core**2) ** -MOFFAT_BETA,
        dx - 0.5,
        dx + 0.5,
        dy - 0.5,
        dy + 0.5,
    )
    return value * (MOFFAT_BETA - 1) / (math.pi * core**2)


@pytest.mark.parametrize("fwhm_px", [1.5, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("electrons", [100.0, 1e5, 1e7])
def test_no_light_is_lost(fwhm_px, electrons):
    assert _image(60.3, 49.8, electrons, fwhm_px).sum() == pytest.approx(electrons, rel=5e-3)


@pytest.mark.parametrize("fwhm_px", [1.6, 2.5, 4.0])
def test_the_profile_is_a_moffat_integrated_over_pixels(fwhm_px):
    image = _image(60.25, 50.4, 1.0, fwhm_px)
    peak = _moffat_pixel(-0.25, -0.4, fwhm_px)
    for column, row in [(60, 50), (61, 50), (60, 52), (62, 51), (63, 47)]:
        expected = _moffat_pixel(column - 60.25, row - 50.4, fwhm_px)
        assert image[row, column] == pytest.approx(expected, abs=0.02 * peak)


def test_x_counts_columns_and_y_counts_rows_from_pixel_centres():
    image = _image(30.0, 70.0, 1000.0, 2.5)
    assert np.unravel_index(image.argmax(), image.shape) == (70, 30)
    assert image[70, 29] == pytest.approx(image[70, 31])
    assert image[69, 30] == pytest.approx(image[71, 30])


def test_the_centre_of_light_is_the_position():
    image = _image(60.37, 49.71, 1e5, 2.2)
    rows, columns = np.indices(image.shape)
    assert (image * columns).sum() / image.sum() == pytest.approx(60.37, abs=0.01)
    assert (image * rows).sum() / image.sum() == pytest.approx(49.71, abs=0.01)


def test_half_the_peak_is_half_the_width_away():
    image = _image(60.0, 50.0, 1e5, 20.0)
    row = image[50] / image[50, 60]
    assert np.interp(-0.5, -row[60:], np.arange(len(row) - 60)) == pytest.approx(10.0, rel=0.03)


def test_sources_over_the_edge_leave_what_falls_inside():
    whole = _image(60.0, 50.0, 1000.0, 3.0)
    cut = _image(-0.5, 50.0, 1000.0, 3.0)
    assert cut.sum() == pytest.approx(whole.sum() / 2, rel=0.01)
    assert _image(-300.0, 50.0, 1000.0, 3.0).sum() == 0.0
    assert _image(60.0, 100.0 + 300.0, 1000.0, 3.0).sum() == 0.0


def test_sources_add_up_whatever_their_brightness():
    x, y, e = [20.0, 20.5, 90.0], [30.0, 30.5, 80.0], [1e3, 1e5, 1e7]
    together = _image(x, y, e, 2.5)
    apart = sum(_image(*one, 2.5) for one in zip(x, y, e, strict=True))
    assert np.allclose(together, apart, rtol=1e-4, atol=0.1)
    assert _image([20.0], [30.0], [0.0], 2.5).sum() == 0.0
