"""Times as packets give them: ISO 8601 in one of four scales, converted to UTC.

References
----------
VOEvent 2.0, section 3.4.1 (time scales of the coordinate systems).
IERS Bulletin C, through ERFA's table of leap seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import erfa

_TT_MINUS_TAI = timedelta(seconds=32.184)
_TAI_MINUS_GPS = timedelta(seconds=19)


def read_iso(text: str) -> datetime:
    """Read a date and time of ISO 8601; one that names no zone is taken as UTC.

    Raises
    ------
    ValueError
        When `text` is not one.
    """
    found = datetime.fromisoformat(text.strip())
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is outside the years that are read") from error


def to_utc(time: datetime, scale: str) -> datetime:
    """Convert a reading of a clock in `scale` (UTC, TAI, TT, TDB or GPS) to UTC.

    TDB is taken as TT: they differ by less than 2 ms.

    Raises
    ------
    ValueError
        When the scale is another one, or the result outside the years that are read.
    """
    if scale == "UTC":
        return time
    try:
        if scale in {"TT", "TDB"}:
            return _from_tai(time - _TT_MINUS_TAI)
        if scale == "GPS":
            return _from_tai(time + _TAI_MINUS_GPS)
        if scale == "TAI":
            return _from_tai(time)
    except OverflowError as error:
        raise ValueError(f"{time.isoformat()} is outside the years that are read") from error
    raise ValueError(f"time scale {scale!r} is not one of UTC, TAI, TT, TDB and GPS")


def _from_tai(time: datetime) -> datetime:
    for since, tai_minus_utc in _leap_seconds():
        utc = time - tai_minus_utc
        if utc >= since:
            return utc
    raise ValueError(f"{time.isoformat()} is before 1972, when leap seconds begin")


@lru_cache(maxsize=1)
def _leap_seconds() -> tuple[tuple[datetime, timedelta], ...]:
    """Pairs (UTC from which it holds, TAI − UTC), the latest first."""
    table = erfa.leap_seconds.get()
    return tuple(
        (datetime(int(year), int(month), 1, tzinfo=UTC), timedelta(seconds=float(offset)))
        for year, month, offset in reversed(table)
        if year >= 1972
    )
