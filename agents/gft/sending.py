"""Datasets on their way to the science centre: announced, uploaded, announced again, and waited for."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from agents.bell import Bell
from agents.gft.bench import Bench
from agents.gft.record import Record
from followup.campaign import What
from followup.story import StepState
from messaging.records import HeldReceipt
from transfer.datasets import upload_dataset
from transfer.errors import (
    AuthenticationRefusedError,
    HostKeyMismatchError,
    LocalDiskError,
    StoreFullError,
    StoreRefusedError,
    TransferError,
    VerificationFailedError,
)
from transfer.manifest import Manifest, build_manifest
from voevent.kinds import Cited, Kind, ManifestRef, ReceiptOutcome, Upload, UploadState
from voevent.packet import CiteKind, PacketId
from voevent.parse import parse
from voevent.read import read

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""A dataset refused so often needs a person."""
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 120.0
_WAITED_FOR = (StoreFullError, StoreRefusedError, AuthenticationRefusedError, HostKeyMismatchError)
"""Not mended by trying again alone, but by a person meanwhile; the data are safe on this disk."""


class Sending:
    """Sends the datasets of one campaign.

    Parameters
    ----------
    folder
        The campaign's folder; paths of datasets are relative to it.
    news
        Rings whenever a receipt of the campaign has come in.

    Attributes
    ----------
    waits
        Why the upload of each dataset that cannot go on yet is waited for.
    """

    def __init__(self, bench: Bench, record: Record, *, folder: Path, news: Bell) -> None:
        self.bench = bench
        self.record = record
        self.folder = folder
        self.waits: dict[str, str] = {}
        self._news = news

    async def send(self, dataset: str, paths: Sequence[str], *, task: str = "") -> None:
        """Upload a dataset and wait until it is archived; repair it when it is refused, a few times."""
        step = f"upload:{dataset}"
        self.record.story.begin(
            step, f"upload {dataset}", f"{len(paths)} files to the relay, verified by the science centre."
        )
        state = self.record.state
        try:
            await self._until_archived(dataset, paths, task=task, step=step)
        except Exception as error:
            # What waiting cannot mend needs a person; the campaign goes on, and its closing says so.
            log.exception("%s of %s", dataset, self.record.name, extra={"campaign": str(self.record.name)})
            await self.record.note(What.ABANDONED, dataset=dataset, reason=str(error))
        if dataset in state.archived:
            self.record.story.end(step, message=f"{dataset} is archived by the science centre")
        else:
            self.record.story.end(step, StepState.FAILED, f"{dataset} was given up: a person is needed")

    async def _until_archived(self, dataset: str, paths: Sequence[str], *, task: str, step: str) -> None:
        state = self.record.state
        while dataset not in state.archived | state.abandoned:
            completed = await self._completed(dataset)
            if completed is None:
                completed = await self._upload(dataset, paths, task=task, step=step)
            verdict = await self._verdict(completed)
            if verdict.outcome is ReceiptOutcome.ACCEPTED:
                await self.record.note(What.ARCHIVED, dataset=dataset)
                continue
            log.error(
                "dataset %s of %s was refused: %s",
                dataset,
                self.record.name,
                verdict.reason,
                extra={"campaign": str(self.record.name)},
            )
            if state.attempts[dataset] >= MAX_ATTEMPTS:
                await self.record.note(What.ABANDONED, dataset=dataset, reason=verdict.reason)
            else:
                await self._upload(dataset, paths, task=task, step=step)

    async def _upload(self, dataset: str, paths: Sequence[str], *, task: str, step: str) -> PacketId:
        changed = 0
        while True:
            try:
                return await self._upload_once(dataset, paths, task=task, step=step)
            except VerificationFailedError as error:
                # A file changed while it was sent, here or there: it is measured again.
                changed += 1
                if changed == MAX_ATTEMPTS:
                    raise
                text = f"{error}; measuring it again"
                self.record.story.say(text, step=step, level=logging.WARNING)
                log.warning("%s: %s", self.record.name, text, extra={"campaign": str(self.record.name)})

    async def _upload_once(self, dataset: str, paths: Sequence[str], *, task: str, step: str) -> PacketId:
        state = self.record.state
        attempt = state.attempts.get(dataset, 0)
        under_way = attempt > state.uploaded.get(dataset, 0)
        if not under_way:
            attempt += 1
        previous = await self._completed(dataset, attempt - 1)
        make = partial(build_manifest, self.folder, paths, campaign=str(self.record.name), dataset=dataset)
        manifest: Manifest = await asyncio.to_thread(partial(make, attempt=attempt))
        reference = manifest.reference()
        cites = (Cited(id=previous, cite=CiteKind.SUPERSEDES),) if previous else ()
        if not under_way:
            content = self._content(UploadState.STARTING, dataset, reference, attempt, task)
            note = {What.UPLOADING: {"dataset": dataset, "attempt": attempt}}
            await self.record.say(content, cites=cites, notes=note)
        await self._transfer(manifest, step)
        content = self._content(UploadState.COMPLETED, dataset, reference, attempt, task)
        note = {What.UPLOADED: {"dataset": dataset, "attempt": attempt}}
        packet = await self.record.say(content, cites=cites, notes=note)
        return packet.id

    @staticmethod
    def _content(state: UploadState, dataset: str, manifest: ManifestRef, attempt: int, task: str) -> Upload:
        return Upload(dataset=dataset, state=state, manifest=manifest, attempt=attempt, task=task)

    async def _transfer(self, manifest: Manifest, step: str) -> None:
        """Upload until it is done; a relay that is away or full is waited for."""
        finished: set[str] = set()
        wait_s = _FIRST_WAIT_S
        story = self.record.story

        def progress(done: int, total: int) -> None:
            fraction = done / total if total else 1.0
            story.progress(f"upload {manifest.dataset}", f"upload of {manifest.dataset}", fraction)

        while True:
            try:
                await self.bench.move(
                    lambda: upload_dataset(
                        self.bench.store(), self.folder, manifest, progress=progress, finished=finished
                    )
                )
            except TransferError as error:
                if not (error.retriable or isinstance(error, _WAITED_FOR) or _is_full(error)):
                    raise
                text = f"{_waiting_for(error)}: {error}; trying again in {wait_s:.0f} s"
                self.waits[manifest.dataset] = f"{_waiting_for(error)}: {error}"
                story.say(text, step=step, level=logging.WARNING)
                log.warning(
                    "%s: %s",
                    self.record.name,
                    text,
                    extra={
                        "event": "transfer.waits",
                        "campaign": str(self.record.name),
                        "dataset": manifest.dataset,
                    },
                )
                await self.bench.wall.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            else:
                self.waits.pop(manifest.dataset, None)
                log.info(
                    "uploaded %s of %s: %d files, %d bytes",
                    manifest.dataset,
                    self.record.name,
                    len(manifest.files),
                    manifest.total_bytes,
                    extra={
                        "event": "transfer.uploaded",
                        "campaign": str(self.record.name),
                        "dataset": manifest.dataset,
                        "files": len(manifest.files),
                        "bytes": manifest.total_bytes,
                    },
                )
                return

    async def _completed(self, dataset: str, attempt: int | None = None) -> PacketId | None:
        """Find the packet that announced the completion of an attempt (the one in force when None)."""
        state = self.record.state
        wanted = state.attempts.get(dataset, 0) if attempt is None else attempt
        if state.uploaded.get(dataset, 0) < wanted or wanted == 0:
            return None
        stored = await self.bench.journal.read(lambda reader: reader.packets(str(self.record.name)))
        for packet in stored:
            if packet.kind == Kind.UPLOAD and not packet.received:
                _, content = read(parse(packet.raw))
                if (
                    isinstance(content, Upload)
                    and content.state is UploadState.COMPLETED
                    and (content.dataset, content.attempt) == (dataset, wanted)
                ):
                    return packet.id
        return None

    async def _verdict(self, packet: PacketId) -> HeldReceipt:
        """Wait for the final receipt of a packet."""
        while True:
            heard = self._news.listen()
            receipts = await self.bench.journal.read(lambda reader: reader.receipts(packet))
            for receipt in receipts:
                if receipt.outcome.final:
                    return receipt
            await asyncio.shield(heard)


def _is_full(error: TransferError) -> bool:
    """Whether it is our own disk that has no room (for the manifest)."""
    cause = error.__cause__
    return (
        isinstance(error, LocalDiskError)
        and isinstance(cause, OSError)
        and cause.errno in {errno.ENOSPC, errno.EDQUOT}
    )


def _waiting_for(error: TransferError) -> str:
    """Say in a few words what an upload waits for."""
    if isinstance(error, StoreFullError):
        return "waiting for room on the relay's disk"
    if isinstance(error, LocalDiskError):
        return "waiting for room on this disk"
    return "waiting for the relay" if error.retriable else "waiting for a person at the relay"
