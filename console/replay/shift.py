"""How much later something is to be: ``6h``, ``-90m``, ``1d12h``, ``45s``."""

from __future__ import annotations

import re
from datetime import timedelta

from followup.errors import ConfigurationError

_SHIFT = re.compile(
    r"(?P<sign>[+-]?)(?=\d)(?:(?P<d>\d+(?:\.\d+)?)d)?(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?"
    r"(?:(?P<s>\d+(?:\.\d+)?)s)?"
)
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_LONGEST = timedelta(days=20 * 366)


def shift_of(text: str) -> timedelta:
    """Read a shift in time: days, hours, minutes and seconds, positive for later.

    Raises
    ------
    ConfigurationError
        When it is none, or longer than the ephemerides are good for.
    """
    match = _SHIFT.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError(f"{text!r} is no shift in time", hint="say it as 6h, -90m or 1d12h")
    seconds = sum(float(match[unit] or 0.0) * size for unit, size in _SECONDS.items())
    if seconds > _LONGEST.total_seconds():
        raise ConfigurationError(f"a shift of {text} is too long", hint=f"up to {_LONGEST.days} days")
    return timedelta(seconds=-seconds if match["sign"] == "-" else seconds)


def spelt(shift: timedelta) -> str:
    """Write a shift as `shift_of` reads it."""
    seconds = abs(shift.total_seconds())
    parts = []
    for unit, size in _SECONDS.items():
        count, seconds = (round(seconds, 3), 0.0) if unit == "s" else divmod(seconds, size)
        if count:
            parts.append(f"{count:g}{unit}")
    return ("-" if shift < timedelta() else "+") + ("".join(parts) or "0s")
