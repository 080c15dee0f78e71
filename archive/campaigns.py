"""Campaigns and bursts as the archive tells them, worked out from their packets at each reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select

from archive.ledger import ledgers
from archive.observations import fit_of, results_in_force, source_of, task_records
from archive.records import BurstRecord, CampaignRecord, LedgerEntry, LedgerReceipt, TriggerRecord
from archive.tables import CampaignRow, ClosingRow, DeliveryRow, PacketRow, TriggerRow
from voevent.kinds import Kind, Outcome, Product, ReceiptOutcome, TriggerAction
from voevent.packet import PacketId, Role, SkyPosition

_CHUNK = 500
"""Campaigns read at once: databases limit the number of parameters of a statement."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a campaign ended; without an outcome while it is open."""

    outcome: Outcome | None = None
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    closed: datetime | None = None


def campaign_records(connection: Connection, names: Sequence[str]) -> list[CampaignRecord]:
    """Tell about campaigns, in the order given; those that the archive does not know are left out."""
    return [record for chunk in _chunks(names) for record in _records(connection, chunk)]


def burst_records(connection: Connection) -> tuple[BurstRecord, ...]:
    """Tell about all bursts, by name."""
    campaigns: dict[str, list[str]] = defaultdict(list)
    triggers: dict[str, list[TriggerRecord]] = defaultdict(list)
    drills: set[str] = set()
    rows = connection.execute(select(CampaignRow.name, CampaignRow.burst)).all()
    burst_of = dict(sorted((row.name, row.burst) for row in rows))
    for name, burst in burst_of.items():
        campaigns[burst].append(name)
    for chunk in _chunks(list(burst_of)):
        for name, found in _triggers(connection, chunk).items():
            triggers[burst_of[name]] += found
        drills |= {burst_of[name] for name in _drills(connection, chunk)}
    return tuple(_burst(name, campaigns[name], triggers[name], name in drills) for name in sorted(campaigns))


def _burst(
    name: str, campaigns: Sequence[str], triggers: Sequence[TriggerRecord], drill: bool
) -> BurstRecord:
    latest = max(triggers, key=_revision, default=None)
    return BurstRecord(
        name=name,
        trigger_time=latest.trigger_time if latest else None,
        position=_position(triggers),
        instrument=latest.instrument if latest else "",
        drill=drill,
        campaigns=tuple(campaigns),
        notices=tuple(sorted({trigger.notice for trigger in triggers})),
    )


def ending(
    triggers: Mapping[PacketId, TriggerAction],
    closing: Ending | None,
    finals: Mapping[PacketId, LedgerReceipt],
) -> Ending:
    """Decide how a campaign ended.

    Parameters
    ----------
    triggers
        What each of the campaign's triggers asks for.
    closing
        What its accepted closing packet says, if there is one.
    finals
        The receipt that counts of each packet that has one.
    """
    if closing is not None:
        return closing
    # A refusal binds one packet: as long as another trigger may be accepted the campaign is open.
    answers = [finals.get(packet) for packet, action in triggers.items() if action is TriggerAction.OBSERVE]
    if not answers or not all(
        answer and answer.outcome in {ReceiptOutcome.REFUSED, ReceiptOutcome.EXPIRED} for answer in answers
    ):
        return Ending()
    last = max((answer for answer in answers if answer), key=lambda answer: (answer.time, answer.id))
    declined = last.outcome is ReceiptOutcome.REFUSED
    return Ending(
        outcome=Outcome.DECLINED if declined else Outcome.FAILED,
        reason=last.reason or ("" if declined else "the trigger could not be delivered in time"),
        closed=last.time,
    )


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK))


def _records(connection: Connection, names: Sequence[str]) -> list[CampaignRecord]:
    rows = connection.execute(
        select(CampaignRow.name, CampaignRow.burst, CampaignRow.telescope, func.min(DeliveryRow.time))
        .outerjoin(PacketRow, PacketRow.campaign == CampaignRow.name)
        .outerjoin(DeliveryRow, DeliveryRow.packet == PacketRow.sha256)
        .where(CampaignRow.name.in_(names))
        .group_by(CampaignRow.name, CampaignRow.burst, CampaignRow.telescope)
    )
    found = {name: (burst, telescope, opened) for name, burst, telescope, opened in rows}
    kinds = {Kind.TRIGGER, Kind.RESULT, Kind.CLOSING}
    books = ledgers(connection, names, kinds=kinds)
    triggers = _triggers(connection, names)
    closings = _accepted_closings(connection, books)
    results = results_in_force(connection, books, Product.LIGHT_CURVE)
    tasks = task_records(connection, names)
    drills = _drills(connection, names)
    records = []
    for name in names:
        if name not in found:
            continue
        burst, telescope, opened = found[name]
        finals = {entry.id: entry.final for entry in books[name] if entry.final}
        end = ending({t.id: t.action for t in triggers[name]}, closings.get(name), finals)
        latest = max(triggers[name], key=_revision, default=None)
        accepted = finals.get(latest.id) if latest else None
        result = results.get(name)
        records.append(
            CampaignRecord(
                name=name,
                burst=burst,
                telescope=telescope,
                drill=name in drills,
                outcome=end.outcome,
                reason=end.reason,
                details=end.details,
                trigger=latest,
                position=_position(triggers[name]),
                opened=opened,
                closed=end.closed,
                first_epoch=accepted.details.get("first_epoch") if accepted else None,
                source=source_of(result) if result else None,
                fit=fit_of(result) if result else None,
                tasks=tasks[name],
            )
        )
    return records


def _triggers(connection: Connection, campaigns: Sequence[str]) -> dict[str, list[TriggerRecord]]:
    rows = connection.execute(
        select(PacketRow.campaign, PacketRow.ivorn, *TriggerRow.__table__.columns)
        .join(TriggerRow, TriggerRow.packet == PacketRow.sha256)
        .where(PacketRow.campaign.in_(campaigns))
    )
    triggers: dict[str, list[TriggerRecord]] = defaultdict(list)
    for row in rows:
        position = None
        if row.ra_deg is not None:
            position = SkyPosition(
                ra_deg=row.ra_deg, dec_deg=row.dec_deg, error_radius_deg=row.error_radius_deg
            )
        triggers[row.campaign].append(
            TriggerRecord(
                id=PacketId(ivorn=row.ivorn, sha256=row.packet),
                revision=row.revision,
                action=TriggerAction(row.action),
                trigger_time=row.trigger_time,
                position=position,
                instrument=row.instrument,
                notice=PacketId(ivorn=row.notice_ivorn, sha256=row.notice_sha256),
                features=row.features,
                reason=row.reason,
            )
        )
    return triggers


def _accepted_closings(
    connection: Connection, books: Mapping[str, Sequence[LedgerEntry]]
) -> dict[str, Ending]:
    accepted = {
        entry.id.sha256: entry
        for entries in books.values()
        for entry in entries
        if entry.kind is Kind.CLOSING and entry.final and entry.final.outcome is ReceiptOutcome.ACCEPTED
    }
    rows = connection.execute(
        select(PacketRow.campaign, *ClosingRow.__table__.columns)
        .join(ClosingRow, ClosingRow.packet == PacketRow.sha256)
        .where(ClosingRow.packet.in_(accepted))
        .order_by(PacketRow.sequence, PacketRow.sha256)
    )
    return {
        row.campaign: Ending(
            outcome=Outcome(row.outcome),
            reason=row.summary,
            details=row.details,
            closed=accepted[row.packet].arrived,
        )
        for row in rows
    }


def _drills(connection: Connection, campaigns: Sequence[str]) -> set[str]:
    """Those of the campaigns in which anything is a drill."""
    rows = connection.scalars(
        select(PacketRow.campaign)
        .where(PacketRow.campaign.in_(campaigns), PacketRow.role == Role.TEST)
        .distinct()
    )
    return {campaign for campaign in rows if campaign}


def _revision(trigger: TriggerRecord) -> tuple[int, PacketId]:
    return trigger.revision, trigger.id


def _position(triggers: Sequence[TriggerRecord]) -> SkyPosition | None:
    """Position that the latest trigger with one gives: retractions have none."""
    placed = [trigger for trigger in triggers if trigger.position]
    return max(placed, key=_revision).position if placed else None
