"""What ``site.json`` of a record says: the place, the detector, and the safety limits that were in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from console.device_settings import Detector, Place
from console.replay.errors import ReplayError
from followup.limits import Limits
from followup.site import Instrument, Site

_LEAST_FREE_GB = 0.1
_POWER_LOST = Path("run/power-lost")


def place_of(said: Mapping[str, Any], source: str) -> tuple[Site, Instrument]:
    """Give the site and its detector; the same holds for them as in a ``site.toml``.

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
        detector = {**said["instrument"], "zero_points": dict(said["instrument"]["zero_points"])}
        telescope, filters = str(detector.pop("telescope")), tuple(map(str, detector.pop("filters")))
        site = Place.model_validate(said["site"]).site()
        instrument = Detector.model_validate(detector).instrument(telescope)
        return site, replace(instrument, filters=filters)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ReplayError(f"{source} cannot be understood: {key}: {first['msg']}") from error
    except (KeyError, TypeError, ValueError) as error:
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
