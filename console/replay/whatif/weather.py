"""The weather of a what-if: a table of times and conditions, or what the telescope's station recorded.

A file is CSV with a header. Column ``time``: ISO 8601 (UTC when it names no zone), or ``+SECONDS`` after the
trigger time of the burst. ``safe`` (yes or no; yes when left out) and ``reason`` are the station's own
judgement; other columns are what it measures, by the names that `followup.safety` has limits for, and
``cloud_percent``. ``seeing_arcsec`` (width of a star at the zenith) and ``dimming_mag`` (by clouds, at the
zenith) are what the air does to the frames; nobody measures it, and left out it does what it usually does.
Rows ascend in time; each holds until the next one, the first one also before, the last one for ever. Lines
that begin with # are remarks.
"""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from console.replay.telescope.devices import PlayedWeather, Tape
from followup.clock import Clock
from followup.errors import ConfigurationError
from followup.safety import GUST, HUMIDITY, RAIN, WIND
from simulators.atmosphere import ConditionsAt
from simulators.sites import Conditions

_TIME, _SAFE, _REASON = "time", "safe", "reason"
_MEASURED = (WIND, GUST, HUMIDITY, RAIN, "cloud_percent")
_SEEING, _DIMMING = "seeing_arcsec", "dimming_mag"
_NUMBERS = (*_MEASURED, _SEEING, _DIMMING)
_KNOWN = (_TIME, _SAFE, _REASON, *_NUMBERS)
_JUDGED = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_TUBE = "temperature_c"
_HINT = "docs/replay.md shows the format"
_EVER = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Air:
    """What the air does to the frames from a time on; None for what it usually does."""

    time: datetime
    seeing_arcsec: float | None = None
    dimming_mag: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Weather:
    """The weather over a site.

    Attributes
    ----------
    lines
        Readings of the weather station as the observing log has them.
    air
        By time, the first one from ever; nothing for as usual.
    """

    lines: tuple[Mapping[str, Any], ...] = ()
    air: tuple[Air, ...] = ()

    @property
    def changes(self) -> tuple[datetime, ...]:
        """When it changes, in order."""
        found = [datetime.fromisoformat(line["time"]) for line in self.lines]
        return tuple(sorted(time for time in found if time > _EVER))

    def station(self, clock: Clock) -> PlayedWeather:
        """Make a weather station that says so; without any reading it says that all is well."""
        return PlayedWeather(Tape(self.lines), clock)

    def conditions(self, usual: Conditions) -> ConditionsAt:
        """Give the conditions at each time."""

        def at(time: datetime) -> Conditions:
            air = next((each for each in reversed(self.air) if each.time <= time), None)
            if air is None:
                return usual
            seeing = usual.seeing_arcsec if air.seeing_arcsec is None else air.seeing_arcsec
            return replace(usual, seeing_arcsec=seeing, haze=usual.haze + air.dimming_mag)

        return at


def given_weather(path: Path, trigger_time: datetime) -> Weather:
    """Read a file of the weather.

    Raises
    ------
    ConfigurationError
        When it cannot be read or understood: which line and column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the weather file {path} cannot be read: {error}", hint=_HINT) from error
    rows = [
        (number, _fields(f"{path}, line {number}", line))
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if len(rows) <= 1:
        raise ConfigurationError(f"{path} holds no weather", hint=_HINT)
    (number, columns), *rest = rows
    _check_columns(path, number, columns)
    times: list[datetime] = []
    lines, air = [], []
    for number, fields in rest:
        where = f"{path}, line {number}"
        if len(fields) > len(columns):
            raise ConfigurationError(f"{where}: more fields than columns", hint=_HINT)
        row = dict(zip(columns, fields, strict=False))
        if _TIME not in row:
            raise ConfigurationError(f"{where}: it ends before the column time", hint=_HINT)
        times.append(_time(where, row[_TIME], trigger_time))
        if times[1:] and times[-1] <= times[-2]:
            raise ConfigurationError(f"{where}: time: it is not after the one above", hint=_HINT)
        numbers = _numbers(where, row)
        air.append(
            Air(
                time=times[-1] if times[1:] else _EVER,
                seeing_arcsec=numbers.pop(_SEEING, None),
                dimming_mag=numbers.pop(_DIMMING, 0.0),
            )
        )
        lines.append(_line(where, times[-1], row, numbers))
    # Somebody looked before the first row, too, and saw the same.
    before = {**lines[0], "time": _EVER.isoformat(), "ended": _EVER.isoformat()}
    return Weather(lines=(before, *lines), air=tuple(air))


def recorded_weather(devices: Iterable[Mapping[str, Any]]) -> Weather:
    """Give what the weather station said, of the observing log.

    The tube's temperature is left out: in a replay nobody focuses the telescope when it changes.
    """
    lines = []
    for line in devices:
        if line.get("device") != "weather":
            continue
        found = line.get("found")
        if isinstance(found, Mapping) and isinstance(values := found.get("values"), Mapping):
            kept = {name: value for name, value in values.items() if name != _TUBE}
            lines.append({**line, "found": {**found, "values": kept}})
        else:
            lines.append(dict(line))
    return Weather(lines=tuple(lines))


def _fields(where: str, line: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line]))]
    except csv.Error as error:
        raise ConfigurationError(f"{where}: {error}", hint=_HINT) from error


def _check_columns(path: Path, number: int, columns: list[str]) -> None:
    where = f"{path}, line {number}"
    for name in columns:
        if name not in _KNOWN:
            close = difflib.get_close_matches(name, _KNOWN, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(_KNOWN)}"
            raise ConfigurationError(f"{where}: there is no column {name!r}", hint=hint)
        if columns.count(name) > 1:
            raise ConfigurationError(f"{where}: two columns {name}", hint=_HINT)
    if _TIME not in columns or len(columns) == 1:
        raise ConfigurationError(f"{where}: it needs the column time, and one of the conditions", hint=_HINT)


def _numbers(where: str, row: Mapping[str, str]) -> dict[str, float]:
    values = {}
    for name in _NUMBERS:
        if not (said := row.get(name, "")):
            continue
        try:
            values[name] = float(said)
        except ValueError:
            values[name] = math.nan
        if not 0.0 <= values[name] < math.inf or (name == _SEEING and values[name] == 0.0):
            raise ConfigurationError(f"{where}: {name}: {said!r} is no such number", hint="0 or more")
    return values


def _line(
    where: str, time: datetime, row: Mapping[str, str], values: Mapping[str, float]
) -> Mapping[str, Any]:
    safe = _JUDGED.get(row.get(_SAFE, "").lower())
    if safe is None:
        raise ConfigurationError(f"{where}: safe: {row[_SAFE]!r} is neither yes nor no", hint=_HINT)
    found = {"safe": safe, "reason": row.get(_REASON, ""), "values": values}
    when = time.isoformat()
    return {"device": "weather", "did": "reading", "time": when, "ended": when, "found": found}


def _time(where: str, said: str, trigger_time: datetime) -> datetime:
    try:
        if said.startswith(("+", "-")):
            return trigger_time + timedelta(seconds=float(said))
        time = datetime.fromisoformat(said)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"{where}: time: {said!r} is no time", hint="2026-11-22T07:30:00Z, or +600 after the burst"
        ) from error
