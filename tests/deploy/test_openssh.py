from __future__ import annotations

import subprocess
from pathlib import Path

import asyncssh
import pytest

from benchmarks.sshd import sshd_place, sshd_program
from deploy.errors import DeployError
from deploy.openssh import SshdConfig


def config(**changes: object) -> SshdConfig:
    values: dict[str, object] = {
        "root": Path("/srv/followup/store"),
        "keys": Path("/srv/followup/keys"),
        "host_key": Path("/srv/followup/host_key"),
    }
    return SshdConfig(**(values | changes))  # type: ignore[arg-type]  # checked at run time


def test_everything_is_filled_in() -> None:
    text = config(port=2200, interfaces=("192.0.2.1", "2001:db8::1")).render()
    settings = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert "ListenAddress 192.0.2.1:2200" in settings
    assert "ListenAddress [2001:db8::1]:2200" in settings
    assert "ChrootDirectory /srv/followup/store" in settings
    assert "AuthorizedKeysFile /srv/followup/keys/%u" in settings
    assert "PasswordAuthentication no" in settings
    assert "@" not in "".join(s for s in settings if not s.startswith("Ciphers"))


@pytest.mark.parametrize("path", ["relative", "/with space", "/with%token", '/with"quote', "/with#", "/a\nb"])
def test_paths_that_sshd_would_misread_are_refused(path: str) -> None:
    with pytest.raises(DeployError, match="sshd") as caught:
        config(root=Path(path))
    assert caught.value.hint


def test_a_port_is_a_port() -> None:
    with pytest.raises(DeployError, match="port"):
        config(port=0)


def test_the_commands_for_a_telescope() -> None:
    commands = config().telescope_commands("gft-jilin")
    assert any(c.startswith("useradd") and c.endswith("gft-jilin") for c in commands)
    assert "usermod --password '*' gft-jilin" in commands  # with ! sshd would call it locked
    assert commands[-1] == "install -d -o gft-jilin -g csc -m 2770 /srv/followup/store/gft-jilin"
    assert any("-m 0751" in c for c in config().store_commands())


@pytest.mark.parametrize("name", ["jilin", "gft-", "gft-a;id", "gft-A", "gft-a\n", "gft-" + "a" * 29])
def test_only_telescopes_get_accounts(name: str) -> None:
    with pytest.raises(DeployError, match="account"):
        config().telescope_commands(name)


@pytest.mark.integration
def test_sshd_understands_it(tmp_path: Path) -> None:
    program = sshd_program()
    if program is None:
        pytest.skip("sshd is not installed (Debian: openssh-server)")
    host_key = tmp_path / "host_key"
    host_key.touch(mode=0o600)
    host_key.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh"))
    file = tmp_path / "sshd_config"
    file.write_text(config(host_key=host_key, pidfile=tmp_path / "pid").render())
    for user, expected in {
        "csc": "forcecommand internal-sftp -R",
        "gft-a": "forcecommand internal-sftp -d /%u -u 0007",
    }.items():
        result = subprocess.run(
            [*sshd_place(), program, "-T", "-f", str(file), "-C", f"user={user},host=x,addr=192.0.2.1"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if "unshare" in result.stderr:
            pytest.skip(f"root may make no mount namespace here: {result.stderr.strip()}")
        assert result.returncode == 0, result.stderr
        effective = result.stdout
        assert expected in effective
        for line in (
            "chrootdirectory /srv/followup/store",
            "disableforwarding yes",
            "permittty no",
            "passwordauthentication no",
            "kbdinteractiveauthentication no",
            "usepam no",
        ):
            assert line in effective
