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
        ({"xmpp": None}, "xmpp: Field required"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"sftp": {"host": "x", "port": "y"}}, "sftp.port: Input should be a valid integer"),
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
    assert error.value.hint == "mend the file: it must be TOML"


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
