"""Ways to strike: kill a process, let it step on a mine, break its network, spoil what it keeps."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from console.faults.mine import Deed, Mine
from console.faults.stage import Stage, until
from followup.names import CampaignName

_REACHED_S = 90.0


@dataclass(kw_only=True)
class Aim:
    """What a strike is given: the stage, the campaign it is aimed at, chance, and a way to begin another."""

    stage: Stage
    campaign: str
    rng: np.random.Generator
    begin: Callable[[], Awaitable[object]]

    @property
    def telescope(self) -> str:
        """Name of the telescope of the campaign."""
        return CampaignName.parse(self.campaign).telescope

    def site(self, who: str) -> str:
        """Name of the process or site meant: ``gft`` is the campaign's telescope."""
        return self.telescope if who == "gft" else who


Strike = Callable[[Aim], Awaitable[bool]]
"""Strikes; False when the place was not reached, or there was nothing to hit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes
    ----------
    name
        What is done, to whom.
    where
        When.
    who
        Whose fault it is: strikes on one process come one after the other.
    shows
        What it shows that the campaign ends as it would have.
    kill
        Whether it is a kill at a moment that nobody chose.
    """

    name: str
    where: str
    who: str
    shows: str
    strike: Strike
    kill: bool = False

    @property
    def title(self) -> str:
        """What ``--only`` looks in."""
        return f"{self.name}: {self.where}"


def kill(who: str, *, longest_pause_s: float = 2.0) -> Strike:
    """Kill a process at once; it comes back at once, or after a while."""

    async def strike(aim: Aim) -> bool:
        return await aim.stage.kill(aim.site(who), pause_s=aim.rng.uniform(0.0, longest_pause_s))

    return strike


def step_on(who: str, mine: Mine, *, meanwhile: Strike | None = None, fresh: bool = False) -> Strike:
    """Start a process anew with a mine in it, and wait until it has stepped on it.

    Parameters
    ----------
    fresh
        Whether only a new campaign leads there: then one is begun.
    meanwhile
        What to do while the process is stopped there; then it goes on, or is killed, as that gave True or
        False.
    """

    async def strike(aim: Aim) -> bool:
        agent = aim.stage.agents[aim.site(who)]
        agent.arm(mine)
        agent.kill()
        life = agent.lives + 1
        await until(lambda: agent.lives > life or (agent.lives == life and agent.online), _REACHED_S)
        async with _begun(aim, fresh=fresh):
            reached = await until(lambda: agent.lives > life or _hangs(mine, agent.pid), _REACHED_S)
            if mine.deed is Deed.STOP and reached and agent.lives == life:
                if meanwhile is None or await meanwhile(aim):
                    agent.signal(signal.SIGCONT)
                else:
                    agent.kill()
            elif mine.deed is Deed.FULL:
                reached = True  # it lives on; the telescopes' logs tell whether they waited
            elif not reached:
                agent.kill()  # the mine must not lie about for others to step on
        return reached

    return strike


@contextlib.asynccontextmanager
async def _begun(aim: Aim, *, fresh: bool) -> AsyncIterator[None]:
    """Begin another campaign meanwhile, if it takes one to get there."""
    beginning = asyncio.ensure_future(aim.begin()) if fresh else None
    try:
        yield
    finally:
        if beginning is not None:
            await beginning


def hear(who: str, event: str, then: Strike, *, contains: str = "", fresh: bool = False) -> Strike:
    """Strike as soon as the log of a site says something: milliseconds after it was done."""

    async def strike(aim: Aim) -> bool:
        heard = asyncio.Event()

        def listen(site: str, line: dict[str, object]) -> None:
            if site == aim.site(who) and line.get("event") == event and contains in str(line):
                heard.set()

        aim.stage.listeners.append(listen)
        try:
            async with _begun(aim, fresh=fresh):
                await asyncio.wait_for(heard.wait(), _REACHED_S)
                return await then(aim)
        except TimeoutError:
            return False
        finally:
            aim.stage.listeners.remove(listen)

    return strike


def cut(who: str, kind: str) -> Strike:
    """Cut a site's connections to a server; it may connect again at once."""

    async def strike(aim: Aim) -> bool:
        aim.stage.lines[aim.site(who), kind].cut()
        return True

    return strike


def away(who: str, kind: str, *, seconds: float) -> Strike:
    """Refuse a site's connections to a server for a while."""

    async def strike(aim: Aim) -> bool:
        line = aim.stage.lines[aim.site(who), kind]
        line.refuse()
        await asyncio.sleep(seconds)
        line.refuse(refusing=False)
        return True

    return strike


def half_open(who: str, kind: str) -> Strike:
    """Let a site's connections to a server fall silent for good, without a word to either end."""

    async def strike(aim: Aim) -> bool:
        aim.stage.lines[aim.site(who), kind].half_open()
        return True

    return strike


def stall(who: str, kind: str, *, seconds: float) -> Strike:
    """Let nothing pass for a while; then everything arrives late."""

    async def strike(aim: Aim) -> bool:
        line = aim.stage.lines[aim.site(who), kind]
        line.stall()
        await asyncio.sleep(seconds)
        line.stall(stalling=False)
        return True

    return strike


def slow(who: str, kind: str, *, bytes_per_s: float, seconds: float) -> Strike:
    """Let little pass for a while."""

    async def strike(aim: Aim) -> bool:
        line = aim.stage.lines[aim.site(who), kind]
        line.slow(bytes_per_s)
        await asyncio.sleep(seconds)
        line.slow(None)
        return True

    return strike


def spoil(who: str, kind: str) -> Strike:
    """Flip a bit in what a site sends next."""

    async def strike(aim: Aim) -> bool:
        aim.stage.lines[aim.site(who), kind].spoil()
        return True

    return strike


async def flip_in_store(aim: Aim) -> bool:
    """Flip a bit in the largest file of the campaign that stands in the relay's store."""
    folder = aim.stage.state.relay / "store" / aim.telescope / aim.campaign
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    if files:
        await asyncio.to_thread(_flip, max(files, key=lambda path: path.stat().st_size))
    return True


async def wipe_xmpp(aim: Aim) -> bool:
    """Kill the XMPP server, and take all from it but its accounts; False, so that who watches is killed."""
    await aim.stage.wipe_xmpp()
    return False


def _hangs(mine: Mine, pid: int | None) -> bool:
    """Whether the process has stopped itself."""
    if mine.deed is not Deed.STOP or pid is None:
        return False
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def _flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0x10]))
