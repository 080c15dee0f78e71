"""Looks at the party under test at the moment at which something is heard of it."""

from __future__ import annotations

from console.replay.heard import Heard
from console.replay.keys import spelt
from messaging.journal import Journal
from messaging.reader import Reader
from voevent.kinds import Receipt


async def uncommitted(journal: Journal, heard: Heard) -> str:
    """Look into an agent's journal: what is heard of it, and what it answers, must stand there already.

    Returns
    -------
    str
        What was said too early; empty when nothing was.
    """

    def look(reader: Reader) -> str:
        stored = reader.stored(heard.packet.id)
        if stored is None:
            return f"{spelt(heard.key)} was said before it was committed"
        if stored.received or not isinstance(heard.content, Receipt):
            return ""  # passed on, or about nothing
        if reader.stored(heard.content.cited) is None:
            return f"{spelt(heard.key)} was said before what it is about was committed"
        return ""

    return await journal.read(look)
