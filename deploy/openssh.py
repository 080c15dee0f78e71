"""Configuration for a site that runs its SFTP store on OpenSSH instead of the embedded server.

Renders the file and says which accounts it needs; starting sshd is the machine's business.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError

_TEMPLATE = Path(__file__).parent / "openssh" / "sshd_config.in"
_USER = re.compile(r"gft-[a-z0-9](?:[a-z0-9-]{0,26}[a-z0-9])?")
_LINUX_NAME_LENGTH = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class SshdConfig:
    """What an sshd for the store needs to know.

    Attributes
    ----------
    root
        The store: one folder per telescope. It and all above it belong to root.
    keys
        One file of public keys per user.
    host_key
        Private host key, mode 0600.
    interfaces, port
        Where it listens.
    reader
        User that reads everything and writes nothing; also the group that the telescopes' folders have.
    relay
        User that lists and removes, and nothing else; a member of that group.
    """

    root: Path
    keys: Path
    host_key: Path
    port: int = 2222
    interfaces: tuple[str, ...] = ("0.0.0.0", "::")  # noqa: S104  # telescopes come from outside
    reader: str = "csc"
    relay: str = "csc-ftp"
    pidfile: Path = Path("/run/followup-sshd.pid")

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise DeployError(f"{self.port} is not a port", hint="choose a port from 1 to 65535")
        for path in (self.root, self.keys, self.host_key, self.pidfile):
            # sshd has no way to write them: % starts a token, and ChrootDirectory takes no quotes.
            if not path.is_absolute() or re.search(r'[\s"%#]', str(path)):
                raise DeployError(
                    f"{path} cannot stand in an sshd configuration",
                    hint="use an absolute path without spaces, quotes, % and #",
                )

    def render(self) -> str:
        """Return the configuration file's text."""
        values = {
            "LISTEN": "\n".join(
                f"ListenAddress {f'[{i}]' if ':' in i else i}:{self.port}" for i in self.interfaces
            ),
            "ROOT": str(self.root),
            "KEYS": str(self.keys),
            "HOST_KEY": str(self.host_key),
            "PIDFILE": str(self.pidfile),
            "READER": self.reader,
            "RELAY": self.relay,
        }
        return re.sub(r"@([A-Z_]+)@", lambda m: values[m[1]], _TEMPLATE.read_text(encoding="utf-8"))

    def store_commands(self) -> tuple[str, ...]:
        """Return the shell commands, for root, for the store and the accounts of CSC and relay."""
        return (
            *_account(self.reader),
            *_account(self.relay, group=self.reader),
            f"install -d -o root -g {self.reader} -m 0751 {shlex.quote(str(self.root))}",
            f"install -d -o root -g root -m 0755 {shlex.quote(str(self.keys))}",
        )

    def telescope_commands(self, telescope: str) -> tuple[str, ...]:
        """Return the shell commands, for root, that make a telescope's account and folder.

        Raises
        ------
        DeployError
            When `telescope` is not a telescope's name, or too long for a Linux account.
        """
        if not _USER.fullmatch(telescope):
            raise DeployError(
                f"{telescope!r} cannot be a telescope's account",
                hint=f"use gft-NAME with lower-case letters, digits and dashes, at most {_LINUX_NAME_LENGTH}",
            )
        home = shlex.quote(str(self.root / telescope))
        return (
            *_account(telescope),
            # The group bit gives what is uploaded to the group: the reader reads it, the relay removes it.
            f"install -d -o {telescope} -g {self.reader} -m 2770 {home}",
        )


def _account(user: str, *, group: str = "") -> tuple[str, ...]:
    """Return the commands that make an account, in a group of its own unless one is named."""
    in_group = f"--gid {group}" if group else "--user-group"
    return (
        f"useradd --system {in_group} --no-create-home --home-dir / --shell /usr/sbin/nologin {user}",
        f"usermod --password '*' {user}",
    )
