"""From a bundle to a folder: everything verified, or nothing believed."""

from __future__ import annotations

import shutil
from pathlib import Path

from archive.bundle.container import Member, Reader, digest, reading
from archive.bundle.errors import BundleDamagedError, BundleError
from archive.bundle.manifest import (
    FILES,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    README,
    BundleManifest,
    Listed,
    parse_manifest,
)

MAX_UNPACKED_BYTES = 256 * 1024**3
"""More than a campaign ever was; a bundle that says it holds more is refused before it is unpacked."""
MAX_PAPERS_BYTES = 256 * 1024**2
"""Of all that is not a dataset's file."""
_MAX_README_BYTES = 1 << 20
_SPARE_BYTES = 64 * 1024**2


def unpack(path: Path, folder: Path, *, most_bytes: int = MAX_UNPACKED_BYTES) -> BundleManifest:
    """Unpack a bundle's members into an empty folder, each verified against the manifest (blocking).

    Nothing is written but what the manifest announces, and no more of it than announced.

    Raises
    ------
    BundleDamagedError
        When it is cut off, changed, or hostile: which member, and what is wrong with it.
    BundleTooNewError
        When a newer program wrote it.
    BundleError
        When it cannot be read, or there is no room for it.
    """
    with reading(path) as bundle:
        _small(bundle, path.name, README, _MAX_README_BYTES)
        manifest = parse_manifest(_small(bundle, path.name, MANIFEST, MAX_MANIFEST_BYTES), path.name)
        _check_room(path.name, manifest, folder, most_bytes)
        wanted = {listed.path: listed for listed in manifest.members}
        while (member := bundle.next()) is not None:
            listed = wanted.pop(member.path, None)
            if listed is None:
                raise _damaged(path.name, f"{member.path} is not in the manifest, or there twice")
            _unpack(bundle, member, listed, folder, path.name)
        if wanted:
            raise _damaged(path.name, f"{min(wanted)} is missing")
    return manifest


def _small(bundle: Reader, where: str, name: str, most_bytes: int) -> bytes:
    """Read one of the first two members."""
    member = bundle.next()
    if member is None or member.path != name:
        found = "nothing" if member is None else member.path
        raise _damaged(where, f"{found} stands where {name} should: it is no bundle")
    if member.size > most_bytes:
        raise _damaged(where, f"{name} is of {member.size} bytes")
    return b"".join(bundle.content())


def _check_room(where: str, manifest: BundleManifest, folder: Path, most_bytes: int) -> None:
    total = sum(listed.bytes for listed in manifest.members)
    if total > most_bytes:
        raise BundleError(f"{where} says that it holds {total} bytes; {most_bytes} are the limit")
    papers = sum(listed.bytes for listed in manifest.members if not listed.path.startswith(f"{FILES}/"))
    if papers > MAX_PAPERS_BYTES:
        raise BundleError(
            f"{where} says that its papers have {papers} bytes; {MAX_PAPERS_BYTES} are the limit"
        )
    free = shutil.disk_usage(folder).free
    if total + _SPARE_BYTES > free:
        raise BundleError(
            f"{where} holds {total} bytes, and {folder} has room for {free}", hint="make room, and try again"
        )


def _unpack(bundle: Reader, member: Member, listed: Listed, folder: Path, where: str) -> None:
    if member.size != listed.bytes:
        raise _damaged(where, f"{member.path} has {member.size} bytes instead of {listed.bytes}")
    target = folder / member.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive: a file that is where another member's folder should be is no reason to follow it.
        with target.open("xb") as file:
            _, found = digest(bundle.content(), file)
    except OSError as error:
        raise BundleError(f"{where}: {member.path} cannot be unpacked: {error.strerror or error}") from error
    if found != listed.sha256:
        raise _damaged(where, f"{member.path} has SHA-256 {found} instead of {listed.sha256}")


def _damaged(where: str, what: str) -> BundleDamagedError:
    return BundleDamagedError(f"{where}: {what}", hint="export it again, or fetch it again")
