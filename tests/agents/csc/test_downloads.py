"""What a telescope may not make the science centre write, and what is left of downloads that ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from agents.csc.downloads import Downloads
from archive.archive import Archive
from followup.clock import WallClock
from followup.names import CampaignName
from transfer.settings import SftpSettings
from voevent.kinds import ManifestRef, ReceiptOutcome, Upload, UploadState

NAME = CampaignName("sb26112201", "gft-a")


@pytest.fixture
def downloads(tmp_path: Path) -> Iterator[Downloads]:
    nowhere = SftpSettings(host="127.0.0.1", port=1, user="csc", key_file=tmp_path / "key", host_key="none")
    made = Downloads(
        sftp=nowhere,
        archive=cast("Archive", None),
        folder=tmp_path / "a" / "incoming",
        wall=WallClock(),
        keep=timedelta(days=7),
    )
    yield made
    made.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def upload(dataset: str, path: str) -> Upload:
    manifest = ManifestRef(path=path, size_bytes=10, sha256="ef" * 32, files=1, total_bytes=1)
    return Upload(dataset=dataset, state=UploadState.COMPLETED, manifest=manifest)


@pytest.mark.parametrize(
    ("dataset", "path"),
    [
        ("../../../evil", f"{NAME}/t1/manifest-1.json"),
        ("/etc", f"{NAME}/t1/manifest-1.json"),
        ("..", f"{NAME}/../authorized_keys"),
        ("t1\n", f"{NAME}/t1/manifest-1.json"),
        ("t1", f"{NAME}/t2/manifest-1.json"),
        ("t1", "sb26112202.gft-a/t1/manifest-1.json"),
        ("t1", f"../gft-b/{NAME}/t1/manifest-1.json"),
    ],
)
async def test_a_dataset_that_leads_elsewhere_is_refused_before_anything_is_fetched(
    downloads: Downloads, tmp_path: Path, dataset: str, path: str
) -> None:
    answer = await downloads.fetch(NAME, upload(dataset, path), lambda _fraction: None)
    assert answer.outcome is ReceiptOutcome.REFUSED
    assert answer.reason
    assert names(tmp_path) == []


async def test_downloads_that_nobody_goes_on_with_are_removed(downloads: Downloads) -> None:
    now = datetime.now(UTC)
    ages = {"sb1.gft-a/t1": 8, "sb1.gft-a/t2": 6, "sb2.gft-a/t1": 8, "sb3.gft-a/t1": 30}
    for place, days in ages.items():
        then = (now - timedelta(days=days)).timestamp()
        raw = downloads.folder / place / "raw"
        raw.mkdir(parents=True)
        (raw / ".frame.fits.0123456789abcdef.part").write_bytes(b"half")
        for path in (*raw.iterdir(), raw, raw.parent):
            os.utime(path, (then, then))
    downloads._under_way.add(downloads.folder / "sb3.gft-a/t1")
    tidying = asyncio.create_task(downloads.keep_tidy())
    async with asyncio.timeout(30):
        while (downloads.folder / "sb2.gft-a").exists():  # noqa: ASYNC110 - a folder tells nobody
            await asyncio.sleep(0.01)
    tidying.cancel()
    await asyncio.gather(tidying, return_exceptions=True)
    left = [str(path.relative_to(downloads.folder)) for path in downloads.folder.glob("*/*")]
    assert sorted(left) == ["sb1.gft-a/t2", "sb3.gft-a/t1"]


def test_there_was_no_download_yet(downloads: Downloads, tmp_path: Path) -> None:
    downloads._tidy(datetime.now(UTC))
    assert names(tmp_path) == []
