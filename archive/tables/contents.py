"""What the six kinds of packet say, one table (or a few) each. Every row belongs to one packet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.tables.base import Base, JsonText, check, check_digest, check_member, checks_of_position
from voevent.kinds import (
    Outcome,
    Product,
    ReceiptOutcome,
    StatusState,
    TaskOutcome,
    TriggerAction,
    UploadState,
)


class TriggerRow(Base):
    """A trigger."""

    __tablename__ = "triggers"
    __table_args__ = (
        check_member("action", TriggerAction),
        check("revision >= 0", "revision_not_negative"),
        *checks_of_position("ra_deg", "dec_deg", "error_radius_deg"),
        check("action <> 'observe' OR ra_deg IS NOT NULL", "position_to_observe"),
        check_digest("notice_sha256"),
        Index("ix_triggers_trigger_time", "trigger_time"),
        Index("ix_triggers_dec_deg", "dec_deg"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("packets.sha256"), primary_key=True)
    action: Mapped[str]
    revision: Mapped[int]
    trigger_time: Mapped[datetime]
    ra_deg: Mapped[float | None]
    dec_deg: Mapped[float | None]
    error_radius_deg: Mapped[float | None]
    instrument: Mapped[str]
    notice_ivorn: Mapped[str]
    notice_sha256: Mapped[str]
    features: Mapped[JsonText] = mapped_column(JSON)
    reason: Mapped[str]


class ReceiptRow(Base):
    """A receipt. The packet it is about may be archived later, or never."""

    __tablename__ = "receipts"
    __table_args__ = (
        check_member("outcome", ReceiptOutcome),
        check_digest("cited_sha256"),
        Index("ix_receipts_cited", "cited_sha256", "cited_ivorn"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("packets.sha256"), primary_key=True)
    cited_ivorn: Mapped[str]
    cited_sha256: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str]
    details: Mapped[JsonText] = mapped_column(JSON)


class StatusRow(Base):
    """A status."""

    __tablename__ = "statuses"
    __table_args__ = (check_member("state", StatusState),)

    packet: Mapped[str] = mapped_column(ForeignKey("packets.sha256"), primary_key=True)
    state: Mapped[str]
    text: Mapped[str]
    details: Mapped[JsonText] = mapped_column(JSON)


class TaskRow(Base):
    """A task as a status packet plans it."""

    __tablename__ = "tasks"
    __table_args__ = (
        check("length(task) > 0", "task_not_empty"),
        check("exposure_s > 0 AND exposure_s <= 1e6", "exposure_s_in_range"),
        check("exposures >= 1", "exposures_from_one"),
        # Nothing is observed through less than one atmosphere, nor (usefully) at the horizon's 38.
        check("airmass >= 0.99 AND airmass <= 40", "airmass_in_range"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("statuses.packet"), primary_key=True)
    task: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[datetime]
    filters: Mapped[list[str]] = mapped_column(JSON)
    exposure_s: Mapped[float]
    exposures: Mapped[int]
    airmass: Mapped[float | None]


class ResultRow(Base):
    """A light curve or SED, as far as it had got."""

    __tablename__ = "results"
    __table_args__ = (
        check_member("product", Product),
        *checks_of_position("source_ra_deg", "source_dec_deg", "source_error_radius_deg"),
        check("epoch_s >= -1e9 AND epoch_s <= 1e9", "epoch_s_in_range"),
        check("fit_index >= -1e6 AND fit_index <= 1e6", "fit_index_in_range"),
        check("(fit_index IS NULL) = (fit_index_err IS NULL)", "fit_index_with_error"),
        check("(fit_index IS NULL) = (fit_chi2 IS NULL)", "fit_index_with_chi2"),
        check("(fit_index IS NULL) = (fit_dof IS NULL)", "fit_index_with_dof"),
        check("fit_index_err >= 0 AND fit_chi2 >= 0 AND fit_dof >= 0", "fit_not_negative"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("packets.sha256"), primary_key=True)
    product: Mapped[str]
    task: Mapped[str]
    epoch_s: Mapped[float | None]
    source_ra_deg: Mapped[float | None]
    source_dec_deg: Mapped[float | None]
    source_error_radius_deg: Mapped[float | None]
    fit_index: Mapped[float | None]
    fit_index_err: Mapped[float | None]
    fit_chi2: Mapped[float | None]
    fit_dof: Mapped[int | None]
    comment: Mapped[str]


class PhotometryRow(Base):
    """A point of a light curve; an upper limit has no error."""

    __tablename__ = "photometry"
    __table_args__ = (
        check("position >= 0", "position_not_negative"),
        check("length(filter) > 0", "filter_not_empty"),
        check("t_s >= -1e9 AND t_s <= 1e9", "t_s_in_range"),
        check("exposure_s > 0 AND exposure_s <= 1e6", "exposure_s_in_range"),
        # Also keeps out what is not a number: PostgreSQL sorts it above all numbers, SQLite makes it null.
        check("mag >= -40 AND mag <= 60", "mag_in_range"),
        check("mag_err > 0 AND mag_err <= 60", "mag_err_in_range"),
        check("is_limit = (mag_err IS NULL)", "error_unless_limit"),
        check("limit_sigma > 0 AND limit_sigma <= 1000", "limit_sigma_in_range"),
        check("frames >= 1", "frames_from_one"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("results.packet"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    task: Mapped[str]
    t_s: Mapped[float]
    exposure_s: Mapped[float]
    filter: Mapped[str]
    mag: Mapped[float]
    mag_err: Mapped[float | None]
    is_limit: Mapped[bool]
    limit_sigma: Mapped[float]
    frames: Mapped[int]


class SedRow(Base):
    """A point of a spectral energy distribution."""

    __tablename__ = "sed"
    __table_args__ = (
        check("position >= 0", "position_not_negative"),
        check("length(filter) > 0", "filter_not_empty"),
        check("wavelength_nm > 0 AND wavelength_nm <= 1e9", "wavelength_nm_in_range"),
        check("flux_density_ujy >= -1e15 AND flux_density_ujy <= 1e15", "flux_density_ujy_in_range"),
        check("flux_density_err_ujy > 0 AND flux_density_err_ujy <= 1e15", "flux_density_err_ujy_in_range"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("results.packet"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    filter: Mapped[str]
    wavelength_nm: Mapped[float]
    flux_density_ujy: Mapped[float]
    flux_density_err_ujy: Mapped[float]


class UploadRow(Base):
    """The start or the completion of an upload."""

    __tablename__ = "uploads"
    __table_args__ = (
        check("length(dataset) > 0", "dataset_not_empty"),
        check_member("state", UploadState),
        check("attempt >= 1", "attempt_from_one"),
        check("length(manifest_path) > 0", "manifest_path_not_empty"),
        check("manifest_bytes > 0", "manifest_bytes_positive"),
        check_digest("manifest_sha256"),
        check("files >= 0 AND total_bytes >= 0", "counts_not_negative"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("packets.sha256"), primary_key=True)
    dataset: Mapped[str]
    state: Mapped[str]
    attempt: Mapped[int]
    task: Mapped[str]
    manifest_path: Mapped[str]
    manifest_bytes: Mapped[int] = mapped_column(BigInteger)
    manifest_sha256: Mapped[str]
    files: Mapped[int]
    total_bytes: Mapped[int] = mapped_column(BigInteger)


class ClosingRow(Base):
    """A telescope's last word on a campaign."""

    __tablename__ = "closings"
    __table_args__ = (check_member("outcome", Outcome),)

    packet: Mapped[str] = mapped_column(ForeignKey("packets.sha256"), primary_key=True)
    outcome: Mapped[str]
    summary: Mapped[str]
    details: Mapped[JsonText] = mapped_column(JSON)


class ClosingPacketRow(Base):
    """A packet that a closing lists as one of the campaign's."""

    __tablename__ = "closing_packets"
    __table_args__ = (
        UniqueConstraint("packet", "listed_sha256", "listed_ivorn"),
        check("position >= 0", "position_not_negative"),
        check_digest("listed_sha256"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("closings.packet"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    listed_ivorn: Mapped[str]
    listed_sha256: Mapped[str]


class DecisionRow(Base):
    """A decision of a campaign, as a closing tells it; by `position` in order of time."""

    __tablename__ = "decisions"
    __table_args__ = (
        check("position >= 0", "position_not_negative"),
        check("length(rule) > 0", "rule_not_empty"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("closings.packet"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[datetime]
    rule: Mapped[str]
    text: Mapped[str]
    values: Mapped[JsonText] = mapped_column(JSON)


class TaskOutcomeRow(Base):
    """How a task ended, as a closing says."""

    __tablename__ = "task_outcomes"
    __table_args__ = (
        check("length(task) > 0", "task_not_empty"),
        check_member("outcome", TaskOutcome),
        check("exposures >= 0", "exposures_not_negative"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("closings.packet"), primary_key=True)
    task: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    exposures: Mapped[int]
    reason: Mapped[str]
