"""Why a campaign went as it did: the decisions that its packets carry."""

from __future__ import annotations

from sqlalchemy import Connection, select

from archive.ledger import closings_in_force
from archive.tables import DecisionRow, PacketRow, ReceiptRow
from voevent.kinds import Decided, ReceiptOutcome

RULE = "rule"
"""Detail of a refusal's receipt: the rule that refused. The others are the values it was based on."""


def decisions_of(connection: Connection, campaign: str) -> tuple[Decided, ...]:
    """Tell a campaign's decisions, in order of time: of the closing in force, and of refusals."""
    closing = closings_in_force(connection, [campaign]).get(campaign)
    rows = connection.execute(
        select(DecisionRow.time, DecisionRow.rule, DecisionRow.text, DecisionRow.values)
        .where(DecisionRow.packet == closing)
        .order_by(DecisionRow.position)
    )
    found = [Decided(time=time, rule=rule, text=text, values=values) for time, rule, text, values in rows]
    refusals = connection.execute(
        select(PacketRow.written, ReceiptRow.reason, ReceiptRow.details)
        .join(PacketRow, PacketRow.sha256 == ReceiptRow.packet)
        .where(PacketRow.campaign == campaign, ReceiptRow.outcome == ReceiptOutcome.REFUSED)
        .order_by(PacketRow.written, PacketRow.sha256)
    )
    for written, reason, details in refusals:
        if RULE in details and written is not None:
            values = {key: value for key, value in details.items() if key != RULE}
            found.append(Decided(time=written, rule=details[RULE], text=reason, values=values))
    return tuple(sorted(found, key=lambda each: each.time))
