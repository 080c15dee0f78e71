"""The writing of a VOEvent 2.0 document: the same parts give the same bytes, on any machine.

References
----------
VOEvent 2.0, IVOA Recommendation 2011-07-11, section 3. XML 1.0, sections 2.2 (characters) and 2.4 (markup).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from voevent.errors import InvalidError
from voevent.forms.body import Body, written
from voevent.packet import Citation, Field, Param, Role, SkyPosition, Table
from voevent.validate import NAMESPACE
from voevent.wording import UNWRITABLE

_SYSTEM = "UTC-ICRS-GEO"
_MARKUP = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cover:
    """What stands around the body of a packet."""

    ivorn: str
    role: Role
    author_ivorn: str
    date: datetime
    description: str
    citations: tuple[Citation, ...]


def document(cover: Cover, said: tuple[Param, ...], body: Body) -> bytes:
    """Write a packet: the Params that all kinds share, then those of its body.

    Raises
    ------
    InvalidError
        When a text holds a character that XML cannot carry.
    """
    text = "\n".join(_lines(cover, said, body)) + "\n"
    found = UNWRITABLE.search(text)
    if found is not None:
        around = text[: found.start()].rpartition("\n")[2].strip()[-60:]
        raise InvalidError(
            f"the packet cannot be written: U+{ord(found[0]):04X} after {around!r} has no place in XML"
        )
    return text.encode()


def _lines(cover: Cover, said: tuple[Param, ...], body: Body) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<voe:VOEvent xmlns:voe="{NAMESPACE}" version="2.0" role="{cover.role}" '
        f'ivorn="{_escaped(cover.ivorn)}">'
    )
    yield "  <Who>"
    yield f"    <AuthorIVORN>{_escaped(cover.author_ivorn)}</AuthorIVORN>"
    yield f"    <Date>{written(cover.date)}</Date>"
    yield "  </Who>"
    yield "  <What>"
    yield from _params(said, "    ")
    yield from _params(body.params, "    ")
    for group in body.groups:
        yield f'    <Group name="{_escaped(group.name)}">'
        yield from _params(group.params, "      ")
        yield "    </Group>"
    for table in body.tables:
        yield from _table(table)
    yield "  </What>"
    if body.position is not None or body.event_time is not None:
        yield from _where_when(body.position, body.event_time)
    if cover.citations:
        yield "  <Citations>"
        for citation in cover.citations:
            yield f'    <EventIVORN cite="{citation.cite}">{_escaped(citation.ivorn)}</EventIVORN>'
        yield "  </Citations>"
    yield f"  <Description>{_escaped(cover.description)}</Description>"
    yield "</voe:VOEvent>"


def _params(params: Iterable[Param], indent: str) -> Iterator[str]:
    for param in params:
        said = f'name="{_escaped(param.name)}" value="{_escaped(param.value)}"'
        yield f"{indent}<Param {said}{_quantity(param)}/>"


def _table(table: Table) -> Iterator[str]:
    yield f'    <Table name="{_escaped(table.name)}">'
    yield from _params(table.params, "      ")
    for field in table.fields:
        column = f'      <Field name="{_escaped(field.name)}"{_quantity(field)}'
        about = field.description
        yield f"{column}><Description>{_escaped(about)}</Description></Field>" if about else f"{column}/>"
    yield "      <Data>"
    for row in table.rows:
        yield "        <TR><TD>" + "</TD><TD>".join(map(_escaped, row)) + "</TD></TR>"
    yield "      </Data>"
    yield "    </Table>"


def _quantity(of: Param | Field) -> str:
    unit = f' unit="{_escaped(of.unit)}"' if of.unit else ""
    ucd = f' ucd="{_escaped(of.ucd)}"' if of.ucd else ""
    return unit + ucd + (f' dataType="{of.data_type}"' if of.data_type != "string" else "")


def _where_when(position: SkyPosition | None, time: datetime | None) -> Iterator[str]:
    yield "  <WhereWhen>"
    yield "    <ObsDataLocation>"
    yield '      <ObservatoryLocation id="GEOSURFACE"/>'
    yield "      <ObservationLocation>"
    yield f'        <AstroCoordSystem id="{_SYSTEM}"/>'
    yield f'        <AstroCoords coord_system_id="{_SYSTEM}">'
    if time is not None:
        iso = written(time).removesuffix("Z")  # the coordinate system names the scale
        yield f'          <Time unit="s"><TimeInstant><ISOTime>{iso}</ISOTime></TimeInstant></Time>'
    if position is not None:
        ra, dec, radius = (
            written(float(angle))
            for angle in (position.ra_deg, position.dec_deg, position.error_radius_deg or 0.0)
        )
        yield '          <Position2D unit="deg">'
        yield "            <Name1>RA</Name1><Name2>Dec</Name2>"
        yield f"            <Value2><C1>{ra}</C1><C2>{dec}</C2></Value2>"
        yield f"            <Error2Radius>{radius}</Error2Radius>"
        yield "          </Position2D>"
    yield "        </AstroCoords>"
    yield "      </ObservationLocation>"
    yield "    </ObsDataLocation>"
    yield "  </WhereWhen>"


def _escaped(text: str) -> str:
    """Escape for both attributes and elements, so that a parser's normalisation leaves white space alone."""
    return text.translate(_MARKUP)
