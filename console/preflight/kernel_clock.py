"""Whether something keeps this computer's clock right, as the kernel itself says (Linux).

References
----------
adjtimex(2): the return value TIME_ERROR, ``maxerror``.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        # What else the kernel fills in is of no interest here, but needs its room.
        ("rest", ctypes.c_byte * 512),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelClock:
    """What the kernel knows of its clock.

    Attributes
    ----------
    synchronised
        Whether a time service (NTP) keeps it.
    max_error_s
        How far off it can be then.
    """

    synchronised: bool
    max_error_s: float


def kernel_clock() -> KernelClock | None:
    """Ask the kernel, changing nothing; None where it does not tell."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (AttributeError, OSError):
        return None
    said = _Timex(modes=0)
    state = adjtimex(ctypes.byref(said))
    if state < 0:
        return None
    return KernelClock(synchronised=state != _TIME_ERROR, max_error_s=said.maxerror / 1e6)


def who_keeps_time() -> str:
    """Say how a time service is switched on here."""
    has_timedatectl = any(os.access(f"{folder}/timedatectl", os.X_OK) for folder in ("/usr/bin", "/bin"))
    return "timedatectl set-ntp true" if has_timedatectl else "start a time service (chrony, ntpd)"
