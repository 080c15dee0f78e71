"""An agent that was changed: it sends a receipt as soon as that is written, before it is committed."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest

from console.replay import grounds
from console.replay.stillness import CountedJournal
from followup.names import RELAY
from messaging.session import Envelope
from messaging.transaction import Transaction
from messaging.xmpp.session import XmppSession
from voevent.kinds import Receipt, ReceiptOutcome
from voevent.packet import Packet


class UndoneError(Exception):
    """Takes back what a transaction did."""


def make_hasty(
    monkeypatch: pytest.MonkeyPatch, stage: ModuleType, site: str, witness: str, *, topic: str = ""
) -> None:
    """Have the agent on a stage send its first good receipt before it is committed.

    Parameters
    ----------
    stage
        Where its journal is opened.
    witness
        Name there of what looks at the agent when something is heard of it: only then it goes on.
    topic
        Where it publishes its receipts; empty when it sends them to the relay.
    """
    sessions: dict[str, XmppSession] = {}
    heard = asyncio.Event()
    left = [1]

    class Noted(XmppSession):
        def __init__(self, settings: Any, **facts: Any) -> None:
            super().__init__(settings, **facts)
            sessions[settings.user] = self

    class Hasty(CountedJournal):
        async def write(self, work: Any) -> Any:
            said: list[Packet] = []

            def looked_into(transaction: Transaction) -> None:
                store = transaction.store_receipt

                def noted(packet: Packet, content: Receipt, **facts: Any) -> Any:
                    if not facts.get("sender") and content.outcome is not ReceiptOutcome.REFUSED:
                        said.append(packet)
                    return store(packet, content, **facts)

                transaction.store_receipt = noted  # type: ignore[method-assign]  # to hear what is being said
                work(transaction)
                raise UndoneError

            if left:
                try:
                    await super().write(looked_into)
                except UndoneError:
                    for packet in said[: len(left)]:
                        left.clear()
                        envelope = Envelope(raw=packet.raw, id=packet.id, body="")
                        if topic:
                            await sessions[site].publish(topic, envelope)
                        else:
                            await sessions[site].send(RELAY, envelope)
                        await heard.wait()
            return await super().write(work)

    look = getattr(stage, witness)

    async def then_go_on(*facts: Any) -> str:
        found: str = await look(*facts)
        if not left:
            heard.set()
        return found

    monkeypatch.setattr(grounds, "XmppSession", Noted)
    monkeypatch.setattr(stage, "CountedJournal", Hasty)
    monkeypatch.setattr(stage, witness, then_go_on)
