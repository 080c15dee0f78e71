"""How fast a replay goes, as people say it."""

from __future__ import annotations

from followup.errors import ConfigurationError

MAX = "max"
_FASTEST = 2000.0


def rate_of(speed: str) -> float | None:
    """Read a speed: how many times faster than then; None for as fast as the agent answers.

    Raises
    ------
    ConfigurationError
        When it is none.
    """
    if speed == MAX:
        return None
    try:
        rate = float(speed)
    except ValueError:
        rate = 0.0
    if not 0.0 < rate <= _FASTEST:
        raise ConfigurationError(
            f"--speed {speed!r} is neither '{MAX}' nor a number up to {_FASTEST:g}", hint="--speed 60"
        )
    return rate
