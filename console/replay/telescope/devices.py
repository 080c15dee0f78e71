"""A telescope played from the record: as fast as it was, failing as it failed, with the same frames."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agents.gft.frames import read_raw
from console.replay.errors import ReplayError
from followup.clock import Clock
from followup.devices import FrameType, RawFrame, Telescope, WeatherReading
from followup.errors import DeviceError
from simulators.interruptible import interrupted
from voevent.packet import SkyPosition


class Tape:
    """What the devices did, taken command by command in the order in which each was given."""

    def __init__(self, lines: Iterable[Mapping[str, Any]]) -> None:
        self._left: dict[tuple[str, ...], deque[Mapping[str, Any]]] = defaultdict(deque)
        self.weather: list[tuple[datetime, Mapping[str, Any]]] = []
        self.flips: deque[datetime] = deque()
        try:
            for line in lines:
                self._add(line)
        except (KeyError, TypeError, ValueError) as error:
            raise ReplayError(f"the record of the devices cannot be understood: {error!r}") from error
        self.weather.sort(key=lambda each: each[0])

    def _add(self, line: Mapping[str, Any]) -> None:
        device, did = str(line["device"]), str(line["did"])
        if device == "weather":
            self.weather.append((datetime.fromisoformat(line["time"]), line))
        elif did == "flip_due":
            self.flips.append(datetime.fromisoformat(line["time"]))
        else:
            self._left[self._key(device, did, line.get("told", {}))].append(line)

    @staticmethod
    def _key(device: str, did: str, told: Mapping[str, Any]) -> tuple[str, ...]:
        if device == "camera":
            kind = str(told.get("frame_type", ""))
            return (
                device,
                did,
                kind,
                f"{float(told.get('exposure_s', 0.0)):g}",
                str(told.get("filter_name", "")),
            )
        return (device, did)

    def next(self, device: str, did: str, **told: Any) -> Mapping[str, Any] | None:
        """Take the next record of a command; None when there is none left."""
        left = self._left[self._key(device, did, told)]
        return left.popleft() if left else None


def lasted_s(line: Mapping[str, Any]) -> float:
    """How long a command took, in seconds of the sky's clock."""
    began, ended = (datetime.fromisoformat(line[key]) for key in ("time", "ended"))
    return max(0.0, (ended - began).total_seconds())


class _Played:
    """A device whose commands take as long as they took, and fail as they failed."""

    def __init__(self, name: str, tape: Tape, clock: Clock) -> None:
        self._name = name
        self._tape = tape
        self._clock = clock
        self._last_s: dict[str, float] = {}

    async def _do(self, did: str) -> None:
        line = self._tape.next(self._name, did)
        if line is None:
            await self._clock.sleep(self._last_s.get(did, 0.0))
            return
        await self._clock.sleep(lasted_s(line))
        _fail(self._name, line)
        self._last_s[did] = lasted_s(line)


def _fail(device: str, line: Mapping[str, Any]) -> None:
    if "failed" in line:
        raise DeviceError(device, str(line["failed"]), retriable=bool(line.get("retriable")))


class PlayedMount(_Played):
    """`followup.devices.Mount` from the record."""

    at = SkyPosition(ra_deg=0.0, dec_deg=90.0)

    async def slew(self, target: SkyPosition) -> None:
        """Point as it did."""
        await self._do("slew")
        self.at = SkyPosition(ra_deg=target.ra_deg, dec_deg=target.dec_deg)

    async def position(self) -> SkyPosition:
        """Where it was last sent."""
        return self.at

    async def flip_due(self) -> bool:
        """Whether it had to flip by now."""
        if self._tape.flips and self._tape.flips[0] <= self._clock.now():
            self._tape.flips.popleft()
            return True
        return False

    async def stop(self) -> None:
        """Stop as it did."""
        await self._do("stop")

    async def park(self) -> None:
        """Park as it did."""
        await self._do("park")


class PlayedDome(_Played):
    """`followup.devices.Dome` from the record; closed at the start."""

    opened = False

    async def open(self) -> None:
        """Open as it did."""
        await self._do("open")
        self.opened = True

    async def close(self) -> None:
        """Close as it did."""
        await self._do("close")
        self.opened = False

    async def is_open(self) -> bool:
        """Whether it was opened."""
        return self.opened

    async def face(self, target: SkyPosition) -> None:  # noqa: ARG002 - the port's
        """Turn as it did."""
        await self._do("face")


class PlayedFilterWheel(_Played):
    """`followup.devices.FilterWheel` from the record."""

    async def select(self, filter_name: str) -> None:  # noqa: ARG002 - the port's
        """Turn as it did."""
        await self._do("select")


class PlayedWeather:
    """`followup.devices.WeatherStation` from the record: what it last said before now, as fresh as it was."""

    def __init__(self, tape: Tape, clock: Clock) -> None:
        self._lines = tape.weather
        self._clock = clock

    async def reading(self) -> WeatherReading:
        """Read what the station said at this time."""
        now = self._clock.now()
        line = next((line for time, line in reversed(self._lines) if time <= now), None)
        if line is None:
            # The telescope began to look when it was told to.
            return WeatherReading(time=now, safe=True)
        _fail("weather", line)
        found = line["found"]
        return WeatherReading(
            time=now - timedelta(seconds=float(line.get("age_s", 0.0))),
            safe=bool(found["safe"]),
            reason=str(found["reason"]),
            values={str(name): float(value) for name, value in found["values"].items()},
        )


class PlayedCamera:
    """`followup.devices.Camera` from the record: the frames are those that it gave.

    Parameters
    ----------
    frames
        Reads the recorded frame that was begun at that time (ISO 8601).
    """

    def __init__(self, tape: Tape, clock: Clock, frames: Callable[[str], RawFrame]) -> None:
        self._tape = tape
        self._clock = clock
        self._frames = frames
        self._aborted: asyncio.Event | None = None

    async def expose(self, *, frame_type: FrameType, exposure_s: float, filter_name: str) -> RawFrame:
        """Give the next recorded frame of this kind, after as long as it took.

        Raises
        ------
        DeviceError
            When the record has no further frame of this kind, the recorded exposure failed, or it is aborted.
        """
        told = {"frame_type": str(frame_type), "exposure_s": exposure_s, "filter_name": filter_name}
        line = self._tape.next("camera", "expose", **told)
        if line is None:
            raise DeviceError(
                "camera",
                f"the record holds no further {frame_type} frame of {exposure_s:g} s through {filter_name}",
            )
        self._aborted = aborted = asyncio.Event()
        try:
            if await interrupted(self._clock, lasted_s(line), aborted):
                raise DeviceError("camera", "the exposure was aborted")
        finally:
            self._aborted = None
        _fail("camera", line)
        return await asyncio.to_thread(self._frames, str(line["found"]["date_obs"]))

    async def abort(self) -> None:
        """End the exposure in progress."""
        if self._aborted is not None:
            self._aborted.set()


class Frames:
    """The frames of a record, by when they were begun."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = list(paths)
        self._known: dict[datetime, Path] = {}

    def __call__(self, date_obs: str) -> RawFrame:
        """Read a frame (blocking).

        Raises
        ------
        DeviceError
            When it was not kept.
        """
        time = datetime.fromisoformat(date_obs)
        if time in self._known:
            return read_raw(self._known[time])
        while self._paths:
            path = self._paths.pop(0)
            try:
                frame = read_raw(path)
            except (OSError, KeyError, ValueError) as error:
                raise DeviceError(
                    "camera", f"the recorded frame {path.name} cannot be read: {error}"
                ) from error
            self._known[frame.date_obs] = path
            if frame.date_obs == time:
                return frame
        raise DeviceError("camera", f"the frame begun at {date_obs} was not kept")


def played_telescope(
    lines: Iterable[Mapping[str, Any]], frames: Callable[[str], RawFrame], clock: Clock
) -> Telescope:
    """Make a telescope of the record of its devices."""
    tape = Tape(lines)
    return Telescope(
        mount=PlayedMount("mount", tape, clock),
        camera=PlayedCamera(tape, clock, frames),
        filter_wheel=PlayedFilterWheel("filter_wheel", tape, clock),
        dome=PlayedDome("dome", tape, clock),
        weather=PlayedWeather(tape, clock),
    )
