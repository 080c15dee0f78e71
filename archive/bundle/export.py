"""From the archive to a bundle."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from archive.bundle.container import writing
from archive.bundle.errors import BundleError
from archive.bundle.headers import headers_of, is_frame
from archive.bundle.manifest import FILES, MANIFEST, README, BundleManifest, LeftOut, Listed
from archive.bundle.readme import readme
from archive.records import FileRecord
from voevent.kinds import PhotometryPoint

if TYPE_CHECKING:
    from archive.archive import Archive
    from archive.deliveries import Delivery

PACKETS = "packets"
DATASETS = "datasets"
HEADERS = "headers"
DELIVERIES = "deliveries.json"
DECISIONS = "decisions.json"
_PICTURES = (".png",)
_DECIDED = ("logs", "logs/decisions.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What was written."""

    path: Path
    manifest: BundleManifest
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A member to be: its content, or the file that has it."""

    listed: Listed
    content: bytes | None
    file: Path | None = None


def export_campaign(archive: Archive, campaign: str, path: Path, *, light: bool = False) -> Exported:
    """Write a campaign's bundle (blocking); a file that stands there is replaced when all is written.

    Parameters
    ----------
    light
        Whether frames and pictures are left out, but for the headers of the frames.

    Raises
    ------
    UnknownCampaignError
        When there is no such campaign.
    BundleError
        When it cannot be written, or a file of the archive is damaged.
    """
    parts = sorted(_parts(archive, campaign, light=light), key=lambda part: part.listed.path)
    left_out = [_left_out(file) for file in archive.files(campaign) if light and _left(file)]
    manifest = BundleManifest(
        campaign=campaign,
        light=light,
        members=tuple(part.listed for part in parts),
        left_out=tuple(left_out),
    )
    with _replacing(path) as file:
        with writing(file) as bundle:
            for name, content in ((README, readme(campaign)), (MANIFEST, manifest.to_bytes())):
                bundle.add(name, len(content), io.BytesIO(content))
            for part in parts:
                if part.content is not None:
                    bundle.add(part.listed.path, len(part.content), io.BytesIO(part.content))
                elif part.file is not None:
                    with _verified(part) as source:
                        bundle.add(part.listed.path, part.listed.bytes, source)
        size = file.tell()
    return Exported(path=path, manifest=manifest, size_bytes=size)


def _parts(archive: Archive, campaign: str, *, light: bool) -> Iterator[_Part]:
    record = archive.campaign(campaign)
    sent = archive.deliveries(campaign)
    names = _packet_names(sent)
    for delivery in {delivery.id: delivery for delivery in sent}.values():
        yield _given(names[delivery.id.sha256], delivery.raw)
    yield _given(DELIVERIES, _json([_delivery(delivery, names) for delivery in sent]))
    yield _given("ledger.json", _json([asdict(entry) for entry in archive.ledger(campaign)]))
    yield _given("campaign.json", _json(asdict(record)))
    yield _given("photometry.csv", _table(archive.photometry(campaign)))
    if (sed := archive.sed(campaign)) is not None:
        yield _given("sed.json", _json(asdict(sed)))
    for dataset, raw in archive.manifests(campaign).items():
        yield _given(f"{DATASETS}/{dataset}.json", raw)
    files = archive.files(campaign)
    decided = next((file for file in files if (file.dataset, file.name) == _DECIDED), None)
    yield _given(DECISIONS, decided.location.read_bytes() if decided else b"[]\n")
    for file in files:
        if not (light and _left(file)):
            listed = Listed(
                path=f"{FILES}/{file.dataset}/{file.name}", bytes=file.size_bytes, sha256=file.sha256
            )
            yield _Part(listed, None, file.location)
        elif is_frame(file.name):
            yield _given(f"{HEADERS}/{file.dataset}/{file.name}.txt", headers_of(file.location))


def _packet_names(sent: tuple[Delivery, ...]) -> dict[str, str]:
    names: dict[str, str] = {}
    for delivery in sent:
        if delivery.id.sha256 not in names:
            words = [f"{len(names) + 1:05d}", delivery.author, delivery.kind]
            names[delivery.id.sha256] = f"{PACKETS}/{'-'.join(word for word in words if word)}.xml"
    return names


def _delivery(delivery: Delivery, names: dict[str, str]) -> dict[str, str]:
    return {
        "packet": names[delivery.id.sha256],
        "ivorn": delivery.id.ivorn,
        "sha256": delivery.id.sha256,
        "kind": delivery.kind,
        "author": delivery.author,
        "direction": delivery.direction,
        "peer": delivery.peer,
        "time": delivery.time.isoformat(),
    }


def _left(file: FileRecord) -> bool:
    return is_frame(file.name) or file.name.endswith(_PICTURES)


def _left_out(file: FileRecord) -> LeftOut:
    return LeftOut(dataset=file.dataset, path=file.name, bytes=file.size_bytes, sha256=file.sha256)


def _given(path: str, content: bytes) -> _Part:
    digest = hashlib.sha256(content).hexdigest()
    return _Part(Listed(path=path, bytes=len(content), sha256=digest), content)


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, default=_spelt).encode() + b"\n"


def _spelt(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _table(points: tuple[PhotometryPoint, ...]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("task", "t_s", "exposure_s", "filter", "mag", "mag_err", "limit", "limit_sigma", "frames")
    writer.writerow(names)
    for point in points:
        writer.writerow([_cell(getattr(point, name)) for name in names])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return "" if value is None else int(value) if isinstance(value, bool) else value


@contextmanager
def _verified(part: _Part) -> Iterator[BinaryIO]:
    """Open a file of the archive that still is what it was when it was archived."""
    path = part.file
    if path is None:
        raise RuntimeError(f"{part.listed.path} has no file")
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != part.listed.sha256 or file.tell() != part.listed.bytes:
                raise BundleError(
                    f"{path} is not what was archived: SHA-256 {found} instead of {part.listed.sha256}",
                    hint="followup archive get verifies a campaign; restore the file from a backup",
                )
            file.seek(0)
            yield file
    except OSError as error:
        raise BundleError(
            f"{path}: {error.strerror or error}", hint="restore the archive's file from a backup"
        ) from error


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise BundleError(
            f"{path} cannot be written: {error.strerror or error}", hint="is there such a folder, and room?"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
