"""The safety watch over the simulated telescope: each rule is shown by making it happen."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.gft.gate import HALT, HOLD, LIMITS, SAFETY, TAKEOVER, ShutError
from agents.gft.indi.apparent import altitude_azimuth_deg, apparent
from agents.gft.limits import within_limits
from agents.gft.observatory import Observatory
from agents.gft.safety import SafetyWatch
from agents.gft.signs import Signs
from followup.errors import DeviceError, SlewRefusedError
from followup.limits import Limits
from followup.site import Site
from simulators.scenario import Scenario, write_scenario
from simulators.sites import known_telescope
from simulators.telescope import simulated_telescope
from tests.simulators.handclock import HandClock
from voevent.packet import SkyPosition

MODEL = known_telescope("gft-spm")
TARGET = SkyPosition(ra_deg=90.0, dec_deg=30.0)


@dataclass
class Night:
    """As much of a `Bench` as safety asks for."""

    observatory: Observatory
    folder: Path
    sky: HandClock
    wall: HandClock
    site: Site = MODEL.site
    limits: Limits = field(default_factory=Limits)
    name: str = "gft-spm"
    watchdog: Callable[[], str | None] = lambda: None

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def gate(self) -> Any:
        return self.observatory.gate

    @property
    def devices(self) -> Any:
        return self.observatory.telescope

    def watch(self) -> SafetyWatch:
        return SafetyWatch(cast("Any", self))

    def weather(self, **said: Any) -> None:
        (self.folder / "weather.json").write_text(json.dumps({"safe": True, **said}))

    async def opens(self, watch: SafetyWatch) -> None:
        await watch.look()
        await self.sky.finish(self.observatory.point(TARGET))
        assert self.devices.dome.opened

    async def sheltered(self, watch: SafetyWatch) -> None:
        """Let what makes it safe come to its end."""
        assert watch._shelter is not None
        await self.sky.finish(_itself(watch._shelter))
        assert self.observatory.sheltered
        assert not self.devices.dome.opened
        assert self.devices.mount.says().dec_deg == 90.0

    @property
    def reason(self) -> str:
        return str(self.gate.reasons.get(SAFETY, ""))


async def _itself(work: asyncio.Future[None]) -> None:
    await work


@pytest.fixture
def night(tmp_path: Path) -> Night:
    clock = HandClock()
    write_scenario(Scenario(seed=4), tmp_path / "sky.json")
    telescope = simulated_telescope(MODEL, tmp_path / "sky.json", clock=clock)
    return Night(Observatory(telescope, clock), tmp_path, clock, clock)


def full_disk(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.gft.conditions.shutil.disk_usage", lambda _: SimpleNamespace(free=3e8))


def no_power(night: Night, _: pytest.MonkeyPatch) -> None:
    (night.folder / "run").mkdir(exist_ok=True)
    (night.folder / "run" / "power-lost").touch()


def bad(**said: Any) -> Callable[[Night, pytest.MonkeyPatch], None]:
    return lambda night, _: night.weather(**said)


def sunrise(night: Night, _: pytest.MonkeyPatch) -> None:
    night.sky._time += timedelta(hours=4, minutes=45)


def blown_shut(night: Night, _: pytest.MonkeyPatch) -> None:
    night.devices.dome.opened = False


RULES = {
    "weather station: clouds (limit: its own)": bad(safe=False, reason="clouds"),
    "stale weather: the last reading is 121 s old (limit: 120 s)": bad(age_s=121.0),
    "rain: 0.4 mm/h (limit: 0 mm/h)": bad(values={"rain_mm_h": 0.4}),
    "wind: 18.2 m/s (limit: 15 m/s)": bad(values={"wind_m_s": 18.2}),
    "humidity: 95 % (limit: 90 %)": bad(values={"humidity_percent": 95.0}),
    "Sun: at altitude": sunrise,
    "disk: 0.30 GB free (limit: 1 GB)": full_disk,
    "run/power-lost must not exist)": no_power,
    "dome: found shut while observing (limit: open)": blown_shut,
}


@pytest.mark.parametrize("rule", RULES)
async def test_a_rule_that_is_broken_ends_the_exposure_parks_and_closes(
    night: Night, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    watch = night.watch()
    await night.opens(watch)
    exposing = asyncio.ensure_future(
        night.observatory.expose(exposure_s=600.0, filter_name=MODEL.instrument.filters[0])
    )
    await night.sky.advance(5.0)
    RULES[rule](night, monkeypatch)
    await watch.look()
    assert rule in night.reason
    with pytest.raises(ShutError, match="it may not be used now: safety: "):
        await night.sky.finish(_ends(exposing))
    await night.sheltered(watch)
    with pytest.raises(ShutError):
        await night.observatory.point(TARGET)


async def _ends(exposing: asyncio.Future[Any]) -> None:
    await exposing


async def test_weather_that_cannot_be_read_is_bad_weather(night: Night) -> None:
    watch = night.watch()
    await night.opens(watch)
    (night.folder / "weather.json").write_text("nonsense")
    await watch.look()
    assert "stale weather: weather station: " in night.reason
    await night.sheltered(watch)


async def test_nothing_opens_before_somebody_has_looked(night: Night) -> None:
    with pytest.raises(ShutError, match="nobody has looked"):
        await night.observatory.point(TARGET)
    night.weather(safe=False, reason="rain")
    watch = night.watch()
    with pytest.raises(ShutError, match="rain"):
        await night.observatory.point(TARGET)
    await night.sheltered(watch)


async def test_what_turns_bad_since_the_last_look_is_seen_before_opening(night: Night) -> None:
    watch = night.watch()
    await watch.look()
    assert not night.reason
    night.weather(safe=False, reason="rain")
    with pytest.raises(ShutError, match="rain"):
        await night.observatory.point(TARGET)
    await night.sheltered(watch)


async def test_it_opens_again_only_when_it_has_been_safe_for_a_while(night: Night) -> None:
    watch = night.watch()
    await night.opens(watch)
    night.weather(safe=False, reason="rain")
    await watch.look()
    await night.sheltered(watch)
    night.weather(safe=True)
    await watch.look()
    assert "it must have been safe for 300 s, until " in night.reason
    await night.sky.advance(299.0)
    night.weather(safe=False, reason="rain")
    await watch.look()
    night.weather(safe=True)
    await night.sky.advance(299.0)
    await watch.look()
    assert night.reason
    await night.sky.advance(2.0)
    await watch.look()
    assert not night.gate.reasons
    await night.opens(watch)


async def test_dusk_is_not_waited_for_twice(night: Night) -> None:
    """What rained may rain again; the Sun does not rise again."""
    night.sky._time -= timedelta(hours=9)
    watch = night.watch()
    await watch.look()
    assert "Sun: at altitude" in night.reason
    await night.sheltered(watch)
    night.sky._time += timedelta(hours=3)
    await watch.look()
    assert not night.gate.reasons
    later = night.watch()
    await later.look()
    assert not night.gate.reasons, "nor does the agent's next process"


async def test_an_agent_that_is_started_anew_has_not_forgotten_the_rain(night: Night) -> None:
    night.weather(safe=False, reason="rain")
    before = night.watch()
    await before.look()
    await night.sheltered(before)
    night.weather(safe=True)
    watch = night.watch()
    await watch.look()
    assert "it must have been safe" in night.reason
    await night.sky.advance(400.0)
    await watch.look()
    assert not night.reason


async def test_a_dome_that_stands_open_while_it_rains_is_closed_again(night: Night) -> None:
    watch = night.watch()
    await night.opens(watch)
    night.weather(safe=False, reason="rain")
    await watch.look()
    await night.sheltered(watch)
    night.devices.dome.opened = True  # by hand, or by an order that came late
    await watch.look()
    await night.sheltered(watch)


async def test_what_fails_while_sheltering_is_said_and_tried_again(
    night: Night, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch = night.watch()
    await night.opens(watch)
    close, tries = night.devices.dome.close, []

    async def stuck() -> None:
        tries.append(night.sky.now())
        if len(tries) < 3:
            raise DeviceError("dome", "the shutter is stuck", hint="go and look")
        await close()

    monkeypatch.setattr(night.devices.dome, "close", stuck)
    night.weather(safe=False, reason="rain")
    await watch.look()
    await night.sky.advance(120.0)
    await night.sheltered(watch)
    assert len(tries) == 3
    assert "while sheltering: dome: the shutter is stuck (go and look)" in caplog.text
    assert not watch.standing()["not_sheltered"]


async def test_trouble_stands_in_the_status(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stuck() -> None:
        raise DeviceError("mount", "it did not park")

    monkeypatch.setattr(night.devices.mount, "park", stuck)
    watch = night.watch()
    await night.opens(watch)
    await night.sky.finish(night.observatory.shelter())
    assert not night.devices.dome.opened, "the dome closes all the same"
    assert watch.standing()["not_sheltered"] == "mount: it did not park"


@pytest.mark.parametrize("parks", [True, False])
async def test_a_roof_that_would_hit_the_telescope_waits_for_it(
    night: Night, monkeypatch: pytest.MonkeyPatch, *, parks: bool
) -> None:
    done: list[str] = []
    park, close = night.devices.mount.park, night.devices.dome.close

    async def parking() -> None:
        await park()
        if not parks:
            raise DeviceError("mount", "it did not park")
        done.append("parked")

    async def closing() -> None:
        done.append("closes")
        await close()

    monkeypatch.setattr(night.devices.mount, "park", parking)
    monkeypatch.setattr(night.devices.dome, "close", closing)
    night.observatory.park_before_closing = True
    await night.opens(night.watch())
    assert await night.sky.finish(night.observatory.shelter()) is parks
    assert done == (["parked", "closes"] if parks else [])
    assert (
        parks
        or "it stays open: the telescope, which it would hit, is not parked" in night.observatory.trouble
    )


async def test_a_person_is_left_alone_but_for_bad_weather_and_then_once(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = night.watch()
    await night.opens(watch)
    night.gate.shut(TAKEOVER, "anna mends the mirror")
    full_disk(night, monkeypatch)
    await watch.look()
    assert night.devices.dome.opened
    assert Signs(night.run).taken_over == "anna mends the mirror"
    night.weather(safe=False, reason="rain")
    await watch.look()
    await night.sheltered(watch)
    night.devices.dome.opened = True
    await watch.look()
    assert cast("Any", watch)._shelter.done(), "they opened it again, they know why: it is left alone"
    night.gate.lift(TAKEOVER)
    await night.sky.advance(2.0)
    await watch.look()
    await night.sheltered(watch)
    assert not (night.run / "takeover").exists()


async def test_a_hold_lets_an_exposure_end(night: Night) -> None:
    watch = night.watch()
    await night.opens(watch)
    exposing = asyncio.ensure_future(
        night.observatory.expose(exposure_s=5.0, filter_name=MODEL.instrument.filters[0])
    )
    await night.sky.advance(1.0)
    night.gate.shut(HOLD, "guests")
    await watch.look()
    await night.sky.finish(_ends(exposing))
    assert exposing.result().exposure_s == 5.0


async def test_a_halt_does_not_stop_a_mount_on_its_way_to_park(night: Night) -> None:
    watch = night.watch()
    await night.opens(watch)
    night.weather(safe=False, reason="rain")
    await watch.look()
    await night.observatory.halt()  # the campaign is called off meanwhile
    await night.sheltered(watch)


@pytest.mark.parametrize(
    ("rule", "limits", "site"),
    [
        ("horizon: altitude ", Limits(), replace(MODEL.site, min_altitude_deg=88.0)),
        ("airmass: ", Limits(max_airmass=1.1), MODEL.site),
        ("zenith: altitude ", Limits(max_altitude_deg=30.0), MODEL.site),
        ("hour angle: ", Limits(max_hour_angle_h=0.5), MODEL.site),
    ],
)
async def test_an_idle_mount_does_not_track_into_its_limits(
    night: Night, rule: str, limits: Limits, site: Site
) -> None:
    night.sky._time -= timedelta(hours=2.0)  # the target is on its way up
    watch = night.watch()
    await night.opens(watch)
    await watch.look()
    assert night.devices.dome.opened
    night.limits, night.site = limits, site
    assert within_limits(cast("Any", night), TARGET).startswith(rule)
    await watch.look()
    assert rule in night.gate.reasons[LIMITS], "nobody slews it meanwhile"
    with pytest.raises(ShutError):
        await night.observatory.point(TARGET)
    await night.sheltered(watch)
    assert not night.gate.reasons, "others can be observed"
    await watch.look()
    assert watch._shelter is not None
    assert watch._shelter.done(), "once is enough"


async def test_where_a_target_will_be_in_a_moment_can_be_asked(night: Night) -> None:
    night.sky._time -= timedelta(hours=2.0)  # the target is on its way up
    here, now = cast("Any", night), night.sky.now()
    altitude_deg, _ = altitude_azimuth_deg(apparent(TARGET, now), MODEL.site, now)
    night.limits, night.site = Limits(), replace(MODEL.site, min_altitude_deg=altitude_deg + 0.02)
    assert within_limits(here, TARGET).startswith("horizon: ")
    assert not within_limits(here, TARGET, in_s=30.0, for_s=60.0)
    night.site = replace(MODEL.site, min_altitude_deg=altitude_deg + 1.0)
    assert within_limits(here, TARGET, in_s=30.0, for_s=600.0).startswith("horizon: "), "it is not there yet"


def at_its_limit(night: Night) -> None:
    night.limits = Limits(max_altitude_deg=30.0)


def fails(times: int, device: Any, method: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a device fail so often."""
    does, failures = getattr(device, method), [error] * times

    async def failing(*args: Any, **facts: Any) -> Any:
        if failures:
            raise failures.pop()
        return await does(*args, **facts)

    monkeypatch.setattr(device, method, failing)


async def test_a_mount_that_does_not_park_at_its_limit_is_told_again_and_the_weather_is_looked_at(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = night.watch()
    await night.opens(watch)
    at_its_limit(night)
    fails(2, night.devices.mount, "park", DeviceError("mount", "it did not park"), monkeypatch)
    await watch.look()
    while "NOT SHELTERED: mount: it did not park" not in night.gate.reasons[LIMITS]:
        await night.sky.advance(1.0)
    night.weather(safe=False, reason="rain")
    await watch.look()  # it does not wait for the mount
    assert "rain" in night.reason
    night.weather(safe=True)
    await night.sky.advance(8.0)
    await night.sheltered(watch)
    assert LIMITS not in night.gate.reasons


async def fails_to_expose(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(1, night.devices.camera, "expose", DeviceError("camera", "no frame came"), monkeypatch)
    with pytest.raises(DeviceError, match="no frame"):
        await night.observatory.expose(exposure_s=5.0, filter_name=MODEL.instrument.filters[0])


async def fails_to_point(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(1, night.devices.dome, "face", DeviceError("dome", "it does not turn"), monkeypatch)
    with pytest.raises(DeviceError, match="does not turn"):
        await night.sky.finish(night.observatory.point(TARGET))


async def crosses_the_meridian(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    async def due() -> bool:
        return True

    monkeypatch.setattr(night.devices.mount, "flip_due", due)
    assert await night.observatory.mind_the_pier()


async def does_not_stop(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(1, night.devices.mount, "stop", DeviceError("mount", "it does not answer"), monkeypatch)
    await night.observatory.halt()


@pytest.mark.parametrize("after", [fails_to_expose, fails_to_point, crosses_the_meridian, does_not_stop])
async def test_a_mount_whose_pointing_is_not_trusted_is_still_watched(
    night: Night, monkeypatch: pytest.MonkeyPatch, after: Callable[..., Awaitable[None]]
) -> None:
    watch = night.watch()
    await night.opens(watch)
    await after(night, monkeypatch)
    assert night.observatory.pointed_at is None
    await watch.look()
    assert not night.gate.reasons
    at_its_limit(night)
    await watch.look()
    await night.sheltered(watch)


async def test_a_mount_that_was_stopped_or_would_not_slew_is_not_minded(night: Night) -> None:
    watch = night.watch()
    await night.opens(watch)
    await night.observatory.halt()
    south = SkyPosition(ra_deg=90.0, dec_deg=-80.0)
    with pytest.raises(SlewRefusedError):
        await night.sky.finish(night.observatory.point(south))
    at_its_limit(night)
    await watch.look()
    assert not night.gate.reasons


async def test_limits_are_minded_between_the_exposures_of_a_telescope_that_is_held(night: Night) -> None:
    watch = night.watch()
    await night.opens(watch)
    async with night.observatory.turn("a campaign"):
        exposing = asyncio.ensure_future(
            night.observatory.expose(exposure_s=5.0, filter_name=MODEL.instrument.filters[0])
        )
        night.gate.shut(HOLD, "guests")
        await night.sky.advance(1.0)
        at_its_limit(night)
        await watch.look()
        assert LIMITS not in night.gate.reasons, "an exposure that was begun may end"
        await night.sky.finish(_ends(exposing))
        await watch.look()
        await night.sheltered(watch)


async def test_a_telescope_that_is_found_is_made_safe_when_nobody_uses_it(night: Night) -> None:
    night.devices.dome.opened = True  # an earlier process was killed
    watch = night.watch()
    await watch.look()
    await night.sky.advance(59.0)
    await watch.look()
    assert not night.gate.reasons
    await night.sky.advance(1.0)
    await watch.look()
    assert night.gate.reasons == {LIMITS: "it is being parked: nobody has used it since it was found"}
    await night.sheltered(watch)
    assert not night.gate.reasons


async def test_a_telescope_that_is_found_is_left_to_who_uses_it(night: Night) -> None:
    watch = night.watch()
    await watch.look()
    night.gate.shut(TAKEOVER, "anna mends the mirror")
    await night.sky.advance(100.0)
    await watch.look()
    night.gate.lift(TAKEOVER)
    await watch.look()
    async with night.observatory.turn("a campaign"):
        await night.sky.advance(100.0)
        await watch.look()
        await night.opens(watch)
    await night.sky.advance(100.0)
    await watch.look()
    assert watch._shelter is None


async def test_who_wants_it_parked_has_it_parked(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = night.watch()
    await night.opens(watch)
    fails(2, night.devices.mount, "park", DeviceError("mount", "it did not park"), monkeypatch)
    night.gate.shut(HALT, "parked by anna")
    night.observatory.to_park = True
    await watch.look()
    await night.sky.advance(8.0)
    await night.sheltered(watch)


async def test_a_halt_does_not_stop_a_mount_that_is_parked_for_a_person(night: Night) -> None:
    night.observatory.park_before_closing = True
    watch = night.watch()
    await night.opens(watch)
    night.gate.shut(HALT, "parked by anna")
    parking = asyncio.ensure_future(night.observatory.shelter())
    await night.sky.advance(1.0)
    await night.observatory.halt()  # a campaign is called off meanwhile
    assert await night.sky.finish(_result(parking))
    assert not night.devices.dome.opened


async def _result(work: asyncio.Future[bool]) -> bool:
    return await work


async def test_a_fault_of_ours_does_not_end_the_attempts_to_make_it_safe(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = night.watch()
    await night.opens(watch)
    fails(2, night.devices.mount, "park", ZeroDivisionError("no"), monkeypatch)
    assert not await night.sky.finish(night.observatory.shelter())
    assert watch.standing()["not_sheltered"] == "ZeroDivisionError: no"
    night.weather(safe=False, reason="rain")
    await watch.look()
    await night.sky.advance(8.0)
    await night.sheltered(watch)


async def test_a_watch_that_fails_or_ends_leaves_the_gate_shut(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = night.watch()
    await night.opens(watch)
    running = asyncio.ensure_future(watch.run())
    await night.sky.advance(1.0)
    assert not night.gate.reasons

    async def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(watch.conditions, "breaches", broken)
    await night.sky.advance(1.0)
    assert "the safety watch failed: ZeroDivisionError" in night.reason
    await night.sheltered(watch)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert night.reason == "the agent ends"


async def test_who_watches_over_the_agent_is_in_its_status(
    night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    watch = night.watch()
    await watch.look()
    assert watch.standing()["watchdog"] == "not needed"
    assert watch.standing()["not_measured"] == ["rain"]
    night.watchdog = lambda: ""
    await night.sky.advance(2.0)
    await watch.look()
    assert watch.standing()["watchdog"] == "NONE RUNS"
    assert "no watchdog runs: start followup gft watchdog gft-spm" in caplog.text
    night.watchdog = lambda: "process 7"
    assert watch.standing()["watchdog"] == "process 7"


async def test_signs_of_life_need_no_room_on_the_disk(night: Night) -> None:
    watch = night.watch()
    await watch.look()
    ago_s = Signs(night.run).alive_ago_s
    assert ago_s is not None
    assert ago_s < 60.0
    watch.signs.leave()
    assert Signs(night.run).alive_ago_s is None
    shutil.rmtree(night.run)
    assert Signs(None).alive_ago_s is None
