"""The light of a burst: slopes, colours, the mean over an exposure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.afterglow import Afterglow
from simulators.filters import PASSBANDS

PLAIN = Afterglow(r_mag=17.0, indices=(1.0,), breaks_s=(), spectral_index=1.1)


def test_it_has_its_magnitude_at_the_reference_time():
    light = Afterglow(r_mag=18.3, indices=(-0.5, 0.8, 1.2), breaks_s=(300.0, 3e4), spectral_index=0.9)
    assert light.magnitude(1000.0, "r") == pytest.approx(18.3)


def test_a_power_law_fades_by_two_and_a_half_magnitudes_a_decade():
    assert PLAIN.magnitude(1e4, "r") - PLAIN.magnitude(1e3, "r") == pytest.approx(2.5)


def test_far_from_its_breaks_it_has_its_slopes():
    light = Afterglow(r_mag=17.0, indices=(-1.0, 0.6, 1.3), breaks_s=(300.0, 1e5), spectral_index=1.0)

    def slope(t_s):
        return (light.magnitude(t_s * 1.1, "r") - light.magnitude(t_s, "r")) / 2.5 / math.log10(1.1)

    assert slope(5.0) == pytest.approx(-1.0, abs=0.01)
    assert slope(5e3) == pytest.approx(0.6, abs=0.02)
    assert slope(5e6) == pytest.approx(1.3, abs=0.01)


def test_red_light_is_brighter_by_the_spectral_index():
    ratio = PASSBANDS["z"].wavelength_nm / PASSBANDS["g"].wavelength_nm
    expected = 2.5 * 1.1 * math.log10(ratio)
    assert PLAIN.magnitude(500.0, "g") - PLAIN.magnitude(500.0, "z") == pytest.approx(expected)


@pytest.mark.parametrize(("begin_s", "end_s"), [(60.0, 61.0), (60.0, 180.0), (1.0, 600.0), (1e4, 1.3e4)])
def test_an_exposure_collects_the_mean_flux(begin_s, end_s):
    # The integral of 1000 / t.
    expected = 1000.0 * math.log(end_s / begin_s) / (end_s - begin_s)
    assert PLAIN.flux_ratio(begin_s, end_s) == pytest.approx(expected, rel=1e-6)


def test_the_mean_flux_follows_breaks_within_the_exposure():
    light = Afterglow(r_mag=17.0, indices=(-1.5, 1.0), breaks_s=(300.0,), spectral_index=1.0)
    times = np.linspace(100.0, 1500.0, 200_001)
    middle = (times[1:] + times[:-1]) / 2
    reference = np.mean([light.flux_ratio(t, t) for t in middle[::50]])
    assert light.flux_ratio(100.0, 1500.0) == pytest.approx(reference, rel=1e-3)


def test_a_magnitude_over_an_exposure_is_centred_on_it():
    assert PLAIN.magnitude(120.0, "r", 120.0) == pytest.approx(
        17.0 - 2.5 * math.log10(PLAIN.flux_ratio(60.0, 180.0))
    )
    assert PLAIN.magnitude(120.0, "r", 120.0) < PLAIN.magnitude(120.0, "r")


def test_nothing_shines_before_the_trigger():
    assert PLAIN.magnitude(-10.0, "r") == math.inf
    assert PLAIN.magnitude(-100.0, "r", 60.0) == math.inf


def test_an_exposure_that_begins_before_the_trigger_gets_less():
    assert 0.0 < PLAIN.flux_ratio(-60.0, 60.0) == pytest.approx(PLAIN.flux_ratio(1.0, 60.0) * 59 / 120)


@pytest.mark.parametrize(
    ("indices", "breaks_s"),
    [((1.0, 2.0), ()), ((1.0,), (5.0,)), ((1.0, 2.0, 3.0), (5.0, 5.0)), ((1.0, 2.0), (0.0,)), ((), ())],
)
def test_a_light_curve_that_makes_no_sense_is_refused(indices, breaks_s):
    with pytest.raises(ValueError, match="break"):
        Afterglow(r_mag=17.0, indices=indices, breaks_s=breaks_s, spectral_index=1.0)


@given(begin_s=st.floats(-1e3, 1e6), length_s=st.floats(0.0, 1e4))
def test_the_mean_lies_between_the_extremes(begin_s, length_s):
    ratio = PLAIN.flux_ratio(begin_s, begin_s + length_s)
    assert math.isfinite(ratio)
    if begin_s > 1.0:
        low, high = (
            PLAIN.flux_ratio(begin_s + length_s, begin_s + length_s),
            PLAIN.flux_ratio(begin_s, begin_s),
        )
        assert low * (1 - 1e-9) <= ratio <= high * (1 + 1e-9)
