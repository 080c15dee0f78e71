"""Differences between what a packet said then and what it says now, and which of them are allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from followup.progress import separation_deg
from voevent.kinds import (
    Closing,
    Content,
    PhotometryPoint,
    PowerLaw,
    Receipt,
    Result,
    Status,
    Trigger,
    Upload,
)

_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")
_ALL = re.compile(r"\b([1-9]\d*) of \1 exposures show\b")
_NONE = re.compile(r"\b0 of \d+ exposures show\b")
"""How many had been taken when a later trigger came depends on how fast the computer was."""
_BYTES = re.compile(r"\d+ bytes")
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\+00:00|Z| UTC)?|\d{2}:\d{2}:\d{2}(?: UTC)?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tolerance:
    """How far what may differ may differ.

    Attributes
    ----------
    time_s
        Planned starts and promised epochs.
    mid_s
        Mid-exposure times of measurements: they are the frames'.
    mag, limit_mag
        Magnitudes may differ by their error, and by this in any case; limits by `limit_mag`.
    offset_mag
        All magnitudes together, by their weighted mean: a common shift of less than each one's error is one,
        too.
    place_arcsec
        The counterpart, beside its error.
    airmass
        Of planned tasks, and of the first epoch that a receipt names.
    files
        Whether datasets must have as many files of the same size: not when nothing is drawn.
    """

    time_s: float = 300.0
    mid_s: float = 2.0
    mag: float = 0.01
    limit_mag: float = 0.1
    offset_mag: float = 0.03
    place_arcsec: float = 0.5
    airmass: float = 0.05
    files: bool = True


USUAL = Tolerance()


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Something that is not as it was; `allowed` says whether it may be so."""

    what: str
    recorded: str
    replayed: str
    allowed: bool


def differences(then: Content, now: Content, tolerance: Tolerance = USUAL) -> list[Difference]:
    """Compare two packets of the same key."""
    if type(then) is not type(now):
        return [_differs("kind", type(then).__name__, type(now).__name__)]
    return list(_compared(then, now, tolerance))


def _compared(then: Content, now: Content, tolerance: Tolerance) -> Iterator[Difference]:
    match then, now:
        case Receipt(), Receipt():
            yield from _text("reason", then.reason, now.reason, sizes=tolerance.files)
            yield from _facts("details", then.details, now.details, tolerance)
        case Status(), Status():
            yield from _text("text", then.text, now.text)
            yield from _facts("details", then.details, now.details, tolerance)
            yield from _plan(then, now, tolerance)
        case Result(), Result():
            yield from _result(then, now, tolerance)
        case Upload(), Upload():
            yield from _same("task", then.task, now.task)
            if tolerance.files:
                yield from _same("files", then.manifest.files, now.manifest.files)
        case Closing(), Closing():
            yield from _closing(then, now)
        case Trigger(), Trigger():
            for each in fields(then):
                yield from _same(each.name, getattr(then, each.name), getattr(now, each.name))


def _plan(then: Status, now: Status, tolerance: Tolerance) -> Iterator[Difference]:
    yield from _same("tasks", [t.task for t in then.tasks], [t.task for t in now.tasks])
    later = {task.task: task for task in now.tasks}
    for a in then.tasks:
        b = later.get(a.task)
        if b is None:
            continue
        for name in ("filters", "exposure_s", "count"):
            yield from _same(f"{a.task}: {name}", getattr(a, name), getattr(b, name))
        yield from _time(f"{a.task}: start", a.start, b.start, tolerance.time_s)
        if a.airmass is not None and b.airmass is not None:
            yield from _number(f"{a.task}: airmass", a.airmass, b.airmass, tolerance.airmass)


def _result(then: Result, now: Result, tolerance: Tolerance) -> Iterator[Difference]:
    counterparts = _paired(then.points, now.points, tolerance.mid_s)
    for a, b in zip(then.points, counterparts, strict=True):
        name = f"{a.filter} at T0 + {a.t_s:.0f} s ({a.task})"
        if b is None:
            yield _differs(name, _spelt(a), "not measured")
            continue
        yield from _point(name, a, b, tolerance)
    known = {id(b) for b in counterparts}
    for b in now.points:
        if id(b) in known:
            continue
        yield _differs(f"{b.filter} at T0 + {b.t_s:.0f} s ({b.task})", "not measured", _spelt(b))
    yield from _offset(
        [(a, b) for a, b in zip(then.points, counterparts, strict=True) if b is not None], tolerance
    )
    if (then.source is None) != (now.source is None):
        yield _differs("counterpart", _found(then), _found(now))
    elif then.source is not None and now.source is not None:
        away = separation_deg(then.source, now.source)
        may = tolerance.place_arcsec + 3600.0 * (then.source.error_radius_deg or 0.0)
        if away > 0.0:
            yield Difference(
                what="counterpart",
                recorded=_found(then),
                replayed=f"{_found(now)} ({3600.0 * away:.2f} arcsec away)",
                allowed=3600.0 * away <= may,
            )
    yield from _fit(then.fit, now.fit)
    yield from _same("SED: filters", [p.filter for p in then.sed], [p.filter for p in now.sed])
    for x, y in zip(then.sed, now.sed, strict=False):
        may = max(x.flux_density_err_ujy, 0.01 * abs(x.flux_density_ujy))
        yield from _number(f"SED: {x.filter} (µJy)", x.flux_density_ujy, y.flux_density_ujy, may)


def _paired(
    then: Sequence[PhotometryPoint], now: Sequence[PhotometryPoint], mid_s: float
) -> list[PhotometryPoint | None]:
    """Find for each point the one that it is now: of its task and filter, the nearest in time first."""
    near = sorted(
        (abs(a.t_s - b.t_s), i, j)
        for i, a in enumerate(then)
        for j, b in enumerate(now)
        if (a.task, a.filter) == (b.task, b.filter) and abs(a.t_s - b.t_s) <= mid_s
    )
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in near:
        if i not in found and j not in taken:
            found[i] = j
            taken.add(j)
    return [now[found[i]] if i in found else None for i in range(len(then))]


def _point(name: str, a: PhotometryPoint, b: PhotometryPoint, tolerance: Tolerance) -> Iterator[Difference]:
    if a.limit != b.limit:
        yield _differs(name, _spelt(a), _spelt(b))
        return
    yield from _same(f"{name}: frames", a.frames, b.frames)
    yield from _number(f"{name}: time", a.t_s, b.t_s, tolerance.mid_s)
    may = tolerance.limit_mag if a.limit else max(tolerance.mag, a.mag_err or 0.0)
    if a.mag != b.mag:
        allowed = abs(a.mag - b.mag) <= may
        yield Difference(what=f"{name}: magnitude", recorded=_spelt(a), replayed=_spelt(b), allowed=allowed)


def _offset(
    points: Sequence[tuple[PhotometryPoint, PhotometryPoint]], tolerance: Tolerance
) -> Iterator[Difference]:
    """Compare all magnitudes at once."""
    pairs = [(a, b) for a, b in points if not a.limit and not b.limit]
    weights = [max(a.mag_err or 0.0, 0.005) ** -2 for a, _ in pairs]
    if not weights:
        return
    mean = sum(w * (b.mag - a.mag) for w, (a, b) in zip(weights, pairs, strict=True)) / sum(weights)
    if abs(mean) > tolerance.offset_mag:
        yield _differs(
            "all magnitudes", "as they were", f"{mean:+.3f} mag, the weighted mean of {len(pairs)}"
        )


def _fit(then: PowerLaw | None, now: PowerLaw | None) -> Iterator[Difference]:
    if then is None or now is None:
        yield from _same("fit", then is not None, now is not None)
        return
    yield from _number("fit: index", then.index, now.index, max(then.index_err, 0.01))


def _closing(then: Closing, now: Closing) -> Iterator[Difference]:
    yield from _same("outcome", str(then.outcome), str(now.outcome))
    yield from _text("summary", then.summary, now.summary)
    yield from _same("tasks", [t.task for t in then.tasks], [t.task for t in now.tasks])
    later = {task.task: task for task in now.tasks}
    for a in then.tasks:
        b = later.get(a.task)
        if b is not None:
            yield from _same(f"{a.task}: outcome", str(a.outcome), str(b.outcome))
            yield from _same(f"{a.task}: exposures", a.exposures, b.exposures)
            yield from _text(f"{a.task}: reason", a.reason, b.reason)
    yield from _same("packets listed", len(then.packets), len(now.packets))
    yield from _same("datasets", then.details.get("datasets"), now.details.get("datasets"))


def timeless(text: str) -> str:
    """Return a text with what follows from the time masked: times, digests, how many exposures there were."""
    text = _NONE.sub("none of the exposures show", _ALL.sub("all exposures show", text))
    return _SHA256.sub("…", _TIME.sub("…", text))


# --- single values ---------------------------------------------------------------------------------


def _differs(what: str, then: Any, now: Any) -> Difference:
    return Difference(what=what, recorded=str(then), replayed=str(now), allowed=False)


def _same(what: str, then: Any, now: Any) -> Iterator[Difference]:
    if then != now:
        yield _differs(what, _listed(then), _listed(now))


def _text(what: str, then: str, now: str, *, sizes: bool = True) -> Iterator[Difference]:
    """Compare texts, which may name other times; and other sizes, unless these count."""
    if then != now:
        masked = [timeless(text) if sizes else _BYTES.sub("…", timeless(text)) for text in (then, now)]
        yield Difference(
            what=what,
            recorded=then or "nothing",
            replayed=now or "nothing",
            allowed=masked[0] == masked[1],
        )


def _number(what: str, then: float, now: float, may: float) -> Iterator[Difference]:
    if then != now:
        allowed = abs(then - now) <= may
        yield Difference(what=what, recorded=f"{then:.6g}", replayed=f"{now:.6g}", allowed=allowed)


def _time(what: str, then: datetime, now: datetime, may_s: float) -> Iterator[Difference]:
    if then != now:
        allowed = abs(now - then) <= timedelta(seconds=may_s)
        yield Difference(
            what=what,
            recorded=f"{then:%Y-%m-%d %H:%M:%S}",
            replayed=f"{now:%Y-%m-%d %H:%M:%S}",
            allowed=allowed,
        )


def _facts(
    what: str, then: Mapping[str, str], now: Mapping[str, str], tolerance: Tolerance
) -> Iterator[Difference]:
    yield from _same(what, sorted(then), sorted(now))
    for name in sorted(then.keys() & now.keys()):
        fact = f"{what}: {name}"
        try:
            if name == "bytes" and not tolerance.files:
                continue
            if name == "airmass":
                yield from _number(fact, float(then[name]), float(now[name]), tolerance.airmass)
            else:
                times = datetime.fromisoformat(then[name]), datetime.fromisoformat(now[name])
                yield from _time(fact, *times, tolerance.time_s)
        except ValueError:
            yield from _text(fact, then[name], now[name])


def _spelt(point: PhotometryPoint) -> str:
    if point.limit:
        return f"> {point.mag:.3f}"
    return f"{point.mag:.3f} ± {point.mag_err or 0.0:.3f}"


def _found(result: Result) -> str:
    if result.source is None:
        return "none"
    return f"{result.source.ra_deg:.5f} {result.source.dec_deg:+.5f}"


def _listed(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "none"
    return str(value)
