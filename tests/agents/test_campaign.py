"""A campaign from the trigger to the closing, all three sites at work."""

from __future__ import annotations

import pytest

from followup.campaign import What
from followup.story import Shown, StepEnded, StepStarted, StepState
from tests.agents.world import CAMPAIGN, EXPOSURES, World, alert
from voevent.kinds import Kind, Outcome, ReceiptOutcome, TaskOutcome

pytestmark = pytest.mark.integration


async def test_a_whole_campaign(whole_world: World) -> None:
    world = whole_world
    await world.trigger(alert())
    at_telescope, at_centre = await world.over()
    assert (at_telescope.state, at_telescope.name) == (StepState.COMPLETED, "Closed")
    assert (at_centre.state, at_centre.name) == (StepState.COMPLETED, "Closed")

    archive = world.csc.archive
    campaign = archive.campaign(CAMPAIGN)
    assert campaign.outcome is Outcome.COMPLETED
    assert [(t.task, t.outcome, t.exposures) for t in campaign.tasks] == [
        ("t1", TaskOutcome.DONE, 2),
        ("t2", TaskOutcome.DONE, 2),
    ]
    assert archive.verify(CAMPAIGN) == []
    assert archive.missing_packets(CAMPAIGN) == []
    assert {(d.dataset, d.stored, d.attempt) for d in archive.datasets(CAMPAIGN)} == {
        ("t1", True, 1),
        ("t2", True, 1),
        ("logs", True, 1),
    }
    names = {file.name for file in archive.files(CAMPAIGN)}
    assert {f"raw/{key}.fits.fz" for key in EXPOSURES} <= names
    assert {"products/light-curve-t2.png", "products/finding-chart-t2.png", "logs/journal.jsonl"} <= names
    points = archive.photometry(CAMPAIGN)
    assert {(p.task, p.filter) for p in points} >= {("t1", "r"), ("t1", "g"), ("t2", "r")}
    assert not any(p.limit for p in points), "it is bright"

    for entry in archive.ledger(CAMPAIGN):
        assert entry.final is not None
        assert entry.final.outcome is ReceiptOutcome.ACCEPTED
        assert (entry.relayed is None) == (entry.kind is Kind.TRIGGER)

    assert (await world.gft.begun()) == dict.fromkeys(EXPOSURES, 1)
    assert world.gft.commands.count("camera.expose") == len(EXPOSURES)
    shown = {event.key for event in world.gft.runner.last._events if isinstance(event, Shown)}
    assert {"plan", "decisions", "visibility", "light-curve", "finding-chart"} <= shown
    at_centre_shown = {e.key: e for e in world.csc.runner.last._events if isinstance(e, Shown)}
    assert "light-curve" in at_centre_shown
    ledger = at_centre_shown["ledger"].table
    assert {row["packet"] for row in ledger} == {
        e.id.ivorn.rpartition("#")[2] for e in archive.ledger(CAMPAIGN)
    }
    assert all(row["final"].startswith("accepted") for row in ledger), "the closing's too"
    for story in (world.gft.runner.last, world.csc.runner.last):
        begun = {event.step for event in story._events if isinstance(event, StepStarted)}
        over = {event.step for event in story._events if isinstance(event, StepEnded)}
        assert begun <= over, "every step that begins ends"
    status = await world.relay.agent.status()
    assert (status["in_custody"], status["expired"], status["quarantined"]) == ({}, [], 0)


async def test_a_dataset_that_does_not_verify_is_sent_again(whole_world: World, plain: None) -> None:
    world = whole_world
    world.spoilt["t1"] = 1
    await world.trigger(alert())
    at_telescope, _ = await world.over()
    assert at_telescope.name == "Closed"
    archive = world.csc.archive
    assert {d.dataset: d.attempt for d in archive.datasets(CAMPAIGN)} == {"t1": 2, "t2": 1, "logs": 1}
    finals = [e.final for e in archive.ledger(CAMPAIGN) if e.kind is Kind.UPLOAD]
    refused = [f for f in finals if f is not None and f.outcome is ReceiptOutcome.REFUSED]
    assert len(refused) == 1
    assert "fits.fz" in refused[0].reason
    assert archive.verify(CAMPAIGN) == []
    superseding = [
        p for p in archive.packets(CAMPAIGN, Kind.UPLOAD) if any(c.cite == "supersedes" for c in p.cites)
    ]
    assert len(superseding) == 2, "its second start and completion"


async def test_a_dataset_that_never_verifies_is_given_up(whole_world: World, plain: None) -> None:
    world = whole_world
    world.spoilt["t1"] = 100
    await world.trigger(alert())
    at_telescope, at_centre = await world.over()
    assert (at_telescope.state, at_telescope.name) == (StepState.FAILED, "Failed")
    assert "t1" in at_telescope.message
    assert (at_centre.state, at_centre.name) == (StepState.FAILED, "Failed")
    archive = world.csc.archive
    assert archive.campaign(CAMPAIGN).outcome is Outcome.FAILED
    datasets = {d.dataset: (d.attempt, d.stored) for d in archive.datasets(CAMPAIGN)}
    assert datasets == {"t1": (3, False), "t2": (1, True), "logs": (1, True)}
    assert [e.data["dataset"] for e in await world.gft.entries() if e.what == What.ABANDONED] == ["t1"]
