"""What ``site.json`` of a record says: the place, the detector, and the safety limits that were in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.replay.errors import ReplayError
from followup.limits import Limits
from followup.site import Instrument, Site

_LEAST_FREE_GB = 0.1
_POWER_LOST = Path("run/power-lost")


def place_of(said: Mapping[str, Any], source: str) -> tuple[Site, Instrument]:
    """Give the site and its detector.

    Parameters
    ----------
    source
        Where it stands, for errors.

    Raises
    ------
    ReplayError
        When it does not say that.
    """
    try:
        site = {**said["site"], "horizon": tuple(map(tuple, said["site"]["horizon"]))}
        instrument = {
            **said["instrument"],
            "filters": tuple(said["instrument"]["filters"]),
            "zero_points": tuple(map(tuple, said["instrument"]["zero_points"])),
        }
        return Site(**site), Instrument(**instrument)
    except (KeyError, TypeError) as error:
        raise ReplayError(f"{source} cannot be understood: {error}") from error


def limits_of(said: Mapping[str, Any], source: str) -> Limits:
    """Give the safety limits, but for what is about the computer.

    Raises
    ------
    ReplayError
        When they cannot be understood.
    """
    try:
        limits = said.get("settings", {}).get("limits", {})
        return elsewhere(Limits(**{**limits, "power_lost_file": _POWER_LOST}))
    except (AttributeError, TypeError, ValueError) as error:
        raise ReplayError(f"{source} has limits that cannot be understood: {error}") from error


def elsewhere(limits: Limits) -> Limits:
    """Give the same limits on another computer: with its disk, and without the power supply of that one."""
    return replace(limits, min_free_gb=_LEAST_FREE_GB, power_lost_file=_POWER_LOST)
