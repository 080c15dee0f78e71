"""The triggers and the scene of a what-if."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.replay.clock import JumpingClock
from console.replay.errors import ReplayError
from console.replay.record import Recording
from console.replay.telescope import simulated
from console.replay.whatif.imagined import Imagined, imagine
from console.replay.whatif.light import recorded_burst
from console.replay.whatif.supposition import Supposition
from followup.errors import ConfigurationError
from followup.names import CSC
from followup.strategy import StrategyError, default_text
from voevent.kinds import Receipt, Result, Trigger

KEPT = Path(__file__).parents[1] / "bundles"


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    (tmp_path / "bundle").mkdir()
    return Recording.read(KEPT / "small.tar.zst", tmp_path / "bundle")


def remark(found: Imagined, word: str) -> str:
    [told] = [each for each in found.remarks if word in each]
    return told


def test_nothing_but_the_triggers_is_played(recording: Recording) -> None:
    found = imagine(recording, Supposition(shift=timedelta()))
    assert [said.header.author for said in found.conversation.said] == [CSC]
    assert found.conversation.triggers[0].packet.raw == recording.triggers[0].packet.raw, "the very bytes"


def test_a_burst_that_comes_later(recording: Recording) -> None:
    shift = timedelta(hours=6)
    found = imagine(recording, Supposition(shift=shift))
    [then], [now] = recording.triggers, found.conversation.triggers
    assert isinstance(then.content, Trigger)
    assert isinstance(now.content, Trigger)
    assert now.header.date - then.header.date == shift
    assert now.content.trigger_time - then.content.trigger_time == shift
    assert found.trigger_time == now.content.trigger_time
    assert now.content.position == then.content.position
    assert now.packet.raw != then.packet.raw
    was, _ = recorded_burst(recording, timedelta())
    later, _ = recorded_burst(recording, shift)
    assert was is not None
    assert later is not None
    assert later.trigger_time - was.trigger_time == shift
    assert later.magnitude(300.0, "r") == was.magnitude(300.0, "r"), "its light comes with it"


def test_the_light_is_what_was_measured(recording: Recording) -> None:
    burst, made_of = recorded_burst(recording, timedelta())
    assert burst is not None
    curve = next(
        s.content for s in reversed(recording.said) if isinstance(s.content, Result) and s.content.points
    )
    for point in curve.points:
        assert burst.magnitude(point.t_s, point.filter, point.exposure_s) == pytest.approx(
            point.mag, abs=0.05
        )
    assert "4 points in g, r, 154 to 350 s" in made_of
    assert burst.position.error_radius_deg is None


def test_without_a_counterpart_the_sky_is_empty(recording: Recording) -> None:
    recording.said = tuple(said for said in recording.said if not isinstance(said.content, Result))
    burst, made_of = recorded_burst(recording, timedelta())
    assert burst is None
    assert "no counterpart was measured" in made_of


def test_the_scene(recording: Recording) -> None:
    found = imagine(recording, Supposition(shift=timedelta(hours=1)))
    clock = JumpingClock(recording.start)
    scene = found.scene_of(clock)
    assert (scene.site, scene.instrument) == recording.place()
    assert scene.strategies == recording.strategies
    assert scene.telescope.focuser is None
    assert scene.masters.shape == (320, 320)
    assert set(scene.masters.flats) == set(scene.instrument.filters)
    assert clock.now() == recording.start, "calibration takes no time of the night"
    assert scene.changes == recording.weather_changes
    assert scene.until > found.conversation.end + timedelta(hours=36)
    assert remark(found, "reference stars") == "the recorded reference stars"
    assert "07:01 to 07:31" in remark(found, "weather")


def test_elsewhere_the_recorded_weather_means_nothing(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated, "masters_taken", lambda *_: None)
    site = tmp_path / "site.toml"
    site.write_text('name = "gft-a"\nmodel = "gft-lasilla"\n')
    found = imagine(recording, Supposition(site=site))
    assert found.scene_of(JumpingClock(recording.start)).changes == ()
    assert "not recorded" in remark(found, "weather")
    assert remark(found, "stars") == "the recorded reference stars"


def test_a_field_that_is_larger_than_the_record(recording: Recording, tmp_path: Path) -> None:
    said = json.loads(recording.enclosed("logs/site.json").read_bytes())
    said["instrument"]["pixel_scale_arcsec"] *= 6.0
    site = tmp_path / "site.json"
    site.write_text(json.dumps(said))
    found = imagine(recording, Supposition(site=site))
    assert "do not fill" in remark(found, "stars")
    assert "07:01 to 07:31" in remark(found, "weather"), "it stands where it stood"


def test_a_light_bundle_has_invented_stars(tmp_path: Path) -> None:
    light = Recording.read(KEPT / "small-light.tar.zst", tmp_path)
    assert "invented" in remark(imagine(light, Supposition(shift=timedelta())), "stars")


def test_a_campaign_that_was_refused_encloses_nothing(recording: Recording, tmp_path: Path) -> None:
    """It is all the more asked what another site would have made of it."""
    for path in (recording.bundle.folder / "files").glob("*/*/*"):
        path.unlink()
    recording.said = tuple(said for said in recording.said if isinstance(said.content, Trigger | Receipt))
    site = tmp_path / "site.toml"
    site.write_text('name = "gft-a"\nmodel = "gft-peary"\n')
    found = imagine(recording, Supposition(site=site))
    scene = found.scene_of(JumpingClock(recording.start))
    assert scene.strategies == default_text()
    assert scene.site.name == "Cape Morris Jesup"
    assert "none was recorded" in remark(found, "weather")
    assert "invented" in remark(found, "stars")
    assert "encloses none" in remark(found, "strategies")
    with pytest.raises(ReplayError, match="where the telescope stands"):
        imagine(recording, Supposition(shift=timedelta(hours=6)))


def test_what_is_wrong_is_said_before_anything_starts(recording: Recording, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("default = 'none'\n")
    with pytest.raises(StrategyError, match=r"broken\.toml"):
        imagine(recording, Supposition(strategy=broken))
    none = tmp_path / "none.toml"
    for supposed in (Supposition(strategy=none), Supposition(site=none), Supposition(weather=none)):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            imagine(recording, supposed)


def test_strategies_of_a_file_are_followed(recording: Recording, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(recording.strategies.replace("two visits", "the same"))
    monkeypatch.setattr(simulated, "masters_taken", lambda *_: None)
    scene = imagine(recording, Supposition(strategy=path)).scene_of(JumpingClock(recording.start))
    assert "the same" in scene.strategies


def test_what_is_supposed_is_told() -> None:
    assert not Supposition()
    supposed = Supposition(strategy=Path("a/deep.toml"), weather=Path("w.csv"), shift=timedelta(hours=-6))
    assert supposed
    assert str(supposed) == "strategy deep.toml, weather w.csv, shift -6h"
    assert Supposition(shift=timedelta()), "to see what simulating alone changes"
