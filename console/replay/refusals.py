"""What a replay refuses: whatever might let it reach something real."""

from __future__ import annotations

from pathlib import Path

from console.replay.errors import ReplayRefusedError
from console.servers import DOMAIN, HOST, Servers
from console.settings import CscSettings, RelaySettings, TelescopeSettings


def check_folder(root: Path) -> None:
    """Make sure that a replay's folder is its own.

    Raises
    ------
    ReplayRefusedError
        When something stands in it.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ReplayRefusedError(
            f"{root} is not empty: a replay needs a folder of its own, so that it can reach nothing real",
            hint="name a folder that does not exist",
        )


def check_settings(config: TelescopeSettings | CscSettings | RelaySettings, servers: Servers) -> None:
    """Make sure that an agent's settings lead to the replay's own servers, to no device and no archive.

    Settings can come from the environment, too: these are what the agent would really use.

    Raises
    ------
    ReplayRefusedError
        When they lead elsewhere.
    """
    store = (HOST, servers.ports.sftp)
    if isinstance(config, RelaySettings):
        said = (config.sftp_host, config.sftp_port)
        if config.sftp is not None:
            said = (config.sftp.host, config.sftp.port)
            store = ("", 0)  # the embedded one needs no login of the relay's
    else:
        said = (config.sftp.host, config.sftp.port)
    xmpp = (config.xmpp.host, config.xmpp.port)
    for what, there, ours in (
        ("XMPP server", xmpp, (HOST, servers.ports.xmpp)),
        ("SFTP store", said, store),
    ):
        if there != ours:
            raise ReplayRefusedError(
                f"the settings lead to the {what} {there[0]}:{there[1]}, not to the replay's own",
                hint="unset the environment variables FOLLOWUP_…",
            )
    if config.xmpp.domain != DOMAIN:
        raise ReplayRefusedError(f"the settings name the domain {config.xmpp.domain}, not {DOMAIN}")
    if isinstance(config, TelescopeSettings) and (config.devices != "simulated" or config.indi is not None):
        raise ReplayRefusedError("the settings name real devices; in a replay they are played")
    if isinstance(config, CscSettings) and config.archive_url:
        raise ReplayRefusedError(
            "the settings name an archive; a replayed science centre has one of its own",
            hint="unset the environment variables FOLLOWUP_…",
        )
    if config.prefect.api_url:
        raise ReplayRefusedError("the settings name a Prefect server; a replayed agent shows nothing there")
