"""What the relay removes from its store: from folders of its own, and over SFTP from a real sshd."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.ftp_relay.holdings import Holdings, LocalHoldings, RemoteHoldings
from followup.names import CampaignName
from tests.transfer.sites import Site, embedded_site, sshd_site
from transfer import ManifestError, build_manifest, upload_dataset
from transfer.local import partial

pytestmark = pytest.mark.integration

CAMPAIGN = CampaignName("sb26112201", "gft-a")


@dataclass
class Store:
    site: Site
    holdings: Holdings

    def upload(self, folder: Path, dataset: str) -> Path:
        """Upload a dataset with files at two levels; return its folder in the store."""
        (folder / "raw").mkdir(exist_ok=True)
        for name in ("raw/a.fits", "b.txt"):
            (folder / name).write_bytes(name.encode())
        manifest = build_manifest(folder, ["raw/a.fits", "b.txt"], campaign=str(CAMPAIGN), dataset=dataset)
        upload_dataset(self.site.store("gft-a"), folder, manifest)
        return self.site.home("gft-a") / manifest.folder


@pytest.fixture(scope="module", params=["embedded", "sshd"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        with embedded_site(folder) as site:
            yield Store(site, LocalHoldings(site.root))
            site.close()
    else:
        with sshd_site(folder) as site:
            yield Store(site, RemoteHoldings(site.store("csc-ftp")))
            site.close()


@pytest.fixture
def store(running: Store) -> Iterator[Store]:
    yield running
    running.holdings.close()
    running.site.close_stores()


def test_a_dataset_is_removed_and_its_campaign_with_the_last(store: Store, tmp_path: Path) -> None:
    first, second = store.upload(tmp_path, "t1"), store.upload(tmp_path, "t2")
    store.holdings.remove_dataset(CAMPAIGN, "t1")
    assert not first.exists()
    assert sorted(path.name for path in second.iterdir()) == ["b.txt", "manifest-1.json", "raw"]
    store.holdings.remove_dataset(CAMPAIGN, "t1")
    store.holdings.remove_dataset(CAMPAIGN, "t2")
    assert not first.parent.exists()
    assert first.parent.parent.is_dir(), "the telescope's own directory stays"
    store.holdings.remove_dataset(CAMPAIGN, "t2")
    # Its owner can go on there.
    assert store.upload(tmp_path, "t1").is_dir()


@pytest.mark.parametrize("name", ["..", "../sb2.gft-a/t1", ".", "", "/etc", "t1/raw", "t1\n"])
def test_a_name_that_leads_elsewhere_removes_nothing(store: Store, tmp_path: Path, name: str) -> None:
    kept = store.upload(tmp_path, "t1")
    with pytest.raises(ManifestError):
        store.holdings.remove_dataset(CAMPAIGN, name)
    assert (kept / "raw" / "a.fits").is_file()


def test_links_are_removed_and_not_followed(store: Store, tmp_path: Path) -> None:
    kept, removed = store.upload(tmp_path, "t1"), store.upload(tmp_path, "t2")
    (removed / "link").symlink_to(kept, target_is_directory=True)
    (removed / "raw" / "link").symlink_to("../../t1/b.txt")
    store.holdings.remove_dataset(CAMPAIGN, "t2")
    assert not removed.exists()
    assert (kept / "raw" / "a.fits").read_bytes() == b"raw/a.fits"
    assert (kept / "b.txt").is_file()


def test_parts_that_nobody_goes_on_with_are_removed(store: Store, tmp_path: Path) -> None:
    folder = store.upload(tmp_path, "t1")
    now = datetime.now(UTC)
    ages = {"raw/old.fits": 8, "raw/new.fits": 6}
    parts = {}
    for name, days in ages.items():
        part = parts[name] = folder / partial(Path(name), "0" * 64)
        part.write_bytes(b"half")
        then = (now - timedelta(days=days)).timestamp()
        os.utime(part, (then, then))
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path not in parts.values())
    for path in files:
        os.utime(path, (0, 0))  # however old, a whole file is none of this
    removed = store.holdings.remove_parts(before=now - timedelta(days=7))
    assert [Path(name).name for name in removed] == [parts["raw/old.fits"].name]
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(
        [*files, parts["raw/new.fits"]]
    )


def test_the_relays_account_only_lists_and_removes(store: Store, tmp_path: Path) -> None:
    if store.site.kind != "sshd":
        pytest.skip("the embedded store's relay needs no account")
    store.upload(tmp_path, "t1")
    sftp = store.site.raw("csc-ftp")
    place = f"gft-a/{CAMPAIGN}/t1"
    assert sftp.listdir(place)
    for attempt in (
        lambda: sftp.open(f"{place}/b.txt", "r"),
        lambda: sftp.open(f"{place}/new", "w"),
        lambda: sftp.mkdir(f"{place}/new"),
        lambda: sftp.rename(f"{place}/b.txt", f"{place}/c.txt"),
        lambda: sftp.chmod(f"{place}/b.txt", 0o666),
        lambda: sftp.symlink("b.txt", f"{place}/link"),
    ):
        with pytest.raises(OSError, match=r"."):
            attempt()
