"""The optical light of a burst as somebody measured it: a table of magnitudes, read between its lines.

All filters share one shape in time, that of the points of all of them, each filter's moved by its colour.
What a filter's own points say beyond that is added to it. So a filter follows the others where it has no
points, and its own where it has some. Before the first point and after the last the light is a power law:
that of the table's end there, but it fades at least as t**-0.3 afterwards (a rebrightening at the end of a
table does not go on for ever), rises at most as t**-1.5 towards the trigger, and goes the usual way where
the points of the end are too close together in time to tell.
Nothing is smoothed: what scatters in the table scatters in the sky, but for points of one filter made at the
same time, which are averaged.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulators.afterglow import mean_flux
from simulators.filters import PASSBANDS
from voevent.kinds import PhotometryPoint

Floats = NDArray[np.float64]

_SAME_DEX = 0.01
"""Points of one filter that are so close in time are one."""
_NEAR_DEX = 0.08
"""Near points of the common shape other filters show their colour; elsewhere they fill it in."""
_END_DEX = 0.5
"""The power laws beyond the table have the slope of so much of its end."""
_SPAN_DEX = 0.15
"""Points that differ in time by less tell no slope."""
_BEFORE, _AFTER = (-3.0, 1.5), (0.3, 3.0)
"""Decay indices beyond the table are within these, flux proportional to t**-index."""
_COLOURS = (0.0, 4.0)
"""So is the spectral one: no afterglow is bluer than the flattest of synchrotron spectra."""
_CALIBRATION_MAG = 0.03
"""Whatever its error says, a point has this one, too."""
_USUAL_INDEX = (1.0, 0.5)
"""Decay and spectral indices of afterglows, mean and scatter: what is believed where points leave it open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TabulatedPoint:
    """A measured magnitude.

    Attributes
    ----------
    t_s
        Time since the trigger, positive.
    filter
        Its name; points of the same filter are taken to be through the same glass.
    mag, mag_err
        AB magnitude above the atmosphere, as dimmed by the Galaxy's dust, and its 1-sigma error.
    """

    t_s: float
    filter: str
    wavelength_nm: float
    mag: float
    mag_err: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TabulatedAfterglow:
    """Light that goes through measured points; implements `simulators.afterglow.Light`.

    Any filter of `simulators.filters` can be asked for: one that is not in the table lies between the nearest
    ones that are, or beyond them by the spectral index of all.

    Raises
    ------
    ValueError
        When there is no point, or one has no positive time.
    """

    points: tuple[TabulatedPoint, ...]
    _common: _Curve = field(init=False, repr=False, compare=False)
    _bands: Mapping[str, _Band] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("a table of light needs points")
        if any(not (point.t_s > 0.0 and math.isfinite(point.mag)) for point in self.points):
            raise ValueError("points of a table of light need times after the trigger and finite magnitudes")
        common, bands = _joined(self.points)
        object.__setattr__(self, "_common", common)
        object.__setattr__(self, "_bands", bands)

    @classmethod
    def of_photometry(cls, points: Iterable[PhotometryPoint]) -> TabulatedAfterglow:
        """Make one of a telescope's own light curve; limits and filters of no known passband are left out.

        Raises
        ------
        ValueError
            When nothing is left.
        """
        return cls(
            points=tuple(
                TabulatedPoint(
                    t_s=point.t_s,
                    filter=point.filter,
                    wavelength_nm=PASSBANDS[point.filter].wavelength_nm,
                    mag=point.mag,
                    mag_err=point.mag_err or 0.0,
                )
                for point in points
                if not point.limit and point.t_s > 0.0 and point.filter in PASSBANDS
            )
        )

    @property
    def span_s(self) -> tuple[float, float]:
        """Times of the first and of the last point: what is told beyond them is extrapolated."""
        times = [point.t_s for point in self.points]
        return min(times), max(times)

    def magnitude(self, t_s: float, filter_name: str, exposure_s: float = 0.0) -> float:
        """AB magnitude: see `simulators.afterglow.Light`."""
        flux = mean_flux(
            lambda times: 10.0 ** (-0.4 * self._magnitudes(np.log10(times), filter_name)),
            t_s - exposure_s / 2,
            t_s + exposure_s / 2,
        )
        return -2.5 * math.log10(flux) if flux > 0.0 else math.inf

    def _magnitudes(self, x: Floats, filter_name: str) -> Floats:
        """Magnitudes at log10 of times."""
        if (own := self._bands.get(filter_name)) is not None:
            return self._seen_through(own, x)
        colour = math.log10(PASSBANDS[filter_name].wavelength_nm)
        order = sorted(self._bands.values(), key=lambda band: band.colour)
        bluer = [band for band in order if band.colour <= colour]
        redder = [band for band in order if band.colour > colour]
        if bluer and redder:
            blue, red = bluer[-1], redder[0]
            part = (colour - blue.colour) / (red.colour - blue.colour)
            return (1.0 - part) * self._seen_through(blue, x) + part * self._seen_through(red, x)
        near = bluer[-1] if bluer else redder[0]
        return self._seen_through(near, x) - 2.5 * self._spectral_index * (colour - near.colour)

    def _seen_through(self, band: _Band, x: Floats) -> Floats:
        own: Floats = np.interp(x, band.x, band.beyond)
        return self._common.at(x) + band.offset + own

    @property
    def _spectral_index(self) -> float:
        bands = self._bands.values()
        index = _index(
            -np.array([band.colour for band in bands]),
            np.array([band.offset for band in bands]),
            np.array([band.offset_err for band in bands]),
        )
        return min(_COLOURS[1], max(_COLOURS[0], index))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Nodes:
    """A filter's points in order, those of one time made one: log10 of times, magnitudes, errors."""

    x: Floats
    mag: Floats
    err: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class _Curve:
    """A shape in time: magnitudes over log10 of times, straight lines before and after."""

    x: Floats
    mag: Floats
    before: float
    after: float

    def at(self, x: Floats) -> Floats:
        inside: Floats = np.interp(x, self.x, self.mag)
        early = 2.5 * self.before * np.minimum(x - self.x[0], 0.0)
        late = 2.5 * self.after * np.maximum(x - self.x[-1], 0.0)
        found: Floats = inside + early + late
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Band:
    """A filter: log10 of its wavelength, its colour against the shape, and what its points say beyond."""

    colour: float
    offset: float
    offset_err: float
    x: Floats
    beyond: Floats


def _joined(points: Sequence[TabulatedPoint]) -> tuple[_Curve, dict[str, _Band]]:
    """Find the common shape, and each filter's place to it: first where most points are."""
    by_filter: dict[str, list[TabulatedPoint]] = defaultdict(list)
    for point in points:
        by_filter[point.filter].append(point)
    nodes = {name: _nodes(of) for name, of in sorted(by_filter.items())}
    first = max(nodes, key=lambda name: len(nodes[name].x))
    common = nodes[first]
    offsets = {first: (0.0, _CALIBRATION_MAG)}
    while left := nodes.keys() - offsets.keys():
        shape = _curve(common)
        # The one that is nailed down best by what is known so far comes next.
        name = max(sorted(left), key=lambda name: int(np.sum(_away(nodes[name], common) <= _NEAR_DEX)))
        away = _away(nodes[name], common)
        near = away <= max(_NEAR_DEX, away.min())
        fainter = nodes[name].mag - shape.at(nodes[name].x)
        offsets[name] = offset, _ = _offset(fainter[near])
        common = _filled(common, nodes[name], away > _NEAR_DEX, offset)
    shape = _curve(common)
    bands = {}
    for name, of in nodes.items():
        offset, offset_err = offsets[name]
        bands[name] = _Band(
            colour=math.log10(by_filter[name][0].wavelength_nm),
            offset=offset,
            offset_err=offset_err,
            x=of.x,
            beyond=of.mag - offset - shape.at(of.x),
        )
    return shape, bands


def _nodes(points: Sequence[TabulatedPoint]) -> _Nodes:
    order = sorted(points, key=lambda point: (point.t_s, point.mag))
    groups: list[list[TabulatedPoint]] = []
    for point in order:
        if groups and math.log10(point.t_s / groups[-1][0].t_s) <= _SAME_DEX:
            groups[-1].append(point)
        else:
            groups.append([point])
    rows = []
    for group in groups:
        weights = np.array([1.0 / (point.mag_err**2 + _CALIBRATION_MAG**2) for point in group])
        x = np.average([math.log10(point.t_s) for point in group], weights=weights)
        rows.append((x, np.average([p.mag for p in group], weights=weights), weights.sum() ** -0.5))
    x, mag, err = np.array(rows, dtype=np.float64).T
    return _Nodes(x=x, mag=mag, err=err)


def _curve(nodes: _Nodes) -> _Curve:
    early, late = nodes.x <= nodes.x[0] + _END_DEX, nodes.x >= nodes.x[-1] - _END_DEX
    return _Curve(
        x=nodes.x,
        mag=nodes.mag,
        before=_decay(nodes, early, _BEFORE),
        after=_decay(nodes, late, _AFTER),
    )


def _decay(nodes: _Nodes, end: NDArray[np.bool_], within: tuple[float, float]) -> float:
    """Give the index of an end of the table."""
    x = nodes.x[end]
    if np.ptp(x) < _SPAN_DEX:
        return _USUAL_INDEX[0]
    return min(within[1], max(within[0], _index(x, nodes.mag[end], nodes.err[end])))


def _index(x: Floats, mag: Floats, err: Floats) -> float:
    """Fit flux proportional to 10**(-index x); as far as points leave it open, the index is the usual one."""
    usual, scatter = _USUAL_INDEX
    weights = err**-2.0
    away = x - np.average(x, weights=weights)
    said = 2.5 * float(np.sum(weights * away * mag)) + usual / scatter**2
    return said / (6.25 * float(np.sum(weights * away**2)) + 1.0 / scatter**2)


def _away(nodes: _Nodes, common: _Nodes) -> Floats:
    """How far each node is from the nearest of the common shape, in log10 of time."""
    away: Floats = np.min(np.abs(nodes.x[:, None] - common.x[None, :]), axis=1)
    return away


def _offset(fainter: Floats) -> tuple[float, float]:
    """Find how much fainter a filter is, and how well that is known."""
    scatter = float(np.std(fainter)) / math.sqrt(len(fainter))
    return float(np.median(fainter)), math.hypot(scatter, _CALIBRATION_MAG)


def _filled(common: _Nodes, nodes: _Nodes, apart: NDArray[np.bool_], offset: float) -> _Nodes:
    """Put those of a filter's points into the common shape where it has none."""
    x = np.concatenate([common.x, nodes.x[apart]])
    order = np.argsort(x, kind="stable")
    return _Nodes(
        x=x[order],
        mag=np.concatenate([common.mag, nodes.mag[apart] - offset])[order],
        err=np.concatenate([common.err, nodes.err[apart]])[order],
    )
