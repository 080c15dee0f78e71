"""A replay reaches nothing real: tried, and refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from console import settings
from console.replay import refusals
from console.replay.errors import ReplayError, ReplayRefusedError
from console.replay.parties import Party
from console.replay.playing import replay_bundle
from console.replay.record import Recording
from console.servers import Ports, Servers

KEPT = Path(__file__).parent / "bundles"
Site = Callable[[Path], settings.CscSettings | settings.RelaySettings]


def servers(tmp_path: Path) -> Servers:
    ports = Ports(xmpp=15222, sftp=12222, prefect=14200)
    return Servers(prosody=None, prefect=None, prefect_url="", ports=ports, ca_file=tmp_path / "ca.pem")  # type: ignore[arg-type]  # nothing is started


def telescope(folder: Path, **changes: object) -> settings.TelescopeSettings:
    content = {
        "name": "gft-spm",
        "devices": "simulated",
        "model": "played",
        "xmpp": {"host": "127.0.0.1", "port": 15222, "domain": "followup.localhost"},
        "sftp": {"host": "127.0.0.1", "port": 12222},
        **changes,
    }
    settings.write(folder, content)
    return settings.read(settings.TelescopeSettings, folder)


def test_its_own_servers_will_do(tmp_path: Path) -> None:
    refusals.check_settings(telescope(tmp_path), servers(tmp_path))


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("FOLLOWUP_XMPP__HOST", "xmpp.observatory.example", "XMPP server xmpp.observatory.example"),
        ("FOLLOWUP_XMPP__PORT", "5222", "XMPP server 127.0.0.1:5222"),
        ("FOLLOWUP_XMPP__DOMAIN", "observatory.example", "domain observatory.example"),
        ("FOLLOWUP_SFTP__HOST", "relay.observatory.example", "SFTP store relay.observatory.example"),
        ("FOLLOWUP_PREFECT__API_URL", "http://prefect.example/api", "Prefect server"),
    ],
)
def test_settings_from_the_environment_that_lead_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, what: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ReplayRefusedError, match=what):
        refusals.check_settings(telescope(tmp_path), servers(tmp_path))


def test_real_devices(tmp_path: Path) -> None:
    real = telescope(tmp_path).model_copy(update={"devices": "indi"})
    with pytest.raises(ReplayRefusedError, match="real devices"):
        refusals.check_settings(real, servers(tmp_path))


def centre(folder: Path) -> settings.CscSettings:
    xmpp = {"host": "127.0.0.1", "port": 15222, "domain": "followup.localhost"}
    settings.write(folder, {"xmpp": xmpp, "sftp": {"host": "127.0.0.1", "port": 12222}})
    return settings.read(settings.CscSettings, folder)


def relay(folder: Path) -> settings.RelaySettings:
    xmpp = {"host": "127.0.0.1", "port": 15222, "domain": "followup.localhost"}
    settings.write(folder, {"xmpp": xmpp, "sftp_port": 12222})
    return settings.read(settings.RelaySettings, folder)


@pytest.mark.parametrize("site", [centre, relay])
def test_the_other_parties_own_servers_will_do(tmp_path: Path, site: Site) -> None:
    refusals.check_settings(site(tmp_path), servers(tmp_path))


@pytest.mark.parametrize(
    ("site", "said", "what"),
    [
        (centre, ("FOLLOWUP_ARCHIVE_URL", "postgresql://archive.example/science"), "name an archive"),
        (
            centre,
            ("FOLLOWUP_SFTP__HOST", "relay.observatory.example"),
            "SFTP store relay.observatory.example",
        ),
        (centre, ("FOLLOWUP_XMPP__HOST", "xmpp.example"), "XMPP server xmpp.example"),
        (centre, ("FOLLOWUP_PREFECT__API_URL", "http://prefect.example/api"), "Prefect server"),
        (relay, ("FOLLOWUP_SFTP_HOST", "0.0.0.0"), "SFTP store 0.0.0.0"),  # noqa: S104 - refused
        (relay, ("FOLLOWUP_SFTP", '{"host": "store.example", "port": 22}'), "SFTP store store.example:22"),
        (relay, ("FOLLOWUP_SFTP", '{"host": "127.0.0.1", "port": 12222}'), "SFTP store 127.0.0.1:12222"),
        (relay, ("FOLLOWUP_XMPP__DOMAIN", "observatory.example"), "domain observatory.example"),
    ],
)
def test_settings_of_the_other_parties_that_lead_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Site, said: tuple[str, str], what: str
) -> None:
    monkeypatch.setenv(*said)
    with pytest.raises(ReplayRefusedError, match=what):
        refusals.check_settings(site(tmp_path), servers(tmp_path))


@pytest.mark.integration
def test_a_replayed_centre_does_not_come_to_a_real_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "archive.sqlite"
    monkeypatch.setenv("FOLLOWUP_ARCHIVE_URL", f"sqlite:///{real}")
    with pytest.raises(ReplayRefusedError, match="name an archive"):
        replay_bundle(KEPT / "small-light.tar.zst", against=Party.CSC)
    assert not real.exists()


def test_the_folder_of_a_real_site(tmp_path: Path) -> None:
    site = tmp_path / "state"
    telescope(site / "gft-spm")
    before = sorted(site.rglob("*"))
    with pytest.raises(ReplayRefusedError, match="is not empty"):
        replay_bundle(KEPT / "small.tar.zst", work=site)
    assert sorted(site.rglob("*")) == before


def test_a_record_without_calibration_cannot_be_replayed(tmp_path: Path) -> None:
    recording = Recording.read(KEPT / "small.tar.zst", tmp_path)
    recording.masters.unlink()
    with pytest.raises(ReplayError, match=r"has no logs/calibration\.fits"):
        _ = recording.masters
