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
        "body": f"[drill] {campaign}: {telescope} refuses csc's {campaign}.trigger-r0-0123456789ab: {REASON}",
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
