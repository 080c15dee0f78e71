"""What figures mean, without any machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from console.preflight.devices import judge_weather
from console.preflight.exposure import judge_frame
from console.preflight.finding import Verdict
from console.preflight.kernel_clock import KernelClock, kernel_clock
from console.preflight.machine import Offset, judge_clock, judge_disk
from followup.devices import FrameType, RawFrame, WeatherReading
from tests.console.preflight.site import content, subject
from voevent.packet import SkyPosition

KEPT = KernelClock(synchronised=True, max_error_s=0.02)
LEFT = KernelClock(synchronised=False, max_error_s=16.0)


def ahead(seconds: float) -> Offset:
    return timedelta(seconds=seconds), timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("kernel", "offset", "verdict", "words"),
    [
        (KEPT, ahead(0.3), Verdict.PASS, "+0.3 s from the XMPP server's (XEP-0202"),
        (KEPT, None, Verdict.PASS, "kept by a time service (NTP) within 0.020 s, says the kernel"),
        (LEFT, ahead(-0.3), Verdict.WARNING, "no time service (NTP) keeps it"),
        (LEFT, None, Verdict.WARNING, "tells no time to compare with"),
        (None, None, Verdict.WARNING, "the kernel does not tell"),
        (KEPT, ahead(-7.0), Verdict.FAIL, "-7.0 s from"),
        (LEFT, ahead(2.6), Verdict.FAIL, "+2.6 s from"),
        (KEPT, ahead(2.4), Verdict.PASS, "known within 0.5 s"),
    ],
)
def test_the_clock(kernel: KernelClock | None, offset: Offset | None, verdict: Verdict, words: str) -> None:
    found = judge_clock(kernel, offset)
    assert (found.verdict, words in found.said) == (verdict, True), found
    assert bool(found.advice) == (verdict is not Verdict.PASS)


def test_the_kernel_is_asked_and_nothing_is_changed() -> None:
    before = datetime.now(UTC)
    said = kernel_clock()
    assert said is None or said.max_error_s >= 0
    assert datetime.now(UTC) >= before


@pytest.mark.parametrize(
    ("free_gb", "verdict"), [(74.0, Verdict.PASS), (7.0, Verdict.WARNING), (3.0, Verdict.FAIL)]
)
def test_the_disk(free_gb: float, verdict: Verdict) -> None:
    found = judge_disk(free_gb, night_gb=5.3, least_gb=1.0, keep_gb=10.0)
    assert found.verdict is verdict
    assert f"{free_gb:.1f} GB free" in found.said
    assert bool(found.advice) == (verdict is not Verdict.PASS)


def test_weather_that_is_old_is_a_failure_and_bad_weather_is_not() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    good = WeatherReading(time=now, safe=True, values={"wind_speed": 3.0})
    bad = WeatherReading(time=now, safe=False, reason="the weather station warns: wind speed 60")
    assert judge_weather(good, fresh=True, waited_s=20).verdict is Verdict.PASS
    assert "wind speed 3" in judge_weather(good, fresh=True, waited_s=20).said
    assert judge_weather(bad, fresh=True, waited_s=20).verdict is Verdict.WARNING
    stale = judge_weather(good, fresh=False, waited_s=20)
    assert stale.verdict is Verdict.FAIL
    assert "nothing new for 20 s" in stale.said


def frame(level: float, noise: float, *, width: int = 1280) -> RawFrame:
    rng = np.random.default_rng(1)
    return RawFrame(
        pixels=np.clip(rng.normal(level, noise, (1024, width)), 0, 65535).astype(np.uint16),
        frame_type=FrameType.DARK,
        date_obs=datetime(2026, 11, 22, tzinfo=UTC),
        exposure_s=2.0,
        filter="g",
        pointing=SkyPosition(ra_deg=1.0, dec_deg=2.0),
    )


def test_a_frame_is_measured(tmp_path: Path) -> None:
    telescope = subject(tmp_path, content())
    found = judge_frame(frame(1000.0, 12.0), telescope)
    assert found.verdict is Verdict.PASS
    assert found.values["median_adu"] == pytest.approx(1000, abs=1)
    assert found.values["noise_adu"] == pytest.approx(12, rel=0.1)
    assert judge_frame(frame(65000.0, 12.0), telescope).verdict is Verdict.WARNING
    dead = judge_frame(frame(0.0, 0.0), telescope)
    assert (dead.verdict, "every pixel is the same" in dead.said) == (Verdict.FAIL, True)
    other = judge_frame(frame(1000.0, 12.0, width=640), telescope)
    assert (other.verdict, "[detector] says 1280 x 1024" in other.said) == (Verdict.FAIL, True)
