"""A telescope's folder with settings, to be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from console import settings
from console.preflight.finding import Finding
from console.preflight.run import preflight
from console.preflight.subject import Subject
from console.settings import TelescopeSettings

NAME = "gft-jilin"


def content(port: int = 7624, **changes: Any) -> dict[str, Any]:
    """Settings over INDI."""
    return {
        "name": NAME,
        "devices": "indi",
        "xmpp": {"host": "127.0.0.1", "port": 1, "domain": "followup.localhost"},
        "sftp": {"host": "127.0.0.1", "port": 1},
        "place": {"name": "Jilin", "latitude_deg": 43.8, "longitude_deg": 126.3, "elevation_m": 313.0},
        "detector": {
            "aperture_m": 1.2, "width_px": 1280, "height_px": 1024, "pixel_scale_arcsec": 1.2,
            "gain_e_adu": 1.6, "read_noise_e": 5.0, "saturation_adu": 58000.0, "readout_s": 4.0,
            "zero_points": {"g": 24.0, "r": 24.1},
        },
        "indi": {
            "host": "127.0.0.1", "port": port, "mount": "Mount", "camera": "Camera", "filter_wheel": "Wheel",
            "dome": "Dome", "weather": "Station", "slots": {"g": 1, "r": 2},
        },
    } | changes  # fmt: skip


def subject(folder: Path, said: dict[str, Any], *, agent_pid: int | None = None) -> Subject:
    """A telescope with these settings."""
    settings.write(folder, said)
    return Subject(
        folder=folder,
        config=settings.read(TelescopeSettings, folder),
        agent_pid=agent_pid,
        exposure_s=0.5,
    )


async def looked(folder: Path, *only: str, exposure_s: float | None = None) -> dict[str, Finding]:
    """What the preflight finds there, by check."""
    found = preflight(folder, only=only, exposure_s=exposure_s, begins=lambda _: None)
    return {finding.check: finding async for finding in found}
