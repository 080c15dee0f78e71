"""The parsed form of a packet, beside the bytes it came from.

References
----------
VOEvent 2.0, IVOA Recommendation 2011-07-11, section 3 (structure) and section 2 (identifiers).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_PACKET_BYTES = 128 * 1024
"""Default size limit of a packet. In base64 it still fits Prosody's default stanza limit of 256 KiB."""


class Role(StrEnum):
    """What a packet is for (VOEvent 2.0, section 3.1)."""

    OBSERVATION = "observation"
    """Something was observed."""
    PREDICTION = "prediction"
    """Something will happen."""
    UTILITY = "utility"
    """Housekeeping between sites."""
    TEST = "test"
    """A drill: nothing in it happened in the sky."""


class CiteKind(StrEnum):
    """How a packet relates to one it cites (VOEvent 2.0, section 3.7)."""

    FOLLOWUP = "followup"
    """It follows up the cited one."""
    SUPERSEDES = "supersedes"
    """It replaces the cited one."""
    RETRACTION = "retraction"
    """It takes the cited one back."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class PacketId:
    """The identity of a packet: the same IVORN with other bytes is another message."""

    ivorn: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.ivorn} ({self.sha256[:12]})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Param:
    """One Param: a named value with its unit (VOUnits or what was written) and UCD."""

    name: str
    value: str
    unit: str = ""
    ucd: str = ""
    data_type: str = "string"
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A named group of Params."""

    name: str
    params: tuple[Param, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A column of a Table."""

    name: str
    unit: str = ""
    ucd: str = ""
    data_type: str = "string"
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A Table: fields and rows of text, as they stand in the packet."""

    name: str
    fields: tuple[Field, ...]
    rows: tuple[tuple[str, ...], ...]
    params: tuple[Param, ...] = ()
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Citation:
    """An EventIVORN of the packet's Citations."""

    ivorn: str
    cite: CiteKind


@dataclass(frozen=True, kw_only=True, slots=True)
class SkyPosition:
    """A direction in ICRS, with the radius of its error circle where one was given.

    Raises
    ------
    ValueError
        When right ascension is outside [0, 360), declination outside [-90, 90] or the radius negative
        or not finite.
    """

    ra_deg: float
    dec_deg: float
    error_radius_deg: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.ra_deg < 360.0:
            raise ValueError(f"right ascension {self.ra_deg} is outside 0 to 360 degrees")
        if not -90.0 <= self.dec_deg <= 90.0:
            raise ValueError(f"declination {self.dec_deg} is outside -90 to 90 degrees")
        radius = self.error_radius_deg
        if radius is not None and not 0.0 <= radius <= 180.0:
            raise ValueError(f"error radius {radius} is outside 0 to 180 degrees")


@dataclass(frozen=True, kw_only=True, slots=True)
class Packet:
    """A parsed packet. `raw` is what its author wrote; everything else was read from it.

    Attributes
    ----------
    date
        Who/Date, aware, UTC; None when absent or unreadable.
    event_time
        WhereWhen's TimeInstant converted to UTC from the scale it was given in (UTC, TT, TDB, GPS).
    position
        WhereWhen's Position2D in ICRS; None when absent or marked as unavailable.
    tolerated
        One sentence for each departure from the standard that was read over.
    """

    raw: bytes
    sha256: str
    ivorn: str
    role: Role
    version: str
    author_ivorn: str
    date: datetime | None
    description: str
    params: tuple[Param, ...]
    groups: tuple[Group, ...]
    tables: tuple[Table, ...]
    position: SkyPosition | None
    event_time: datetime | None
    citations: tuple[Citation, ...]
    tolerated: tuple[str, ...] = ()

    @property
    def id(self) -> PacketId:
        """Identity of this packet."""
        return PacketId(ivorn=self.ivorn, sha256=self.sha256)

    def param(self, name: str, group: str | None = None) -> str | None:
        """Value of a Param at top level, or in the named group; None when there is none."""
        scope = self.params
        if group is not None:
            scope = tuple(p for g in self.groups if g.name == group for p in g.params)
        return next((p.value for p in scope if p.name == name), None)

    def table(self, name: str) -> Table | None:
        """Give the table of that name; None when there is none."""
        return next((t for t in self.tables if t.name == name), None)
