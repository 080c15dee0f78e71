"""How a telescope stands, on a terminal: what it does, for whom, what comes, and who is in charge."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from console.screen import listing, name_column, number_column

_STYLES = {
    "observing": "bold green",
    "slewing": "bold green",
    "taken over": "bold yellow",
    "held": "bold yellow",
    "parked": "bold yellow",
    "unsafe": "bold red",
}
_BAR = 24


def picture(document: dict[str, Any]) -> RenderableType:
    """Draw what `console.people` or the journal tells of a telescope."""
    facts = Table.grid(Column(style="bold", no_wrap=True), Column(overflow="fold"), padding=(0, 2, 0, 0))
    for name, value in _facts(document):
        facts.add_row(name, value)
    parts: list[RenderableType] = [_heading(document), facts]
    if (tasks := _tasks(document)) is not None:
        parts.append(tasks)
    if document["frames"]:
        parts.append(_frames(document["frames"]))
    return Group(*parts)


def _heading(document: dict[str, Any]) -> Text:
    state = document.get("state", "no agent runs")
    heading = Text.assemble((document["telescope"], "bold"), "  ", (state, _STYLES.get(state, "bold")))
    if document.get("simulated"):
        heading.append("  simulated: all is a drill", style="magenta")
    if "sky_time" in document:
        heading.append(f"  {_clock(document['sky_time'])} UTC", style="dim")
    return heading


def _facts(document: dict[str, Any]) -> list[tuple[str, RenderableType]]:
    ordered = [document[key] for key in ("takeover", "hold") if document[key]]
    facts: list[tuple[str, RenderableType]] = [("in charge", _order(order)) for order in ordered]
    if not ordered:
        facts.append(("in charge", "the agent" if "state" in document else "nobody: start the agent"))
    facts += [
        (keeper, Text(reason, style="red" if keeper == "safety" else ""))
        for keeper, reason in document.get("why", {}).items()
        if keeper == "safety"
    ]
    for campaign in document["campaigns"]:
        facts.append(("campaign", _campaign(campaign, document)))
        if (
            campaign["campaign"] == document.get("observing")
            and document.get("exposure_ends_in_s") is not None
        ):
            facts.append(("exposure", _exposure(campaign, document["exposure_ends_in_s"])))
    if waiting := document.get("waiting"):
        facts.append(("in the queue", ", ".join(waiting)))
    if "weather" in document:
        facts.append(("weather", _weather(document["weather"])))
    if "reaches" in document:
        facts.append(("reaches", _reaches(document["reaches"])))
    if "safety" in document:
        if missing := document["safety"]["not_measured"]:
            facts.append(("not measured", Text(", ".join(missing), style="dim")))
        facts.append(("watchdog", _watchdog(document["safety"])))
    return facts


def _order(order: dict[str, Any]) -> Text:
    verb = {"hold": "held", "park": "parked", "takeover": "taken over"}[order["order"]]
    why = f": {order['reason']}" if order["reason"] else ""
    return Text(f"{verb} by {order['by']} since {_minute(order['since'])} UTC{why}", style="yellow")


def _campaign(campaign: dict[str, Any], document: dict[str, Any]) -> Text:
    text = Text(campaign["campaign"], style="bold")
    if campaign["drill"]:
        text.append("  DRILL", style="bold magenta")
    if position := campaign["position"]:
        text.append(f"  {position['ra_deg']:.4f} {position['dec_deg']:+.4f}", style="")
    doing = campaign["doing"]
    if campaign["campaign"] != document.get("observing") and doing not in {
        "closing",
        "delivering",
        "planning",
    }:
        doing = "waiting"
    if campaign["stopped"]:
        doing = campaign["stopped"]
    task = campaign["task"] if doing in {"slewing", "acquiring", "exposing", "between exposures"} else ""
    text.append(f"  {doing}{f' {task}' if task else ''}")
    return text


def _exposure(campaign: dict[str, Any], left_s: float) -> Table:
    seconds = float(campaign["seconds"] or 0.0)
    row = Table.grid(padding=(0, 1, 0, 0))
    bar = ProgressBar(total=max(seconds, 1e-3), completed=seconds - left_s, width=_BAR)
    what = campaign["exposure"] or "acquisition"
    row.add_row(
        Text(f"{what}, {seconds:g} s"), bar, Text(f"{left_s:.0f} s left" if left_s else "reading out")
    )
    return row


def _weather(weather: dict[str, Any]) -> Text:
    said = Text(
        "safe" if weather["safe"] else f"UNSAFE: {weather['reason']}", style="" if weather["safe"] else "red"
    )
    said.append("  not read" if weather["age_s"] is None else f"  {weather['age_s']:.0f} s old", style="dim")
    for name, value in weather["values"].items():
        said.append(f"  {name} {value:g}", style="dim")
    return said


def _reaches(reaches: dict[str, Any]) -> Text:
    hears = reaches["hears"]
    parts = {
        "XMPP": reaches["connected"],
        "relay": hears.get("csc-ftp"),
        "CSC": hears.get("csc"),
        "Prefect": {"there": True, "away": False}.get(reaches["prefect"]),
    }
    text = Text()
    for name, there in parts.items():
        word = {True: "yes", False: "AWAY", None: "not known" if name != "Prefect" else "not used"}[there]
        text.append(f"{name} {word}  ", style="red" if there is False else "")
    text.append(f"{reaches['waiting_for_receipt']} packets wait for a receipt", style="dim")
    return text


def _watchdog(safety: dict[str, Any]) -> Text:
    runs = safety["watchdog"]
    text = Text(runs, style="red" if runs == "NONE RUNS" else "")
    if safety["watchdog_did"]:
        text.append(f"  it did: {safety['watchdog_did']}", style="yellow")
    if safety["not_sheltered"]:
        text.append(f"  NOT SHELTERED: {safety['not_sheltered']}", style="bold red")
    return text


def _tasks(document: dict[str, Any]) -> Table | None:
    """List the tasks of all campaigns that have not ended, in the order of their times."""
    rows = sorted(
        (
            (task["start"], campaign["campaign"], task)
            for campaign in document["campaigns"]
            if not campaign["stopped"]
            for task in campaign["tasks"]
            if task["ended"] is None
        ),
        key=lambda row: row[:2],
    )
    if not rows:
        return None
    table = listing(
        name_column("to come (UTC)"), name_column("campaign"), name_column("task"),
        "filters", name_column("exposures"), number_column("taken"),
    )  # fmt: skip
    for start, campaign, task in rows:
        planned = f"{task['exposures']} × {task['exposure_s']:g} s"
        table.add_row(
            _clock(start), campaign, f"{task['task']} {task['epoch']}", " ".join(task["filters"]),
            planned, str(task["taken"]),
        )  # fmt: skip
    return table


def _frames(frames: list[dict[str, Any]]) -> Table:
    table = listing(
        name_column("last frames"), name_column("UTC"), "filter", number_column("seeing"),
        number_column("limit"), name_column("campaign"), "",
    )  # fmt: skip
    for frame in frames:
        seeing = f"{frame['seeing_arcsec']:.1f}″" if "seeing_arcsec" in frame else ""
        if not seeing and frame.get("fwhm_px"):
            seeing = f"{frame['fwhm_px']:.1f} px"
        limit = f"{frame['limit_mag']:.1f}" if frame.get("limit_mag") else ""
        table.add_row(
            frame["frame"], _clock(frame["time"]), frame["filter"], seeing, limit,
            frame["campaign"], frame.get("problem", "not reduced"),
        )  # fmt: skip
    return table


def _clock(time: str) -> str:
    return f"{datetime.fromisoformat(time):%m-%d %H:%M:%S}"


def _minute(time: str) -> str:
    return f"{datetime.fromisoformat(time):%m-%d %H:%M}"
