"""Datasets on their way into the archive: downloaded, verified, stored, and answered for."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from archive.archive import Archive
from archive.errors import ArchiveError, DatasetError
from followup.clock import Clock
from followup.errors import FollowupError
from followup.names import CampaignName
from messaging.desk import Answer
from transfer.client import SftpStore
from transfer.datasets import download_dataset
from transfer.errors import (
    AuthenticationRefusedError,
    HostKeyMismatchError,
    LocalDiskError,
    ManifestError,
    StoreForbidsError,
    TransferError,
)
from transfer.manifest import check_dataset
from transfer.settings import SftpSettings
from voevent.kinds import ReceiptOutcome, Upload

log = logging.getLogger(__name__)

Progress = Callable[[float], None]
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 120.0
_NEEDS_A_PERSON = (AuthenticationRefusedError, HostKeyMismatchError, LocalDiskError, StoreForbidsError)
"""Not mended by the telescope's sending again, but by a person here or at the relay meanwhile."""
_TIDY_S = 3600.0


class Downloads:
    """Brings datasets from the relay's store into the archive.

    Parameters
    ----------
    folder
        Where files are while they are being downloaded; best on the archive's file system.
    keep
        How long what was downloaded of a dataset is kept there when nobody goes on with it.

    Attributes
    ----------
    waits
        Why each dataset (``CAMPAIGN/DATASET``) that cannot be fetched yet is waited for.
    """

    def __init__(
        self,
        *,
        sftp: SftpSettings,
        archive: Archive,
        folder: Path,
        wall: Clock,
        keep: timedelta = timedelta(days=7),
    ) -> None:
        self.archive = archive
        self.folder = folder
        self.wall = wall
        self.keep = keep
        self.waits: dict[str, str] = {}
        self._under_way: set[Path] = set()
        self._store = SftpStore(sftp)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="download")

    async def fetch(self, name: CampaignName, upload: Upload, progress: Progress) -> Answer:
        """Download, verify and archive a dataset; return the final answer to its upload packet.

        A relay that is away, and a disk of ours that is full, are waited for.
        """
        try:
            folder = self._folder(name, upload)
        except ManifestError as error:
            return Answer(outcome=ReceiptOutcome.REFUSED, reason=str(error))
        self._under_way.add(folder)
        try:
            return await self._until_answered(name, upload, progress)
        finally:
            self._under_way.discard(folder)
            self.waits.pop(f"{name}/{upload.dataset}", None)

    async def _until_answered(self, name: CampaignName, upload: Upload, progress: Progress) -> Answer:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._fetch, name, upload, progress
                )
            except DatasetError as error:
                return Answer(outcome=ReceiptOutcome.REFUSED, reason=str(error))
            except TransferError as error:
                if not error.retriable and not isinstance(error, _NEEDS_A_PERSON):
                    return Answer(outcome=ReceiptOutcome.REFUSED, reason=str(error))
                await self._wait(name, upload, error, wait_s)
            except ArchiveError as error:
                await self._wait(name, upload, error, wait_s)
            else:
                break
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        size, count = upload.manifest.total_bytes, upload.manifest.files
        return Answer(
            outcome=ReceiptOutcome.ACCEPTED,
            reason=f"{count} files, {size} bytes verified and archived",
            details={"files": str(count), "bytes": str(size)},
        )

    async def keep_tidy(self) -> None:
        """Remove, for ever, what was left of downloads that nobody goes on with."""
        while True:
            before = self.wall.now() - self.keep
            try:
                # In the thread that downloads: nothing is begun in a folder while it goes.
                await asyncio.get_running_loop().run_in_executor(self._thread, self._tidy, before)
            except OSError as error:
                log.warning("%s cannot be tidied: %s", self.folder, error)
            await self.wall.sleep(_TIDY_S)

    def close(self) -> None:
        """Release the thread and the connection."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._store.close()

    def _fetch(self, name: CampaignName, upload: Upload, progress: Progress) -> None:
        folder = self._folder(name, upload)

        def tell(done: int, total: int) -> None:
            progress(done / total if total else 1.0)

        manifest = download_dataset(self._store, name.telescope, upload.manifest, folder, progress=tell)
        self.archive.store_dataset(str(name), manifest.to_bytes(), folder)
        # The files have moved; what is left is the manifest and empty folders.
        shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, name: CampaignName, upload: Upload) -> Path:
        """Where a dataset is downloaded to.

        Raises
        ------
        ManifestError
            When its name cannot be a folder's, or its manifest stands elsewhere.
        """
        dataset = check_dataset(upload.dataset)
        if PurePosixPath(upload.manifest.path).parent != PurePosixPath(str(name), dataset):
            raise ManifestError(f"the manifest of {dataset} is not in {name}/{dataset}")
        return self.folder / str(name) / dataset

    def _tidy(self, before: datetime) -> None:
        for folder in [*self.folder.glob("*/*")]:
            if folder in self._under_way or not folder.is_dir():
                continue
            latest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
            if latest < before.timestamp():
                shutil.rmtree(folder)
                log.info("removed %s: nobody went on with this download", folder)
        for campaign in [*self.folder.glob("*/")]:
            if not any(campaign.iterdir()):
                campaign.rmdir()

    async def _wait(self, name: CampaignName, upload: Upload, error: FollowupError, wait_s: float) -> None:
        self.waits[f"{name}/{upload.dataset}"] = str(error)
        log.warning(
            "%s of %s cannot be fetched yet: %s; trying again in %.0f s%s",
            upload.dataset,
            name,
            error,
            wait_s,
            f" ({error.hint})" if error.hint else "",
            extra={"campaign": str(name)},
        )
        await self.wall.sleep(wait_s)
