"""From an alert to triggers: one packet a telescope, committed together with the alert's bytes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agents.csc.knowledge import Heard, Known, known
from followup.errors import FollowupError
from followup.names import CampaignName
from messaging.author import Author
from messaging.reader import Reader
from messaging.records import StoredPacket, ToUser
from messaging.transaction import Transaction
from voevent.kinds import Cited, Kind, Trigger, TriggerAction
from voevent.notice import Notice, read_notice
from voevent.packet import CiteKind, Packet
from voevent.parse import parse
from voevent.read import read

NOTICE = "notice"
"""Entry of a campaign's journal: an alert that led to a trigger, with its bytes."""

TRIGGER_DEADLINE = timedelta(hours=6)
"""A telescope that cannot be reached for so long is not triggered any more."""


class NoTriggerError(FollowupError):
    """An alert does not lead to a trigger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Triggered:
    """What an alert led to at one telescope: `packet` is None when it said nothing new."""

    campaign: CampaignName
    packet: Packet | None
    reason: str = ""

    @property
    def facts(self) -> dict[str, str]:
        """What it led to, for people and scripts; `ivorn` and `says` are empty when nothing was sent."""
        return {
            "campaign": str(self.campaign),
            "ivorn": self.packet.ivorn if self.packet else "",
            "says": self.packet.description if self.packet else "",
            "reason": self.reason,
        }


def trigger(
    transaction: Transaction,
    *,
    author: Author,
    alert: Packet,
    notice: Notice,
    telescope: str,
    drill: bool,
    time: datetime,
) -> Triggered:
    """Commit what an alert means for one telescope: a trigger, a better one, a retraction, or nothing new.

    All alerts about the burst count together (`agents.csc.knowledge`), so that the last trigger is the same
    in whatever order they are heard. The same alert heard twice leads to one trigger, and one that is taken
    back before it is heard to none.

    Raises
    ------
    NoTriggerError
        When the alert has no position and none is known from an earlier one.
    """
    name = CampaignName(notice.burst, telescope)
    heard = heard_of(transaction, str(name))
    if any(each.notice.id.sha256 == alert.sha256 for each in heard):
        return Triggered(campaign=name, packet=None, reason="this alert was heard before")
    before = triggers_of(transaction.packets(str(name)))
    last = before[-1][1] if before else None
    if notice.position is None and not notice.retraction:
        if last is None and not heard:
            raise NoTriggerError(
                f"{alert.ivorn} gives no position for {notice.burst}",
                hint="wait for an alert with a position, or give one: followup trigger --ra --dec --burst",
            )
        return Triggered(campaign=name, packet=None, reason="it adds no position to what is known")
    _note_alert(transaction, name, alert, time)
    found = known([*heard, Heard(notice=notice, written=alert.date or time)])
    if reason := _nothing_new(found, last):
        return Triggered(campaign=name, packet=None, reason=reason)
    says = found.retraction or found.best or notice
    content = Trigger(
        burst=notice.burst,
        telescope=telescope,
        action=TriggerAction.RETRACT if found.retraction else TriggerAction.OBSERVE,
        revision=len(before),
        trigger_time=found.trigger_time or says.trigger_time,
        position=None if found.retraction else says.position,
        instrument=says.instrument,
        notice=says.id,
        features=says.features,
        reason="the burst was retracted" if found.retraction else "",
    )
    return _send(transaction, author, name, content, before, drill=drill)


def heard_of(reader: Reader, campaign: str) -> list[Heard]:
    """Give the alerts about a campaign's burst that were heard so far."""
    heard = []
    for entry in reader.entries(campaign):
        if entry.what == NOTICE:
            alert = parse(alert_of(entry.data))
            heard.append(Heard(notice=read_notice(alert), written=alert.date or entry.time))
    return heard


def taken_back(reader: Reader, notice: Notice) -> set[str]:
    """Find bursts that a retraction takes back by citing their alerts, whatever it calls the burst itself."""
    cited = {citation.ivorn for citation in notice.cites if citation.cite is CiteKind.RETRACTION}
    if not notice.retraction or not cited:
        return set()
    return {
        CampaignName.parse(entry.campaign).burst
        for entry in reader.entries_of([NOTICE])
        if entry.data["ivorn"] in cited
    }


def _nothing_new(found: Known, last: Trigger | None) -> str:
    """Say why what is known now leads to no other trigger than the last; empty when it does."""
    if last is None:
        why = found.retraction
        return "" if why is None else f"the burst was retracted ({why.id.ivorn}) and never triggered"
    says = found.best.id if found.best else None
    cases = (
        (last.action is TriggerAction.RETRACT, "the burst was retracted"),
        (found.retraction is not None, ""),
        (last.action is TriggerAction.CANCEL, "the campaign was called off"),
        ((says, found.trigger_time) == (last.notice, last.trigger_time), "a later alert is in force"),
    )
    return next((text for holds, text in cases if holds), "")


def call_off(transaction: Transaction, *, author: Author, name: CampaignName, reason: str) -> Triggered:
    """Commit a cancellation of a campaign: its telescope stops and closes it.

    Raises
    ------
    NoTriggerError
        When there is no such campaign.
    """
    before = triggers_of(transaction.packets(str(name)))
    if not before:
        raise NoTriggerError(f"there is no campaign {name}", hint="see: followup campaigns")
    packet, last = before[-1]
    if last.action is not TriggerAction.OBSERVE:
        return Triggered(campaign=name, packet=None, reason="it was called off before")
    content = Trigger(
        burst=last.burst,
        telescope=last.telescope,
        action=TriggerAction.CANCEL,
        revision=len(before),
        trigger_time=last.trigger_time,
        position=None,
        instrument=last.instrument,
        notice=last.notice,
        reason=reason,
    )
    return _send(transaction, author, name, content, before, drill=packet.drill)


def triggers_of(packets: list[StoredPacket]) -> list[tuple[StoredPacket, Trigger]]:
    """Find the triggers among a campaign's packets, in order of commit."""
    found = []
    for packet in packets:
        if packet.kind == Kind.TRIGGER:
            _, content = read(parse(packet.raw))
            if isinstance(content, Trigger):
                found.append((packet, content))
    return found


def alert_of(data: Mapping[str, Any]) -> bytes:
    """Bytes of the alert in a `NOTICE` entry."""
    return base64.b64decode(data["raw"])


def _note_alert(transaction: Transaction, name: CampaignName, alert: Packet, time: datetime) -> None:
    raw = base64.b64encode(alert.raw).decode("ascii")
    data = {"ivorn": alert.ivorn, "sha256": alert.sha256, "raw": raw}
    transaction.note(str(name), NOTICE, data, time=time)


def _send(
    transaction: Transaction,
    author: Author,
    name: CampaignName,
    content: Trigger,
    before: list[tuple[StoredPacket, Trigger]],
    *,
    drill: bool,
) -> Triggered:
    cite = CiteKind.SUPERSEDES if content.action is TriggerAction.OBSERVE else CiteKind.RETRACTION
    cites = (Cited(id=before[-1][0].id, cite=cite),) if before else ()
    packet = author.compose(
        transaction,
        str(name),
        content,
        to=ToUser(name.telescope),
        drill=drill,
        cites=cites,
        deadline_s=TRIGGER_DEADLINE.total_seconds(),
    )
    return Triggered(campaign=name, packet=packet)
