"""The population against what is known of afterglows (Dainotti+ 2024; Wang+ 2013; Melandri+ 2008)."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from simulators.earth import angle_deg
from simulators.population import R90_OVER_SIGMA, burst_of, draw_afterglow, draw_burst, draw_position
from voevent.alert import Alert, build_alert
from voevent.notice import read_notice
from voevent.packet import SkyPosition

T0 = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR_S = 3600.0
DAY_S = 86400.0
N = 2500


@pytest.fixture(scope="module")
def studied():
    rng = np.random.default_rng(11)
    return [draw_afterglow(rng, bright=True) for _ in range(N)]


@pytest.fixture(scope="module")
def intrinsic():
    rng = np.random.default_rng(12)
    return [draw_afterglow(rng) for _ in range(N)]


def _mags(sample, t_s):
    return np.array([light.magnitude(t_s, "r") for light in sample])


# What a catalogue holds at a time was detected then, with what observes then: small robots first, large
# telescopes later.
@pytest.mark.parametrize(
    ("t_s", "reach", "median", "spread"),
    [
        (100.0, 17.8, 15.8, [13.9, 17.0]),
        (1000.0, 20.0, 17.4, [15.5, 18.8]),
        (HOUR_S, 21.5, 18.3, [16.6, 20.1]),
        (12 * HOUR_S, 22.5, 19.8, [18.6, 21.4]),
        (DAY_S, 23.5, 20.7, [19.3, 22.2]),
    ],
)
def test_the_studied_sample_is_as_bright_as_the_catalogues(studied, t_s, reach, median, spread):
    mags = _mags(studied, t_s)
    found = np.percentile(mags[mags < reach], [50, 16, 84])
    assert found[0] == pytest.approx(median, abs=0.45)
    assert found[1:] == pytest.approx(spread, abs=0.6)


def test_the_studied_sample_decays_as_the_catalogues_do(studied):
    def index(begin_s, end_s):
        fading = (_mags(studied, end_s) - _mags(studied, begin_s)) / 2.5 / math.log10(end_s / begin_s)
        return float(np.median(fading))

    assert index(1e3, 3e4) == pytest.approx(0.80, abs=0.12)
    assert index(0.7 * DAY_S, 3 * DAY_S) == pytest.approx(1.08, abs=0.12)
    # Early on, the risers have not turned over yet: the mean of all is flatter than that of the fading ones.
    assert 0.1 < index(100.0, 1e3) < 0.6


def test_half_of_those_seen_early_first_rise_and_peak_after_some_minutes(studied):
    seen = [light for light in studied if min(light.magnitude(t, "r") for t in (100.0, 200.0, 300.0)) < 18.0]
    rising = [light for light in seen if light.indices[0] < 0]
    assert len(rising) / len(seen) == pytest.approx(0.5, abs=0.08)
    times = np.geomspace(30.0, 6000.0, 60)
    peaks = [times[np.argmin([light.magnitude(t, "r") for t in times])] for light in rising[:400]]
    assert np.median(peaks) == pytest.approx(330.0, rel=0.2)


def test_breaks_come_around_a_third_of_a_day(studied):
    low, median, high = np.percentile([light.breaks_s[-1] / DAY_S for light in studied], [16, 50, 84])
    assert median == pytest.approx(0.3, rel=0.35)
    assert low == pytest.approx(0.07, rel=0.6)
    assert high == pytest.approx(1.3, rel=0.35)


def test_spectra_are_as_red_as_observed(studied):
    low, median, high = np.percentile([light.spectral_index for light in studied], [7, 50, 93])
    assert median == pytest.approx(1.1, abs=0.1)
    assert low == pytest.approx(0.5, abs=0.1)
    assert high == pytest.approx(2.3, abs=0.4)


def test_most_of_the_intrinsic_population_is_faint(intrinsic):
    mags = _mags(intrinsic, 1000.0)
    assert np.mean(mags > 22.0) == pytest.approx(0.63, abs=0.03)
    counts, edges = np.histogram(mags, bins=np.arange(10.0, 36.0, 1.5))
    assert edges[np.argmax(counts)] <= 22.5 <= edges[np.argmax(counts) + 1] + 1.5


def test_two_metre_robots_detect_two_fifths_of_it_in_ten_minutes(intrinsic):
    assert np.mean(_mags(intrinsic, 400.0) < 21.5) == pytest.approx(24 / 63, abs=0.06)


@pytest.mark.parametrize(("reach", "most"), [(19.0, 0.2), (20.5, 0.35)])
def test_small_telescopes_miss_most_of_it(intrinsic, reach, most):
    # A minute's exposure with 0.5 and with 1.3 m, when the telescope arrives.
    assert 0.05 < np.mean(_mags(intrinsic, 300.0) < reach) < most


def test_brighter_ones_fade_faster(studied):
    brightness = _mags(studied, 1000.0)
    fading = _mags(studied, 3e4) - brightness
    assert np.corrcoef(brightness, fading)[0, 1] < -0.2


def test_positions_cover_the_sky_evenly():
    rng = np.random.default_rng(3)
    positions = [draw_position(rng) for _ in range(2000)]
    assert np.mean([p.dec_deg > 30.0 for p in positions]) == pytest.approx(0.25, abs=0.03)
    assert np.mean([p.ra_deg < 90.0 for p in positions]) == pytest.approx(0.25, abs=0.03)


def test_positions_can_be_kept_between_declinations():
    rng = np.random.default_rng(3)
    declinations = [draw_position(rng, (-33.0, -27.0)).dec_deg for _ in range(200)]
    assert -33.0 <= min(declinations) < -32.0
    assert -28.0 < max(declinations) <= -27.0


def test_a_burst_is_drawn_until_its_place_will_do():
    burst = draw_burst(
        np.random.default_rng(5),
        name="sb26112201",
        trigger_time=T0,
        place=lambda position: position.dec_deg > 60.0,
    )
    assert burst.position.dec_deg > 60.0
    assert burst.magnitude(1000.0, "r") == pytest.approx(burst.afterglow.r_mag)


def test_the_same_seed_draws_the_same_burst():
    one, other = (draw_burst(np.random.default_rng(5), name="sb26112201", trigger_time=T0) for _ in range(2))
    assert one == other


def test_nothing_that_suits_is_an_error():
    with pytest.raises(ValueError, match="in 10 tries"):
        draw_burst(
            np.random.default_rng(5), name="b", trigger_time=T0, place=lambda _position: False, tries=10
        )


def _notice(position):
    alert = Alert(
        burst="sb26112201",
        trigger_time=T0,
        date=T0,
        position=position,
        instrument="ECLAIRs",
        description="an alert",
    )
    return read_notice(build_alert(alert, authority="followup", author="csc", drill=True))


@pytest.mark.parametrize("dec", [-89.95, 0.0, 55.0])
def test_a_real_alert_is_about_a_place_in_its_error_circle(dec):
    centre = SkyPosition(ra_deg=0.01, dec_deg=dec, error_radius_deg=0.1)
    notice = _notice(centre)
    rng = np.random.default_rng(1)
    bursts = [burst_of(notice, rng) for _ in range(400)]
    away = np.array([angle_deg(burst.position, centre) for burst in bursts])
    assert away.max() <= 0.1 + 1e-6
    # Half of a Gaussian that is cut off at its 90 % radius lies within the radius of 45 %.
    half = math.sqrt(-2 * math.log(1 - 0.45)) / R90_OVER_SIGMA * 0.1
    assert np.median(away) == pytest.approx(half, rel=0.12)
    east = [(burst.position.ra_deg - 0.01 + 180.0) % 360.0 - 180.0 for burst in bursts]
    assert abs(np.mean(np.sign(east))) < 0.15


def test_a_place_without_error_is_the_place():
    burst = burst_of(_notice(SkyPosition(ra_deg=10.0, dec_deg=20.0)), np.random.default_rng(1))
    assert angle_deg(burst.position, SkyPosition(ra_deg=10.0, dec_deg=20.0)) < 1e-6
    assert burst.name == "sb26112201"
    assert burst.trigger_time == T0


def test_an_alert_without_a_position_is_about_no_place():
    with pytest.raises(ValueError, match="has no position"):
        burst_of(_notice(None), np.random.default_rng(1))
