# ruff: noqa: E501  # documents and messages stay unbroken
"""Tolerant reading: every real packet, and each thing that is read over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.voevent.builders import EXAMPLES, SHARED, real_packet
from voevent import InvalidError, SkyPosition, build, parse, read
from voevent.packet import Citation, CiteKind, Role

AT = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)

TOLERATED = {
    "fermi-gbm-fin-pos.xml": [],
    "gecam-flt.xml": ["datatype"],
    "integral.xml": [],
    "ipn.xml": ["Character content", "unavailable"],
    "svomcgft-test-2016.xml": [],
    "swift-bat-grb-pos.xml": [],
    "swift-xrt-pos.xml": [],
}
"""What each real packet makes us say; those of SVOM follow the standard."""

REAL = {
    "fermi-gbm-fin-pos.xml": (262.49, 39.26, 5.96, "2015-12-11T16:07:34.520000+00:00"),
    "gecam-flt.xml": (260.86, -22.5699, 7.4699, "2023-04-29T20:11:57.550000+00:00"),
    "ipn.xml": (None, None, None, "2014-12-02T11:17:06.300000+00:00"),
    "swift-xrt-pos.xml": (65.1167, -71.2509, 0.001, "2015-12-10T03:15:53+00:00"),
    "svom/sb26042105_grm-trigger.xml": (None, None, None, "2026-04-21T04:13:21+00:00"),
    "svom/sb26042105_eclairs-wakeup.xml": (
        189.9811,
        -17.7676,
        0.0535,
        "2026-04-21T04:13:17.959000+00:00",
    ),
}


def test_every_real_packet_is_read_and_says_what_was_tolerated() -> None:
    if not SHARED.exists():
        pytest.skip("the folder of real packets is not here")
    paths = sorted(SHARED.glob("**/*.xml"))
    assert len(paths) >= 22
    for path in paths:
        packet = parse(path.read_bytes())
        expected = TOLERATED[path.name] if path.parent == SHARED else []
        assert len(packet.tolerated) == len(expected), (path.name, packet.tolerated)
        for note, mention in zip(packet.tolerated, expected, strict=True):
            assert mention in note
        assert packet.ivorn.startswith("ivo://")
        assert packet.author_ivorn.startswith("ivo://")
        assert packet.date is not None


@pytest.mark.parametrize("name", REAL)
def test_where_and_when_of_real_packets(name: str) -> None:
    ra, dec, radius, time = REAL[name]
    packet = parse(real_packet(name))
    expected = (
        None if ra is None or dec is None else SkyPosition(ra_deg=ra, dec_deg=dec, error_radius_deg=radius)
    )
    assert packet.position == expected
    assert packet.event_time is not None
    assert packet.event_time.isoformat() == time


def test_parts_of_a_real_packet() -> None:
    packet = parse(real_packet("swift-bat-grb-pos.xml"))
    assert packet.role is Role.TEST
    assert packet.version == "2.0"
    assert packet.param("TrigID") == "99999"
    assert packet.param("Point_Source") is None
    assert packet.param("Point_Source", "Solution_Status") == "true"
    inten = next(p for p in packet.params if p.name == "Burst_Inten")
    assert (inten.value, inten.unit, inten.ucd) == ("1000", "cts", "phot.count;em.gamma.soft")
    retraction = parse(real_packet("svom/sb26043009_retraction.xml"))
    assert [c.cite for c in retraction.citations] == [CiteKind.RETRACTION] * 3


def document(
    *,
    attributes: str = 'ivorn="ivo://a/b#c" version="2.0" role="observation"',
    namespace: str = "http://www.ivoa.net/xml/VOEvent/v2.0",
    inside: str = "",
) -> bytes:
    return f'<voe:VOEvent xmlns:voe="{namespace}" {attributes}>{inside}</voe:VOEvent>'.encode()


def where(
    position: str = "", time: str = "2026-11-22T01:02:03", system: str = "UTC-ICRS-GEO", what: str = ""
) -> bytes:
    return document(
        inside=f"<What>{what}</What><WhereWhen><ObsDataLocation><ObservatoryLocation>"
        '<AstroCoordSystem id="UTC-GEOD-TOPO"/><AstroCoords coord_system_id="UTC-GEOD-TOPO">'
        "<Time><TimeInstant><ISOTime>1999-01-01T00:00:00</ISOTime></TimeInstant></Time></AstroCoords>"
        f'</ObservatoryLocation><ObservationLocation><AstroCoordSystem id="{system}"/>'
        f'<AstroCoords coord_system_id="{system}"><Time><TimeInstant><ISOTime>{time}</ISOTime></TimeInstant></Time>'
        f"{position}</AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>"
    )


def position(ra: str, dec: str, radius: str | None = "0.1", unit: str = ' unit="deg"') -> str:
    error = "" if radius is None else f"<Error2Radius>{radius}</Error2Radius>"
    return f"<Position2D{unit}><Value2><C1>{ra}</C1><C2>{dec}</C2></Value2>{error}</Position2D>"


@pytest.mark.parametrize(
    ("raw", "mention"),
    [
        (document(attributes='ivorn="ivo://a/b#c" version="2.0"'), "role is absent"),
        (document(attributes='ivorn="ivo://a/b#c" version="2.0" role="OBSERVATION"'), "role"),
        (document(attributes='ivorn=" ivo://a/b#c" version="2.0" role="test"'), "white space around the IVORN"),
        (document(attributes='ivorn="a/b#c" version="2.0" role="test"'), "ivorn"),
        (document(attributes='ivorn="ivo://a/b#c" role="test"'), "version"),
        (document(attributes='ivorn="ivo://a/b#c" version="1.1" role="test"',
                  namespace="http://www.ivoa.net/xml/VOEvent/v1.1"), "1.1 read as 2.0"),
        (document(attributes='ivorn="ivo://a/b#c" version="2.1" role="test"',
                  namespace="http://www.ivoa.net/xml/VOEvent/v2.1"), "2.1 read as 2.0"),
        (document(namespace="http://ivoa.net/xml/VOEvent/v2.0/"), "namespace"),
        (document(inside="<Who><Date>yesterday</Date></Who>"), "Who/Date not read"),
        (document(inside="<Nonsense/>"), "Nonsense"),
        (document(inside="<What><Param name='a' value='true' dataType='bool'/></What>"), "bool"),
        (document(inside="<Citations><EventIVORN cite='update'>ivo://a/b#d</EventIVORN></Citations>"), "followup"),
        (document(inside="<Citations><EventIVORN cite='followup'/></Citations>"), "left out"),
        (where(time="2026-11--22T01:02:03"), "read as 2026-11-22T01:02:03"),
        (where(time="the other night"), "event time not read"),
        (where(system="ET-ICRS-GEO"), "no time scale"),
        (where(position("10", "20"), system="UTC-GALACTIC-TOPO"), "not ICRS or FK5"),
        (where(position("-1", "20")), "position not read"),
        (where(position("10", "91")), "position not read"),
        (where(position("nan", "20")), "C1 is nan"),
        (where(position("10", "")), "C2 is missing"),
        (where(position("10:00:00", "20")), "position not read"),
        (where(position("10", "20", unit=' unit="hours"')), "unit 'hours'"),
        (where(position("10", "20", "-1")), "error radius not read"),
        (where(position("360", "20")), "read as 0"),
        (where(position("0", "0"), what='<Param name="Coords_String" value="unavailable/inappropriate"/>'),
         "unavailable"),
    ],
)  # fmt: skip
def test_what_is_read_over_is_said(raw: bytes, mention: str) -> None:
    packet = parse(raw)
    assert any(mention in note for note in packet.tolerated), packet.tolerated


@pytest.mark.parametrize(
    ("position_text", "expected"),
    [
        (position("10", "20"), SkyPosition(ra_deg=10, dec_deg=20, error_radius_deg=0.1)),
        (position("10", "20", None), SkyPosition(ra_deg=10, dec_deg=20)),
        (position("10", "20", "-1"), SkyPosition(ra_deg=10, dec_deg=20)),
        (position("360.0", "-90"), SkyPosition(ra_deg=0, dec_deg=-90, error_radius_deg=0.1)),
        (position("0", "0"), SkyPosition(ra_deg=0, dec_deg=0, error_radius_deg=0.1)),
        (position("10", "20", unit=""), SkyPosition(ra_deg=10, dec_deg=20, error_radius_deg=0.1)),
        (position("10", "20", unit=' unit="deg-deg"'), SkyPosition(ra_deg=10, dec_deg=20, error_radius_deg=0.1)),
        (position("-1", "-1", "-1"), None),
        ("", None),
    ],
)  # fmt: skip
def test_positions(position_text: str, expected: SkyPosition | None) -> None:
    assert parse(where(position_text)).position == expected


def test_radians_are_converted() -> None:
    found = parse(where(position("1", "-0.5", "0.01", ' unit="rad"'))).position
    assert found is not None
    assert found.ra_deg == pytest.approx(57.29578)
    assert found.dec_deg == pytest.approx(-28.64789)
    assert found.error_radius_deg == pytest.approx(0.572958)


@pytest.mark.parametrize(
    ("time", "system", "seconds"),
    [
        ("2026-11-22T01:02:03", "UTC-ICRS-GEO", 0.0),
        ("2026-11-22T01:02:03Z", "UTC-FK5-TOPO", 0.0),
        ("2026-11-22T02:02:03+01:00", "UTC-ICRS-GEO", 0.0),
        ("2026-11-22T01:02:03", "TT-ICRS-GEO", -69.184),
        ("2026-11-22T01:02:03", "TDB-ICRS-BARY", -69.184),
        ("2026-11-22T01:02:03", "GPS-ICRS-GEO", -18.0),
    ],
)
def test_time_scales(time: str, system: str, seconds: float) -> None:
    assert parse(where(time=time, system=system)).event_time == AT + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("gps", "utc"),
    [
        ("2016-12-31T23:59:59", "2016-12-31T23:59:42+00:00"),
        ("2017-01-01T00:00:16", "2016-12-31T23:59:59+00:00"),
        ("2017-01-01T00:00:18", "2017-01-01T00:00:00+00:00"),
        ("1980-01-06T00:00:00", "1980-01-06T00:00:00+00:00"),
    ],
)
def test_gps_time_around_leap_seconds(gps: str, utc: str) -> None:
    time = parse(where(time=gps, system="GPS-FK5-TOPO")).event_time
    assert time is not None
    assert time.isoformat() == utc


def test_the_scale_of_an_instant_goes_before_that_of_its_system() -> None:
    raw = where().replace(b"</ISOTime></TimeInstant></Time></AstroCoords></ObservationLocation>",
                          b"</ISOTime><TimeScale>tt</TimeScale></TimeInstant></Time></AstroCoords></ObservationLocation>")  # fmt: skip
    assert parse(raw).event_time == AT - timedelta(seconds=69.184)


def test_a_leap_second_is_read_as_the_end_of_its_minute() -> None:
    packet = parse(where(time="2016-12-31T23:59:60.5"))
    assert packet.event_time == datetime(2016, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert packet.tolerated


def test_a_packet_of_2_1_with_an_interval() -> None:
    packet = parse(
        document(
            attributes='ivorn="ivo://a/b#c" version="2.1" role="observation"',
            namespace="http://www.ivoa.net/xml/VOEvent/v2.1",
            inside='<WhereWhen><ObsDataLocation><ObservatoryLocation id="x"/><ObservationLocation>'
            '<AstroCoordSystem id="UTC-ICRS-TOPO"/><AstroCoords coord_system_id="UTC-ICRS-TOPO"><Time unit="s">'
            "<TimeInterval><ISOTimeStart>2026-11-22T01:02:03</ISOTimeStart>"
            "<ISOTimeStop>2026-11-22T02:00:00</ISOTimeStop></TimeInterval></Time>"
            '<Position2D unit="deg"><Value2><C1 pos_unit="deg">5</C1><C2>6</C2></Value2></Position2D>'
            "</AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>",
        )
    )
    assert packet.event_time == AT
    assert packet.position == SkyPosition(ra_deg=5, dec_deg=6)
    assert packet.tolerated == ("VOEvent 2.1 read as 2.0",)


def test_a_packet_of_1_1_with_namespaces_inside() -> None:
    packet = parse(
        document(
            attributes='ivorn="ivo://a/b#c" version="1.1" role="observation" xmlns:s="http://stc"',
            namespace="http://www.ivoa.net/xml/VOEvent/v1.1",
            inside="<Who><AuthorIVORN>ivo://a/b</AuthorIVORN><Date>2026-11-22T01:02:03</Date></Who>"
            '<What><Param name="p" value="1"/></What>'
            "<WhereWhen><s:ObsDataLocation><s:ObservationLocation>"
            '<s:AstroCoords coord_system_id="UTC-FK5-GEO"><s:Time><s:TimeInstant>'
            "<s:ISOTime>2026-11-22T01:02:03</s:ISOTime></s:TimeInstant></s:Time>"
            '<s:Position2D unit="deg"><s:Value2><s:C1>5</s:C1><s:C2>6</s:C2></s:Value2>'
            "<s:Error2Radius>1</s:Error2Radius></s:Position2D></s:AstroCoords></s:ObservationLocation>"
            "</s:ObsDataLocation></WhereWhen>",
        )
    )
    assert (packet.date, packet.event_time, packet.param("p")) == (AT, AT, "1")
    assert packet.position == SkyPosition(ra_deg=5, dec_deg=6, error_radius_deg=1)


def test_values_tables_and_descriptions() -> None:
    packet = parse(
        document(
            inside='<What><Param name="a"><Value> long </Value><Description> about </Description></Param>'
            '<Param name="b" value="attribute"><Value>element</Value></Param>'
            '<Table name="t"><Description>table</Description><Param name="p" value="q"/>'
            '<Field name="x" unit="s" ucd="time" dataType="float"><Description>column</Description></Field>'
            "<Data><TR><TD>1</TD></TR><TR><TD/></TR></Data></Table></What>"
            "<Citations><EventIVORN cite='Supersedes'> ivo://a/b#d </EventIVORN></Citations>"
            "<Description> about it </Description>"
        )
    )
    assert (packet.param("a"), packet.param("b"), packet.params[0].description) == (
        " long ",
        "attribute",
        "about",
    )
    table = packet.table("t")
    assert table is not None
    assert table.rows == (("1",), ("",))
    assert (table.fields[0].unit, table.fields[0].description, table.description) == ("s", "column", "table")
    assert table.params[0].value == "q"
    assert packet.citations == (Citation(ivorn="ivo://a/b#d", cite=CiteKind.SUPERSEDES),)
    assert packet.description == "about it"


def test_a_packet_of_ours_that_needs_tolerance_is_not_read() -> None:
    raw = build(*EXAMPLES["receipt"]).raw.replace(b"<Who>", b"<Who><Nonsense/>")
    packet = parse(raw)
    with pytest.raises(InvalidError, match=r"not valid VOEvent 2\.0.*Nonsense"):
        read(packet)
