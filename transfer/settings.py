"""Where the store is and who we are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all; from the thread that transfers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SftpSettings:
    """A login at an SFTP store.

    Attributes
    ----------
    key_file
        Private key of this agent, without a passphrase.
    host_key
        The server's public key as in its ``.pub`` file (``ssh-ed25519 AAAA…``). Pinned: no other is accepted.
    connect_timeout_s
        For connection, key exchange and login together.
    stall_timeout_s
        A connection that moves no byte for so long counts as cut.
    """

    host: str
    port: int
    user: str
    key_file: Path
    host_key: str
    connect_timeout_s: float = 15.0
    stall_timeout_s: float = 30.0

    def __str__(self) -> str:
        return f"sftp://{self.user}@{self.host}:{self.port}"
