"""Which packet is which in two conversations of the same campaign: what it is for, not what it is called."""

from __future__ import annotations

from collections import Counter

from voevent.kinds import Closing, Content, Kind, Receipt, Result, Status, Trigger, Upload
from voevent.packet import PacketId

Key = tuple[str, ...]
"""Kind, and what tells packets of a kind apart."""


def spelt(key: Key) -> str:
    """Write a key for people."""
    return " ".join(part for part in key if part)


def about(key: Key) -> Key:
    """Give the key of the packet that a receipt of this key is about; of no receipt, an empty one."""
    return key[3:-1] if key[0] == Kind.RECEIPT else ()


class Names:
    """Gives each packet of a conversation its key; those of an author come in the order of their sequence."""

    def __init__(self) -> None:
        self.known: dict[PacketId, Key] = {}
        self._counts: Counter[Key] = Counter()

    def key(self, packet: PacketId, content: Content) -> Key:
        """Give the key of a packet; the same one again when it is asked for again."""
        if packet not in self.known:
            key = self._made(content)
            if not isinstance(content, Trigger | Upload):
                self._counts[key] += 1
                number = self._counts[key]
                key = (*key, f"#{number}" if number > 1 else "")
            self.known[packet] = key
        return self.known[packet]

    def _made(self, content: Content) -> Key:
        match content:
            case Trigger():
                return ("trigger", str(content.action), f"revision {content.revision}")
            case Result():
                return ("result", str(content.product), content.task)
            case Upload():
                return ("upload", content.dataset, str(content.state), f"attempt {content.attempt}")
            case Status():
                return ("status", str(content.state))
            case Closing():
                return ("closing",)
            case Receipt():
                cited = self.known.get(content.cited, ("unknown",))
                return ("receipt", str(content.outcome), "of", *cited)
