"""The program that INDI's CCD simulator takes for the Guide Star Catalog: the sky, as the driver draws it."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from followup.errors import ConfigurationError
from simulators import gsc
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.atmosphere import Atmosphere
from simulators.gsc import Stage
from simulators.indi_camera import driver_mags, driver_settings, on_whole_pixels, twin
from simulators.projection import Projection
from simulators.scenario import Scenario, write_scenario
from simulators.sites import known_telescope
from simulators.sky import SimulatedSky
from voevent.packet import SkyPosition

MODEL = twin(known_telescope("gft-spm"))
CENTRE = SkyPosition(ra_deg=120.0, dec_deg=35.0)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LIGHT = Afterglow(r_mag=16.0, indices=(1.0,), breaks_s=(), spectral_index=1.0)
BURST = SimulatedBurst(
    name="sb26112201", trigger_time=NOW - timedelta(seconds=200), position=CENTRE, afterglow=LIGHT
)


def adu_s(mags: np.ndarray) -> np.ndarray:
    """What the driver makes of magnitudes, by its own formulas: ADU per second, all pixels together."""
    flux = 10 ** ((17.0 - mags) * (2.5 * math.log10(65000) / 16.0) / 2.5) * (1 + math.sqrt(90))
    scale, sigma = MODEL.instrument.pixel_scale_arcsec, 3.5 / (2 * math.sqrt(2 * math.log(2)))
    box = np.arange(-20, 21) * scale
    image = np.exp(-(box[:, None] ** 2 + box[None, :] ** 2) / (2 * sigma**2)) / (
        sigma * math.sqrt(2 * math.pi)
    )
    return flux * image.sum()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    write_scenario(Scenario(seed=4, bursts=(BURST,)), tmp_path / "sky.json")
    (tmp_path / "site.toml").write_text(
        "[sky]\nsky_epoch = 2026-11-22T09:00:00Z\nwall_epoch = 2026-11-22T09:00:00Z\nrate = 1.0\n"
    )
    return Stage(
        scenario=str(tmp_path / "sky.json"),
        site=str(tmp_path / "site.toml"),
        model="gft-spm",
        port=1,
        wheel="Filter Simulator",
        slots={"g": 1, "r": 2},
        exposure_s=20.0,
    )


def test_a_star_gives_as_many_electrons_as_the_telescope_would_see() -> None:
    electrons_s = np.array([50.0, 1e3, 1e5])
    counted = adu_s(driver_mags(electrons_s, MODEL.instrument.pixel_scale_arcsec))
    assert counted * MODEL.instrument.gain_e_adu == pytest.approx(electrons_s, rel=0.01)


def test_the_driver_is_told_of_the_detector() -> None:
    told = driver_settings(MODEL)
    assert (told["SIM_XRES"], told["SIM_YRES"]) == (1024, 1024)
    assert told["SIM_XSIZE"] / 900.0 * 206.265 == pytest.approx(MODEL.instrument.pixel_scale_arcsec, rel=1e-4)
    assert told["SIM_NOISE"] / math.sqrt(12) * MODEL.instrument.gain_e_adu == pytest.approx(
        MODEL.instrument.read_noise_e, rel=1e-3
    )


def test_light_is_shared_among_whole_pixels_about_its_place() -> None:
    side = MODEL.instrument.width_px
    where = Projection(
        centre=CENTRE, width_px=side, height_px=side,
        pixel_scale_arcsec=MODEL.instrument.pixel_scale_arcsec, rotation_deg=0.0,
    )  # fmt: skip
    ra, dec = np.array([120.05]), np.array([35.03])
    drawn_ra, drawn_dec, shares = on_whole_pixels(CENTRE, ra, dec, np.array([1000.0]), MODEL.instrument)
    x, y = where.pixels(drawn_ra, drawn_dec)
    true_x, true_y = where.pixels(ra, dec)
    # On pixels: the middle of the detector is between two of them.
    assert np.abs(x - np.rint(x)).max() < 1e-3
    assert np.abs(y - np.rint(y)).max() < 1e-3
    assert np.average(x, weights=shares) == pytest.approx(true_x[0], abs=1e-3)
    assert np.average(y, weights=shares) == pytest.approx(true_y[0], abs=1e-3)
    away2 = (true_x[0] - 511.5) ** 2 + (true_y[0] - 511.5) ** 2
    assert shares.sum() == pytest.approx(1000.0 * math.exp(-1.4 * away2 / side**2), rel=1e-6)


def test_the_sky_is_that_of_the_scenario_with_the_light_of_the_moment(stage: Stage) -> None:
    ra, dec, mags = gsc.sources(stage, MODEL, centre=CENTRE, radius_deg=0.1, filter_name="r", now=NOW)
    assert len(ra) == 4 * (len(SimulatedSky(4).stars(CENTRE, 0.1).ra_deg) + 1)
    at_burst = np.hypot((ra - CENTRE.ra_deg) * math.cos(math.radians(35)), dec - CENTRE.dec_deg) * 3600 < 2.0
    seen = adu_s(mags[at_burst]).sum() * MODEL.instrument.gain_e_adu
    true = BURST.magnitude(210.0, "r", 20.0)
    expected = 10 ** (0.4 * (Atmosphere(MODEL).zero_point(CENTRE, NOW, "r") - true))
    assert seen == pytest.approx(expected, rel=0.02)


def test_before_the_burst_there_is_nothing(stage: Stage) -> None:
    early = NOW - timedelta(seconds=600)
    ra, _, _ = gsc.sources(stage, MODEL, centre=CENTRE, radius_deg=0.1, filter_name="r", now=early)
    assert len(ra) == 4 * len(SimulatedSky(4).stars(CENTRE, 0.1).ra_deg)


@pytest.fixture
def filter_r(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gsc, "filter_in_beam", lambda _: "r")


@pytest.mark.usefixtures("filter_r")
def test_lines_are_as_the_driver_reads_them(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "stage.json"
    file.write_text(stage.text())
    words = ["-c", "120.000000", "+35.000000", "-r", "16.3", "-m", "0", "17.00", "-n", "10"]
    assert gsc.main([str(file), *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 40
    # "%10s %f %f %f %f %f %d %d %4s %2s %f %d" must find twelve values.
    number = r"[+-]?\d+\.\d+"
    form = (
        rf"\S{{1,10}} {number} {number} {number} {number} {number} \d+ \d+ \S{{1,4}} \S{{1,2}} {number} \d+"
    )
    assert all(re.fullmatch(form, line) for line in lines)
    mags = [float(line.split()[4]) for line in lines]
    assert mags == sorted(mags)
    assert mags[-1] <= 17.0


def test_southern_declinations_are_no_options(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "stage.json"
    file.write_text(stage.text())
    script = tmp_path / "gsc"
    script.write_text(gsc.script(file))
    script.chmod(0o755)
    words = ["-c", "120.000000", "-35.000000", "-r", "16.3", "-m", "0", "17.00", "-n", "3000"]
    ran = subprocess.run([str(script), *words], capture_output=True, text=True, check=False, env=os.environ)
    assert ran.returncode == 1
    assert ran.stderr == (
        "gsc: the filter wheel 'Filter Simulator' does not answer: [Errno 111] Connection refused\n"
    )


@pytest.mark.parametrize("text", ["", "{}", json.dumps({"scenario": "x"})])
def test_a_stage_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "stage.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="sets no stage"):
        Stage.read(path)
