"""Whole datasets through either kind of store."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from simulators.network import Fault, Proxy
from tests.transfer.sites import Site
from transfer import (
    Manifest,
    ManifestError,
    TransferInterruptedError,
    VerificationFailedError,
    build_manifest,
    download_dataset,
    upload_dataset,
)

pytestmark = pytest.mark.integration

CAMPAIGN = "sb26112201.gft-a"


def dataset(folder: Path, name: str, *, files: int = 4, size: int = 400_000, attempt: int = 1) -> Manifest:
    paths = [f"g/фрейм {number}.fits" for number in range(files)]
    for number, path in enumerate(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(hashlib.shake_128(bytes([number])).digest(size + number))
    return build_manifest(folder, paths, campaign=CAMPAIGN, dataset=name, attempt=attempt)


def assert_same(got: Path, sent: Path, manifest: Manifest) -> None:
    for entry in manifest.files:
        assert (got / entry.path).read_bytes() == (sent / entry.path).read_bytes()
    assert sorted(p.name for p in got.rglob("*") if p.is_file()) == sorted(
        [*(Path(entry.path).name for entry in manifest.files), manifest.name]
    )


def test_a_dataset_arrives(site: Site, tmp_path: Path) -> None:
    sent, got = tmp_path / "sent", tmp_path / "got"
    manifest = dataset(sent, "arrives")
    told: list[tuple[int, int]] = []
    reference = upload_dataset(site.store("gft-a"), sent, manifest, progress=lambda *step: told.append(step))
    assert reference == manifest.reference()
    assert told == sorted(told)
    assert told[-1] == (manifest.total_bytes, manifest.total_bytes)
    told.clear()
    received = download_dataset(
        site.store("csc"), "gft-a", reference, got, progress=lambda *step: told.append(step)
    )
    assert received == manifest
    assert told == sorted(told)
    assert told[-1] == (manifest.total_bytes, manifest.total_bytes)
    assert_same(got, sent, manifest)


def test_a_cut_dataset_resumes_without_reading_back_what_is_known(site: Site, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    manifest = dataset(sent, "resumes")
    finished: set[str] = set()
    with closing(Proxy(site.port, Fault(up=1_000_000))) as proxy:
        store = site.store("gft-a", port=proxy.port)
        with pytest.raises(TransferInterruptedError):
            upload_dataset(store, sent, manifest, finished=finished)
        assert 0 < len(finished) < 4
        before = proxy.down
        reference = upload_dataset(store, sent, manifest, finished=finished)
        assert proxy.down - before < 400_000  # at most the prefix of the file that was under way
        store.close()
    assert len(finished) == 4
    download_dataset(site.store("csc"), "gft-a", reference, tmp_path / "got")
    assert_same(tmp_path / "got", sent, manifest)


def test_a_cut_download_of_a_dataset_resumes(site: Site, tmp_path: Path) -> None:
    sent, got = tmp_path / "sent", tmp_path / "got"
    manifest = dataset(sent, "fetched")
    reference = upload_dataset(site.store("gft-a"), sent, manifest)
    with closing(Proxy(site.port, Fault(down=1_000_000))) as proxy:
        store = site.store("csc", port=proxy.port)
        with pytest.raises(TransferInterruptedError):
            download_dataset(store, "gft-a", reference, got)
        before = proxy.down
        download_dataset(store, "gft-a", reference, got)
        assert proxy.down - before < manifest.total_bytes - 700_000
        store.close()
    assert_same(got, sent, manifest)


def test_a_damaged_dataset_is_refused_and_repaired(site: Site, tmp_path: Path) -> None:
    sent, got = tmp_path / "sent", tmp_path / "got"
    manifest = dataset(sent, "repaired")
    reference = upload_dataset(site.store("gft-a"), sent, manifest)
    damaged = site.home("gft-a") / manifest.folder / manifest.files[1].path
    damaged.write_bytes(b"\0" * manifest.files[1].bytes)
    with pytest.raises(VerificationFailedError) as caught:
        download_dataset(site.store("csc"), "gft-a", reference, got)
    assert caught.value.expected == manifest.files[1].sha256
    second = replace(manifest, attempt=2)
    reference = upload_dataset(site.store("gft-a"), sent, second)
    assert reference.path.endswith("/manifest-2.json")
    assert download_dataset(site.store("csc"), "gft-a", reference, tmp_path / "again") == second
    assert_same(tmp_path / "again", sent, second)


def test_a_manifest_that_is_not_the_announced_one_is_refused(site: Site, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    manifest = dataset(sent, "announced", files=1, size=10)
    reference = upload_dataset(site.store("gft-a"), sent, manifest)
    csc = site.store("csc")
    with pytest.raises(ManifestError, match="the packet said 7 files"):
        download_dataset(csc, "gft-a", replace(reference, files=7), tmp_path / "1")
    with pytest.raises(VerificationFailedError):
        download_dataset(csc, "gft-a", replace(reference, sha256="0" * 64), tmp_path / "2")
    with pytest.raises(ManifestError, match="unsafe"):
        download_dataset(csc, "gft-a", replace(reference, path="../../x.json"), tmp_path / "3")
    with pytest.raises(ManifestError, match="too large"):
        download_dataset(csc, "gft-a", replace(reference, size_bytes=2**40), tmp_path / "4")
    assert not any((tmp_path / "3").glob("*"))
