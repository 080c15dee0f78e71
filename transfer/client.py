"""Files to and from an SFTP store: resumed after a cut, verified, and never half there under their name.

Paths in the store are relative to the directory that this user starts in (a telescope's own directory; the
directory of all telescopes for the science centre). Nothing here tries again: see `TransferError.retriable`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath

import paramiko

from transfer.errors import TransferInterruptedError
from transfer.fetching import fetch_file
from transfer.manifest import check_path
from transfer.sending import full_disk_named, make_folders, send_file
from transfer.session import close_session, open_session, translated
from transfer.settings import Progress, SftpSettings
from transfer.tidying import remove_empty, remove_old_parts, remove_tree


class SftpStore:
    """An SFTP store, over one connection that is kept between calls and made again when it was lost.

    Methods block, and one at a time transfers; `close` may be called from any thread and cuts a transfer
    under way, which then raises `TransferInterruptedError`.

    Raises
    ------
    TransferError
        Every method: see `transfer.errors`. `ConfigurationError` when a key cannot be read.
    """

    def __init__(self, settings: SftpSettings) -> None:
        self.settings = settings
        self._busy = threading.Lock()
        self._sftp: paramiko.SFTPClient | None = None
        self._folders: set[str] = set()

    def upload(self, local: Path, remote: str, *, sha256: str, progress: Progress | None = None) -> None:
        """Bring a file to the store under `remote`, making folders as needed.

        What an earlier, cut upload of the same content left is read back and hashed; it is kept if it is the
        beginning of this file. A file that already stands there whole is read back too, and left alone.
        The file appears under its name only when it is complete and on the server's disk.

        Parameters
        ----------
        sha256
            What the file must hash to as it is sent.

        Raises
        ------
        VerificationFailedError
            When the local file is not what `sha256` says; nothing appears in the store.
        StoreFullError
            When the store has no room; the part that was sent is removed from it.
        """
        check_path(remote)
        with self._connected(f"upload of {remote}") as sftp:
            with full_disk_named(sftp, remote, 0):
                make_folders(sftp, PurePosixPath(remote).parent, self._folders)
            send_file(sftp, local, remote, sha256=sha256, progress=progress)

    def download(
        self, remote: str, local: Path, *, size_bytes: int, sha256: str, progress: Progress | None = None
    ) -> None:
        """Bring a file from the store to `local`, making folders as needed.

        What an earlier, cut download of the same content left is hashed again and continued; should the
        whole then not verify, it is fetched once more from the beginning. The file appears under its name
        only when it is verified and on the disk; one that already is there and verifies is left alone.

        Raises
        ------
        VerificationFailedError
            When the store's file is not of this size or digest; nothing appears under `local`.
        """
        check_path(remote)
        with self._connected(f"download of {remote}") as sftp:
            fetch_file(sftp, remote, local, size_bytes=size_bytes, sha256=sha256, progress=progress)

    def remove_folder(self, remote: str) -> None:
        """Remove a folder and everything in it; removing one that is not there does nothing."""
        check_path(remote)
        with self._connected(f"removal of {remote}") as sftp:
            self._folders.clear()
            remove_tree(sftp, remote)

    def remove_if_empty(self, remote: str) -> None:
        """Remove a folder unless there is something in it."""
        check_path(remote)
        with self._connected(f"removal of {remote}") as sftp:
            self._folders.clear()
            remove_empty(sftp, remote)

    def remove_parts(self, *, before: datetime) -> list[str]:
        """Remove what cut uploads left before that time (the server's clock), everywhere; gives the names."""
        with self._connected("removal of abandoned parts") as sftp:
            return remove_old_parts(sftp, before=before)

    def close(self) -> None:
        """End the connection; a later call makes a new one."""
        sftp, self._sftp = self._sftp, None
        if sftp is not None:
            close_session(sftp)

    @contextlib.contextmanager
    def _connected(self, what: str) -> Iterator[paramiko.SFTPClient]:
        with self._busy:
            sftp = self._sftp
            if sftp is None or sftp.sock.closed:
                self.close()
                self._folders.clear()  # another connection may find another directory
                sftp = self._sftp = open_session(self.settings)
            try:
                with translated(self.settings, what):
                    yield sftp
            except TransferInterruptedError:
                close_session(sftp)
                raise
