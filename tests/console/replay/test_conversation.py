"""A conversation: who triggered it, and when it began."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.replay.conversation import Conversation, Said, later
from console.replay.errors import ReplayError
from console.replay.keys import Names
from followup.names import CampaignName
from voevent.build import build
from voevent.kinds import Cited, Content, Header, Status, StatusState, Trigger, TriggerAction
from voevent.packet import CiteKind, PacketId, SkyPosition
from voevent.read import read

NAME = CampaignName.parse("sb26112201.gft-spm")
T = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
TRIGGER = Trigger(
    burst=NAME.burst,
    telescope=NAME.telescope,
    action=TriggerAction.OBSERVE,
    revision=0,
    trigger_time=T,
    position=SkyPosition(ra_deg=95.0, dec_deg=40.0, error_radius_deg=0.1),
    instrument="ECLAIRs",
    notice=PacketId(ivorn="ivo://simulated/svom#1", sha256="a" * 64),
)
PLAN = Status(state=StatusState.PLAN, text="strategy prompt: 1 tasks")


def said(author: str, sequence: int, content: Content, after_s: float, cites: tuple[Cited, ...] = ()) -> Said:
    header = Header(
        authority="followup",
        author=author,
        campaign=str(NAME),
        sequence=sequence,
        date=T + timedelta(seconds=after_s),
        drill=True,
        cites=cites,
    )
    packet = build(header, content)
    return Said(packet=packet, header=header, content=content, key=Names().key(packet.id, content))


def test_it_begins_with_the_first_trigger() -> None:
    triggered = Conversation(name=NAME, said=(said("gft-spm", 1, PLAN, 9.0), said("csc", 1, TRIGGER, 5.0)))
    assert triggered.start == T + timedelta(seconds=5)
    assert triggered.end == T + timedelta(seconds=9)
    assert [each.header.author for each in triggered.triggers] == ["csc"]


def test_a_telescope_triggers_itself_for_a_drill() -> None:
    drill = Conversation(name=NAME, said=(said("gft-spm", 1, TRIGGER, 3.0), said("gft-spm", 2, PLAN, 4.0)))
    assert drill.start == T + timedelta(seconds=3)
    with pytest.raises(ReplayError, match="no trigger of the science centre"):
        _ = drill.triggers


def test_without_a_trigger_there_is_no_beginning() -> None:
    with pytest.raises(ReplayError, match="holds no trigger"):
        _ = Conversation(name=NAME, said=(said("gft-spm", 1, PLAN, 4.0),)).start


def test_a_trigger_that_comes_later_cites_the_one_before_as_it_is_now() -> None:
    first = said("csc", 1, TRIGGER, 5.0)
    cites = (Cited(id=first.packet.id, cite=CiteKind.SUPERSEDES),)
    second = said("csc", 2, replace(TRIGGER, revision=1), 60.0, cites)
    assert later((first, second), timedelta()) == (first, second), "the very bytes"
    shift = timedelta(hours=6)
    one, two = later((first, second), shift)
    assert one.packet.id.sha256 != first.packet.id.sha256
    assert [cited.id for cited in two.header.cites] == [one.packet.id]
    header, content = read(two.packet)
    assert content == two.content
    assert (header.date, header.cites[-1].id) == (T + timedelta(seconds=60) + shift, one.packet.id)
    assert isinstance(content, Trigger)
    assert content.trigger_time == T + shift
