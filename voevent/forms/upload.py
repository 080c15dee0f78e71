"""The form of an upload: the dataset, and its manifest by name and content in a Group."""

from __future__ import annotations

from voevent.errors import InvalidError
from voevent.forms.body import Body, param, params
from voevent.forms.record import group_record, top_record
from voevent.identity import check_dataset, check_sha256
from voevent.kinds import ManifestRef, Upload, UploadState
from voevent.packet import Group, Packet

_MANIFEST = "manifest"


def write(upload: Upload) -> Body:
    """Lay an upload out."""
    manifest = upload.manifest
    return Body(
        params=params(
            param("dataset", upload.dataset, ucd="meta.id;meta.dataset"),
            param("state", upload.state, ucd="meta.code.status"),
            param("attempt", upload.attempt, ucd="meta.number"),
            param("task", upload.task, ucd="meta.id"),
        ),
        groups=(
            Group(
                name=_MANIFEST,
                params=(
                    param("path", manifest.path, ucd="meta.id;meta.file"),
                    param("size", manifest.size_bytes, unit="byte", ucd="meta.number"),
                    param("sha256", check_sha256(manifest.sha256), ucd="meta.checksum"),
                    param("files", manifest.files, ucd="meta.number;meta.file"),
                    param("total", manifest.total_bytes, unit="byte", ucd="meta.number"),
                ),
            ),
        ),
    )


def read(packet: Packet) -> Upload:
    """Read an upload back."""
    record = top_record(packet)
    manifest = group_record(packet, _MANIFEST)
    if manifest is None:
        raise InvalidError("upload: the manifest is missing")
    return Upload(
        dataset=check_dataset(record.text("dataset")),
        state=record.member("state", UploadState),
        manifest=ManifestRef(
            path=manifest.text("path"),
            size_bytes=manifest.integer("size"),
            sha256=manifest.digest("sha256"),
            files=manifest.integer("files"),
            total_bytes=manifest.integer("total"),
        ),
        attempt=record.integer("attempt", least=1),
        task=record.optional("task"),
    )
