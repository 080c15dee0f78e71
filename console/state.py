"""Where everything lies below ``--state``: one folder a site, and one for the embedded servers.

``servers/``
    Prosody, Prefect, the certificate authority, and which ports they use.
``csc/``, ``csc-ftp/``, ``gft-NAME/``
    A site: ``site.toml``, secrets, journal, log, and what it works with. Sites share nothing.
``enrolments/gft-NAME/``
    What a newly admitted telescope needs, to be taken to its computer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

from followup.names import CSC, RELAY, check_telescope


def default_state() -> Path:
    """Where state is kept when nobody says otherwise."""
    return Path(platformdirs.user_state_dir("followup"))


@dataclass(frozen=True, slots=True)
class State:
    """The folders below ``--state``."""

    root: Path

    @property
    def servers(self) -> Path:
        """Folder of the embedded servers."""
        return self.root / "servers"

    @property
    def csc(self) -> Path:
        """Folder of the science centre."""
        return self.root / CSC

    @property
    def relay(self) -> Path:
        """Folder of the relay."""
        return self.root / RELAY

    @property
    def enrolments(self) -> Path:
        """Folder of enrolments to be taken to telescopes."""
        return self.root / "enrolments"

    def telescope(self, name: str) -> Path:
        """Folder of a telescope."""
        return self.root / check_telescope(name)


def archive_url(csc: Path, configured: str) -> str:
    """SQLAlchemy URL of the archive of the science centre in folder `csc`."""
    return configured or f"sqlite:///{csc.absolute() / 'archive.sqlite'}"


def archive_files(csc: Path) -> Path:
    """Folder of the archive's files."""
    return csc / "archive"
