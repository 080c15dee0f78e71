"""A weather station over INDI."""

from __future__ import annotations

from datetime import timedelta

from agents.gft.indi.connection import Connection
from agents.gft.indi.device import ALERT, Device
from agents.gft.indi.settings import IndiSettings
from followup.clock import Clock
from followup.devices import WeatherReading
from followup.safety import GUST, HUMIDITY, RAIN, WIND

_STATUS, _PARAMETERS, _UPDATE = "WEATHER_STATUS", "WEATHER_PARAMETERS", "WEATHER_UPDATE"
_OVERRIDE = "WEATHER_OVERRIDE"
_M_S = {"kph": 1 / 3.6, "km/h": 1 / 3.6, "kmh": 1 / 3.6, "mph": 0.44704, "kn": 0.514444, "knots": 0.514444}
"""Units of speed in m/s; one that is not told is taken for m/s: that errs on the safe side."""


class IndiWeatherStation:
    """The `followup.devices.WeatherStation` of an INDI driver, which judges by its own limits.

    Parameters
    ----------
    sky
        The clock by which readings are dated: so long ago as the driver last said anything.
    """

    def __init__(self, connection: Connection, settings: IndiSettings, *, sky: Clock) -> None:
        self.device = Device(connection, settings.weather, "weather station", self._set_up)
        self._every_s = settings.weather_s
        self._sky = sky

    async def reading(self) -> WeatherReading:
        """Read the station.

        Raises
        ------
        DeviceError
            When it is not connected.
        """
        await self.device.ready()
        return read_station(self.device, self._sky)

    async def _set_up(self) -> None:
        await self.device.wait(
            lambda: self.device.has(_STATUS) and self.device.has(_PARAMETERS), 10.0, "it tells no weather"
        )
        # By default drivers look once a minute: too seldom for whoever stands in the open.
        if self.device.has(_UPDATE) and self.device.number(_UPDATE, "PERIOD") != self._every_s:
            await self.device.command(_UPDATE, {"PERIOD": self._every_s})


def read_station(device: Device, sky: Clock) -> WeatherReading:
    """Give what a station has last said; it is told nothing.

    Raises
    ------
    DeviceError
        When it is not connected.
    """
    state = device.state(_STATUS)
    parameters = device.values(_PARAMETERS)
    wrong = [name for name, light in device.values(_STATUS).items() if light == ALERT]
    reason = ""
    if wrong:
        said = (f"{_spoken(n)} {device.number(_PARAMETERS, n):g}" for n in wrong if n in parameters)
        reason = "the weather station warns: " + (", ".join(said) or _spoken(wrong[0]))
    elif device.has(_OVERRIDE) and device.on(_OVERRIDE, "OVERRIDE"):
        reason = "its warnings are switched off (WEATHER_OVERRIDE)"
    elif state not in {"Ok", "Busy"}:
        reason = f"the weather station's status is {state}"
    values = {_key(name): device.number(_PARAMETERS, name) for name in parameters}
    for name in parameters:
        measured = _measured(name, device.label(_PARAMETERS, name), device.number(_PARAMETERS, name))
        values |= {key: max(value, values.get(key, value)) for key, value in measured.items()}
    return WeatherReading(
        time=sky.now() - timedelta(seconds=device.age_s(_STATUS, _PARAMETERS)),
        safe=not reason,
        reason=reason,
        values=values,
    )


def _measured(name: str, label: str, value: float) -> dict[str, float]:
    """Give a value as the rules of safety know it; the unit stands in the label, as ``Wind (kph)``."""
    unit = label.rpartition("(")[2].rstrip(") ").lower() if "(" in label else ""
    if "RAIN" in name and not any(total in name for total in ("DAY", "TOTAL", "MONTH", "YEAR")):
        return {RAIN: value * (25.4 if unit.startswith("in") else 1.0)}
    if "HUMIDITY" in name:
        return {HUMIDITY: value}
    speed = {GUST: value} if "GUST" in name else {WIND: value} if "WIND" in name else {}
    if "DIR" in name:
        return {}
    return {key: each * _M_S.get(unit, 1.0) for key, each in speed.items()}


def _key(name: str) -> str:
    return name.removeprefix("WEATHER_").lower()


def _spoken(name: str) -> str:
    return _key(name).replace("_", " ")
