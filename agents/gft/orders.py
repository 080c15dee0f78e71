"""What people order a telescope to do, as its journal has it: who, when, why; and what of it is in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, Self


class Order(StrEnum):
    """What a person orders; in the journal the entries of the telescope itself are called so."""

    HOLD = "ordered-hold"
    """Begin nothing more. An exposure in progress may end, unless it is to be at once."""
    PARK = "ordered-park"
    """Hold at once, park the mount and close the dome."""
    RESUME = "ordered-resume"
    """Go on: ends a hold and a park."""
    TAKEOVER = "ordered-takeover"
    """Hands off the devices: a person has them."""
    GIVEBACK = "ordered-giveback"
    """The devices are the agent's again."""
    ABORT = "ordered-abort"
    """End a campaign."""

    @property
    def word(self) -> str:
        """What people call it."""
        return self.value.removeprefix("ordered-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who orders.

    Attributes
    ----------
    name
        As they call themselves, or their login.
    login, host
        Which user of which computer gave the command; empty for one that came another way.
    """

    name: str
    login: str = ""
    host: str = ""

    def __str__(self) -> str:
        """Tell who it is: ``ana``, ``ana@dome``, ``Ana Núñez (ops@dome)``."""
        where = f"{self.login}@{self.host}" if self.login else self.host
        if not where:
            return self.name
        return where if self.name == self.login else f"{self.name} ({where})"


class Entry(Protocol):
    """What is read of a journal's entry."""

    @property
    def what(self) -> str:
        """One of `Order`, or something else."""
        ...

    @property
    def data(self) -> Mapping[str, Any]:
        """Its particulars."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordered:
    """An order that was given.

    Attributes
    ----------
    time
        When (wall clock).
    at_once
        Whether an exposure in progress is given up.
    park
        Whether the telescope is parked and closed before hands are taken off.
    campaign
        Which one it is about; empty for the whole telescope.
    """

    order: Order
    by: Person
    reason: str
    time: datetime
    at_once: bool = False
    park: bool = False
    campaign: str = ""

    def __str__(self) -> str:
        """Tell who ordered it, when and why."""
        verb = {Order.HOLD: "held", Order.PARK: "parked", Order.TAKEOVER: "taken over"}.get(self.order)
        what = verb or self.order.word
        why = f": {self.reason}" if self.reason else ""
        return f"{what} by {self.by} since {self.time:%Y-%m-%d %H:%M} UTC{why}"

    def to_data(self) -> dict[str, Any]:
        """Give it as a journal's entry carries it."""
        return {
            "name": self.by.name,
            "login": self.by.login,
            "host": self.by.host,
            "reason": self.reason,
            "wall_time": self.time.isoformat(),
            "at_once": self.at_once,
            "park": self.park,
            "about": self.campaign,
        }

    @classmethod
    def from_entry(cls, entry: Entry) -> Self:
        """Read it back."""
        data = entry.data
        return cls(
            order=Order(entry.what),
            by=Person(name=data["name"], login=data["login"], host=data["host"]),
            reason=data["reason"],
            time=datetime.fromisoformat(data["wall_time"]),
            at_once=data["at_once"],
            park=data["park"],
            campaign=data["about"],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class InForce:
    """What people have ordered and not taken back: `hold` is a hold or a park."""

    hold: Ordered | None = None
    takeover: Ordered | None = None

    def __str__(self) -> str:
        """Tell who is in charge; empty when it is the agent."""
        return "; ".join(str(each) for each in (self.takeover, self.hold) if each is not None)

    def after(self, ordered: Ordered) -> Self:
        """Tell what is in force after another order."""
        match ordered.order:
            case Order.HOLD | Order.PARK:
                return type(self)(hold=ordered, takeover=self.takeover)
            case Order.RESUME:
                return type(self)(hold=None, takeover=self.takeover)
            case Order.TAKEOVER:
                return type(self)(hold=self.hold, takeover=ordered)
            case Order.GIVEBACK:
                return type(self)(hold=self.hold, takeover=None)
            case Order.ABORT:
                return self


def in_force(entries: Iterable[Entry]) -> InForce:
    """Tell what is in force, by all entries of a telescope in their order."""
    found = InForce()
    for entry in entries:
        if entry.what in set(Order):
            found = found.after(Ordered.from_entry(entry))
    return found
