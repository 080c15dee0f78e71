"""Running an agent's process: its session, its courier, its commands, its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from console.control import Command, Control
from console.set_aside import JOURNAL, resend, waiting
from console.settings import Xmpp, secret
from console.watchdog import show_life
from flows.runner import SIGN_OF_LIFE_S, PrefectRunner
from followup.clock import Clock, SkyClock, WallClock
from followup.errors import ConfigurationError
from followup.names import CSC, RELAY
from followup.story import PlainRunner, Runner
from messaging.author import Author
from messaging.courier import Courier
from messaging.desk import Desk
from messaging.errors import JournalError
from messaging.journal import Journal
from messaging.rules import Rules
from messaging.session import SessionDownError, UndeliverableError
from messaging.xmpp.session import XmppSession
from messaging.xmpp.settings import XmppSettings
from voevent.packet import PacketId

log = logging.getLogger(__name__)

_RECONNECT_S = 5.0
_SETTLE_S = 20.0
_SWITCH_S = 0.0005


@dataclass(kw_only=True)
class Site:
    """What every agent has, whatever its site does.

    Attributes
    ----------
    folder
        The site's folder.
    user
        The site's user name.
    """

    folder: Path
    user: str
    authority: str
    sky: Clock
    wall: Clock
    journal: Journal
    author: Author
    runner: Runner
    session: XmppSession

    def courier(self, desk: Desk, rules: Rules) -> Courier:
        """Make the courier that brings `desk` its packets."""
        return Courier(
            site=self.user,
            authority=self.authority,
            journal=self.journal,
            session=self.session,
            rules=rules,
            desk=desk,
            sky=self.sky,
            wall=self.wall,
            rng=random.Random(),  # noqa: S311 - jitter
        )


@contextlib.asynccontextmanager
async def open_site(
    folder: Path,
    user: str,
    *,
    authority: str,
    xmpp: Xmpp,
    api_url: str,
    sky: Clock,
    peers: tuple[str, ...],
    topics: tuple[str, ...] = (),
) -> AsyncIterator[Site]:
    """Open what an agent needs; close it in the end, telling Prefect how the runs ended."""
    # Packets wait for threads that compute, at each change of threads on their way: by default for 5 ms.
    sys.setswitchinterval(_SWITCH_S)
    wall = WallClock()
    session = XmppSession(
        XmppSettings(
            host=xmpp.host,
            port=xmpp.port,
            domain=xmpp.domain,
            user=user,
            password=secret(folder / xmpp.password_file),
            ca_file=folder / xmpp.ca_file,
            peers=peers,
            topics=topics,
        ),
        wall=wall,
        rng=random.Random(),  # noqa: S311 - jitter
    )
    journal = Journal.open(folder / JOURNAL, wall=wall)
    living = asyncio.create_task(show_life())
    runner = make_runner(folder, user, api_url)
    try:
        yield Site(
            folder=folder,
            user=user,
            authority=authority,
            sky=sky,
            wall=wall,
            journal=journal,
            author=Author(site=user, authority=authority, sky=sky),
            runner=runner,
            session=session,
        )
    finally:
        living.cancel()
        await runner.settle(_SETTLE_S)
        await asyncio.to_thread(runner.close)
        journal.close()


def make_runner(folder: Path, user: str, api_url: str) -> Runner:
    """Return what shows the site's work: Prefect when a server is configured."""
    if not api_url:
        return PlainRunner()
    home = folder / "prefect"
    home.mkdir(mode=0o700, exist_ok=True)
    from_here = Path(__file__).parent.parent / "flows" / "logging.yml"
    os.environ.update(
        PREFECT_API_URL=api_url,
        PREFECT_HOME=str(home.absolute()),
        PREFECT_LOGGING_SETTINGS_PATH=str(from_here),
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY=str(SIGN_OF_LIFE_S),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
    # Prefect reads its settings when it is imported; the runner does that in its own thread.
    return PrefectRunner(site=user, api_url=api_url, home=home, wall=WallClock())


async def connect(site: Site, courier: Courier) -> None:
    """Start the courier; a server that is away is waited for.

    Raises
    ------
    SessionRefusedError
        When waiting is vain: password, certificate, a second agent of this name.
    """
    told = False
    while True:
        try:
            await courier.start()
        except SessionDownError as error:
            if not told:
                log.warning("%s; trying again every %.0f s (%s)", error, _RECONNECT_S, error.hint)
                told = True
            await site.wall.sleep(_RECONNECT_S)
        else:
            log.info("%s is online", site.user, extra={"event": "agent.online", "site": site.user})
            return


async def serve(
    site: Site,
    courier: Courier,
    commands: Mapping[str, Command],
    *,
    begin: Callable[[], Awaitable[None]] | None = None,
    before_end: Callable[[], Awaitable[None]],
) -> None:
    """Be the agent until a signal says to end, or the server ends the session for good.

    Parameters
    ----------
    begin
        Done before the agent connects, while commands are answered already; its error ends the agent.
    before_end
        Done in the end, however that comes.

    Raises
    ------
    SessionRefusedError
        When the server will not have us (any more).
    """
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    ours: dict[str, Command] = {
        "status": lambda _: standing(site),
        "set-sky-clock": partial(set_sky_clock, site),
        "resend": partial(_resend, site, courier),
    }
    control = Control(site.folder, {**ours, **commands})
    await control.start()
    ended = asyncio.create_task(_session(site, courier, begin))
    told = asyncio.create_task(ending.wait())
    try:
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
    finally:
        for task in (ended, told):
            task.cancel()
        await asyncio.gather(ended, told, return_exceptions=True)
        await control.stop()
        await before_end()
        await courier.stop()
        log.info("%s ends", site.user, extra={"event": "agent.ended", "site": site.user})


async def _session(site: Site, courier: Courier, begin: Callable[[], Awaitable[None]] | None) -> None:
    if begin is not None:
        await begin()
    await connect(site, courier)
    await site.session.ended()


async def standing(site: Site) -> dict[str, Any]:
    """How a site's messaging stands."""
    return {
        "site": site.user,
        "pid": os.getpid(),
        "connected": site.session.online,
        "hears": {user: site.session.heard(user) for user in (CSC, RELAY) if user != site.user},
        **await site.journal.read(waiting),
    }


async def _resend(site: Site, courier: Courier, arguments: dict[str, Any]) -> int:
    packet = PacketId(ivorn=arguments["ivorn"], sha256=arguments["sha256"])
    return await resend(site.journal, courier.wake, packet)


async def set_sky_clock(site: Site, arguments: dict[str, Any]) -> None:
    """Set the clock of a simulation.

    Raises
    ------
    ConfigurationError
        When this site's clock is the real one.
    """
    if not isinstance(site.sky, SkyClock):
        raise ConfigurationError(f"the clock of {site.user} is the real one: it cannot be set")
    site.sky.set(*(datetime.fromisoformat(arguments[key]) for key in ("sky_epoch", "wall_epoch")))


async def watch_enrolments(
    site: Site,
    enrolled: Callable[[], tuple[str, ...]],
    *,
    arrive: Callable[[str], Awaitable[None]],
    leave: Callable[[str], Awaitable[None]],
    before: Iterable[str] = (),
    anew: bool = False,
) -> None:
    """Call `arrive` once for each telescope that is enrolled, now or later, and `leave` for each revoked.

    What fails because the server is away, or not ready for it, is tried again.

    Parameters
    ----------
    before
        Telescopes known from earlier: those revoked while no agent ran leave now.
    anew
        Whether `arrive` is called again after each fresh login: the server may have lost everything.
    """
    known = set(before) - set(enrolled())
    logins = 0
    while True:
        now = set(enrolled())
        if anew and site.session.logins != logins:
            logins = site.session.logins
            known -= now
        for name in sorted(now ^ known):
            try:
                await (arrive(name) if name in now else leave(name))
            except (SessionDownError, UndeliverableError, JournalError) as error:
                log.debug("%s is not set up yet: %s", name, error)
            else:
                known ^= {name}
        await site.wall.sleep(1.0)
