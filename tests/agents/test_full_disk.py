"""Disks that are full in mid-campaign: it is waited for room, and said; nothing is lost or done twice."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

import agents.gft.observing
import agents.gft.papers
from archive.errors import ArchiveFullError
from followup.campaign import What
from tests.agents.plain import PlainReduction
from tests.agents.test_resume import check_complete
from tests.agents.world import CAMPAIGN, EXPOSURES, World, alert, until
from voevent.kinds import TaskOutcome

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("plain")]


class Disk:
    """A disk that can be full; `asked` counts what was refused."""

    def __init__(self) -> None:
        self.full = False
        self.asked = 0

    def guard(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **facts: Any) -> Any:
            if self.full:
                self.asked += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(*args, **facts)

        return guarded


async def over(world: World) -> None:
    assert (await world.gft.runner.ended()).name == "Closed"
    assert (await world.csc.runner.ended()).name == "Closed"
    await check_complete(world)
    assert await world.gft.begun() == dict.fromkeys(EXPOSURES, 1)


async def test_of_a_telescope_and_its_journal(whole_world: World) -> None:
    world, gft = whole_world, whole_world.gft
    go_on = gft.hold("camera.expose", 2)
    await world.trigger(alert())
    await gft.told("camera.expose", 2)
    gft.journal.full = True
    go_on.set()
    await until(lambda: gft.bench.disk.trouble)
    assert "disk is full" in (await gft.agent.standing())["waits"]["the disk"]
    assert gft.commands.count("camera.expose") == 2, "nothing is moved that the journal does not know of"
    # An agent that waits for room can be ended.
    async with asyncio.timeout(60.0):
        await gft.stop()
    await gft.start()
    await over(world)
    assert (await gft.agent.standing())["waits"] == {}


async def test_of_a_telescope_and_its_data(whole_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Full when a frame is to be written, when it is reduced, and when the papers are made."""
    world, gft = whole_world, whole_world.gft
    disks = {"write_raw": Disk(), "reduce": Disk(), "write": Disk()}
    places = {"write_raw": agents.gft.observing, "reduce": PlainReduction, "write": agents.gft.papers}
    for name, place in places.items():
        disks[name].full = True
        monkeypatch.setattr(place, name, disks[name].guard(getattr(place, name)))
    await world.trigger(alert())
    for disk in disks.values():
        await until(lambda disk=disk: disk.asked > 1 and "No space left" in gft.bench.disk.trouble)  # type: ignore[misc]
        disk.full = False
    await over(world)


async def test_a_frame_is_not_waited_for_for_ever(
    whole_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dome is open meanwhile, and nobody looks at the weather."""
    world, gft, disk = whole_world, whole_world.gft, Disk()
    monkeypatch.setattr(agents.gft.observing, "write_raw", disk.guard(agents.gft.observing.write_raw))
    monkeypatch.setattr(agents.gft.observing, "_DISK_S", 0.1)
    disk.full = True
    await world.trigger(alert())
    await gft.noted(What.TASK_ENDED, task="t1")
    disk.full = False
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed", "the second task went well"
    tasks = {t.task: t for t in world.csc.archive.campaign(CAMPAIGN).tasks}
    assert tasks["t1"].outcome is TaskOutcome.FAILED
    assert "cannot be written: No space left on device (make room there)" in tasks["t1"].reason
    assert tasks["t2"].outcome is TaskOutcome.DONE


async def test_of_the_science_centre(whole_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """First that of its file store, then its journal's."""
    world, csc = whole_world, whole_world.csc
    store, told = csc.archive._store.store, 0

    def full(*args: Any) -> None:
        nonlocal told
        told += 1
        if told == 1:
            raise ArchiveFullError("no space left for the archive", hint="make room")
        store(*args)

    monkeypatch.setattr(csc.archive._store, "store", full)
    world.downloading.clear()
    await world.trigger(alert())
    await until(lambda: csc.downloads._under_way)
    csc.journal.full = True
    world.downloading.set()
    await until(lambda: told > 1 and csc.agent._patience.trouble)
    assert "disk is full" in (await csc.agent.standing())["waits"]["the journal"]
    csc.journal.full = False
    await over(world)
