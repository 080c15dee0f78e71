"""A real Prosody on a free port, and sessions with it that are closed after each test."""

import asyncio
import hashlib
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.ca import open_authority, server_certificate
from deploy.prosody import Prosody
from followup.clock import Clock, WallClock
from messaging.session import Arrival, Envelope
from messaging.xmpp import XmppSession, XmppSettings, XmppTiming, create_topic, delete_topic
from messaging.xmpp.stream import Stream
from voevent.packet import PacketId

DOMAIN = "followup.test"
USERS = ("csc", "csc-ftp", "gft-x", "gft-y")
TIMING = XmppTiming(login_s=8, answer_s=4, probe_s=0.5, tend_s=0.3, first_wait_s=0.1, longest_wait_s=0.5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def envelope(raw: bytes, body: str = "a trigger") -> Envelope:
    digest = hashlib.sha256(raw).hexdigest()
    return Envelope(raw=raw, id=PacketId(ivorn=f"ivo://followup/x#{digest[:8]}", sha256=digest), body=body)


async def until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the conditions are of many kinds; bounded by timeout_s
            await asyncio.sleep(0.01)


class GateClock:
    """A wall clock whose sleepers wait for a gate to be opened."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.gate.wait()


@dataclass
class Agent:
    """A session with what its callbacks were told."""

    session: XmppSession
    arrivals: list[Arrival] = field(default_factory=list)
    presence: list[tuple[str, bool]] = field(default_factory=list)
    online: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session.on_arrival = self._take
        self.session.on_presence = lambda user, there: self.presence.append((user, there))
        self.session.on_online = self.online.append

    async def _take(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)

    async def received(self, count: int = 1) -> list[Arrival]:
        await until(lambda: len(self.arrivals) >= count)
        return self.arrivals

    @property
    def raws(self) -> list[bytes]:
        return [arrival.raw for arrival in self.arrivals]


@dataclass
class Site:
    """The server, its accounts, and everything that the present test has opened."""

    prosody: Prosody
    ca_file: Path
    passwords: dict[str, str]
    leavers: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)

    def settings(self, account: str, **changes: Any) -> XmppSettings:
        settings = XmppSettings(
            host="127.0.0.1",
            port=self.prosody.config.port,
            domain=DOMAIN,
            user=account,
            password=self.passwords[account],
            ca_file=self.ca_file,
            timing=TIMING,
        )
        return replace(settings, **changes)

    def agent(self, account: str, *, clock: Clock | None = None, **changes: Any) -> Agent:
        rng = random.Random(1)  # noqa: S311 - jitter of waits
        session = XmppSession(self.settings(account, **changes), wall=clock or WallClock(), rng=rng)
        self.leavers.append(session.close)
        return Agent(session)

    async def opened(self, account: str, **options: Any) -> Agent:
        agent = self.agent(account, **options)
        await agent.session.open()
        return agent

    async def subscribed(self, user: str, topic: str, **options: Any) -> Agent:
        agent = await self.opened(user, topics=(topic,), **options)
        await until(lambda: agent.session._topics._subscribed[topic])
        return agent

    async def person(self, user: str, resource: str = "phone") -> Stream:
        """Somebody at a chat client."""
        stream = Stream(self.settings(user), resource, resumable=False)
        self.leavers.append(stream.leave)
        await stream.login()
        return stream

    async def leave(self) -> None:
        while self.leavers:
            await self.leavers.pop()()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    now = datetime.now(UTC)
    authority = open_authority(folder / "ca", now=now)
    certificate = server_certificate(authority, folder / "tls", (DOMAIN, f"pubsub.{DOMAIN}"), now=now)
    prosody = Prosody.embedded(
        folder / "prosody",
        domain=DOMAIN,
        port=free_port(),
        certificate=certificate.certificate,
        key=certificate.key,
    )
    await prosody.start()
    try:
        passwords = {user: await prosody.add_account(user) for user in USERS}
        site = Site(prosody, authority.certificate, passwords)
        yield site
    finally:
        await prosody.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def site(server: Site) -> AsyncIterator[Site]:
    """The server with nobody logged in; whoever logs in is logged out afterwards."""
    if server.prosody.pid is None:
        await server.prosody.start()
    yield server
    await server.leave()
    assert {task for task in asyncio.all_tasks() if "xmpp" in task.get_name()} == set()


@pytest_asyncio.fixture(loop_scope="module")
async def topic(site: Site) -> str:
    """The topic of gft-x, empty."""
    relay = await site.opened("csc-ftp", resource="admit")
    await delete_topic(relay.session, "gft-x")
    await create_topic(relay.session, "gft-x")
    return "followup/gft-x"
