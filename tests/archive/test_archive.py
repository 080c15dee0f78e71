"""What comes out of the archive is what went in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import text

from archive import Archive, Cone, Direction, NoClosingError, UnknownCampaignError, UnstorableError, database
from followup.errors import FollowupError
from tests.archive.conversation import (
    ACCEPTED,
    JILIN,
    NOTICE,
    REFUSED,
    SPM,
    T0,
    WALL,
    Conversation,
    Delivery,
    closing,
    light_curve,
    point,
    trigger,
)
from tests.archive.snapshot import rows
from voevent import InvalidError, parse
from voevent.kinds import Kind, Outcome, TaskOutcome
from voevent.packet import PacketId, Role, SkyPosition


def test_packets_keep_their_bytes(full: Archive, deliveries: tuple[Delivery, ...]) -> None:
    for delivery in deliveries:
        assert full.raw(delivery.packet.id) == delivery.packet.raw
    assert full.raw(PacketId(ivorn=deliveries[0].packet.ivorn, sha256="0" * 64)) is None


def test_packets_come_in_the_order_of_the_commits(full: Archive, deliveries: tuple[Delivery, ...]) -> None:
    assert [record.id for record in full.packets()] == [d.packet.id for d in deliveries]
    triggers = full.packets(JILIN, Kind.TRIGGER)
    assert [(t.author, t.direction, t.peer, t.sequence) for t in triggers] == [
        ("csc", Direction.SENT, "gft-jilin", 1),
        ("csc", Direction.SENT, "gft-jilin", 3),
    ]
    assert triggers[0].deadline_s == 600.0
    assert triggers[0].time == WALL + timedelta(seconds=1)
    assert triggers[0].written == T0 + timedelta(minutes=1)
    assert triggers[1].cites[1].sha256 == triggers[0].id.sha256


def test_an_alert_belongs_to_no_campaign(full: Archive) -> None:
    alert = full.packets()[0]
    assert (alert.kind, alert.campaign, alert.author, alert.sequence) == (None, None, None, None)
    assert alert.role is Role.TEST
    assert [(c.ivorn, c.sha256) for c in alert.cites] == [("ivo://org.svom/fsc#sb26112201_grm-trigger", None)]


def test_a_packet_that_breaks_its_kinds_rules_is_not_stored(archive: Archive) -> None:
    claim = NOTICE.replace(
        b'<Param name="Packet_Type" value="202"/>',
        b'<Param name="kind" value="closing"/><Param name="campaign" value="sb26112201.gft-jilin"/>',
    )
    with pytest.raises(InvalidError):
        archive.ingest(parse(claim), direction="received", peer="csc-ftp", time=WALL)
    assert not any(rows(archive).values())


def test_what_no_telescope_can_measure_is_not_stored(archive: Archive) -> None:
    c = Conversation()
    c.say("gft-jilin", JILIN, light_curve(point(90.0, 18.0), point(95.0, 99.0)))
    with pytest.raises(UnstorableError, match="mag_in_range") as caught:
        c.deliveries[-1].into(archive)
    assert isinstance(caught.value, FollowupError)
    assert "\n" not in str(caught.value)
    assert not any(rows(archive).values())


def test_naive_times_are_refused(archive: Archive, deliveries: tuple[Delivery, ...]) -> None:
    with pytest.raises(UnstorableError, match="no time zone"):
        archive.ingest(
            deliveries[0].packet,
            direction="received",
            peer="gcn",
            time=datetime(2026, 11, 22),  # noqa: DTZ001  # what is refused here
        )


def test_a_campaign_as_it_ended(full: Archive) -> None:
    campaign = full.campaign(JILIN)
    assert campaign.outcome is Outcome.COMPLETED
    assert campaign.reason == "2 tasks, afterglow found"
    assert campaign.details["first_command_at"] == "2026-11-22T12:00:02.100Z"
    assert campaign.drill
    assert campaign.trigger is not None
    assert campaign.trigger.revision == 1
    assert campaign.position is not None
    assert campaign.position.ra_deg == 9.99
    assert campaign.first_epoch == "2026-11-22T03:06:00Z"
    assert campaign.source is not None
    assert campaign.fit is not None
    assert [(t.task, t.outcome, t.exposure_s, t.reason) for t in campaign.tasks] == [
        ("t1", TaskOutcome.DONE, 60.0, ""),
        ("t2", TaskOutcome.SKIPPED, 30.0, "dawn"),
    ]
    declined = full.campaign(SPM)
    assert (declined.outcome, declined.reason) == (Outcome.DECLINED, "never above 20 deg in the next 24 h")


def test_a_burst_is_told_by_the_triggers_of_all_its_campaigns(full: Archive) -> None:
    (burst,) = full.bursts()
    assert burst.campaigns == (JILIN, SPM)
    assert burst.trigger_time == T0
    assert burst.position is not None
    assert burst.position.ra_deg == 9.99
    assert [notice.ivorn for notice in burst.notices] == ["ivo://org.svom/fsc#sb26112201_eclairs-wakeup"]


def test_photometry_and_sed_are_the_latest_that_were_not_refused(full: Archive) -> None:
    assert [(p.t_s, p.mag, p.mag_err, p.limit) for p in full.photometry(JILIN)] == [
        (90.0, 18.1, 0.05, False),
        (500.0, 19.5, None, True),
    ]
    sed = full.sed(JILIN)
    assert sed is not None
    assert [p.filter for p in sed.points] == ["g", "r"]
    assert full.photometry(SPM) == ()
    assert full.sed(SPM) is None


def test_a_campaign_is_open_until_its_closing_is_accepted(archive: Archive) -> None:
    c = Conversation()
    notice = c.hear(NOTICE)
    first = c.say("csc", JILIN, trigger(notice, JILIN))
    c.answer("gft-jilin", JILIN, first, ACCEPTED)
    last = c.say("gft-jilin", JILIN, closing(first, outcome=Outcome.ABORTED))
    c.answer("csc", JILIN, last, ACCEPTED)
    for delivery in c.deliveries[:-1]:
        delivery.into(archive)
    assert archive.campaign(JILIN).outcome is None
    c.deliveries[-1].into(archive)
    assert archive.campaign(JILIN).outcome is Outcome.ABORTED
    assert archive.campaign(JILIN).closed == c.deliveries[-2].time


def test_a_closing_waits_for_the_packets_it_lists(archive: Archive) -> None:
    c = Conversation()
    first = c.say("csc", JILIN, trigger(c.hear(NOTICE), JILIN))
    lost = c.say("gft-jilin", JILIN, light_curve(point(90.0, 18.1)))
    c.say("gft-jilin", JILIN, closing(first, lost))
    alert, sent, result, last = c.deliveries
    alert.into(archive)
    sent.into(archive)
    with pytest.raises(NoClosingError, match=JILIN):
        archive.missing_packets(JILIN)
    last.into(archive)
    assert archive.missing_packets(JILIN) == [lost]
    result.into(archive)
    assert archive.missing_packets(JILIN) == []


def test_decisions_are_told_of_closings_and_of_refusals(archive: Archive) -> None:
    c = Conversation()
    first = c.say("csc", JILIN, trigger(c.hear(NOTICE), JILIN))
    c.answer(
        "gft-jilin", JILIN, first, REFUSED, "never above 20 deg", rule="visibility", min_altitude_deg="20"
    )
    for delivery in c.deliveries:
        delivery.into(archive)
    [refusal] = archive.decisions(JILIN)
    assert (refusal.rule, refusal.text) == ("visibility", "never above 20 deg")
    assert refusal.values == {"min_altitude_deg": "20"}
    c.say("gft-jilin", JILIN, closing(first))
    c.deliveries[-1].into(archive)
    assert [each.rule for each in archive.decisions(JILIN)] == ["small-error-circle", "visibility"]


def test_the_latest_closing_counts_whichever_came_first(archive: Archive) -> None:
    c = Conversation()
    first = c.say("csc", JILIN, trigger(c.hear(NOTICE), JILIN))
    lost = [c.say("gft-jilin", JILIN, light_curve(point(90.0, mag))) for mag in (18.1, 18.2, 18.3)]
    for number in range(3):
        c.say("gft-jilin", JILIN, closing(first, *lost[number:]))
    for delivery in (c.deliveries[-2], c.deliveries[-1], c.deliveries[-3]):
        delivery.into(archive)
    assert archive.missing_packets(JILIN) == [first, lost[2]]
    assert {entry.id for entry in archive.ledger(JILIN) if not entry.held} == {first, lost[2]}


def test_other_bytes_under_a_listed_name_are_still_missing(archive: Archive) -> None:
    c = Conversation()
    first = c.say("csc", JILIN, trigger(c.hear(NOTICE), JILIN))
    c.say("gft-jilin", JILIN, closing(PacketId(ivorn=first.ivorn, sha256="f" * 64)))
    for delivery in c.deliveries:
        delivery.into(archive)
    assert archive.missing_packets(JILIN) == [PacketId(ivorn=first.ivorn, sha256="f" * 64)]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"burst": "sb26112201"}, [JILIN, SPM]),
        ({"burst": "sb26112202"}, []),
        ({"telescope": "gft-spm"}, [SPM]),
        ({"outcome": Outcome.DECLINED}, [SPM]),
        ({"outcome": Outcome.FAILED}, []),
        ({"since": T0}, [JILIN, SPM]),
        ({"since": T0 + timedelta(seconds=1)}, []),
        ({"until": T0}, []),
        ({"until": T0 + timedelta(seconds=1)}, [JILIN, SPM]),
        # The second trigger has moved Jilin's target from 10.00 to 9.99 degrees.
        ({"cone": Cone(ra_deg=10.0, dec_deg=41.0, radius_deg=0.005)}, [SPM]),
        ({"cone": Cone(ra_deg=10.0, dec_deg=41.0, radius_deg=0.008)}, [JILIN, SPM]),
        ({"cone": Cone(ra_deg=10.0, dec_deg=40.0, radius_deg=0.9)}, []),
        ({"cone": Cone(ra_deg=190.0, dec_deg=80.0, radius_deg=60.0)}, [JILIN, SPM]),
    ],
)
def test_campaigns_are_found_by_name_time_place_and_outcome(
    full: Archive, question: dict[str, Any], expected: list[str]
) -> None:
    assert [campaign.name for campaign in full.campaigns(**question)] == expected


def test_a_cone_over_the_meridian_of_zero_hours(archive: Archive) -> None:
    c = Conversation()
    c.say("csc", JILIN, trigger(c.hear(NOTICE), JILIN, position=SkyPosition(ra_deg=359.95, dec_deg=0.0)))
    c.deliveries[-1].into(archive)
    assert archive.campaigns(cone=Cone(ra_deg=0.05, dec_deg=0.0, radius_deg=0.11))
    assert not archive.campaigns(cone=Cone(ra_deg=0.05, dec_deg=0.0, radius_deg=0.09))


def test_cones_are_on_the_sky() -> None:
    with pytest.raises(ValueError, match="right ascension"):
        Cone(ra_deg=360.0, dec_deg=0.0, radius_deg=1.0)


@pytest.mark.parametrize(
    "question",
    ["campaign", "ledger", "files", "datasets", "photometry", "sed", "packets", "missing_packets", "verify"],
)
def test_unknown_campaigns_are_named(full: Archive, question: str) -> None:
    with pytest.raises(UnknownCampaignError, match=r"no campaign sb1\.gft-x"):
        getattr(full, question)("sb1.gft-x")


def test_a_changed_packet_is_noticed(archive: Archive, deliveries: tuple[Delivery, ...]) -> None:
    for delivery in deliveries:
        delivery.into(archive)
    assert archive.verify() == []
    with database.writing(archive._engine) as connection:
        connection.execute(text("UPDATE packets SET raw = :raw WHERE kind = 'closing'"), {"raw": b"<gone/>"})
    (problem,) = archive.verify(JILIN)
    assert (problem.campaign, problem.what) == (JILIN, "packet's bytes changed")
    assert archive.verify(SPM) == []


def test_times_of_any_zone_come_back_in_utc(archive: Archive, deliveries: tuple[Delivery, ...]) -> None:
    local = datetime(2026, 11, 22, 20, 0, tzinfo=timezone(timedelta(hours=8)))
    archive.ingest(deliveries[0].packet, direction="received", peer="gcn", time=local)
    (record,) = archive.packets()
    assert record.time == local
    assert record.time.tzinfo is UTC
