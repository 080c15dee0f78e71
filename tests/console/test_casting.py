"""The first burst of a demonstration, held against the telescopes' own planner."""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pytest

from console.casting import DAY, OBSERVABLE, burst_name, first_burst, observable
from followup.almanac import Almanac
from followup.errors import ConfigurationError
from followup.limits import Limits
from followup.plan import ALMANAC_AHEAD, first_answer
from followup.strategy import default_strategies
from simulators.earth import altitude_azimuth_deg
from simulators.sensitivity import signal_to_noise
from simulators.sites import KNOWN_TELESCOPES, known_telescope
from simulators.sky import SimulatedSky, separation_deg
from tests.followup.builders import trigger
from voevent.packet import SkyPosition

SEEDS = range(1, 21)
SPM, JILIN = known_telescope("gft-spm"), known_telescope("gft-jilin")


def _cast(seed, *names):
    telescopes = [known_telescope(name) for name in names or ("gft-spm", "gft-jilin")]
    return first_burst(np.random.default_rng(seed), telescopes, SimulatedSky(seed))


@pytest.fixture(scope="module")
def cast():
    return {seed: _cast(seed) for seed in SEEDS}


@pytest.fixture(scope="module")
def almanacs():
    hours = 24.0 + ALMANAC_AHEAD / timedelta(hours=1) + 1.0
    return {
        known.name: Almanac.tabulate(known.site, DAY - timedelta(minutes=5), hours=hours, step_s=300.0)
        for known in (SPM, JILIN)
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_one_telescope_observes_at_once_and_the_other_never(cast, almanacs, seed):
    burst = cast[seed]
    asked = trigger(
        trigger_time=burst.trigger_time,
        position=SkyPosition(
            ra_deg=burst.position.ra_deg, dec_deg=burst.position.dec_deg, error_radius_deg=0.1
        ),
    )
    now = burst.trigger_time + timedelta(seconds=100)
    accepted, refused = (
        first_answer(
            asked,
            strategies=default_strategies(),
            instrument=known.instrument,
            almanac=almanacs[known.name],
            limits=Limits(),
            now=now,
        )
        for known in (SPM, JILIN)
    )
    assert accepted.accepted
    assert accepted.first_task.start - now < timedelta(minutes=2)
    assert accepted.reason.endswith("strategy prompt, 5 tasks")
    assert not refused.accepted
    assert "never above 20 deg" in refused.reason


@pytest.mark.parametrize("seed", SEEDS)
def test_it_stays_up_over_the_one_until_the_last_visit_and_below_the_limit_of_the_other_for_ever(cast, seed):
    burst = cast[seed]
    visits = [
        altitude_azimuth_deg(burst.position, SPM.site, burst.trigger_time + part * OBSERVABLE)[0]
        for part in np.linspace(0.0, 1.0, 15)
    ]
    assert min(visits) > SPM.site.min_altitude_deg + 1.0
    assert _highest_deg(burst, JILIN.site) < JILIN.site.min_altitude_deg - 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_it_is_seen_at_first_and_in_the_reddest_filter_not(cast, seed):
    """As the default strategies look: the honest limit of what is simulated."""
    burst = cast[seed]

    def best(after_s, exposure_s, exposures, filter_name):
        return signal_to_noise(
            SPM,
            burst.position,
            burst.magnitude(after_s, filter_name, exposure_s),
            time=burst.trigger_time + timedelta(seconds=after_s),
            exposure_s=exposure_s,
            exposures=exposures,
            filter_name=filter_name,
        )

    assert best(200.0, 20.0, 1, "r") > 20.0
    assert best(660.0, 60.0, 2, "r") > 10.0
    # Five standard deviations are a detection; real apertures reach four fifths of the best.
    assert best(2650.0, 90.0, 1, "z") < 4.6
    assert burst.magnitude(100.0, "r") > 14.5


@pytest.mark.parametrize("seed", SEEDS)
def test_no_star_outshines_it(cast, seed):
    stars = SimulatedSky(seed).stars(cast[seed].position, 0.02)
    away = separation_deg(cast[seed].position, stars.ra_deg, stars.dec_deg) * 3600.0
    assert away.min(initial=99.0) > 4.0
    assert away[stars.mags["r"] < 17.0].min(initial=99.0) > 14.0


def test_it_is_drawn_from_the_seed_alone(cast):
    assert _cast(7) == cast[7]
    assert len({burst.position for burst in cast.values()}) == len(cast)


def test_it_is_drawn_in_a_moment():
    began = time.process_time()
    for seed in SEEDS:
        _cast(seed)
    assert time.process_time() - began < 1.0 * len(SEEDS)


@pytest.mark.parametrize("name", KNOWN_TELESCOPES)
def test_any_telescope_alone_has_something_to_observe(name):
    burst = _cast(1, name)
    assert observable(burst.position, known_telescope(name).site, burst.trigger_time)


def test_of_telescopes_that_see_the_same_sky_none_is_left_out():
    burst = _cast(1, "gft-jilin", "gft-xinglong")
    assert any(
        observable(burst.position, known_telescope(name).site, burst.trigger_time)
        for name in ("gft-jilin", "gft-xinglong")
    )


def test_of_several_telescopes_one_is_left_out_whatever_their_order():
    for names in (("gft-lasilla", "gft-spm"), ("gft-jilin", "gft-xinglong", "gft-spm")):
        burst = _cast(3, *names)
        sites = [known_telescope(name).site for name in names]
        assert any(_highest_deg(burst, site) < site.min_altitude_deg for site in sites)
        assert any(observable(burst.position, site, burst.trigger_time) for site in sites)


def _highest_deg(burst, site):
    times = [burst.trigger_time + timedelta(minutes=5 * step) for step in range(289)]
    return max(altitude_azimuth_deg(burst.position, site, time)[0] for time in times)


def test_without_telescopes_there_is_no_burst():
    with pytest.raises(ConfigurationError, match="no burst can be found"):
        first_burst(np.random.default_rng(1), [], SimulatedSky(1))


def test_a_moonlit_or_sunlit_field_is_not_observable():
    noon = DAY.replace(hour=20)
    for ra in range(0, 360, 15):
        assert not observable(SkyPosition(ra_deg=ra, dec_deg=31.0), SPM.site, noon)
    # The Moon is nearly full, in the north of Aries.
    night = DAY.replace(day=22, hour=6)
    assert not observable(SkyPosition(ra_deg=40.0, dec_deg=17.0), SPM.site, night)
    assert observable(SkyPosition(ra_deg=110.0, dec_deg=60.0), SPM.site, night)


def test_names_are_those_of_svom():
    assert burst_name(DAY, 1) == "sb26110901"
    assert burst_name(DAY, 12) == "sb26110912"
