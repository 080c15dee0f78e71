"""From a packet to rows: what `Archive.ingest` writes.

All statements here are functions of one packet and its delivery, so that packets may come in any order
and more than once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from archive.records import Direction
from archive.tables import (
    Base,
    BurstRow,
    CampaignRow,
    CitationRow,
    ClosingPacketRow,
    ClosingRow,
    DecisionRow,
    DeliveryRow,
    PacketRow,
    PhotometryRow,
    ReceiptRow,
    ResultRow,
    SedRow,
    StatusRow,
    TaskOutcomeRow,
    TaskRow,
    TriggerRow,
    UploadRow,
)
from followup.names import CampaignName
from voevent.identity import NO_CAMPAIGN
from voevent.kinds import Closing, Content, Header, Receipt, Result, Status, Trigger, Upload
from voevent.packet import CiteKind, Packet
from voevent.read import kind_of, read

Rows = Iterator[tuple[type[Base], dict[str, Any]]]
"""Rows with their tables, in an order that foreign keys allow."""


def said_by(packet: Packet) -> tuple[Header, Content] | tuple[None, None]:
    """Read what a packet says if it is of one of the six kinds; nothing for any other VOEvent.

    Raises
    ------
    InvalidError
        When the packet claims a kind whose rules it breaks.
    """
    return read(packet) if kind_of(packet) else (None, None)


def ingest(
    connection: Connection,
    packet: Packet,
    said: tuple[Header, Content] | tuple[None, None],
    *,
    direction: Direction,
    peer: str,
    time: datetime,
) -> None:
    """Write a packet, what it says, and its delivery; what is there already stays."""
    header, content = said
    campaign = header.campaign if header and header.campaign != NO_CAMPAIGN else None
    if campaign:
        add_campaign(connection, CampaignName.parse(campaign))
    new = add_row(
        connection,
        PacketRow,
        sha256=packet.sha256,
        ivorn=packet.ivorn,
        raw=packet.raw,
        role=packet.role,
        kind=kind_of(packet),
        author=header.author if header else None,
        campaign=campaign,
        sequence=header.sequence if header else None,
        written=header.date if header else packet.date,
        deadline_s=header.deadline_s if header else None,
    )
    if new:
        rows = chain(_citations(packet, header), _contents(packet.sha256, content) if content else ())
        for table, group in groupby(rows, key=itemgetter(0)):
            connection.execute(_insert(connection, table), [values for _, values in group])
    _deliver(connection, packet, direction, peer, time)


def add_campaign(connection: Connection, name: CampaignName) -> None:
    """Make sure that a campaign and its burst have their rows."""
    add_row(connection, BurstRow, name=name.burst)
    add_row(connection, CampaignRow, name=str(name), burst=name.burst, telescope=name.telescope)


def _insert(connection: Connection, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def add_row(connection: Connection, table: type[Base], **values: Any) -> bool:
    """Insert a row unless its key is there; tell whether it was new."""
    statement = _insert(connection, table).values(**values).on_conflict_do_nothing()
    # Only on demand is the number of rows that an INSERT has written told alike on both databases.
    result = connection.execute(statement, execution_options={"preserve_rowcount": True})
    return result.rowcount == 1


def _deliver(connection: Connection, packet: Packet, direction: Direction, peer: str, time: datetime) -> None:
    statement = _insert(connection, DeliveryRow).values(
        packet=packet.sha256, direction=direction, peer=peer, time=time
    )
    statement = statement.on_conflict_do_update(
        index_elements=[DeliveryRow.packet, DeliveryRow.direction, DeliveryRow.peer],
        set_={"time": statement.excluded.time},
        # The first commit is what counts, in whatever order the two are told.
        where=DeliveryRow.time > statement.excluded.time,
    )
    connection.execute(statement)


def _citations(packet: Packet, header: Header | None) -> Rows:
    cited: list[tuple[str, str | None, CiteKind]]
    if header is None:
        cited = [(citation.ivorn, None, citation.cite) for citation in packet.citations]
    else:
        cited = [(cite.id.ivorn, cite.id.sha256, cite.cite) for cite in header.cites]
    for position, (ivorn, sha256, cite) in enumerate(cited):
        yield (
            CitationRow,
            {
                "packet": packet.sha256,
                "position": position,
                "cited_ivorn": ivorn,
                "cited_sha256": sha256,
                "cite": cite,
            },
        )


def _contents(packet: str, content: Content) -> Rows:
    match content:
        case Trigger():
            yield from _trigger(packet, content)
        case Result():
            yield from _result(packet, content)
        case Upload():
            yield from _upload(packet, content)
        case Status():
            yield from _status(packet, content)
        case Closing():
            yield from _closing(packet, content)
        case Receipt():
            yield from _receipt(packet, content)


def _trigger(packet: str, trigger: Trigger) -> Rows:
    position = trigger.position
    yield (
        TriggerRow,
        {
            "packet": packet,
            "action": trigger.action,
            "revision": trigger.revision,
            "trigger_time": trigger.trigger_time,
            "ra_deg": position.ra_deg if position else None,
            "dec_deg": position.dec_deg if position else None,
            "error_radius_deg": position.error_radius_deg if position else None,
            "instrument": trigger.instrument,
            "notice_ivorn": trigger.notice.ivorn,
            "notice_sha256": trigger.notice.sha256,
            "features": dict(trigger.features),
            "reason": trigger.reason,
        },
    )


def _result(packet: str, result: Result) -> Rows:
    source, fit = result.source, result.fit
    yield (
        ResultRow,
        {
            "packet": packet,
            "product": result.product,
            "task": result.task,
            "epoch_s": result.epoch_s,
            "source_ra_deg": source.ra_deg if source else None,
            "source_dec_deg": source.dec_deg if source else None,
            "source_error_radius_deg": source.error_radius_deg if source else None,
            "fit_index": fit.index if fit else None,
            "fit_index_err": fit.index_err if fit else None,
            "fit_chi2": fit.chi2 if fit else None,
            "fit_dof": fit.dof if fit else None,
            "comment": result.comment,
        },
    )
    for position, point in enumerate(result.points):
        yield (
            PhotometryRow,
            {
                "packet": packet,
                "position": position,
                "task": point.task,
                "t_s": point.t_s,
                "exposure_s": point.exposure_s,
                "filter": point.filter,
                "mag": point.mag,
                "mag_err": point.mag_err,
                "is_limit": point.limit,
                "limit_sigma": point.limit_sigma,
                "frames": point.frames,
            },
        )
    for position, flux in enumerate(result.sed):
        yield (
            SedRow,
            {
                "packet": packet,
                "position": position,
                "filter": flux.filter,
                "wavelength_nm": flux.wavelength_nm,
                "flux_density_ujy": flux.flux_density_ujy,
                "flux_density_err_ujy": flux.flux_density_err_ujy,
            },
        )


def _upload(packet: str, upload: Upload) -> Rows:
    yield (
        UploadRow,
        {
            "packet": packet,
            "dataset": upload.dataset,
            "state": upload.state,
            "attempt": upload.attempt,
            "task": upload.task,
            "manifest_path": upload.manifest.path,
            "manifest_bytes": upload.manifest.size_bytes,
            "manifest_sha256": upload.manifest.sha256,
            "files": upload.manifest.files,
            "total_bytes": upload.manifest.total_bytes,
        },
    )


def _status(packet: str, status: Status) -> Rows:
    yield (
        StatusRow,
        {"packet": packet, "state": status.state, "text": status.text, "details": dict(status.details)},
    )
    for task in status.tasks:
        yield (
            TaskRow,
            {
                "packet": packet,
                "task": task.task,
                "start": task.start,
                "filters": list(task.filters),
                "exposure_s": task.exposure_s,
                "exposures": task.count,
                "airmass": task.airmass,
            },
        )


def _closing(packet: str, closing: Closing) -> Rows:
    yield (
        ClosingRow,
        {
            "packet": packet,
            "outcome": closing.outcome,
            "summary": closing.summary,
            "details": dict(closing.details),
        },
    )
    for task in closing.tasks:
        yield (
            TaskOutcomeRow,
            {
                "packet": packet,
                "task": task.task,
                "outcome": task.outcome,
                "exposures": task.exposures,
                "reason": task.reason,
            },
        )
    for position, decided in enumerate(closing.decisions):
        yield (
            DecisionRow,
            {
                "packet": packet,
                "position": position,
                "time": decided.time,
                "rule": decided.rule,
                "text": decided.text,
                "values": dict(decided.values),
            },
        )
    for position, listed in enumerate(closing.packets):
        yield (
            ClosingPacketRow,
            {
                "packet": packet,
                "position": position,
                "listed_ivorn": listed.ivorn,
                "listed_sha256": listed.sha256,
            },
        )


def _receipt(packet: str, receipt: Receipt) -> Rows:
    yield (
        ReceiptRow,
        {
            "packet": packet,
            "cited_ivorn": receipt.cited.ivorn,
            "cited_sha256": receipt.cited.sha256,
            "outcome": receipt.outcome,
            "reason": receipt.reason,
            "details": dict(receipt.details),
        },
    )
