"""Enrolment: what the science centre and the relay need at first, and admitting and revoking telescopes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import asyncssh
import tomlkit

from agents.ftp_relay.store_accounts import StoreAccounts
from console import settings
from console.servers import DOMAIN, HOST, Servers, write_secret
from console.state import State
from deploy.prosody import Prosody
from followup.errors import ConfigurationError
from followup.names import CSC, RELAY, check_telescope

_KEY = "id_ed25519"


def relay_store(relay: Path) -> StoreAccounts:
    """Accounts of the SFTP store of the relay in folder `relay`."""
    return StoreAccounts(relay / "store", relay / "keys")


def enrolled(site: Path) -> tuple[str, ...]:
    """Names of the telescopes enrolled at the science centre or the relay in that folder, sorted."""
    folder = site / "telescopes"
    return tuple(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ()


async def make_centre(state: State, servers: Servers, *, sky: dict[str, Any] | None = None) -> None:
    """Make the folders of the science centre and the relay, with accounts and keys, unless they are there.

    Parameters
    ----------
    sky
        The settings of a simulated sky clock.
    """
    api_url = f"{servers.prefect_url}/api" if servers.prefect_url else ""
    if not (state.relay / "site.toml").exists():
        await _make_site(state.relay, RELAY, servers, _relay_content(servers, api_url, sky))
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        write_secret(state.relay / "host_key", host_key.export_private_key().decode())
        (state.relay / "host_key.pub").write_bytes(host_key.export_public_key())
    if not (state.csc / "site.toml").exists():
        content = _common(servers, api_url, sky) | {"sftp": _sftp(servers)}
        await _make_site(state.csc, CSC, servers, content)
        public = _make_key(state.csc)
        relay_store(state.relay).admit(CSC, public)
        shutil.copyfile(state.relay / "host_key.pub", state.csc / "relay_host_key.pub")
    # The clock and the Prefect server may be others than last time.
    for folder in (state.csc, state.relay):
        update(folder, prefect={"api_url": api_url}, sky=sky)


async def admit_telescope(state: State, prosody: Prosody, name: str, *, sftp_port: int) -> Path:
    """Admit a telescope: account, key, directory; its topic is made by the relay's agent.

    Admitting it again gives it a new password and a new key.

    Returns
    -------
    Path
        Folder of the enrolment, to be taken to the telescope's computer.

    Raises
    ------
    ConfigurationError
        When the name cannot be a telescope's, or this state has no science centre yet.
    """
    try:
        check_telescope(name)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    if not (state.csc / "site.toml").exists():
        raise ConfigurationError(f"{state.root} holds no science centre", hint="followup up makes one")
    folder = state.enrolments / name
    shutil.rmtree(folder, ignore_errors=True)
    password = await prosody.add_account(name)
    write_secret(folder / "password", password + "\n")
    public = _make_key(folder)
    relay_store(state.relay).admit(name, public)
    shutil.copyfile(state.csc / "ca.pem", folder / "ca.pem")
    shutil.copyfile(state.relay / "host_key.pub", folder / "relay_host_key.pub")
    content = {
        "name": name,
        "xmpp": {"host": HOST, "port": prosody.config.port, "domain": prosody.config.domain},
        "sftp": {"host": HOST, "port": sftp_port},
    }
    (folder / "enrolment.toml").write_text(tomlkit.dumps(content), encoding="utf-8")
    for site in (state.csc, state.relay):
        mark = site / "telescopes" / name
        mark.parent.mkdir(mode=0o700, exist_ok=True)
        mark.touch()
    return folder


async def revoke_telescope(state: State, prosody: Prosody, name: str) -> None:
    """End a telescope's account, key and membership; its data stay.

    Raises
    ------
    ConfigurationError
        When no such telescope is enrolled.
    """
    if name not in enrolled(state.csc):
        raise ConfigurationError(
            f"{name} is not enrolled here", hint=f"enrolled: {', '.join(enrolled(state.csc)) or 'none'}"
        )
    await prosody.remove_account(name)
    relay_store(state.relay).revoke(name)
    for site in (state.csc, state.relay):
        (site / "telescopes" / name).unlink(missing_ok=True)
    shutil.rmtree(state.enrolments / name, ignore_errors=True)


def install_enrolment(enrolment: Path, site: Path, content: dict[str, Any]) -> None:
    """Set up a telescope's folder from its enrolment; `content` is what else its ``site.toml`` says."""
    try:
        given = tomlkit.parse((enrolment / "enrolment.toml").read_text(encoding="utf-8")).unwrap()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{enrolment} is not an enrolment: {error}",
            hint="followup csc admit gft-NAME makes one",
        ) from error
    settings.write(site, {**given, **content})
    for name in ("password", _KEY):
        write_secret(site / name, (enrolment / name).read_text(encoding="utf-8"))
    for name in ("ca.pem", "relay_host_key.pub"):
        shutil.copyfile(enrolment / name, site / name)


def update(folder: Path, **sections: dict[str, Any] | None) -> None:
    """Replace sections of a site's settings; None removes one."""
    path = folder / "site.toml"
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for name, section in sections.items():
        if section is None:
            document.pop(name, None)
        else:
            document[name] = section
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


async def _make_site(folder: Path, user: str, servers: Servers, content: dict[str, Any]) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = await servers.prosody.add_account(user)
    write_secret(folder / "password", password + "\n")
    shutil.copyfile(servers.ca_file, folder / "ca.pem")
    settings.write(folder, content)


def _make_key(folder: Path) -> str:
    key = asyncssh.generate_private_key("ssh-ed25519")
    write_secret(folder / _KEY, key.export_private_key().decode())
    return key.export_public_key().decode()


def _common(servers: Servers, api_url: str, sky: dict[str, Any] | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "xmpp": {"host": HOST, "port": servers.ports.xmpp, "domain": DOMAIN},
        "prefect": {"api_url": api_url},
    }
    if sky:
        content["sky"] = sky
    return content


def _relay_content(servers: Servers, api_url: str, sky: dict[str, Any] | None) -> dict[str, Any]:
    return {"sftp_port": servers.ports.sftp, **_common(servers, api_url, sky)}


def _sftp(servers: Servers) -> dict[str, Any]:
    return {"host": HOST, "port": servers.ports.sftp}
