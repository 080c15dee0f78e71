"""Bursts of an invented history: their alerts as files, their light as a published table."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from simulators.afterglow import Afterglow
from voevent.alert import Alert, build_alert
from voevent.packet import SkyPosition


def write_alerts(
    folder: Path,
    name: str,
    trigger_time: datetime,
    position: SkyPosition,
    *,
    after_s: tuple[float, ...] = (30.0, 90.0),
) -> Path:
    """Write alerts, each with a smaller error circle than the one before."""
    folder.mkdir()
    for number, seconds in enumerate(after_s):
        alert = Alert(
            burst=name,
            trigger_time=trigger_time,
            date=trigger_time + timedelta(seconds=seconds),
            position=SkyPosition(
                ra_deg=position.ra_deg, dec_deg=position.dec_deg, error_radius_deg=0.05 / 10**number
            ),
            instrument=("SWIFT-BAT", "SWIFT-XRT")[number],
            description=name,
        )
        packet = build_alert(alert, authority="test", author="satellite", drill=False)
        (folder / f"{number}.xml").write_bytes(packet.raw)
    return folder


def write_table(path: Path, light: Afterglow, *, filters: str = "gri", points: int = 40) -> Path:
    """Publish a light curve, from 20 s to a day after the burst."""
    lines = ["Time(s)\tMag\tMagErr\tFilter\tSystem\tTelescope\tGalExtCorr\tSource\tFlag"]
    for name in filters:
        for i in range(points):
            t_s = 20.0 * 4300.0 ** (i / (points - 1))
            mag = light.magnitude(t_s, name)
            lines.append(f"{t_s:.3f}\t{mag:.4f}\t0.02\t{name}'\tAB\tHill/1m\tn\tSomebody1999\tno")
    lines.append("50.0\t12.0\t0.1\twhite\tAB\tSpace/UVOT\tn\tSomebody1999\tno")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
