"""The papers of a campaign: pictures, tables and records that go into its datasets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agents.gft.paper import write as write  # noqa: PLC0414 - campaigns write their pictures by it, too
from agents.gft.record import Record
from agents.gft.reduction.port import Reduction
from voevent.kinds import Decided, PhotometryPoint, Result


def spoken(point: PhotometryPoint) -> str:
    """One point of a light curve in words."""
    if point.limit:
        return f"{point.filter} > {point.mag:.2f} ({point.limit_sigma:.0f} sigma) at T0 + {point.t_s:.0f} s"
    return f"{point.filter} = {point.mag:.2f} ± {point.mag_err or 0.0:.2f} at T0 + {point.t_s:.0f} s"


def light_curve_picture(record: Record, result: Result) -> bytes:
    """Draw the light curve so far (PNG; blocking); empty when nobody wants pictures."""
    if not record.bench.pictures:
        return b""
    from followup.figures.lightcurve import light_curve_figure  # noqa: PLC0415 - matplotlib is slow to load

    return light_curve_figure(result.points, title=str(record.name), fit=result.fit)


def sed_picture(record: Record, result: Result) -> bytes:
    """Draw the SED (PNG; blocking); empty when nobody wants pictures."""
    if not record.bench.pictures:
        return b""
    from followup.figures.sed import sed_figure  # noqa: PLC0415 - matplotlib is slow to load

    return sed_figure(result.sed, title=str(record.name), epoch_s=result.epoch_s or 0.0, fit=result.fit)


def task_papers(record: Record, field: Reduction, folder: Path, task: str) -> list[str]:
    """Write what goes with a task's frames: photometry, light curve, finding chart (blocking).

    Returns
    -------
    list of str
        Paths relative to `folder`.
    """
    points, source, fit = field.result()
    photometry, light_curve, chart_path = _task_papers(task)
    made = [write(folder, photometry, _photometry_csv(points))]
    if not record.bench.pictures:
        return made
    from followup.figures.finding_chart import finding_chart_figure  # noqa: PLC0415 - slow to load
    from followup.figures.lightcurve import light_curve_figure  # noqa: PLC0415

    if points:
        picture = light_curve_figure(points, title=str(record.name), fit=fit)
        made.append(write(folder, light_curve, picture))
    image = field.deepest()
    if image is not None and record.trigger is not None:
        chart = finding_chart_figure(
            image.pixels,
            image.wcs,
            circle=record.trigger.position,
            source=source,
            title=str(record.name),
            subtitle=f"{record.trigger.telescope}, up to task {task}",
        )
        made.append(write(folder, chart_path, chart))
    return made


def task_papers_before(folder: Path, task: str) -> list[str]:
    """Find what `task_papers` has written earlier (blocking)."""
    return [path for path in _task_papers(task) if (folder / path).is_file()]


def _task_papers(task: str) -> tuple[str, str, str]:
    return (
        f"products/photometry-{task}.csv",
        f"products/light-curve-{task}.png",
        f"products/finding-chart-{task}.png",
    )


def campaign_papers(
    folder: Path,
    *,
    lines: list[dict[str, Any]],
    decisions: Sequence[Decided],
    visibility: bytes,
    log: list[str],
) -> list[str]:
    """Write a campaign's records: its journal, its log, its decisions, the picture of its night (blocking).

    Returns
    -------
    list of str
        Paths relative to `folder`.
    """
    journal = "".join(json.dumps(line, default=str, ensure_ascii=False) + "\n" for line in lines)
    decided = json.dumps([asdict(each) for each in decisions], indent=1, default=str, ensure_ascii=False)
    made = [
        write(folder, "logs/journal.jsonl", journal.encode()),
        write(folder, "logs/decisions.json", decided.encode() + b"\n"),
        write(folder, "logs/agent.jsonl", "".join(log).encode() or b"\n"),
    ]
    if visibility:
        made.append(write(folder, "logs/visibility.png", visibility))
    return made


def _photometry_csv(points: Sequence[PhotometryPoint]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["task", "t_s", "exposure_s", "filter", "mag_ab", "mag_err", "limit", "limit_sigma", "frames"]
    )
    for p in points:
        err = "" if p.mag_err is None else f"{p.mag_err:.4f}"
        writer.writerow(
            [
                p.task,
                f"{p.t_s:.2f}",
                f"{p.exposure_s:g}",
                p.filter,
                f"{p.mag:.4f}",
                err,
                int(p.limit),
                f"{p.limit_sigma:g}",
                p.frames,
            ]
        )
    return text.getvalue().encode()
