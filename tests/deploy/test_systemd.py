"""The service units, read back by systemd itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.systemd import ServiceUnits

UNITS = ServiceUnits(program=Path("/opt/followup/.venv/bin/followup"), state=Path("/var/lib/followup"))


def test_every_place_of_the_template_is_filled() -> None:
    units = UNITS.render()
    assert set(units) == {
        "followup-csc.service",
        "followup-relay.service",
        "followup-gft@.service",
        "followup-gft-watchdog@.service",
    }
    assert not [name for name, text in units.items() if re.search("@[A-Z]+@", text)]


def test_each_runs_its_agent_and_writes_to_its_own_folder_only() -> None:
    units = UNITS.render()
    for name, command, folder in (
        ("followup-csc.service", "csc run", "csc"),
        ("followup-relay.service", "relay run", "csc-ftp"),
        ("followup-gft@.service", "gft run gft-%i", "gft-%i"),
        ("followup-gft-watchdog@.service", "gft watchdog gft-%i", "gft-%i"),
    ):
        lines = units[name].splitlines()
        start = f"ExecStart=/opt/followup/.venv/bin/followup {command} --state /var/lib/followup --log json"
        assert start in lines
        assert [line for line in lines if line.startswith("ReadWritePaths=")] == [
            f"ReadWritePaths=/var/lib/followup/{folder}"
        ]
        assert {"Restart=always", "ProtectSystem=strict", "NoNewPrivileges=yes"} <= set(lines)


def test_a_telescopes_watchdog_comes_with_its_agent_and_does_not_go_with_it() -> None:
    units = UNITS.render()
    wants = "Wants=network-online.target followup-gft-watchdog@%i.service"
    assert wants in units["followup-gft@.service"].splitlines()
    watchdog = units["followup-gft-watchdog@.service"]
    assert not [line for line in watchdog.splitlines() if re.match("(PartOf|BindsTo|Requires)=", line)]
    assert "followup-gft@" not in watchdog


@pytest.mark.parametrize("path", ["relative", "/with space", "/with%i", '/with"quote', "/with$VAR", "/a\nb"])
def test_paths_that_systemd_would_misread_are_refused(path: str) -> None:
    with pytest.raises(DeployError, match="service unit") as caught:
        ServiceUnits(program=Path(path), state=Path("/var/lib/followup"))
    assert caught.value.hint


@pytest.mark.parametrize("user", ["", "Root", "a b", "a\nExecStart=x"])
def test_a_user_is_a_user(user: str) -> None:
    with pytest.raises(DeployError, match="user"):
        ServiceUnits(program=Path("/a"), state=Path("/b"), user=user)


def _exposure(analyze: str, unit: Path) -> float:
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--no-pager", str(unit)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    return float(found[1])


@pytest.mark.integration
def test_systemd_understands_them(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed (Debian: systemd)")
    program = tmp_path / "followup"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = ServiceUnits(program=program, state=tmp_path / "state", user="root").render()
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    instances = []
    for name in ("followup-gft", "followup-gft-watchdog"):
        instances.append(tmp_path / f"{name}@jilin.service")
        instances[-1].symlink_to(tmp_path / f"{name}@.service")
    files = [tmp_path / "followup-csc.service", tmp_path / "followup-relay.service", *instances]
    done = subprocess.run(
        [analyze, "verify", "--man=no", *map(str, files)], check=False, capture_output=True, text=True
    )
    ours = [line for line in done.stderr.splitlines() if "followup" in line]
    # Older ones than 254 do not know these two, and say that they go on without.
    known = ("Unknown key 'RestartSteps'", "Unknown key 'RestartMaxDelaySec'")
    assert not [line for line in ours if not any(key in line for key in known)]
    for file in files:
        assert _exposure(analyze, file) <= 2.0, "systemd calls up to 2.0 well protected"
    broken = tmp_path / "followup-broken.service"
    broken.write_text(units["followup-csc.service"].replace("ProtectSystem=strict", "ProtectSystem=perhaps"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(broken)], check=False, capture_output=True, text=True
    )
    assert "followup-broken.service" in done.stderr  # it does look
