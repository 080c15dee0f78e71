"""Who may use the SFTP store: one file of public keys per user, and one directory per telescope.

The files are what OpenSSH calls authorized keys, named like the user, so that the same folder serves the
embedded server and a real sshd. They are read at every login: admitting and revoking work while it runs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from followup.errors import ConfigurationError
from followup.names import CSC, check_telescope

_MAX_KEYS_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class StoreAccounts:
    """The users of a store.

    Attributes
    ----------
    root
        Holds one directory per telescope; the science centre reads all of it.
    keys
        Holds one file per user. Only the relay may write here.
    """

    root: Path
    keys: Path

    def admit(self, user: str, public_key: str) -> None:
        """Let `user` (a telescope or the science centre) in with this public key and no other.

        The key is one line as ``ssh-keygen`` writes it to a ``.pub`` file.

        Raises
        ------
        ValueError
            When `user` is neither.
        ConfigurationError
            When the key cannot be read, or the folders cannot be written.
        """
        home = self.home(user)
        try:
            line = asyncssh.import_public_key(public_key).export_public_key("openssh").decode().strip()
        except asyncssh.KeyImportError as error:
            raise ConfigurationError(
                f"the SFTP key of {user} is not a public key ({error})",
                hint="it is one line such as in a file that ends in .pub: ssh-ed25519 AAAA…",
            ) from error
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o750)
            self.keys.mkdir(parents=True, exist_ok=True, mode=0o755)
            temporary = self.keys / f".{user}.new"
            with temporary.open("w", encoding="ascii") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.keys / user)
        except OSError as error:
            raise ConfigurationError(
                f"{error.filename}: cannot admit {user} to the SFTP store ({error.strerror})",
                hint="check that the relay may write there and that the disk is not full",
            ) from error

    def revoke(self, user: str) -> None:
        """Let `user` in no more; a running server also ends the user's connections. The data stay."""
        self.home(user)
        (self.keys / user).unlink(missing_ok=True)

    def authorises(self, user: str, key: asyncssh.SSHKey) -> bool:
        """Whether `user` may be here with this key, at this moment."""
        try:
            self.home(user)
            with (self.keys / user).open("rb") as file:
                text = file.read(_MAX_KEYS_BYTES).decode()
            known = [asyncssh.import_public_key(line) for line in text.splitlines() if line.strip()]
            return key.public_data in {one.public_data for one in known}
        except (OSError, ValueError, asyncssh.KeyImportError):
            return False

    def home(self, user: str) -> Path:
        """Directory that is everything `user` can see.

        Raises
        ------
        ValueError
            When `user` is neither the science centre nor a telescope's name.
        """
        return self.root if user == CSC else self.root / check_telescope(user)

    def may_write(self, user: str) -> bool:
        """Whether `user` may change what it sees: telescopes may, the science centre only reads."""
        return user != CSC
