"""One file on its way to the store."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import paramiko

from transfer.errors import StoreFullError, StoreRefusedError, VerificationFailedError
from transfer.local import local_disk, partial, tell
from transfer.pipeline import free_bytes, read_blocks, sizes, write_from
from transfer.settings import Progress

_HASH_BLOCK = 1024 * 1024
_LEAST_ROOM = 64 * 1024
"""With less than this free, that is why a folder or a name cannot be made."""


def send_file(
    sftp: paramiko.SFTPClient, local: Path, remote: str, *, sha256: str, progress: Progress | None
) -> None:
    """Bring a file to the store; `SftpStore.upload` has the contract."""
    part = partial(PurePosixPath(remote), sha256).as_posix()
    with local_disk(local):
        source = local.open("rb")
    with source:
        size = os.fstat(source.fileno()).st_size
        whole, kept = sizes(sftp, remote, part)
        if whole == size and _remote_digest(sftp, remote, size).hexdigest() == sha256:
            tell(progress, size, size)
            return
        hasher = _keep_prefix(sftp, part, source, kept if kept is not None and kept <= size else 0)
        try:
            held = _send_rest(sftp, part, source, hasher, progress)
        except StoreFullError:
            _discard(sftp, part)  # others need the room more than a later attempt needs the prefix
            raise
    if hasher.hexdigest() != sha256:
        _discard(sftp, part)
        raise VerificationFailedError(
            str(local),
            expected=sha256,
            found=hasher.hexdigest(),
            hint="the file changed after its manifest was made",
        )
    if held != size:
        _discard(sftp, part)
        raise VerificationFailedError(
            f"{part} in the store", expected=f"{size} bytes", found=f"{held} bytes", hint="send it again"
        )
    with full_disk_named(sftp, remote, size):
        sftp.posix_rename(part, remote)


def make_folders(sftp: paramiko.SFTPClient, folder: PurePosixPath, known: set[str]) -> None:
    """Make a remote folder and those above it; `known` ones are not asked for."""
    for place in [*reversed(folder.parents), folder]:
        path = place.as_posix()
        if path == "." or path in known:
            continue
        try:
            mode = sftp.stat(path).st_mode
        except FileNotFoundError:
            sftp.mkdir(path)
        else:
            if mode is not None and not stat.S_ISDIR(mode):
                raise StoreRefusedError(f"{path} is a file in the store, not a folder")
        known.add(path)


def _keep_prefix(sftp: paramiko.SFTPClient, part: str, source: BinaryIO, kept: int) -> Any:
    """Return a hasher of the prefix that an earlier upload left in the store, `source` standing at its end.

    The prefix is read back: a store's disk may have lost its end in a crash, or another program changed it.
    """
    if kept:
        hasher = hashlib.sha256()
        while source.tell() < kept:
            with local_disk(Path(source.name)):
                hasher.update(source.read(min(_HASH_BLOCK, kept - source.tell())))
        if _remote_digest(sftp, part, kept).digest() == hasher.digest():
            return hasher
        source.seek(0)
    return hashlib.sha256()


def _remote_digest(sftp: paramiko.SFTPClient, path: str, size: int) -> Any:
    """Read a file of the store back and hash it."""
    hasher = hashlib.sha256()
    with sftp.open(path, "r") as file:
        for block in read_blocks(sftp, file, 0, size):
            hasher.update(block)
    return hasher


def _send_rest(
    sftp: paramiko.SFTPClient, part: str, source: BinaryIO, hasher: Any, progress: Progress | None
) -> int | None:
    """Write what follows the kept prefix (`source` stands at its end); returns the size in the store."""
    kept = done = source.tell()
    size = os.fstat(source.fileno()).st_size
    tell(progress, done, size)

    def seen(chunk: bytes) -> None:
        nonlocal done
        hasher.update(chunk)
        done += len(chunk)
        tell(progress, done, size)

    with full_disk_named(sftp, part, size - kept), sftp.open(part, "r+" if kept else "w") as file:
        return write_from(sftp, file, source, kept, seen)


@contextlib.contextmanager
def full_disk_named(sftp: paramiko.SFTPClient, path: str, wanted: int) -> Iterator[None]:
    """Find out whether a failure means a full disk: OpenSSH says no more than "Failure" then.

    Parameters
    ----------
    wanted
        Bytes that are still to be written for `path`.

    Raises
    ------
    StoreFullError
        When it does.
    """
    try:
        yield
    except (PermissionError, FileNotFoundError, TimeoutError, ConnectionError):
        raise
    except OSError as error:
        if sftp.sock.closed:
            raise
        # Of the user's own directory: the folder of `path` may be what could not be made.
        free = free_bytes(sftp, ".")
        text = str(error).lower()
        if "no space" in text or "quota" in text or (free is not None and free < max(wanted, _LEAST_ROOM)):
            left = "" if free is None else f", {free / 1e6:.1f} MB free"
            raise StoreFullError(
                f"the store has no room for {wanted / 1e6:.1f} MB of {path}{left} ({error})",
                hint="free space on the relay: it is tried again",
            ) from error
        raise


def _discard(sftp: paramiko.SFTPClient, part: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        sftp.remove(part)
