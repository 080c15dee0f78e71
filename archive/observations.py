"""What telescopes planned, did and measured, taken from the packet that is in force for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from archive.ledger import closings_in_force
from archive.records import LedgerEntry, SedRecord, TaskRecord
from archive.tables import PacketRow, PhotometryRow, ResultRow, SedRow, StatusRow, TaskOutcomeRow, TaskRow
from voevent.kinds import (
    PhotometryPoint,
    PowerLaw,
    Product,
    ReceiptOutcome,
    SedPoint,
    StatusState,
    TaskOutcome,
)
from voevent.packet import PacketId, SkyPosition


def results_in_force(
    connection: Connection, ledgers: Mapping[str, Sequence[LedgerEntry]], product: Product
) -> dict[str, Row[Any]]:
    """Row of each campaign's latest result of that product, refused ones apart.

    Parameters
    ----------
    ledgers
        Of the campaigns in question, with their results at least.
    """
    refused = {
        entry.id.sha256
        for entries in ledgers.values()
        for entry in entries
        if entry.final and entry.final.outcome is ReceiptOutcome.REFUSED
    }
    rows = connection.execute(
        select(PacketRow.campaign, PacketRow.ivorn, *ResultRow.__table__.columns)
        .join(ResultRow, ResultRow.packet == PacketRow.sha256)
        .where(PacketRow.campaign.in_(ledgers), ResultRow.product == product)
        .order_by(PacketRow.sequence, PacketRow.sha256)
    )
    return {row.campaign: row for row in rows if row.packet not in refused}


def source_of(result: Row[Any]) -> SkyPosition | None:
    """Position of the counterpart, if the result gives one."""
    if result.source_ra_deg is None:
        return None
    return SkyPosition(
        ra_deg=result.source_ra_deg,
        dec_deg=result.source_dec_deg,
        error_radius_deg=result.source_error_radius_deg,
    )


def fit_of(result: Row[Any]) -> PowerLaw | None:
    """Return the fit, if the result gives one."""
    if result.fit_index is None:
        return None
    return PowerLaw(
        index=result.fit_index, index_err=result.fit_index_err, chi2=result.fit_chi2, dof=result.fit_dof
    )


def light_curve(connection: Connection, result: Row[Any]) -> tuple[PhotometryPoint, ...]:
    """Points of a light curve, in the packet's order."""
    rows = connection.execute(
        select(PhotometryRow).where(PhotometryRow.packet == result.packet).order_by(PhotometryRow.position)
    )
    return tuple(
        PhotometryPoint(
            task=row.task,
            t_s=row.t_s,
            exposure_s=row.exposure_s,
            filter=row.filter,
            mag=row.mag,
            mag_err=row.mag_err,
            limit=row.is_limit,
            limit_sigma=row.limit_sigma,
            frames=row.frames,
        )
        for row in rows
    )


def sed_record(connection: Connection, result: Row[Any]) -> SedRecord:
    """Spectral energy distribution that a result carries."""
    rows = connection.execute(select(SedRow).where(SedRow.packet == result.packet).order_by(SedRow.position))
    return SedRecord(
        id=PacketId(ivorn=result.ivorn, sha256=result.packet),
        epoch_s=result.epoch_s,
        points=tuple(
            SedPoint(
                filter=row.filter,
                wavelength_nm=row.wavelength_nm,
                flux_density_ujy=row.flux_density_ujy,
                flux_density_err_ujy=row.flux_density_err_ujy,
            )
            for row in rows
        ),
        fit=fit_of(result),
    )


def task_records(connection: Connection, campaigns: Sequence[str]) -> dict[str, tuple[TaskRecord, ...]]:
    """Tasks of each campaign: those of its latest plan and those that its latest closing names."""
    tasks = _planned(connection, campaigns)
    closings = {sha256: campaign for campaign, sha256 in closings_in_force(connection, campaigns).items()}
    rows = connection.execute(select(TaskOutcomeRow).where(TaskOutcomeRow.packet.in_(closings)))
    for row in rows:
        known = tasks[closings[row.packet]]
        known[row.task] = replace(
            known.get(row.task, _unplanned(row.task)),
            outcome=TaskOutcome(row.outcome),
            exposures=row.exposures,
            reason=row.reason,
        )
    return {campaign: tuple(sorted(known.values(), key=_order)) for campaign, known in tasks.items()}


def _planned(connection: Connection, campaigns: Sequence[str]) -> dict[str, dict[str, TaskRecord]]:
    rows = connection.execute(
        select(PacketRow.campaign, PacketRow.sequence, *TaskRow.__table__.columns)
        .join(StatusRow, StatusRow.packet == PacketRow.sha256)
        .join(TaskRow, TaskRow.packet == StatusRow.packet)
        .where(PacketRow.campaign.in_(campaigns), StatusRow.state == StatusState.PLAN)
        .order_by(PacketRow.sequence, PacketRow.sha256)
    )
    tasks: dict[str, dict[str, TaskRecord]] = {campaign: {} for campaign in campaigns}
    plans: dict[str, str] = defaultdict(str)
    for row in rows:
        if plans[row.campaign] != row.packet:
            # A plan is complete: what only an earlier one names is not planned any more.
            plans[row.campaign] = row.packet
            tasks[row.campaign] = {}
        tasks[row.campaign][row.task] = replace(
            _unplanned(row.task),
            start=row.start,
            filters=tuple(row.filters),
            exposure_s=row.exposure_s,
            count=row.exposures,
            airmass=row.airmass,
        )
    return tasks


def _order(record: TaskRecord) -> tuple[bool, datetime, str]:
    """Planned tasks by their start, then the others; by name here, for databases differ in sorting text."""
    return record.start is None, record.start or datetime.min.replace(tzinfo=UTC), record.task


def _unplanned(task: str) -> TaskRecord:
    return TaskRecord(
        task=task,
        start=None,
        filters=(),
        exposure_s=None,
        count=None,
        airmass=None,
        outcome=None,
        exposures=None,
        reason="",
    )
