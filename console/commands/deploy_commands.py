"""``followup deploy``: configuration for a site's own servers, printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from console.errors import explained
from deploy.openssh import SshdConfig
from deploy.prosody_config import ProsodyConfig
from deploy.systemd import ServiceUnits

deploy = typer.Typer(
    no_args_is_help=True,
    help="Print configuration for a site's own servers and services. Nothing is changed on this machine.",
)


@deploy.command("prosody")
def deploy_prosody(
    *,
    domain: Annotated[str, typer.Option(help="Domain of the accounts, e.g. followup.example.org.")],
    certificate: Annotated[Path, typer.Option(help="Certificate (PEM) that names the domain.")],
    key: Annotated[Path, typer.Option(help="Its private key.")],
    data: Annotated[Path, typer.Option(help="Folder of accounts and topics.")] = Path("/var/lib/prosody"),
    port: Annotated[int, typer.Option(help="Port for clients.")] = 5222,
    interfaces: Annotated[
        list[str] | None,
        typer.Option("--interface", help="Address to listen on (may be repeated); all of them by default."),
    ] = None,
) -> None:
    """Print the configuration file of an XMPP server, Prosody 0.12.

    Packaged services read it from /etc/prosody/prosody.cfg.lua.
    """
    with explained():
        config = ProsodyConfig(
            domain=domain,
            data=data,
            certificate=certificate,
            key=key,
            port=port,
            interfaces=tuple(interfaces or ("*", "::")),
        )
        _print(config.render())


@deploy.command("openssh")
def deploy_openssh(
    *,
    root: Annotated[Path, typer.Option(help="Folder of the store.")],
    keys: Annotated[Path, typer.Option(help="Folder with a file of public keys for each user.")],
    host_key: Annotated[Path, typer.Option(help="Private host key of the store.")],
    port: Annotated[int, typer.Option(help="Port to listen on, beside the machine's own sshd.")] = 2222,
    interfaces: Annotated[
        list[str] | None,
        typer.Option("--interface", help="Address to listen on (may be repeated); all of them by default."),
    ] = None,
    accounts: Annotated[
        bool, typer.Option("--accounts", help="Print instead the commands that make the store and accounts.")
    ] = False,
    telescopes: Annotated[
        list[str] | None, typer.Option("--telescope", help="With --accounts: a telescope (may be repeated).")
    ] = None,
) -> None:
    """Print the configuration file of an SFTP store on OpenSSH, instead of the relay's embedded one."""
    with explained():
        config = SshdConfig(
            root=root,
            keys=keys,
            host_key=host_key,
            port=port,
            interfaces=tuple(interfaces or ("0.0.0.0", "::")),  # noqa: S104 - telescopes come from outside
        )
        if not accounts:
            _print(config.render())
            return
        commands = [*config.store_commands()]
        for name in telescopes or ():
            commands += config.telescope_commands(name)
        _print("\n".join(commands) + "\n")


@deploy.command("systemd")
def deploy_systemd(
    to: Annotated[
        Path | None,
        typer.Option(help="Folder to write the units to; printed one after the other when not given."),
    ] = None,
    state: Annotated[
        Path, typer.Option(help="Folder with the sites' folders, as every command takes it.")
    ] = Path("/var/lib/followup"),
    user: Annotated[str, typer.Option(help="Owner of these folders, whom the agents run as.")] = "followup",
    program: Annotated[
        Path | None, typer.Option(help="The followup command to run; this installation's by default.")
    ] = None,
) -> None:
    """Print service units for the science centre, the relay and telescopes."""
    with explained():
        command = program or Path(sys.executable).parent / "followup"
        units = ServiceUnits(program=command, state=state, user=user).render()
        for name, text in units.items():
            if to is None:
                _print(f"# --- {name}\n{text}\n")
            else:
                to.mkdir(parents=True, exist_ok=True)
                (to / name).write_text(text, encoding="utf-8")
                print(to / name)


def _print(text: str) -> None:
    # Not through rich: a file's text must come out as it is.
    sys.stdout.write(text)
