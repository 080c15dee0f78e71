"""What is said of points beside the sky that was made and what was published."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from console.replay.history.alerts import Announced
from console.replay.history.comparison import compare, recovered
from console.replay.history.exposed import Exposures
from console.replay.history.figure import history_figure
from console.replay.history.published import PublishedLightCurve, PublishedPoint
from console.replay.history.showing import headline, rows, show_history
from console.replay.whatif.frames import FrameFacts
from console.screen import screen
from followup.names import CampaignName
from voevent.kinds import (
    Closing,
    Outcome,
    PhotometryPoint,
    PlannedTask,
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

T0 = datetime(2019, 12, 21, 4, 0, tzinfo=UTC)
PLACE = SkyPosition(ra_deg=150.0, dec_deg=70.0)


def published(*extra):
    """A power law with index 1 in r, 16 mag at 1000 s, and nothing else but what is given."""
    points = [
        PublishedPoint(
            t_s=t_s, band="r", mag=16.0 + 2.5 * math.log10(t_s / 1000.0), mag_err=0.03, source="Somebody1999"
        )
        for t_s in (100.0, 300.0, 1000.0, 3000.0, 10000.0)
    ]
    return PublishedLightCurve(name="191221A", points=(*points, *extra), left_out={"upper limits": 2})


def point(**said):
    usual = PhotometryPoint(
        task="t1", t_s=1000.0, exposure_s=20.0, filter="r", mag=16.05, mag_err=0.04, limit=False
    )
    return replace(usual, **said)


def frame(start_s, *, task="t1", filter_name="r", exposure_s=20.0, limit_mag=20.0):
    return FrameFacts(
        task=task,
        filter=filter_name,
        start=T0 + timedelta(seconds=start_s),
        exposure_s=exposure_s,
        limit_mag=limit_mag,
        fwhm_px=None,
        airmass=None,
        zero_mag=None,
    )


def held(measured, table=None, frames=None):
    """Hold a point against the sky; it is of one frame about its time, unless others are given."""
    table = table or published()
    if frames is None:
        start_s = measured.t_s - measured.exposure_s / 2.0
        frames = [frame(start_s, filter_name=measured.filter, exposure_s=measured.exposure_s)]
    return recovered(measured, table, table.light(), Exposures(frames, T0))


def steep():
    """A power law with index 2 in r."""
    points = tuple(
        PublishedPoint(t_s=t_s, band="r", mag=5.0 * math.log10(t_s / 10.0), mag_err=0.03, source="X")
        for t_s in (10.0, 100.0, 1000.0)
    )
    return PublishedLightCurve(name="1", points=points, left_out={})


def stacked(*frames, weights=None, index=2.0, **said):
    """Measure what the frames show together of a power law, by closed forms and by nothing of ours."""
    spans = [((f.start - T0).total_seconds(), (f.end - T0).total_seconds()) for f in frames]
    weights = weights or [1.0] * len(frames)
    whole = sum(weights)
    fluxes = [100.0 * (1.0 / a - 1.0 / b) / (b - a) for a, b in spans]
    logs = [(b * math.log(b) - a * math.log(a)) / (b - a) - 1.0 for a, b in spans]
    return point(
        t_s=math.exp(sum(w * log for w, log in zip(weights, logs, strict=True)) / whole),
        exposure_s=sum(f.exposure_s for f in frames),
        mag=-2.5 * math.log10(sum(w * flux for w, flux in zip(weights, fluxes, strict=True)) / whole),
        frames=len(frames),
        **said,
    )


def test_a_point_of_frames_far_apart_is_held_against_the_light_while_the_shutter_was_open():
    frames = [frame(40.0), frame(144.0)]
    measured = stacked(*frames)
    found = held(measured, steep(), frames)
    assert found.residual == pytest.approx(0.0, abs=1e-3)
    # The middle of one long exposure is another light altogether.
    assert abs(measured.mag - steep().light().magnitude(measured.t_s, "r", 40.0)) > 0.3
    assert found.nearest.residual == pytest.approx(0.0, abs=2e-3)


def test_a_deep_frame_counts_for_more():
    frames = [frame(40.0, limit_mag=19.0), frame(144.0, limit_mag=20.0)]
    found = held(stacked(*frames, weights=[1.0, 10**0.8]), steep(), frames)
    assert found.residual == pytest.approx(0.0, abs=1e-3)


def test_of_all_frames_those_are_taken_that_give_the_points_time():
    frames = [frame(40.0), frame(70.0), frame(144.0), frame(200.0), frame(170.0, limit_mag=None)]
    frames += [frame(144.0, task="t2"), frame(100.0, filter_name="i")]
    early, late = frames[:2], [frames[2], frames[3]]
    for run in (early, late):
        assert held(stacked(*run), steep(), frames).residual == pytest.approx(0.0, abs=1e-3)


def test_without_its_frames_a_point_is_held_against_the_light_at_its_time():
    found = held(point(frames=2), frames=[frame(900.0)])
    assert found.sky_mag == pytest.approx(16.0, abs=1e-6)


def test_a_point_is_held_against_the_sky_and_the_nearest_publication():
    found = held(point())
    assert found.sky_mag == pytest.approx(16.0, abs=0.001)
    assert (found.residual, found.pull) == (pytest.approx(0.05, abs=0.001), pytest.approx(1.25, abs=0.03))
    assert not found.extrapolated
    assert (found.nearest.band, found.nearest.t_s, found.nearest.source) == ("r", 1000.0, "Somebody1999")
    assert found.nearest.residual == pytest.approx(0.05, abs=0.002)
    assert found.nearest.pull == pytest.approx(0.05 / 0.05, abs=0.05)


def test_a_published_point_is_brought_to_our_time_along_the_light():
    found = held(point(t_s=1100.0, mag=16.1)).nearest
    assert found.t_s == 1000.0
    assert found.moved == pytest.approx(2.5 * math.log10(1.1), abs=1e-4)
    assert found.residual == pytest.approx(16.1 - 16.0 - 2.5 * math.log10(1.1), abs=1e-4)


def test_the_same_filter_is_nearer_than_the_same_time():
    other = PublishedPoint(t_s=1100.0, band="R", mag=16.3, mag_err=0.1, source="Another2000")
    assert held(point(t_s=1090.0), published(other)).nearest.band == "r"
    assert held(point(t_s=1090.0, filter="i"), published(other)).nearest.band == "R"


def test_where_nothing_was_published_nothing_is_nearest():
    found = held(point(t_s=30.0))
    assert found.nearest is None
    assert found.extrapolated


@pytest.mark.parametrize(("mag", "missed"), [(15.0, False), (19.0, True)])
def test_a_limit_below_what_shone_is_told(mag, missed):
    found = held(point(mag=mag, mag_err=None, limit=True))
    assert (found.residual, found.pull, found.nearest) == (None, None, None)
    assert found.missed is missed


def test_before_the_burst_nothing_shone():
    found = held(point(t_s=-60.0, mag=20.0, mag_err=None, limit=True))
    assert found.sky_mag is None
    assert not found.missed


def _alerts():
    name = CampaignName("grb191221a", "gft-spm")
    conversation = SimpleNamespace(name=name)
    return Announced(conversation=conversation, trigger_time=T0, position=PLACE, unheeded=("no position",))


def _replayed(*contents, ended=True, complaints=()):
    heard = tuple(SimpleNamespace(content=content) for content in contents)
    return SimpleNamespace(heard=heard, complaints=complaints, damaged=(), ended=ended, wall_s=1.0)


CITED = PacketId(ivorn="ivo://test/csc#grb191221a.gft-spm.trigger", sha256="0" * 64)
ACCEPTED = Receipt(cited=CITED, outcome=ReceiptOutcome.ACCEPTED, reason="first epoch at once")
PLAN = Status(
    state=StatusState.PLAN,
    text="two tasks",
    tasks=tuple(
        PlannedTask(
            task=task,
            start=T0,
            filters=("r", "i"),
            exposure_s=20.0,
            count=1,
            airmass=1.2,
        )
        for task in ("t1", "t2", "t3")
    ),
)
CURVE = Result(
    product=Product.LIGHT_CURVE,
    task="t2",
    points=(
        point(task="t2", mag=16.02),
        point(task="t2", t_s=1100.0, mag=16.06),
        point(task="t2", filter="i", mag=20.0, mag_err=None, limit=True),
    ),
    source=SkyPosition(ra_deg=150.0, dec_deg=70.0001, error_radius_deg=1e-5),
)
CLOSING = Closing(
    outcome=Outcome.COMPLETED,
    summary="2 of 3 tasks observed",
    tasks=(
        TaskSummary(task="t1", outcome=TaskOutcome.DONE, exposures=2),
        TaskSummary(task="t2", outcome=TaskOutcome.DONE, exposures=2),
        TaskSummary(task="t3", outcome=TaskOutcome.SKIPPED, exposures=0),
    ),
    packets=(),
)


FRAMES = (
    frame(400.0, task="t1"),
    frame(430.0, task="t1", limit_mag=None),
    frame(990.0, task="t2"),
    frame(1090.0, task="t2"),
    frame(995.0, task="t2", filter_name="i"),
    frame(1200.0, task="t2", filter_name="z", limit_mag=None),
)
"""No i of task t1 was ever taken."""


def test_all_of_it_is_summed_up_and_shown(capsys):
    table = published()
    light = table.light()
    later = [replace(each, start=each.start + timedelta(hours=6)) for each in FRAMES]
    found = compare(
        _replayed(ACCEPTED, PLAN, CURVE, CLOSING),
        _alerts(),
        table,
        light,
        frames=later,
        shift=timedelta(hours=6),
    )
    assert found.good
    assert found.accepted
    assert (found.trigger_time, found.shift_s) == (T0 + timedelta(hours=6), 21600.0)
    assert found.unmeasured == ("t1 in r", "t2 in z")
    assert found.counterpart_off_arcsec == pytest.approx(0.36, abs=0.001)
    assert found.first_s == 990.0
    in_r, in_i = found.filters
    assert (in_r.filter, in_r.measured, in_r.limits) == ("r", 2, 0)
    assert in_r.mean_residual == pytest.approx(-0.012, abs=0.001)
    assert in_r.chi2 == pytest.approx(sum((p.residual / 0.04) ** 2 for p in found.points[:2]))
    assert (in_i.measured, in_i.limits, in_i.mean_residual) == (0, 1, None)
    assert headline(found) == ("grb191221a with gft-spm: 2 magnitudes and 1 limits, the first at T0 +990 s")
    assert [row["recovered"] for row in rows(found)] == [
        "16.020 ± 0.040",
        "16.060 ± 0.040",
        "> 20.00 (missed)",
    ]
    assert history_figure(found, table, light).startswith(b"\x89PNG")
    show_history(found, screen())
    told = capsys.readouterr().out
    for text in ("+6h from history", "no trigger: no position", "t1 in r, t2 in z", "2 upper limits"):
        assert text in told
    assert found.to_data()["points"][0]["nearest"]["band"] == "r"


def test_the_first_exposure_is_that_of_the_first_frame():
    frames = [frame(40.0), frame(144.0)]
    curve = replace(CURVE, points=(stacked(*frames),))
    found = compare(_replayed(ACCEPTED, curve, CLOSING), _alerts(), steep(), steep().light(), frames=frames)
    assert found.first_s == 40.0
    assert found.points[0].pull == pytest.approx(0.0, abs=0.05)


def test_a_refusal_is_told_and_drawn():
    table = published()
    refusal = replace(ACCEPTED, outcome=ReceiptOutcome.REFUSED, reason="the Sun stays up")
    found = compare(_replayed(refusal), _alerts(), table, table.light(), frames=())
    assert (found.good, found.accepted, found.first_s) == (True, False, None)
    assert headline(found) == "grb191221a with gft-spm: not observed (refused: the Sun stays up)"
    assert history_figure(found, table, table.light()).startswith(b"\x89PNG")


def test_what_was_too_bright_throughout_is_told_and_drawn():
    table = published()
    found = compare(_replayed(ACCEPTED, PLAN, CLOSING), _alerts(), table, table.light(), frames=FRAMES)
    assert headline(found) == "grb191221a with gft-spm: 0 magnitudes and 0 limits, nothing measured"
    assert found.unmeasured == ("t1 in r", "t2 in r i z")
    assert history_figure(found, table, table.light()).startswith(b"\x89PNG")


def test_broken_rules_are_faults():
    table = published()
    found = compare(
        _replayed(ACCEPTED, ended=False, complaints=("said before committed",)),
        _alerts(),
        table,
        table.light(),
        frames=(),
    )
    assert not found.good
    assert found.accepted, "it was, if it did not end"
    assert found.faults == ("said before committed", "the campaign did not come to its end")
