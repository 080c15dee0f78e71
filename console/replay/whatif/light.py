"""The light of a recorded burst: what the telescope measured, taken for the truth."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from console.replay.record import Recording
from simulators.afterglow import SimulatedBurst
from simulators.tabulated import TabulatedAfterglow
from voevent.kinds import Product, Result, Trigger


def light_curve(recording: Recording) -> Result | None:
    """Give the last light curve of a record; None when there is none."""
    said = [packet.content for packet in recording.by(recording.name.telescope)]
    curves = [each for each in said if isinstance(each, Result) and each.product is Product.LIGHT_CURVE]
    return curves[-1] if curves else None


def last_trigger(recording: Recording) -> Trigger:
    """Give the last trigger that says where the burst is.

    Raises
    ------
    ReplayError
        When there is no trigger.
    """
    found = [said.content for said in recording.triggers if isinstance(said.content, Trigger)]
    return next((trigger for trigger in reversed(found) if trigger.position is not None), found[-1])


def recorded_burst(recording: Recording, shift: timedelta) -> tuple[SimulatedBurst | None, str]:
    """Make the burst that was measured, and say what it is made of.

    Returns
    -------
    SimulatedBurst or None
        None when nothing was measured: the sky is then empty but for the constant stars.
    str
        For people.
    """
    trigger, curve = last_trigger(recording), light_curve(recording)
    place = (curve.source if curve else None) or trigger.position
    try:
        light = TabulatedAfterglow.of_photometry(curve.points if curve else ())
    except ValueError:
        light = None
    if light is None or place is None:
        return None, "no counterpart was measured: there is none in the sky, only depths can be compared"
    burst = SimulatedBurst(
        name=trigger.burst,
        trigger_time=trigger.trigger_time + shift,
        position=replace(place, error_radius_deg=None),
        afterglow=light,
    )
    first_s, last_s = light.span_s
    filters = sorted({point.filter for point in light.points})
    return burst, (
        f"the counterpart as measured ({len(light.points)} points in {', '.join(filters)}, {first_s:.0f} to"
        f" {last_s:.0f} s after the burst); before and after, and in other filters, power laws"
    )
