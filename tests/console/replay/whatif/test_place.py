"""Site files of a what-if, and what a record says of the air and the mechanics."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.replay.errors import ReplayError
from console.replay.record import Recording
from console.replay.site_record import place_of
from console.replay.whatif import place
from console.replay.whatif.frames import FrameFacts, frames_of, recorded_frames
from console.replay.whatif.place import given_observatory, recorded_observatory
from followup.errors import ConfigurationError, FollowupError
from simulators.sites import KNOWN_TELESCOPES

KEPT = Path(__file__).parents[1] / "bundles"

INDI = """
name = "gft-calar"
devices = "indi"
[xmpp]
host = "xmpp.observatory.example"
domain = "observatory.example"
[place]
name = "Calar Alto"
latitude_deg = 37.22
longitude_deg = -2.55
elevation_m = 2168.0
[detector]
aperture_m = 0.8
width_px = 512
height_px = 500
pixel_scale_arcsec = 1.0
gain_e_adu = 1.5
read_noise_e = 8.0
saturation_adu = 60000.0
readout_s = 10.0
[detector.zero_points]
R = 23.8
r = 23.7
[indi]
mount = "Real Mount"
[safety]
max_airmass = 2.0
min_free_gb = 500.0
power_lost_file = "/run/ups/power-lost"
"""


def written(folder: Path, text: str, name: str = "site.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_site_file_of_a_telescope_over_indi(tmp_path: Path) -> None:
    written(tmp_path, INDI)
    there = given_observatory(tmp_path, "gft-spm")
    model = there.model
    assert model.site.name == "Calar Alto"
    assert model.site.min_altitude_deg == pytest.approx(30.0, abs=0.2), "no lower than the airmass allows"
    assert (model.name, model.instrument.width_px, model.instrument.filters) == ("gft-spm", 512, ("r",))
    assert model.instrument.zero_points == (("r", 23.7),)
    assert there.limits.max_airmass == 2.0
    assert (there.limits.min_free_gb, str(there.limits.power_lost_file)) == (0.1, "run/power-lost")
    assert any("left out: R" in remark for remark in there.remarks)
    assert any("usual seeing" in remark for remark in there.remarks)


def test_the_site_file_of_a_simulated_telescope(tmp_path: Path) -> None:
    there = given_observatory(written(tmp_path, 'name = "gft-mine"\nmodel = "gft-jilin"\n'), "gft-spm")
    assert (there.model.site.name, there.model.name) == ("Jilin", "gft-spm")
    assert there.model.conditions.seeing_arcsec == 2.7
    assert there.model.mechanics.slew_deg_s == 4.0


def test_the_site_that_a_record_encloses(tmp_path: Path) -> None:
    recording = Recording.read(KEPT / "small-light.tar.zst", tmp_path)
    there = given_observatory(recording.enclosed("logs/site.json"), "gft-other")
    assert there.model.site == recording.place()[0]
    assert (there.model.name, there.model.instrument.width_px) == ("gft-other", 320)
    assert there.limits == recording.limits()


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("site.toml", "name = [", "site.toml"),
        ("site.toml", 'name = "gft-a"\n', "does not say where the telescope stands"),
        ("site.toml", 'name = "gft-a"\nmodel = "gft-b"\n', "no telescope named 'gft-b'"),
        ("site.toml", INDI.replace("37.22", "137.22"), r"line 9: place.latitude_deg"),
        ("site.toml", INDI.replace("max_airmass", "max_airmas"), "safety.max_airmas"),
        ("site.toml", INDI.replace("r = 23.7", ""), "none of the filters R can be simulated"),
        ("site.json", "{", "is no site"),
        ("site.json", "[]", "is no site"),
        ("site.json", json.dumps({"site": {"name": "a"}}), "is no site"),
        ("site.json", "[" * 200000, "is no site"),
        ("site.toml", "a = " + "[" * 20000, "nested too deeply"),
    ],
)
def test_what_cannot_be_understood_is_refused(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    with pytest.raises(FollowupError, match=complaint):
        given_observatory(written(tmp_path, text, name), "gft-spm")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("site", "latitude_deg", math.nan),
        ("site", "latitude_deg", 137.0),
        ("site", "horizon", 5),
        ("instrument", "pixel_scale_arcsec", 0.0),
        ("instrument", "zero_points", {}),
        ("instrument", "zero_points", [[["r"], 24.0]]),
    ],
)
def test_an_enclosed_site_must_be_one(tmp_path: Path, section: str, key: str, value: object) -> None:
    recording = Recording.read(KEPT / "small-light.tar.zst", tmp_path)
    said = json.loads(recording.enclosed("logs/site.json").read_bytes())
    said[section][key] = value
    with pytest.raises(ConfigurationError, match="is no site"):
        given_observatory(written(tmp_path, json.dumps(said), "site.json"), "gft-spm")


@pytest.mark.parametrize("name", KNOWN_TELESCOPES)
def test_what_a_telescope_encloses_is_read_back(name: str) -> None:
    model = KNOWN_TELESCOPES[name]
    said = json.loads(json.dumps({"site": asdict(model.site), "instrument": asdict(model.instrument)}))
    assert place_of(said, "a record") == (model.site, model.instrument)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("files/t1/reduced/bad.fits", b"SIMPLE  = garbage" * 300),
        ("files/t1/reduced/bad.fits", b"nothing of the kind"),
    ],
)
def test_a_frame_that_is_none_is_told(tmp_path: Path, name: str, raw: bytes) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    with pytest.raises(ReplayError, match=r"header of bad\.fits cannot be understood"):
        frames_of([path])


def test_a_header_that_is_none_is_told(tmp_path: Path) -> None:
    recording = Recording.read(KEPT / "small-light.tar.zst", tmp_path)
    path = next(recording.bundle.folder.glob("headers/*/reduced/*.txt"))
    path.write_bytes("EXPTIME = 5 / Bögen".encode())
    with pytest.raises(ReplayError, match="cannot be understood"):
        recorded_frames(recording)


def test_a_site_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        given_observatory(tmp_path, "gft-spm")


def frame(**facts: Any) -> FrameFacts:
    usual: dict[str, Any] = {
        "task": "t1",
        "filter": "r",
        "start": datetime(2026, 11, 22, 7, 2, tzinfo=UTC),
        "exposure_s": 20.0,
        "limit_mag": 20.0,
        "fwhm_px": 2.0 * 2.0**0.6,
        "airmass": 2.0,
        "zero_mag": 24.58 - 0.10 * 2.0 - 0.3 * 2.0,
    }
    return FrameFacts(**(usual | facts))


def test_the_air_and_the_mechanics_are_those_that_the_record_tells_of(tmp_path: Path) -> None:
    recording = Recording.read(KEPT / "small-light.tar.zst", tmp_path)
    there = recorded_observatory(recording, [frame(), frame(airmass=None), frame(filter="clear")])
    air, mechanics = there.model.conditions, there.model.mechanics
    assert air.seeing_arcsec == pytest.approx(2.0 * 1.27)
    assert air.haze == pytest.approx(0.3)
    assert mechanics.dome_s == pytest.approx(23.6, abs=0.1)
    assert mechanics.filter_change_s == pytest.approx(2.4, abs=0.2)
    assert mechanics.slew_deg_s == 9.0, "that of the known telescope"


def test_without_frames_it_is_the_known_telescope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording.read(KEPT / "small-light.tar.zst", tmp_path)
    assert recorded_observatory(recording, []).model.conditions.seeing_arcsec == 2.2
    monkeypatch.setattr(place, "KNOWN_TELESCOPES", {})
    assert recorded_observatory(recording, []).model.conditions.seeing_arcsec == 2.0


def test_frames_of_whole_and_light_bundles_say_the_same(tmp_path: Path) -> None:
    found = []
    for name in ("small", "small-light"):
        (tmp_path / name).mkdir()
        found.append(recorded_frames(Recording.read(KEPT / f"{name}.tar.zst", tmp_path / name)))
    whole, light = found
    assert whole == light
    assert [(each.filter, each.exposure_s) for each in whole] == [("r", 20), ("g", 20), ("r", 30), ("r", 30)]
    assert [each.start for each in whole] == sorted(each.start for each in whole)
    assert whole[0].limit_mag == pytest.approx(19.84, abs=0.01)
