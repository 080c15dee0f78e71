"""A weather station over INDI."""

from __future__ import annotations

from datetime import timedelta

from agents.gft.indi.connection import Connection
from agents.gft.indi.device import ALERT, Device
from agents.gft.indi.settings import IndiSettings
from followup.clock import Clock
from followup.devices import WeatherReading

_STATUS, _PARAMETERS, _UPDATE = "WEATHER_STATUS", "WEATHER_PARAMETERS", "WEATHER_UPDATE"


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
        device = self.device
        await device.ready()
        state = device.state(_STATUS)
        parameters = device.values(_PARAMETERS)
        wrong = [name for name, light in device.values(_STATUS).items() if light == ALERT]
        reason = ""
        if wrong:
            said = (f"{_spoken(n)} {device.number(_PARAMETERS, n):g}" for n in wrong if n in parameters)
            reason = "the weather station warns: " + (", ".join(said) or _spoken(wrong[0]))
        elif state not in {"Ok", "Busy"}:
            reason = f"the weather station's status is {state}"
        return WeatherReading(
            time=self._sky.now() - timedelta(seconds=device.age_s(_STATUS, _PARAMETERS)),
            safe=not reason,
            reason=reason,
            values={_key(name): device.number(_PARAMETERS, name) for name in parameters},
        )

    async def _set_up(self) -> None:
        await self.device.wait(
            lambda: self.device.has(_STATUS) and self.device.has(_PARAMETERS), 10.0, "it tells no weather"
        )
        # By default drivers look once a minute: too seldom for whoever stands in the open.
        if self.device.has(_UPDATE) and self.device.number(_UPDATE, "PERIOD") != self._every_s:
            await self.device.command(_UPDATE, {"PERIOD": self._every_s})


def _key(name: str) -> str:
    return name.removeprefix("WEATHER_").lower()


def _spoken(name: str) -> str:
    return _key(name).replace("_", " ")
