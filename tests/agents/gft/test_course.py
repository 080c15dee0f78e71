"""Whatever happens in whatever order: triggers, better positions, retractions, second bursts, and deaths.

One telescope with its real journal, devices and campaigns; what it would send is taken as archived at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agents.gft.campaign
from agents.gft.record import Record
from agents.gft.reduction.calibration import Masters
from followup.almanac import Almanac
from followup.campaign import CampaignState, What, fold, outcome_of, summaries
from followup.clock import SkyClock
from followup.names import CSC
from followup.progress import shows
from messaging.desk import Answer
from messaging.records import Entry
from tests.agents.gft.reduction.observatory import small_telescope
from tests.agents.test_changes import RULES
from tests.agents.world import AUTHORITY, BEGIN, CENTRE, GFT, STRATEGIES, T0, World, until
from voevent.build import build
from voevent.kinds import Cited, Header, Outcome, ReceiptOutcome, Trigger, TriggerAction
from voevent.packet import PacketId, SkyPosition

pytestmark = pytest.mark.usefixtures("plain")

BURSTS = ("sb26112201", "sb26112202")
PLACES = {
    "here": CENTRE,
    "near": SkyPosition(ra_deg=CENTRE.ra_deg + 0.02, dec_deg=CENTRE.dec_deg, error_radius_deg=0.01),
    "far": SkyPosition(ra_deg=CENTRE.ra_deg + 1.0, dec_deg=CENTRE.dec_deg, error_radius_deg=0.01),
}
RATE = 800.0


class Delivered:
    """Stands in for `agents.gft.sending.Sending`: what is sent is archived at once."""

    def __init__(self, _bench: Any, record: Record, **_facts: Any) -> None:
        self.record = record
        self.waits: dict[str, str] = {}

    async def send(self, dataset: str, paths: Sequence[str], *, task: str = "") -> None:
        del paths, task
        if dataset not in self.record.state.archived:
            await self.record.note(What.UPLOADING, dataset=dataset, attempt=1)
            await self.record.note(What.ARCHIVED, dataset=dataset)


async def answered(_record: Record) -> bool:
    """Stands in for `Record.settled`: every packet has its receipt."""
    return True


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no science centre."""
    monkeypatch.setattr(agents.gft.campaign, "Sending", Delivered)
    monkeypatch.setattr(Record, "settled", answered)


class Night:
    """What is done to the telescope, and what was asked of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.revisions: Counter[str] = Counter()
        self.deaths = 0

    async def asked(self, burst: str, action: TriggerAction, place: str = "", **features: str) -> Answer:
        """Give it a trigger, as the courier does; what follows from its answer is committed and begun."""
        gft = self.world.gft
        urgent = burst == BURSTS[1]
        content = Trigger(
            burst=burst,
            telescope=GFT,
            action=action,
            revision=self.revisions[burst],
            trigger_time=T0,
            position=PLACES[place] if place else None,
            instrument="ECLAIRs",
            notice=PacketId(ivorn=f"ivo://org.svom/fsc#{burst}_alert", sha256="0" * 64),
            features={"Packet_Type": "209" if urgent else "202"} | features,
        )
        self.revisions[burst] += 1
        header = Header(
            authority=AUTHORITY,
            author=CSC,
            campaign=f"{burst}.{GFT}",
            sequence=self.revisions[burst],
            date=T0,
            drill=True,
            cites=(Cited(id=content.notice),),
        )
        packet = build(header, content)

        def keep(transaction: Any) -> None:
            transaction.store(packet, sender=CSC, considered=True)

        await self.world.gft.journal.write(keep)
        answer = await gft.agent.consider(packet, header, content)
        assert answer.outcome.final
        if answer.effect is not None:
            await gft.journal.write(answer.effect)
        if answer.outcome is ReceiptOutcome.ACCEPTED:
            answer.then()
        return answer

    async def die(self) -> None:
        """Kill it, and start it again."""
        self.deaths += 1
        await self.world.gft.kill()
        await self.world.gft.start()

    async def entries(self) -> list[Entry]:
        found: list[Entry] = []
        for burst in BURSTS:
            found += await self.world.gft.entries(f"{burst}.{GFT}")
        return sorted(found, key=lambda entry: entry.row)

    async def goes_on(self, steps: int) -> None:
        """Wait until so much more was journalled, or there is nothing left to do."""
        wanted = len(await self.entries()) + steps
        while self.world.gft.agent.campaigns and len(await self.entries()) < wanted:  # noqa: ASYNC110 - of any kind
            await asyncio.sleep(0.003)

    async def ended(self) -> None:
        """Wait until every campaign is closed."""
        await until(lambda: not self.world.gft.agent.campaigns)


EVENTS = st.tuples(
    st.integers(0, 12),
    st.sampled_from(["near", "far", "here", "retract", "second", "second far", "retract second", "die"]),
)


async def happen(night: Night, what: str) -> None:
    first, second = BURSTS
    match what.split():
        case ["die"]:
            await night.die()
        case ["retract"]:
            await night.asked(first, TriggerAction.RETRACT)
        case ["retract", _]:
            await night.asked(second, TriggerAction.RETRACT)
        case ["second", *place]:
            await night.asked(second, TriggerAction.OBSERVE, *(place or ["near"]))
        case [place]:
            await night.asked(first, TriggerAction.OBSERVE, place)


def check(state: CampaignState, entries: Sequence[Entry], night: Night) -> None:
    """What holds for every campaign that was begun, whatever happened."""
    assert state.closed, "every campaign ends"
    count: Counter[str] = Counter(e.data["exposure"] for e in entries if e.what == What.EXPOSING)
    exposed = Counter(e.data["exposure"] for e in entries if e.what == What.EXPOSED)
    assert set(exposed.values()) <= {1}, "no exposure is taken twice"
    taken_away = sum(e.what in {What.PREEMPTED, What.REVISED} for e in entries)
    assert count.total() - len(count) <= night.deaths + taken_away, "only what was in flight is repeated"
    if state.plan is not None and not state.stale:
        target = SkyPosition(**state.plan["target"])
        good = {key for key in state.exposed if shows(state.aimed[key], target, night.world.model.instrument)}
        counted = sum(task.exposures for task in summaries(state))
        assert counted == len(good), "exposures of another field do not count, all others do"
    told_off = [e.row for e in entries if e.what == What.STOPPED]
    if told_off:
        assert state.stopped is not None
        assert outcome_of(state)[0] is Outcome.RETRACTED
        late = [e for e in entries if e.what == What.EXPOSED and e.row > told_off[0]]
        assert len(late) <= 1, "what was being written, if anything"
    away = 0
    for entry in entries:
        away += {What.PREEMPTED: 1, What.RESUMED: -1}.get(What(entry.what), 0)
        assert not (away > 0 and entry.what == What.TASK_ENDED and entry.data["exposures"] and not told_off)
    held = sum(e.what == What.HELD for e in entries)
    assert sum(e.what == What.RESUMED for e in entries) <= held


@asynccontextmanager
async def one_night(folder: Path, almanac: Almanac, masters: Masters) -> AsyncIterator[Night]:
    world = World(folder, model=small_telescope(320), masters=masters, almanac=almanac)
    world.sky = SkyClock(sky_epoch=BEGIN, wall_epoch=world.wall.now(), rate=RATE, wall=world.wall)
    world.strategies = STRATEGIES.replace('default = "brief"', f'default = "brief"\n{RULES}', 1)
    await world.gft.start()
    try:
        yield Night(world)
    finally:
        await world.gft.stop()
        await world.server.close()


@given(events=st.lists(EVENTS, min_size=1, max_size=5))
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory,
    night: Almanac,
    night_masters: Masters,
    events: list[tuple[int, str]],
) -> None:
    asyncio.run(happens(tmp_path_factory.mktemp("night"), night, night_masters, events))


async def happens(folder: Path, almanac: Almanac, masters: Masters, events: list[tuple[int, str]]) -> None:
    async with one_night(folder, almanac, masters) as tonight:
        await tonight.asked(BURSTS[0], TriggerAction.OBSERVE, "here")
        for after, what in events:
            await tonight.goes_on(after)
            await happen(tonight, what)
        await tonight.ended()
        for burst in BURSTS:
            entries = await tonight.world.gft.entries(f"{burst}.{GFT}")
            if any(entry.what == What.ACCEPTED for entry in entries):
                check(fold(entries), entries, tonight)


async def test_a_second_burst_is_refused_by_a_rule(
    tmp_path: Path, night: Almanac, night_masters: Masters
) -> None:
    first, second = BURSTS
    async with one_night(tmp_path, night, night_masters) as tonight:
        gft = tonight.world.gft
        go_on = gft.hold("camera.expose", 1)
        await tonight.asked(first, TriggerAction.OBSERVE, "here")
        await gft.told("camera.expose", 1)
        answer = await tonight.asked(second, TriggerAction.OBSERVE, "far", SNR="4.2")
        assert answer.outcome is ReceiptOutcome.REFUSED
        assert answer.reason == f"{second}.{GFT} is refused because of {first}.{GFT}: SNR = 4.2"
        assert answer.details["rule"] == "too-many"
        [declined] = await gft.entries(f"{second}.{GFT}")
        assert declined.what == What.DECLINED
        assert [each["rule"] for each in declined.data["decisions"]][-1] == "too-many"
        go_on.set()
        await tonight.ended()


async def test_a_position_is_refined_while_another_has_the_telescope(
    tmp_path: Path, night: Almanac, night_masters: Masters
) -> None:
    """It goes on with the better one when it is its turn again."""
    first, second = BURSTS
    async with one_night(tmp_path, night, night_masters) as tonight:
        turns = tonight.world.gft.bench.observatory.turns
        tonight.world.gft.hold("camera.expose", 1)
        await tonight.asked(first, TriggerAction.OBSERVE, "here")
        await tonight.world.gft.told("camera.expose", 1)
        await tonight.asked(second, TriggerAction.OBSERVE, "far")
        assert turns.reserved_for == f"{second}.{GFT}"
        await tonight.asked(first, TriggerAction.OBSERVE, "near")
        await tonight.ended()
        entries = await tonight.entries()
        resumed = next(e.row for e in entries if e.what == What.RESUMED)
        ended = next(e.row for e in entries if e.what == What.TASK_ENDED and second in e.campaign)
        assert ended < resumed
        assert turns.reserved_for == ""
        state = fold(await tonight.world.gft.entries(f"{first}.{GFT}"))
        assert state.plan is not None
        assert state.plan["target"]["ra_deg"] == PLACES["near"].ra_deg
        assert state.aimed["t1-r-001"].ra_deg == PLACES["near"].ra_deg
