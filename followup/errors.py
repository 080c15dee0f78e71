"""Errors that an operator may see. Each says what happened, to what, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voevent.packet import SkyPosition


class FollowupError(Exception):
    """Base class: `str()` is one line for the operator, `hint` what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigurationError(FollowupError):
    """A setting, file, program or permission is missing or wrong."""


class DeviceError(FollowupError):
    """A device did not do what it was told; `retriable` says whether asking again is safe."""

    def __init__(self, device: str, message: str, *, hint: str = "", retriable: bool = False) -> None:
        super().__init__(f"{device}: {message}", hint=hint)
        self.device = device
        self.retriable = retriable


class SlewRefusedError(DeviceError):
    """The mount will not point there."""

    @classmethod
    def too_low(cls, target: SkyPosition, *, altitude_deg: float, lowest_deg: float) -> SlewRefusedError:
        """Return that of a target below the lowest altitude that is allowed there."""
        return cls(
            "mount",
            f"{target.ra_deg:.4f} {target.dec_deg:+.4f} is at altitude {altitude_deg:.1f} deg, "
            f"below the limit of {lowest_deg:.1f} deg",
            hint="wait until it has risen",
        )
