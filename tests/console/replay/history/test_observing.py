"""Bursts of history, observed by the real agent over real servers, and what is recovered."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from console.replay.history.playing import observe_history
from console.replay.history.published import NO_PASSBAND
from console.replay.whatif.supposition import Supposition
from followup.story import Ended, Shown, StepState, Story
from simulators.afterglow import Afterglow
from tests.conftest import shared
from tests.console.cli import followup
from tests.console.replay.history.bursts import write_alerts, write_table
from voevent.packet import SkyPosition

pytestmark = pytest.mark.integration

POLAR_NIGHT = datetime(2019, 12, 21, 4, 0, tzinfo=UTC)
POLAR_DAY = datetime(2019, 6, 21, 4, 0, tzinfo=UTC)
HIGH = SkyPosition(ra_deg=150.0, dec_deg=70.0)
LIGHT = Afterglow(r_mag=14.5, indices=(1.0,), breaks_s=(), spectral_index=0.9)
STRATEGY = """
default = "two-looks"

[[strategies]]
name = "two-looks"
description = "two looks"
max_age_s = 7200
max_error_radius_fields = 3.0

[[strategies.epochs]]
name = "first"
start_s = 200
latest_s = 900
filters = ["r", "g"]
exposure_s = 30
count = 2

[[strategies.epochs]]
name = "second"
start_s = 1500
latest_s = 3000
filters = ["r"]
exposure_s = 60
count = 2
"""


class Told:
    """A runner that keeps the stories it is given."""

    def __init__(self) -> None:
        self.stories: list[Story] = []

    def follow(self, story: Story) -> None:
        self.stories.append(story)

    async def settle(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass


def test_what_was_published_is_recovered(tmp_path):
    alerts = write_alerts(tmp_path / "alerts", "grb191221a", POLAR_NIGHT, HIGH)
    table = write_table(tmp_path / "191221A_mag.txt", LIGHT)
    (tmp_path / "two.toml").write_text(STRATEGY, encoding="utf-8")
    picture = tmp_path / "curve.png"
    answer = followup(
        "replay",
        alerts,
        "--lightcurve",
        table,
        "--telescope",
        "gft-peary",
        "--strategy",
        tmp_path / "two.toml",
        "--shift",
        "2h",
        "--plot",
        picture,
        "--json",
    )
    assert answer.status == 0, answer.err
    found = json.loads(answer.out)
    assert found["good"], found["faults"]
    assert found["shift_s"] == 7200.0
    assert found["trigger_time"].startswith("2019-12-21T06:00:00")
    assert [text.partition(":")[0] for text in found["answers"]] == ["accepted", "accepted"]
    assert {(point["task"], point["filter"]) for point in found["points"]} == {
        ("t1", "r"),
        ("t1", "g"),
        ("t2", "r"),
    }
    for point in found["points"]:
        assert not point["limit"]
        assert not point["extrapolated"]
        assert point["sky_mag"] == pytest.approx(LIGHT.magnitude(point["t_s"], point["filter"]), abs=0.02)
        assert abs(point["pull"]) < 4.0, point
        assert point["nearest"]["band"] == point["filter"]
        assert point["nearest"]["residual"] == pytest.approx(point["residual"], abs=0.02)
    assert found["counterpart_off_arcsec"] < 2.0
    assert found["left_out"] == {NO_PASSBAND: 1}
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_burst_that_a_site_could_not_see_is_not_observed(tmp_path):
    alerts = write_alerts(tmp_path / "alerts", "grb190621a", POLAR_DAY, HIGH)
    table = write_table(tmp_path / "190621A_mag.txt", LIGHT)
    runner = Told()
    seen = observe_history(alerts, table, telescope="gft-peary", runner=runner)
    assert not seen.comparison.accepted
    assert seen.comparison.good
    assert seen.comparison.points == ()
    assert all("the Sun stays above" in text for text in seen.comparison.answers)
    [story] = runner.stories
    [ended] = [event for event in story._events if isinstance(event, Ended)]
    assert (ended.state, ended.name) == (StepState.COMPLETED, "Not observed")
    assert "the Sun stays above" in ended.message
    assert [event.key for event in story._events if isinstance(event, Shown)] == ["points", "light-curve"]


SMALL_SPM = """
[place]
name = "San Pedro Mártir"
latitude_deg = 31.0439
longitude_deg = -115.4637
elevation_m = 2790.0

[detector]
aperture_m = 1.3
width_px = 384
height_px = 384
pixel_scale_arcsec = 1.27
gain_e_adu = 2.0
read_noise_e = 6.0
saturation_adu = 60000.0
dark_current_e_s = 0.0
readout_s = 6.0

[detector.zero_points]
r = 24.9
i = 24.5
"""


def test_grb_080319b_is_recovered_once_it_has_faded_enough(tmp_path):
    """T0 and place are those that Swift published. At first it was of magnitude 6 to 10."""
    alerts = write_alerts(
        tmp_path / "alerts",
        "grb080319b",
        datetime(2008, 3, 19, 6, 12, 49, tzinfo=UTC),
        SkyPosition(ra_deg=217.9208, dec_deg=36.3024),
    )
    (tmp_path / "site.toml").write_text(SMALL_SPM, encoding="utf-8")
    supposed = Supposition(site=tmp_path / "site.toml")
    found = observe_history(
        alerts, shared("lightcurves", "080319B_mag.txt"), telescope="gft-spm", supposed=supposed
    ).comparison
    assert found.good, found.faults
    assert any("altitude 38 deg" in answer for answer in found.answers)
    assert found.unmeasured == ("t1 in r i",)
    assert not any(point.limit for point in found.points)
    assert {point.filter for point in found.points} == {"r", "i"}
    for point in found.points:
        assert abs(point.pull) < 4.0, point
        assert abs(point.nearest.residual) < 0.1, point
    assert found.counterpart_off_arcsec < 0.5
