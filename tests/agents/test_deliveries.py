"""Datasets in trouble: a relay whose disk is full, files and manifests that change in its store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.ftp_relay.holdings import LocalHoldings
from agents.ftp_relay.tidying import Fate, Tidying
from followup.campaign import What
from followup.clock import WallClock
from followup.story import Said
from tests.agents.test_resume import check_complete
from tests.agents.world import CAMPAIGN, GFT, World, alert, until
from tests.transfer.disks import Disk, small_disk
from voevent.kinds import ReceiptOutcome

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain")]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Disk]:
    """The disk of the relay's store, smaller than what the relay keeps free for its journal."""
    with small_disk(tmp_path / "store", "32m") as disk:
        yield disk


class Later(WallClock):
    """A clock that is ahead."""

    def __init__(self, ahead: timedelta) -> None:
        super().__init__()
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def test_an_upload_waits_for_the_relays_disk_and_says_so(
    full_disk: Disk, whole_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world, gft = whole_world, whole_world.gft
    await world.trigger(alert())
    campaigns = gft.agent.campaigns
    await until(lambda: CAMPAIGN in campaigns and set(campaigns[CAMPAIGN].sending.waits) == {"t1", "t2"})
    why = (await gft.agent.standing())["waits"][f"{CAMPAIGN}/t1"]
    assert why.startswith("waiting for room on the relay's disk: the store has no room for")
    told = [event.text for event in gft.runner.last._events if isinstance(event, Said)]
    assert any(text.startswith("waiting for room on the relay's disk") for text in told)
    warned = [record for record in caplog.records if getattr(record, "event", "") == "transfer.waits"]
    assert warned[0].levelno == logging.WARNING
    assert "the relay's disk" in warned[0].getMessage()
    whole = [path for path in (world.store / GFT).rglob("*") if path.is_file()]
    assert whole == [], "no part takes the room of others"
    full_disk.resize("256m")
    assert (await gft.runner.ended()).name == "Closed"
    assert (await world.csc.runner.ended()).name == "Closed"
    await check_complete(world)
    assert (await gft.agent.standing())["waits"] == {}


def truncated(folder: Path) -> str:
    [*_, victim] = sorted((folder / "raw").glob("*.fz"))
    victim.write_bytes(victim.read_bytes()[:-100])
    return victim.name


def another_manifest(folder: Path) -> str:
    [manifest] = folder.glob("manifest-1.json")
    # As long as it was, and well formed: only its digest tells.
    text = manifest.read_text()
    manifest.write_text(text.replace('"bytes": 1', '"bytes": 2') if '"bytes": 1' in text else text[::-1])
    return "manifest-1.json"


def gone(folder: Path) -> str:
    [*_, victim] = sorted((folder / "raw").glob("*.fz"))
    victim.unlink()
    return victim.name


@pytest.mark.parametrize("damage", [truncated, another_manifest, gone])
async def test_what_does_not_verify_is_refused_and_repaired(
    whole_world: World, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], str]
) -> None:
    world, done = whole_world, list[str]()

    def spoil(dataset: str) -> None:
        if dataset == "t1" and not done:
            done.append(damage(world.store / GFT / CAMPAIGN / dataset))

    monkeypatch.setattr(world, "spoil", spoil)
    await world.trigger(alert())
    assert [story.name for story in await world.over()] == ["Closed", "Closed"]
    archive = world.csc.archive
    assert archive.verify(CAMPAIGN) == []
    assert {(d.dataset, d.stored, d.attempt) for d in archive.datasets(CAMPAIGN)} == {
        ("t1", True, 2),
        ("t2", True, 1),
        ("logs", True, 1),
    }
    finals = [entry.final for entry in archive.ledger(CAMPAIGN) if entry.final is not None]
    [refused] = [final for final in finals if final.outcome is ReceiptOutcome.REFUSED]
    assert done[0] in refused.reason
    assert archive.undelivered() == ()


async def test_the_relay_keeps_what_is_not_answered_and_then_for_its_time(whole_world: World) -> None:
    """A dataset given up is in sight of the operator; its store is tidied like that of archived ones."""
    world = whole_world
    world.spoilt["t1"] = 100
    await world.trigger(alert())
    await world.gft.noted(What.ABANDONED, dataset="t1")
    assert (await world.gft.agent.standing())["given_up"] == [f"{CAMPAIGN}/t1"]
    assert [story.name for story in await world.over()] == ["Failed", "Failed"]
    assert [e.data["attempt"] for e in await world.gft.entries() if e.what == What.UPLOADED][-1] <= 3
    assert world.csc.archive.undelivered() == ((CAMPAIGN, "t1"),)
    store = world.store / GFT / CAMPAIGN

    def tidying(ahead: timedelta) -> Tidying:
        return Tidying(
            world.relay.journal,
            LocalHoldings(world.store),
            keep=timedelta(days=14),
            keep_parts=timedelta(days=7),
            sky=world.sky,
            wall=Later(ahead),
        )

    await tidying(timedelta(days=13.9)).tidy()
    assert sorted(path.name for path in store.iterdir()) == ["logs", "t1", "t2"]
    await tidying(timedelta(days=14.1)).tidy()
    assert not store.exists()
    fates = [(e.what, e.data["dataset"]) for e in await world.relay.entries() if e.what in [*Fate]]
    assert fates.count((Fate.REFUSED, "t1")) == 3
    assert {(Fate.REMOVED, "t1"), (Fate.REMOVED, "t2"), (Fate.REMOVED, "logs")} <= set(fates)
    assert not list((world.csc.folder / "incoming").glob("*/t2"))
