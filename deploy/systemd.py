"""Service units for the sites' agents: one template, one unit a site.

Renders the files; installing them is the machine's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError

_TEMPLATE = Path(__file__).parent / "systemd" / "followup.service.in"
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Agent:
    """What differs between the sites' units. In a unit ``%i`` is what follows the @ in its name."""

    title: str
    command: str
    folder: str
    after: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()


_AGENTS = {
    "followup-csc.service": _Agent(
        title="Science centre of followup",
        command="csc run",
        folder="csc",
        after=("prosody.service", "postgresql.service"),
    ),
    "followup-relay.service": _Agent(
        title="Relay of followup", command="relay run", folder="csc-ftp", after=("prosody.service",)
    ),
    "followup-gft@.service": _Agent(
        title="Telescope gft-%i of followup",
        command="gft run gft-%i",
        folder="gft-%i",
        # Nobody has to remember it; it stays when the agent is stopped.
        wants=("followup-gft-watchdog@%i.service",),
    ),
    # It neither starts nor ends with the agent: it is there for when that is not.
    "followup-gft-watchdog@.service": _Agent(
        title="Watchdog of the telescope gft-%i of followup", command="gft watchdog gft-%i", folder="gft-%i"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceUnits:
    """The units of one machine.

    Attributes
    ----------
    program
        The ``followup`` command of the installation.
    state
        What every command takes as ``--state``: holds the sites' folders.
    user
        Owner of these folders, whom the agents run as.
    """

    program: Path
    state: Path
    user: str = "followup"

    def __post_init__(self) -> None:
        for path in (self.program, self.state):
            # systemd would take % for a specifier, \ and quotes for escapes, and split at spaces.
            if not path.is_absolute() or re.search(r"[\s\"'\\%$]", str(path)):
                raise DeployError(
                    f"{path} cannot stand in a service unit",
                    hint="use an absolute path without spaces, quotes, backslashes, % and $",
                )
        if not _USER.fullmatch(self.user):
            raise DeployError(f"{self.user!r} cannot be a user's name")

    def render(self) -> dict[str, str]:
        """Return the text of each unit, by file name."""
        return {name: self._render(agent) for name, agent in _AGENTS.items()}

    def _render(self, agent: _Agent) -> str:
        values = {
            "TITLE": agent.title,
            "WANTS": " ".join(("network-online.target", *agent.wants)),
            "AFTER": " ".join(("network-online.target", *agent.after)),
            "USER": self.user,
            "PROGRAM": str(self.program),
            "COMMAND": agent.command,
            "STATE": str(self.state),
            "FOLDER": str(self.state / agent.folder),
        }
        return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], _TEMPLATE.read_text(encoding="utf-8"))
