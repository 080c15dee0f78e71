"""What a simulation plays."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.simulation import draw_into, empty_sky, play, play_alerts, write_sky
from console.state import State
from followup.errors import ConfigurationError
from simulators.earth import angle_deg
from simulators.scenario import read_scenario
from tests.conftest import shared
from voevent.validate import validate

PAIR = ("gft-spm", "gft-jilin")


def test_a_play_is_a_function_of_its_seed():
    assert play(3, PAIR, bursts=2) == play(3, PAIR, bursts=2)
    assert play(3, PAIR, bursts=1) != play(4, PAIR, bursts=1)


def test_what_plays_before_indi_devices_is_bright_and_soon_over():
    played = play(3, PAIR, bursts=1, over_indi=True).soon(240.0)
    times = [(alert.time - played.start).total_seconds() for alert in played.alerts]
    assert times[0] == 0.0
    assert all(0.0 <= time <= 240.0 for time in times)
    (burst,) = played.scenario.bursts
    assert played.magnitude(burst.name, 300.0, "r", 15.0) < 20.0


def test_more_bursts_leave_the_first_as_it_was():
    alone, company = play(3, PAIR, bursts=1), play(3, PAIR, bursts=3)
    assert company.scenario.bursts[0] == alone.scenario.bursts[0]
    assert len({burst.name for burst in company.scenario.bursts}) == 3
    assert all(0.0 <= _since(company, burst) <= 240.0 for burst in company.scenario.bursts)


def _since(played, burst):
    return (burst.trigger_time - played.start).total_seconds()


def test_alerts_come_in_order_of_time_and_are_about_the_bursts():
    played = play(3, PAIR, bursts=3)
    times = [alert.time for alert in played.alerts]
    assert times == sorted(times)
    assert times[0] > played.start
    positions = {burst.name: burst.position for burst in played.scenario.bursts}
    assert {alert.notice.burst for alert in played.alerts} == set(positions)
    for alert in played.alerts:
        validate(alert.raw)
        assert angle_deg(alert.notice.position, positions[alert.notice.burst]) < 0.5


def test_the_truth_is_known_for_its_bursts_and_after_their_trigger():
    played = play(3, PAIR, bursts=1)
    (burst,) = played.scenario.bursts
    assert played.magnitude(burst.name, 300.0, "r", 20.0) == burst.magnitude(300.0, "r", 20.0)
    assert played.magnitude(burst.name, -300.0, "r", 20.0) is None
    assert played.magnitude("sb00000000", 300.0, "r", 20.0) is None


def test_an_unknown_telescope_is_named():
    with pytest.raises(ConfigurationError, match="gft-nowhere"):
        play(1, ("gft-nowhere",), bursts=1)


# --- real alerts --------------------------------------------------------------------------------------


def _bursts():
    folder = Path(__file__).parents[2].parent / "shared" / "packets" / "svom"
    return sorted({path.name.partition("_")[0] for path in folder.glob("*.xml")})


BLIND = "sb26043009"
"""Seen by GRM alone, which gives no position."""


@pytest.mark.parametrize("burst", [name for name in _bursts() if name != BLIND] or ["none"])
def test_real_alerts_are_played_in_their_order_around_a_place_they_give(burst, tmp_path):
    for path in shared("packets", "svom").glob(f"{burst}_*.xml"):
        shutil.copy(path, tmp_path)
    played = play_alerts(1, tmp_path)
    assert len(played.alerts) == len(list(tmp_path.iterdir()))
    assert [a.time for a in played.alerts] == sorted(a.time for a in played.alerts)
    (drawn,) = played.scenario.bursts
    assert drawn.name == burst
    places = [
        alert.notice.position
        for alert in played.alerts
        if alert.notice.position is not None and not alert.notice.retraction
    ]
    assert angle_deg(places[-1], drawn.position) <= places[-1].error_radius_deg + 1e-6
    assert drawn.trigger_time <= played.start
    assert play_alerts(1, tmp_path) == played


def test_all_real_alerts_together_are_as_many_bursts():
    played = play_alerts(1, shared("packets", "svom"))
    assert [burst.name for burst in played.scenario.bursts] == [name for name in _bursts() if name != BLIND]


def test_alerts_without_a_position_lead_nowhere_and_say_why():
    (path,) = shared("packets", "svom").glob(f"{BLIND}_grm*.xml")
    with pytest.raises(ConfigurationError, match=f"{path.name}: no position is given"):
        play_alerts(1, path)


def test_a_folder_without_alerts_says_so(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no alert"):
        play_alerts(1, tmp_path)


# --- a burst in the sky of telescopes that run ---------------------------------------------------------


def _state(folder, *names):
    where = State(folder)
    for name in names:
        where.telescope(name).mkdir(parents=True)
        write_sky(where.telescope(name), empty_sky(5))
    return where


def test_a_burst_goes_off_in_every_simulated_sky(tmp_path, monkeypatch):
    where = _state(tmp_path, *PAIR)
    monkeypatch.setattr("console.simulation.enrolled", lambda _csc: [*PAIR, "gft-real"])
    night = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    raw = draw_into(where, now=night, seed=1)
    validate(raw)
    skies = [read_scenario(where.telescope(name) / "sky.json") for name in PAIR]
    assert skies[0] == skies[1]
    (burst,) = skies[0].bursts
    assert (night - burst.trigger_time).total_seconds() == 60.0
    assert skies[0].seed == 5


def test_without_a_dark_sky_no_burst_is_drawn(tmp_path, monkeypatch):
    where = _state(tmp_path, "gft-spm")
    monkeypatch.setattr("console.simulation.enrolled", lambda _csc: ["gft-spm"])
    with pytest.raises(ConfigurationError, match="gft-spm could observe a burst now"):
        draw_into(where, now=datetime(2026, 11, 22, 20, 0, tzinfo=UTC), seed=1)


def test_without_simulated_telescopes_no_burst_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("console.simulation.enrolled", lambda _csc: [])
    with pytest.raises(ConfigurationError, match="no simulated telescope"):
        draw_into(State(tmp_path), now=datetime(2026, 11, 22, 6, 0, tzinfo=UTC), seed=1)
