"""Mail and topics between agents on a real Prosody."""

import asyncio
import statistics
import time
from xml.etree import ElementTree as ET

import pytest
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from messaging.session import Arrival, SessionDownError, UndeliverableError
from messaging.xmpp import create_topic, delete_topic, topics
from messaging.xmpp.stream import Stream
from voevent.packet import MAX_PACKET_BYTES

from .conftest import Site, envelope, until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

EVENT = "http://jabber.org/protocol/pubsub#event"


def overheard(stream: Stream) -> list[ET.Element]:
    """All messages that reach a chat client from now on."""
    messages: list[ET.Element] = []
    stream.register_handler(
        Callback("overheard", StanzaPath("message"), lambda message: messages.append(message.xml))
    )
    return messages


def forged_packet() -> ET.Element:
    packet = ET.Element("{urn:x-followup:packet:1}packet", {"ivorn": "i", "sha256": "s"})
    packet.text = "Zm9yZ2Vk"
    return packet


async def test_bytes_travel_whole_both_ways(site: Site) -> None:
    csc, gft = await site.opened("csc"), await site.opened("gft-x")
    raw = bytes(range(256)) * 16 + b"\r\n<!-- kept -->\r\n"
    sent = envelope(raw)
    await csc.session.send("gft-x", sent)
    [arrival] = await gft.received()
    assert (arrival.raw, arrival.sender) == (raw, "csc")
    assert (arrival.claimed_ivorn, arrival.claimed_sha256) == (sent.id.ivorn, sent.id.sha256)
    assert (arrival.topic, arrival.publisher, arrival.problem) == (None, None, "")
    await gft.session.send("csc", envelope(b"receipt"))
    assert (await csc.received())[0].raw == b"receipt"


async def test_the_largest_packet_passes(site: Site) -> None:
    csc, gft = await site.opened("csc"), await site.opened("gft-x")
    await csc.session.send("gft-x", envelope(b"x" * MAX_PACKET_BYTES))
    assert len((await gft.received())[0].raw) == MAX_PACKET_BYTES


async def test_packets_arrive_in_order(site: Site) -> None:
    csc, gft = await site.opened("csc"), await site.opened("gft-x")
    for number in range(200):
        await csc.session.send("gft-x", envelope(b"%d" % number))
    await gft.received(200)
    assert gft.raws == [b"%d" % number for number in range(200)]


async def test_a_failing_courier_does_not_stop_the_next_packet(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    csc, gft = await site.opened("csc"), await site.opened("gft-x")
    taken = gft.session.on_arrival

    async def fails_once(arrival: object) -> None:
        gft.session.on_arrival = taken
        raise OSError("disk full")

    gft.session.on_arrival = fails_once
    await csc.session.send("gft-x", envelope(b"first"))
    await csc.session.send("gft-x", envelope(b"second"))
    await gft.received()
    assert gft.raws == [b"second"]
    assert "not committed" in caplog.text


async def test_an_arrival_does_not_wait_for_the_commit_of_the_one_before(site: Site) -> None:
    csc, gft = await site.opened("csc"), await site.opened("gft-x")
    begun: list[bytes] = []
    both = asyncio.Event()

    async def commit_together(arrival: Arrival) -> None:
        begun.append(arrival.raw)
        if len(begun) == 2:
            both.set()
        await both.wait()

    gft.session.on_arrival = commit_together
    for raw in (b"first", b"second"):
        await csc.session.send("gft-x", envelope(raw))
    async with asyncio.timeout(5):
        await both.wait()
    assert begun == [b"first", b"second"]


async def test_a_person_reads_the_body_of_mail_and_of_events(site: Site, topic: str) -> None:
    relay = await site.opened("csc-ftp")
    reader = await site.person("csc", "followup")
    heard = overheard(reader)
    await topics.subscribe(reader, topic)
    await relay.session.send("csc", envelope(b"x", body="trigger for GRB 1 <0.5 deg>"))
    await relay.session.publish(topic, envelope(b"y", body="result: r=18.2"))
    await until(lambda: len(heard) == 2)
    bodies = [message.findtext("{jabber:client}body") for message in heard]
    assert bodies == ["trigger for GRB 1 <0.5 deg>", "result: r=18.2"]


async def test_a_person_under_an_agents_account_does_not_get_its_mail(site: Site) -> None:
    person = await site.person("csc")
    person.send_presence(ppriority=127)
    heard = overheard(person)
    csc, gft = await site.opened("csc"), await site.opened("gft-x")
    await gft.session.send("csc", envelope(b"for the agent"))
    await csc.received()
    await csc.session.close()
    await gft.session.send("csc", envelope(b"while the agent is away"))
    # The server handles one sender's stanzas in order: this talk shows that the packet was handled.
    gft.session.stream.send_message(mto="csc@followup.test", mbody="done")
    await until(lambda: bool(heard))
    assert [message.findtext("{jabber:client}body") for message in heard] == ["done"]


async def test_what_a_person_sends_under_an_agents_account_is_not_believed(site: Site) -> None:
    gft = await site.opened("gft-x")
    person = await site.person("csc")
    message = person.make_message(mto="gft-x@followup.test/followup", mbody="hm")
    message.send()
    message = person.make_message(mto="gft-x@followup.test/followup", mbody="a packet")
    message.xml.append(forged_packet())
    message.send()
    [arrival] = await gft.received()
    assert "not the agent csc" in arrival.problem


async def test_a_topic_reaches_its_members_only(site: Site, topic: str) -> None:
    relay = await site.opened("csc-ftp")
    csc = await site.subscribed("csc", topic)
    gft = await site.subscribed("gft-x", topic)
    other = await site.opened("gft-y", topics=(topic,))
    sent = envelope(b"members only")
    await relay.session.publish(topic, sent)
    for agent in (csc, gft):
        [arrival] = await agent.received()
        assert (arrival.topic, arrival.publisher, arrival.problem) == (topic, "csc-ftp", "")
        assert (arrival.claimed_sha256, arrival.claimed_ivorn) == (sent.id.sha256, sent.id.ivorn)
    stream = other.session.stream
    for request in (
        topics.subscribe(stream, topic),
        topics.item_ids(stream, topic),
        topics.items(stream, topic, [sent.id.sha256], [topic]),
        other.session.publish(topic, envelope(b"not mine")),
        gft.session.publish(topic, envelope(b"a member is no publisher")),
        create_topic(other.session, "gft-y"),
        delete_topic(gft.session, "gft-x"),
    ):
        with pytest.raises(UndeliverableError, match="forbidden"):
            await request
    assert other.arrivals == []
    with pytest.raises(UndeliverableError, match="item-not-found"):
        await relay.session.publish("followup/gft-none", envelope(b"nowhere"))


async def test_a_forged_event_is_not_believed(site: Site, topic: str) -> None:
    csc = await site.subscribed("csc", topic)
    forger = await site.opened("gft-x")
    message = forger.session.stream.make_message(
        mto="csc@followup.test/followup", mbody="look", mtype="headline"
    )
    event = ET.SubElement(message.xml, f"{{{EVENT}}}event")
    items = ET.SubElement(event, f"{{{EVENT}}}items", {"node": topic})
    publisher = {"id": "s", "publisher": "csc-ftp@followup.test"}
    ET.SubElement(items, f"{{{EVENT}}}item", publisher).append(forged_packet())
    message.send()
    arrival = (await csc.received())[0]
    assert "not from the topic service" in arrival.problem
    assert (arrival.sender, arrival.topic, arrival.publisher) == ("gft-x", None, None)


async def test_an_oversized_packet_is_not_sent_and_the_connection_lives(site: Site) -> None:
    csc, gft = await site.opened("csc"), await site.opened("gft-x")
    for attempt in (
        csc.session.send("gft-x", envelope(b"x" * 300_000)),
        csc.session.publish("followup/gft-x", envelope(b"x" * 300_000)),
    ):
        with pytest.raises(UndeliverableError, match="larger than the XMPP server takes"):
            await attempt
    await csc.session.send("gft-x", envelope(b"small"))
    await gft.received()
    assert csc.online == [True]


async def test_peers_know_of_each_other(site: Site) -> None:
    csc = await site.opened("csc", peers=("gft-x", "gft-y"))
    assert csc.session.present("gft-x")  # nothing is known yet
    await until(lambda: not csc.session.present("gft-x"))
    gft = await site.opened("gft-x", peers=("csc",))
    await until(lambda: csc.session.present("gft-x") and ("csc", True) in gft.presence)
    await gft.session.close()
    await until(lambda: not csc.session.present("gft-x"))
    assert [there for user, there in csc.presence if user == "gft-x"] == [False, True, False]
    assert [there for user, there in csc.presence if user == "gft-y"] == [False]


async def test_presence_is_for_peers_only(site: Site) -> None:
    person = await site.person("gft-y")
    person.send_presence()
    heard: list[str] = []
    person.register_handler(
        Callback("presence", StanzaPath("presence"), lambda presence: heard.append(str(presence["from"])))
    )
    csc = await site.opened("csc", peers=("gft-x",))
    csc.session.stream.send_message(mto="gft-y@followup.test", mbody="done")
    talk = overheard(person)
    await until(lambda: bool(talk))
    assert not [address for address in heard if address.startswith("csc@")]


async def test_a_peer_that_is_named_later_is_told(site: Site) -> None:
    csc, gft = await site.opened("csc"), await site.opened("gft-x")
    csc.session.add_peer("gft-x")
    await until(lambda: ("csc", True) in gft.presence and ("gft-x", True) in csc.presence)


async def test_a_topic_that_is_made_later_is_subscribed_to_then(site: Site) -> None:
    topic = "followup/gft-y"
    csc = await site.opened("csc", topics=(topic,))
    relay = await site.opened("csc-ftp")
    with pytest.raises(UndeliverableError, match="item-not-found"):
        await csc.session.add_topic(topic)
    await create_topic(relay.session, "gft-y")
    await create_topic(relay.session, "gft-y")  # again: put right, not refused
    await relay.session.publish(topic, envelope(b"before the subscription"))
    await csc.received()
    await delete_topic(relay.session, "gft-y")
    await delete_topic(relay.session, "gft-y")  # again: nothing to do
    await until(lambda: not csc.session._topics._subscribed[topic])
    await create_topic(relay.session, "gft-y")
    await until(lambda: csc.session._topics._subscribed[topic])
    await relay.session.publish(topic, envelope(b"after it was made again"))
    await csc.received(2)
    # What comes while it asks for what it missed may come twice: the journal knows.
    assert list(dict.fromkeys(csc.raws)) == [b"before the subscription", b"after it was made again"]
    csc.session.remove_topic(topic)
    await relay.session.publish(topic, envelope(b"no longer wanted"))
    await until(lambda: "did not subscribe" in csc.arrivals[-1].problem)
    await delete_topic(relay.session, "gft-y")


async def test_what_the_topic_holds_is_fetched_in_order(site: Site, topic: str) -> None:
    relay = await site.opened("csc-ftp")
    sent = [b"item %d" % number for number in range(45)]
    for raw in sent:
        await relay.session.publish(topic, envelope(raw))
    csc = await site.opened("csc", topics=(topic,))
    await csc.received(45)
    assert csc.raws == sent
    assert {(a.topic, a.publisher, a.problem, a.replayed) for a in csc.arrivals} == {
        (topic, "csc-ftp", "", True)
    }
    await relay.session.publish(topic, envelope(b"live"))
    assert not (await csc.received(46))[-1].replayed


async def test_nothing_is_sent_while_not_connected(site: Site) -> None:
    csc = site.agent("csc")
    for attempt in (
        csc.session.send("gft-x", envelope(b"x")),
        csc.session.publish("followup/gft-x", envelope(b"x")),
    ):
        with pytest.raises(SessionDownError, match="not connected"):
            await attempt


async def test_an_acknowledged_round_trip_takes_milliseconds(
    site: Site,
) -> None:
    csc, gft = await site.opened("csc"), await site.opened("gft-x")
    answered = asyncio.Event()

    async def receipt(_arrival: object) -> None:
        await gft.session.send("csc", envelope(b"r" * 2000))

    async def noted(_arrival: object) -> None:
        answered.set()

    gft.session.on_arrival = receipt
    csc.session.on_arrival = noted
    taken = []
    for number in range(60):
        answered.clear()
        began = time.perf_counter()
        await csc.session.send("gft-x", envelope(b"%d" % number + b"x" * 4000))
        await answered.wait()
        taken.append(time.perf_counter() - began)
    # 2.5 to 4 ms on an idle machine; with Nagle's algorithm on either side it would be above 40 ms.
    assert statistics.median(taken) < 0.03


async def test_what_is_published_meanwhile_comes_after_what_was_there_before(site: Site, topic: str) -> None:
    relay = await site.opened("csc-ftp")
    raws = [b"%03d" % number for number in range(120)]

    async def publish(some: list[bytes]) -> None:
        for raw in some:
            await relay.session.publish(topic, envelope(raw))

    await publish(raws[:40])
    going_on = asyncio.create_task(publish(raws[40:]))
    csc = await site.opened("csc", topics=(topic,))
    await going_on
    await until(lambda: set(csc.raws) == set(raws))
    assert list(dict.fromkeys(csc.raws)) == raws
