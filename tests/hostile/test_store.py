"""A telescope in strange hands at the store: how it logs in, what it leaves there, and what comes of that."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko
import pytest

from agents.csc.downloads import Downloads
from archive.archive import Archive
from followup.clock import WallClock
from followup.names import CampaignName
from messaging.desk import Answer
from tests.transfer.conftest import running_site, site
from tests.transfer.sites import Site
from voevent.kinds import ManifestRef, ReceiptOutcome, Upload, UploadState

__all__ = ["running_site", "site"]

pytestmark = pytest.mark.integration

EMBEDDED = pytest.mark.parametrize("running_site", ["embedded"], indirect=True)
NAME = CampaignName("sb26112201", "gft-a")
DATA = b"SIMPLE  = not really"
ENTRY = {"path": "frame.fits", "bytes": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest()}


@pytest.mark.parametrize("user", ["gft-a", "csc", "root"])
def test_no_login_but_with_a_key(site: Site, user: str) -> None:
    for attempt in (
        lambda transport: transport.auth_none(user),
        lambda transport: transport.auth_password(user, "secret", fallback=False),
        lambda transport: transport.auth_password(user, "", fallback=False),
        lambda transport: transport.auth_interactive(user, lambda *_: ["secret"]),
    ):
        with socket.create_connection(("127.0.0.1", site.port)) as connection:
            transport = paramiko.Transport(connection)
            try:
                transport.start_client(timeout=10)
                with pytest.raises(paramiko.BadAuthenticationType) as caught:
                    attempt(transport)
                assert caught.value.allowed_types == ["publickey"]
                assert not transport.is_authenticated()
            finally:
                transport.close()


@pytest.mark.parametrize("name", ["two\nlines", "bell\a", "esc\x1b[2J", "del\x7f"])
@EMBEDDED
def test_the_embedded_store_takes_no_names_that_a_terminal_would_act_upon(site: Site, name: str) -> None:
    """OpenSSH's takes them; no manifest can list them."""
    sftp = site.raw("gft-a")
    for attempt in (lambda: sftp.open(name, "w"), lambda: sftp.mkdir(name)):
        with pytest.raises(OSError, match="control character"):
            attempt()
    assert not [path for path in site.home("gft-a").rglob("*") if not path.name.isprintable()]


@pytest.fixture
async def fetch(site: Site, tmp_path: Path) -> AsyncIterator[Callable[[Upload], Any]]:
    """The science centre's way from an announced dataset to its answer."""
    archive = Archive.open(f"sqlite:///{tmp_path / 'archive.sqlite'}", tmp_path / "files")
    downloads = Downloads(
        sftp=site.settings("csc"), archive=archive, folder=tmp_path / "incoming", wall=WallClock()
    )

    async def fetch(upload: Upload) -> Answer:
        return await downloads.fetch(NAME, upload, lambda _fraction: None)

    yield fetch
    downloads.close()
    archive.close()


def left(site: Site, dataset: str, raw: bytes, **said: object) -> Upload:
    """Leave a manifest and a file in the store as no client of ours would, and announce it."""
    folder = site.home("gft-a") / str(NAME) / dataset
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frame.fits").write_bytes(DATA)
    (folder / "manifest-1.json").write_bytes(raw)
    for path in (folder.parent, folder, *folder.iterdir()):
        path.chmod(0o755)
    ref = ManifestRef(
        path=f"{NAME}/{dataset}/manifest-1.json",
        size_bytes=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        files=1,
        total_bytes=len(DATA),
    )
    return Upload(
        dataset=dataset,
        state=UploadState.COMPLETED,
        manifest=replace(ref, **said),  # type: ignore[arg-type]  # as the tests name them
    )


def manifest(dataset: str, *entries: dict[str, object], **changes: object) -> bytes:
    content: dict[str, object] = {
        "format": "urn:x-followup:manifest:1",
        "campaign": str(NAME),
        "dataset": dataset,
        "attempt": 1,
        "files": [{**ENTRY, **entry} for entry in entries],
    }
    return (json.dumps(content | changes, indent=1, ensure_ascii=False) + "\n").encode()


MANIFESTS: dict[str, tuple[Callable[[str], bytes], str]] = {
    "up-and-out": (lambda d: manifest(d, {"path": "../../../../escaped"}), "unsafe file name"),
    "up-and-over": (lambda d: manifest(d, {"path": "x/../../escaped"}), "unsafe file name"),
    "absolute": (lambda d: manifest(d, {"path": "/tmp/escaped"}), "unsafe file name"),
    "backslash": (lambda d: manifest(d, {"path": "..\\escaped"}), "unsafe file name"),
    "newline": (lambda d: manifest(d, {"path": "two\nlines.fits"}), "unsafe file name"),
    "nul": (lambda d: manifest(d, {"path": "nul\0.fits"}), "unsafe file name"),
    "hidden": (lambda d: manifest(d, {"path": ".ssh/authorized_keys"}), "unsafe file name"),
    "turned-round": (lambda d: manifest(d, {"path": "a\u202egnp.exe"}), "unsafe file name"),
    "twice": (lambda d: manifest(d, {}, {}), "listed twice"),
    "of-another-name": (lambda _: manifest("other", {}), "the packet said"),
    "of-another-site": (lambda d: manifest(d, {}, campaign="sb26112201.gft-b"), "the packet said"),
    "not-json": (lambda _: b"[" * 100_000, "not JSON"),
    "not-utf-8": (lambda _: b"\xff\xfe{}", "not JSON"),
    "other-digest": (lambda d: manifest(d, {"sha256": "0" * 64}), "expected 0000"),
    "other-size": (lambda d: manifest(d, {"bytes": 7}), "the packet said"),
    "not-there": (lambda d: manifest(d, {"path": "absent.fits"}), "absent.fits"),
}


@EMBEDDED
@pytest.mark.parametrize("kind", MANIFESTS)
async def test_a_dataset_that_is_not_what_it_should_be_is_refused(
    site: Site, fetch: Callable[[Upload], Any], kind: str, tmp_path: Path
) -> None:
    make, reason = MANIFESTS[kind]
    answer = await fetch(left(site, kind, make(kind)))
    assert answer.outcome is ReceiptOutcome.REFUSED
    assert reason in answer.reason
    assert answer.reason.isprintable()
    nothing_escaped(site, tmp_path)


@EMBEDDED
@pytest.mark.parametrize("dataset", ["../../escaped", "/tmp/escaped", "..", "a/b", "", "x" * 300])
async def test_a_dataset_names_no_place_of_its_own_choice(
    site: Site, fetch: Callable[[Upload], Any], dataset: str, tmp_path: Path
) -> None:
    good = left(site, "proper", manifest("proper", {}))
    answer = await fetch(replace(good, dataset=dataset))
    assert answer.outcome is ReceiptOutcome.REFUSED
    assert "cannot name a dataset" in answer.reason
    for path in ("../x/manifest-1.json", "/etc/passwd", f"{NAME}/../gft-b/x/manifest-1.json"):
        answer = await fetch(replace(good, manifest=replace(good.manifest, path=path)))
        assert answer.outcome is ReceiptOutcome.REFUSED
    nothing_escaped(site, tmp_path)


def nothing_escaped(site: Site, folder: Path) -> None:
    """Nothing was archived, and nothing written but where downloads begin."""
    assert not [path for path in (folder / "files").rglob("*") if path.is_file()]
    written = {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()}
    assert written <= {"archive.sqlite", "archive.sqlite-wal", "archive.sqlite-shm", "incoming"}
    for place in (folder.parent, site.outside, site.home("gft-b"), Path("/tmp")):
        assert not list(place.glob("*escaped*"))
