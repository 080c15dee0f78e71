"""Replays on order, and suites: what they make of verdicts, and of what cannot be replayed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.replay import serving
from console.replay.errors import ReplayError
from console.replay.serving import Replay, ReplayService
from console.replay.showing_suite import status_of, suite_data
from console.replay.suite import bundles_in, replay_each
from console.replay.verdict import Line, Sameness, Verdict
from followup.clock import WallClock
from followup.errors import ConfigurationError
from followup.story import Ended, Runner, Shown, StepEnded, StepStarted, StepState, Story, StoryEvent

PARTIES = ("gft", "csc")


def verdict(name: str, *, good: bool = True) -> Verdict:
    sameness = Sameness.SAME if good else Sameness.DIFFERS
    return Verdict(
        campaign=name,
        against="gft",
        packets=(Line(what="closing", sameness=sameness),),
        decisions=(),
        datasets=(),
        faults=(),
        digest="0" * 64,
        reduction_s=0.0,
        wall_s=1.0,
    )


def played(path: Path, against: str, speed: str, runner: Runner) -> list[Verdict]:
    """What a replay of that name would come to, told as one is."""
    if path.name.startswith("broken"):
        raise ReplayError("the record has no strategies", hint="it is old")
    story = Story(flow="replay", name=path.stem, subject="", clock=WallClock())
    runner.follow(story)
    story.begin("play:", "play the record")
    story.say("a word", step="play:")
    story.end("play:")
    story.show("verdict", "Verdict", table=({"what": "closing"},))
    story.finish(StepState.COMPLETED, "As recorded", "")
    return [verdict(path.name, good=not path.name.startswith("bad"))]


@pytest.fixture
def nights(tmp_path: Path) -> Path:
    for name in ("b-good", "a-good"):
        (tmp_path / f"{name}.tar.zst").touch()
    return tmp_path


@pytest.fixture
def service(nights: Path) -> Iterator[Callable[..., ReplayService]]:
    made: list[ReplayService] = []

    def make(replay: Replay = played) -> ReplayService:
        made.append(ReplayService(nights, PARTIES, replay))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ended(story: Story) -> tuple[Ended, list[StoryEvent]]:
    """The end of a story, and all before."""
    over, events = threading.Event(), list[StoryEvent]()

    def hear(event: StoryEvent) -> None:
        events.append(event)
        if isinstance(event, Ended):
            over.set()

    story.read(hear)
    assert over.wait(60.0)
    assert isinstance(events[-1], Ended)
    return events[-1], events[:-1]


def wanted(bundle: str = "", **facts: str) -> dict[str, str]:
    return {"bundle": bundle, "against": "gft", "speed": "max", **facts}


def test_a_suite_is_replayed_in_order_and_told_as_one(service: Callable[..., ReplayService]) -> None:
    desk = service()
    assert desk.bundles() == ("a-good.tar.zst", "b-good.tar.zst")
    end, events = ended(desk.begin(wanted()))
    assert (end.state, end.name) == (StepState.COMPLETED, "As recorded")
    begun = [event.name for event in events if isinstance(event, StepStarted)]
    assert begun == ["a-good.tar: play the record", "b-good.tar: play the record"]
    keys = [event.step for event in events if isinstance(event, StepStarted | StepEnded)]
    assert len(set(keys)) == 2
    assert all(key.startswith("play:") for key in keys)
    shown = {event.key: event.table for event in events if isinstance(event, Shown)}
    assert set(shown) == {"a-good.tar verdict", "b-good.tar verdict", "suite"}
    assert [row["verdict"] for row in shown["suite"]] == ["as recorded", "as recorded"]


@pytest.mark.parametrize(
    ("names", "name", "said"),
    [
        (["bad"], "Not as recorded", "bad.tar.zst replayed against gft: not as recorded"),
        (["broken"], "Cannot be replayed", "the record has no strategies"),
        (["bad", "broken"], "Not as recorded", "the record has no strategies"),
    ],
)
def test_an_end_that_is_not_good_is_a_failure(
    service: Callable[..., ReplayService], nights: Path, names: list[str], name: str, said: str
) -> None:
    for each in names:
        (nights / f"{each}.tar.zst").touch()
    end, events = ended(service().begin(wanted()))
    assert (end.state, end.name) == (StepState.FAILED, name)
    assert said in end.message
    [rows] = [event.table for event in events if isinstance(event, Shown) and event.key == "suite"]
    assert len(rows) == 2 + len(names), "one that cannot be replayed keeps no other from it"


def test_nothing_but_what_is_listed_can_be_asked_for(service: Callable[..., ReplayService]) -> None:
    end, _ = ended(service().begin(wanted("../a-good.tar.zst")))
    assert (end.state, end.name) == (StepState.FAILED, "Refused")
    assert "holds no ../a-good.tar.zst" in end.message


def test_a_fault_of_ours_is_told(service: Callable[..., ReplayService]) -> None:
    def faulty(*_facts: object) -> list[Verdict]:
        raise ValueError("a fault")

    end, events = ended(service(faulty).begin(wanted()))
    assert (end.state, end.name) == (StepState.FAILED, "Cannot be replayed")
    assert end.message == "ValueError: a fault; ValueError: a fault"
    [rows] = [event.table for event in events if isinstance(event, Shown)]
    assert len(rows) == 2, "it keeps no other bundle from it"


def test_a_fault_of_the_service_is_logged(
    service: Callable[..., ReplayService], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(_folder: Path) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr(serving, "bundles_in", faulty)
    end, _ = ended(service().begin(wanted()))
    assert (end.state, end.name, end.message) == (StepState.FAILED, "Broke off", "ValueError: a fault")
    assert "what was ordered broke off" in caplog.text


def test_a_fault_with_one_bundle_is_logged_and_keeps_no_other_from_it(
    nights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(path: Path) -> list[Verdict]:
        if path.name.startswith("a"):
            raise KeyError("rule")
        return [verdict(path.name)]

    first, second = replay_each(bundles_in(nights), faulty)
    assert first.problem == "KeyError: 'rule'"
    assert "Traceback" in caplog.text
    assert second.good


def test_who_cancels_stops_after_the_bundle_that_is_played(service: Callable[..., ReplayService]) -> None:
    playing, go_on = threading.Event(), threading.Event()

    def slow(path: Path, against: str, speed: str, runner: Runner) -> list[Verdict]:
        playing.set()
        assert go_on.wait(60.0)
        return [verdict(path.name)]

    story = service(slow).begin(wanted())
    assert playing.wait(60.0)
    story.on_cancel("the run was cancelled in Prefect")
    go_on.set()
    end, events = ended(story)
    assert (end.state, end.name, end.message) == (StepState.CANCELLED, "Stopped", "after 1 of the bundles")
    [rows] = [event.table for event in events if isinstance(event, Shown)]
    assert len(rows) == 1


def test_a_suite_for_the_command_line(nights: Path) -> None:
    good = list(replay_each(bundles_in(nights), lambda path: [verdict(path.name)]))
    bad = list(replay_each([nights / "bad"], lambda path: [verdict(path.name, good=False)]))
    (nights / "none").mkdir()

    def absent(path: Path) -> list[Verdict]:
        raise ReplayError(f"{path.name} is old")

    old = list(replay_each([nights / "old"], absent))
    assert (status_of(good), status_of(bad), status_of([*good, *bad, *old])) == (0, 1, 2)
    data = suite_data([*good, *old])
    assert [one["good"] for one in data] == [True, True, False]
    assert data[-1]["problem"] == "old is old"
    with pytest.raises(ConfigurationError, match="holds no bundle"):
        bundles_in(nights / "none")
