"""``followup deploy`` prints what `deploy` renders, and nothing else."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.app import app
from deploy.openssh import SshdConfig
from deploy.prosody_config import ProsodyConfig
from deploy.systemd import ServiceUnits

PROSODY = ("--domain", "followup.example.org", "--certificate", "/etc/c.pem", "--key", "/etc/c.key")
OPENSSH = ("--root", "/srv/store", "--keys", "/srv/keys", "--host-key", "/srv/host_key")


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["deploy", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_prosody_listens_everywhere_unless_told_otherwise() -> None:
    config = ProsodyConfig(
        domain="followup.example.org",
        data=Path("/var/lib/prosody"),
        certificate=Path("/etc/c.pem"),
        key=Path("/etc/c.key"),
        interfaces=("*", "::"),
    )
    assert said("prosody", *PROSODY) == config.render()
    assert 'interfaces = { "192.0.2.1" }' in said("prosody", *PROSODY, "--interface", "192.0.2.1")


def test_openssh_prints_the_configuration_or_the_accounts() -> None:
    config = SshdConfig(root=Path("/srv/store"), keys=Path("/srv/keys"), host_key=Path("/srv/host_key"))
    assert said("openssh", *OPENSSH) == config.render()
    commands = said("openssh", *OPENSSH, "--accounts", "--telescope", "gft-jilin").splitlines()
    assert commands == [*config.store_commands(), *config.telescope_commands("gft-jilin")]


def test_systemd_prints_the_units_of_this_installation() -> None:
    units = ServiceUnits(
        program=Path(sys.executable).parent / "followup", state=Path("/var/lib/followup")
    ).render()
    printed = said("systemd")
    assert all(f"# --- {name}\n{text}" in printed for name, text in units.items())


def test_systemd_writes_the_units_into_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "units"
    printed = said("systemd", "--to", str(folder), "--state", "/srv/followup", "--user", "grb")
    assert sorted(printed.split()) == sorted(map(str, folder.iterdir()))
    assert "User=grb" in (folder / "followup-csc.service").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("prosody", "--domain", "not a domain", "--certificate", "/c", "--key", "/k"),
        ("openssh", "--root", "relative", "--keys", "/k", "--host-key", "/h"),
        ("openssh", *OPENSSH, "--accounts", "--telescope", "jilin"),
        ("systemd", "--state", "/with space"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["deploy", *arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")


def test_what_the_units_start_are_commands_of_this_program() -> None:
    units = ServiceUnits(program=Path("/followup"), state=Path("/state")).render()
    for name, text in units.items():
        (start,) = re.findall(r"^ExecStart=/followup (.*)$", text, re.MULTILINE)
        group, word, *_ = start.split()
        assert CliRunner().invoke(app, [group, word, "--help"]).exit_code == 0, name
