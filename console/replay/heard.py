"""What is heard of the party under test, and who looks at it at that moment."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.replay.keys import Key
from voevent.kinds import Content, Header
from voevent.packet import Packet


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A packet of the party under test, when it first came."""

    packet: Packet
    header: Header
    content: Content
    key: Key
    time: datetime


Witness = Callable[[Heard], Coroutine[Any, Any, str]]
"""Looks at the party under test at the moment something is heard of it; tells what is wrong, if anything."""
