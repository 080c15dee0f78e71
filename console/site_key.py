"""A site's own SFTP key pair: made in its folder, on its machine; the private key never leaves it."""

from __future__ import annotations

from pathlib import Path

import asyncssh

from console.state import replace_file
from followup.errors import ConfigurationError

KEY = "id_ed25519"
PUBLIC_KEY = f"{KEY}.pub"


def own_key(folder: Path) -> str:
    """Give the public key of the site in `folder`, one line; the pair is made when there is none.

    Raises
    ------
    ConfigurationError
        When the private key that is there cannot be read.
    """
    path = folder / KEY
    if path.exists():
        key = _read(path)
    else:
        key = asyncssh.generate_private_key("ssh-ed25519", comment=folder.name)
        # The folder's first file, perhaps: it is made with mode 0700.
        replace_file(path, key.export_private_key().decode(), mode=0o600)
    public = key.export_public_key().decode().strip()
    replace_file(folder / PUBLIC_KEY, public + "\n")
    return public


def public_key(path: Path) -> str:
    """Give the public key that a site has sent, one line.

    Raises
    ------
    ConfigurationError
        When it is none; above all when it is a private one.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if "PRIVATE KEY" in text:
        raise ConfigurationError(
            f"{path} is a private key: it must not leave the telescope's computer",
            hint=f"ask for its public half, {PUBLIC_KEY}, and have a new pair made: this one has travelled",
        )
    try:
        return asyncssh.import_public_key(text).export_public_key().decode().strip()
    except asyncssh.KeyImportError as error:
        raise ConfigurationError(
            f"{path} is not a public key ({error})",
            hint=f"followup gft init writes it to {PUBLIC_KEY}: one line, ssh-ed25519 AAAA…",
        ) from error


def fingerprint(text: str) -> str:
    """Give a public key's fingerprint, to be compared over another line (``ssh-keygen -l`` prints it too)."""
    return asyncssh.import_public_key(text).get_fingerprint()


def _read(path: Path) -> asyncssh.SSHKey:
    try:
        return asyncssh.read_private_key(path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is not a private key without passphrase ({error})",
            hint="restore it, or remove it: a new one is made, and must be admitted",
        ) from error
