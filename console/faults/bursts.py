"""The bursts of these campaigns: each as good as the last, so that all campaigns ought to end alike."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from console.casting import burst_name
from simulators.afterglow import Afterglow, SimulatedBurst
from simulators.notices import AUTHOR
from simulators.population import draw_position
from simulators.sky import SimulatedSky, separation_deg
from voevent.alert import Alert, build_alert
from voevent.packet import Packet, SkyPosition
from voevent.svom import SvomPacketType

NIGHT = datetime.fromisoformat("2026-12-07T00:00:00+00:00")
"""From then on, for four days, neither the Sun nor the Moon rises over the telescopes."""

STRATEGIES = """\
# One short look through two filters and a second one: a campaign in a few seconds.
default = "trial"

[[strategies]]
name = "trial"
description = "two short looks, whenever the telescope comes to them"
max_age_s = 129600
max_error_radius_fields = 1.2

[[strategies.epochs]]
name = "first-look"
start_s = 0
latest_s = 129600
filters = ["r", "g"]
exposure_s = 20
count = 1

[[strategies.epochs]]
name = "second-look"
start_s = 240
latest_s = 129600
filters = ["r"]
exposure_s = 20
count = 2
"""

_DECLINATIONS_DEG = (40.0, 70.0)
_RADIUS_DEG = 0.04
_CLEAR_ARCSEC = 25.0
_FAINTER_THAN = 18.5
# It hardly fades: however late a frame is taken, it shows the same.
_LIGHT = Afterglow(r_mag=15.0, indices=(0.05,), breaks_s=(), spectral_index=0.8)


def draw(rng: np.random.Generator, sky: SimulatedSky, *, time: datetime, number: int) -> SimulatedBurst:
    """Have a burst go off where no bright star is near."""
    while True:
        position = draw_position(rng, _DECLINATIONS_DEG)
        stars = sky.stars(position, _CLEAR_ARCSEC / 3600.0)
        near = separation_deg(position, stars.ra_deg, stars.dec_deg) * 3600.0 < _CLEAR_ARCSEC
        if not np.any(near & (stars.mags["r"] < _FAINTER_THAN)):
            return SimulatedBurst(
                name=burst_name(time, number), trigger_time=time, position=position, afterglow=_LIGHT
            )


def alert_of(burst: SimulatedBurst) -> Packet:
    """Write the alert of a burst."""
    where = burst.position
    alert = Alert(
        burst=burst.name,
        trigger_time=burst.trigger_time,
        date=burst.trigger_time,
        position=SkyPosition(
            ra_deg=round(where.ra_deg, 4), dec_deg=round(where.dec_deg, 4), error_radius_deg=_RADIUS_DEG
        ),
        instrument="ECLAIRs",
        description=f"{burst.name}: a burst to be followed through all faults",
        packet_type=SvomPacketType.ECLAIRS_WAKEUP,
    )
    return build_alert(alert, authority="followup", author=AUTHOR, drill=True)
