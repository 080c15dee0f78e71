"""The live view of a demonstration: who says what to whom, what the telescopes do, the light curve."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from uniplot import plot_to_string

from console.screen import NARROW
from followup.names import CSC
from voevent.kinds import ReceiptOutcome

_TALK_LINES = 200
_COLOURS = {"g": "green", "r": "red", "i": "magenta", "z": "blue", "y": "yellow"}
_OUTCOME_STYLE = {
    "accepted": "green",
    "refused": "red",
    "expired": "red",
    "relayed": "cyan",
    "received": "cyan",
}


@dataclass
class _CampaignView:
    """What is known about one campaign."""

    doing: str = "triggered"
    done: dict[str, int] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    datasets: dict[str, str] = field(default_factory=dict)
    points: list[dict[str, Any]] = field(default_factory=list)


class LiveView:
    """Collects what the agents' logs say and draws it; without a terminal it prints line by line.

    Parameters
    ----------
    title
        Says what is going on, at the moment of drawing.
    """

    def __init__(self, console: Console, title: Callable[[], str]) -> None:
        self.console = console
        self._title = title
        self._talk: deque[Text] = deque(maxlen=_TALK_LINES)
        self._campaigns: dict[str, _CampaignView] = {}
        self._began = time.monotonic()
        self.plain = not console.is_terminal
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=4, screen=False)
        self.last_event = time.monotonic()

    def __enter__(self) -> Self:
        if not self.plain:
            self._live.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if not self.plain:
            self._live.stop()

    def say(self, text: str) -> None:
        """Show a line of the demonstration's own."""
        self._add(Text(text, style="bold"))

    def hear(self, site: str, line: dict[str, Any]) -> None:
        """Take in a line of an agent's log."""
        event = str(line.get("event", ""))
        if event:
            self.last_event = time.monotonic()
        campaign = str(line.get("campaign", ""))
        view = self._campaigns.setdefault(campaign, _CampaignView()) if "." in campaign else None
        if event in {"packet.received", "receipt.received"}:
            self._heard_packet(site, line, event)
            if site == CSC and view is not None:
                self._heard_answer(view, line)
        elif event.startswith("campaign.") and view is not None:
            self._heard_step(view, event.removeprefix("campaign."), line)
        elif event == "photometry" and view is not None:
            view.points = line["points"]
        elif event == "dataset.archived" and view is not None:
            view.datasets[line["dataset"]] = f"{line['files']} files, {line['bytes'] / 1e6:.0f} MB archived"
            self._add(
                _line("csc", f"archived {line['dataset']} of {campaign}: {line['files']} files verified")
            )
        elif event == "agent.online":
            self._add(_line(site, "online"))
        elif line.get("level") in {"WARNING", "ERROR", "CRITICAL"}:
            self._add(Text(f"{site}: {line.get('message', '')}", style="yellow"))

    def _heard_packet(self, site: str, line: dict[str, Any], event: str) -> None:
        text = Text()
        text.append(f"{line['from']} → {site}  ", style="bold")
        if (delay := line.get("delay_s")) is not None:
            text.append(f"{delay:.2f} s  ", style="dim")
        style = _OUTCOME_STYLE.get(str(line.get("outcome", "")), "")
        text.append(self._said(line), style=style if event == "receipt.received" else "")
        self._add(text)

    def _heard_answer(self, view: _CampaignView, line: dict[str, Any]) -> None:
        """Show that a telescope refused a trigger: nothing else that could be seen comes of it."""
        if line.get("outcome") == ReceiptOutcome.REFUSED and ".trigger-" in str(line.get("cited", "")):
            view.doing = f"refused: {_body(line).partition(': ')[2]}"

    def _said(self, line: dict[str, Any]) -> str:
        burst = str(line.get("campaign", "")).partition(".")[0]
        several = any(name.partition(".")[0] != burst for name in self._campaigns)
        return f"{burst}: {_body(line)}" if several else _body(line)

    def _heard_step(self, view: _CampaignView, step: str, line: dict[str, Any]) -> None:
        match step:
            case "planned":
                view.planned = dict(line.get("exposures", {}))
                view.doing = "planned"
            case "slewing":
                view.doing = f"slewing to {line['target']}"
            case "exposing":
                view.doing = f"exposing {line['exposure']}, {line['seconds']:g} s"
            case "exposed":
                task = str(line["exposure"]).partition("-")[0]
                view.done[task] = view.done.get(task, 0) + 1
            case "task-ended":
                view.ended[line["task"]] = line["outcome"]
                view.doing = f"{line['task']} {line['outcome']}"
            case "uploading":
                view.datasets[line["dataset"]] = "uploading"
            case "uploaded":
                view.datasets[line["dataset"]] = "at the relay"
            case "closing":
                view.doing = f"closing: {line['outcome']}"
            case "closed":
                view.doing = "closed"
            case _:
                pass

    def _add(self, text: Text) -> None:
        elapsed = time.monotonic() - self._began
        whole = Text.assemble((f"{elapsed:6.1f} s  ", "dim"), text)
        self._talk.append(whole)
        if self.plain:
            self.console.print(whole, soft_wrap=True)

    def _draw(self) -> RenderableType:
        height = max(18, self.console.size.height - 2)
        layout = Layout(size=height)
        layout.split_column(Layout(name="head", size=1), Layout(name="body"))
        layout["head"].update(Text(self._title(), style="reverse bold", no_wrap=True))
        talk, work = Layout(name="talk", ratio=3), Layout(name="work", ratio=2)
        tasks, curve = Layout(name="tasks"), Layout(name="curve")
        if self.console.width < NARROW:
            layout["body"].split_column(talk, work)
            work.ratio = 3
            work.split_row(tasks, curve)
            rows, columns = (height - 1) // 2, self.console.width // 2
            lines = list(self._talk)[-(height - 1 - rows) + 2 :]
        else:
            layout["body"].split_row(talk, work)
            work.split_column(tasks, curve)
            rows, columns = (height - 1) // 2, self.console.width * 2 // 5
            lines = list(self._talk)[-(height - 4) :]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        layout["talk"].update(Panel(Group(*lines), title="who says what to whom"))
        layout["tasks"].update(Panel(self._tasks(), title="campaigns"))
        layout["curve"].update(Panel(self._curve(columns, rows), title="−mag (AB) over time since T0 (s)"))
        return layout

    def _tasks(self) -> RenderableType:
        parts: list[RenderableType] = []
        for name, view in self._campaigns.items():
            doing = Text.assemble((name, "bold"), f"  {view.doing}")
            doing.no_wrap, doing.overflow = self.console.width < NARROW, "ellipsis"
            parts.append(doing)
            table = Table.grid(padding=(0, 1))
            for task in sorted({*view.planned, *view.done}):
                done, planned = view.done.get(task, 0), view.planned.get(task, 0)
                bar = ProgressBar(total=max(planned, done, 1), completed=done, width=12)
                state = view.ended.get(task, "")
                dataset = view.datasets.get(task, "")
                archived = Text(dataset, style="dim", no_wrap=True, overflow="ellipsis")
                table.add_row(f"  {task}", bar, f"{done}/{planned or done}", state, archived)
            parts.append(table)
        return Group(*parts)

    def _curve(self, columns: int, rows: int) -> RenderableType:
        """Draw the light curve into a panel of so many columns and rows."""
        points = [p for view in self._campaigns.values() for p in view.points if not p["limit"]]
        if not points:
            return Text("no detection yet", style="dim")
        filters = sorted({p["filter"] for p in points})
        drawn = plot_to_string(
            xs=[[p["t_s"] for p in points if p["filter"] == name] for name in filters],
            ys=[[-p["mag"] for p in points if p["filter"] == name] for name in filters],
            x_as_log=True,
            width=max(10, columns - 14),
            height=max(3, rows - 7),
            color=[_COLOURS.get(name, "white") for name in filters],
            legend_labels=filters,
        )
        return Text.from_ansi(str(drawn))


def _body(line: dict[str, Any]) -> str:
    """Return what a packet says without what the view shows anyway: author, campaign, that it is a drill."""
    campaign = str(line.get("campaign", ""))
    body = str(line.get("body", "")).removeprefix("[DRILL] ").removeprefix(f"{campaign}: ")
    return body.removeprefix(f"{line['from']} ").replace(f"{campaign}.", "")


def _line(site: str, text: str) -> Text:
    return Text.assemble((f"{site}  ", "bold"), text)


def sky_time(time: datetime) -> str:
    """Sky time as the headline shows it."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC (sky)"
