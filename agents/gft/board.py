"""What stands on the board in the control room: what a telescope does, for whom, and what comes next.

Everything here is read from the journal and the disk, so that it can be told without an agent, too.
`agents.gft.live` adds what only a running agent knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from astropy.io import fits

from agents.gft.orders import Ordered, in_force
from followup.campaign import CampaignState, What, fold
from followup.names import CampaignName
from followup.plan import Plan
from followup.schedule import Task
from messaging.reader import Reader
from messaging.records import Entry
from voevent.errors import VOEventError
from voevent.kinds import Trigger
from voevent.parse import parse
from voevent.read import read

_FRAMES = 5
_DOING = {
    What.SLEWING: "slewing",
    What.ACQUIRING: "acquiring",
    What.EXPOSING: "exposing",
    What.EXPOSED: "between exposures",
    What.TASK_ENDED: "waiting",
}
"""What a campaign does after the last of these entries: it may be planned while it slews."""


def board(reader: Reader, telescope: str) -> dict[str, Any]:
    """Tell what a telescope's journal says of people, campaigns, tasks to come and the last frames.

    Parameters
    ----------
    telescope
        Its user name.
    """
    ordered = in_force(reader.entries(telescope))
    closed = {entry.campaign for entry in reader.entries_of([What.CLOSED])}
    accepted = [entry.campaign for entry in reader.entries_of([What.ACCEPTED])]
    names = [name for name in dict.fromkeys(accepted) if name not in closed]
    return {
        "telescope": telescope,
        "hold": _order(ordered.hold),
        "takeover": _order(ordered.takeover),
        "campaigns": [_campaign(reader, name) for name in names],
        "frames": _frames(reader),
    }


def with_quality(document: dict[str, Any], data: Path, pixel_scale_arcsec: float | None) -> dict[str, Any]:
    """Add seeing and limit to the frames that are reduced (blocking).

    Parameters
    ----------
    data
        The telescope's folder of campaigns.
    pixel_scale_arcsec
        Of its camera; None when it is not known: then the stars' width is left in pixels.
    """
    frames = [frame | _quality(data, frame, pixel_scale_arcsec) for frame in document["frames"]]
    return document | {"frames": frames}


def _order(ordered: Ordered | None) -> dict[str, Any] | None:
    if ordered is None:
        return None
    return {
        "order": ordered.order.word,
        "by": str(ordered.by),
        "since": ordered.time.isoformat(),
        "reason": ordered.reason,
        "at_once": ordered.at_once,
    }


def _campaign(reader: Reader, name: str) -> dict[str, Any]:
    entries = reader.entries(name)
    state = fold(entries)
    moved = next((entry for entry in reversed(entries) if entry.what in _DOING), None)
    return {
        "campaign": name,
        "drill": state.drill,
        "position": _position(reader, state),
        "doing": _doing(state, moved),
        "since": None if moved is None else moved.time.isoformat(),
        "exposure": None if moved is None else moved.data.get("exposure"),
        "seconds": None if moved is None else moved.data.get("seconds"),
        "task": _task_of(moved),
        "stopped": None if state.stopped is None else f"{state.stopped[0]}: {state.stopped[1]}",
        "tasks": [_task(task, state) for task in _tasks(state)],
    }


def _doing(state: CampaignState, moved: Entry | None) -> str:
    if state.stopped is not None or state.closing:
        return "closing"
    if state.plan is not None and not any(task.task_id not in state.tasks for task in _tasks(state)):
        return "delivering"
    if moved is None:
        return "planning" if state.plan is None else "waiting"
    return _DOING[What(moved.what)]


def _task_of(moved: Entry | None) -> str:
    if moved is None:
        return ""
    exposure = str(moved.data.get("exposure", ""))
    return exposure.partition("-")[0] or str(moved.data.get("task", ""))


def _tasks(state: CampaignState) -> Sequence[Task]:
    return () if state.plan is None else Plan.from_data(state.plan).everything


def _task(task: Task, state: CampaignState) -> dict[str, Any]:
    ended = state.tasks.get(task.task_id)
    return {
        "task": task.task_id,
        "epoch": task.epoch,
        "start": task.start.isoformat(),
        "filters": list(task.filters),
        "exposures": task.frames,
        "exposure_s": task.exposure_s,
        "taken": sum(key.startswith(f"{task.task_id}-") for key in state.exposed),
        "ended": None if ended is None else str(ended.outcome),
        "why": "" if ended is None else ended.reason,
    }


def _position(reader: Reader, state: CampaignState) -> dict[str, float] | None:
    raw = None if state.trigger is None else reader.packet(state.trigger)
    if raw is None:
        return None
    try:
        _, content = read(parse(raw))
    except VOEventError:
        return None
    if not isinstance(content, Trigger) or content.position is None:
        return None
    return {"ra_deg": content.position.ra_deg, "dec_deg": content.position.dec_deg}


def _frames(reader: Reader) -> list[dict[str, Any]]:
    """List the last frames, the latest first."""
    exposed = reader.entries_of([What.EXPOSED])[-_FRAMES:]
    return [
        {
            "frame": entry.data["exposure"],
            "campaign": entry.campaign,
            "filter": str(entry.data["exposure"]).split("-")[1],
            "time": entry.time.isoformat(),
            "file": entry.data["file"],
        }
        for entry in reversed(exposed)
    ]


def _quality(data: Path, frame: dict[str, Any], scale: float | None) -> dict[str, Any]:
    """Read what the header of a reduced frame says of it; nothing when there is none (yet)."""
    task, filter_name, number = str(frame["frame"]).split("-")
    burst = CampaignName.parse(frame["campaign"]).burst
    path = data / frame["campaign"] / "reduced" / f"{burst}_{task}_{filter_name}_{number}.fits"
    try:
        header = fits.getheader(path, 0)
    except OSError:
        return {}
    fwhm_px = header.get("PSFFWHM")
    said = {"problem": header.get("PROBLEM", ""), "limit_mag": header.get("LIMMAG5"), "fwhm_px": fwhm_px}
    return said | ({"seeing_arcsec": fwhm_px * scale} if fwhm_px and scale else {})


def seconds_left(campaign: dict[str, Any], now: datetime) -> float | None:
    """How long the exposure in progress still takes; None when there is none."""
    if campaign["doing"] not in {"exposing", "acquiring"} or campaign["since"] is None:
        return None
    begun = datetime.fromisoformat(campaign["since"])
    return max(0.0, float(campaign["seconds"] or 0.0) - (now - begun).total_seconds())
