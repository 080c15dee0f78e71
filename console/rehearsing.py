"""What a trigger would lead to, when nobody asks the science centre's agent: its journal knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agents.csc.asking import Asking, RehearsedError
from agents.csc.triggering import Triggered
from console.enrolment import enrolled
from console.set_aside import transact
from followup.clock import Clock
from followup.names import CSC
from messaging.author import Author


def rehearsed(
    folder: Path, raw: bytes, telescopes: Sequence[str] | None, *, drill: bool, authority: str, sky: Clock
) -> list[Triggered]:
    """Tell what would be sent, while no agent runs; nothing is written.

    Raises
    ------
    FollowupError
        What would be in the way.
    """
    asking = Asking.read(raw, telescopes, enrolled=enrolled(folder), drill=drill)
    author = Author(site=CSC, authority=authority, sky=sky)
    try:
        transact(folder, asking.rehearse(author=author, time=sky.now()))
    except RehearsedError as rehearsal:
        return rehearsal.triggered
    raise AssertionError("a rehearsal is always undone")
