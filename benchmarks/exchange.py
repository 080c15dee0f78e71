"""A real XMPP server and sites that exchange packets over it, each with its own journal on the disk.

For the benchmarks of messaging: sites without telescopes and archives, whose desks answer at once. Run as
``python -m benchmarks.exchange ROLE FOLDER`` this is one such site, in a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from agents.ftp_relay.holdings import LocalHoldings
from agents.ftp_relay.service import RelayAgent
from agents.ftp_relay.tidying import Tidying
from benchmarks.sshd import free_port
from deploy.ca import open_authority, server_certificate
from deploy.prosody import Prosody
from followup.clock import WallClock
from followup.names import CSC, RELAY, topic_of
from followup.story import PlainRunner
from messaging.author import Author
from messaging.courier import Courier
from messaging.desk import Answer, Desk, Effect
from messaging.journal import Journal
from messaging.records import Destination, StoredPacket, ToUser
from messaging.rules import Permission, Rules, Way
from messaging.session import Arrival, Envelope
from messaging.xmpp import XmppSession, XmppSettings, create_topic
from voevent.kinds import Content, Header, Kind, Receipt, ReceiptOutcome
from voevent.packet import Packet, PacketId

TELESCOPE = "gft-bench"
BARE, ECHO = "bare", "echo"
"""Two users who send each other stanzas and keep no journal."""

PEER = "peer"
"""Role of a science centre that a telescope speaks to directly."""

AUTHORITY = "followup"
_DOMAIN = "bench.localhost"
_ACCOUNTS = "accounts.json"
_READY = "ready"
_PATIENCE_S = 60.0
_RELAY = "relay"
_RECEIPT = b"received"


class PromptDesk:
    """A desk that accepts everything at once, and lets one wait for receipts."""

    def __init__(self) -> None:
        self._awaited: dict[tuple[str, ReceiptOutcome], asyncio.Future[None]] = {}

    async def consider(self, packet: Packet, header: Header, content: Content) -> Answer:
        """Accept a packet."""
        del packet, header, content
        return Answer(outcome=ReceiptOutcome.ACCEPTED, reason="at once")

    async def noted(
        self, receipt: Packet, header: Header, content: Receipt, cited: StoredPacket | None
    ) -> Effect | None:
        """Tell who waits for it that a receipt is committed."""
        del receipt, header, cited
        self.awaited(content.cited, content.outcome).set_result(None)
        return None

    def awaited(self, cited: PacketId, outcome: ReceiptOutcome) -> asyncio.Future[None]:
        """Return what is done once this receipt about a packet of ours is committed."""
        key = (cited.sha256, outcome)
        return self._awaited.setdefault(key, asyncio.get_running_loop().create_future())


class Direct(Rules):
    """Rules of two agents without a relay between them: receipts go back to who sent the packet."""

    def answers_to(self, telescope: str) -> Destination:
        """Where receipts go that this site writes about a packet of this telescope's campaigns."""
        return ToUser(telescope)

    @classmethod
    def between(cls, user: str) -> Direct:
        """Rules of the science centre, or of the telescope that reports to it."""
        said = Permission(Way.DIRECT, TELESCOPE, TELESCOPE, frozenset(Kind))
        answered = Permission(Way.DIRECT, CSC, CSC, frozenset({Kind.RECEIPT}))
        permission = said if user == CSC else answered
        return cls(site=user, permissions=(permission,), telescopes=lambda: (TELESCOPE,))


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A site at work."""

    journal: Journal
    author: Author
    courier: Courier


@contextlib.asynccontextmanager
async def server(folder: Path) -> AsyncIterator[None]:
    """Run a Prosody with the accounts and the topic of all sites; `folder` then has what they need."""
    now = WallClock().now()
    authority = open_authority(folder / "ca", now=now)
    names = (_DOMAIN, f"pubsub.{_DOMAIN}")
    certificate = server_certificate(authority, folder / "tls", names, now=now)
    port = free_port()
    prosody = Prosody.embedded(
        folder / "prosody",
        domain=_DOMAIN,
        port=port,
        certificate=certificate.certificate,
        key=certificate.key,
    )
    await prosody.start()
    try:
        users = (CSC, RELAY, TELESCOPE, BARE, ECHO)
        passwords = {user: await prosody.add_account(user) for user in users}
        accounts = {"port": port, "ca_file": str(authority.certificate), "passwords": passwords}
        (folder / _ACCOUNTS).write_text(json.dumps(accounts))
        async with opened(session(folder, RELAY, resource="admit")) as admitting:
            await create_topic(admitting, TELESCOPE)
        yield
    finally:
        await prosody.stop()


def session(folder: Path, user: str, *, resource: str = "followup") -> XmppSession:
    """Return a user's session with the server of `folder`, not open yet."""
    accounts = json.loads((folder / _ACCOUNTS).read_text())
    sites = (CSC, RELAY, TELESCOPE)
    settings = XmppSettings(
        host="127.0.0.1",
        port=accounts["port"],
        domain=_DOMAIN,
        user=user,
        password=accounts["passwords"][user],
        ca_file=Path(accounts["ca_file"]),
        resource=resource,
        peers=tuple(other for other in sites if other != user) if user in sites else (),
        topics=(topic_of(TELESCOPE),) if user in {CSC, TELESCOPE} else (),
    )
    return XmppSession(settings, wall=WallClock(), rng=random.Random())  # noqa: S311 - jitter


@contextlib.asynccontextmanager
async def opened(made: XmppSession) -> AsyncIterator[XmppSession]:
    """Open a session for as long as the context lasts."""
    await made.open()
    try:
        yield made
    finally:
        await made.close()


@contextlib.asynccontextmanager
async def site(
    folder: Path, user: str, desk: Desk | None = None, *, rules: Rules | None = None
) -> AsyncIterator[Site]:
    """Be a site for as long as the context lasts; None for the relay's own desk, for the site's own rules."""
    wall = WallClock()
    own = {
        CSC: Rules.for_csc(lambda: (TELESCOPE,)),
        RELAY: Rules.for_relay(lambda: (TELESCOPE,)),
        TELESCOPE: Rules.for_telescope(TELESCOPE),
    }[user]
    journal = Journal.open(folder / f"{user}.sqlite", wall=wall)
    relay: RelayAgent | None = None
    if desk is None:
        tidying = Tidying(
            journal,
            LocalHoldings(folder / "store"),
            keep=timedelta(days=1),
            keep_parts=timedelta(days=1),
            sky=wall,
            wall=wall,
        )
        desk = relay = RelayAgent(journal=journal, runner=PlainRunner(), tidying=tidying, sky=wall)
    courier = Courier(
        site=user,
        authority=AUTHORITY,
        journal=journal,
        session=session(folder, user),
        rules=rules or own,
        desk=desk,
        sky=wall,
        wall=wall,
        rng=random.Random(),  # noqa: S311 - jitter
    )
    try:
        if relay is not None:
            await relay.start()
        await courier.start()
        yield Site(journal=journal, author=Author(site=user, authority=AUTHORITY, sky=wall), courier=courier)
    finally:
        await courier.stop()
        if relay is not None:
            await relay.stop()
        journal.close()


@contextlib.asynccontextmanager
async def elsewhere(folder: Path, *roles: str) -> AsyncIterator[None]:
    """Have others play these roles, each in a process of its own, for as long as the context lasts.

    Roles: a site's user name (``csc-ftp`` answers at once, too), ``relay`` for the relay with its own desk,
    ``peer`` for a science centre without a relay, ``echo`` and ``receipt`` for who answers a bare stanza with
    its like, or with a short one.

    Raises
    ------
    RuntimeError
        When one of them does not get ready.
    """
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.exchange", role, str(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for role in roles
    ]  # fmt: skip
    try:
        for role, process in zip(roles, processes, strict=True):
            if process.stdout is None:
                raise RuntimeError(f"no pipe from {role}")
            async with asyncio.timeout(_PATIENCE_S):
                line = await process.stdout.readline()
            if line.strip() != _READY.encode():
                raise RuntimeError(f"{role} did not start: {line.decode().strip() or 'it ended'}")
        yield
    finally:
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in processes:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _play(role: str, folder: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if role in {ECHO, "receipt"}:
            await _answer_stanzas(stack, folder, in_kind=role == ECHO)
        elif role == _RELAY:
            await stack.enter_async_context(site(folder, RELAY))
        elif role == PEER:
            await stack.enter_async_context(site(folder, CSC, PromptDesk(), rules=Direct.between(CSC)))
        else:
            await stack.enter_async_context(site(folder, role, PromptDesk()))
        sys.stdout.write(f"{_READY}\n")
        sys.stdout.flush()
        # Until whoever started us closes the pipe, or is no more.
        await asyncio.to_thread(sys.stdin.read)


async def _answer_stanzas(stack: contextlib.AsyncExitStack, folder: Path, *, in_kind: bool) -> None:
    made = session(folder, ECHO)

    async def answer(arrival: Arrival) -> None:
        packet = PacketId(ivorn=arrival.claimed_ivorn, sha256=arrival.claimed_sha256)
        raw = arrival.raw if in_kind else _RECEIPT
        await made.send(arrival.sender, Envelope(raw=raw, id=packet, body="answer"))

    made.on_arrival = answer
    await stack.enter_async_context(opened(made))


if __name__ == "__main__":
    asyncio.run(_play(sys.argv[1], Path(sys.argv[2])))
