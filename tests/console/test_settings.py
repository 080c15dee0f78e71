"""A site's settings: one file, read once, with a clear word on what is wrong in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console import settings
from console.settings import CscSettings, RelaySettings, TelescopeSettings
from followup.clock import SkyClock, WallClock
from followup.errors import ConfigurationError

CSC: dict[str, Any] = {
    "xmpp": {"host": "xmpp.example.org", "domain": "followup.example.org"},
    "sftp": {"host": "store.example.org", "port": 2222},
}
SKY = {
    "sky_epoch": datetime(2026, 11, 22, tzinfo=UTC),
    "wall_epoch": datetime(2026, 1, 1, tzinfo=UTC),
    "rate": 240.0,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "csc"


def test_what_is_not_said_has_a_default(folder: Path) -> None:
    settings.write(folder, CSC)
    read = settings.read(CscSettings, folder)
    assert (read.authority, read.xmpp.port, read.archive_url, read.prefect.api_url) == (
        "followup",
        5222,
        "",
        "",
    )
    assert read.xmpp.password_file == Path("password")
    assert isinstance(read.clock(), WallClock)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_simulation_has_a_faster_sky(folder: Path) -> None:
    settings.write(folder, {**CSC, "sky": SKY})
    clock = settings.read(CscSettings, folder).clock()
    assert isinstance(clock, SkyClock)
    assert clock.rate == 240.0
    assert clock.sky_epoch == SKY["sky_epoch"]


def test_the_environment_overrides(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.write(folder, CSC)
    monkeypatch.setenv("FOLLOWUP_XMPP__PORT", "15222")
    # Options of the command line have variables with the same prefix.
    monkeypatch.setenv("FOLLOWUP_STATE", "/somewhere")
    assert settings.read(CscSettings, folder).xmpp.port == 15222


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"xmpp": None}, r"toml, line 1: xmpp: is missing"),
        ({"colour": "red"}, r"toml, line 1: colour: there is no such setting here"),
        ({"sftp": {"host": "x", "port": "y"}}, r"toml, line 7: sftp.port: Input should be a valid integer"),
        ({"sky": {**SKY, "rate": -1}}, "sky.rate: Input should be greater than 0"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(folder: Path, more: dict[str, Any], complaint: str) -> None:
    settings.write(folder, {key: value for key, value in {**CSC, **more}.items() if value is not None})
    with pytest.raises(ConfigurationError, match=complaint) as error:
        settings.read(CscSettings, folder)
    assert str(folder / "site.toml") in str(error.value)


def test_settings_that_are_no_toml(folder: Path) -> None:
    settings.write(folder, CSC)
    (folder / "site.toml").write_text("[[[", encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        settings.read(CscSettings, folder)
    assert "line 1" in str(error.value)
    assert error.value.hint.startswith("mend that line")


def test_a_mistyped_setting_is_told_with_its_line_and_what_was_meant(folder: Path) -> None:
    settings.write(folder, CSC)
    path = folder / "site.toml"
    path.write_text(
        "# ours\n" + path.read_text(encoding="utf-8").replace("domain", "domian"), encoding="utf-8"
    )
    with pytest.raises(ConfigurationError) as error:
        settings.read(CscSettings, folder)
    assert str(error.value) == (
        f"{path}, line 4: xmpp.domian: there is no such setting here (and wrong too: xmpp.domain)"
    )
    assert error.value.hint == "did you mean domain?"


def test_what_an_enrolment_brings_is_not_to_be_written_by_hand(folder: Path) -> None:
    settings.write(folder, {"name": "gft-spm", "model": "gft-spm"})
    with pytest.raises(ConfigurationError, match="xmpp: is missing") as error:
        settings.read(TelescopeSettings, folder)
    assert "followup gft init NAME --enrolment FOLDER" in error.value.hint


def test_a_wrong_variable_is_not_blamed_on_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.write(folder, CSC)
    monkeypatch.setenv("FOLLOWUP_XMPP__PORT", "many")
    with pytest.raises(ConfigurationError) as error:
        settings.read(CscSettings, folder)
    assert str(error.value).startswith(
        "FOLLOWUP_XMPP__PORT in the environment: Input should be a valid integer"
    )
    assert error.value.hint == "mend or unset it"


def test_a_site_that_is_not_there(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"site\.toml does not exist"):
        settings.read(RelaySettings, folder)


def test_devices_are_those_that_exist(folder: Path) -> None:
    content = {**CSC, "name": "gft-spm", "model": "gft-spm"}
    settings.write(folder, content)
    assert settings.read(TelescopeSettings, folder).devices == "simulated"
    settings.write(folder, {**content, "devices": "imagined"})
    with pytest.raises(ConfigurationError, match="devices: Input should be 'simulated'"):
        settings.read(TelescopeSettings, folder)


def test_secrets_are_for_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "password"
    with pytest.raises(ConfigurationError, match="No such file"):
        settings.secret(path)
    path.write_text("s3cret\n", encoding="utf-8")
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="can be read by others") as error:
        settings.secret(path)
    assert "s3cret" not in str(error.value)
    assert error.value.hint == f"chmod 600 {path}"
    path.chmod(0o600)
    assert settings.secret(path) == "s3cret"


def test_a_mistyped_limit_of_safety_is_told(folder: Path) -> None:
    content = {**CSC, "name": "gft-spm", "model": "gft-spm", "safety": {"max_wind": 10.0}}
    settings.write(folder, content)
    with pytest.raises(ConfigurationError, match=r"safety\.max_wind") as error:
        settings.read(TelescopeSettings, folder)
    assert error.value.hint == "did you mean max_wind_m_s?"


@pytest.mark.parametrize(
    ("safety", "complaint"),
    [
        ({"max_wind_m_s": 500.0}, "max_wind_m_s is 500, it must be 1 to 30"),
        ({"max_weather_age_s": float("inf")}, "max_weather_age_s is inf"),
        ({"max_humidity_percent": float("nan")}, "max_humidity_percent is nan"),
        ({"power_lost_file": ""}, "power_lost_file names no file"),
    ],
)
def test_a_limit_of_safety_that_means_nothing_is_refused(
    folder: Path, safety: dict[str, Any], complaint: str
) -> None:
    settings.write(folder, {**CSC, "name": "gft-spm", "model": "gft-spm", "safety": safety})
    with pytest.raises(ConfigurationError, match=complaint):
        settings.read(TelescopeSettings, folder)


def test_a_limit_of_safety_that_is_left_out_has_its_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {**CSC, "name": "gft-spm", "model": "gft-spm", "safety": {"max_wind_m_s": 12.0}}
    settings.write(folder, content)
    monkeypatch.setenv("FOLLOWUP_SAFETY__MAX_HUMIDITY_PERCENT", "80")
    found = settings.read(TelescopeSettings, folder).safety
    assert (found.max_wind_m_s, found.max_humidity_percent, found.max_weather_age_s) == (12.0, 80.0, 120.0)
