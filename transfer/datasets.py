"""Whole datasets: the files of a manifest, and the manifest itself last."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from transfer.client import SftpStore
from transfer.errors import ManifestError
from transfer.local import local_disk
from transfer.manifest import MAX_MANIFEST_BYTES, Manifest, check_path
from transfer.settings import Progress
from voevent.kinds import ManifestRef


def upload_dataset(
    store: SftpStore,
    folder: Path,
    manifest: Manifest,
    *,
    progress: Progress | None = None,
    finished: set[str] | None = None,
) -> ManifestRef:
    """Upload the files of a manifest from `folder`, then the manifest, to ``CAMPAIGN/DATASET`` (blocking).

    Parameters
    ----------
    store
        Logged in as the telescope.
    folder
        Where the files are; a copy of the manifest stays there, as ``manifests/DATASET-ATTEMPT.json``.
    progress
        Called with bytes of data done and in all.
    finished
        Paths of files known to be whole in the store, added to as files finish. Hand the same set in again
        after a cut, and they are not read back.

    Returns
    -------
    ManifestRef
        What the `upload` packet carries.

    Raises
    ------
    TransferError
        See `transfer.errors`; calling again resumes when it is retriable.
    """
    total = manifest.total_bytes
    done = 0
    finished = set() if finished is None else finished
    for entry in manifest.files:
        if entry.path not in finished:
            store.upload(
                folder / entry.path,
                f"{manifest.folder}/{entry.path}",
                sha256=entry.sha256,
                progress=_from(progress, done, total),
            )
            finished.add(entry.path)
        done += entry.bytes
    reference = manifest.reference()
    copy = folder / "manifests" / f"{manifest.dataset}-{manifest.attempt}.json"
    with local_disk(copy):
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(manifest.to_bytes())
    store.upload(copy, reference.path, sha256=reference.sha256)
    if progress is not None:
        progress(total, total)
    return reference


def download_dataset(
    store: SftpStore,
    telescope: str,
    reference: ManifestRef,
    folder: Path,
    *,
    progress: Progress | None = None,
) -> Manifest:
    """Download a manifest and its files into `folder`, every one verified (blocking).

    Parameters
    ----------
    store
        Logged in as the science centre.
    telescope
        Whose directory the reference's path is in.
    folder
        Becomes the dataset's folder; what an earlier call left in it is verified and kept.
    progress
        Called with bytes of data done and in all.

    Raises
    ------
    ManifestError
        When the manifest is not the one the reference describes.
    VerificationFailedError
        When a file is not what the manifest says.
    TransferError
        See `transfer.errors`; calling again resumes when it is retriable.
    """
    check_path(reference.path)
    if reference.size_bytes > MAX_MANIFEST_BYTES:
        raise ManifestError(f"{reference.path}: {reference.size_bytes} bytes is too large for a manifest")
    place = PurePosixPath(reference.path)
    copy = folder / place.name
    store.download(
        f"{telescope}/{reference.path}", copy, size_bytes=reference.size_bytes, sha256=reference.sha256
    )
    manifest = Manifest.parse(copy.read_bytes())
    if manifest.reference() != reference:
        raise ManifestError(
            f"{reference.path}: the manifest describes {manifest.folder}/{manifest.name} with "
            f"{len(manifest.files)} files of {manifest.total_bytes} bytes, the packet said {reference.files} "
            f"files of {reference.total_bytes} bytes"
        )
    done = 0
    for entry in manifest.files:
        store.download(
            f"{telescope}/{manifest.folder}/{entry.path}",
            folder / entry.path,
            size_bytes=entry.bytes,
            sha256=entry.sha256,
            progress=_from(progress, done, manifest.total_bytes),
        )
        done += entry.bytes
    return manifest


def _from(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Shift a file's progress to the dataset's."""
    if progress is None:
        return None
    tell = progress
    return lambda done, _size: tell(before + done, total)
