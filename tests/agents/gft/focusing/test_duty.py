"""When a telescope is focused: by itself, by hand, and not while somebody else needs it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.gft.focusing.duty import FocusDuty, FocusRefusedError
from agents.gft.focusing.way_back import FOCUS_BACK, FOCUSED, FOCUSING
from agents.gft.gate import HOLD, SAFETY
from agents.gft.observatory import Observatory
from followup.story import Ended, Story
from simulators.focuser import IN_FOCUS
from tests.agents.gft.focusing.test_run import HIGH, MODEL, NO_MASTERS, TERMS, Night


class Kept:
    """A journal that keeps what it is told, and a runner that keeps its stories."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, Any]] = []
        self.stories: list[Story] = []

    async def write(self, work: Any) -> None:
        work(self)

    async def read(self, look: Any) -> Any:
        return look(self)

    def entries(self, campaign: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(what=what, data=data) for name, what, data in self.notes if name == campaign]

    def note(self, campaign: str, what: str, data: Any, *, time: object) -> None:
        self.notes.append((campaign, what, data))

    def follow(self, story: Story) -> None:
        self.stories.append(story)

    @property
    def told(self) -> list[str]:
        return [what for _, what, _ in self.notes]

    @property
    def ends(self) -> list[str]:
        return [e.name for story in self.stories for e in story._events if isinstance(e, Ended)]


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def duty(night: Night, kept: Kept) -> FocusDuty:
    return duty_of(night, kept)


def duty_of(night: Night, kept: Kept) -> FocusDuty:
    bench = SimpleNamespace(
        name="gft-spm",
        observatory=night.observatory,
        gate=night.observatory.gate,
        masters=NO_MASTERS,
        instrument=MODEL.instrument,
        site=MODEL.site,
        sky=night.clock,
        runner=kept,
        journal=kept,
    )
    return FocusDuty(cast("Any", bench), night.focuser, TERMS)


async def test_as_the_night_begins_and_only_once(duty: FocusDuty, night: Night, kept: Kept) -> None:
    night.observatory.gate.shut(SAFETY, "Sun")
    watching = asyncio.ensure_future(duty.watch())
    await night.clock.advance(120.0)
    assert kept.stories == []
    night.observatory.gate.lift(SAFETY)
    while not kept.ends:
        await night.clock.advance(1.0)
        await asyncio.sleep(0.001)
    assert kept.ends == ["Focused"]
    (begun, (telescope, what, data)) = kept.notes
    assert begun == ("gft-spm", FOCUSING, {"start": IN_FOCUS})
    assert (telescope, what, data["reason"]) == ("gft-spm", FOCUSED, "the night begins")
    assert data["problem"] == ""
    assert len(data["samples"]) == TERMS.points
    # Nobody observes: the telescope does not stay behind, open and tracking.
    assert night.observatory.sheltered
    assert not await night.telescope.dome.is_open()
    await night.clock.advance(3600.0)
    assert len(kept.stories) == 1
    watching.cancel()
    await asyncio.wait({watching})


async def test_again_when_the_temperature_has_changed_enough(duty: FocusDuty, night: Night) -> None:
    assert (await night.clock.finish(duty.by_hand("a test")))["problem"] == ""
    for temperature_c, due in ((9.0, ""), (5.5, "the tube is 2.5 deg C colder than last time")):
        night.weather.write_text(json.dumps({"safe": True, "values": {"temperature_c": temperature_c}}))
        assert await duty.due() == due


async def test_by_hand_it_says_what_came_of_it_and_why_not(duty: FocusDuty, night: Night) -> None:
    answer = await night.clock.finish(duty.by_hand("observer"))
    assert answer["reason"] == "asked for by observer"
    assert answer["problem"] == ""
    assert abs(answer["position"] - IN_FOCUS) < 200
    night.observatory.gate.shut(HOLD, "a person on the roof")
    with pytest.raises(FocusRefusedError, match="hold: a person on the roof"):
        await duty.by_hand("observer")
    night.observatory.gate.lift(HOLD)
    async with night.observatory.turn("sb26112201.gft-spm"):
        with pytest.raises(FocusRefusedError, match="in use: sb26112201"):
            await duty.by_hand("observer")


async def test_a_burst_has_the_telescope_at_once(duty: FocusDuty, night: Night, kept: Kept) -> None:
    running = asyncio.ensure_future(duty.by_hand("a test"))
    while await night.focuser.position() == IN_FOCUS:
        await night.clock.advance(1.0)
        await asyncio.sleep(0.001)
    assert not night.observatory.busy
    before = night.clock.now()
    async with asyncio.timeout(5.0), night.observatory.turn("sb26112201.gft-spm"):
        assert night.clock.now() == before
        with pytest.raises(FocusRefusedError, match="somebody needs the telescope"):
            await running
    assert kept.ends == ["Broken off"]
    # Not at once again: there may be more to come.
    assert await duty.due() == ""


async def test_the_next_process_puts_the_focuser_right(duty: FocusDuty, night: Night, kept: Kept) -> None:
    start = IN_FOCUS + 300
    await night.clock.finish(night.focuser.move(start))
    running = asyncio.ensure_future(duty.by_hand("a test"))
    while await night.focuser.position() == start:
        await night.clock.advance(1.0)
        await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.wait({running})
    assert kept.told == [FOCUSING]
    # Killed: another process has another observatory, and only the journal and the devices are the same.
    night.observatory = Observatory(night.telescope, night.clock)
    night.observatory.gate.lift(SAFETY)
    await duty_of(night, kept).restore()
    assert await night.focuser.position() != start, "nothing moves before it is needed"
    await night.clock.finish(night.observatory.point(HIGH))
    assert await night.focuser.position() == start
    assert kept.told == [FOCUSING, FOCUS_BACK]
    night.observatory = Observatory(night.telescope, night.clock)
    again = duty_of(night, kept)
    await again.restore()
    assert night.observatory._to_put_right is None, "it is right"


async def test_a_run_after_one_cut_short_begins_where_that_began(
    duty: FocusDuty, night: Night, kept: Kept
) -> None:
    start = IN_FOCUS + 300
    await night.clock.finish(night.focuser.move(start))
    running = asyncio.ensure_future(duty.by_hand("a test"))
    while await night.focuser.position() == start:
        await night.clock.advance(1.0)
        await asyncio.sleep(0.001)
    night.observatory.gate.shut(HOLD, "a person on the roof")
    with pytest.raises(FocusRefusedError):
        await running
    assert night.observatory.pointed_at is not None
    night.observatory.gate.lift(HOLD)
    await night.clock.finish(duty.by_hand("a test"))
    assert kept.told == [FOCUSING, FOCUS_BACK, FOCUSING, FOCUSED]
    assert kept.notes[2][2] == {"start": start}


async def test_a_hold_ends_a_run(duty: FocusDuty, night: Night) -> None:
    running = asyncio.ensure_future(duty.by_hand("a test"))
    while await night.focuser.position() == IN_FOCUS:
        await night.clock.advance(1.0)
        await asyncio.sleep(0.001)
    night.observatory.gate.shut(HOLD, "a person on the roof")
    with pytest.raises(FocusRefusedError, match="broken off: hold: a person on the roof"):
        await running
    assert night.observatory.idle
