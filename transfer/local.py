"""The local side of a transfer: temporary names, digests, and errors that name the local file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath

from transfer.errors import LocalDiskError
from transfer.manifest import check_path
from transfer.settings import Progress

_PARTIAL = re.compile(r"\..+\.[0-9a-f]{16}\.part", re.DOTALL)


def partial(path: PurePosixPath, sha256: str) -> PurePosixPath:
    """Return the temporary name of a file under way: hidden, and for this content only."""
    check_path(path.as_posix())
    return path.with_name(f".{path.name}.{sha256[:16]}.part")


def is_partial(name: str) -> bool:
    """Whether this is the temporary name of a file under way."""
    return _PARTIAL.fullmatch(name) is not None


def remove_local_parts(folder: Path, *, before: datetime) -> list[Path]:
    """Remove what cut transfers left below a folder and nobody went on with since that time."""
    removed = []
    for place, _, names in os.walk(folder):
        for path in [Path(place, name) for name in names if is_partial(name)]:
            with contextlib.suppress(FileNotFoundError):  # it has just been finished
                if path.lstat().st_mtime < before.timestamp():
                    path.unlink()
                    removed.append(path)
    return removed


def tell(progress: Progress | None, done: int, total: int) -> None:
    """Report progress to who wants to know."""
    if progress is not None:
        progress(done, total)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a local file in hexadecimal."""
    with local_disk(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def local_disk(path: Path) -> Iterator[None]:
    """Name the local file in errors of the local disk, which else would pass for the store's."""
    try:
        yield
    except OSError as error:
        raise LocalDiskError(
            f"{path}: {error.strerror or error}", hint="check the local disk's space and permissions"
        ) from error


def sync_folder(folder: Path) -> None:
    """Bring a rename in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
