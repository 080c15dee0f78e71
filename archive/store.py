"""The file store: verified files under their final names, in ``BURST/TELESCOPE/DATASET``.

A file appears under its final name whole and verified, or not at all. That a dataset is archived is said
by its rows, which are written after its last file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from archive.errors import ArchiveError, ArchiveFullError, DatasetError
from followup.names import CampaignName
from transfer.errors import VerificationFailedError
from transfer.manifest import Manifest, ManifestEntry

_FILE_MODE = 0o444
"""Archived files are not meant to be edited."""
_BLOCK_BYTES = 1024 * 1024
_AGAIN = "download the dataset again"


class FileStore:
    """The archived files under one folder.

    Parameters
    ----------
    root
        The folder; made when the first file comes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def location(self, campaign: CampaignName, dataset: str, name: str) -> Path:
        """Where a file of a dataset stands. `name` is its POSIX path in the dataset."""
        return self.root / campaign.burst / campaign.telescope / dataset / PurePosixPath(name)

    def store(self, manifest: Manifest, folder: Path) -> None:
        """Take over all files of a dataset; those that are in place already are verified and kept.

        Files on the same file system are moved, so the caller's copy is gone afterwards; elsewhere they are
        copied. Interrupted at any point, the same call completes it.

        Raises
        ------
        VerificationFailedError
            When a file is not what the manifest says.
        DatasetError
            When a file is missing or not a regular file.
        ArchiveFullError
            When there is no space left.
        ArchiveError
            When the store cannot be written.
        """
        campaign = CampaignName.parse(manifest.campaign)
        for entry in manifest.files:
            final = self.location(campaign, manifest.dataset, entry.path)
            with _disk(final):
                if _is(final, entry):
                    continue
                _make_folder(final.parent, self.root)
                _take(folder, entry, final)

    def problem(self, location: Path, size_bytes: int, sha256: str) -> str:
        """Read a file again; return what is wrong with it, or an empty text."""
        try:
            with _open_regular(location) as file:
                size, digest = _measure(file)
        except FileNotFoundError:
            return "missing"
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        if size != size_bytes:
            return f"has {size} bytes instead of {size_bytes}"
        if digest != sha256:
            return f"has SHA-256 {digest} instead of {sha256}"
        return ""


def _take(folder: Path, entry: ManifestEntry, final: Path) -> None:
    """Move or copy one file to its final name, verified and on disk."""
    source = folder / PurePosixPath(entry.path)
    with _source(folder, source) as file:
        _verify(entry, *_measure(file))
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), _FILE_MODE)
        try:
            source.replace(final)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            file.seek(0)
            _copy(file, final, entry)
    _sync_folder(final.parent)


def _copy(file: BinaryIO, final: Path, entry: ManifestEntry) -> None:
    temporary = final.with_name(f".{entry.sha256}.part")
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as copy:
            _verify(entry, *_measure(file, copy))
            copy.flush()
            os.fchmod(copy.fileno(), _FILE_MODE)
            os.fsync(copy.fileno())
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _source(folder: Path, source: Path) -> Generator[BinaryIO]:
    with ExitStack() as stack:
        try:
            if not source.parent.resolve().is_relative_to(folder.resolve()):
                raise DatasetError(f"{source} leads out of {folder} through a symbolic link", hint=_AGAIN)
            file = stack.enter_context(_open_regular(source))
        except OSError as error:
            raise DatasetError(f"{source}: {error.strerror or error}", hint=_AGAIN) from error
        yield file


def _verify(entry: ManifestEntry, size: int, digest: str) -> None:
    if size != entry.bytes:
        raise VerificationFailedError(entry.path, expected=f"{entry.bytes} bytes", found=f"{size} bytes")
    if digest != entry.sha256:
        raise VerificationFailedError(entry.path, expected=entry.sha256, found=digest)


def _is(location: Path, entry: ManifestEntry) -> bool:
    try:
        with _open_regular(location) as file:
            return _measure(file) == (entry.bytes, entry.sha256)
    except FileNotFoundError:
        return False


@contextmanager
def _open_regular(location: Path) -> Generator[BinaryIO]:
    # A link could be changed to point elsewhere between the check and the move; a FIFO would block.
    descriptor = os.open(location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(location))
        yield file


def _measure(file: BinaryIO, copy: BinaryIO | None = None) -> tuple[int, str]:
    """Size and SHA-256 of what is read, which goes to `copy` too."""
    digest = hashlib.sha256()
    size = 0
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
        size += len(block)
        if copy is not None:
            copy.write(block)
    return size, digest.hexdigest()


def _make_folder(folder: Path, root: Path) -> None:
    """Make a folder and those above it, each on disk before a file goes into it."""
    if folder.is_dir():
        return
    if folder != root:
        _make_folder(folder.parent, root)
        folder.mkdir(exist_ok=True)
    else:
        folder.mkdir(parents=True, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk(where: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise ArchiveFullError(
                f"no space left for {where}", hint="make room; the dataset is taken up again where it stopped"
            ) from error
        raise ArchiveError(
            f"{where} cannot be written: {error.strerror or error}",
            hint="does the archive's folder exist, and may this user write to it?",
        ) from error
