"""What a running agent adds to the board: its state, the exposure's end, the weather, whose turn it is."""

from __future__ import annotations

import asyncio
from typing import Any

from agents.gft.bench import Bench
from agents.gft.board import board, seconds_left, with_quality
from agents.gft.command import Command
from agents.gft.gate import LIMITS, SAFETY
from agents.gft.orders import Order
from followup.errors import DeviceError

_WEATHER_S = 5.0


async def live(bench: Bench, command: Command) -> dict[str, Any]:
    """Tell how a telescope stands, for the people in charge of it."""
    now = bench.sky.now()
    document = await bench.journal.read(lambda reader: board(reader, bench.name))
    scale = bench.instrument.pixel_scale_arcsec
    document = await asyncio.to_thread(with_quality, document, bench.folder, scale)
    observatory = bench.observatory
    having = next((c for c in document["campaigns"] if c["campaign"] == observatory.user), None)
    doing = having["doing"] if having else ""
    left_s = seconds_left(having, now) if having else None
    return {
        **document,
        "sky_time": now.isoformat(),
        "simulated": bench.simulated,
        "state": _state(bench, command, doing),
        "why": dict(bench.gate.reasons),
        "observing": observatory.user,
        "exposure_ends_in_s": left_s,
        "waiting": list(observatory.turns.waiting),
        "sheltered": observatory.sheltered,
        "weather": await _weather(bench),
    }


def _state(bench: Bench, command: Command, doing: str) -> str:
    """Tell the state in a word; what keeps the telescope from observing comes first."""
    in_force, gate = command.in_force, bench.gate
    if in_force.takeover is not None:
        return "taken over"
    if gate.shut_by(SAFETY, LIMITS):
        return "unsafe" if gate.shut_by(SAFETY) else "parking"
    if in_force.hold is not None:
        parked = in_force.hold.order is Order.PARK and bench.observatory.sheltered
        ending = doing in {"exposing", "acquiring"} and not in_force.hold.at_once
        return "parked" if parked else "ends its exposure, then held" if ending else "held"
    if bench.disk.trouble:
        return "waits for the disk"
    if not bench.observatory.user:
        return "waiting" if command.campaigns else "idle"
    return {"slewing": "slewing", "exposing": "observing", "acquiring": "observing"}.get(doing, "observing")


async def _weather(bench: Bench) -> dict[str, Any]:
    try:
        async with asyncio.timeout(_WEATHER_S):
            reading = await bench.observatory.telescope.weather.reading()
    except (DeviceError, TimeoutError) as error:
        return {
            "safe": False,
            "reason": str(error) or "the station does not answer",
            "age_s": None,
            "values": {},
        }
    age_s = (bench.sky.now() - reading.time).total_seconds()
    return {
        "safe": reading.safe,
        "reason": reading.reason,
        "age_s": max(0.0, age_s),
        "values": dict(reading.values),
    }
