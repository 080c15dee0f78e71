"""Packets that harm, lie or overstep, sent by a telescope in strange hands through a real server.

Each is kept in quarantine with the reason and counted; its author is told so when the server vouches for it;
it has no effect, and what is sent after it is taken.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from followup.names import CSC, RELAY, topic_of
from messaging.records import OutgoingState, ToUser
from messaging.session import Envelope, UndeliverableError
from messaging.xmpp.wire import PACKET_TAG, wrap
from tests.hostile.stations import AUTHORITY, BAD, BURST, OTHER, Stations
from tests.messaging.world import status, trigger, upload
from tests.messaging.xmpp.conftest import DOMAIN, until
from voevent.build import build
from voevent.identity import sha256_of
from voevent.kinds import Content, Header, Receipt, ReceiptOutcome
from voevent.packet import MAX_PACKET_BYTES, Packet, PacketId
from voevent.parse import parse
from voevent.read import read

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

CAMPAIGN = f"{BURST}.{BAD}"
EVENT = "http://jabber.org/protocol/pubsub#event"
HEADER = Header(
    authority=AUTHORITY,
    author=BAD,
    campaign=CAMPAIGN,
    sequence=1,
    date=datetime(2026, 11, 22, 6, tzinfo=UTC),
    drill=True,
)


def packet(content: Content, **changed: object) -> Packet:
    return build(replace(HEADER, **changed), content)  # type: ignore[arg-type]  # as the tests name them


STATUS = packet(status())
RAW = STATUS.raw
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def with_prolog(prolog: str, inside: str = "") -> bytes:
    """A packet in order, but for what stands before it, and a reference inside."""
    text = RAW.decode()
    declaration, _, rest = text.partition("?>")
    return f"{declaration}?>{prolog}{rest.replace('<Who>', f'<Who>{inside}', 1)}".encode()


def nested(depth: int) -> bytes:
    return RAW.replace(b"<Who>", b"<Who>" + b"<a>" * depth + b"</a>" * depth)


BAD_BYTES: dict[str, tuple[bytes, str]] = {
    "entity expansion": (with_prolog(f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>', "&l9;"), "(DTD)"),
    "quadratic expansion": (with_prolog(f'<!DOCTYPE x [<!ENTITY a "{"a" * 9000}">]>', "&a;" * 9000), "(DTD)"),
    "an external DTD": (with_prolog('<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'), "(DTD)"),
    "an external entity": (
        with_prolog('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', "&e;"),
        "(DTD)",
    ),
    "a parameter entity": (
        with_prolog('<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>'),
        "(DTD)",
    ),
    "an empty DTD": (with_prolog("<!DOCTYPE x>"), "(DTD)"),
    "an entity nobody declared": (with_prolog("", "&e;"), "not well-formed"),
    "an inclusion": (
        with_prolog("", '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>'),
        "not valid VOEvent",
    ),
    "nested to the limit of a stack": (nested(8000), "nested deeper"),
    "nested a little too deep": (nested(30), "nested deeper"),
    "an encoding that it is not in": (RAW.replace(b"<Who>", b"<Who>\xff\xfe"), "not well-formed"),
    "an encoding that nobody reads": (RAW.replace(b"UTF-8", b"UTF-7"), "encoding 'utf-7'"),
    "UTF-16": (RAW.decode().encode("utf-16"), "NUL"),
    "UTF-16 that says so": (RAW.replace(b"UTF-8", b"UTF-16"), "encoding 'utf-16'"),
    "two encodings": (b"\xef\xbb\xbf" + RAW.replace(b"UTF-8", b"ISO-8859-1"), "starts like UTF-8"),
    "a NUL": (RAW.replace(b"<Who>", b"<Who>\0"), "NUL"),
    "a control character": (RAW.replace(b"<Who>", b"<Who>\x1b[2J"), "not well-formed"),
    "no XML": (b"\x89PNG\r\n\x1a\n" * 9, "not well-formed"),
    "another document": (b"<html><body>404</body></html>", "not a VOEvent"),
    "no kind of packet": (RAW.replace(b'"status"', b'"gossip"'), "none of the kinds"),
    "a foreign element": (RAW.replace(b"<Who>", b"<Who><Evil/>"), "not valid VOEvent"),
    "a word that is none": (RAW.replace(b'"clear"', b'"sunny"'), "expected one of"),
}
"""Bytes by what is wrong with them; and what the refusal says."""

_UPLOAD = packet(upload("night"), sequence=4)
OVERSTEPPING: dict[str, tuple[Packet, str]] = {
    "a trigger": (packet(trigger(BAD), drill=False), f"{BAD} may trigger itself for a drill only"),
    "a drill for another": (
        packet(trigger(OTHER), campaign=f"{BURST}.{OTHER}"),
        f"{BAD} may not bring a trigger by {BAD}",
    ),
    "another's campaign": (packet(status(), campaign=f"{BURST}.{OTHER}"), f"{BAD} may not bring a status"),
    "of an unknown telescope": (packet(status(), campaign=f"{BURST}.gft-z"), "gft-z is not enrolled"),
    # Our own builder makes no such packet.
    "a dataset in another's directory": (
        parse(_UPLOAD.raw.replace(b'value="night"', b'value="../../gft-y/night"')),
        "cannot name a dataset",
    ),
    "a dataset with a line end in its name": (
        parse(_UPLOAD.raw.replace(b'value="night"', b'value="ni&#10;ght"')),
        "cannot name a dataset",
    ),
}
"""Packets in order, that a telescope may not send; and what the refusal says."""

UNDECODABLE = {
    "no base64": ("%%% not base64 %%%", "not base64"),
    "nothing": ("", "empty"),
    "more than a packet may have": ("QUJD" * 50_000, "larger than the limit"),
}


async def refused(stations: Stations, packet: PacketId) -> str:
    """Wait for the refusal that reaches the author; return its reason."""

    def reasons() -> list[str]:
        told = [read(parse(arrival.raw))[1] for arrival in stations.bad.arrivals]
        return [
            one.reason
            for one in told
            if isinstance(one, Receipt) and one.outcome is ReceiptOutcome.REFUSED and one.cited == packet
        ]

    await until(lambda: bool(reasons()))
    return reasons()[0]


async def all_is_well(stations: Stations) -> Packet:
    """What is in order still gets through, and it alone had an effect."""
    good = packet(status("all is well"), sequence=100 + len(stations.proper))
    stations.proper.append(good.id)
    await stations.attack(RELAY, good.raw, ivorn=good.ivorn, sha256=good.sha256)
    await until(lambda: good.id in stations.csc.service.taken)
    assert stations.relay.service.taken == stations.csc.service.taken == stations.proper
    return good


async def test_bad_bytes_are_refused_kept_and_counted(stations: Stations) -> None:
    cases = {name: (raw, STATUS.ivorn, reason) for name, (raw, reason) in BAD_BYTES.items()}
    cases |= {name: (bad.raw, bad.ivorn, reason) for name, (bad, reason) in OVERSTEPPING.items()}
    before = len(await stations.relay.quarantined())
    for name, (raw, ivorn, reason) in cases.items():
        await stations.attack(RELAY, raw, ivorn=ivorn, sha256=sha256_of(raw))
        kept = await stations.relay.keeps(raw)
        assert reason in kept.reason, name
        assert (kept.sender, kept.ivorn, kept.sha256) == (BAD, ivorn, sha256_of(raw))
        assert reason in await refused(stations, PacketId(ivorn=ivorn, sha256=sha256_of(raw))), name
    count = await stations.relay.journal.read(lambda reader: reader.quarantine_count())
    assert (count.kept, count.dropped) == (before + len(cases), 0)
    await all_is_well(stations)


async def test_what_cannot_be_decoded_is_kept_as_it_came(stations: Stations) -> None:
    stream = stations.bad.session.stream
    for name, (text, reason) in UNDECODABLE.items():
        message = stream.make_message(mto=stations.site.settings(RELAY).address_of(RELAY), mtype="headline")
        element = ET.SubElement(
            message.xml, PACKET_TAG, {"ivorn": STATUS.ivorn, "sha256": STATUS.sha256, "summary": name}
        )
        element.text = text
        message.send()
        kept = await stations.relay.keeps(text.encode()[:MAX_PACKET_BYTES])
        assert reason in kept.reason, name
    await all_is_well(stations)


async def test_names_and_digests_that_lie(stations: Stations) -> None:
    relay = stations.relay
    known = await all_is_well(stations)
    twin = packet(status("nothing is well"), sequence=100 + len(stations.proper) - 1)
    lies = {
        "another digest": (STATUS.raw, STATUS.ivorn, "0" * 64, "as was claimed"),
        "no digest": (STATUS.raw, STATUS.ivorn, "", "as was claimed"),
        "another name": (_UPLOAD.raw, known.ivorn, _UPLOAD.sha256, "was announced as"),
        "a name that is taken": (twin.raw, twin.ivorn, twin.sha256, f"with SHA-256 {known.sha256}"),
    }
    for name, (raw, ivorn, sha256, reason) in lies.items():
        await stations.attack(RELAY, raw, ivorn=ivorn, sha256=sha256)
        kept = await relay.keeps_for(reason)
        assert kept.raw == raw, name
        told = await refused(stations, PacketId(ivorn=kept.ivorn, sha256=sha256_of(raw)))
        assert reason in told
    assert await relay.journal.read(lambda reader: reader.packet(known.id)) == known.raw
    await all_is_well(stations)


async def test_a_packet_sent_again_later_or_by_somebody_else(stations: Stations) -> None:
    """The same bytes from their author are answered again; from anybody else they are not believed."""
    relay, other = stations.relay, stations.other
    good = await all_is_well(stations)
    await until(lambda: len(stations.bad.arrivals) >= 2)  # relayed, accepted
    answered, quarantined = len(stations.bad.arrivals), len(await relay.quarantined())
    await stations.attack(RELAY, good.raw, ivorn=good.ivorn, sha256=good.sha256)
    await until(lambda: len(stations.bad.arrivals) > answered)
    assert len(await relay.quarantined()) == quarantined
    await other.session.send(RELAY, Envelope(raw=good.raw, id=good.id, body=""))
    kept = await relay.keeps(good.raw)
    assert (kept.sender, f"{OTHER} may not bring a status by {BAD}" in kept.reason) == (OTHER, True)
    assert stations.csc.service.taken == stations.proper
    # A trigger that one telescope got means nothing when another brings it, nor at another.
    said, raw = await triggered(stations)
    await stations.attack(OTHER, raw, ivorn=said.ivorn, sha256=said.sha256)
    kept = await other.keeps(raw)
    assert f"{BAD} may not bring a trigger by {CSC}" in kept.reason
    quarantined = len(await other.quarantined())
    for telescope in (BAD, OTHER):  # again by its author: the second tells that the first was dealt with
        await stations.csc.session.send(telescope, Envelope(raw=raw, id=said, body=""))
    await until(lambda: raw in stations.bad.raws)
    assert other.service.taken.count(said) == 1
    assert len(await other.quarantined()) == quarantined


async def triggered(stations: Stations) -> tuple[PacketId, bytes]:
    """A trigger that the honest telescope has taken, and its bytes."""
    revision = len(stations.other.service.taken)
    said = await stations.csc.say(trigger(OTHER, revision), f"{BURST}.{OTHER}", ToUser(OTHER))
    await until(lambda: said in stations.other.service.taken)
    await until(lambda: any(one.cited == said for one in stations.csc.service.noted_receipts))
    raw = await stations.csc.journal.read(lambda reader: reader.packet(said))
    assert raw is not None
    return said, raw


async def test_receipts_for_what_was_never_sent_and_by_who_was_not_asked(stations: Stations) -> None:
    never = PacketId(ivorn=f"ivo://{AUTHORITY}/{CSC}#{CAMPAIGN}.trigger-r3-{'0' * 12}", sha256="0" * 64)
    accepted = packet(Receipt(cited=never, outcome=ReceiptOutcome.ACCEPTED), sequence=5)
    await stations.attack(RELAY, accepted.raw, ivorn=accepted.ivorn, sha256=accepted.sha256)
    kept = await stations.csc.keeps(accepted.raw)
    assert (kept.topic, kept.publisher) == (topic_of(BAD), RELAY)
    assert "never sent from here" in kept.reason
    assert never not in {one.cited for one in stations.csc.service.noted_receipts}
    own = packet(Receipt(cited=STATUS.id, outcome=ReceiptOutcome.ACCEPTED), sequence=6)
    await stations.attack(RELAY, own.raw, ivorn=own.ivorn, sha256=own.sha256)
    assert "packets of csc only, not of gft-x" in (await stations.relay.keeps(own.raw)).reason
    said = await stations.csc.say(trigger(OTHER, 77), f"{BURST}.{OTHER}", ToUser("gft-nobody"))
    foreign = packet(Receipt(cited=said, outcome=ReceiptOutcome.ACCEPTED), sequence=7)
    await stations.attack(RELAY, foreign.raw, ivorn=foreign.ivorn, sha256=foreign.sha256)
    await until(lambda: any(one.cited == said for one in stations.csc.service.noted_receipts))
    [row] = await stations.csc.journal.read(lambda reader: reader.outgoing(packet=said))
    assert row.state is OutgoingState.PENDING, "a receipt in one's own campaign settles nothing of another's"
    await all_is_well(stations)


async def test_ways_that_are_not_ones_own(stations: Stations) -> None:
    """Past the relay, on a topic by a forged event, on another's topic, under an agent's name."""
    csc, other, site = stations.csc, stations.other, stations.site
    await stations.attack(CSC, STATUS.raw, ivorn=STATUS.ivorn, sha256=STATUS.sha256)
    assert "may not bring a status by gft-x to csc directly" in (await csc.keeps(STATUS.raw)).reason

    stream = stations.bad.session.stream
    message = stream.make_message(mto=site.settings(CSC).address_of(CSC), mtype="headline")
    event = ET.SubElement(message.xml, f"{{{EVENT}}}event")
    items = ET.SubElement(event, f"{{{EVENT}}}items", {"node": topic_of(BAD)})
    item = ET.SubElement(items, f"{{{EVENT}}}item", {"id": "x", "publisher": f"{RELAY}@{DOMAIN}"})
    item.append(wrap(Envelope(raw=_UPLOAD.raw, id=_UPLOAD.id, body="")))
    message.send()
    assert "not from the topic service" in (await csc.keeps(_UPLOAD.raw)).reason

    theirs = Envelope(raw=STATUS.raw, id=STATUS.id, body="")
    for topic in (topic_of(OTHER), topic_of(BAD)):
        with pytest.raises(UndeliverableError, match="forbidden"):
            await stations.bad.session.publish(topic, theirs)

    forged = build(
        replace(HEADER, author=CSC, campaign=f"{BURST}.{OTHER}"), trigger(OTHER, 99)
    )  # what only the centre's agent may say
    person = await site.person(CSC)
    person.send_presence(ppriority=127)
    message = person.make_message(mto=site.settings(OTHER).address_of(OTHER), mtype="headline")
    message.xml.append(wrap(Envelope(raw=forged.raw, id=forged.id, body="")))
    message.send()
    kept = await other.keeps(forged.raw)
    assert kept.reason == f"sent by {CSC}@{DOMAIN}/phone, which is not the agent {CSC}"
    heard = []
    person.register_handler(Callback("mail", StanzaPath("message"), lambda stanza: heard.append(stanza.xml)))
    await triggered(stations)
    assert heard == [], "the person with the higher priority gets nothing of the agent's"
    assert forged.id not in other.service.taken
    await all_is_well(stations)
