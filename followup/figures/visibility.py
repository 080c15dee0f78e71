"""The night over a telescope: altitude of the target, Sun and Moon against time, with the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from followup.figures.style import ACCENT, INK, MOON, MUTED, SUN, dress, new_figure, to_png
from followup.obstacle import obstacle
from followup.schedule import Task
from followup.visibility import Floats, Visibility, airmass

_TWILIGHTS = ((0.0, "#eceff3"), (-6.0, "#dce1e9"), (-12.0, "#c9d0db"), (-18.0, "#b5becd"))
"""Sun altitude below which each shade begins: sunset, civil, nautical and astronomical twilight's end."""

_LABEL = {"boxstyle": "round,pad=0.1", "facecolor": "white", "alpha": 0.8, "linewidth": 0}
_T0_SHOWN_WITHIN = timedelta(hours=2)


def visibility_figure(
    visibility: Visibility,
    *,
    title: str,
    trigger_time: datetime,
    tasks: Sequence[Task] = (),
    hours: float = 24.0,
) -> bytes:
    """Draw a target's visibility.

    Parameters
    ----------
    trigger_time
        Marked T0 when it was at most two hours before the visibility begins.
    tasks
        Marked by number, at their start.
    hours
        How much of the visibility to show, from its beginning.

    Returns
    -------
    bytes
        PNG, 880 by 528 pixels.
    """
    end = visibility.start + timedelta(hours=hours)
    shown = visibility.unix_s <= end.timestamp()
    times = [datetime.fromtimestamp(unix_s, UTC) for unix_s in visibility.unix_s[shown]]
    figure = new_figure()
    axes: Any = figure.add_subplot()  # matplotlib's stubs do not know that axes take datetimes
    dress(axes, title=title, ylabel="altitude (deg)")
    axes.plot(times, visibility.sun_altitude_deg[shown], color=SUN, linewidth=1.4, label="Sun")
    axes.plot(
        times,
        visibility.moon_altitude_deg[shown],
        color=MOON,
        linewidth=1.4,
        linestyle="--",
        label="Moon",
    )
    axes.plot(times, visibility.limit_deg[shown], color=MUTED, linewidth=1.0, linestyle=":", label="limit")
    altitude_deg = visibility.altitude_deg[shown]
    axes.plot(times, altitude_deg, color=INK, linewidth=1.2, alpha=0.8, label="target")
    for number, window in enumerate(visibility.windows):
        _window(axes, visibility, window.start, min(window.end, end), label="" if number else "observable")
    if reason := obstacle(visibility):
        axes.text(0.5, 0.88, reason, transform=axes.transAxes, ha="center", va="top", wrap=True, bbox=_LABEL)
    in_view = [task for task in tasks if task.start <= end]
    _tasks(axes, visibility, in_view)
    left = times[0]
    if timedelta(0) <= left - trigger_time <= _T0_SHOWN_WITHIN:
        left = trigger_time
        axes.axvline(trigger_time, color=ACCENT, linewidth=1.2)
        axes.annotate(
            "T0", (trigger_time, 88), xytext=(4, 0), textcoords="offset points", color=ACCENT, va="top"
        )
    left -= timedelta(hours=hours / 60)
    _twilight(axes, left, times, visibility.sun_altitude_deg[shown])
    axes.set_xlim(left, times[-1])
    axes.set_ylim(-20, 90)
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # matplotlib.dates is untyped
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]  # likewise
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlabel("UTC", fontsize=10, color=INK)
    _airmass_axis(axes)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=6, fontsize=9, frameon=False)
    return to_png(figure)


def _twilight(axes: Any, left: datetime, times: Sequence[datetime], sun_altitude_deg: Floats) -> None:
    # The picture begins before the visibility does.
    rise_deg = (sun_altitude_deg[1] - sun_altitude_deg[0]) / (times[1] - times[0]).total_seconds()
    earlier_deg = sun_altitude_deg[0] - rise_deg * (times[0] - left).total_seconds()
    times, sun_altitude_deg = [left, *times], np.concatenate([[earlier_deg], sun_altitude_deg])
    for below_deg, shade in _TWILIGHTS:
        axes.fill_between(
            times, -20, 90, where=sun_altitude_deg < below_deg, color=shade, linewidth=0, zorder=0
        )


def _window(axes: Any, visibility: Visibility, start: datetime, end: datetime, *, label: str) -> None:
    if end <= start:
        return
    unix_s = np.linspace(start.timestamp(), end.timestamp(), 100)
    altitude_deg = np.interp(unix_s, visibility.unix_s, visibility.altitude_deg)
    times = [datetime.fromtimestamp(value, UTC) for value in unix_s]
    axes.plot(
        times, altitude_deg, color=INK, linewidth=4.0, solid_capstyle="butt", label=label or "_nolegend_"
    )


def _tasks(axes: Any, visibility: Visibility, tasks: Sequence[Task]) -> None:
    if not tasks:
        return
    starts = [task.start for task in tasks]
    altitudes_deg = [visibility.altitude_at(start) for start in starts]
    axes.plot(
        starts,
        altitudes_deg,
        linestyle="none",
        marker="o",
        markersize=7,
        markerfacecolor="white",
        markeredgecolor=ACCENT,
        markeredgewidth=2,
        zorder=4,
        label="task",
    )
    last_label: datetime | None = None
    row = 0
    spacing = timedelta(seconds=(visibility.unix_s[-1] - visibility.unix_s[0]) / 40)
    for task, altitude_deg in zip(tasks, altitudes_deg, strict=True):
        # tasks minutes apart would print over each other: their labels climb instead
        row = row + 1 if last_label is not None and task.start - last_label < spacing else 0
        last_label = task.start
        axes.annotate(
            task.task_id,
            (task.start, altitude_deg),
            xytext=(0, 8 + 11 * row),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=INK,
            bbox=_LABEL,
            zorder=5,
        )


def _airmass_axis(axes: Any) -> None:
    ticks = (20.0, 30.0, 45.0, 60.0, 90.0)
    right = axes.twinx()
    right.set_ylim(axes.get_ylim())
    right.set_yticks(ticks, [f"{airmass(tick):.1f}" for tick in ticks])
    right.set_ylabel("airmass", fontsize=10, color=INK)
    right.tick_params(colors=INK, labelsize=9)
    for side in ("top", "left", "bottom", "right"):
        right.spines[side].set_visible(False)
