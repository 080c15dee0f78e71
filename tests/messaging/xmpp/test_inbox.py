from pathlib import Path
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import pytest

from messaging.xmpp.inbox import agent_of, arrivals, deleted_topic
from messaging.xmpp.settings import XmppSettings

SETTINGS = XmppSettings(
    host="127.0.0.1", port=1, domain="followup.test", user="csc", password="x", ca_file=Path("ca.pem")
)
PACKET = '<packet xmlns="urn:x-followup:packet:1" ivorn="ivo://a/b#c" sha256="ab" summary="s">cmF3</packet>'
TOPIC = "followup/gft-x"


def message(content: str, origin: str = "gft-x@followup.test/followup", kind: str = "headline") -> Element:
    return ET.fromstring(  # noqa: S314 - this test's own text
        f'<message from="{origin}" type="{kind}">{content}</message>'
    )


def event(publisher: str = "csc-ftp@followup.test", node: str = TOPIC, content: str = PACKET) -> str:
    return (
        '<event xmlns="http://jabber.org/protocol/pubsub#event">'
        f'<items node="{node}"><item id="ab" publisher="{publisher}">{content}</item></items></event>'
    )


def test_a_packet_from_an_agent() -> None:
    [arrival] = arrivals(message(f"<body>hello</body>{PACKET}"), SETTINGS, {TOPIC})
    assert (arrival.raw, arrival.sender, arrival.claimed_sha256) == (b"raw", "gft-x", "ab")
    assert (arrival.claimed_ivorn, arrival.topic, arrival.problem) == ("ivo://a/b#c", None, "")


@pytest.mark.parametrize("kind", ["normal", "chat", "headline"])
def test_every_type_of_message_counts_but_errors(kind: str) -> None:
    assert len(arrivals(message(PACKET, kind=kind), SETTINGS, ())) == 1
    assert arrivals(message(PACKET, kind="error"), SETTINGS, ()) == []


def test_talk_among_people_is_no_arrival() -> None:
    assert arrivals(message("<body>how is the weather?</body>"), SETTINGS, ()) == []


@pytest.mark.parametrize(
    ("origin", "sender", "problem"),
    [
        ("gft-x@followup.test/phone", "gft-x", "not the agent gft-x"),
        ("gft-x@followup.test", "gft-x", "not the agent gft-x"),
        ("gft-x@elsewhere.test/followup", "gft-x@elsewhere.test", "another domain"),
        ("", "", "not named"),
    ],
)
def test_whoever_is_no_agent_is_not_believed(origin: str, sender: str, problem: str) -> None:
    [arrival] = arrivals(message(PACKET, origin), SETTINGS, ())
    assert arrival.sender == sender
    assert problem in arrival.problem


def test_an_event_of_a_topic() -> None:
    [arrival] = arrivals(message(event(), "pubsub.followup.test"), SETTINGS, {TOPIC})
    assert (arrival.raw, arrival.topic, arrival.publisher) == (b"raw", TOPIC, "csc-ftp")
    assert arrival.problem == ""


@pytest.mark.parametrize(
    ("content", "origin", "problem"),
    [
        (event(), "gft-x@followup.test/followup", "not from the topic service"),
        (event(), "csc-ftp@followup.test/followup", "not from the topic service"),
        (event(), "pubsub.followup.test/x", "not from the topic service"),
        (event(node="followup/gft-y"), "pubsub.followup.test", "did not subscribe"),
        (event(publisher="gft-x@followup.test"), "pubsub.followup.test", "not by csc-ftp"),
        (event(publisher="csc-ftp@elsewhere.test"), "pubsub.followup.test", "not by csc-ftp"),
        (event(publisher=""), "pubsub.followup.test", "nobody named"),
    ],
)
def test_an_event_that_is_not_what_it_claims(content: str, origin: str, problem: str) -> None:
    [arrival] = arrivals(message(content, origin), SETTINGS, {TOPIC})
    assert problem in arrival.problem


def test_a_packet_beside_a_forged_event_is_not_taken_for_mail() -> None:
    [arrival] = arrivals(message(event() + PACKET), SETTINGS, {TOPIC})
    assert "not from the topic service" in arrival.problem


def test_of_a_crowd_only_the_first_is_looked_at() -> None:
    [arrival] = arrivals(message(PACKET * 7), SETTINGS, ())
    assert (arrival.raw, arrival.problem) == (b"raw", "7 packets in one message")
    [arrival] = arrivals(message(event(content=PACKET * 7)), SETTINGS, {TOPIC})
    assert "not from the topic service" in arrival.problem


def test_undecodable_bytes_are_described() -> None:
    [arrival] = arrivals(message(PACKET.replace("cmF3", "%%%")), SETTINGS, ())
    assert arrival.raw == b"%%%"
    assert "base64" in arrival.problem


def test_only_the_service_deletes_topics() -> None:
    deletion = f'<event xmlns="http://jabber.org/protocol/pubsub#event"><delete node="{TOPIC}"/></event>'
    assert deleted_topic(message(deletion, "pubsub.followup.test"), SETTINGS) == TOPIC
    assert deleted_topic(message(deletion), SETTINGS) is None


def test_an_agent_is_known_by_its_full_address() -> None:
    assert agent_of("gft-x@followup.test/followup", SETTINGS) == "gft-x"
    assert agent_of("gft-x@followup.test/phone", SETTINGS) is None
    assert agent_of("gft-x@followup.test", SETTINGS) is None
    assert agent_of("followup.test/followup", SETTINGS) is None
    assert agent_of("@@", SETTINGS) is None
