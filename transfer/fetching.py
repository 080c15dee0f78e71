"""One file on its way from the store."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath

import paramiko

from transfer.errors import VerificationFailedError
from transfer.local import file_digest, local_disk, partial, sync_folder, tell
from transfer.pipeline import read_blocks
from transfer.settings import Progress

_HASH_BLOCK = 1024 * 1024


def fetch_file(
    sftp: paramiko.SFTPClient,
    remote: str,
    local: Path,
    *,
    size_bytes: int,
    sha256: str,
    progress: Progress | None,
) -> None:
    """Bring a file from the store; `SftpStore.download` has the contract."""
    part = local.with_name(partial(PurePosixPath(local.name), sha256).name)
    if local.is_file() and local.stat().st_size == size_bytes and file_digest(local) == sha256:
        tell(progress, size_bytes, size_bytes)
        return
    held = sftp.stat(remote).st_size
    if held != size_bytes:
        raise VerificationFailedError(
            f"{remote} in the store", expected=f"{size_bytes} bytes", found=f"{held} bytes"
        )
    with local_disk(local):
        local.parent.mkdir(parents=True, exist_ok=True)
        kept = part.stat().st_size if part.is_file() else 0
    found = ""
    if 0 < kept <= size_bytes:
        found = _fetch_rest(sftp, remote, part, size_bytes, progress)
    if found != sha256:  # nothing was kept, or the kept prefix was not this file's
        with local_disk(part):
            part.unlink(missing_ok=True)
        found = _fetch_rest(sftp, remote, part, size_bytes, progress)
    with local_disk(local):
        if found != sha256:
            part.unlink()
            raise VerificationFailedError(f"{remote} in the store", expected=sha256, found=found)
        part.replace(local)
        sync_folder(local.parent)


def _fetch_rest(
    sftp: paramiko.SFTPClient, remote: str, part: Path, size: int, progress: Progress | None
) -> str:
    """Hash what `part` holds, continue it to `size` and sync it; returns the digest of the whole."""
    hasher = hashlib.sha256()
    with local_disk(part):
        file = part.open("r+b" if part.exists() else "w+b")
    with file, sftp.open(remote, "r") as source:
        with local_disk(part):
            while block := file.read(_HASH_BLOCK):
                hasher.update(block)
            done = file.tell()
        tell(progress, done, size)
        for block in read_blocks(sftp, source, done, size):
            with local_disk(part):
                file.write(block)
            hasher.update(block)
            done += len(block)
            tell(progress, done, size)
        with local_disk(part):
            file.flush()
            os.fsync(file.fileno())
    return hasher.hexdigest()
