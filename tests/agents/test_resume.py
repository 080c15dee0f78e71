"""Agents that die at every step and go on from their journals."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import pytest

from followup.campaign import What
from tests.agents.world import CAMPAIGN, CENTRE, EXPOSURES, Fuse, World, alert
from voevent.kinds import Kind, Outcome, ReceiptOutcome, StatusState, TaskOutcome, Upload, UploadState
from voevent.packet import SkyPosition
from voevent.parse import parse
from voevent.read import read
from voevent.svom import SvomPacketType

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain")]

GFT_STEPS = Counter[str](
    {
        What.ACCEPTED: 1,
        What.PLANNED: 1,
        What.SLEWING: 1,
        What.EXPOSING: 2,
        What.EXPOSED: 2,
        What.TASK_ENDED: 1,
        What.MEASURED: 1,
        What.UPLOADING: 1,
        What.UPLOADED: 1,
        What.ARCHIVED: 1,
        What.CLOSING: 1,
        What.CLOSED: 1,
    }
)
"""Entries at which the telescope's agent dies in one campaign, as they come, each so often."""
STOP_STEPS = (What.STOPPED, What.TASK_ENDED, What.HALTED, What.UPLOADING, What.CLOSING)
"""Entries at which it dies once each while a campaign is called off."""


def packets_of(world: World, name: str = CAMPAIGN) -> Counter[str]:
    """Kinds of packets of the campaign as the science centre holds them, with what tells them apart."""
    archive = world.csc.archive
    told: Counter[str] = Counter()
    for record in archive.packets(name):
        raw = archive.raw(record.id)
        assert raw is not None
        packet = parse(raw)
        match record.kind:
            case Kind.UPLOAD:
                told[f"{packet.param('dataset')} {packet.param('state')}"] += 1
            case Kind.STATUS:
                told[f"status {packet.param('state')}"] += 1
            case Kind.RESULT:
                told[f"{packet.param('product')}"] += 1
            case Kind.TRIGGER | Kind.CLOSING:
                told[record.kind] += 1
            case _:
                pass
    return told


def announced(world: World, name: str = CAMPAIGN) -> dict[tuple[str, int], set[str]]:
    """Manifests announced for each attempt to upload a dataset: at its start, and when it was up."""
    found: dict[tuple[str, int], set[str]] = {}
    for record in world.csc.archive.packets(name, Kind.UPLOAD):
        raw = world.csc.archive.raw(record.id)
        assert raw is not None
        _, content = read(parse(raw))
        assert isinstance(content, Upload)
        found.setdefault((content.dataset, content.attempt), set()).add(content.manifest.sha256)
    return found


async def check_complete(world: World, name: str = CAMPAIGN) -> None:
    """The campaign ended as one does in which nobody died."""
    archive = world.csc.archive
    campaign = archive.campaign(name)
    assert campaign.outcome is Outcome.COMPLETED
    assert [(t.task, t.outcome, t.exposures) for t in campaign.tasks] == [
        ("t1", TaskOutcome.DONE, 2),
        ("t2", TaskOutcome.DONE, 2),
    ]
    assert archive.verify(name) == []
    assert archive.missing_packets(name) == []
    raws = {f"raw/{key}.fits.fz" for key in EXPOSURES}
    assert raws <= {file.name for file in archive.files(name)}
    points = archive.photometry(name)
    assert {(p.task, p.filter) for p in points} == {("t1", "r"), ("t1", "g"), ("t2", "r")}
    for entry in archive.ledger(name):
        assert entry.final is not None
        assert entry.final.outcome is ReceiptOutcome.ACCEPTED
    assert all(len(manifests) == 1 for manifests in announced(world, name).values())
    told = packets_of(world, name)
    expected = {"trigger": 1, "closing": 1, f"status {StatusState.PLAN}": 1, "light-curve": 3}
    expected |= {f"{d} {state}": 1 for d in ("t1", "t2", "logs") for state in UploadState}
    assert told == expected


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_telescope_dies_at_every_step(whole_world: World, when: Literal["before", "after"]) -> None:
    world = whole_world
    gft = world.gft
    left = GFT_STEPS.copy()
    gft.journal.fuse = Fuse(left, when)
    await world.trigger(alert())
    while left:
        step = await gft.dies()
        left -= Counter({step: 1})
        await gft.start(Fuse(left, when))
    if when == "after":
        # Nothing is left to be done, and the new agent knows it.
        assert gft.agent.campaigns == {}
    else:
        assert (await gft.runner.ended()).name == "Closed"
    assert (await world.csc.runner.ended()).name == "Closed"
    await check_complete(world)
    begun = await gft.begun()
    assert set(begun) == set(EXPOSURES)
    assert begun - Counter(EXPOSURES) <= gft.in_flight
    assert gft.commands.count("camera.expose") <= begun.total()


async def test_only_the_exposure_in_flight_is_repeated(whole_world: World) -> None:
    world = whole_world
    gft = world.gft
    await world.trigger(alert())
    await gft.dies_at("camera.expose")
    await gft.start()
    await gft.noted(What.EXPOSED, exposure=EXPOSURES[0])
    await gft.dies_at("camera.expose")
    await gft.start()
    assert (await gft.runner.ended()).name == "Closed"
    assert (await world.csc.runner.ended()).name == "Closed"
    await check_complete(world)
    begun = await gft.begun()
    assert set(begun) == set(EXPOSURES)
    assert sum(begun.values()) == len(EXPOSURES) + 2
    assert gft.commands.count("camera.expose") == len(EXPOSURES) + 2


async def test_a_frame_that_stands_on_the_disk_is_not_taken_again(whole_world: World) -> None:
    world = whole_world
    gft = world.gft
    gft.journal.fuse = Fuse({What.EXPOSED}, "before")
    await world.trigger(alert())
    for _ in range(2):
        await gft.dies()
        await gft.start(Fuse({What.EXPOSED}, "before"))
    await gft.dies()
    await gft.start()
    assert (await gft.runner.ended()).name == "Closed"
    assert (await world.csc.runner.ended()).name == "Closed"
    await check_complete(world)
    assert await gft.begun() == dict.fromkeys(EXPOSURES, 1)
    assert gft.commands.count("camera.expose") == len(EXPOSURES)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_telescope_dies_while_it_stops(
    whole_world: World, when: Literal["before", "after"]
) -> None:
    world = whole_world
    gft = world.gft
    # The first task is done, and its data are on their way, when the campaign is called off.
    world.downloading.clear()
    gft.hold("camera.expose", 4)
    await world.trigger(alert())
    await gft.told("camera.expose", 4)
    await gft.noted(What.UPLOADED, dataset="t1")
    left = Counter[str](STOP_STEPS)
    gft.journal.fuse = Fuse(left, when)
    await world.csc.agent.call_off(gft.agent.campaigns[CAMPAIGN].name, "not a burst")
    while left:
        left -= Counter({await gft.dies(): 1})
        world.downloading.set()
        await gft.start(Fuse(left, when))
    if when == "before":
        assert (await gft.runner.ended()).name == "Aborted"
    assert (await world.csc.runner.ended()).name == "Aborted"
    archive = world.csc.archive
    assert [(t.task, t.outcome) for t in archive.campaign(CAMPAIGN).tasks] == [
        ("t1", TaskOutcome.DONE),
        ("t2", TaskOutcome.PARTIAL),
    ]
    assert {d.dataset: d.stored for d in archive.datasets(CAMPAIGN)} == {"t1": True, "t2": True, "logs": True}
    names = {file.name for file in archive.files(CAMPAIGN)}
    taken = {name for name in names if name.startswith("raw/")}
    assert {f"raw/{key}.fits.fz" for key in EXPOSURES[:3]} <= taken
    assert sum(name.startswith("reduced/") for name in names) == len(taken)
    points = archive.photometry(CAMPAIGN)
    assert {(p.task, p.filter) for p in points} == {("t1", "r"), ("t1", "g"), ("t2", "r")}
    told = packets_of(world)
    assert told[f"status {StatusState.ABORT}"] == 1
    assert told["closing"] == 1
    # Before it has noted that it is to stop, its successor may begin the last exposure once more.
    again = gft.commands.count("camera.expose") - len(EXPOSURES)
    assert again <= (when == "before")


async def test_the_telescope_dies_at_a_later_trigger(whole_world: World) -> None:
    world, gft = whole_world, whole_world.gft
    gft.hold("camera.expose", 2)
    await world.trigger(alert())
    await gft.told("camera.expose", 2)
    gft.journal.fuse = Fuse({What.REVISED}, "before")
    better = SkyPosition(ra_deg=CENTRE.ra_deg + 0.01, dec_deg=CENTRE.dec_deg + 0.01, error_radius_deg=0.02)
    await world.trigger(alert(SvomPacketType.MXT_INITIAL, position=better, after_s=200.0))
    await gft.dies()
    await gft.start(Fuse({What.REVISED}, "after"))
    await gft.dies()
    await gft.start()
    assert (await gft.runner.ended()).name == "Closed"
    assert (await world.csc.runner.ended()).name == "Closed"
    entries = await gft.entries()
    assert [entry.what for entry in entries].count(What.REVISED) == 1
    targets = [entry.data["target"] for entry in entries if entry.what == What.SLEWING]
    assert targets[-1] == "95.0100 +40.0100"
    trigger = world.csc.archive.campaign(CAMPAIGN).trigger
    assert trigger is not None
    assert trigger.revision == 1
    begun = await gft.begun()
    assert begun - Counter(EXPOSURES) <= gft.in_flight


async def test_the_telescope_dies_as_it_gives_a_dataset_up(whole_world: World) -> None:
    world, gft = whole_world, whole_world.gft
    world.spoilt["t1"] = 100
    gft.journal.fuse = Fuse({What.ABANDONED}, "before")
    await world.trigger(alert())
    await gft.dies()
    await gft.start(Fuse({What.ABANDONED}, "after"))
    await gft.dies()
    await gft.start()
    assert (await gft.runner.ended()).name == "Failed"
    assert (await world.csc.runner.ended()).name == "Failed"
    datasets = {d.dataset: (d.attempt, d.stored) for d in world.csc.archive.datasets(CAMPAIGN)}
    assert datasets == {"t1": (3, False), "t2": (1, True), "logs": (1, True)}
    assert await gft.begun() == dict.fromkeys(EXPOSURES, 1)


async def test_the_centre_dies_before_it_answers(whole_world: World) -> None:
    """Each dataset and the closing have got their interim receipt, and not yet the final one."""
    world = whole_world
    csc = world.csc
    csc.journal.fuse = Fuse({"receipt received"})
    await world.trigger(alert())
    for _ in ("t1", "t2", "logs", "closing"):
        await csc.dies()
        await csc.start(Fuse({"receipt received"}))
    assert (await world.gft.runner.ended()).name == "Closed"
    assert (await csc.runner.ended()).name == "Closed"
    await check_complete(world)
    assert await world.gft.begun() == dict.fromkeys(EXPOSURES, 1)


async def test_the_centre_dies_while_it_downloads(whole_world: World) -> None:
    world = whole_world
    world.downloading.clear()
    await world.trigger(alert())
    await world.gft.noted(What.UPLOADED, dataset="t1")
    world.csc.journal.fuse = Fuse({"receipt accepted"}, "before")
    world.downloading.set()
    for _ in range(3):
        await world.csc.dies()
        await world.csc.start(Fuse({"receipt accepted"}, "before"))
    await world.csc.dies()
    await world.csc.start()
    assert (await world.gft.runner.ended()).name == "Closed"
    assert (await world.csc.runner.ended()).name == "Closed"
    await check_complete(world)


async def test_the_relay_dies_with_packets_in_custody(whole_world: World) -> None:
    world = whole_world
    relay = world.relay
    relay.journal.fuse = Fuse({"receipt relayed"})
    await world.trigger(alert())
    for when in ("before", "after", "before"):
        await relay.dies()
        world.server.wipe()
        await relay.start(Fuse({"receipt relayed"}, when))
    await relay.dies()
    await relay.start()
    assert (await world.gft.runner.ended()).name == "Closed"
    assert (await world.csc.runner.ended()).name == "Closed"
    await check_complete(world)
