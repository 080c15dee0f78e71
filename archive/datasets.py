"""Datasets: what telescopes announced, and what is archived of it."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, func, select, update

from archive.errors import DatasetConflictError
from archive.ingest import add_campaign, add_row
from archive.records import DatasetRecord, FileRecord
from archive.store import FileStore
from archive.tables import DatasetRow, FileRow, PacketRow, ReceiptRow, UploadRow
from followup.names import CampaignName
from transfer.manifest import Manifest
from voevent.kinds import ReceiptOutcome, UploadState


def check_dataset(connection: Connection, manifest: Manifest) -> None:
    """Make sure that nothing else is archived under a dataset's name.

    Raises
    ------
    DatasetConflictError
        When something is.
    """
    archived = {
        (row.name, row.size_bytes, row.sha256)
        for row in connection.execute(
            select(FileRow).where(FileRow.campaign == manifest.campaign, FileRow.dataset == manifest.dataset)
        )
    }
    if archived and archived != {(entry.path, entry.bytes, entry.sha256) for entry in manifest.files}:
        raise DatasetConflictError(
            f"dataset {manifest.dataset} of {manifest.campaign} is archived with other files",
            hint="what is archived never changes: upload the new files as another dataset",
        )


def record_dataset(connection: Connection, manifest: Manifest, raw: bytes) -> None:
    """Write that a dataset's files are all in the store.

    Raises
    ------
    DatasetConflictError
        When something else is archived under its name.
    """
    check_dataset(connection, manifest)
    add_campaign(connection, CampaignName.parse(manifest.campaign))
    content = {
        "attempt": manifest.attempt,
        "manifest": raw,
        "manifest_sha256": hashlib.sha256(raw).hexdigest(),
    }
    key = {"campaign": manifest.campaign, "dataset": manifest.dataset}
    if not add_row(connection, DatasetRow, **key, **content):
        # The same files, sent again as a repair: the manifest that the CSC answers is the one to keep.
        connection.execute(
            update(DatasetRow)
            .where(
                DatasetRow.campaign == manifest.campaign,
                DatasetRow.dataset == manifest.dataset,
                DatasetRow.attempt < manifest.attempt,
            )
            .values(**content)
        )
    for entry in manifest.files:
        add_row(connection, FileRow, **key, name=entry.path, size_bytes=entry.bytes, sha256=entry.sha256)


def dataset_records(connection: Connection, campaign: str) -> tuple[DatasetRecord, ...]:
    """Datasets of a campaign by name, announced or archived."""
    archived = {
        row.dataset: row
        for row in connection.execute(
            select(
                DatasetRow.dataset,
                DatasetRow.attempt,
                DatasetRow.manifest_sha256,
                func.count(FileRow.name).label("files"),
                func.sum(FileRow.size_bytes).label("total_bytes"),
            )
            .join(
                FileRow, (FileRow.campaign == DatasetRow.campaign) & (FileRow.dataset == DatasetRow.dataset)
            )
            .where(DatasetRow.campaign == campaign)
            .group_by(DatasetRow.dataset, DatasetRow.attempt, DatasetRow.manifest_sha256)
        )
    }
    announced = {
        row.dataset: row
        for row in connection.execute(
            select(UploadRow)
            .join(PacketRow, PacketRow.sha256 == UploadRow.packet)
            .where(PacketRow.campaign == campaign)
            .order_by(PacketRow.sequence, PacketRow.sha256)
        )
    }
    records = []
    for dataset in sorted(archived.keys() | announced.keys()):
        stored, upload = archived.get(dataset), announced.get(dataset)
        told = upload or archived[dataset]
        records.append(
            DatasetRecord(
                campaign=campaign,
                dataset=dataset,
                task=upload.task if upload else "",
                state=UploadState(upload.state) if upload else None,
                attempt=told.attempt,
                manifest_path=upload.manifest_path if upload else None,
                manifest_sha256=told.manifest_sha256,
                files=told.files,
                total_bytes=int(told.total_bytes),
                stored=stored is not None and stored.manifest_sha256 == told.manifest_sha256,
            )
        )
    return tuple(records)


def undelivered(connection: Connection) -> tuple[tuple[str, str], ...]:
    """Datasets (campaign, name) whose last upload was refused, and of which nothing is archived."""
    refused = select(ReceiptRow.cited_sha256).where(ReceiptRow.outcome == ReceiptOutcome.REFUSED)
    concerned = (
        select(PacketRow.campaign, UploadRow.dataset)
        .join(UploadRow, UploadRow.packet == PacketRow.sha256)
        .where(PacketRow.sha256.in_(refused), UploadRow.state == UploadState.COMPLETED)
        .distinct()
    )
    found = []
    for campaign, dataset in connection.execute(concerned).all():
        if campaign is None:
            continue
        last = connection.execute(
            select(UploadRow.state, UploadRow.packet.in_(refused).label("refused"))
            .join(PacketRow, PacketRow.sha256 == UploadRow.packet)
            .where(PacketRow.campaign == campaign, UploadRow.dataset == dataset)
            .order_by(PacketRow.sequence.desc())
            .limit(1)
        ).one()
        archived = select(DatasetRow.dataset).where(
            DatasetRow.campaign == campaign, DatasetRow.dataset == dataset
        )
        if last.state == UploadState.COMPLETED and last.refused and connection.scalar(archived) is None:
            found.append((campaign, dataset))
    return tuple(sorted(found))


def file_records(connection: Connection, store: FileStore, campaign: str | None) -> tuple[FileRecord, ...]:
    """Tell the archived files of a campaign (or of all), by name."""
    wanted = select(FileRow)
    if campaign is not None:
        wanted = wanted.where(FileRow.campaign == campaign)
    records = []
    for row in connection.execute(wanted):
        location = store.location(CampaignName.parse(row.campaign), row.dataset, row.name)
        records.append(
            FileRecord(
                campaign=row.campaign,
                dataset=row.dataset,
                name=row.name,
                path=location.relative_to(store.root).as_posix(),
                location=location,
                size_bytes=row.size_bytes,
                sha256=row.sha256,
            )
        )
    # Sorted here: databases differ in how they sort text.
    return tuple(sorted(records, key=lambda record: (record.campaign, record.dataset, record.name)))
