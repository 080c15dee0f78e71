"""The record of a night: what the agents said and what was seen of the devices, in order, as a table."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from followup.clock import Clock
from followup.sun import sun_altitude_deg
from simulators.afterglow import SimulatedBurst
from simulators.sites import known_telescope

_SHOWN = {
    "focus.began": "focus",
    "focus.ended": "focus",
    "drill.began": "drill",
    "drill.ended": "drill",
    "campaign.accepted": "campaign",
    "campaign.slewing": "campaign",
    "campaign.measured": "campaign",
    "campaign.task-ended": "campaign",
    "campaign.stopped": "campaign",
    "campaign.closing": "campaign",
    "campaign.closed": "campaign",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Something that happened: by the sky's clock, to whom, what."""

    time: datetime
    who: str
    what: str


class NightLog:
    """Collects the night.

    Attributes
    ----------
    truth
        Bursts of the simulated sky, by name.
    drill
        The drill's report.
    """

    def __init__(self, sky: Clock, dusk: datetime, dawn: datetime) -> None:
        self.dusk, self.dawn = dusk, dawn
        self.truth: dict[str, SimulatedBurst] = {}
        self.drill: dict[str, Any] = {}
        self._sky = sky
        self._moments: list[Moment] = []
        self._events: list[str] = []
        self._loads: list[float] = []

    def note(self, who: str, what: str) -> None:
        """Note something now."""
        self._moments.append(Moment(time=self._sky.now(), who=who, what=what))
        self._loads.append(os.getloadavg()[0])
        sys_line = f"{self._sky.now():%H:%M:%S}  {who:<10} {what}"
        print(sys_line, flush=True)  # noqa: T201 - who waits for a night wants to see it

    def hear(self, site: str, line: dict[str, Any]) -> None:
        """Take a line of an agent's log."""
        event = str(line.get("event", ""))
        self._events.append(event)
        if event in _SHOWN:
            campaign = str(line.get("campaign", "")).partition(".")[0]
            self.note(_SHOWN[event], f"{campaign} {line.get('message', '')}".strip())
        elif line.get("level") in {"WARNING", "ERROR"}:
            self.note(site, str(line.get("message", "")))

    def count(self, event: str) -> int:
        """How often the agents have told of an event."""
        return self._events.count(event)

    def data(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "dusk": self.dusk.isoformat(),
            "dawn": self.dawn.isoformat(),
            "load": {"median": sorted(self._loads)[len(self._loads) // 2] if self._loads else None},
            "moments": [[m.time.isoformat(), m.who, m.what] for m in self._moments],
            "drill": self.drill,
        }

    def table(self) -> str:
        """Give it in Markdown."""
        lines = ["| sky time (UTC) | Sun (deg) | since dusk | | what |", "|---|---|---|---|---|"]
        site = known_telescope("gft-schlei").site
        for m in self._moments:
            what = m.what.replace("|", "/").replace("\n", " ")[:160]
            since = (m.time - self.dusk) // timedelta(seconds=1)
            clock = f"{'-' if since < 0 else ''}{abs(since) // 60}:{abs(since) % 60:02d}"
            sun = sun_altitude_deg(site, m.time)
            time = m.time.astimezone(UTC)
            lines.append(f"| {time:%H:%M:%S} | {sun:.2f} | {clock} | {m.who} | {what} |")
        return "\n".join(lines) + "\n"
