"""The science archive: what the CSC holds of its campaigns, and the questions that one may ask it.

All methods block: call them in threads from an event loop. An archive may be used from several threads,
and read by other processes while the CSC's agent writes.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from sqlalchemy import Connection, Engine, select

from archive import database, schema
from archive.campaigns import burst_records, campaign_records
from archive.datasets import check_dataset, dataset_records, file_records, record_dataset, undelivered
from archive.decisions import decisions_of
from archive.deliveries import Delivery, deliveries, manifests, other_bytes
from archive.errors import (
    ArchiveError,
    DatasetConflictError,
    DatasetError,
    NoClosingError,
    UnknownCampaignError,
)
from archive.ingest import ingest, said_by
from archive.ledger import closings_in_force, ledgers, missing
from archive.observations import light_curve, results_in_force, sed_record
from archive.packets import packet_records
from archive.records import (
    BurstRecord,
    CampaignRecord,
    Cone,
    DatasetRecord,
    Direction,
    FileRecord,
    LedgerEntry,
    PacketRecord,
    Problem,
    SedRecord,
)
from archive.selection import campaign_names, matches
from archive.store import FileStore
from archive.tables import CampaignRow, PacketRow
from transfer.manifest import Manifest
from voevent.kinds import Decided, Kind, Outcome, PhotometryPoint, Product
from voevent.packet import Packet, PacketId


class Archive:
    """An archive: a database and a file store."""

    def __init__(self, engine: Engine, store: FileStore) -> None:
        self._engine = engine
        self._store = store

    @classmethod
    def later(cls, url: str, files: Path) -> Self:
        """Prepare an archive whose database need not be there yet; call `migrate` when it is.

        Raises
        ------
        ArchiveError
            When it never can be used: a bad URL, a folder that cannot be made.
        """
        return cls(database.connect(database.parse_url(url), create=True), FileStore(files))

    @classmethod
    def open(cls, url: str, files: Path, *, migrate: bool = True) -> Self:
        """Open an archive.

        Parameters
        ----------
        url
            ``sqlite:///PATH`` or ``postgresql://…``.
        files
            Folder of the file store.
        migrate
            Whether to create the tables, or bring older ones up to date. Those who only read pass False
            and get an error instead.

        Raises
        ------
        ArchiveTooNewError
            When a newer program has migrated it.
        ArchiveAbsentError
            When there is none and `migrate` is false.
        ArchiveError
            When it cannot be used, and why.
        """
        engine = database.connect(database.parse_url(url), create=migrate)
        try:
            if migrate:
                schema.migrate(engine)
            else:
                schema.check_current(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, FileStore(files))

    def migrate(self) -> None:
        """Create the tables, or bring older ones up to date; does nothing to current ones.

        Raises
        ------
        ArchiveTooNewError
            When a newer program has migrated it.
        ArchiveError
            When it cannot be used, and why.
        """
        schema.migrate(self._engine)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def ingest(
        self, packet: Packet, *, direction: Literal["sent", "received"], peer: str, time: datetime
    ) -> None:
        """Take in a packet with all that it says. Doing it again changes nothing; the order is free.

        Parameters
        ----------
        direction
            Seen from the CSC.
        peer
            Site user to whom it went, or from whom it came.
        time
            When the CSC committed it to its journal (wall clock).

        Raises
        ------
        InvalidError
            When the packet claims to be of a kind whose rules it breaks; nothing is stored.
        UnstorableError
            When what it says is out of range, e.g. an exposure time below zero; nothing is stored.
        ArchiveError
            When the database cannot be written; trying again is safe.
        """
        said = said_by(packet)
        with database.writing(self._engine) as connection:
            ingest(connection, packet, said, direction=Direction(direction), peer=peer, time=time)

    def store_dataset(self, campaign: str, manifest_bytes: bytes, folder: Path) -> None:
        """Take over a dataset: its files into the store, verified again, then its rows.

        The files leave `folder` (when it is on the same file system; otherwise they are copied). Doing it
        again changes nothing; interrupted at any point, the same call completes it.

        Parameters
        ----------
        folder
            Where the manifest's files have been downloaded to.

        Raises
        ------
        ManifestError
            When the manifest cannot be read.
        VerificationFailedError
            When a file is not what the manifest says; it stays in `folder`.
        DatasetError
            When a file is missing, the manifest is another campaign's, or other files are archived under
            the dataset's name (`DatasetConflictError`).
        ArchiveError
            When the store or the database cannot be written; trying again is safe.
        """
        manifest = Manifest.parse(manifest_bytes)
        if manifest.campaign != campaign:
            raise DatasetError(f"the manifest of {campaign} says that it is {manifest.campaign}'s")
        with database.reading(self._engine) as connection:
            check_dataset(connection, manifest)
        self._store.store(manifest, folder)
        with database.writing(self._engine) as connection:
            record_dataset(connection, manifest, manifest_bytes)

    def verify(self, campaign: str | None = None) -> list[Problem]:
        """Read all files and packets again (of one campaign, or all), and tell what has changed.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        problems = []
        packets = select(PacketRow.campaign, PacketRow.ivorn, PacketRow.sha256, PacketRow.raw)
        if campaign is not None:
            packets = packets.where(PacketRow.campaign == campaign)
        with self._reading(campaign) as connection:
            files = file_records(connection, self._store, campaign)
            for name, ivorn, sha256, raw in connection.execute(packets):
                if hashlib.sha256(raw).hexdigest() != sha256:
                    problems.append(
                        Problem(campaign=name or "", dataset="", path=ivorn, what="packet's bytes changed")
                    )
        for file in files:
            what = self._store.problem(file.location, file.size_bytes, file.sha256)
            if what:
                problems.append(
                    Problem(campaign=file.campaign, dataset=file.dataset, path=file.path, what=what)
                )
        return problems

    def missing_packets(self, campaign: str) -> list[PacketId]:
        """Packets that the latest closing of a campaign lists and the archive does not hold.

        A closing may be accepted when there are none.

        Raises
        ------
        UnknownCampaignError, NoClosingError
            When there is no such campaign, or no closing of it yet.
        """
        with self._reading(campaign) as connection:
            if campaign not in closings_in_force(connection, [campaign]):
                raise NoClosingError(f"no closing packet of {campaign} is archived")
            return list(missing(connection, [campaign])[campaign])

    def bursts(self) -> tuple[BurstRecord, ...]:
        """All bursts, by name."""
        with self._reading() as connection:
            return burst_records(connection)

    def campaigns(
        self,
        *,
        burst: str | None = None,
        telescope: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cone: Cone | None = None,
        outcome: Outcome | None = None,
    ) -> tuple[CampaignRecord, ...]:
        """Campaigns that fit all that is given, in the order in which they were opened.

        Parameters
        ----------
        since, until
            Bounds of the burst's trigger time; the first is included, the second not.
        cone
            Where the burst is, by the latest position of the campaign.
        """
        with self._reading() as connection:
            names = campaign_names(
                connection, burst=burst, telescope=telescope, since=since, until=until, cone=cone
            )
            records = campaign_records(connection, names)
        return tuple(
            record
            for record in records
            if matches(record, since=since, until=until, cone=cone, outcome=outcome)
        )

    def campaign(self, name: str) -> CampaignRecord:
        """One campaign.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        with self._reading(name) as connection:
            return campaign_records(connection, [name])[0]

    def packets(self, campaign: str | None = None, kind: Kind | None = None) -> tuple[PacketRecord, ...]:
        """Packets of a campaign (of all, and of none, by default), in the order of the CSC's commits.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        with self._reading(campaign) as connection:
            return packet_records(connection, campaign, kind)

    def raw(self, packet: PacketId) -> bytes | None:
        """Exact bytes of a packet; None when it is not archived."""
        with self._reading() as connection:
            return connection.scalar(
                select(PacketRow.raw).where(
                    PacketRow.sha256 == packet.sha256, PacketRow.ivorn == packet.ivorn
                )
            )

    def ledger(self, campaign: str) -> tuple[LedgerEntry, ...]:
        """Each packet of a campaign but receipts, with what became of it, in the order of the commits.

        Packets that others speak of, but which are not archived, are there too.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        with self._reading(campaign) as connection:
            return ledgers(connection, [campaign])[campaign]

    def datasets(self, campaign: str) -> tuple[DatasetRecord, ...]:
        """Datasets of a campaign, announced or archived, by name.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        with self._reading(campaign) as connection:
            return dataset_records(connection, campaign)

    def deliveries(self, campaign: str) -> tuple[Delivery, ...]:
        """Every packet of a campaign's conversation as it came or went, with its bytes, in order.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        with self._reading(campaign) as connection:
            return deliveries(connection, campaign)

    def manifests(self, campaign: str) -> Mapping[str, bytes]:
        """Manifests of a campaign's archived datasets, as they were uploaded, by dataset.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        with self._reading(campaign) as connection:
            return manifests(connection, campaign)

    def conflicts(self, packets: Mapping[str, str], datasets: Sequence[Manifest]) -> list[str]:
        """Tell what the archive holds otherwise under the same names.

        Parameters
        ----------
        packets
            Digests by IVORN.
        """
        with self._reading() as connection:
            found = [f"packet {ivorn} has other bytes" for ivorn in other_bytes(connection, packets)]
            for manifest in datasets:
                try:
                    check_dataset(connection, manifest)
                except DatasetConflictError as error:
                    found.append(str(error))
        return found

    @contextmanager
    def scratch(self) -> Generator[Path]:
        """Lend a folder on the disk of the file store, from which files move into the store.

        Raises
        ------
        ArchiveError
            When it cannot be made.
        """
        try:
            self._store.root.mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(prefix=".scratch-", dir=self._store.root)
        except OSError as error:
            raise ArchiveError(f"{self._store.root} cannot be written: {error.strerror or error}") from error
        try:
            yield Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def undelivered(self) -> tuple[tuple[str, str], ...]:
        """Datasets (campaign, name) that their telescope has sent in vain: the last upload was refused."""
        with self._reading() as connection:
            return undelivered(connection)

    def files(self, campaign: str | None = None) -> tuple[FileRecord, ...]:
        """Tell the archived files of a campaign (of all by default), by name.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        with self._reading(campaign) as connection:
            return file_records(connection, self._store, campaign)

    def photometry(self, campaign: str) -> tuple[PhotometryPoint, ...]:
        """Points of a campaign's latest light curve (refused ones apart), in the packet's order.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        with self._reading(campaign) as connection:
            books = ledgers(connection, [campaign], kinds={Kind.RESULT})
            result = results_in_force(connection, books, Product.LIGHT_CURVE).get(campaign)
            return light_curve(connection, result) if result else ()

    def decisions(self, campaign: str) -> tuple[Decided, ...]:
        """Why a campaign went as it did, in order of time.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        with self._reading(campaign) as connection:
            return decisions_of(connection, campaign)

    def sed(self, campaign: str) -> SedRecord | None:
        """Return a campaign's latest spectral energy distribution (refused ones apart), if there is one.

        Raises
        ------
        UnknownCampaignError
            When there is no such campaign.
        """
        with self._reading(campaign) as connection:
            books = ledgers(connection, [campaign], kinds={Kind.RESULT})
            result = results_in_force(connection, books, Product.SED).get(campaign)
            return sed_record(connection, result) if result else None

    @contextmanager
    def _reading(self, campaign: str | None = None) -> Generator[Connection]:
        with database.reading(self._engine) as connection:
            if campaign is not None and not _known(connection, campaign):
                raise UnknownCampaignError(
                    f"the archive holds no campaign {campaign}", hint="they are spelt BURST.gft-NAME"
                )
            yield connection


def _known(connection: Connection, campaign: str) -> bool:
    names: Sequence[str] = connection.scalars(
        select(CampaignRow.name).where(CampaignRow.name == campaign)
    ).all()
    return bool(names)
