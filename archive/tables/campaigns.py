"""Bursts, their campaigns, and the data sets that campaigns have brought in."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.tables.base import Base, check, check_digest


class BurstRow(Base):
    """A burst. What is known of it stands in the triggers of its campaigns."""

    __tablename__ = "bursts"
    __table_args__ = (check("length(name) > 0", "name_not_empty"),)

    name: Mapped[str] = mapped_column(primary_key=True)


class CampaignRow(Base):
    """A campaign: one burst, one telescope."""

    __tablename__ = "campaigns"
    __table_args__ = (
        UniqueConstraint("burst", "telescope"),
        check("name = burst || '.' || telescope", "name_is_burst_and_telescope"),
        check("substr(telescope, 1, 4) = 'gft-'", "telescope_is_telescope"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    burst: Mapped[str] = mapped_column(ForeignKey("bursts.name"))
    telescope: Mapped[str]


class DatasetRow(Base):
    """A dataset whose files are all in the store, verified, with its manifest as it was uploaded."""

    __tablename__ = "datasets"
    __table_args__ = (
        check("length(dataset) > 0", "dataset_not_empty"),
        check("attempt >= 1", "attempt_from_one"),
        check("length(manifest) > 0", "manifest_not_empty"),
        check_digest("manifest_sha256"),
    )

    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.name"), primary_key=True)
    dataset: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    manifest: Mapped[bytes]
    manifest_sha256: Mapped[str]


class FileRow(Base):
    """A file of an archived dataset; `name` is its POSIX path in the dataset."""

    __tablename__ = "files"
    __table_args__ = (
        ForeignKeyConstraint(["campaign", "dataset"], ["datasets.campaign", "datasets.dataset"]),
        check("size_bytes >= 0", "size_bytes_not_negative"),
        check_digest("sha256"),
        # The store joins the name to a folder: a name that leads out of it must not get as far as a row.
        check("length(name) > 0 AND substr(name, 1, 1) <> '/'", "name_is_relative"),
        check(
            "replace('/' || name || '/', '/../', '') = '/' || name || '/'",
            "name_stays_inside",
        ),
    )

    campaign: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
