"""The observing log: what the devices were told, when, and what came of it; a campaign's part goes with it.

With it a night can be played again: how long each slew took, what failed, and what the weather was.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from followup.clock import Clock
from followup.devices import RawFrame, Telescope, WeatherReading
from followup.errors import DeviceError
from voevent.packet import SkyPosition

log = logging.getLogger(__name__)

_SAME_WEATHER = timedelta(minutes=10)
"""Weather that has not changed is written down so often."""
_ASKED = frozenset({"is_open", "position", "flip_due", "limits", "temperature"})
"""Questions that change nothing and happen all the time."""


class Logbook:
    """A folder with a file of JSON lines a day of the sky's clock.

    Parameters
    ----------
    kept
        Files of days so long ago are removed.
    """

    def __init__(self, folder: Path, sky: Clock, *, kept: timedelta = timedelta(days=30)) -> None:
        self.folder = folder
        self.sky = sky
        self._kept = kept
        self._weather: tuple[datetime, bool, str] | None = None

    def write(self, began: datetime, device: str, did: str, **facts: Any) -> None:
        """Add a line. A disk that has no room for it costs the line, not the night."""
        now = self.sky.now()
        line = {"time": began.isoformat(), "ended": now.isoformat(), "device": device, "did": did, **facts}
        path = self.folder / f"{now:%Y-%m-%d}.jsonl"
        try:
            if not path.is_file():
                self.folder.mkdir(parents=True, exist_ok=True)
                self._tidy(now)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            log.warning("the observing log cannot be written: %s", error)

    def weather(self, reading: WeatherReading) -> None:
        """Write down a reading that says something new, and now and then one that does not."""
        now = self.sky.now()
        if self._weather is not None:
            time, safe, reason = self._weather
            if (safe, reason) == (reading.safe, reading.reason) and timedelta() <= now - time < _SAME_WEATHER:
                return
        self._weather = (now, reading.safe, reading.reason)
        said = {"safe": reading.safe, "reason": reading.reason, "values": dict(reading.values)}
        self.write(now, "weather", "reading", age_s=(now - reading.time).total_seconds(), found=said)

    def lines(self, since: datetime, until: datetime) -> Iterator[str]:
        """Give the lines of a stretch of time, with the last reading of the weather before it."""
        earlier = ""
        first = (since - timedelta(days=1)).strftime("%Y-%m-%d")
        for path in sorted(self.folder.glob("*.jsonl")):
            if path.stem < first:
                continue
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                try:
                    said = json.loads(line)
                    began, ended = (datetime.fromisoformat(said[key]) for key in ("time", "ended"))
                except (ValueError, KeyError, TypeError):
                    continue  # cut off by a kill
                if ended < since:
                    earlier = line if said["device"] == "weather" else earlier
                elif began <= until:
                    if earlier:
                        yield earlier
                        earlier = ""
                    yield line

    def _tidy(self, now: datetime) -> None:
        oldest = (now - self._kept).strftime("%Y-%m-%d")
        for path in self.folder.glob("*.jsonl"):
            if path.stem < oldest:
                path.unlink(missing_ok=True)


def logged(telescope: Telescope, book: Logbook) -> Telescope:
    """Give the same devices, with what they do written down."""
    devices: dict[str, Any] = {}
    for each in dataclasses.fields(telescope):
        device = getattr(telescope, each.name)
        devices[each.name] = None if device is None else _Logged(device, each.name, book)
    return Telescope(**devices)


class _Logged:
    """A device of any kind: its commands are passed on, and written down when they have ended."""

    def __init__(self, device: object, name: str, book: Logbook) -> None:
        self._device = device
        self._name = name
        self._book = book

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._device, name)
        if name in _ASKED or not inspect.iscoroutinefunction(found):
            return found
        return self._followed(name, found)

    def _followed(self, name: str, command: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def follow(*args: Any, **options: Any) -> Any:
            began = self._book.sky.now()
            told = {**{f"argument_{n}": a for n, a in enumerate(args, 1)}, **options}
            facts = {"told": {key: _spelt(value) for key, value in told.items()}} if told else {}
            try:
                answer = await command(*args, **options)
            except DeviceError as error:
                failed = {
                    "failed": str(error).removeprefix(f"{error.device}: "),
                    "retriable": error.retriable,
                }
                self._book.write(began, self._name, name, **facts, **failed)
                raise
            if isinstance(answer, WeatherReading):
                self._book.weather(answer)
            elif answer is not False:
                found = {} if answer is None else {"found": _spelt(answer)}
                self._book.write(began, self._name, name, **facts, **found)
            return answer

        return follow


def _spelt(value: Any) -> Any:
    """Write a value so that JSON can hold it."""
    match value:
        case SkyPosition():
            return {"ra_deg": value.ra_deg, "dec_deg": value.dec_deg}
        case RawFrame():
            return {"date_obs": value.date_obs.isoformat(), "filter": value.filter}
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)
