"""A filter wheel over INDI: filters by name, slots by the site's settings."""

from __future__ import annotations

from agents.gft.indi.connection import Connection
from agents.gft.indi.device import Device
from agents.gft.indi.settings import IndiSettings
from followup.errors import DeviceError

_SLOT, _VALUE = "FILTER_SLOT", "FILTER_SLOT_VALUE"


class IndiFilterWheel:
    """The `followup.devices.FilterWheel` of an INDI driver."""

    def __init__(self, connection: Connection, settings: IndiSettings) -> None:
        self.device = Device(connection, settings.filter_wheel, "filter wheel", self._set_up)
        self._slots = settings.slots
        self._within_s = settings.filter_s

    @property
    def selected(self) -> str:
        """The filter in the beam, or the slot's number when nobody has named it."""
        slot = round(self.device.number(_SLOT, _VALUE))
        return next((name for name, at in self._slots.items() if at == slot), f"in slot {slot}")

    async def select(self, filter_name: str) -> None:
        """Return when that filter is in the beam.

        Raises
        ------
        DeviceError
            When it has none of that name, or does not turn.
        """
        slot = self._slots.get(filter_name)
        if slot is None:
            raise DeviceError(
                "filter wheel", f"there is no filter {filter_name}", hint=f"it has {', '.join(self._slots)}"
            )
        await self.device.ready()
        if self.selected == filter_name:
            return
        await self.device.tell(_SLOT, {_VALUE: slot}, within_s=self._within_s)
        if self.selected != filter_name:
            raise DeviceError(
                "filter wheel",
                f"filter {self.selected} is in the beam after {filter_name} was asked for",
                hint="look at the wheel; the slots stand in [indi] slots",
                retriable=True,
            )

    async def _set_up(self) -> None:
        await self.device.wait(lambda: self.device.has(_SLOT), 10.0, f"it has no property {_SLOT}")
