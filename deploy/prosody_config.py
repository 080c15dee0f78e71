"""The configuration file of Prosody: one template for the embedded server and for a site's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError

_TEMPLATE = Path(__file__).parent / "prosody" / "prosody.cfg.lua.in"
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProsodyConfig:
    """What a Prosody needs to know.

    Attributes
    ----------
    domain
        Domain of the accounts, e.g. ``followup.example.org``; topics live at ``pubsub.`` + `domain`.
    data
        Folder of its accounts, topics and packets.
    certificate, key
        PEM files; the certificate names `domain`.
    port, interfaces
        Where clients connect (STARTTLS).
    relay
        User that makes topics and publishes on them.
    log
        File that it logs to.
    pidfile
        File that it writes its process id to.
    stanza_bytes
        Largest stanza that a client may send; sending a larger one ends its connection.
    as_root
        Whether Prosody is started by root and may stay root. Packaged services run it as its own user.
    """

    domain: str
    data: Path
    certificate: Path
    key: Path
    port: int = 5222
    interfaces: tuple[str, ...] = ("127.0.0.1",)
    relay: str = "csc-ftp"
    log: Path = Path("/var/log/prosody/prosody.log")
    pidfile: Path = Path("/run/prosody/prosody.pid")
    stanza_bytes: int = 524288
    as_root: bool = False

    def __post_init__(self) -> None:
        if not _DOMAIN.fullmatch(self.domain):
            raise DeployError(
                f"{self.domain!r} is not a domain name",
                hint="use lower-case letters, digits, dashes and dots",
            )
        if not 0 < self.port < 65536:
            raise DeployError(f"{self.port} is not a port", hint="choose a port from 1 to 65535")

    @property
    def pubsub(self) -> str:
        """Domain of the topics."""
        return f"pubsub.{self.domain}"

    def render(self) -> str:
        """Return the configuration file's text."""
        values = {
            "HEAD": "run_as_root = true" if self.as_root else 'prosody_user = "prosody"',
            "DATA": _lua(str(self.data)),
            "PIDFILE": _lua(str(self.pidfile)),
            "LOG": _lua(str(self.log)),
            "PORT": str(self.port),
            "INTERFACES": ", ".join(_lua(interface) for interface in self.interfaces),
            "CERTIFICATE": _lua(str(self.certificate)),
            "CERTIFICATES": _lua(str(self.certificate.parent)),
            "KEY": _lua(str(self.key)),
            "STANZA_BYTES": str(self.stanza_bytes),
            "DOMAIN": _lua(self.domain),
            "PUBSUB": _lua(self.pubsub),
            "RELAY": _lua(f"{self.relay}@{self.domain}"),
        }
        template = _TEMPLATE.read_text(encoding="utf-8")
        return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], template)


def _lua(text: str) -> str:
    """Return a string literal of Lua."""
    escaped = (f"\\{ord(letter):03d}" if letter < " " or letter in '"\\' else letter for letter in text)
    return f'"{"".join(escaped)}"'
