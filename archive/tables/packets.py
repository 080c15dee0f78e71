"""Packets with their exact bytes, what they cite, and when they came or went."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from archive.records import Direction
from archive.tables.base import Base, check, check_digest, check_member
from voevent.kinds import Kind
from voevent.packet import CiteKind, Role


class PacketRow(Base):
    """A packet. Its digest is its key: the same bytes are the same packet, IVORN included."""

    __tablename__ = "packets"
    __table_args__ = (
        check_digest("sha256"),
        check("length(ivorn) > 0", "ivorn_not_empty"),
        check("length(raw) > 0", "raw_not_empty"),
        check_member("role", Role),
        check_member("kind", Kind),
        check("(kind IS NULL) = (author IS NULL)", "author_with_kind"),
        check("(kind IS NULL) = (sequence IS NULL)", "sequence_with_kind"),
        check("kind IS NOT NULL OR campaign IS NULL", "campaign_only_with_kind"),
        check("campaign IS NOT NULL OR kind IS NULL OR kind = 'receipt'", "campaign_with_kind"),
        check("kind IS NULL OR written IS NOT NULL", "written_with_kind"),
        check("sequence >= 0", "sequence_not_negative"),
        check("deadline_s > 0", "deadline_s_positive"),
        Index("ix_packets_ivorn", "ivorn"),
        Index("ix_packets_campaign_kind", "campaign", "kind"),
    )

    sha256: Mapped[str] = mapped_column(primary_key=True)
    ivorn: Mapped[str]
    raw: Mapped[bytes]
    role: Mapped[str]
    kind: Mapped[str | None]
    author: Mapped[str | None]
    campaign: Mapped[str | None] = mapped_column(ForeignKey("campaigns.name"))
    sequence: Mapped[int | None]
    written: Mapped[datetime | None]
    deadline_s: Mapped[float | None]


class CitationRow(Base):
    """One citation of a packet. What it cites need not be archived."""

    __tablename__ = "citations"
    __table_args__ = (
        check_digest("cited_sha256"),
        check_member("cite", CiteKind),
        check("position >= 0", "position_not_negative"),
        Index("ix_citations_cited_ivorn", "cited_ivorn"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("packets.sha256"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cited_ivorn: Mapped[str]
    cited_sha256: Mapped[str | None]
    cite: Mapped[str]


class DeliveryRow(Base):
    """When the CSC first committed a packet to, or from, a peer."""

    __tablename__ = "deliveries"
    __table_args__ = (
        check_member("direction", Direction),
        check("length(peer) > 0", "peer_not_empty"),
        Index("ix_deliveries_time", "time"),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("packets.sha256"), primary_key=True)
    direction: Mapped[str] = mapped_column(primary_key=True)
    peer: Mapped[str] = mapped_column(primary_key=True)
    time: Mapped[datetime]
