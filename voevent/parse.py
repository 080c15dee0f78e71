"""Tolerant reading of any VOEvent, 1.1, 2.0 or 2.1: strict only about what would harm.

References
----------
VOEvent 2.0, IVOA Recommendation 2011-07-11, section 3.
"""

from __future__ import annotations

from lxml import etree

from voevent.errors import MalformedError
from voevent.identity import sha256_of
from voevent.packet import (
    MAX_PACKET_BYTES,
    Citation,
    CiteKind,
    Field,
    Group,
    Packet,
    Param,
    Role,
    SkyPosition,
    Table,
)
from voevent.tree import local_name, read_tree
from voevent.validate import NAMESPACE, violations_of
from voevent.wherewhen import event_time, position, read_date
from voevent.wording import one_line

MAX_IVORN = 512
"""Longest IVORN that is read: it serves as a key in journals and archives."""

_KEPT = 30  # notes about what was tolerated


def parse(raw: bytes, *, max_bytes: int = MAX_PACKET_BYTES) -> Packet:
    """Read a packet, tolerating what can be read over and saying so in `Packet.tolerated`.

    Parameters
    ----------
    raw
        What the author wrote, to the byte.
    max_bytes
        Longest packet that is looked at.

    Raises
    ------
    MalformedError
        When it is not XML, not a VOEvent, or has no usable IVORN or role.
    HostileError
        When it carries a DTD or is nested too deeply.
    OversizedError
        When it is longer than `max_bytes`.
    """
    root = read_tree(raw, max_bytes=max_bytes)
    tolerated: list[str] = []
    ivorn = _ivorn(root, tolerated)
    role = _role(root, tolerated)
    version = _version(root, tolerated)
    parts = {local_name(child): child for child in reversed(root)}  # the first of a name counts
    who, what, where = (parts.get(name) for name in ("Who", "What", "WhereWhen"))
    params, groups, tables = _what(what)
    where_position: SkyPosition | None = None
    time = None
    if where is not None:
        time = event_time(where, tolerated)
        where_position = position(where, unavailable=_unavailable(params), tolerated=tolerated)
    date = _child_text(who, "Date")
    return Packet(
        raw=raw,
        sha256=sha256_of(raw),
        ivorn=ivorn,
        role=role,
        version=version,
        author_ivorn=_child_text(who, "AuthorIVORN"),
        date=read_date(date, "Who/Date", tolerated) if date else None,
        description=_child_text(root, "Description"),
        params=params,
        groups=groups,
        tables=tables,
        position=where_position,
        event_time=time,
        citations=_citations(parts.get("Citations"), tolerated),
        tolerated=_bounded(tolerated),
    )


def _ivorn(root: etree._Element, tolerated: list[str]) -> str:
    ivorn = root.get("ivorn", "").strip()
    if not ivorn:
        raise MalformedError("the packet has no IVORN: nothing identifies it")
    if len(ivorn) > MAX_IVORN or not ivorn.isprintable() or " " in ivorn:  # no other space is printable
        raise MalformedError(f"the packet's IVORN {one_line(ivorn, 60)!r} is too long or not printable")
    if ivorn != root.get("ivorn"):
        tolerated.append("white space around the IVORN")
    return ivorn


def _role(root: etree._Element, tolerated: list[str]) -> Role:
    written = root.get("role")
    if written is None:
        tolerated.append("role is absent: taken as observation")
        return Role.OBSERVATION
    try:
        return Role(written.strip().lower())
    except ValueError as error:
        # Guessing could point a telescope at a test, or at nothing.
        raise MalformedError(f"the packet's role {one_line(written, 40)!r} is none of VOEvent's") from error


def _version(root: etree._Element, tolerated: list[str]) -> str:
    namespace = etree.QName(root).namespace or ""
    version = root.get("version", "").strip()
    if namespace == NAMESPACE and version == "2.0":
        tolerated += violations_of(root)
    elif namespace.rpartition("/v")[2] == version and version in {"1.1", "2.1"}:
        tolerated.append(f"VOEvent {version} read as 2.0")
    else:
        tolerated.append(
            f"version {one_line(version, 20)!r} in namespace {one_line(namespace, 80)!r} read as VOEvent 2.0"
        )
    return one_line(version, 20)


def _what(what: etree._Element | None) -> tuple[tuple[Param, ...], tuple[Group, ...], tuple[Table, ...]]:
    params: list[Param] = []
    groups: list[Group] = []
    tables: list[Table] = []
    for child in what if what is not None else ():
        match local_name(child):
            case "Param":
                params.append(_param(child))
            case "Group":
                groups.append(Group(name=child.get("name", ""), params=_params(child)))
            case "Table":
                tables.append(_table(child))
    return tuple(params), tuple(groups), tuple(tables)


def _params(parent: etree._Element) -> tuple[Param, ...]:
    return tuple(_param(child) for child in parent if local_name(child) == "Param")


def _param(element: etree._Element) -> Param:
    value, description = element.get("value"), ""
    for child in element:
        match local_name(child):
            case "Value" if value is None:
                value = child.text or ""
            case "Description":
                description = (child.text or "").strip()
    return Param(
        name=element.get("name", ""),
        value=value or "",
        unit=element.get("unit", ""),
        ucd=element.get("ucd", ""),
        data_type=element.get("dataType", "string"),
        description=description,
    )


def _table(element: etree._Element) -> Table:
    rows = tuple(
        tuple(cell.text or "" for cell in row if local_name(cell) == "TD")
        for row in element.iterfind("{*}Data/{*}TR")
    )
    fields = tuple(
        Field(
            name=child.get("name", ""),
            unit=child.get("unit", ""),
            ucd=child.get("ucd", ""),
            data_type=child.get("dataType", "string"),
            description=_child_text(child, "Description"),
        )
        for child in element
        if local_name(child) == "Field"
    )
    return Table(
        name=element.get("name", ""),
        fields=fields,
        rows=rows,
        params=_params(element),
        description=_child_text(element, "Description"),
    )


def _citations(parent: etree._Element | None, tolerated: list[str]) -> tuple[Citation, ...]:
    found: list[Citation] = []
    for element in parent if parent is not None else ():
        if local_name(element) != "EventIVORN":
            continue
        ivorn = (element.text or "").strip()
        if not ivorn or len(ivorn) > MAX_IVORN or not ivorn.isprintable():
            tolerated.append("a citation without a usable IVORN was left out")
            continue
        try:
            cite = CiteKind(element.get("cite", "").strip().lower())
        except ValueError:
            tolerated.append(f"citation of {one_line(ivorn, 80)!r} of unknown kind read as followup")
            cite = CiteKind.FOLLOWUP
        found.append(Citation(ivorn=ivorn, cite=cite))
    return tuple(found)


def _unavailable(params: tuple[Param, ...]) -> bool:
    """Whether the packet says, as GCN's do, that what stands in Position2D is only a placeholder."""
    said = next((p.value for p in params if p.name == "Coords_String"), "")
    return "unavailable" in said or "inappropriate" in said


def _child_text(parent: etree._Element | None, name: str) -> str:
    if parent is None:
        return ""
    for child in parent:
        if local_name(child) == name:
            return (child.text or "").strip()
    return ""


def _bounded(notes: list[str]) -> tuple[str, ...]:
    if len(notes) <= _KEPT:
        return tuple(notes)
    return (*notes[: _KEPT - 1], f"and {len(notes) - _KEPT + 1} more departures")
