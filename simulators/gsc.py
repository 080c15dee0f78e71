"""The star catalogue that INDI's CCD simulator asks for what it draws: a program that it knows as ``gsc``.

The driver runs ``gsc -c RA DEC -r RADIUS -m BRIGHT FAINT -n COUNT`` (J2000 degrees, arcminutes) for each
frame of the sky and reads a star from each line. Ours prints the simulated sky, the fading afterglows in it.
The filter is what the filter wheel says at that moment; `Stage` is read from a file named first.

References
----------
indilib/indi, version 1.9.9: drivers/ccd/ccd_simulator.cpp (``DrawCcdFrame``, the format of a line).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import socket
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path

import numpy as np

from followup.clock import SkyClock, WallClock
from followup.errors import ConfigurationError, FollowupError
from simulators.atmosphere import Atmosphere
from simulators.indi_camera import Floats, driver_mags, on_whole_pixels, twin
from simulators.projection import offset
from simulators.scenario import read_scenario
from simulators.sites import KnownTelescope, known_telescope
from simulators.sky import SimulatedSky, separation_deg
from voevent.packet import SkyPosition

_ANSWER_S = 3.0
_SLOT = re.compile(r'name="FILTER_SLOT_VALUE"[^>]*>\s*([0-9.]+)')


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """Where the program finds what it plays.

    Attributes
    ----------
    scenario
        File of the sky.
    site
        The telescope's ``site.toml``: its section ``sky`` has the sky's clock.
    model
        Which known telescope looks.
    port
        Of the INDI server on this machine.
    wheel
        Name of the filter wheel there.
    slots
        Slot by name of the filter.
    exposure_s
        Length of an exposure: the light of a burst is that at the middle of it.
    pointing_error_arcsec
        How far east and north of where the mount believes to look the telescope looks.
    """

    scenario: str
    site: str
    model: str
    port: int
    wheel: str
    slots: dict[str, int]
    exposure_s: float
    pointing_error_arcsec: tuple[float, float] = (0.0, 0.0)

    def text(self) -> str:
        """Give what its file says."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> Stage:
        """Read a file that holds its `text`.

        Raises
        ------
        ConfigurationError
            When it cannot be read.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(f"{path} sets no stage: {error}") from error


def script(stage: Path) -> str:
    """Give the text of a shell script ``gsc`` that runs this program with a stage."""
    return f'#!/bin/sh\nexec "{sys.executable}" -m simulators.gsc "{stage}" "$@"\n'


def sources(
    stage: Stage,
    model: KnownTelescope,
    *,
    centre: SkyPosition,
    radius_deg: float,
    filter_name: str,
    now: datetime,
) -> tuple[Floats, Floats, Floats]:
    """Give what shines in a cone, as the driver is to draw it.

    Parameters
    ----------
    centre
        Where the mount believes to look.
    now
        Sky time, aware: the start of the exposure.

    Returns
    -------
    ra_deg, dec_deg, mags
        Shape (n,), magnitudes on the driver's scale.
    """
    scenario = read_scenario(Path(stage.scenario))
    east_arcsec, north_arcsec = stage.pointing_error_arcsec
    looks_at = offset(centre, east_arcsec=east_arcsec, north_arcsec=north_arcsec)
    stars = SimulatedSky(scenario.seed).stars(looks_at, radius_deg)
    middle_s = stage.exposure_s / 2
    bursts = [
        (burst.position, burst.magnitude(since_s, filter_name, stage.exposure_s))
        for burst in scenario.bursts
        if (since_s := (now - burst.trigger_time).total_seconds() + middle_s) > 0
    ]
    ra = np.concatenate([stars.ra_deg, [position.ra_deg for position, _ in bursts]])
    dec = np.concatenate([stars.dec_deg, [position.dec_deg for position, _ in bursts]])
    mags = np.concatenate([stars.mags[filter_name], [mag for _, mag in bursts]])
    electrons_s = 10 ** (0.4 * (Atmosphere(model).zero_point(centre, now, filter_name) - mags))
    near = separation_deg(looks_at, ra, dec) <= radius_deg
    ra, dec, electrons_s = on_whole_pixels(
        centre, ra[near], dec[near], electrons_s[near], model.instrument, looks_at=looks_at
    )
    return ra, dec, driver_mags(electrons_s, model.instrument.pixel_scale_arcsec)


def line(number: int, ra_deg: float, dec_deg: float, mag: float) -> str:
    """Write a star as the driver reads it: the twelve columns of the old program's output."""
    return f"S{number:09d} {ra_deg:.7f} {dec_deg:+.7f} 0.1 {mag:.4f} 0.01 1 0 0000 SF 0.0 0"


def filter_in_beam(stage: Stage) -> str:
    """Ask the filter wheel.

    Raises
    ------
    ConfigurationError
        When it does not answer, or its slot has no filter.
    """
    asked = f'<getProperties version="1.7" device="{stage.wheel}" name="FILTER_SLOT"/>'
    said = b""
    try:
        with socket.create_connection(("127.0.0.1", stage.port), timeout=_ANSWER_S) as server:
            server.sendall(asked.encode())
            while b"</defNumberVector>" not in said and (part := server.recv(65536)):
                said += part
    except OSError as error:
        raise ConfigurationError(f"the filter wheel {stage.wheel!r} does not answer: {error}") from error
    found = _SLOT.search(said.decode(errors="replace"))
    slot = round(float(found[1])) if found else 0
    for name, at in stage.slots.items():
        if at == slot:
            return name
    raise ConfigurationError(f"the filter wheel {stage.wheel!r} has no filter in slot {slot}")


def _sky_now(site: Path) -> datetime:
    sky = tomllib.loads(site.read_text(encoding="utf-8")).get("sky")
    wall = WallClock()
    if sky is None:
        return wall.now()
    epochs = {key: sky[key].astimezone(UTC) for key in ("sky_epoch", "wall_epoch")}
    return SkyClock(**epochs, rate=float(sky["rate"]), wall=wall).now()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the stars of a cone, the brightest first."""
    parser = argparse.ArgumentParser(prog="gsc")
    parser.add_argument("stage", type=Path)
    parser.add_argument("-c", nargs=2, type=float, required=True, metavar=("RA", "DEC"))
    parser.add_argument("-r", type=float, required=True, metavar="ARCMIN")
    parser.add_argument("-m", nargs=2, type=float, default=(-99.0, 99.0), metavar=("BRIGHT", "FAINT"))
    parser.add_argument("-n", type=int, default=3000, metavar="COUNT")
    asked = parser.parse_args(arguments)
    try:
        stage = Stage.read(asked.stage)
        found = sources(
            stage,
            twin(known_telescope(stage.model)),
            centre=SkyPosition(ra_deg=asked.c[0], dec_deg=asked.c[1]),
            radius_deg=asked.r / 60.0,
            filter_name=filter_in_beam(stage),
            now=_sky_now(Path(stage.site)),
        )
    except (FollowupError, OSError, ValueError) as error:
        sys.stderr.write(f"gsc: {error}\n")
        return 1
    bright, faint = asked.m
    # Each star is drawn as four; the driver reads as many lines as come.
    stars = [
        star for star in zip(*(each.tolist() for each in found), strict=True) if bright <= star[2] <= faint
    ]
    stars.sort(key=itemgetter(2))
    sys.stdout.write(
        "".join(line(number, *star) + "\n" for number, star in enumerate(stars[: 4 * asked.n], 1))
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
