"""The devices: each must be there, connected, and able to do what its driver here asks of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from agents.gft.indi.connection import Connection
from agents.gft.indi.device import ALERT, Device
from agents.gft.indi.needs import Need, needs
from agents.gft.indi.settings import IndiSettings
from agents.gft.indi.weather import IndiWeatherStation
from console.control import ask
from console.preflight.finding import Finding, failed, passed, skipped, warned
from console.preflight.subject import Subject
from followup.devices import WeatherReading
from followup.errors import ConfigurationError, DeviceError, FollowupError
from followup.safety import GUST, HUMIDITY, RAIN, WIND

_ANSWER_S = 10.0
_DEFINED_S = 10.0
"""A driver defines all its properties within this time after it has connected."""
_MISSES = 3
_LIMITED = {"wind": {WIND, GUST}, "humidity": {HUMIDITY}, "rain": {RAIN}}
"""What has a limit in ``[safety]``."""
_LEAST_PATIENCE_S = 20.0


async def devices(subject: Subject) -> AsyncIterator[Finding]:
    """Look at each device; those that are not connected are, and none is moved."""
    indi = subject.indi
    if indi is None:
        yield skipped("devices", f"simulated ones, like those of {subject.config.model}")
        return
    if subject.agent_pid is not None:
        for finding in await _asked(subject):
            yield finding
        return
    settings = indi.devices.settings()
    connection = Connection(settings.host, settings.port)
    await connection.open()
    try:
        yield passed("indi", f"the INDI server at {connection.where} answers")
        for role, wanted in needs(settings).items():
            device = Device(connection, getattr(settings, role), role.replace("_", " "))
            line = "weather_station" if role == "weather" else role
            yield replace(await _looked_at(role, device, wanted, settings, subject), check=line)
    finally:
        await connection.close()


async def _asked(subject: Subject) -> list[Finding]:
    """Ask the agent that has the devices how they are."""
    runs = f"the agent runs (process {subject.agent_pid}) and has them: it is not disturbed"
    advice = f"followup gft status {subject.config.name} tells more; end it to have the devices looked at"
    try:
        said = await ask(subject.folder, "telescope", timeout_s=_ANSWER_S)
    except ConfigurationError:
        return [skipped("devices", f"{runs}; it is starting", advice)]
    except FollowupError as error:
        return [failed("devices", str(error), error.hint)]
    doing = f"observes {said['observing']}" if said["observing"] else "is idle"
    sky = f"{said['weather']}, says the agent"
    judged = passed if said["weather"] == "safe" else partial(warned, advice="it waits until it is safe")
    return [skipped("devices", f"{runs}; it {doing}", advice), judged("weather", sky)]


async def weather(subject: Subject) -> AsyncIterator[Finding]:
    """Wait for a reading of the weather that is new."""
    indi = subject.indi
    if indi is None or subject.agent_pid is not None:
        return
    settings = indi.devices.settings()
    connection = Connection(settings.host, settings.port)
    station = IndiWeatherStation(connection, settings, sky=subject.wall)
    await connection.open()
    try:
        await station.device.ready()
        patience_s = max(_LEAST_PATIENCE_S, _MISSES * settings.weather_s)
        heard, keys = (
            connection.heard,
            [(settings.weather, f"WEATHER_{what}") for what in ("STATUS", "PARAMETERS")],
        )
        before = sum(heard[key] for key in keys)
        fresh = True
        try:
            await station.device.wait(
                lambda: sum(heard[key] for key in keys) > before, patience_s, "it said nothing new"
            )
        except DeviceError:
            fresh = False
        yield judge_weather(await station.reading(), fresh=fresh, waited_s=patience_s)
    finally:
        await connection.close()


def judge_weather(reading: WeatherReading, *, fresh: bool, waited_s: float) -> Finding:
    """Say what a reading means: how the weather is is nobody's fault, a station that is silent is."""
    shown = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in reading.values.items())
    if not fresh:
        return failed(
            "weather",
            f"the station said nothing new for {waited_s:.0f} s: what it says may be of any age ({shown})",
            "look at the station and its driver: weather older than 120 s closes the dome",
        )
    if not reading.safe:
        return warned(
            "weather", f"{reading.reason} ({shown})", "wait for better weather, or mend the station's limits"
        )
    blind = [what for what, names in _LIMITED.items() if not reading.values.keys() & names]
    not_seen = f"; it does not measure {', '.join(blind)}" if blind else ""
    return passed("weather", f"new and safe: {shown}{not_seen}", **reading.values)


async def _looked_at(
    role: str, device: Device, wanted: tuple[Need, ...], settings: IndiSettings, subject: Subject
) -> Finding:
    try:
        await device.ready()
        with contextlib.suppress(DeviceError):  # what is missing is said below
            await device.wait(
                lambda: all(_lacks(device, need) is None for need in wanted if need.vital), _DEFINED_S, ""
            )
    except DeviceError as error:
        return failed(role, str(error), error.hint)
    lacking = [(need, gap) for need in wanted if (gap := _lacks(device, need))]
    vital = [f"{gap} {need.what_for}" for need, gap in lacking if need.vital]
    if vital:
        return failed(
            role,
            f"{device.name!r} has no {'; no '.join(vital)}",
            f"is it the driver of a {device.kind}? Mend {role} in [indi], or update the driver",
        )
    if (wrong := _wrong(role, device, settings, subject)) is not None:
        return failed(role, *wrong)
    said = f"{device.name!r} is connected and has all that it needs"
    if lacking:
        gaps = "; ".join(f"{gap} {need.what_for}" for need, gap in lacking)
        return warned(role, f"{said}; without {gaps}", "nothing, if the device cannot do that")
    return passed(role, f"{said}{_how(role, device)}")


def _lacks(device: Device, need: Need) -> str | None:
    """Name what is missing of a property."""
    if not device.has(need.prop):
        return need.prop
    there = device.values(need.prop)
    gaps = [member for member in need.members if member not in there]
    return f"{need.prop}.{gaps[0]}" if gaps else None


def _wrong(role: str, device: Device, settings: IndiSettings, subject: Subject) -> tuple[str, str] | None:
    """Hold what a device says against the settings; return what does not agree, and what to do."""
    if role == "camera" and device.has("CCD_INFO"):
        said = tuple(round(device.number("CCD_INFO", f"CCD_MAX_{axis}") / settings.binning) for axis in "XY")
        ours = (subject.instrument.width_px, subject.instrument.height_px)
        if max(abs(a - b) for a, b in zip(said, ours, strict=True)) > 1:
            what = f"{device.name!r} reads out {said[0]} x {said[1]} pixels (binning {settings.binning})"
            return f"{what}, [detector] says {ours[0]} x {ours[1]}", "mend width_px, height_px or binning"
    if role == "filter_wheel":
        last = round(device.highest("FILTER_SLOT", "FILTER_SLOT_VALUE"))
        beyond = [f"{name} = {slot}" for name, slot in settings.slots.items() if slot > last]
        if beyond:
            return (
                f"{device.name!r} has {last} slots, [indi.slots] says {', '.join(beyond)}",
                "mend [indi.slots]",
            )
    if role == "dome" and device.state("DOME_SHUTTER") == ALERT:
        return (
            f"the shutter of {device.name!r} is in alert",
            "look at it: the telescope may stand in the open",
        )
    return None


def _how(role: str, device: Device) -> str:
    """Tell how a device is now."""
    if role == "mount":
        return ", parked" if device.on("TELESCOPE_PARK", "PARK") else ", not parked"
    if role == "dome":
        return ", shutter open" if device.on("DOME_SHUTTER", "SHUTTER_OPEN") else ", shutter not open"
    if role == "camera" and device.has("CCD_TEMPERATURE"):
        return f", {device.number('CCD_TEMPERATURE', 'CCD_TEMPERATURE_VALUE'):.1f} deg C"
    return ""
