"""Making the centre, admitting telescopes and revoking them; interrupted, and begun again."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import asyncssh
import pytest

from console import enrolment, settings
from console.enrolment import (
    admit_telescope,
    enrolled,
    install_enrolment,
    make_centre,
    relay_store,
    take_in,
)
from console.servers import Ports, Servers
from console.settings import CscSettings, RelaySettings, TelescopeSettings
from console.site_key import own_key
from console.state import State
from deploy.prefect import PrefectServer
from deploy.prosody import Prosody
from followup.errors import ConfigurationError

WRITES = 13
"""So many files are written, flushed to the disk, while a centre is made."""
PORTS = Ports(xmpp=15222, sftp=12222, prefect=14200)


class Accounts:
    """Stands in for Prosody: the accounts on it, and how often each was given a password."""

    def __init__(self) -> None:
        self.made: dict[str, int] = {}
        self.passwords: dict[str, str] = {}
        self.config = SimpleNamespace(port=PORTS.xmpp, domain="followup.localhost")

    def accounts(self) -> frozenset[str]:
        return frozenset(self.passwords)

    async def add_account(self, user: str, *, password: str = "") -> str:
        self.made[user] = self.made.get(user, 0) + 1
        self.passwords[user] = password or f"secret-{user}-{self.made[user]}"
        return self.passwords[user]

    async def remove_account(self, user: str) -> None:
        self.made.pop(user, None)
        self.passwords.pop(user, None)


@pytest.fixture
def accounts() -> Accounts:
    return Accounts()


@pytest.fixture
def servers(accounts: Accounts, tmp_path: Path) -> Servers:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("a certificate", encoding="utf-8")
    prosody = cast("Prosody", accounts)
    return Servers(prosody=prosody, prefect=None, prefect_url="http://p", ports=PORTS, ca_file=ca_file)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def admit(state: State, accounts: Accounts, name: str, public: str = "") -> Path:
    return asyncio.run(admit_telescope(state, cast("Prosody", accounts), name, key=public))


def revoke(state: State, accounts: Accounts, name: str) -> None:
    asyncio.run(enrolment.revoke_telescope(state, cast("Prosody", accounts), name))


def key(path: Path) -> asyncssh.SSHKey:
    return asyncssh.read_private_key(path)


def test_the_centre_is_made_once(state: State, servers: Servers, accounts: Accounts) -> None:
    asyncio.run(make_centre(state, servers))
    csc, relay = settings.read(CscSettings, state.csc), settings.read(RelaySettings, state.relay)
    assert (csc.xmpp.port, csc.sftp.port, relay.xmpp.port, relay.sftp_port) == (15222, 12222, 15222, 12222)
    assert csc.prefect.api_url == "http://p/api"
    assert settings.secret(state.csc / "password") == "secret-csc-1"
    assert relay_store(state.relay).authorises("csc", key(state.csc / "id_ed25519"))
    host_key = key(state.relay / "host_key").export_public_key()
    assert (state.csc / "relay_host_key.pub").read_bytes() == host_key
    asyncio.run(make_centre(state, servers))
    assert accounts.made == {"csc": 1, "csc-ftp": 1}


def test_secrets_can_be_read_by_their_owner_only(state: State, servers: Servers, accounts: Accounts) -> None:
    asyncio.run(make_centre(state, servers))
    admit(state, accounts, "gft-spm")
    secret = [p for p in state.root.rglob("*") if p.name in {"password", "id_ed25519", "host_key"}]
    assert len(secret) == 6
    assert not list(state.enrolments.rglob("id_ed25519")), "a private key does not travel"
    secret += [state.servers / "accounts" / user for user in ("csc", "csc-ftp", "gft-spm")]
    assert all(path.stat().st_mode & 0o077 == 0 for path in secret)
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in (state.csc, state.relay))


def test_ports_and_prefect_may_change(state: State, servers: Servers) -> None:
    asyncio.run(make_centre(state, servers))
    moved = Ports(xmpp=25222, sftp=22222, prefect=1)
    asyncio.run(
        make_centre(
            state,
            Servers(
                prosody=servers.prosody, prefect=None, prefect_url="", ports=moved, ca_file=servers.ca_file
            ),
        )
    )
    csc, relay = settings.read(CscSettings, state.csc), settings.read(RelaySettings, state.relay)
    assert (csc.xmpp.port, csc.sftp.port, relay.xmpp.port, relay.sftp_port) == (25222, 22222, 25222, 22222)
    assert csc.prefect.api_url == ""


def test_a_site_on_servers_of_its_own_keeps_its_settings(state: State, servers: Servers) -> None:
    asyncio.run(make_centre(state, servers))
    for folder in (state.csc, state.relay):
        path = folder / "site.toml"
        text = path.read_text(encoding="utf-8").replace('"127.0.0.1"', '"xmpp.example.org"')
        text = text.replace("followup.localhost", "followup.example.org").replace("http://p", "http://q")
        path.write_text(f"# ours\n{text}", encoding="utf-8")
    before = {folder: (folder / "site.toml").read_text() for folder in (state.csc, state.relay)}
    moved = Ports(xmpp=25222, sftp=22222, prefect=1)
    asyncio.run(make_centre(state, replace(servers, prefect_url="", ports=moved)))
    assert {folder: (folder / "site.toml").read_text() for folder in before} == before


@pytest.mark.parametrize("store", ["openssh", "public"])
def test_a_store_of_its_own_stays_and_so_do_other_keys(state: State, servers: Servers, store: str) -> None:
    """The embedded XMPP server, but a store elsewhere; and what else a section says."""
    asyncio.run(make_centre(state, servers))
    for folder in (state.csc, state.relay):
        path = folder / "site.toml"
        text = path.read_text(encoding="utf-8").replace("port = 12222", "port = 2022")
        path.write_text(text.replace("[xmpp]", '[xmpp]\npassword_file = "pw" # ours'), encoding="utf-8")
    relay = state.relay / "site.toml"
    if store == "openssh":
        section = '\n[sftp]\nhost = "127.0.0.1"\nport = 2022\n'
        relay.write_text(relay.read_text(encoding="utf-8") + section, encoding="utf-8")
    else:
        text = relay.read_text(encoding="utf-8")
        relay.write_text(f'sftp_host = "0.0.0.0"\n{text}', encoding="utf-8")
    moved = Ports(xmpp=25222, sftp=22222, prefect=1)
    asyncio.run(make_centre(state, replace(servers, ports=moved)))
    csc, kept = settings.read(CscSettings, state.csc), settings.read(RelaySettings, state.relay)
    assert (csc.xmpp.port, kept.xmpp.port) == (25222, 25222)
    assert (csc.sftp.port, kept.sftp_port) == (2022, 2022)
    assert csc.xmpp.password_file == kept.xmpp.password_file == Path("pw")
    assert "# ours" in (state.csc / "site.toml").read_text(encoding="utf-8")


def test_a_prefect_server_of_its_own_stays_unless_another_is_named(state: State, servers: Servers) -> None:
    asyncio.run(make_centre(state, servers))
    here = cast("PrefectServer", object())
    asyncio.run(make_centre(state, replace(servers, prefect=here, prefect_url="http://127.0.0.1:4201")))
    assert settings.read(CscSettings, state.csc).prefect.api_url == "http://p/api"
    asyncio.run(make_centre(state, replace(servers, prefect_url="http://other")))
    assert settings.read(CscSettings, state.csc).prefect.api_url == "http://other/api"


def test_a_server_that_lost_its_accounts_gets_them_back(
    state: State, servers: Servers, accounts: Accounts
) -> None:
    asyncio.run(make_centre(state, servers))
    admit(state, accounts, "gft-spm")
    admit(state, accounts, "gft-gone")
    revoke(state, accounts, "gft-gone")
    shutil.rmtree(state.enrolments)  # it was taken to the telescope
    before = dict(accounts.passwords)
    accounts.passwords.clear()
    asyncio.run(make_centre(state, servers))
    assert accounts.passwords == before
    assert set(before) == {"csc", "csc-ftp", "gft-spm"}
    made = dict(accounts.made)
    asyncio.run(make_centre(state, servers))
    assert accounts.made == made, "those that are there are left alone"


@pytest.mark.parametrize("writes", range(WRITES + 1))
def test_interrupted_anywhere_it_is_finished_the_next_time(
    state: State, servers: Servers, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(writes))

    def full_after_some(_descriptor: int) -> None:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full_after_some)
        with contextlib.suppress(OSError, ConfigurationError):
            asyncio.run(make_centre(state, servers))
            assert writes >= WRITES
    asyncio.run(make_centre(state, servers))
    settings.read(CscSettings, state.csc)
    settings.read(RelaySettings, state.relay)
    assert relay_store(state.relay).authorises("csc", key(state.csc / "id_ed25519"))
    assert (state.csc / "relay_host_key.pub").read_bytes() == (state.relay / "host_key.pub").read_bytes()
    assert not list(state.root.rglob(".*.*"))


def test_a_telescope_is_admitted_and_set_up(state: State, servers: Servers, accounts: Accounts) -> None:
    asyncio.run(make_centre(state, servers))
    folder = admit(state, accounts, "gft-spm")
    assert enrolled(state.csc) == enrolled(state.relay) == ("gft-spm",)
    site = state.telescope("gft-spm")
    install_enrolment(folder, site, {"model": "gft-spm"})
    read = settings.read(TelescopeSettings, site)
    assert (read.name, read.xmpp.port, read.sftp.port) == ("gft-spm", 15222, 12222)
    assert settings.secret(site / "password") == "secret-gft-spm-1"
    store = relay_store(state.relay)
    assert store.authorises("gft-spm", key(site / "id_ed25519"))
    assert not store.authorises("csc", key(site / "id_ed25519"))


def test_admitted_again_it_has_new_secrets(state: State, servers: Servers, accounts: Accounts) -> None:
    asyncio.run(make_centre(state, servers))
    admit(state, accounts, "gft-spm")
    old = key(state.telescope("gft-spm") / "id_ed25519")
    (state.telescope("gft-spm") / "id_ed25519").unlink()  # it was seen by others
    folder = admit(state, accounts, "gft-spm")
    assert (folder / "password").read_text(encoding="utf-8") == "secret-gft-spm-2\n"
    assert not relay_store(state.relay).authorises("gft-spm", old)
    assert relay_store(state.relay).authorises("gft-spm", key(state.telescope("gft-spm") / "id_ed25519"))
    assert enrolled(state.csc) == ("gft-spm",)


def test_revoked_it_is_out_and_its_data_stay(state: State, servers: Servers, accounts: Accounts) -> None:
    asyncio.run(make_centre(state, servers))
    admit(state, accounts, "gft-spm")
    old = key(state.telescope("gft-spm") / "id_ed25519")
    data = relay_store(state.relay).home("gft-spm") / "frame.fits"
    data.write_bytes(b"x")
    revoke(state, accounts, "gft-spm")
    assert enrolled(state.csc) == enrolled(state.relay) == ()
    assert "gft-spm" not in accounts.made
    assert not relay_store(state.relay).authorises("gft-spm", old)
    assert not (state.enrolments / "gft-spm").exists()
    assert data.exists()
    with pytest.raises(ConfigurationError, match="gft-spm is not enrolled here"):
        revoke(state, accounts, "gft-spm")


def test_what_cannot_be_admitted(state: State, servers: Servers, accounts: Accounts) -> None:
    with pytest.raises(ConfigurationError, match="holds no science centre"):
        admit(state, accounts, "gft-spm")
    asyncio.run(make_centre(state, servers))
    for name in ("spm", "gft-", "gft-../x", "csc", "gft-SPM"):
        with pytest.raises(ConfigurationError, match="not a telescope's name"):
            admit(state, accounts, name)
    assert set(accounts.made) == {"csc", "csc-ftp"}


def test_what_is_no_enrolment(state: State, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not an enrolment") as error:
        install_enrolment(tmp_path / "none", state.telescope("gft-spm"), {})
    assert "followup csc admit" in error.value.hint
    assert not state.root.exists()


def test_a_telescope_elsewhere_makes_its_own_key(
    state: State, servers: Servers, accounts: Accounts, tmp_path: Path
) -> None:
    asyncio.run(make_centre(state, servers))
    there = State(tmp_path / "observatory").telescope("gft-jilin")
    public = own_key(there)
    folder = admit(state, accounts, "gft-jilin", public)
    assert not state.telescope("gft-jilin").exists()
    assert {path.name for path in folder.iterdir()} == {
        "enrolment.toml", "password", "ca.pem", "relay_host_key.pub", "id_ed25519.pub"
    }  # fmt: skip
    assert relay_store(state.relay).authorises("gft-jilin", key(there / "id_ed25519"))
    assert take_in(folder, there)["sftp"] == {"host": "127.0.0.1", "port": PORTS.sftp}
    assert own_key(there) == public


def test_an_enrolment_names_the_servers_that_the_centre_uses(
    state: State, servers: Servers, accounts: Accounts
) -> None:
    asyncio.run(make_centre(state, servers))
    path = state.csc / "site.toml"
    text = path.read_text(encoding="utf-8").replace('"127.0.0.1"', '"grb.example.org"')
    path.write_text('authority = "example.org"\n' + text.replace("[xmpp]", '[xmpp]\nca_file = "own.pem"'))
    (state.csc / "own.pem").write_text("their authority")
    folder = admit(state, accounts, "gft-spm")
    given = take_in(folder, state.telescope("gft-spm"))
    assert given["authority"] == "example.org"
    assert (given["xmpp"]["host"], given["sftp"]["host"]) == ("grb.example.org", "grb.example.org")
    assert (folder / "ca.pem").read_text() == "their authority"


def test_an_enrolment_is_for_one_telescope_and_one_key(
    state: State, servers: Servers, accounts: Accounts, tmp_path: Path
) -> None:
    asyncio.run(make_centre(state, servers))
    folder = admit(state, accounts, "gft-jilin")
    elsewhere = State(tmp_path / "observatory")
    with pytest.raises(ConfigurationError, match="is the enrolment of gft-jilin, not of gft-spm"):
        take_in(folder, elsewhere.telescope("gft-spm"))
    with pytest.raises(ConfigurationError, match="admits the key SHA256:") as error:
        take_in(folder, elsewhere.telescope("gft-jilin"))
    assert "followup csc admit gft-jilin --key" in error.value.hint
    assert not (elsewhere.telescope("gft-jilin") / "password").exists()
