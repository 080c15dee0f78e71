"""Files of the weather: read, and refused with the line that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.replay.clock import JumpingClock
from console.replay.whatif.weather import Weather, given_weather, recorded_weather
from followup.errors import ConfigurationError
from simulators.sites import Conditions

T0 = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)

SHOWER = """# a shower
time,safe,reason,wind_m_s,humidity_percent
+60,yes,,3,45

2026-11-22T07:10:00Z,no,"rain, they say",14,
2026-11-22T08:30:00+01:00,YES,,5,60
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "weather.csv"
    path.write_text(text)
    return path


async def test_each_row_holds_until_the_next(tmp_path: Path) -> None:
    weather = given_weather(written(tmp_path, SHOWER), T0)
    assert weather.changes == tuple(T0 + timedelta(minutes=minutes) for minutes in (1, 10, 30))
    seen = []
    for minutes in (-600, 0.5, 1, 9.9, 10, 29.9, 30, 6000):
        now = T0 + timedelta(minutes=minutes)
        reading = await weather.station(JumpingClock(now)).reading()
        assert reading.time == now, "as fresh as can be"
        seen.append((reading.safe, reading.reason, dict(reading.values)))
    fine = (True, "", {"wind_m_s": 3.0, "humidity_percent": 45.0})
    rain = (False, "rain, they say", {"wind_m_s": 14.0})
    over = (True, "", {"wind_m_s": 5.0, "humidity_percent": 60.0})
    assert seen == [fine, fine, fine, fine, rain, rain, over, over]


async def test_without_a_judgement_of_its_own_a_station_measures(tmp_path: Path) -> None:
    weather = given_weather(written(tmp_path, "time,gust_m_s\n+0,20\n"), T0)
    reading = await weather.station(JumpingClock(T0)).reading()
    assert reading.safe
    assert reading.values == {"gust_m_s": 20.0}


async def test_clouds_and_seeing_are_in_the_air_and_not_in_the_readings(tmp_path: Path) -> None:
    text = "time,wind_m_s,seeing_arcsec,dimming_mag\n+0,3,,\n+60,3,4.5,\n+120,3,,0.7\n"
    weather = given_weather(written(tmp_path, text), T0)
    usual = Conditions(seeing_arcsec=2.0, sky_mag={"r": 21.0}, haze=0.1)
    at = weather.conditions(usual)
    seen = [at(T0 + timedelta(seconds=after_s)) for after_s in (-3600, 0, 60, 130)]
    assert [each.seeing_arcsec for each in seen] == [2.0, 2.0, 4.5, 2.0]
    assert [each.haze for each in seen] == pytest.approx([0.1, 0.1, 0.1, 0.8])
    reading = await weather.station(JumpingClock(T0 + timedelta(seconds=130))).reading()
    assert set(reading.values) == {"wind_m_s"}
    assert Weather().conditions(usual)(T0) == usual


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no weather"),
        ("time,safe\n", "holds no weather"),
        ("# time,safe\ntime,wind\n+0,3\n", r"line 2: there is no column 'wind'"),
        ("time\n+0\n", "line 1: it needs the column time, and one"),
        ("safe,reason\nyes,\n", "line 1: it needs the column time"),
        ("time,safe,safe\n+0,yes,yes\n", "line 1: two columns safe"),
        ("time,safe\n+0,yes,why\n", "line 2: more fields"),
        ("time,safe\n\n+0,perhaps\n", r"line 3: safe: 'perhaps' is neither"),
        ("time,safe\nnoon,yes\n", "line 2: time: 'noon' is no time"),
        ("time,safe\n+inf,yes\n", "line 2: time: '.inf' is no time"),
        ("time,safe\n+nan,yes\n", "line 2: time: '.nan' is no time"),
        ("time,safe\n0001-01-01T00:00:00+14:00,yes\n", "line 2: time: '0001.* is no time"),
        ("safe,time\nyes\n", "line 2: it ends before the column time"),
        ("time,reason\n+0," + "x" * 140000 + "\n", "line 2: field larger than field limit"),
        ("time,safe\n+60,yes\n+60,no\n", "line 3: time: it is not after"),
        ("time,wind_m_s\n+0,calm\n", "line 2: wind_m_s: 'calm' is no such number"),
        ("time,wind_m_s\n+0,nan\n", "line 2: wind_m_s: 'nan'"),
        ("time,seeing_arcsec\n+0,0\n", "line 2: seeing_arcsec: '0'"),
        ("time,dimming_mag\n+0,thick\n", "line 2: dimming_mag: 'thick'"),
        ("time,humidity_percent\n+0,-1\n", "line 2: humidity_percent: '-1'"),
    ],
)
def test_what_cannot_be_understood_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        given_weather(written(tmp_path, text), T0)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        given_weather(tmp_path / "none.csv", T0)
    (tmp_path / "odd.csv").write_bytes(b"time,safe\n\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        given_weather(tmp_path / "odd.csv", T0)


async def test_recorded_weather_without_the_temperature_of_the_tube() -> None:
    said = {
        "device": "weather",
        "did": "reading",
        "time": T0.isoformat(),
        "ended": T0.isoformat(),
        "age_s": 2.0,
        "found": {"safe": False, "reason": "wind", "values": {"temperature_c": -5.0, "wind_m_s": 20.0}},
    }
    weather = recorded_weather([{"device": "mount", "did": "slew"}, said])
    assert weather.changes == (T0,)
    reading = await weather.station(JumpingClock(T0 + timedelta(hours=5))).reading()
    assert (reading.safe, reading.reason, dict(reading.values)) == (False, "wind", {"wind_m_s": 20.0})
    assert (await weather.station(JumpingClock(T0 - timedelta(seconds=1))).reading()).safe
    assert (await Weather().station(JumpingClock(T0)).reading()).safe
