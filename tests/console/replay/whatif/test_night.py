"""What a campaign came to, summed up from its packets and the headers of its frames."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from console.replay.difference import Difference
from console.replay.suite import Problem
from console.replay.whatif import playing
from console.replay.whatif.comparison import Comparison, since
from console.replay.whatif.frames import FrameFacts
from console.replay.whatif.night import Night, night_of
from console.replay.whatif.showing import headline, rows, show_comparison
from console.replay.whatif.suite import Supposed, status_of
from tests.console.cli import followup
from voevent.kinds import (
    Closing,
    Content,
    Outcome,
    PhotometryPoint,
    PlannedTask,
    PowerLaw,
    Product,
    Receipt,
    ReceiptOutcome,
    Result,
    Status,
    StatusState,
    TaskOutcome,
    TaskSummary,
)
from voevent.packet import PacketId, SkyPosition

T0 = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
TRIGGER = PacketId(ivorn="ivo://followup/csc#b.trigger", sha256="1" * 64)
OTHER = PacketId(ivorn="ivo://followup/csc#b.other", sha256="2" * 64)


def point(t_s: float, mag: float, *, limit: bool = False, filter_name: str = "r") -> PhotometryPoint:
    return PhotometryPoint(
        task="t1",
        t_s=t_s,
        exposure_s=20.0,
        filter=filter_name,
        mag=mag,
        mag_err=None if limit else 0.02,
        limit=limit,
    )


def frame(after_s: float, limit_mag: float | None, filter_name: str = "r") -> FrameFacts:
    return FrameFacts(
        task="t1",
        filter=filter_name,
        start=T0 + timedelta(seconds=after_s),
        exposure_s=20.0,
        limit_mag=limit_mag,
        fwhm_px=None,
        airmass=None,
        zero_mag=None,
    )


def plan(*names: str) -> Status:
    tasks = tuple(
        PlannedTask(task=name, start=T0 + timedelta(minutes=2), filters=("r", "g"), exposure_s=20.0, count=2)
        for name in names
    )
    return Status(state=StatusState.PLAN, text="a plan", tasks=tasks)


SAID: list[Content] = [
    Receipt(cited=OTHER, outcome=ReceiptOutcome.REFUSED, reason="something else"),
    Receipt(cited=TRIGGER, outcome=ReceiptOutcome.ACCEPTED, reason="first epoch soon"),
    plan("t1", "t2"),
    Status(state=StatusState.UNSAFE, text="rain"),
    Result(product=Product.LIGHT_CURVE, task="t1", points=(point(130, 15.0),)),
    Result(
        product=Product.LIGHT_CURVE,
        task="t1",
        points=(point(130, 15.0), point(190, 15.5), point(200, 19.0, limit=True, filter_name="g")),
        source=SkyPosition(ra_deg=95.0, dec_deg=40.0),
        fit=PowerLaw(index=1.1, index_err=0.1, chi2=1.0, dof=1),
    ),
    Result(product=Product.SED, task="t1"),
    Closing(
        outcome=Outcome.COMPLETED,
        summary="1 of 2 tasks observed",
        tasks=(
            TaskSummary(task="t1", outcome=TaskOutcome.DONE, exposures=3),
            TaskSummary(task="t2", outcome=TaskOutcome.SKIPPED, exposures=0, reason="rain"),
        ),
        packets=(),
    ),
]
FRAMES = [frame(120, 20.0), frame(180, 20.0), frame(190, None, "g")]


def night(said: list[Content], frames: list[FrameFacts]) -> Night:
    dated = [(T0 + timedelta(seconds=10 * n), content) for n, content in enumerate(said)]
    return night_of(dated, frames, triggers=[TRIGGER], trigger_time=T0)


def comparison(then: Night, now: Night, **facts: Any) -> Comparison:
    usual: dict[str, Any] = {
        "campaign": "b.gft-spm",
        "supposed": "shift +6h",
        "remarks": ("a remark",),
        "decisions": (Difference(what="default", recorded="this", replayed="that", allowed=False),),
        "faults": (),
        "reduction_s": 1.0,
        "wall_s": 5.0,
    }
    return Comparison(then=then, now=now, **(usual | facts))


def test_a_night_is_summed_up() -> None:
    found = night(SAID, FRAMES)
    assert found.answer == "accepted: first epoch soon"
    assert (found.outcome, found.summary) == ("completed", "1 of 2 tasks observed")
    first, second = found.tasks
    assert (first.task, first.planned_s, first.outcome, first.exposures) == ("t1", 120.0, "done", 3)
    assert (second.outcome, second.reason) == ("skipped", "rain")
    assert [(each.t_s, each.state, each.text) for each in found.interruptions] == [(30.0, "unsafe", "rain")]
    red, green = found.filters
    assert (red.frames, red.exposure_s, red.first_s, red.last_s) == (2, 40.0, 120.0, 200.0)
    assert red.limit_mag == 20.0
    assert red.together_mag == pytest.approx(20.0 + 1.25 * 0.30103, abs=1e-4), "twice the time"
    assert [each.mag for each in red.measured] == [15.0, 15.5]
    assert (green.limit_mag, green.together_mag, green.measured) == (None, None, ())
    assert [each.mag for each in green.limits] == [19.0]
    assert (found.frames, found.first_s) == (3, 120.0)
    assert found.source is not None
    assert found.decay is not None
    assert [each.t_s for each in found.measured] == [130, 190]


def test_a_night_of_which_nothing_came() -> None:
    refused = night([Receipt(cited=TRIGGER, outcome=ReceiptOutcome.REFUSED, reason="never up")], [])
    assert refused.answer == "refused: never up"
    assert (refused.frames, refused.first_s, refused.measured, refused.tasks) == (0, None, (), ())
    assert night([], []).answer == "none"


def test_both_nights_stand_side_by_side() -> None:
    found = comparison(night(SAID, FRAMES), night([], []))
    told = {row.what: (row.then, row.now) for row in found.rows()}
    assert told["answer to the trigger"] == ("accepted: first epoch soon", "none")
    assert told["outcome"] == ("completed: 1 of 2 tasks observed", "none")
    assert told["first exposure"] == ("+120 s", "none")
    assert told["counterpart first measured"] == ("r 15.00 ± 0.02 at +130 s", "none")
    assert told["counterpart last measured"] == ("r 15.50 ± 0.02 at +190 s", "none")
    assert told["decay index"] == ("1.10 ± 0.10", "none")
    assert told["interruptions"] == ("+30 s unsafe: rain", "none")
    assert told["task t1"] == ("+120 s: r g 2 x 20 s; done, 3 exposures", "none")
    assert told["task t2"] == ("+120 s: r g 2 x 20 s; skipped, 0 exposures; rain", "none")
    assert told["r: frames"] == ("2 of 40 s in all, +120 s to +200 s", "none")
    assert told["r: deepest frame"] == ("20.00", "none")
    assert told["r: all frames"] == ("20.38", "none")
    assert told["g: points"] == ("1 limits", "none")
    assert told["g: deepest frame"] == ("none", "none")
    # And the other way round: what is new has its rows, too.
    other = {row.what: (row.then, row.now) for row in comparison(night([], []), night(SAID, FRAMES)).rows()}
    assert other["r: points"] == ("none", "2 measured")


@pytest.mark.parametrize(("faults", "status"), [((), 0), (("said before committed",), 1)])
def test_only_a_broken_rule_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: tuple[str, ...], status: int
) -> None:
    found = comparison(night(SAID, FRAMES), night([], []), faults=faults)
    monkeypatch.setattr(playing, "what_if", lambda *_, **__: found)
    bundle = tmp_path / "b.tar.zst"
    bundle.touch()
    assert followup("replay", bundle, "--shift", "1h").status == status
    assert followup("replay", "--suite", tmp_path, "--shift", "1h").status == status
    suite = [Supposed(name="a", found=found), Supposed(name="b", found=Problem(text="damaged", hint=""))]
    assert status_of(suite[:1]) == status
    assert status_of(suite) == 2


def test_it_is_told_to_people_and_to_scripts() -> None:
    found = comparison(night(SAID, FRAMES), night(SAID, FRAMES), faults=("something was broken",))
    console = Console(width=200, record=True, file=io.StringIO())
    show_comparison(found, console)
    text = console.export_text()
    for part in ("3 frames from +120 s on", "a remark", "something was broken", "decision default", "20.38"):
        assert part in text
    assert headline(comparison(found.then, night([], []))).endswith(
        "nothing would have been observed (3 frames were)"
    )
    assert headline(comparison(night([], []), found.now)).endswith(
        "3 frames from +120 s on (none then), the counterpart measured 2 times (0 then)"
    )
    table = rows(found)
    assert {"what": "decision default", "then": "this", "what if": "that"} in table
    assert {"what": "rule broken", "then": "", "what if": "something was broken"} in table
    data = json.loads(json.dumps(found.to_data(), default=str))
    assert data["then"]["frames"] == 3
    assert data["now"]["filters"][0]["limit_mag"] == 20.0
    assert "good" not in data, "it is no verdict"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "none"), (97.4, "+97 s"), (-30, "-30 s"), (690, "+11.5 min"), (47340, "+13.15 h")],
)
def test_times_as_people_say_them(seconds: float | None, text: str) -> None:
    assert since(seconds) == text
