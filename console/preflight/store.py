"""The relay's store: a small upload, cut in the middle, resumed, removed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from console.preflight.finding import Finding, failed, passed
from console.preflight.subject import Subject
from console.store_login import sftp_settings
from followup.errors import FollowupError
from transfer.client import SftpStore
from transfer.errors import TransferInterruptedError
from transfer.settings import SftpSettings

_BYTES = 4_000_000
_FOLDER = "preflight"


async def sftp(subject: Subject) -> AsyncIterator[Finding]:
    """Upload a file as the agent will: cut in the middle, and gone on with."""
    settings = sftp_settings(subject.folder, subject.config.name, subject.config.sftp)
    yield await asyncio.to_thread(_upload_cut_and_resumed, settings)


def _upload_cut_and_resumed(settings: SftpSettings) -> Finding:
    store = SftpStore(settings)
    content = secrets.token_bytes(_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    # A name of its own: two that look at the same time do not meet.
    folder = f"{_FOLDER}/{digest[:12]}"
    kept: list[int] = []

    def cut(done: int, whole: int) -> None:
        if done > 3 * whole // 4:
            store.close()

    try:
        with tempfile.TemporaryDirectory() as here:
            local = Path(here) / "upload.bin"
            local.write_bytes(content)
            try:
                store.upload(local, f"{folder}/upload.bin", sha256=digest, progress=cut)
            except TransferInterruptedError:
                pass
            else:
                return failed(
                    "sftp", f"{settings}: an upload could not be cut", "report this: it is not to be"
                )
            began = time.monotonic()
            store.upload(
                local, f"{folder}/upload.bin", sha256=digest, progress=lambda done, _: kept.append(done)
            )
            took_s = time.monotonic() - began
        resumed = kept[0]
        said = f"{settings}: {_BYTES / 1e6:.0f} MB written, cut after {resumed / 1e6:.1f} MB and resumed"
        if not resumed:
            return failed(
                "sftp",
                f"{settings}: an upload that was cut begins anew",
                "what removes parts from the store?",
            )
        rate = (_BYTES - resumed) / took_s / 1e6
        return passed("sftp", f"{said}, {rate:.1f} MB/s, removed again", resumed_bytes=resumed, mb_per_s=rate)
    finally:
        _tidy(store, folder)
        store.close()


def _tidy(store: SftpStore, folder: str) -> None:
    # What cannot be removed now is a few megabytes, and the reason has been said already.
    with contextlib.suppress(FollowupError):
        store.remove_folder(folder)
        store.remove_if_empty(_FOLDER)
