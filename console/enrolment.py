"""Enrolment: what the science centre and the relay need at first, and admitting and revoking telescopes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import asyncssh
import tomlkit

from agents.ftp_relay.store_accounts import StoreAccounts
from console import settings
from console.servers import DOMAIN, HOST, Servers
from console.settings import SETTINGS
from console.site_key import PUBLIC_KEY, fingerprint, own_key
from console.state import State, replace_file
from deploy.prosody import Prosody
from followup.errors import ConfigurationError
from followup.names import CSC, check_telescope

_ENROLMENT = "enrolment.toml"
_HOST_KEY = "relay_host_key.pub"


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
    await restore_accounts(state, servers.prosody)
    # A site's settings are written last: they say that it is complete. What was interrupted is begun again.
    if not (state.relay / SETTINGS).exists():
        await _make_account(state, state.relay, servers)
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        replace_file(state.relay / "host_key", host_key.export_private_key().decode(), mode=0o600)
        replace_file(state.relay / "host_key.pub", host_key.export_public_key().decode())
        settings.write(state.relay, {"sftp_port": servers.ports.sftp, "xmpp": _xmpp(servers)})
    if not (state.csc / SETTINGS).exists():
        await _make_account(state, state.csc, servers)
        relay_store(state.relay).admit(CSC, own_key(state.csc))
        shutil.copyfile(state.relay / "host_key.pub", state.csc / _HOST_KEY)
        settings.write(state.csc, {"xmpp": _xmpp(servers), "sftp": _sftp(servers)})
    # The ports, the clock and the Prefect server may be others than last time.
    for folder in (state.relay, state.csc):
        update(folder, sky=sky, **_addresses(state, folder, servers))


def _addresses(state: State, folder: Path, servers: Servers) -> dict[str, Any]:
    """Tell a site where the embedded servers are now; what it has elsewhere stays as its settings say."""
    said, relay = settings.content(folder), settings.content(state.relay)
    xmpp, sftp = said.get("xmpp", {}), said.get("sftp", {})
    if (xmpp.get("host"), xmpp.get("domain")) != (HOST, DOMAIN):
        return {}
    found: dict[str, Any] = {"xmpp": _xmpp(servers)}
    if "sftp" not in relay and relay.get("sftp_host", HOST) == HOST:
        if folder == state.relay:
            found["sftp_port"] = servers.ports.sftp
        elif sftp.get("host") == HOST:
            found["sftp"] = _sftp(servers)
    shown = said.get("prefect", {}).get("api_url", "")
    if servers.prefect is None or not shown or shown.startswith(f"http://{HOST}:"):
        found["prefect"] = {"api_url": f"{servers.prefect_url}/api" if servers.prefect_url else ""}
    return found


async def restore_accounts(state: State, prosody: Prosody) -> list[str]:
    """Give the server the accounts again that it has lost, with the passwords they had; tells which."""
    kept = state.servers / "accounts"
    there = prosody.accounts()
    lost = sorted(path.name for path in kept.glob("[!.]*") if path.name not in there) if kept.is_dir() else []
    for user in lost:
        await prosody.add_account(user, password=settings.secret(kept / user))
    return lost


async def admit_telescope(state: State, prosody: Prosody, name: str, *, key: str = "") -> Path:
    """Admit a telescope: account, key, directory; its topic is made by the relay's agent.

    Admitting it again gives it a new password, and no key but this one.

    Parameters
    ----------
    key
        The public key that the telescope's computer has sent, one line. Empty for a telescope on this
        computer: its key is in its folder below `state`, or is made there.

    Returns
    -------
    Path
        Folder of the enrolment, to be taken to the telescope's computer. There is no private key in it.

    Raises
    ------
    ConfigurationError
        When the name cannot be a telescope's, or this state has no science centre yet.
    """
    try:
        check_telescope(name)
    except ValueError as error:
        raise ConfigurationError(str(error), hint="followup csc admit gft-NAME") from error
    if not (state.csc / SETTINGS).exists():
        raise ConfigurationError(f"{state.root} holds no science centre", hint="followup up makes one")
    public = key or own_key(state.telescope(name))
    folder = state.enrolments / name
    shutil.rmtree(folder, ignore_errors=True)
    password = await _add_account(state, prosody, name)
    replace_file(folder / "password", password + "\n", mode=0o600)
    replace_file(folder / PUBLIC_KEY, public + "\n")
    relay_store(state.relay).admit(name, public)
    replace_file(folder / _ENROLMENT, tomlkit.dumps({"name": name, **_reached(state.csc, folder)}))
    for site in (state.csc, state.relay):
        mark = site / "telescopes" / name
        mark.parent.mkdir(mode=0o700, exist_ok=True)
        mark.touch()
    return folder


def _reached(csc: Path, enrolment: Path) -> dict[str, Any]:
    """Tell a telescope how to reach the servers: as the science centre does. Copies what proves them."""
    said = settings.content(csc)
    xmpp, sftp = said["xmpp"], said["sftp"]
    shutil.copyfile(csc / xmpp.get("ca_file", "ca.pem"), enrolment / "ca.pem")
    shutil.copyfile(csc / sftp.get("host_key_file", _HOST_KEY), enrolment / _HOST_KEY)
    return {
        **({"authority": said["authority"]} if "authority" in said else {}),
        "xmpp": {key: xmpp[key] for key in ("host", "port", "domain") if key in xmpp},
        "sftp": {key: sftp[key] for key in ("host", "port")},
    }


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
    _kept_password(state, name).unlink(missing_ok=True)
    await prosody.remove_account(name)
    relay_store(state.relay).revoke(name)
    for site in (state.csc, state.relay):
        (site / "telescopes" / name).unlink(missing_ok=True)
    shutil.rmtree(state.enrolments / name, ignore_errors=True)


def take_in(enrolment: Path, site: Path) -> dict[str, Any]:
    """Copy what an enrolment brings into a telescope's folder; return what its ``site.toml`` must say.

    Raises
    ------
    ConfigurationError
        When it is no enrolment, or that of another telescope or another key.
    """
    try:
        given = tomlkit.parse((enrolment / _ENROLMENT).read_text(encoding="utf-8")).unwrap()
        admitted = (enrolment / PUBLIC_KEY).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{enrolment} is not an enrolment: {error}",
            hint="followup csc admit gft-NAME makes one",
        ) from error
    if given.get("name") != site.name:
        raise ConfigurationError(
            f"{enrolment} is the enrolment of {given.get('name')}, not of {site.name}",
            hint="give the folder that was made for this telescope",
        )
    own = own_key(site)
    if fingerprint(own) != fingerprint(admitted):
        raise ConfigurationError(
            f"{enrolment} admits the key {fingerprint(admitted)}; this telescope's is {fingerprint(own)}",
            hint=f"send {site / PUBLIC_KEY} to the science centre: followup csc admit {site.name} --key FILE",
        )
    replace_file(site / "password", (enrolment / "password").read_text(encoding="utf-8"), mode=0o600)
    for name in ("ca.pem", _HOST_KEY):
        shutil.copyfile(enrolment / name, site / name)
    return given


def install_enrolment(enrolment: Path, site: Path, content: dict[str, Any]) -> None:
    """Set up a telescope's folder from its enrolment; `content` is what else its ``site.toml`` says."""
    settings.write(site, {**take_in(enrolment, site), **content})


def update(folder: Path, **values: Any) -> None:
    """Replace values of a site's settings, in sections those given only; None removes one."""
    path = folder / SETTINGS
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for name, value in values.items():
        if value is None:
            document.pop(name, None)
        elif isinstance(value, dict) and name in document:
            document[name].update(value)
        else:
            document[name] = value
    replace_file(path, tomlkit.dumps(document), mode=0o600)


async def _make_account(state: State, folder: Path, servers: Servers) -> None:
    password = await _add_account(state, servers.prosody, folder.name)
    replace_file(folder / "password", password + "\n", mode=0o600)
    shutil.copyfile(servers.ca_file, folder / "ca.pem")


async def _add_account(state: State, prosody: Prosody, user: str) -> str:
    """Make an account with a new password, and keep that: the server's data may be lost."""
    password = await prosody.add_account(user)
    replace_file(_kept_password(state, user), password + "\n", mode=0o600)
    return password


def _kept_password(state: State, user: str) -> Path:
    return state.servers / "accounts" / user


def _xmpp(servers: Servers) -> dict[str, Any]:
    return {"host": HOST, "port": servers.ports.xmpp, "domain": DOMAIN}


def _sftp(servers: Servers) -> dict[str, Any]:
    return {"host": HOST, "port": servers.ports.sftp}
