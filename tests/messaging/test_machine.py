"""Three kinds of site, a server that loses, repeats, delays and reorders, deaths between any commits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import cycle, repeat
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from followup.names import RELAY
from messaging import inbox
from messaging.desk import Answer
from messaging.records import OutgoingState, Quarantined, StoredPacket, ToUser
from messaging.session import Envelope
from messaging.timing import Timing
from tests.messaging.world import Site, World, campaign_of, status, trigger, upload
from voevent.build import build
from voevent.identity import sha256_of
from voevent.kinds import Content, Header, Receipt, ReceiptOutcome, Upload
from voevent.packet import Packet, PacketId
from voevent.parse import parse
from voevent.read import read

TELESCOPES = ("gft-a", "gft-b")
SITES = ("csc", RELAY, *TELESCOPES)
TIMINGS = (Timing(poll_s=3600.0, batch=3), Timing(poll_s=3600.0, batch=2, unanswered=2))
KEPT = 3
"""So many items a topic is left with when its service drops the oldest."""

fate = st.sampled_from([(), (), (0.0,), (0.0, 0.0), (0.0, 4.0), (0.5,), (13.0,), (1.0, 200.0)])
"""Lost, delivered, doubled, echoed late, delayed past what follows, past a repetition, past much."""
fates = st.lists(fate, min_size=1, max_size=12)
weathers = st.one_of(st.just([(0.0,)]), st.lists(fate, min_size=3, max_size=9).filter(any))
"""What becomes of deliveries in general; not all of them are lost."""

telescopes = st.sampled_from(TELESCOPES)
clocks = st.fixed_dictionaries({user: st.sampled_from([0.0, 0.0, -45.0, 420.0, -1800.0]) for user in SITES})
"""By how much each site's clock is wrong: up to half an hour."""
durations = st.sampled_from([0.2, 5.0, 11.0, 70.0, 400.0])


NEVER = {
    "settled without a final receipt": """
        SELECT COUNT(*) FROM outgoing JOIN packets ON packets.id = outgoing.packet
        WHERE state = 'settled' AND NOT EXISTS (
            SELECT 1 FROM receipts WHERE cited_ivorn = ivorn AND cited_sha256 = sha256
            AND outcome IN ('accepted', 'refused', 'expired'))""",
    "dealt with and not answered": """
        SELECT COUNT(*) FROM packets AS told
        WHERE received AND considered AND kind <> 'receipt' AND NOT EXISTS (
            SELECT 1 FROM receipts JOIN packets AS said ON said.id = receipts.packet
            WHERE cited_ivorn = told.ivorn AND cited_sha256 = told.sha256 AND NOT said.received)""",
}
"""What no journal may ever hold, whatever died when."""


class Exchange(RuleBasedStateMachine):
    """Whatever happens on the way, each packet has its effect once, and its author hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world: World
        self.uploads: set[PacketId] = set()
        self.forged: set[str] = set()
        self.invented: set[str] = set()
        self.twins: dict[PacketId, tuple[str, bytes]] = {}
        self.number = 0
        self.down = False

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def site(self, user: str) -> Site:
        return next(site for site in self.world.sites if site.user == user)

    async def say(self, author: str, telescope: str, *contents: Content, deadline_s: float | None) -> None:
        """Say something, or several things at once, which share a commit."""
        site = self.site(author)
        to = ToUser(telescope if author == "csc" else RELAY)
        campaign = campaign_of(telescope)
        # Its own process may die in the middle of saying it: then it was said, or it was not.
        tasks = [
            asyncio.ensure_future(site.say(content, campaign=campaign, to=to, deadline_s=deadline_s))
            for content in contents
        ]
        await self.world.advance(0)
        for task, content in zip(tasks, contents, strict=True):
            if not task.done():
                task.cancel()
            elif isinstance(content, Upload):
                self.uploads.add(task.result())

    @initialize(timing=st.sampled_from(TIMINGS), clocks=clocks, weather=weathers)
    def start(self, timing: Timing, clocks: dict[str, float], weather: list[tuple[float, ...]]) -> None:
        self.world = World(TELESCOPES, timing=timing, ahead_s=clocks)
        self.world.weather = cycle(weather)
        self.run(self.world.start())

    @rule(telescope=telescopes, deadline_s=st.sampled_from([None, None, 50.0]))
    def trigger(self, telescope: str, deadline_s: float | None) -> None:
        if self.world.csc.alive:
            self.number += 1
            self.run(self.say("csc", telescope, trigger(telescope, self.number), deadline_s=deadline_s))

    @rule(telescope=telescopes, deadline_s=st.sampled_from([None, None, 50.0]))
    def report(self, telescope: str, deadline_s: float | None) -> None:
        if self.world.gfts[telescope].alive:
            self.number += 1
            self.run(self.say(telescope, telescope, status(f"no. {self.number}"), deadline_s=deadline_s))

    @rule(telescope=telescopes, count=st.integers(2, 4))
    def report_at_once(self, telescope: str, count: int) -> None:
        """Several that share a commit."""
        if self.world.gfts[telescope].alive:
            self.number += 1
            contents = [status(f"no. {self.number}, {n}") for n in range(count)]
            self.run(self.say(telescope, telescope, *contents, deadline_s=None))

    @rule(user=st.sampled_from(SITES), data=st.data())
    def revive(self, user: str, data: st.DataObject) -> None:
        """A person has an expired packet sent again."""
        site = self.site(user)
        expired = sorted({row.id for row in site.look(lambda r: r.outgoing(states=[OutgoingState.EXPIRED]))})
        if site.alive and expired:
            packet = data.draw(st.sampled_from(expired))
            self.run(self._revive(site, packet))

    async def _revive(self, site: Site, packet: PacketId) -> None:
        task = asyncio.ensure_future(site.journal.write(lambda tx: tx.revive(packet)))
        await self.world.advance(0)
        if not task.done():
            task.cancel()
        site.courier.wake()

    @rule(telescope=telescopes, data=st.data())
    def say_otherwise(self, telescope: str, data: st.DataObject) -> None:
        """Other bytes under a name that the relay holds already."""
        held = [p for p in self._held(telescope) if p.kind == "status"]
        if held:
            original = data.draw(st.sampled_from(held))
            header, _ = read(parse(original.raw))
            self.number += 1
            twin = build(header, status(f"otherwise {self.number}"))
            self.twins[twin.id] = (telescope, twin.raw)
            self.forge(telescope, RELAY, twin)

    @rule(telescope=telescopes, data=st.data())
    def steal(self, telescope: str, data: st.DataObject) -> None:
        """A packet that another telescope hands in, to the relay and past it."""
        held = self._held(telescope)
        other = next(name for name in TELESCOPES if name != telescope)
        if held:
            original = data.draw(st.sampled_from(held))
            for to in (RELAY, "csc", telescope):
                self.forge(other, to, parse(original.raw), genuine=True)

    @rule(telescope=telescopes)
    def impersonate(self, telescope: str) -> None:
        """A packet in another telescope's name that this one never said."""
        other = next(name for name in TELESCOPES if name != telescope)
        self.number += 1
        packet = build(self._header(telescope), status(f"invented {self.number}"))
        for to in (RELAY, "csc", telescope):
            self.forge(other, to, packet)

    def _header(self, author: str) -> Header:
        return Header(
            authority="followup",
            author=author,
            campaign=campaign_of(author),
            sequence=1000 + self.number,
            date=self.world.wall.now(),
            drill=True,
        )

    @rule(telescope=telescopes, outcome=st.sampled_from(ReceiptOutcome), own=st.booleans())
    def answer_what_was_never_sent(self, telescope: str, outcome: ReceiptOutcome, own: bool) -> None:
        self.number += 1
        author = telescope if own else "csc"
        digest = sha256_of(b"never %d" % self.number)
        never = PacketId(ivorn=f"ivo://followup/{author}#{campaign_of(telescope)}.x", sha256=digest)
        self.forge(telescope, RELAY, build(self._header(telescope), Receipt(cited=never, outcome=outcome)))

    @invariant()
    def journals_are_whole(self) -> None:
        for site in self.world.sites if hasattr(self, "world") else ():
            for what, query in NEVER.items():
                found = site.look(lambda r, q=query: r.connection.exec_driver_sql(q).scalar())
                assert not found, f"{what} at {site.user}"

    def _held(self, telescope: str) -> list[StoredPacket]:
        """What the relay holds of what a telescope said."""
        packets = self.world.relay.look(lambda r: r.packets(campaign_of(telescope)))
        return [p for p in packets if p.author == telescope and p.kind != "receipt"]

    def forge(self, sender: str, to: str, packet: Packet, *, genuine: bool = False) -> None:
        """Hand something to the server past any journal."""
        self.forged.add(packet.sha256)
        if not genuine:
            self.invented.add(packet.sha256)
        envelope = Envelope(raw=packet.raw, id=packet.id, body="")
        self.run(self._carry(sender, to, envelope))

    async def _carry(self, sender: str, to: str, envelope: Envelope) -> None:
        self.world.server.carry(sender, to, envelope)
        await self.world.advance(0)

    @rule()
    def evict(self) -> None:
        """The service drops the oldest items of each topic."""
        for topic in self.world.server._topics.values():
            for digest in list(topic.items)[:-KEPT]:
                del topic.items[digest]

    @rule(telescope=telescopes)
    def upload(self, telescope: str) -> None:
        if self.world.gfts[telescope].alive:
            self.number += 1
            self.run(self.say(telescope, telescope, upload(f"t{self.number}"), deadline_s=None))

    @precondition(lambda self: self.uploads)
    @rule(data=st.data())
    def finish_upload(self, data: st.DataObject) -> None:
        packet = data.draw(st.sampled_from(sorted(self.uploads)))
        self.run(self._finish(packet))

    async def _finish(self, packet: PacketId) -> None:
        csc = self.world.csc
        if not csc.alive or csc.look(lambda r: r.stored(packet)) is None:
            return
        answer = Answer(outcome=ReceiptOutcome.ACCEPTED, reason="archived")
        task = asyncio.ensure_future(csc.courier.answer(packet, answer))
        await self.world.advance(0)
        if not task.done():
            task.cancel()

    @rule(fates=fates)
    def disturb(self, fates: list[tuple[float, ...]]) -> None:
        self.world.fates.extend(fates)

    @rule(seconds=durations)
    def wait(self, seconds: float) -> None:
        self.run(self.world.advance(seconds))

    @rule(user=st.sampled_from(SITES))
    def kill(self, user: str) -> None:
        if self.site(user).alive:
            self.run(self.site(user).kill())

    @rule(user=st.sampled_from(SITES), commits=st.integers(0, 6), committed=st.booleans())
    def doom(self, user: str, commits: int, committed: bool) -> None:
        """Let it die at one of its next commits: just before it, or just after it and before it knows."""
        if self.site(user).alive:
            self.site(user).journal.fuse = (commits, committed)

    @rule(user=st.sampled_from(SITES))
    def restart(self, user: str) -> None:
        if not self.site(user).alive:
            self.run(self._restart(self.site(user)))

    async def _restart(self, site: Site) -> None:
        await site.kill()
        await site.start()

    @rule(wipe=st.booleans())
    def cut(self, wipe: bool) -> None:
        self.run(self._cut(wipe))

    async def _cut(self, wipe: bool) -> None:
        self.world.server.cut()
        self.down = True
        if wipe:
            self.world.server.wipe()
        await self.world.advance(0)

    @rule()
    def mend(self) -> None:
        if self.down:
            self.run(self._mend())

    async def _mend(self) -> None:
        self.world.server.mend()
        self.down = False
        await self.world.advance(0)

    async def heal(self) -> None:
        """Let everything be well again, for long enough."""
        self.world.fates.clear()
        self.world.weather = repeat((0.0,))
        if self.down:
            await self._mend()
        for site in self.world.sites:
            site.journal.fuse = None
            if not site.alive:
                await self._restart(site)
        await self.world.advance(1000)
        for twin, (telescope, raw) in self.twins.items():
            # It may have been lost; now it is not.
            await self._carry(telescope, RELAY, Envelope(raw=raw, id=twin, body=""))
        # Also those whose author died before it could tell that it had said them.
        for packet in self.world.csc.look(lambda r: r.latest(10**6)):
            if packet.kind == "upload":
                await self._finish(packet.id)
        await self.world.advance(1000)

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.run(self.heal())
                self.check()
        finally:
            if hasattr(self, "world"):
                self.run(self.world.stop())
            self.loop.close()

    def check(self) -> None:
        world = self.world
        for site in world.sites:
            assert not site.pending(), "something is still to be sent"
            for kept in site.look(lambda r: r.quarantined()):
                assert kept.sha256 in self.forged or self._answers_forgery(kept), "nobody said this wrongly"
            for digest in self.invented:
                assert not self._had_effect(site, digest), "it was never rightly said"
        for twin in self.twins:
            assert world.relay.outcomes(twin) == [f"{RELAY}: refused"], "it was dropped silently"
            assert world.relay.look(lambda r, t=twin: r.stored(t)) is None
            assert not site.look(inbox.unconsidered), "its service was not told of everything"
            for telescope in TELESCOPES:
                for what in ("effect", "noted"):
                    done = site.effects(campaign_of(telescope), what)
                    assert len(done) == len(set(done)), f"{what} twice at {site.user}"
        for telescope in TELESCOPES:
            self.check_campaign(campaign_of(telescope), world.gfts[telescope])

    def _answers_forgery(self, kept: Quarantined) -> bool:
        """Whether it is a refusal of what was forged, at the site in whose name it was."""
        _, content = read(parse(kept.raw))
        return isinstance(content, Receipt) and content.cited.sha256 in self.forged

    @staticmethod
    def _had_effect(site: Site, sha256: str) -> bool:
        """Whether a site's service acted on it; the relay notes receipts that it cannot know better about."""
        whats = ("effect",) if site.user == RELAY else ("effect", "noted")
        return any(sha256 in site.effects(campaign_of(name), what) for name in TELESCOPES for what in whats)

    def check_campaign(self, campaign: str, gft: Site) -> None:
        csc, relay = self.world.csc, self.world.relay
        for author, addressee in ((csc, gft), (gft, csc)):
            for out in author.look(lambda r: r.outgoing(campaign=campaign)):
                if not out.acknowledged:
                    continue
                had_effect = out.id.sha256 in addressee.effects(campaign)
                finals = {r.outcome for r in author.receipts(out.id) if r.outcome.final}
                if out.state is OutgoingState.SETTLED:
                    assert finals
                    assert had_effect or finals == {ReceiptOutcome.EXPIRED}
                else:
                    assert out.state is OutgoingState.EXPIRED
                    assert out.deadline is not None
                if author is gft and had_effect:
                    assert out.id.sha256 in relay.effects(campaign), "it went round the relay"
        # The plan that a trigger leads to exists if and only if the trigger had its effect.
        packets = gft.look(lambda r: r.packets(campaign))
        plans = [p for p in packets if b"plan for" in p.raw]
        assert len(plans) == len([p for p in packets if p.kind == "trigger" and p.considered])


TestExchange = Exchange.TestCase
TestExchange.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
