# ruff: noqa: E501  # documents and messages stay unbroken
"""Our grammar, by itself and held against the official schema of VOEvent 2.0."""

from __future__ import annotations

import copy
import re
import threading
from importlib.metadata import distribution
from pathlib import Path

import pytest
from astropy.io.votable.ucd import parse_ucd
from astropy.units import Unit
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.voevent.builders import EXAMPLES, shared_packets
from voevent import InvalidError, build, validate, violations
from voevent.validate import violations_of

OFFICIAL = etree.XMLSchema(
    etree.parse(str(Path(str(distribution("Comet").locate_file("comet/schema/VOEvent-v2.0.xsd")))))
)
NS = "http://www.ivoa.net/xml/VOEvent/v2.0"

# Every element and attribute of the standard at least once.
FULL = f"""<v:VOEvent xmlns:v="{NS}" ivorn="ivo://a/b#c" version="2.0" role="prediction">
<Who><AuthorIVORN>ivo://a/b</AuthorIVORN><Date>2026-11-22T00:00:00</Date><Description>d</Description>
<Reference uri="http://x" type="url" mimetype="text/plain" meaning="http://y"/>
<Author><title>t</title><shortName>s</shortName><logoURL>http://l</logoURL><contactName>n</contactName>
<contactEmail>e</contactEmail><contactPhone>p</contactPhone><contributor>c</contributor></Author></Who>
<What><Param name="a" value="1" unit="deg" ucd="pos" dataType="int" utype="u"><Value>1</Value>
<Description>d</Description><Reference uri="http://x"/></Param><Description>d</Description>
<Group name="g" type="t"><Param name="b" value="x"/><Description>d</Description><Reference uri="u"/></Group>
<Table name="t" type="y"><Description>d</Description><Reference uri="u"/><Param name="p" value="q"/>
<Field name="f" unit="s" ucd="time" dataType="float" utype="u"><Description>d</Description></Field>
<Data><TR><TD>1</TD></TR></Data></Table><Reference uri="u"/></What>
<WhereWhen id="w"><ObsDataLocation><ObservatoryLocation id="G"><AstroCoordSystem id="UTC-GEOD-TOPO"/>
<AstroCoords coord_system_id="UTC-GEOD-TOPO"><Position3D unit="deg-deg-m"><Name1>a</Name1><Name2>b</Name2>
<Name3>c</Name3><Value3><C1>1</C1><C2>2</C2><C3>3</C3></Value3></Position3D></AstroCoords></ObservatoryLocation>
<ObservationLocation><AstroCoordSystem id="UTC-FK5-GEO"/><AstroCoords coord_system_id="UTC-FK5-GEO">
<Time unit="s"><TimeInstant><ISOTime>2026-11-22T00:00:00</ISOTime><TimeOffset>0</TimeOffset>
<TimeScale>1</TimeScale></TimeInstant><Error>0.1</Error></Time><Position2D unit="deg"><Name1>RA</Name1>
<Name2>Dec</Name2><Value2><C1>1</C1><C2>2</C2></Value2><Error2Radius>0.1</Error2Radius></Position2D>
</AstroCoords></ObservationLocation></ObsDataLocation><Description>d</Description><Reference uri="u"/></WhereWhen>
<How><Description>d</Description><Reference uri="u"/></How>
<Why importance="0.5" expires="2026-11-23T00:00:00"><Name>n</Name><Concept>c</Concept><Description>d</Description>
<Reference uri="u"/><Inference probability="0.5" relation="r"><Name>n</Name><Concept>c</Concept>
<Description>d</Description><Reference uri="u"/></Inference></Why>
<Citations><EventIVORN cite="supersedes">ivo://a/b#d</EventIVORN><Description>d</Description></Citations>
<Description>d</Description><Reference uri="u"/></v:VOEvent>""".encode()

DOCUMENTS = [FULL] + [build(*e).raw for e in EXAMPLES.values()] + [p.read_bytes() for p in shared_packets()]
ROOTS = [
    etree.fromstring(raw, etree.XMLParser(remove_comments=True, remove_blank_text=True)) for raw in DOCUMENTS
]
ELEMENTS = sorted({str(e.tag) for root in ROOTS for e in root.iterdescendants()})
ATTRIBUTES = sorted(
    {str(name) for root in ROOTS for e in root.iter() for name in e.attrib if "{" not in name}
)
VALUES = ["", " ", "x", "1", "-1", "2", "NaN", "1e3", "2.0", "test", "deg", "float", "bool", "followup",
          "ivo://a/b#c", "ivo://a/b", "http://x", "UTC-ICRS-GEO", "UTC-ICRS", "2026-11-22T00:00:00",
          "2016-01--26T00:00:00"]  # fmt: skip

DATE_TIME = re.compile(r"\s*\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?\s*")


def names_of(parent: etree._Element) -> list[str]:
    return [str(child.tag) for child in parent]


def falls_short(root: etree._Element) -> bool:
    """Whether a document breaks what our grammar demands beyond the official one, as its head lists it."""
    return (
        not re.fullmatch(r"ivo://[^/#\s]+/[^#\s]*#\S+", root.get("ivorn", ""))
        or any(not re.fullmatch(r"ivo://\S+", e.text or "") for e in root.iter("AuthorIVORN"))
        or any(not re.fullmatch(r"\S+", e.text or "") or not e.get("cite") for e in root.iter("EventIVORN"))
        or any(not data_closes(names_of(e)) for e in root.iter("Table"))
        or any(names_of(e).count("ObsDataLocation") != 1 for e in root.iter("WhereWhen"))
        or any(
            names_of(e).count("TimeInstant") != 1 or names_of(e).count("Error") > 1 for e in root.iter("Time")
        )
        or any(
            names_of(e).count("ISOTime") != 1 or len(set(names_of(e))) < len(e)
            for e in root.iter("TimeInstant")
        )
        or any(not DATE_TIME.fullmatch(e.text or "") for e in root.iter("ISOTime"))
    )


def data_closes(names: list[str]) -> bool:
    return names.count("Data") == 1 and set(names[names.index("Data") + 1 :]) <= {"Description", "Reference"}


def tell_apart(root: etree._Element) -> tuple[tuple[str, ...], bool]:
    again = etree.fromstring(etree.tostring(root))
    return violations_of(again), OFFICIAL.validate(again)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_ours_accepts_what_the_official_schema_accepts_but_for_the_list_at_its_head(
    data: st.DataObject,
) -> None:
    root = copy.deepcopy(data.draw(st.sampled_from(ROOTS)))
    for _ in range(data.draw(st.integers(0, 2))):
        everything = list(root.iter())
        element = everything[data.draw(st.integers(0, len(everything) - 1))]
        parent = element.getparent()
        match data.draw(st.sampled_from(["attribute", "drop", "text", "remove", "repeat", "rename", "move"])):
            case "attribute":
                element.set(data.draw(st.sampled_from(ATTRIBUTES)), data.draw(st.sampled_from(VALUES)))
            case "drop" if element.attrib:
                del element.attrib[data.draw(st.sampled_from(sorted(map(str, element.attrib))))]
            case "text":
                element.text = data.draw(st.sampled_from(VALUES))
            case "remove" if parent is not None:
                parent.remove(element)
            case "repeat" if parent is not None:
                parent.append(copy.deepcopy(element))
            case "rename" if parent is not None:
                element.tag = data.draw(st.sampled_from(ELEMENTS))
            case "move" if parent is not None:
                parent.insert(0, element)
    ours, official = tell_apart(root)
    if official:
        assert (not ours) == (not falls_short(root)), ours
    else:
        assert ours, OFFICIAL.error_log


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.get("ivorn"))
def test_both_agree_on_undamaged_packets(root: etree._Element) -> None:
    ours, official = tell_apart(root)
    assert (not ours) == official, ours


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("ivo://a/b#c", "gcn/b#c"), "ivorn"),
        (("<AuthorIVORN>ivo://a/b<", "<AuthorIVORN>me<"), "AuthorIVORN"),
        ((' cite="supersedes"', ""), "'cite' is required"),
        (("ivo://a/b#d", " "), "EventIVORN"),
        (("<Data>", "<Data><TR><TD/></TR></Data><Data>"), "Data"),
        (("<ISOTime>2026-11-22T00:00:00<", "<ISOTime>last night<"), "ISOTime"),
        (("<Error>0.1</Error>", "<TimeInstant/>"), "TimeInstant"),
    ],
)
def test_where_ours_is_tighter(change: tuple[str, str], why: str) -> None:
    raw = FULL.decode().replace(*change).encode()
    assert raw != FULL
    assert OFFICIAL.validate(etree.fromstring(raw)), OFFICIAL.error_log
    with pytest.raises(InvalidError, match=why):
        validate(raw)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("<Citations>", "<Nonsense/><Citations>"), "Nonsense"),
        (('version="2.0"', 'version="2.1"'), "version"),
        (("http://www.ivoa.net/xml/VOEvent/v2.0", "http://www.ivoa.net/xml/VOEvent/v1.1"), "VOEvent"),
        (('dataType="int"', 'datatype="int"'), "datatype"),
        (('dataType="int"', 'dataType="bool"'), "bool"),
        (('role="prediction"', 'role="drill"'), "role"),
        (("<C1>1</C1>", "<C1>one</C1>"), "C1"),
        (('probability="0.5"', 'probability="1.5"'), "1.5"),
        (("<Group ", "text<Group "), "content"),
    ],
)
def test_violations_are_named(change: tuple[str, str], why: str) -> None:
    raw = FULL.decode().replace(*change).encode()
    assert not OFFICIAL.validate(etree.fromstring(raw))
    with pytest.raises(InvalidError, match=why):
        validate(raw)


def test_the_message_stays_short() -> None:
    raw = FULL.replace(b"<What>", b"<What>" + b"<Nonsense/>" * 50 + b"<Param dataType='x'/>" * 50)
    found = violations(raw)
    assert 1 <= len(found) <= 20
    with pytest.raises(InvalidError) as caught:
        validate(raw)
    assert len(str(caught.value)) < 1000


def test_one_wrong_value_is_one_violation() -> None:
    assert len(violations(FULL.replace(b'dataType="int"', b'dataType="bool"'))) == 1


def test_threads_do_not_mix_their_violations() -> None:
    wrong = [FULL.replace(b'dataType="int"', f'dataType="x{n}"'.encode()) for n in range(4)]
    mixed: list[str] = []

    def check(n: int) -> None:
        for _ in range(100):
            found = violations(wrong[n])
            if len(found) != 1 or f"'x{n}'" not in found[0]:
                mixed.append(str(found))

    threads = [threading.Thread(target=check, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mixed == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_ucds_and_units_are_of_their_vocabularies(name: str) -> None:
    root = etree.fromstring(build(*EXAMPLES[name]).raw)
    for element in root.iter("Param", "Field"):
        if ucd := element.get("ucd"):
            parse_ucd(ucd, check_controlled_vocabulary=True)
        if unit := element.get("unit"):
            Unit(unit, format="vounit")
