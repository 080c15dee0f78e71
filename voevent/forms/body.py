"""What a kind of packet puts into the document, and the writing of single values.

References
----------
VOEvent 2.0, section 3.3 (Params, Groups, Tables). VOUnits 1.0. UCD1+ controlled vocabulary 1.5.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from voevent.errors import InvalidError
from voevent.packet import Field, Group, Param, SkyPosition, Table
from voevent.wording import one_line, writable

Value = str | int | float | datetime | None
"""What a Param or a table cell can say; None says nothing."""

ERROR_RADIUS_UNKNOWN = "error_radius_unknown"
"""Param of a packet whose position came without an error: VOEvent 2.0 demands an Error2Radius, so it is 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """The part of a packet that depends on its kind."""

    params: tuple[Param, ...]
    groups: tuple[Group, ...] = ()
    tables: tuple[Table, ...] = ()
    position: SkyPosition | None = None
    event_time: datetime | None = None


def written(value: Value) -> str:
    """Spell a value so that reading gives exactly it again; None is an empty text.

    Raises
    ------
    InvalidError
        When a number is not finite or a time has no zone.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return str(value)  # the text of a StrEnum's member, too
        case int():
            return str(int(value))
        case float():
            if not math.isfinite(value):
                raise InvalidError(f"a packet cannot say {value}: only finite numbers have a meaning in it")
            return repr(float(value))
        case datetime():
            if value.tzinfo is None:
                raise InvalidError(f"the time {value.isoformat()} has no zone: packets carry UTC")
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def param(name: str, value: Value, *, unit: str = "", ucd: str = "") -> Param:
    """Make a Param with the data type of its value."""
    return Param(name=name, value=written(value), unit=unit, ucd=ucd, data_type=_data_type(value))


def prose(name: str, text: str) -> Param:
    """Make a Param of a text that people read: what XML cannot carry is replaced rather than refused."""
    return Param(name=name, value=writable(text), ucd="meta.note")


def params(*said: Param) -> tuple[Param, ...]:
    """Leave out the Params that say nothing."""
    return tuple(p for p in said if p.value)


def mapping_group(name: str, mapping: Mapping[str, str]) -> tuple[Group, ...]:
    """Put a mapping into a Group, sorted by key; no Group at all when it is empty."""
    if not mapping:
        return ()
    return (
        Group(
            name=name, params=tuple(Param(name=key, value=writable(mapping[key])) for key in sorted(mapping))
        ),
    )


def table(
    name: str, fields: tuple[Field, ...], rows: Iterable[tuple[Value, ...]], *said: Param
) -> tuple[Table, ...]:
    """Make a Table; none at all when it has no rows, because the grammar demands one."""
    cells = tuple(tuple(written(value) for value in row) for row in rows)
    return (Table(name=name, fields=fields, rows=cells, params=said),) if cells else ()


def names_list(what: str, names: Iterable[str]) -> str:
    """Join names by spaces.

    Raises
    ------
    InvalidError
        When a name is empty or holds white space itself.
    """
    listed = tuple(names)
    for name in listed:
        if name.split() != [name]:
            raise InvalidError(
                f"{one_line(name)!r} cannot be one of the {what}: no name, or white space in it"
            )
    return " ".join(listed)


def unknown_radius(position: SkyPosition | None) -> Param:
    """Say that the position's error is unknown; says nothing when there is one, or no position."""
    unknown = position is not None and position.error_radius_deg is None
    return param(ERROR_RADIUS_UNKNOWN, True if unknown else None, ucd="meta.code")


def _data_type(value: Value) -> str:
    if isinstance(value, bool):
        return "string"
    if isinstance(value, int):
        return "int"
    return "float" if isinstance(value, float) else "string"
