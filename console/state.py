"""Where everything lies below ``--state``: one folder a site, and one for the embedded servers.

``servers/``
    Prosody, Prefect, the certificate authority, and which ports they use.
``csc/``, ``csc-ftp/``, ``gft-NAME/``
    A site: ``site.toml``, secrets, journal, log, and what it works with. Sites share nothing.
``enrolments/gft-NAME/``
    What a newly admitted telescope needs, to be taken to its computer.
"""

from __future__ import annotations

import os
import secrets
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


def agent_lock(site: Path) -> Path:
    """Lock file of the one agent that may work in a site's folder (`console.tenure`)."""
    return site / "run" / "lock"


def watchdog_lock(site: Path) -> Path:
    """Lock file of the one watchdog over the agent of a site's folder."""
    return site / "run" / "watchdog.lock"


def archive_url(csc: Path, configured: str) -> str:
    """SQLAlchemy URL of the archive of the science centre in folder `csc`."""
    return configured or f"sqlite:///{own_archive(csc).absolute()}"


def own_archive(csc: Path) -> Path:
    """Database of a science centre whose settings name no other."""
    return csc / "archive.sqlite"


def archive_files(csc: Path) -> Path:
    """Folder of the archive's files."""
    return csc / "archive"


def replace_file(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a small file, all of it or nothing: a kill or a full disk leaves the old one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        # The temporary name would tell nobody anything.
        raise OSError(error.errno, error.strerror, str(path)) from error
