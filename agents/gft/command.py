"""People in charge of a telescope: what they order is committed to the journal, told, and then done."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from agents.gft.announcing import status_of
from agents.gft.bench import Bench
from agents.gft.campaign import ObservingCampaign
from agents.gft.closing import LOGS
from agents.gft.gate import HALT, HOLD, PEOPLE, SAFETY, TAKEOVER
from agents.gft.orders import InForce, Order, Ordered, Person, in_force
from followup.campaign import What, fold
from followup.errors import FollowupError
from followup.names import RELAY
from followup.steering import Condition
from messaging.records import ToUser
from messaging.transaction import Transaction
from voevent.kinds import Cited, Outcome, Status

T = TypeVar("T")

log = logging.getLogger(__name__)

_STOPS_S = 10.0
"""A telescope that is not at rest by then has a fault."""


class OrderRefusedError(FollowupError):
    """What a person orders cannot be done now."""


class NotParkedError(FollowupError):
    """An order was obeyed, but the telescope could not be parked and closed."""


class Command:
    """Gives people command of one telescope.

    Parameters
    ----------
    campaigns
        Those that are open, by name.

    Attributes
    ----------
    in_force
        What people have ordered and not taken back.
    """

    def __init__(self, bench: Bench, campaigns: Mapping[str, ObservingCampaign]) -> None:
        self.bench = bench
        self.campaigns = campaigns
        self.in_force = InForce()
        self._turn = asyncio.Lock()
        self._working: set[asyncio.Future[Any]] = set()

    async def restore(self) -> None:
        """Put into force again what an earlier process was ordered: before anything moves."""
        async with self._turn:
            self.in_force = in_force(await self.bench.journal.read(lambda r: r.entries(self.bench.name)))
            self._shut()
        taken = self.in_force.takeover
        if taken is not None and taken.park:
            # It is not parked now: who has taken it over may be at work there.
            self.bench.observatory.trouble = (
                "it is not known whether it was parked: the agent was started anew"
            )
        if said := str(self.in_force):
            log.warning("%s is %s", self.bench.name, said, extra={"event": "telescope.held"})

    async def hold(self, by: Person, reason: str, *, at_once: bool = False) -> InForce:
        """Begin nothing more; an exposure in progress may end, unless `at_once`."""
        return await self._order(self._ordered(Order.HOLD, by, reason, at_once=at_once))

    async def park(self, by: Person, reason: str) -> InForce:
        """Hold at once, park, close the dome.

        Raises
        ------
        NotParkedError
            When it is held, but not parked and closed.
        """
        return await self._order(self._ordered(Order.PARK, by, reason, at_once=True))

    async def resume(self, by: Person, reason: str) -> InForce:
        """End a hold.

        Raises
        ------
        OrderRefusedError
            When nobody holds it.
        """

        def check() -> None:
            if self.in_force.hold is None:
                taken = self.in_force.takeover
                raise OrderRefusedError(
                    f"nobody holds {self.bench.name}" + (f"; it is {taken}" if taken else ""),
                    hint="followup gft giveback ends a takeover"
                    if taken
                    else "it observes when there is something",
                )

        return await self._order(self._ordered(Order.RESUME, by, reason), check)

    async def take_over(self, by: Person, reason: str, *, park: bool) -> InForce:
        """Take the devices from the agent.

        Raises
        ------
        OrderRefusedError
            When somebody else has them.
        """

        def check() -> None:
            taken = self.in_force.takeover
            if taken is not None and taken.by != by:
                raise OrderRefusedError(
                    f"{self.bench.name} is {taken}",
                    hint="ask them; followup gft giveback gives it back to the agent first",
                )

        ordered = self._ordered(Order.TAKEOVER, by, reason, at_once=True, park=park)
        return await self._order(ordered, check)

    async def give_back(self, by: Person, reason: str) -> InForce:
        """Give the devices back to the agent.

        Raises
        ------
        OrderRefusedError
            When nobody has taken them.
        """

        def check() -> None:
            if self.in_force.takeover is None:
                raise OrderRefusedError(
                    f"nobody has taken {self.bench.name} over", hint="followup gft resume ends a hold"
                )

        return await self._order(self._ordered(Order.GIVEBACK, by, reason), check)

    async def abort(self, campaign: str, by: Person, reason: str) -> float | None:
        """End a campaign: the telescope stops at once; what was taken is reduced, sent and closed as aborted.

        Returns
        -------
        float or None
            After how many seconds the telescope was at rest; None when it is not known to be.

        Raises
        ------
        OrderRefusedError
            When it is not open, or is ending already.
        """
        began = time.monotonic()
        ordered = self._ordered(Order.ABORT, by, reason, at_once=True, campaign=campaign)
        observing = self.campaigns.get(campaign)
        if observing is None:
            raise OrderRefusedError(
                f"{self.bench.name} has no open campaign {campaign}",
                hint=f"open are: {', '.join(sorted(self.campaigns)) or 'none'}",
            )
        why = f"{reason or 'aborted'} (by {by})"
        now = self.bench.sky.now()

        def work(transaction: Transaction) -> str:
            state = fold(transaction.entries(campaign))
            if state.stopped is not None:
                return f"{campaign} was stopped already: {state.stopped[1]}"
            if state.closing or LOGS in state.attempts:
                return f"{campaign} is being closed already"
            transaction.note(self.bench.name, ordered.order, ordered.to_data(), time=now)
            transaction.note(campaign, What.STOPPED, {"outcome": Outcome.ABORTED, "reason": why}, time=now)
            return ""

        async def call_off() -> None:
            if refusal := await self.bench.journal.write(work):
                raise OrderRefusedError(refusal, hint=f"followup show {campaign} tells how it ends")
            self._log(ordered)
            await observing.called_off()

        await self._to_its_end(call_off())
        try:
            async with asyncio.timeout(_STOPS_S):
                while not observing.record.state.halted:  # noqa: ASYNC110 - it is a line of the journal
                    await asyncio.sleep(0.01)
        except TimeoutError:
            return None
        return time.monotonic() - began

    # --- as an orchestrator asks (`followup.steering.Held`) -----------------------------------------

    async def condition(self) -> Condition:
        """Tell whether people keep the telescope from observing, and what else does."""
        gate = self.bench.gate
        said = [str(self.in_force)] if str(self.in_force) else []
        said += [f"{keeper}: {reason}" for keeper, reason in gate.reasons.items() if keeper not in PEOPLE]
        user = self.bench.observatory.user
        said.append(f"observes {user}" if user else "")
        text = "; ".join(part for part in said if part) or "ready"
        return Condition(held=bool(str(self.in_force)), text=f"{self.bench.name}: {text}")

    async def hold_for(self, who: str, reason: str) -> None:
        """Hold for somebody whose computer is not known."""
        if self.in_force.hold is None:
            await self.hold(Person(name=who), reason)

    async def let_go(self, who: str, reason: str) -> None:
        """End a hold for somebody whose computer is not known; a takeover stays."""
        if self.in_force.hold is not None:
            await self.resume(Person(name=who), reason)

    # --- how ---------------------------------------------------------------------------------------

    def _ordered(
        self,
        order: Order,
        by: Person,
        reason: str,
        *,
        at_once: bool = False,
        park: bool = False,
        campaign: str = "",
    ) -> Ordered:
        now = self.bench.wall.now()
        return Ordered(
            order=order, by=by, reason=reason, time=now, at_once=at_once, park=park, campaign=campaign
        )

    async def _order(self, ordered: Ordered, check: Callable[[], None] = lambda: None) -> InForce:
        """Have an order carried out, when its turn comes and if `check` does not raise then.

        What is begun is carried out: who waits for it may be cancelled, it is not.
        """
        await self._turn.acquire()
        # From here on nothing waits until the work has begun, which ends the turn.
        return await self._to_its_end(self._in_turn(ordered, check))

    async def _in_turn(self, ordered: Ordered, check: Callable[[], None]) -> InForce:
        try:
            return await self._carry_out(ordered, check)
        finally:
            self._turn.release()

    async def _to_its_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something that goes on when who waits for it is cancelled."""
        doing = asyncio.ensure_future(work)
        self._working.add(doing)
        doing.add_done_callback(self._working.discard)
        return await asyncio.shield(doing)

    async def _carry_out(self, ordered: Ordered, check: Callable[[], None]) -> InForce:
        """Commit an order together with the packets that tell of it; then obey it."""
        check()
        after = self.in_force.after(ordered)
        status = status_of(ordered, after, unsafe=self.bench.gate.reasons.get(SAFETY, ""))
        told = [campaign for campaign in self.campaigns.values() if _observes(campaign)]
        now = self.bench.sky.now()

        def work(transaction: Transaction) -> None:
            transaction.note(self.bench.name, ordered.order, ordered.to_data(), time=now)
            for campaign in told:
                self._tell(transaction, campaign, status)

        await self.bench.journal.write(work)
        self.in_force = after
        self._log(ordered)
        self.bench.wake()
        for campaign in told:
            campaign.record.told_of_hold = bool(str(after))
            campaign.story.say(status.text, level=logging.WARNING)
        await self._obey(ordered)
        return after

    def _tell(self, transaction: Transaction, campaign: ObservingCampaign, status: Status) -> None:
        state = fold(transaction.entries(str(campaign.name)))
        self.bench.author.compose(
            transaction,
            str(campaign.name),
            status,
            to=ToUser(RELAY),
            drill=campaign.record.drill,
            cites=(Cited(id=state.trigger),) if state.trigger else (),
        )

    def _shut(self) -> None:
        """Have the gate say what is in force."""
        gate, hold, taken = self.bench.gate, self.in_force.hold, self.in_force.takeover
        wanted = {
            HOLD: str(hold) if hold is not None and not hold.at_once else "",
            HALT: str(hold) if hold is not None and hold.at_once else "",
            TAKEOVER: str(taken) if taken is not None else "",
        }
        for keeper, reason in wanted.items():
            if reason:
                gate.shut(keeper, reason)
        for keeper, reason in wanted.items():
            if not reason:
                gate.lift(keeper)
        self.bench.observatory.to_park = hold is not None and hold.order is Order.PARK

    async def _obey(self, ordered: Ordered) -> None:
        """Keep the devices from being used, or let go of them, and do with them what is ordered besides."""
        observatory = self.bench.observatory
        if ordered.order is Order.TAKEOVER and not ordered.park:
            # The last thing that we do to it: afterwards nobody here stops it any more.
            self.bench.gate.shut(HALT, str(ordered))
            try:
                await observatory.halt()
            finally:
                observatory.out_of_hand()
                self._shut()
            return
        self._shut()
        if ordered.order is Order.PARK or ordered.park:
            if not await observatory.shelter():
                raise NotParkedError(
                    f"{self.bench.name} is {ordered.order.word} as ordered, but could not be made safe: "
                    f"{observatory.trouble}",
                    hint="look at the telescope",
                )
        elif ordered.at_once:
            await observatory.halt()
        elif ordered.order is Order.GIVEBACK:
            observatory.out_of_hand()

    def _log(self, ordered: Ordered) -> None:
        what = f" {ordered.campaign}" if ordered.campaign else ""
        log.warning(
            "%s%s by %s: %s",
            ordered.order.word,
            what,
            ordered.by,
            ordered.reason,
            extra={
                "event": f"telescope.{ordered.order.word}",
                "site": self.bench.name,
                "by": str(ordered.by),
                "reason": ordered.reason,
            },
        )


def _observes(campaign: ObservingCampaign) -> bool:
    """Whether a campaign still has something to observe."""
    state = campaign.record.state
    over = state.stopped is not None or state.closing or LOGS in state.attempts
    return state.trigger is not None and not over and (state.plan is None or bool(campaign.agenda.to_do))
