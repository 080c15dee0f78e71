"""Alerts about simulated bursts, and real ones from files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from followup.errors import ConfigurationError
from simulators.earth import angle_deg
from simulators.notices import alerts_from, svom_sequence
from simulators.population import draw_burst
from voevent.packet import Role
from voevent.parse import parse
from voevent.svom import SvomPacketType
from voevent.validate import validate

T0 = datetime(2026, 11, 22, 3, 0, 0, 123000, tzinfo=UTC)
SHARED = Path(__file__).parents[2].parent / "shared" / "packets"
needs_packets = pytest.mark.skipif(not SHARED.is_dir(), reason="the real packets are not here")


def _burst(seed):
    return draw_burst(np.random.default_rng(seed), name="sb26112201", trigger_time=T0)


@pytest.fixture(scope="module")
def sequences():
    return [(burst := _burst(seed), svom_sequence(burst, np.random.default_rng(seed))) for seed in range(60)]


def test_a_sequence_is_valid_packets_that_nobody_takes_for_real(sequences):
    for _, alerts in sequences[:5]:
        for alert in alerts:
            validate(alert.raw)
            assert parse(alert.raw).role is Role.TEST
            assert alert.notice.drill


def test_a_sequence_has_the_stages_of_svom_in_their_order(sequences):
    for burst, alerts in sequences:
        types = [alert.notice.packet_type for alert in alerts]
        assert types == [SvomPacketType.ECLAIRS_WAKEUP, SvomPacketType.SLEWING, SvomPacketType.MXT_INITIAL]
        times = [alert.time for alert in alerts]
        assert times == sorted(times)
        assert all(alert.notice.burst == burst.name for alert in alerts)
        assert all(alert.notice.trigger_time == T0 for alert in alerts)
        assert all(parse(alert.raw).date == alert.time for alert in alerts)


@pytest.mark.parametrize(("stage", "delay_s", "radius_arcmin"), [(0, 95, 6.3), (1, 264, 4.9), (2, 593, 1.9)])
def test_delays_and_radii_are_those_of_svom(sequences, stage, delay_s, radius_arcmin):
    delays = [(alerts[stage].time - T0).total_seconds() for _, alerts in sequences]
    radii = [alerts[stage].notice.position.error_radius_deg * 60 for _, alerts in sequences]
    assert np.median(delays) == pytest.approx(delay_s, rel=0.25)
    assert min(delays) >= 39.0
    assert np.median(radii) == pytest.approx(radius_arcmin, rel=0.25)
    assert max(radii) <= 9.9


def test_error_radii_keep_their_promise(sequences):
    inside = [
        angle_deg(alert.notice.position, burst.position) <= alert.notice.position.error_radius_deg
        for burst, alerts in sequences
        for alert in alerts
    ]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.06)


def test_the_same_seed_writes_the_same_bytes():
    one, other = (svom_sequence(_burst(3), np.random.default_rng(3)) for _ in range(2))
    assert [alert.raw for alert in one] == [alert.raw for alert in other]


def test_strategies_find_what_they_choose_by(sequences):
    features = sequences[0][1][0].notice.features
    assert float(features["SNR"]) >= 6.5
    assert features["Packet_Type"] == "202"


@needs_packets
def test_real_alerts_of_a_folder_come_in_the_order_of_their_dates():
    alerts = alerts_from(SHARED / "svom")
    times = [alert.time for alert in alerts]
    assert times == sorted(times)
    assert len(alerts) == len(list((SHARED / "svom").glob("*.xml")))
    assert {alert.notice.burst for alert in alerts} >= {"sb26022501", "sb26043009"}


@needs_packets
def test_a_real_alert_is_read_from_one_file_with_its_bytes():
    file = SHARED / "svom" / "sb26022501_eclairs-wakeup.xml"
    (alert,) = alerts_from(file)
    assert alert.raw == file.read_bytes()
    assert alert.time == datetime(2026, 2, 25, 8, 52, 7, tzinfo=UTC)


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no alert"):
        alerts_from(tmp_path)


@pytest.mark.parametrize("raw", [b"", b"not xml", b"<a/>"])
def test_what_is_no_alert_is_named(tmp_path, raw):
    (tmp_path / "bad.xml").write_bytes(raw)
    with pytest.raises(ConfigurationError, match=r"bad\.xml: "):
        alerts_from(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.xml"):
        alerts_from(tmp_path / "none.xml")
