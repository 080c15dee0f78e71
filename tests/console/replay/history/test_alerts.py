"""Triggers from a burst's real alerts, by the science centre's rules."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest

from console.replay.errors import ReplayError
from console.replay.history.alerts import announced
from followup.errors import ConfigurationError
from tests.conftest import shared
from tests.console.replay.history.bursts import write_alerts
from voevent.kinds import TriggerAction
from voevent.packet import SkyPosition

T0 = datetime(2019, 12, 21, 4, 0, tzinfo=UTC)
PLACE = SkyPosition(ra_deg=150.0, dec_deg=70.0)


def _said(found):
    return [
        (each.content.action, each.content.revision, each.header.date) for each in found.conversation.said
    ]


def test_each_better_position_is_a_trigger_when_its_alert_was_written(tmp_path):
    found = announced(write_alerts(tmp_path / "a", "grb191221a", T0, PLACE), "gft-spm", tmp_path)
    assert str(found.conversation.name) == "grb191221a.gft-spm"
    assert _said(found) == [
        (TriggerAction.OBSERVE, 0, datetime(2019, 12, 21, 4, 0, 30, tzinfo=UTC)),
        (TriggerAction.OBSERVE, 1, datetime(2019, 12, 21, 4, 1, 30, tzinfo=UTC)),
    ]
    assert all(each.header.drill for each in found.conversation.said)
    assert (found.trigger_time, found.unheeded) == (T0, ())
    assert found.position == SkyPosition(ra_deg=150.0, dec_deg=70.0, error_radius_deg=0.005)


def test_real_alerts_of_swift_are_heard(tmp_path):
    found = announced(shared("packets", "swift-xrt-pos.xml"), "gft-lasilla", tmp_path)
    assert str(found.conversation.name) == "swift-666931.gft-lasilla"
    assert [date for *_, date in _said(found)] == [datetime(2015, 12, 10, 3, 19, 33, tzinfo=UTC)]


def test_a_real_sequence_with_its_retraction_is_heard_as_it_came(tmp_path):
    folder = tmp_path / "alerts"
    folder.mkdir()
    for path in shared("packets", "svom").glob("sb26030408_*.xml"):
        shutil.copy(path, folder)
    found = announced(folder, "gft-spm", tmp_path)
    assert [action for action, *_ in _said(found)] == [TriggerAction.OBSERVE, TriggerAction.RETRACT]


def test_alerts_of_several_bursts_are_refused(tmp_path):
    folder = write_alerts(tmp_path / "a", "grb191221a", T0, PLACE)
    other = write_alerts(tmp_path / "b", "grb191222b", T0, PLACE, after_s=(30.0,))
    shutil.copy(other / "0.xml", folder / "other.xml")
    with pytest.raises(ReplayError, match="about 2 bursts: grb191221a, grb191222b") as caught:
        announced(folder, "gft-spm", tmp_path)
    assert "those of one burst" in caught.value.hint


def test_alerts_without_a_position_are_refused(tmp_path):
    with pytest.raises(ReplayError, match="no alert gives a position"):
        announced(shared("packets", "svom", "sb26043009_grm-trigger.xml"), "gft-spm", tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no alert"):
        announced(tmp_path, "gft-spm", tmp_path)
