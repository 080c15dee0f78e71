"""What may differ between then and now, and what may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.replay.decisions import decided
from console.replay.difference import differences, timeless
from voevent.kinds import (
    Closing,
    Content,
    ManifestRef,
    Outcome,
    PhotometryPoint,
    PlannedTask,
    PowerLaw,
    Product,
    Result,
    Status,
    StatusState,
    TaskOutcome,
    TaskSummary,
    Upload,
    UploadState,
)
from voevent.packet import SkyPosition

T = datetime(2026, 11, 22, 7, 5, tzinfo=UTC)


def point(t_s: float, mag: float, err: float | None = 0.1, filter_name: str = "r") -> PhotometryPoint:
    return PhotometryPoint(
        task="t1", t_s=t_s, exposure_s=20.0, filter=filter_name, mag=mag, mag_err=err, limit=err is None
    )


CURVE = Result(
    product=Product.LIGHT_CURVE,
    task="t1",
    points=(point(100.0, 17.0), point(200.0, 17.5, 0.2), point(300.0, 18.0, 0.3), point(900.0, 20.0, None)),
    source=SkyPosition(ra_deg=95.0, dec_deg=40.0, error_radius_deg=0.0001),
    fit=PowerLaw(index=0.9, index_err=0.1, chi2=1.0, dof=1),
)
PLAN = Status(
    state=StatusState.PLAN,
    text="strategy prompt: 1 tasks",
    tasks=(PlannedTask(task="t1", start=T, filters=("r", "g"), exposure_s=20.0, count=2, airmass=1.2),),
    details={"strategy": "prompt"},
)
AT = {"airmass": "2.27"}
UPLOAD = Upload(
    dataset="t1",
    state=UploadState.COMPLETED,
    manifest=ManifestRef(path="x/t1/manifest-1.json", size_bytes=9, sha256="0" * 64, files=4, total_bytes=99),
    task="t1",
)
CLOSING = Closing(
    outcome=Outcome.COMPLETED,
    summary="1 of 1 tasks observed",
    tasks=(TaskSummary(task="t1", outcome=TaskOutcome.DONE, exposures=4),),
    packets=(),
    details={"datasets": "logs t1"},
)


def shifted(by: float) -> Result:
    return replace(CURVE, points=tuple(p if p.limit else replace(p, mag=p.mag + by) for p in CURVE.points))


@pytest.mark.parametrize("content", [CURVE, PLAN, UPLOAD, CLOSING])
def test_the_same_is_the_same(content: Content) -> None:
    assert differences(content, content) == []


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (CURVE, replace(CURVE, points=(point(100.0, 17.005), *CURVE.points[1:]))),
        (CURVE, replace(CURVE, points=(*CURVE.points[:2], point(300.0, 18.2, 0.3), CURVE.points[3]))),
        (CURVE, replace(CURVE, points=(*CURVE.points[:3], point(900.0, 20.05, None)))),
        (CURVE, replace(CURVE, source=SkyPosition(ra_deg=95.0001, dec_deg=40.0))),
        (PLAN, replace(PLAN, tasks=(replace(PLAN.tasks[0], start=T + timedelta(seconds=40)),))),
        (replace(PLAN, details=AT), replace(PLAN, details={"airmass": "2.28"})),
        (CLOSING, replace(CLOSING, details={"datasets": "logs t1", "first_command_at": "2026-11-22"})),
    ],
)
def test_what_may_differ(then: Content, now: Content) -> None:
    assert all(each.allowed for each in differences(then, now))


@pytest.mark.parametrize(
    ("then", "now", "what"),
    [
        (CURVE, shifted(0.2), "all magnitudes"),
        (CURVE, shifted(-0.05), "all magnitudes"),
        (CURVE, replace(CURVE, points=CURVE.points[1:]), "r at T0 + 100 s (t1)"),
        (CURVE, replace(CURVE, points=(*CURVE.points, point(400.0, 18.5))), "r at T0 + 400 s (t1)"),
        (CURVE, replace(CURVE, points=(*CURVE.points[:3], point(900.0, 20.5))), "r at T0 + 900 s (t1)"),
        (CURVE, replace(CURVE, points=(*CURVE.points[:3], point(900.0, 20.5, None))), "magnitude"),
        (CURVE, replace(CURVE, source=None), "counterpart"),
        (CURVE, replace(CURVE, source=SkyPosition(ra_deg=95.01, dec_deg=40.0)), "counterpart"),
        (CURVE, replace(CURVE, fit=None), "fit"),
        (PLAN, replace(PLAN, tasks=()), "tasks"),
        (PLAN, replace(PLAN, tasks=(replace(PLAN.tasks[0], exposure_s=30.0),)), "t1: exposure_s"),
        (PLAN, replace(PLAN, tasks=(replace(PLAN.tasks[0], start=T + timedelta(hours=1)),)), "t1: start"),
        (PLAN, replace(PLAN, details={"strategy": "faint"}), "details: strategy"),
        (replace(PLAN, details=AT), replace(PLAN, details={"airmass": "2.5"}), "details: airmass"),
        (replace(PLAN, details=AT), replace(PLAN, details={"airmass": "low"}), "details: airmass"),
        (UPLOAD, replace(UPLOAD, manifest=replace(UPLOAD.manifest, files=5)), "files"),
        (CLOSING, replace(CLOSING, outcome=Outcome.ABORTED), "outcome"),
        (CLOSING, replace(CLOSING, tasks=()), "tasks"),
        (CLOSING, replace(CLOSING, details={}), "datasets"),
        (CLOSING, UPLOAD, "kind"),
    ],
)
def test_what_may_not(then: Content, now: Content, what: str) -> None:
    found = [each.what for each in differences(then, now) if not each.allowed]
    assert [each for each in found if what in each], found


def test_decisions_are_compared_rule_by_rule() -> None:
    then = [
        {"rule": "default", "text": "no rule applies: strategy prompt"},
        {"rule": "visibility", "text": "can be observed 2026-11-09 10:31 to 2026-11-09 13:09 UTC"},
    ]
    later = [then[0], {**then[1], "text": "can be observed 2026-11-09 10:30 to 2026-11-09 13:09 UTC"}]
    assert decided(then, then) == [("default", None), ("visibility", None)]
    [_, (_, moved)] = decided(then, later)
    assert moved is not None
    assert moved.allowed, "only the time differs"
    [_, (rule, lost)] = decided(then, then[:1])
    assert lost is not None
    assert (rule, lost.replayed, lost.allowed) == ("visibility", "not decided", False)
    [(_, other), _] = decided(then, [{"rule": "faint", "text": then[0]["text"]}, then[1]])
    assert other is not None
    assert not other.allowed


def test_a_new_decision_moves_no_other() -> None:
    then = [{"rule": f"rule {number}", "text": f"since 2026-11-09 10:3{number}"} for number in range(3)]
    new = {"rule": "weather", "text": "it may rain"}
    found = decided(then, [new, *then])
    assert [rule for rule, _ in found] == ["weather", "rule 0", "rule 1", "rule 2"]
    [more, *same] = [difference for _, difference in found]
    assert more is not None
    assert (more.recorded, more.replayed, more.allowed) == ("not decided", "it may rain", False)
    assert same == [None, None, None]
    [less, *same] = [difference for _, difference in decided([new, *then], then)]
    assert less is not None
    assert (less.recorded, less.replayed) == ("it may rain", "not decided")
    assert same == [None, None, None]


def test_points_that_are_close_in_time_are_told_apart() -> None:
    close = replace(CURVE, points=(point(100.0, 17.0), point(101.5, 17.4), point(101.5, 18.0, None)))
    assert differences(close, close) == []
    lost = replace(close, points=close.points[1:])
    [found] = differences(close, lost)
    assert (found.what, found.replayed, found.allowed) == ("r at T0 + 100 s (t1)", "not measured", False)


def test_a_point_may_be_a_little_later_wherever_that_is() -> None:
    """Of 101.9 s and 102.1 s one is nearer to 100, the other to 104."""
    for then_s in (101.9, 100.0):
        then, now = (replace(CURVE, points=(point(t_s, 17.0),)) for t_s in (then_s, then_s + 0.2))
        [found] = differences(then, now)
        assert (found.what, found.allowed) == (f"r at T0 + {then_s:.0f} s (t1): time", True)
    then, now = (replace(CURVE, points=(point(t_s, 17.0),)) for t_s in (100.0, 102.5))
    far = [each.replayed for each in differences(then, now)]
    assert far == ["not measured", "17.000 ± 0.100"]


def test_a_counterpart_where_the_right_ascension_begins_anew() -> None:
    then, now = (
        replace(CURVE, source=SkyPosition(ra_deg=ra_deg, dec_deg=40.0)) for ra_deg in (359.99999, 0.00001)
    )
    [found] = differences(then, now)
    assert found.allowed
    assert found.replayed.endswith("(0.06 arcsec away)")


def test_times_in_texts_are_masked() -> None:
    assert timeless("first epoch 2026-11-09 10:31:09 UTC at 36 deg") == "first epoch … at 36 deg"
    assert timeless("it had to begin by 08:12:00 UTC") == "it had to begin by …"
    assert timeless("4 of 5 tasks") == "4 of 5 tasks"


@pytest.mark.parametrize(
    ("then", "now", "allowed"),
    [("2 of 2", "3 of 3", True), ("0 of 2", "0 of 1", True), ("2 of 2", "0 of 2", False)],
)
def test_how_many_exposures_a_later_trigger_finds_depends_on_when_it_comes(
    then: str, now: str, allowed: bool
) -> None:
    text = "exposures show the position in force and stand"
    [(_, found)] = decided(
        [{"rule": "good-exposures", "text": f"{then} {text}"}],
        [{"rule": "good-exposures", "text": f"{now} {text}"}],
    )
    assert found is not None
    assert found.allowed is allowed
