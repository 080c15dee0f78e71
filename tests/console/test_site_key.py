"""A site's own key pair: made once, and only its public half shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from console.site_key import KEY, PUBLIC_KEY, fingerprint, own_key, public_key
from followup.errors import ConfigurationError


def test_a_pair_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "gft-spm"
    line = own_key(folder)
    assert line.startswith("ssh-ed25519 ")
    assert line.endswith(" gft-spm")
    assert (folder / KEY).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    private = (folder / KEY).read_bytes()
    (folder / PUBLIC_KEY).unlink()
    assert own_key(folder) == line, "the public half is made from the private one"
    assert (folder / KEY).read_bytes() == private
    assert public_key(folder / PUBLIC_KEY) == line


def test_the_fingerprint_is_that_of_other_programs(tmp_path: Path) -> None:
    line = own_key(tmp_path / "gft-spm")
    try:
        shown = subprocess.run(
            ["ssh-keygen", "-lf", tmp_path / "gft-spm" / PUBLIC_KEY],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except FileNotFoundError:
        pytest.skip("ssh-keygen is not installed")
    assert fingerprint(line) in shown


def test_a_private_key_that_was_sent_is_refused_loudly(tmp_path: Path) -> None:
    own_key(tmp_path / "gft-spm")
    with pytest.raises(ConfigurationError, match="must not leave the telescope's computer") as error:
        public_key(tmp_path / "gft-spm" / KEY)
    assert "new pair" in error.value.hint


def test_what_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "x.pub").write_bytes(b"\xff\xfe nonsense")
    with pytest.raises(ConfigurationError, match="is not a public key"):
        public_key(tmp_path / "x.pub")
    (tmp_path / KEY).write_text("garbage")
    with pytest.raises(ConfigurationError, match="not a private key") as error:
        own_key(tmp_path)
    assert error.value.hint
