import warnings
from datetime import timedelta

import numpy as np
import pytest

from followup.almanac import Almanac, fast_visibility
from followup.limits import Limits
from followup.visibility import observe_visibility
from tests.followup.builders import MIDNIGHT, position, site

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def almanac() -> Almanac:
    return Almanac.tabulate(site(), MIDNIGHT, hours=26, step_s=300)


@pytest.mark.parametrize(("ra_deg", "dec_deg"), [(80.0, 20.0), (200.0, -70.0), (0.0, 90.0), (359.9, -30.0)])
def test_the_table_gives_what_astroplan_computes(almanac: Almanac, ra_deg: float, dec_deg: float) -> None:
    there = position(ra_deg, dec_deg)
    fast = fast_visibility(there, almanac, Limits(), start=MIDNIGHT, end=MIDNIGHT + 24 * HOUR)
    full = observe_visibility(there, site(), Limits(), start=MIDNIGHT, end=MIDNIGHT + 24 * HOUR, step_s=300)
    np.testing.assert_allclose(fast.unix_s, full.unix_s)
    for name in (
        "altitude_deg",
        "azimuth_deg",
        "sun_altitude_deg",
        "moon_altitude_deg",
        "moon_separation_deg",
    ):
        np.testing.assert_allclose(getattr(fast, name), getattr(full, name), atol=1e-6, err_msg=name)
    assert fast.windows == full.windows


def test_windows_begin_no_earlier_than_asked(almanac: Almanac) -> None:
    start = MIDNIGHT + timedelta(seconds=437)
    windows = fast_visibility(position(), almanac, Limits(), start=start, end=start + HOUR).windows
    assert windows[0].start == start


def test_a_moment_can_be_looked_up(almanac: Almanac) -> None:
    for start in (almanac.start, MIDNIGHT + HOUR, almanac.end):
        assert len(fast_visibility(position(), almanac, Limits(), start=start, end=start).unix_s) >= 2


def test_a_time_it_does_not_cover_is_an_error(almanac: Almanac) -> None:
    with pytest.raises(ValueError, match=r"covers 2026-11-22 08:00 to 2026-11-23 10:00"):
        fast_visibility(position(), almanac, Limits(), start=MIDNIGHT, end=MIDNIGHT + 27 * HOUR)
    with pytest.raises(ValueError, match="covers"):
        fast_visibility(position(), almanac, Limits(), start=MIDNIGHT - HOUR, end=MIDNIGHT)
    assert almanac.reaches(MIDNIGHT, 26 * HOUR)
    assert not almanac.reaches(MIDNIGHT + HOUR, 26 * HOUR)
    assert not almanac.reaches(MIDNIGHT - HOUR, HOUR)


def test_it_can_be_made_for_a_time_beyond_the_earth_orientation_tables() -> None:
    far = MIDNIGHT.replace(year=2029)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy and ERFA say that the accuracy is degraded
        made = Almanac.tabulate(site(), far, hours=1, step_s=1800)
    assert np.isfinite(
        fast_visibility(position(), made, Limits(), start=far, end=far + HOUR).altitude_deg
    ).all()
