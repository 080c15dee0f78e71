"""A camera over INDI: cooled, exposed, aborted; its BLOBs become raw frames."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from agents.gft.indi.connection import Connection
from agents.gft.indi.device import ALERT, BUSY, Device
from agents.gft.indi.filter_wheel import IndiFilterWheel
from agents.gft.indi.image import Image, read_image
from agents.gft.indi.mount import IndiMount
from agents.gft.indi.settings import IndiSettings
from followup.clock import Clock
from followup.devices import FrameType, RawFrame
from followup.errors import DeviceError

log = logging.getLogger(__name__)

_EXPOSURE, _BLOB, _TYPE, _TEMPERATURE = "CCD_EXPOSURE", "CCD1", "CCD_FRAME_TYPE", "CCD_TEMPERATURE"
_DUE_TO = {
    FrameType.LIGHT: "FRAME_LIGHT",
    FrameType.BIAS: "FRAME_BIAS",
    FrameType.DARK: "FRAME_DARK",
    FrameType.FLAT: "FRAME_FLAT",
}
_COOL_ENOUGH_C = 1.0
_CLOCKS_AGREE_S = 2.0
_SAME_EXPOSURE_S = 0.05


class IndiCamera:
    """The `followup.devices.Camera` of an INDI driver.

    Parameters
    ----------
    mount, wheel
        Where a frame of the sky looks, and through what.
    sky, wall
        Frames are dated by the sky's clock; the driver dates them by the machine's.
    """

    def __init__(
        self,
        connection: Connection,
        settings: IndiSettings,
        *,
        mount: IndiMount,
        wheel: IndiFilterWheel,
        sky: Clock,
        wall: Clock,
    ) -> None:
        self.device = Device(connection, settings.camera, "camera", self._set_up)
        self._settings = settings
        self._mount = mount
        self._wheel = wheel
        self._sky = sky
        self._wall = wall
        self._exposing = False
        self._aborts = 0

    async def expose(self, *, frame_type: FrameType, exposure_s: float, filter_name: str) -> RawFrame:
        """Expose and read out.

        Raises
        ------
        DeviceError
            When it exposes already, another filter is in the beam, the mount does not track, the exposure is
            aborted, or the frame does not come.
        """
        if self._exposing:
            raise DeviceError("camera", "it is exposing already")
        self._exposing = True
        try:
            await self.device.ready()
            await self._check(frame_type, filter_name)
            return await self._expose(frame_type, exposure_s, filter_name)
        except asyncio.CancelledError:
            await asyncio.shield(self.abort())
            raise
        finally:
            self._exposing = False

    async def abort(self) -> None:
        """End the exposure in progress, if there is one, without a frame."""
        if not self._exposing:
            return
        self._aborts += 1
        await self.device.tell("CCD_ABORT_EXPOSURE", {"ABORT": "On"})

    async def _expose(self, frame_type: FrameType, exposure_s: float, filter_name: str) -> RawFrame:
        device, aborts = self.device, self._aborts
        if not device.on(_TYPE, _DUE_TO[frame_type]):
            await device.tell(_TYPE, device.switch_to(_TYPE, _DUE_TO[frame_type]))
        shutter_s = max(exposure_s, device.lowest(_EXPOSURE, "CCD_EXPOSURE_VALUE"))
        pointing = self._mount.says()
        heard, key = device.connection.heard, (device.name, _BLOB)
        frames, since = heard[key], device.connection.serial
        start = self._wall.now()
        answered = await device.ask(_EXPOSURE, {"CCD_EXPOSURE_VALUE": shutter_s})

        def over() -> bool:
            alert = answered() and device.state(_EXPOSURE) == ALERT
            return heard[key] > frames or self._aborts != aborts or alert

        await device.wait(
            lambda: answered() or over(), self._settings.readout_s, "it did not begin to expose"
        )
        await device.wait(over, shutter_s + self._settings.readout_s, "its frame did not arrive")
        if self._aborts != aborts:
            raise DeviceError("camera", "the exposure was aborted")
        if heard[key] == frames:
            raise device.refusal(_EXPOSURE, since)
        image = await asyncio.to_thread(read_image, *self._received())
        if image.exposure_s is not None and abs(image.exposure_s - shutter_s) > _SAME_EXPOSURE_S:
            raise DeviceError(
                "camera",
                f"it sent a frame of {image.exposure_s:g} s instead of one of {shutter_s:g} s",
                hint="is it used by another client?",
                retriable=True,
            )
        return RawFrame(
            pixels=image.pixels,
            frame_type=frame_type,
            date_obs=self._dated(image, start),
            exposure_s=0.0 if frame_type is FrameType.BIAS else shutter_s,
            filter=filter_name,
            pointing=pointing,
            header={**image.cards, **({"PIERSIDE": side} if (side := self._mount.pier_side) else {})},
        )

    def _received(self) -> tuple[bytes, str]:
        vector = self.device.connection.property(self.device.name, _BLOB)
        member = vector.member(_BLOB) if vector is not None else None
        if member is None or not member.membervalue:
            raise DeviceError("camera", "it sent an empty frame", retriable=True)
        return bytes(member.membervalue), str(member.blobformat)

    def _dated(self, image: Image, asked: datetime) -> datetime:
        """Give the start of the exposure by the sky's clock."""
        start = image.start or asked
        if abs((start - asked).total_seconds()) > _CLOCKS_AGREE_S:
            log.warning(
                "the camera's clock is %.1f s off; this computer's is used",
                (start - asked).total_seconds(),
            )
            start = asked
        return start + timedelta(seconds=(self._sky.now() - self._wall.now()).total_seconds())

    async def _check(self, frame_type: FrameType, filter_name: str) -> None:
        if frame_type in {FrameType.LIGHT, FrameType.FLAT}:
            await self._wheel.device.ready()
            selected = self._wheel.selected
            if selected != filter_name:
                raise DeviceError(
                    "camera",
                    f"filter {selected} is in the beam, not {filter_name}",
                    hint="select the filter first",
                )
        await self._mount.device.ready()
        if frame_type is FrameType.LIGHT:
            self._mount.check_tracking()
        if self.device.state(_EXPOSURE) == BUSY:
            # An exposure of somebody who is gone: of ours before the connection was lost, as a rule.
            await self.device.tell("CCD_ABORT_EXPOSURE", {"ABORT": "On"})

    async def _set_up(self) -> None:
        """Have it send plain FITS, bin, and be cold."""
        device = self.device
        await device.wait(lambda: device.has(_EXPOSURE), 10.0, f"it has no property {_EXPOSURE}")
        for prop, member in (
            ("UPLOAD_MODE", "UPLOAD_CLIENT"),
            ("CCD_TRANSFER_FORMAT", "FORMAT_FITS"),
            ("CCD_COMPRESSION", "INDI_DISABLED"),
        ):
            if device.has(prop) and not device.on(prop, member):
                await device.command(prop, device.switch_to(prop, member))
        binning = self._settings.binning
        if device.has("CCD_BINNING") and device.number("CCD_BINNING", "HOR_BIN") != binning:
            await device.command("CCD_BINNING", {"HOR_BIN": binning, "VER_BIN": binning})
        await self._cool()

    async def _cool(self) -> None:
        device, wanted = self.device, self._settings.ccd_temperature_c
        if wanted is None:
            return

        def warmer_c() -> float:
            return device.number(_TEMPERATURE, "CCD_TEMPERATURE_VALUE") - wanted

        await device.wait(lambda: device.has(_TEMPERATURE), 10.0, "it has no cooler")
        if abs(warmer_c()) <= _COOL_ENOUGH_C:
            return
        log.info("cooling the detector from %.1f to %.1f deg C", warmer_c() + wanted, wanted)
        since = device.connection.serial
        await device.ask(_TEMPERATURE, {"CCD_TEMPERATURE_VALUE": wanted})
        await device.wait(
            lambda: abs(warmer_c()) <= _COOL_ENOUGH_C or device.state(_TEMPERATURE) == ALERT,
            self._settings.cooling_s,
            f"the detector did not become {wanted:g} deg C cold",
        )
        if device.state(_TEMPERATURE) == ALERT:
            raise device.refusal(_TEMPERATURE, since)
