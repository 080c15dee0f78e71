"""Datasets on their way into the archive: downloaded, verified, stored, and answered for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
    TransferError,
)
from transfer.settings import SftpSettings
from voevent.kinds import ReceiptOutcome, Upload

log = logging.getLogger(__name__)

Progress = Callable[[float], None]
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 120.0
_NEEDS_A_PERSON = (AuthenticationRefusedError, HostKeyMismatchError, LocalDiskError)


class Downloads:
    """Brings datasets from the relay's store into the archive.

    Parameters
    ----------
    folder
        Where files are while they are being downloaded; best on the archive's file system.
    """

    def __init__(self, *, sftp: SftpSettings, archive: Archive, folder: Path, wall: Clock) -> None:
        self.archive = archive
        self.folder = folder
        self.wall = wall
        self._store = SftpStore(sftp)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="download")

    async def fetch(self, name: CampaignName, upload: Upload, progress: Progress) -> Answer:
        """Download, verify and archive a dataset; return the final answer to its upload packet.

        A relay that is away, and a disk of ours that is full, are waited for.
        """
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

    def close(self) -> None:
        """Release the thread and the connection."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._store.close()

    def _fetch(self, name: CampaignName, upload: Upload, progress: Progress) -> None:
        folder = self.folder / str(name) / upload.dataset

        def tell(done: int, total: int) -> None:
            progress(done / total if total else 1.0)

        manifest = download_dataset(self._store, name.telescope, upload.manifest, folder, progress=tell)
        self.archive.store_dataset(str(name), manifest.to_bytes(), folder)

    async def _wait(self, name: CampaignName, upload: Upload, error: FollowupError, wait_s: float) -> None:
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
