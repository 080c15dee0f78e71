# ruff: noqa: E501  # documents and messages stay unbroken
"""Alerts as campaigns need them, on the real ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.voevent.builders import EXAMPLES, SHARED, real_packet
from voevent import InvalidError, SkyPosition, build, parse, read_notice
from voevent.identity import check_burst
from voevent.notice import Notice
from voevent.svom import SvomPacketType

ALERT = """<v:VOEvent xmlns:v="http://www.ivoa.net/xml/VOEvent/v2.0" ivorn="ivo://a/New_Sky.Survey#c" version="2.0"
role="observation"><Who><Date>2026-11-22T02:00:00</Date></Who><What>{what}</What><WhereWhen><ObsDataLocation>
<ObservatoryLocation/><ObservationLocation><AstroCoordSystem id="UTC-ICRS-GEO"/>
<AstroCoords coord_system_id="UTC-ICRS-GEO"><Time><TimeInstant><ISOTime>2026-11-22T01:02:03</ISOTime></TimeInstant>
</Time></AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>{rest}</v:VOEvent>"""


def alert(what: str = "", rest: str = "") -> bytes:
    return ALERT.format(what=what, rest=rest).encode()


def real(name: str) -> Notice:
    return read_notice(parse(real_packet(name)))


@pytest.mark.parametrize(
    ("name", "burst", "instrument", "packet_type", "drill"),
    [
        ("fermi-gbm-fin-pos.xml", "fermi-471542858", "Fermi-GBM", 115, False),
        ("gecam-flt.xml", "gecam-174", "GECAM", 188, False),
        ("integral.xml", "integral-150523-120323", "INTEGRAL", 54, True),
        ("ipn.xml", "ipn-141202-111706", "IPN", 31, False),
        ("swift-bat-grb-pos.xml", "swift-99999", "SWIFT-BAT", 82, True),
        ("swift-xrt-pos.xml", "swift-666931", "SWIFT-XRT", 67, False),
        ("svom/sb26042105_grm-trigger.xml", "sb26042105", "GRM", SvomPacketType.GRM_TRIGGER, False),
        ("svom/sb26042105_eclairs-wakeup.xml", "sb26042105", "ECLAIRs", SvomPacketType.ECLAIRS_WAKEUP, False),
        ("svom/sb26042105_mxt-initial_qf2.xml", "sb26042105", "MXT", SvomPacketType.MXT_INITIAL, False),
    ],
)  # fmt: skip
def test_real_alerts(name: str, burst: str, instrument: str, packet_type: int, drill: bool) -> None:
    notice = real(name)
    assert (notice.burst, notice.instrument, notice.packet_type) == (burst, instrument, packet_type)
    assert notice.drill is drill
    assert not notice.retraction
    assert notice.dates_burst


def test_all_of_svom_agree_about_their_bursts() -> None:
    if not SHARED.exists():
        pytest.skip("the folder of real packets is not here")
    for path in sorted(SHARED.glob("svom/*.xml")):
        notice = read_notice(parse(path.read_bytes()))
        assert notice.burst == path.name.partition("_")[0]
        assert notice.packet_type in set(SvomPacketType)
        assert notice.retraction is ("retraction" in path.name)
        assert (notice.position is None) is ("grm" in path.name)
        assert notice.features["SNR"]
        assert f"{notice.trigger_time:sb%y%m%d}" == notice.burst[:8]


def test_the_burst_is_dated_by_its_detection_window() -> None:
    assert real("svom/sb26042105_eclairs-wakeup.xml").trigger_time == datetime(
        2026, 4, 21, 4, 13, 17, 959000, tzinfo=UTC
    )


def test_an_x_ray_observation_does_not_date_the_burst() -> None:
    notice = real("svom/sb26022802_mxt-initial_qf1.xml")
    assert notice.trigger_time == datetime(2026, 2, 28, 21, 48, 46, 626000, tzinfo=UTC)
    assert not notice.dates_burst
    with_t0 = real("svom/sb26042105_mxt-initial_qf2.xml")
    assert with_t0.dates_burst
    assert with_t0.trigger_time == datetime(2026, 4, 21, 4, 13, 25, 589000, tzinfo=UTC)


def test_a_retraction_names_what_it_takes_back() -> None:
    notice = real("svom/sb26043009_retraction.xml")
    assert [c.ivorn.rpartition("_")[2] for c in notice.cites] == [
        "grm-trigger",
        "eclairs-preliminary",
        "not-slewing",
    ]


@pytest.mark.parametrize(
    "raw",
    [
        alert('<Group name="Misc"><Param name="Def_NOT_a_GRB" value="True"/></Group>'),
        alert(rest='<Citations><EventIVORN cite="retraction">ivo://a/b#c</EventIVORN></Citations>'),
    ],
)
def test_other_ways_to_take_a_burst_back(raw: bytes) -> None:
    assert read_notice(parse(raw)).retraction


def test_a_retraction_needs_no_time() -> None:
    raw = alert(rest='<Citations><EventIVORN cite="retraction">ivo://a/b#c</EventIVORN></Citations>')
    start, end = raw.index(b"<WhereWhen>"), raw.index(b"</WhereWhen>") + len(b"</WhereWhen>")
    notice = read_notice(parse(raw[:start] + raw[end:]))
    assert notice.retraction
    assert not notice.dates_burst
    assert notice.trigger_time == datetime(2026, 11, 22, 2, tzinfo=UTC)


def test_a_notice_flagged_as_a_test_is_a_drill() -> None:
    assert read_notice(parse(alert('<Param name="Test_Submission" value="true"/>'))).drill
    assert not read_notice(parse(alert('<Param name="Test_Submission" value="false"/>'))).drill


def test_an_unknown_stream_gives_a_name_fit_for_a_burst() -> None:
    notice = read_notice(parse(alert()))
    assert notice.burst == check_burst("new-sky-survey-261122-010203")
    assert notice.instrument == "New_Sky.Survey"
    assert notice.packet_type is None


@pytest.mark.parametrize(
    ("said", "radius"), [("", 0.0), ('<Param name="error_radius_unknown" value="true"/>', None)]
)
def test_an_error_radius_that_is_said_to_be_unknown(said: str, radius: float | None) -> None:
    where = '<Position2D unit="deg"><Value2><C1>1</C1><C2>2</C2></Value2><Error2Radius>0</Error2Radius></Position2D>'
    raw = alert(said).replace(b"</AstroCoords>", where.encode() + b"</AstroCoords>")
    assert read_notice(parse(raw)).position == SkyPosition(ra_deg=1, dec_deg=2, error_radius_deg=radius)


def test_features_of_one_name() -> None:
    notice = read_notice(
        parse(
            alert(
                '<Param name="SNR" value=" 7 "/><Group name="G"><Param name="SNR" value="8"/>'
                '<Param name="x" value="9"/></Group>'
            )
        )
    )
    assert notice.features == {"SNR": "7", "G.SNR": "8", "x": "9"}


def test_features_are_bounded() -> None:
    many = "".join(f'<Param name="p{n}" value="{n}"/>' for n in range(1000))
    long = f'<Param name="long" value="{"x" * 5000}"/>'
    features = read_notice(parse(alert(long + many))).features
    assert len(features) == 200
    assert "long" not in features


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (build(*EXAMPLES["trigger"]).raw, "a packet of a campaign"),
        (alert().replace(b'role="observation"', b'role="utility"'), "its role is utility"),
        (alert().replace(b'role="observation"', b'role="prediction"'), "its role is prediction"),
        (alert().replace(b"2026-11-22T01:02:03", b""), "no time of the event: WhereWhen gives none"),
        (alert().replace(b"2026-11-22T01:02:03", b"night"), "event time not read"),
        (
            alert('<Group name="Svom_Identifiers"><Param name="Burst_Id" value="../x"/></Group>'),
            "cannot name a burst",
        ),
    ],
)
def test_what_is_no_alert(raw: bytes, why: str) -> None:
    with pytest.raises(InvalidError, match=why):
        read_notice(parse(raw))


def test_a_broker_s_test_event_is_no_alert() -> None:
    with pytest.raises(InvalidError, match="no time of the event"):
        real("svomcgft-test-2016.xml")
