from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from agents.ftp_relay.store_accounts import StoreAccounts
from followup.errors import ConfigurationError

KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ssh-ed25519")
PUBLIC = KEY.export_public_key("openssh").decode()


@pytest.fixture
def accounts(tmp_path: Path) -> StoreAccounts:
    return StoreAccounts(tmp_path / "store", tmp_path / "keys")


def test_admit_and_revoke(accounts: StoreAccounts) -> None:
    assert not accounts.authorises("gft-a", KEY)
    accounts.admit("gft-a", PUBLIC)
    assert accounts.authorises("gft-a", KEY)
    assert not accounts.authorises("gft-a", OTHER)
    assert not accounts.authorises("gft-b", KEY)
    assert not accounts.authorises("csc", KEY)
    assert accounts.home("gft-a").is_dir()
    assert [path.name for path in accounts.keys.iterdir()] == ["gft-a"]
    accounts.revoke("gft-a")
    accounts.revoke("gft-a")
    assert not accounts.authorises("gft-a", KEY)
    assert accounts.home("gft-a").is_dir()


def test_the_science_centre_sees_all_and_writes_nothing(accounts: StoreAccounts) -> None:
    accounts.admit("csc", PUBLIC)
    assert accounts.home("csc") == accounts.root
    assert not accounts.may_write("csc")
    assert accounts.home("gft-a") == accounts.root / "gft-a"
    assert accounts.may_write("gft-a")


@pytest.mark.parametrize("user", ["", "root", "gft-", "gft-A", "../gft-a", "gft-a/..", "gft-a\n", "csc-ftp"])
def test_others_are_nobody(accounts: StoreAccounts, user: str) -> None:
    with pytest.raises(ValueError, match="telescope"):
        accounts.admit(user, PUBLIC)
    accounts.keys.mkdir()
    if user and "/" not in user:
        (accounts.keys / user).write_text(PUBLIC)
    assert not accounts.authorises(user, KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "nonsense",
        "ssh-ed25519 AAAA",
        "\xff",
        pytest.param(f"{PUBLIC}nonsense\n", id="a key, nonsense"),
    ],
)
def test_a_damaged_file_of_keys_admits_nobody_it_does_not_name(accounts: StoreAccounts, text: str) -> None:
    accounts.keys.mkdir()
    (accounts.keys / "gft-a").write_text(text, encoding="latin-1")
    assert not accounts.authorises("gft-a", OTHER)


@pytest.mark.parametrize("text", ["", "nonsense", "ssh-ed25519 AAAA"])
def test_only_public_keys_are_admitted(accounts: StoreAccounts, text: str) -> None:
    with pytest.raises(ConfigurationError, match="gft-a") as caught:
        accounts.admit("gft-a", text)
    assert "ssh-ed25519" in caught.value.hint
    assert not accounts.keys.exists()


def test_options_in_front_of_a_key_do_not_come_in(accounts: StoreAccounts) -> None:
    """They would mean something to a real sshd that reads the same folder."""
    accounts.admit("gft-a", f"{PUBLIC.strip()} comment of mine\n")
    assert (accounts.keys / "gft-a").read_text().startswith("ssh-ed25519 ")
    with pytest.raises(ConfigurationError):
        accounts.admit("gft-a", f'command="id" {PUBLIC}')


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="admit gft-a"):
        StoreAccounts(tmp_path / "file" / "store", tmp_path / "keys").admit("gft-a", PUBLIC)
