"""The Earth orientation table that astropy brings, read in a hundredth of a second instead of a second.

Each process that plans reads it, and astropy reads its 43 000 lines one by one. Here columns are cut out of
both files at once; the values are those that astropy finds (a test holds them against each other).

References
----------
The files' own descriptions, ``ReadMe.finals2000A`` and ``ReadMe.eopc04`` of the package astropy-iers-data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.utils import iers
from numpy.typing import NDArray

_RAPID_WIDTH, _FINAL_WIDTH, _FINAL_HEAD = 187, 218, 6
"""Lengths of the lines of finals2000A (rapid and predicted values) and of eopc04 (final ones), its title."""
_ZERO, _MINUS, _BLANK = b"0- "
_Rows = NDArray[np.bytes_]


def earth_orientation() -> iers.IERS_Auto | None:
    """Read the table; None when the files have another form: then astropy must read them itself."""
    try:
        rapid = _rows(Path(iers.IERS_A_FILE), _RAPID_WIDTH)
        final = _rows(Path(iers.IERS_B_FILE), _FINAL_WIDTH, skip=_FINAL_HEAD)
        return _table(rapid, final)
    except (OSError, ValueError, IndexError):
        return None


def _rows(path: Path, width: int, *, skip: int = 0) -> _Rows:
    lines = path.read_bytes().split(b"\n")[skip:]
    if lines.pop() != b"" or {len(line) for line in lines} != {width}:
        raise ValueError(f"{path} has lines of other lengths")
    return np.frombuffer(b"".join(lines), dtype="S1").reshape(len(lines), width)


def _words(rows: _Rows, first: int, last: int) -> _Rows:
    """Cut out a column; places are counted from one, as in the descriptions."""
    return np.ascontiguousarray(rows[:, first - 1 : last]).view(f"S{last - first + 1}").ravel()


def _numbers(rows: _Rows, first: int, last: int) -> NDArray[np.float64]:
    """Read a column of decimal fractions, all with the same number of places; blanks are not a number."""
    cut = rows[:, first - 1 : last].view(np.uint8)
    point = bytes(cut[0]).find(b".")
    if point < 0 or not np.isin(cut[:, point], (cut[0, point], _BLANK)).all():
        raise ValueError(f"columns {first} to {last} hold other numbers")
    digits = cut.astype(np.int64) - _ZERO
    digits[(digits < 0) | (digits > 9)] = 0
    places = cut.shape[1] - 1 - point
    powers = 10 ** np.array([*range(places + point - 1, places - 1, -1), 0, *range(places - 1, -1, -1)])
    powers[point] = 0
    # A whole number divided by a power of ten is rounded once: as a decimal fraction is when it is read.
    found = (digits @ powers) / 10.0**places
    found[(cut == _MINUS).any(axis=1)] *= -1.0
    found[(cut == _BLANK).all(axis=1)] = np.nan
    return np.asarray(found, np.float64)


def _table(rapid: _Rows, final: _Rows) -> iers.IERS_Auto:
    """Put the final values in the place of rapid ones, as far as the rapid file has final ones, too."""
    known = np.isfinite(_numbers(rapid, 59, 68)) & (_words(rapid, 17, 17) != b" ")
    rapid = rapid[known]
    mjd, final_mjd = _numbers(rapid, 8, 15), _numbers(final, 17, 26)
    flag = {"PM": _words(rapid, 17, 17), "UT1": _words(rapid, 58, 58), "dXY": _words(rapid, 96, 96)}
    both = mjd[np.isfinite(_numbers(rapid, 155, 165))]
    part = final[(final_mjd >= both[0]) & (final_mjd <= both[-1])]
    count = len(part)
    if not np.array_equal(_numbers(part, 17, 26), mjd[:count]):
        raise ValueError("the two tables do not begin together")

    # Of each quantity: where the rapid file has it, and its final value in either file, with their units.
    places = {
        "UT1_UTC": ((59, 68), (155, 165), u.s, (51, 62), u.s),
        "PM_x": ((19, 27), (135, 144), u.arcsec, (27, 38), u.arcsec),
        "PM_y": ((38, 46), (145, 154), u.arcsec, (39, 50), u.arcsec),
        "dX_2000A": ((98, 106), (166, 175), u.marcsec, (63, 74), u.arcsec),
        "dY_2000A": ((117, 125), (176, 185), u.marcsec, (75, 86), u.arcsec),
    }
    quick, settled = {}, {}
    for name, (place, place_b, unit, place_final, unit_final) in places.items():
        quick[name], settled[name] = _numbers(rapid, *place), _numbers(rapid, *place_b)
        settled[name][:count] = (_numbers(part, *place_final) * unit_final).to_value(unit)
    found: dict[str, Any] = {"MJD": mjd * u.d}
    for names, key, of in (
        (("UT1_UTC",), "UT1Flag", "UT1"),
        (("PM_x", "PM_y"), "PolPMFlag", "PM"),
        (("dX_2000A", "dY_2000A"), "NutFlag", "dXY"),
    ):
        open_ = np.any([np.isnan(settled[name]) for name in names], axis=0)
        for name in names:
            found[name] = np.where(open_, quick[name], settled[name]) * places[name][2]
        found[key] = np.where(open_, flag[of].astype("U1"), "B")
    first = min(int(np.searchsorted(flag[of], b"P")) for of in ("UT1", "PM"))
    meta = {"predictive_index": first, "predictive_mjd": float(mjd[first])}
    return iers.IERS_Auto(found, meta=meta)
