"""From a bundle into an archive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from archive.bundle.errors import BundleConflictError, BundleDamagedError
from archive.bundle.export import DATASETS, DELIVERIES
from archive.bundle.manifest import FILES, BundleManifest
from archive.bundle.unpacking import unpack
from followup.names import CampaignName
from transfer.errors import ManifestError
from transfer.manifest import Manifest
from voevent.errors import VOEventError
from voevent.identity import NO_CAMPAIGN
from voevent.packet import Packet
from voevent.parse import parse
from voevent.read import kind_of, read

if TYPE_CHECKING:
    from archive.archive import Archive


class _Said(BaseModel):
    """A line of ``deliveries.json``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    packet: str
    ivorn: str
    sha256: str
    direction: Literal["sent", "received"]
    peer: str
    time: AwareDatetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """A packet of a bundle, parsed, and one of its deliveries."""

    packet: Packet
    direction: Literal["sent", "received"]
    peer: str
    time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacked:
    """A bundle that was unpacked into a folder, verified and read.

    Attributes
    ----------
    datasets
        Manifests of its datasets with their exact bytes.
    """

    folder: Path
    manifest: BundleManifest
    deliveries: tuple[Delivered, ...]
    datasets: tuple[tuple[Manifest, bytes], ...]

    @property
    def campaign(self) -> str:
        """Its campaign."""
        return self.manifest.campaign

    def files(self, dataset: str) -> Path:
        """Folder of a dataset's files."""
        return self.folder / FILES / dataset

    def whole(self, dataset: Manifest) -> bool:
        """Whether all files of a dataset are in the bundle."""
        left = {(one.dataset, one.path) for one in self.manifest.left_out}
        return not any((dataset.dataset, entry.path) in left for entry in dataset.files)


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an archive took in.

    Attributes
    ----------
    without_files
        Datasets that are announced but whose files are not in the bundle: it is a light one.
    """

    campaign: str
    packets: int
    datasets: int
    files: int
    without_files: tuple[str, ...]


def open_bundle(path: Path, folder: Path) -> Unpacked:
    """Unpack a bundle into an empty folder, and read and check what it says (blocking).

    Raises
    ------
    BundleError
        When it is damaged, hostile, too new, or contradicts itself.
    """
    manifest = unpack(path, folder)
    wrong = partial(_wrong, path.name)
    try:
        CampaignName.parse(manifest.campaign)
    except ValueError as error:
        raise wrong(f"{manifest.campaign[:80]!a} is no campaign") from error
    listed = {member.path for member in manifest.members}
    if DELIVERIES not in listed:
        raise wrong(f"{DELIVERIES} is missing")
    try:
        said = TypeAdapter(list[_Said]).validate_json((folder / DELIVERIES).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise wrong(f"{DELIVERIES}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    packets: dict[str, Packet] = {}
    for one in said:
        if one.packet not in listed:
            raise wrong(f"{DELIVERIES} speaks of {one.packet[:120]!a}, which is not in the manifest")
        if one.packet not in packets:
            packets[one.packet] = _packet(folder, one.packet, manifest.campaign, wrong)
        found = packets[one.packet]
        if (found.ivorn, found.sha256) != (one.ivorn, one.sha256):
            raise wrong(f"{one.packet} is {found.ivorn}, not what {DELIVERIES} says")
    return Unpacked(
        folder=folder,
        manifest=manifest,
        deliveries=tuple(
            Delivered(packet=packets[one.packet], direction=one.direction, peer=one.peer, time=one.time)
            for one in said
        ),
        datasets=_datasets(folder, manifest, wrong),
    )


def import_bundle(archive: Archive, path: Path) -> Imported:
    """Take a bundle's campaign into an archive (blocking); doing it again changes nothing.

    Everything is unpacked, verified and compared with the archive before anything is written; interrupted
    after that, the same call completes it.

    Raises
    ------
    BundleConflictError
        When the archive holds something else under one of its names: which.
    BundleError
        When the bundle is damaged, hostile or too new.
    ArchiveError
        When the archive cannot be written; trying again is safe.
    """
    with archive.scratch() as folder:
        bundle = open_bundle(path, folder)
        whole = [(manifest, raw) for manifest, raw in bundle.datasets if bundle.whole(manifest)]
        digests = {one.packet.ivorn: one.packet.sha256 for one in bundle.deliveries}
        conflicts = archive.conflicts(digests, [manifest for manifest, _ in whole])
        if conflicts:
            more = f", and {len(conflicts) - 1} more" if len(conflicts) > 1 else ""
            raise BundleConflictError(
                f"the archive holds another {bundle.campaign}: {conflicts[0]}{more}",
                hint="import it into an archive of its own; nothing was changed",
            )
        for one in bundle.deliveries:
            archive.ingest(one.packet, direction=one.direction, peer=one.peer, time=one.time)
        for manifest, raw in whole:
            archive.store_dataset(bundle.campaign, raw, bundle.files(manifest.dataset))
    return Imported(
        campaign=bundle.campaign,
        packets=len(digests),
        datasets=len(whole),
        files=sum(len(manifest.files) for manifest, _ in whole),
        without_files=tuple(m.dataset for m, _ in bundle.datasets if not bundle.whole(m)),
    )


def _packet(folder: Path, path: str, campaign: str, wrong: Any) -> Packet:
    try:
        packet = parse((folder / path).read_bytes())
        header = read(packet)[0] if kind_of(packet) else None
    except VOEventError as error:
        raise wrong(f"{path}: {error}") from error
    if header is not None and header.campaign not in {campaign, NO_CAMPAIGN}:
        raise wrong(f"{path} belongs to {header.campaign}, not to {campaign}")
    return packet


def _datasets(folder: Path, bundle: BundleManifest, wrong: Any) -> tuple[tuple[Manifest, bytes], ...]:
    """Read the datasets' manifests, and compare them with what the bundle holds and says it left out."""
    have = {member.path: (member.bytes, member.sha256) for member in bundle.members}
    have |= {f"{FILES}/{one.dataset}/{one.path}": (one.bytes, one.sha256) for one in bundle.left_out}
    found = []
    for path in sorted(have):
        if not path.startswith(f"{DATASETS}/"):
            continue
        raw = (folder / path).read_bytes()
        try:
            manifest = Manifest.parse(raw)
        except ManifestError as error:
            raise wrong(f"{path}: {error}") from error
        if manifest.campaign != bundle.campaign or path != f"{DATASETS}/{manifest.dataset}.json":
            raise wrong(f"{path} is the manifest of {manifest.dataset} of {manifest.campaign}")
        for entry in manifest.files:
            name = f"{FILES}/{manifest.dataset}/{entry.path}"
            if have.get(name) != (entry.bytes, entry.sha256):
                raise wrong(f"{name} is not what {path} says")
        found.append((manifest, raw))
    return tuple(found)


def _wrong(where: str, what: str) -> BundleDamagedError:
    return BundleDamagedError(f"{where}: {what}", hint="export it again, or fetch it again")
