"""Whether the relay has in custody what it says that it has."""

from __future__ import annotations

from console.replay.heard import Heard
from console.replay.keys import spelt
from console.replay.witness import uncommitted
from messaging.journal import Journal
from messaging.reader import Reader
from messaging.records import ToTopic
from voevent.kinds import Receipt, ReceiptOutcome


async def uncustodied(journal: Journal, heard: Heard) -> str:
    """Look into its journal; tell what was said too early, if anything.

    What it calls relayed must be among what it is to publish by then.
    """
    if early := await uncommitted(journal, heard):
        return early
    receipt = heard.content
    if not isinstance(receipt, Receipt) or receipt.outcome is not ReceiptOutcome.RELAYED:
        return ""

    def look(reader: Reader) -> str:
        if any(isinstance(row.destination, ToTopic) for row in reader.outgoing(packet=receipt.cited)):
            return ""
        return f"{spelt(heard.key)} was said before the relay had it in custody"

    return await journal.read(look)
