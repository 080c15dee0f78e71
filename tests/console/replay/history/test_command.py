"""What ``followup replay --lightcurve`` is asked wrongly, and says before anything is played."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulators.afterglow import Afterglow
from tests.console.cli import followup
from tests.console.replay.history.bursts import write_alerts, write_table
from voevent.packet import SkyPosition

T0 = datetime(2019, 12, 21, 4, 0, tzinfo=UTC)
LIGHT = Afterglow(r_mag=14.5, indices=(1.0,), breaks_s=(), spectral_index=0.9)


@pytest.fixture
def burst(tmp_path):
    """Its alerts and its table."""
    alerts = write_alerts(tmp_path / "alerts", "grb191221a", T0, SkyPosition(ra_deg=150.0, dec_deg=70.0))
    return alerts, write_table(tmp_path / "191221A_mag.txt", LIGHT)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--telescope", "gft-moon"], "no telescope named 'gft-moon' can be simulated"),
        (["--shift", "soon"], "'soon' is no shift in time"),
        (["--strategy", "nowhere.toml"], "the strategies nowhere.toml cannot be read"),
        (["--site", "nowhere.toml"], "the site file nowhere.toml cannot be read"),
        (["--plot", "nowhere/curve.png"], "there is no folder"),
        (["--against", "csc"], "a light curve is that of one burst"),
        (["--suite", "nights"], "a light curve is that of one burst"),
        (["--speed", "fast"], "--speed 'fast' is neither"),
    ],
)
def test_what_cannot_be_is_refused_at_once(burst, words, complaint):
    alerts, table = burst
    answer = followup("replay", alerts, "--lightcurve", table, *words)
    assert answer.status == 2
    assert answer.complaint.startswith(complaint)
    assert answer.hint


def test_a_telescopes_name_that_is_none_is_refused(burst, tmp_path):
    alerts, table = burst
    site = tmp_path / "site.toml"
    site.write_text('name = "gft-a"\nmodel = "gft-spm"\n', encoding="utf-8")
    answer = followup("replay", alerts, "--lightcurve", table, "--telescope", "spm", "--site", site)
    assert answer.status == 2
    assert "'spm' is not a telescope's name" in answer.complaint


def test_a_table_that_is_none_is_refused(burst):
    alerts, table = burst
    table.write_text("nothing\n", encoding="utf-8")
    answer = followup("replay", alerts, "--lightcurve", table)
    assert answer.status == 2
    assert "has no column time, mag, magerr, filter" in answer.complaint


@pytest.mark.parametrize("words", [["--ebv", "0.1"], ["--plot", "x.png"], ["--telescope", "gft-jilin"]])
def test_what_is_about_history_needs_a_light_curve(words):
    answer = followup("replay", "last-night.tar.zst", *words)
    assert answer.status == 2
    assert "about a burst of history" in answer.complaint
    assert answer.hint == "give --lightcurve, too"
