"""Three kinds of site, a server that loses, repeats, delays and reorders, deaths between any commits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from followup.names import RELAY
from messaging import inbox
from messaging.desk import Answer
from messaging.records import OutgoingState, ToUser
from messaging.timing import Timing
from tests.messaging.world import Site, World, campaign_of, status, trigger, upload
from voevent.kinds import Content, ReceiptOutcome
from voevent.packet import PacketId

TELESCOPES = ("gft-a", "gft-b")
SITES = ("csc", RELAY, *TELESCOPES)
TIMING = Timing(poll_s=3600.0, batch=3)

fates = st.lists(
    st.sampled_from([(), (0.0,), (0.0, 0.0), (0.0, 4.0), (0.5,), (13.0,), (1.0, 200.0)]),
    min_size=1,
    max_size=12,
)
"""Lost, delivered, doubled, echoed late, delayed past what follows, past a repetition, past much."""

telescopes = st.sampled_from(TELESCOPES)
durations = st.sampled_from([0.2, 5.0, 11.0, 70.0, 400.0])


class Exchange(RuleBasedStateMachine):
    """Whatever happens on the way, each packet has its effect once, and its author hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(TELESCOPES, timing=TIMING)
        self.said: dict[PacketId, tuple[str, str]] = {}
        self.uploads: set[PacketId] = set()
        self.number = 0
        self.down = False

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def site(self, user: str) -> Site:
        return next(site for site in self.world.sites if site.user == user)

    async def say(self, author: str, telescope: str, content: Content, deadline_s: float | None) -> None:
        site = self.site(author)
        to = ToUser(telescope if author == "csc" else RELAY)
        # Its own process may die in the middle of saying it: then it was said, or it was not.
        task = asyncio.ensure_future(
            site.say(content, campaign=campaign_of(telescope), to=to, deadline_s=deadline_s)
        )
        await self.world.advance(0)
        if not task.done():
            task.cancel()
        elif content.__class__.__name__ == "Upload":
            self.uploads.add(task.result())

    @initialize()
    def start(self) -> None:
        self.run(self.world.start())

    @rule(telescope=telescopes, deadline_s=st.sampled_from([None, None, 50.0]))
    def trigger(self, telescope: str, deadline_s: float | None) -> None:
        if self.world.csc.alive:
            self.number += 1
            self.run(self.say("csc", telescope, trigger(telescope, self.number), deadline_s))

    @rule(telescope=telescopes, deadline_s=st.sampled_from([None, None, 50.0]))
    def report(self, telescope: str, deadline_s: float | None) -> None:
        if self.world.gfts[telescope].alive:
            self.number += 1
            self.run(self.say(telescope, telescope, status(f"no. {self.number}"), deadline_s))

    @rule(telescope=telescopes)
    def upload(self, telescope: str) -> None:
        if self.world.gfts[telescope].alive:
            self.number += 1
            self.run(self.say(telescope, telescope, upload(f"t{self.number}"), None))

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
        if self.down:
            await self._mend()
        for site in self.world.sites:
            site.journal.fuse = None
            if not site.alive:
                await self._restart(site)
        await self.world.advance(1000)
        # Also those whose author died before it could tell that it had said them.
        for packet in self.world.csc.look(lambda r: r.latest(10**6)):
            if packet.kind == "upload":
                await self._finish(packet.id)
        await self.world.advance(1000)

    def teardown(self) -> None:
        try:
            if any(site.alive for site in self.world.sites):
                self.run(self.heal())
                self.check()
        finally:
            if hasattr(self.world.csc, "courier"):
                self.run(self.world.stop())
            self.loop.close()

    def check(self) -> None:
        world = self.world
        for site in world.sites:
            assert not site.pending(), "something is still to be sent"
            assert not site.look(lambda r: r.quarantined()), "nobody said anything wrong"
            assert not site.look(inbox.unconsidered), "its service was not told of everything"
            for telescope in TELESCOPES:
                for what in ("effect", "noted"):
                    done = site.effects(campaign_of(telescope), what)
                    assert len(done) == len(set(done)), f"{what} twice at {site.user}"
        for telescope in TELESCOPES:
            self.check_campaign(campaign_of(telescope), world.gfts[telescope])

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
