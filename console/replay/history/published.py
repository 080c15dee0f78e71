"""Published photometry of an afterglow, read from a table in text.

The first line names the columns, which are parted by tabulators, or else by blanks: ``Time(s)`` since the
trigger, ``Mag``, ``MagErr``, ``Filter``; and, where it is known, ``System`` (of magnitudes; ``Mag(AB)`` says
it of all that have none), ``GalExtCorr`` (``y`` where the dimming by the Galaxy's dust has been taken out),
``Source``. More columns do no harm. A point without an error is an upper limit, and is left out like
everything of which no magnitude of a known passband can be made; what was left out is told.

References
----------
The tables of grbLC: Dainotti et al. 2024, arXiv:2405.02263.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.replay.history.passbands import BANDS, ab_offset, band_of
from followup.errors import ConfigurationError
from simulators.tabulated import TabulatedAfterglow, TabulatedPoint

_NEEDED = ("time", "mag", "magerr", "filter")
_MORE = ("system", "galextcorr", "source")
_SECONDS = {"", "s", "sec", "seconds"}
_TIME_S, _MAG, _MAG_ERR = (-1e9, 1e9), (-30.0, 60.0), (0.0, 10.0)
"""Beyond these it is no afterglow's time, magnitude or error of one."""
_HINT = "the columns are Time(s), Mag, MagErr, Filter, System, GalExtCorr, Source, parted by tabulators"
_NO_ERROR = {"", "-", "nan", "none"}

LIMIT = "upper limits"
EARLY = "not after the trigger"
NO_PASSBAND = "without a known passband (clear, CR, white, ultraviolet, Gunn)"
NO_SYSTEM = "in an unknown magnitude system"
DUST_FREE = "corrected for the Galaxy's dust, of which --ebv says how much there is"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedPoint:
    """A published magnitude as a telescope would have measured it.

    Attributes
    ----------
    t_s
        Time since the trigger.
    band
        One of `console.replay.history.passbands.BANDS`.
    mag, mag_err
        AB magnitude above the atmosphere, as dimmed by the Galaxy's dust.
    source
        Who published it.
    """

    t_s: float
    band: str
    mag: float
    mag_err: float
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedLightCurve:
    """What was published about an afterglow.

    Attributes
    ----------
    points
        In the order of time.
    left_out
        How many points were left out, by reason.
    """

    name: str
    points: tuple[PublishedPoint, ...]
    left_out: Mapping[str, int]

    def light(self) -> TabulatedAfterglow:
        """Make light of it."""
        return TabulatedAfterglow(
            points=tuple(
                TabulatedPoint(
                    t_s=point.t_s,
                    filter=point.band,
                    wavelength_nm=BANDS[point.band].wavelength_nm,
                    mag=point.mag,
                    mag_err=point.mag_err,
                )
                for point in self.points
            )
        )


def read_published(path: Path, *, reddening: float | None = None) -> PublishedLightCurve:
    """Read a table of published photometry (blocking).

    Parameters
    ----------
    reddening
        E(B-V) of the Galaxy's dust towards the burst, in magnitudes, on the scale of Schlegel, Finkbeiner &
        Davis 1998 (see `console.replay.history.passbands`). Points that were corrected for it are
        dimmed again by that much, and left out when it is not given: a telescope sees the dimmed light.

    Raises
    ------
    ConfigurationError
        When it cannot be read, a value is none, or no point is left.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}", hint=_HINT) from error
    points: list[PublishedPoint] = []
    left_out: Counter[str] = Counter()
    for row in _rows(path, text):
        point = _point(row, reddening)
        if isinstance(point, str):
            left_out[point] += 1
        else:
            points.append(point)
    if not points:
        why = ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "it is empty"
        raise ConfigurationError(f"{path} holds no magnitude to make light of: {why}", hint=_HINT)
    name = path.name.partition(".")[0].removesuffix("_mag")
    points.sort(key=lambda point: (point.t_s, point.band))
    return PublishedLightCurve(name=name, points=tuple(points), left_out=dict(left_out))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    t_s: float
    mag: float
    mag_err: float
    filter: str
    system: str
    dust_free: bool
    source: str


def _point(row: _Row, reddening: float | None) -> PublishedPoint | str:
    """Make a point of a row, or tell why not."""
    if row.t_s <= 0.0:
        return EARLY
    if row.mag_err <= 0.0:
        return LIMIT
    band = band_of(row.filter)
    if band is None:
        return NO_PASSBAND
    offset = ab_offset(band, row.system)
    if offset is None:
        return NO_SYSTEM
    if row.dust_free and reddening is None:
        return DUST_FREE
    dimmed = BANDS[band].dust * (reddening or 0.0) if row.dust_free else 0.0
    return PublishedPoint(
        t_s=row.t_s, band=band, mag=row.mag + offset + dimmed, mag_err=row.mag_err, source=row.source
    )


def _rows(path: Path, text: str) -> Iterator[_Row]:
    numbered = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    if not numbered:
        return
    (_, head), *body = numbered
    tabbed = "\t" in head
    columns = [name.partition("(") for name in _cells(head, tabbed=tabbed)]
    names = [name.strip().lower() for name, _, _ in columns]
    units = {name: unit.rstrip(") ").lower() for name, (_, _, unit) in zip(names, columns, strict=True)}
    if missing := [name for name in _NEEDED if name not in names]:
        raise ConfigurationError(
            f"{path} has no column {', '.join(missing)}: its first line names {', '.join(names)}", hint=_HINT
        )
    if twice := [name for name in (*_NEEDED, *_MORE) if names.count(name) > 1]:
        raise ConfigurationError(f"{path} has several columns {', '.join(twice)}", hint=_HINT)
    if units["time"] not in _SECONDS:
        raise ConfigurationError(f"{path}: times must be in seconds, Time(s)", hint=_HINT)
    for number, line in body:
        cells = _cells(line, tabbed=tabbed)
        if len(cells) != len(names):
            raise ConfigurationError(
                f"{path}, line {number}: {len(cells)} values in {len(names)} columns", hint=_HINT
            )
        said = dict(zip(names, cells, strict=True))
        time = _number(path, number, "time", said["time"], within=_TIME_S)
        mag = _number(path, number, "mag", said["mag"], within=_MAG)
        no_error = said["magerr"].lower() in _NO_ERROR
        mag_err = 0.0 if no_error else _number(path, number, "magerr", said["magerr"], within=_MAG_ERR)
        yield _Row(
            t_s=time,
            mag=mag,
            mag_err=mag_err,
            filter=said["filter"],
            system=said.get("system", "") or units["mag"].replace("mag", "").strip(),
            dust_free=said.get("galextcorr", "n").lower() in {"y", "yes"},
            source=said.get("source", ""),
        )


def _cells(line: str, *, tabbed: bool) -> Sequence[str]:
    return [cell.strip() for cell in line.split("\t")] if tabbed else line.split()


def _number(path: Path, line: int, name: str, said: str, *, within: tuple[float, float]) -> float:
    try:
        value = float(said)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigurationError(f"{path}, line {line}: {name} is {said!r}, no number", hint=_HINT)
    if not within[0] <= value <= within[1]:
        raise ConfigurationError(
            f"{path}, line {line}: {name} is {said}, which is not within {within[0]:g} and {within[1]:g}",
            hint=_HINT,
        )
    return value
