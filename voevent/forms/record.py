"""Named texts of a packet, read as what they must be: each misfit gets a sentence of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from voevent.errors import InvalidError
from voevent.forms.body import ERROR_RADIUS_UNKNOWN
from voevent.identity import check_sha256
from voevent.packet import Packet, PacketId, Param, SkyPosition
from voevent.times import read_iso
from voevent.wording import one_line

Member = TypeVar("Member", bound=StrEnum)

CITED_SHA256 = "cited_sha256"
"""Param with the digest of a cited packet: one for each citation, in their order."""

_MAX_INTEGER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Record:
    """Texts by name, and what they belong to, for error messages."""

    what: str
    texts: Mapping[str, str]

    def optional(self, name: str) -> str:
        """Give the text of that name; empty when it is not said."""
        return self.texts.get(name, "")

    def text(self, name: str) -> str:
        """Give the text of that name, which must be said."""
        found = self.texts.get(name, "")
        if not found:
            raise InvalidError(f"{self.what}: {name} is missing")
        return found

    def number(self, name: str) -> float:
        """Read a finite number."""
        found = self.text(name)
        try:
            value = float(found)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self._misfit(name, found, "a finite number")
        return value

    def optional_number(self, name: str) -> float | None:
        """Read a finite number, or None when it is not said."""
        return self.number(name) if self.optional(name) else None

    def integer(self, name: str, *, least: int = 0) -> int:
        """Read a whole number, not less than `least`."""
        found = self.text(name)
        if not found.isascii() or not found.isdecimal() or len(found) > 19:
            raise self._misfit(name, found, f"a whole number from {least}")
        value = int(found)
        if not least <= value <= _MAX_INTEGER:
            raise self._misfit(name, found, f"a whole number from {least}")
        return value

    def flag(self, name: str) -> bool:
        """Read ``true`` or ``false``."""
        found = self.text(name)
        if found not in {"true", "false"}:
            raise self._misfit(name, found, "true or false")
        return found == "true"

    def moment(self, name: str) -> datetime:
        """Read a time, UTC."""
        found = self.text(name)
        try:
            return read_iso(found)
        except ValueError as error:
            raise self._misfit(name, found, "a date and time of ISO 8601") from error

    def member(self, name: str, kind: type[Member]) -> Member:
        """Read a member of an enumeration."""
        found = self.text(name)
        try:
            return kind(found)
        except ValueError as error:
            raise self._misfit(name, found, "one of " + ", ".join(kind)) from error

    def digest(self, name: str) -> str:
        """Read a SHA-256."""
        return check_sha256(self.text(name))

    def packet_id(self, ivorn: str, sha256: str) -> PacketId:
        """Read the identity of another packet from the names of its two halves."""
        return PacketId(ivorn=self.text(ivorn), sha256=self.digest(sha256))

    def _misfit(self, name: str, found: str, expected: str) -> InvalidError:
        return InvalidError(f"{self.what}: {name} is {one_line(found, 60)!r}, expected {expected}")


def top_record(packet: Packet) -> Record:
    """Top-level Params but the citations' digests."""
    return _record("packet", tuple(p for p in packet.params if p.name != CITED_SHA256))


def group_record(packet: Packet, name: str) -> Record | None:
    """Params of a Group; None when the packet has no such Group."""
    found = [g for g in packet.groups if g.name == name]
    if len(found) > 1:
        raise InvalidError(f"packet: the group {name} stands in it {len(found)} times")
    return _record(name, found[0].params) if found else None


def mapping(packet: Packet, name: str) -> dict[str, str]:
    """Read back a mapping; empty when the packet has no such Group."""
    record = group_record(packet, name)
    return dict(record.texts) if record is not None else {}


def rows(packet: Packet, name: str) -> Iterator[Record]:
    """Rows of a Table by the names of its Fields; none when the packet has no such Table."""
    tables = [t for t in packet.tables if t.name == name]
    if len(tables) > 1:
        raise InvalidError(f"packet: the table {name} stands in it {len(tables)} times")
    for table in tables:
        names = [f.name for f in table.fields]
        if len(set(names)) < len(names):
            raise InvalidError(f"{name}: two fields have one name")
        for number, cells in enumerate(table.rows, start=1):
            what = f"{name}, row {number}"
            if len(cells) != len(names):
                raise InvalidError(f"{what}: {len(cells)} cells for {len(names)} fields")
            yield Record(what, dict(zip(names, cells, strict=True)))


def position_of(packet: Packet) -> SkyPosition | None:
    """Position of the packet, without an error radius when it says that it is unknown."""
    if packet.position is not None and packet.param(ERROR_RADIUS_UNKNOWN) == "true":
        return replace(packet.position, error_radius_deg=None)
    return packet.position


def _record(what: str, said: tuple[Param, ...]) -> Record:
    texts: dict[str, str] = {}
    for one in said:
        if one.name in texts:
            raise InvalidError(f"{what}: {one_line(one.name, 60)!r} is said twice")
        texts[one.name] = one.value
    return Record(what, texts)
