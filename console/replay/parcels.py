"""The datasets that a played telescope uploads: attempt by attempt, whole ones and damaged ones.

A bundle holds the manifest and the files of each dataset as it was archived in the end. Earlier attempts had
the same files, as far as one can know; of a file that a refusal named, one byte is changed. What a light
bundle leaves out, and all of a dataset that never was archived, is stood for by small texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from console.replay.record import Recording
from transfer.client import SftpStore
from transfer.local import file_digest
from transfer.manifest import Manifest, ManifestEntry
from voevent.kinds import Content, ManifestRef, Receipt, ReceiptOutcome, Upload, UploadState

ParcelKey = tuple[str, int]
"""Name of a dataset, and number of the attempt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """A dataset as it is uploaded in one attempt.

    Attributes
    ----------
    sources
        The file behind each path of the manifest.
    damaged
        Path whose file is not what the manifest says; empty when all are.
    """

    manifest: Manifest
    sources: Mapping[str, Path]
    damaged: str = ""

    @property
    def reference(self) -> ManifestRef:
        """What the `upload` packets carry."""
        return self.manifest.reference()

    def upload(self, store: SftpStore, scratch: Path) -> None:
        """Bring the files to the store, then the manifest (blocking).

        Parameters
        ----------
        scratch
            A folder for what is made on the way.

        Raises
        ------
        TransferError
            When the store does not take it.
        """
        folder = self.manifest.folder
        for path, source in self.sources.items():
            store.upload(source, f"{folder}/{path}", sha256=file_digest(source))
        copy = scratch / f"{self.manifest.dataset}-{self.manifest.name}"
        copy.write_bytes(self.manifest.to_bytes())
        store.upload(copy, self.reference.path, sha256=self.reference.sha256)


def parcels_of(recording: Recording, scratch: Path) -> dict[ParcelKey, Parcel]:
    """Put together what the telescope uploads, by dataset and attempt (blocking).

    Parameters
    ----------
    scratch
        An empty folder for the files that stand for others.
    """
    found: dict[ParcelKey, Parcel] = {}
    archived = {manifest.dataset: manifest for manifest, _ in recording.bundle.datasets}
    for said in recording.by(recording.name.telescope):
        upload = said.content
        if not isinstance(upload, Upload):
            continue
        key = (upload.dataset, upload.attempt)
        if key not in found:
            found[key] = _whole(recording, upload, archived.get(upload.dataset), scratch)
        if upload.state is UploadState.COMPLETED:
            receipts = [receipt.content for receipt in recording.receipts(said.packet)]
            found[key] = _as_it_came(found[key], receipts, scratch)
    return found


def given(parcels: Mapping[ParcelKey, Parcel]) -> dict[ParcelKey, Mapping[str, str]]:
    """Digest what is uploaded, by path (blocking)."""
    return {
        key: {path: file_digest(source) for path, source in parcel.sources.items()}
        for key, parcel in parcels.items()
    }


def _whole(recording: Recording, upload: Upload, archived: Manifest | None, scratch: Path) -> Parcel:
    folder = recording.bundle.files(upload.dataset)
    entries = archived.files if archived else ()
    sources: dict[str, Path] = {}
    listed = []
    for path, sha256 in [(e.path, e.sha256) for e in entries] or _unknown(upload):
        source = folder / path
        if not source.is_file():
            source = scratch / f"{upload.dataset}-{hashlib.sha256(path.encode()).hexdigest()}"
            source.write_text(f"This stands for {path} with SHA-256 {sha256}.\n", encoding="utf-8")
        sources[path] = source
        listed.append(ManifestEntry(path=path, bytes=source.stat().st_size, sha256=file_digest(source)))
    manifest = Manifest(
        campaign=str(recording.name), dataset=upload.dataset, attempt=upload.attempt, files=tuple(listed)
    )
    return Parcel(manifest=manifest, sources=sources)


def _unknown(upload: Upload) -> list[tuple[str, str]]:
    """Name the files of a dataset of which nothing is known but how many there were."""
    return [(f"file-{number:05d}", "unknown") for number in range(1, max(1, upload.manifest.files) + 1)]


def _as_it_came(parcel: Parcel, receipts: Iterable[Content], scratch: Path) -> Parcel:
    """Damage the file that the refusal of this attempt named, if it was refused for one."""
    reasons = [r.reason for r in receipts if isinstance(r, Receipt) and r.outcome is ReceiptOutcome.REFUSED]
    damaged = next((path for path in parcel.sources if any(path in reason for reason in reasons)), "")
    if not damaged:
        return parcel
    content = bytearray(parcel.sources[damaged].read_bytes()) or bytearray(1)
    content[-1] ^= 0xFF
    source = scratch / f"damaged-{parcel.manifest.dataset}-{parcel.manifest.attempt}"
    source.write_bytes(content)
    return replace(parcel, sources={**parcel.sources, damaged: source}, damaged=damaged)
