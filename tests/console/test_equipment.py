"""Which devices a telescope's settings give it, and what a person is told when they cannot."""

from __future__ import annotations

import copy
import re
import tomllib
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from agents.gft.indi import connection
from console import settings
from console.equipment import equipped
from console.indi_stage import EXPOSURE_S, site_settings
from console.settings import TelescopeSettings
from console.simulation import empty_sky, write_sky
from followup.clock import WallClock
from followup.errors import ConfigurationError, DeviceError
from followup.strategy import load_strategies
from simulators.indi_camera import twin
from simulators.sites import known_telescope

MODEL = known_telescope("gft-jilin")
ENROLLED: dict[str, Any] = {
    "name": "gft-jilin",
    "xmpp": {"host": "xmpp.example.org", "domain": "followup.example.org"},
    "sftp": {"host": "store.example.org", "port": 2222},
}


def over_indi(port: int = 7624) -> dict[str, Any]:
    return copy.deepcopy({**ENROLLED, **site_settings(MODEL, port)})


def read(folder: Path, content: dict[str, Any]) -> TelescopeSettings:
    settings.write(folder, content)
    return settings.read(TelescopeSettings, folder)


def complaint(folder: Path, content: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, content)
    assert caught.value.hint
    return re.sub(r"^.*?site\.toml(, line \d+)?: ", "", str(caught.value))


async def test_a_known_model_is_simulated(tmp_path: Path) -> None:
    write_sky(tmp_path, empty_sky(1))
    config = read(tmp_path, {**ENROLLED, "model": "gft-jilin"})
    async with equipped(config, tmp_path, WallClock()) as equipment:
        assert equipment.simulated
        assert (equipment.site, equipment.instrument) == (MODEL.site, MODEL.instrument)


def test_a_site_file_over_indi_says_all_that_is_known_of_the_model(tmp_path: Path) -> None:
    config = read(tmp_path, over_indi(17624))
    indi = config.over_indi()
    assert indi is not None
    assert indi.place.site() == MODEL.site
    assert indi.detector.instrument("gft-jilin") == twin(MODEL).instrument
    devices = indi.devices.settings()
    assert (devices.host, devices.port, devices.camera) == ("127.0.0.1", 17624, "CCD Simulator")
    assert devices.slots == {"g": 1, "r": 2, "i": 3}


@pytest.mark.integration
async def test_without_an_indi_server_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_OPEN_S", 0.3)
    write_sky(tmp_path, empty_sky(1))
    config = read(tmp_path, over_indi(1))
    with pytest.raises(DeviceError, match=r"INDI server: nothing answers at 127\.0\.0\.1:1") as caught:
        async with equipped(config, tmp_path, WallClock()):
            pytest.fail("nobody is there")
    assert "[indi]" in caught.value.hint


async def test_a_catalogue_that_is_not_there(tmp_path: Path) -> None:
    config = read(tmp_path, {**over_indi(), "catalogue_file": "stars.fits"})
    with pytest.raises(ConfigurationError, match="is no catalogue of reference stars"):
        async with equipped(config, tmp_path, WallClock()):
            pytest.fail("there are no stars")


def test_the_example_for_a_site_of_ones_own_is_understood(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
    (example,) = (block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[indi]" in block)
    config = read(tmp_path, {**ENROLLED, **tomllib.loads(example)})
    indi = config.over_indi()
    assert indi is not None
    assert indi.catalogue_file == Path("stars.fits")
    assert indi.detector.instrument("gft-jilin").filters == ("g", "r", "i")


def test_the_stage_knows_how_long_its_strategies_expose() -> None:
    text = (resources.files("console") / "indi_strategies.toml").read_text(encoding="utf-8")
    epochs = [epoch for strategy in tomllib.loads(text)["strategies"] for epoch in strategy["epochs"]]
    assert {epoch["exposure_s"] for epoch in epochs} == {EXPOSURE_S}
    assert load_strategies(text, source="indi_strategies.toml")


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    said = complaint(tmp_path, ENROLLED)
    assert said == 'devices = "simulated" needs model, the telescope to imitate'
    content = over_indi()
    del content["place"], content["indi"]
    assert complaint(tmp_path, content) == 'devices = "indi" needs the sections [place], [indi]'
    content = over_indi()
    del content["indi"]["slots"]["r"]
    assert complaint(tmp_path, content) == "[indi] slots names no slot for the filters r"
    content = over_indi()
    content["indi"]["mont"] = "Telescope Simulator"
    assert complaint(tmp_path, content) == "indi.mont: there is no such setting here"
    content = over_indi()
    content["place"]["latitude_deg"] = 143.8
    assert complaint(tmp_path, content).startswith("place.latitude_deg: Input should be less than")
    epoch = datetime(2026, 11, 22, tzinfo=UTC)
    content = {**over_indi(), "sky": {"sky_epoch": epoch, "wall_epoch": epoch, "rate": 160.0}}
    assert complaint(tmp_path, content) == "[sky] rate is 160: INDI devices take real time, it must be 1"
