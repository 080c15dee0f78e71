"""An INDI server whose devices have what a test gives them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Properties = Mapping[str, Mapping[str, float | bool | str]]
"""By name: members with their values; numbers, switches (bool), lights (Ok, Alert) or BLOBs ("blob")."""

CONNECTED = {"CONNECTION": {"CONNECT": True, "DISCONNECT": False}}
MOUNT: Properties = {
    "EQUATORIAL_EOD_COORD": {"RA": 1.0, "DEC": 2.0},
    "ON_COORD_SET": {"TRACK": True, "SLEW": False},
    "TELESCOPE_ABORT_MOTION": {"ABORT": False},
    "TELESCOPE_PARK": {"PARK": True, "UNPARK": False},
    "TELESCOPE_TRACK_STATE": {"TRACK_ON": False, "TRACK_OFF": True},
    "GEOGRAPHIC_COORD": {"LAT": 0.0, "LONG": 0.0, "ELEV": 0.0},
}
CAMERA: Properties = {
    "CCD_EXPOSURE": {"CCD_EXPOSURE_VALUE": 1.0},
    "CCD_ABORT_EXPOSURE": {"ABORT": False},
    "CCD_FRAME_TYPE": {"FRAME_LIGHT": True, "FRAME_BIAS": False, "FRAME_DARK": False, "FRAME_FLAT": False},
    "CCD_INFO": {"CCD_MAX_X": 1280.0, "CCD_MAX_Y": 1024.0},
    "CCD1": {"CCD1": "blob"},
}
WHEEL: Properties = {"FILTER_SLOT": {"FILTER_SLOT_VALUE": 1.0}}
DOME: Properties = {
    "DOME_SHUTTER": {"SHUTTER_OPEN": False, "SHUTTER_CLOSE": True},
    "DOME_PARK": {"PARK": True, "UNPARK": False},
    "ABS_DOME_POSITION": {"DOME_ABSOLUTE_POSITION": 10.0},
    "DOME_AUTOSYNC": {"DOME_AUTOSYNC_ENABLE": False},
}
WEATHER: Properties = {
    "WEATHER_STATUS": {"WEATHER_WIND_SPEED": "Ok"},
    "WEATHER_PARAMETERS": {"WEATHER_WIND_SPEED": 3.0},
    "WEATHER_UPDATE": {"PERIOD": 5.0},
}
ALL: Mapping[str, Properties] = {
    "Mount": MOUNT, "Camera": CAMERA, "Wheel": WHEEL, "Dome": DOME, "Station": WEATHER
}  # fmt: skip


def without(properties: Properties, name: str) -> Properties:
    """The same without one property."""
    return {key: members for key, members in properties.items() if key != name}


@dataclass
class FakeIndi:
    """The server. It says nothing by itself but what it is made of.

    Attributes
    ----------
    alert
        (device, property) pairs in alert.
    """

    devices: Mapping[str, Properties]
    alert: frozenset[tuple[str, str]] = frozenset()
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        while part := await reader.read(65536):
            if b"<getProperties" in part:
                for device, properties in self.devices.items():
                    for name, members in {**CONNECTED, **properties}.items():
                        writer.write(self._defined(device, name, members).encode())
        writer.close()

    def _defined(self, device: str, name: str, members: Mapping[str, float | bool | str]) -> str:
        kind = _kind(next(iter(members.values())))
        inner = "".join(_member(kind, key, value) for key, value in members.items())
        state = "Alert" if (device, name) in self.alert else "Ok"
        more = "" if kind == "Light" else ' perm="rw"'
        rule = ' rule="OneOfMany"' if kind == "Switch" else ""
        return (
            f'<def{kind}Vector device="{device}" name="{name}" state="{state}" label="" group=""{more}{rule}>'
            f"{inner}</def{kind}Vector>"
        )


def _kind(value: float | bool | str) -> str:
    if isinstance(value, bool):
        return "Switch"
    if isinstance(value, str):
        return "BLOB" if value == "blob" else "Light"
    return "Number"


def _member(kind: str, name: str, value: float | bool | str) -> str:
    if kind == "Number":
        return f'<defNumber name="{name}" label="" format="%g" min="0" max="5" step="1">{value}</defNumber>'
    if kind == "BLOB":
        return f'<defBLOB name="{name}" label=""/>'
    text = value if isinstance(value, str) else "On" if value else "Off"
    return f'<def{kind} name="{name}" label="">{text}</def{kind}>'
