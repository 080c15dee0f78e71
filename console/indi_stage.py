"""A simulated telescope behind INDI: its server, the sky before its camera, and its ``site.toml``."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from console.settings import SETTINGS
from console.simulation import SCENARIO_FILE
from console.state import replace_file
from deploy.indiserver import DRIVERS, IndiServer
from simulators.gsc import Stage, script
from simulators.indi_camera import driver_settings, twin
from simulators.sites import KnownTelescope

EXPOSURE_S = 15.0
"""Of every exposure in ``indi_strategies.toml``."""

ACQUISITION_S = 5.0
POINTING_ERROR_ARCSEC = (160.0, -110.0)
"""How far east and north of where the mount believes to look the telescope looks."""

IN_FOCUS = 36700
"""Where the camera's simulator has its sharpest images."""

_STRATEGIES = "strategies.toml"


def site_settings(model: KnownTelescope, port: int) -> dict[str, Any]:
    """Give what ``site.toml`` says of a known telescope behind INDI's simulators."""
    seen = twin(model)
    site, instrument = seen.site, seen.instrument
    return {
        "devices": "indi",
        "acquisition_s": ACQUISITION_S,
        "strategies_file": _STRATEGIES,
        "place": {
            "name": site.name,
            "latitude_deg": site.latitude_deg,
            "longitude_deg": site.longitude_deg,
            "elevation_m": site.elevation_m,
            "horizon": [list(point) for point in site.horizon],
            "min_altitude_deg": site.min_altitude_deg,
            "max_sun_altitude_deg": site.max_sun_altitude_deg,
            "min_moon_separation_deg": site.min_moon_separation_deg,
        },
        "detector": {
            "aperture_m": instrument.aperture_m,
            "width_px": instrument.width_px,
            "height_px": instrument.height_px,
            "pixel_scale_arcsec": instrument.pixel_scale_arcsec,
            "gain_e_adu": instrument.gain_e_adu,
            "read_noise_e": instrument.read_noise_e,
            "saturation_adu": instrument.saturation_adu,
            "dark_current_e_s": instrument.dark_current_e_s,
            "readout_s": instrument.readout_s,
            "zero_points": dict(instrument.zero_points),
        },
        "indi": {
            "host": "127.0.0.1",
            "port": port,
            **{what: device for what, (_, device) in DRIVERS.items()},
            "slots": _slots(model),
        },
    }


async def raise_curtain(folder: Path, model: KnownTelescope, port: int) -> IndiServer:
    """Start a telescope's INDI server and put the sky of its folder before the camera.

    Raises
    ------
    DeployError
        When INDI is not installed, or its server does not start.
    """
    replace_file(folder / _STRATEGIES, (resources.files("console") / "indi_strategies.toml").read_text())
    server = IndiServer(folder / "indi", port=port)
    stage_file = server.folder / "stage.json"
    _, wheel = DRIVERS["filter_wheel"]
    stage = Stage(
        scenario=str((folder / SCENARIO_FILE).absolute()),
        site=str((folder / SETTINGS).absolute()),
        model=model.name,
        port=port,
        wheel=wheel,
        slots=_slots(model),
        exposure_s=EXPOSURE_S,
        pointing_error_arcsec=POINTING_ERROR_ARCSEC,
    )
    replace_file(stage_file, stage.text())
    replace_file(server.programs / "gsc", script(stage_file), mode=0o755)
    await server.start()
    _, camera = DRIVERS["camera"]
    try:
        await server.tell(camera, "SIMULATOR_SETTINGS", driver_settings(model))
        # It would look only once a second whether an exposure has begun or ended.
        await server.tell(camera, "CONNECTION", {"CONNECT": "On"})
        await server.tell(camera, "POLLING_PERIOD", {"PERIOD_MS": 100})
        # It would begin the night far out of focus, and there is no night to lose in a demonstration.
        _, focuser = DRIVERS["focuser"]
        await server.tell(focuser, "CONNECTION", {"CONNECT": "On"})
        await server.tell(focuser, "ABS_FOCUS_POSITION", {"FOCUS_ABSOLUTE_POSITION": IN_FOCUS})
    except BaseException:
        await server.stop()
        raise
    return server


def _slots(model: KnownTelescope) -> dict[str, int]:
    return {name: slot for slot, name in enumerate(model.instrument.filters, 1)}
