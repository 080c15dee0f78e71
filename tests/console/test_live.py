"""What the live view shows of the agents' logs."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from console.live import LiveView

JILIN, SPM = "sb26112201.gft-jilin", "sb26112201.gft-spm"
REASON = "never above 20 deg in the next 24 h"


def shown(view: LiveView) -> str:
    canvas = Console(file=io.StringIO(), width=150, height=40)
    canvas.print(view._draw())
    file = canvas.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.fixture
def view() -> LiveView:
    terminal = Console(file=io.StringIO(), width=150, height=40, force_terminal=True)
    return LiveView(terminal, lambda: "title")


def refusal(campaign: str) -> dict[str, Any]:
    telescope = campaign.partition(".")[2]
    return {
        "event": "receipt.received",
        "campaign": campaign,
        "from": telescope,
        "outcome": "refused",
        "cited": f"ivo://followup/csc#{campaign}.trigger-r0-0123456789ab",
        "body": f"[DRILL] {campaign}: {telescope} refuses csc's {campaign}.trigger-r0-0123456789ab: {REASON}",
        "delay_s": 0.0712,
    }


def test_a_refusal_is_shown_as_what_it_is(view: LiveView) -> None:
    view.hear("csc", refusal(JILIN))
    text = shown(view)
    assert "gft-jilin → csc  0.07 s  refuses csc's trigger-r0-0123456789ab" in text
    assert f"{JILIN}  refused: {REASON[:20]}" in text


def test_with_several_bursts_each_line_names_its_own(view: LiveView) -> None:
    view.hear("csc", refusal(JILIN))
    view.hear("csc", refusal("sb26112202.gft-spm"))
    assert "sb26112202: refuses csc's trigger" in shown(view)


def test_tasks_and_datasets_are_counted(view: LiveView) -> None:
    for event, more in (
        ("campaign.planned", {"exposures": {"t1": 2}}),
        ("campaign.exposed", {"exposure": "t1-r-001"}),
        ("campaign.task-ended", {"task": "t1", "outcome": "partial"}),
        ("dataset.archived", {"dataset": "t1", "files": 5, "bytes": 6_876_173}),
    ):
        view.hear("gft-spm", {"event": event, "campaign": SPM, **more})
    text = shown(view)
    assert f"{SPM}  t1 partial" in text
    assert "1/2 partial" in text
    assert "5 files, 7 MB archived" in text


def test_without_a_terminal_it_prints_lines() -> None:
    paper = Console(file=io.StringIO(), width=150)
    LiveView(paper, lambda: "title").hear("csc", refusal(JILIN))
    file = paper.file
    assert isinstance(file, io.StringIO)
    assert f"refuses csc's trigger-r0-0123456789ab: {REASON}" in file.getvalue()


@pytest.mark.parametrize(("width", "height"), [(40, 12), (80, 24), (99, 30), (100, 30), (240, 70)])
def test_it_fits_the_terminal(width: int, height: int) -> None:
    terminal = Console(file=io.StringIO(), width=width, height=height, force_terminal=True)
    view = LiveView(terminal, lambda: "title")
    view.hear("csc", refusal(JILIN))
    view.hear("gft-spm", {"event": "campaign.planned", "campaign": SPM, "exposures": {"t1": 8, "t2": 4}})
    points = [
        {"t_s": 60.0 * n, "mag": 17.0 + n / 3, "filter": "gr"[n % 2], "limit": n == 4} for n in range(1, 6)
    ]
    view.hear("gft-spm", {"event": "photometry", "campaign": SPM, "points": points})
    canvas = Console(file=io.StringIO(), width=width, height=height)
    canvas.print(view._draw())
    file = canvas.file
    assert isinstance(file, io.StringIO)
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 18)
    text = "\n".join(lines)
    assert "gft-jilin → csc" in text
    if width >= 80:
        assert "0/8" in text
        assert "█" in text


def test_an_empty_light_curve_is_said_to_be_one(view: LiveView) -> None:
    limit = {"t_s": 60.0, "mag": 20.0, "filter": "r", "limit": True}
    view.hear("gft-spm", {"event": "photometry", "campaign": SPM, "points": [limit]})
    assert "no detection yet" in shown(view)
