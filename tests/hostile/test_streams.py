"""What is done to the server's streams themselves: it ends the stream of who does it, and nobody else's."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable

import psutil
import pytest

from messaging.session import SessionDownError
from tests.messaging.xmpp.conftest import DOMAIN, Agent, Site, envelope, until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

MiB = 1024 * 1024
OPENING = (
    f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)


class Talk:
    """Two honest agents, and what is seen of whether they hear each other."""

    def __init__(self, csc: Agent, gft: Agent) -> None:
        self.csc, self.gft = csc, gft

    async def goes_on(self) -> None:
        count = len(self.csc.arrivals)
        await self.gft.session.send("csc", envelope(b"still there"))
        await self.csc.received(count + 1)
        assert self.csc.raws[-1] == b"still there"
        assert self.csc.online == self.gft.online == [True]


async def talk_at(site: Site) -> Talk:
    return Talk(await site.opened("csc"), await site.opened("gft-y"))


def memory(site: Site) -> int:
    assert site.prosody.pid is not None
    size: int = psutil.Process(site.prosody.pid).memory_info().rss
    return size


async def flood(
    write: Callable[[bytes], object], drain: Callable[[], Awaitable[None]], over: Callable[[], bool]
) -> int:
    """Write 100 MiB, or as much as is taken; give how much that was."""
    sent = 0
    with contextlib.suppress(ConnectionError, ssl.SSLError, SessionDownError):
        while sent < 100 * MiB and not over():
            write(b"x" * 65536)
            sent += 65536
            await drain()
    return sent


async def test_a_stanza_of_100_megabytes_ends_its_senders_stream(site: Site) -> None:
    talk = await talk_at(site)
    bad = await site.person("gft-x", "followup")
    before = memory(site)
    bad.send_raw("<message to='csc@followup.test/followup'><body>")
    sent = await flood(bad.transport.write, bad.writable, bad.lost.is_set)
    await until(bad.lost.is_set)
    assert sent < 100 * MiB
    assert memory(site) - before < 30 * MiB
    await talk.goes_on()


async def test_a_stanza_of_100_megabytes_before_the_login_is_cut_sooner(site: Site) -> None:
    talk = await talk_at(site)
    before = memory(site)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.prosody.config.port)
    writer.write(OPENING.encode())
    await reader.readuntil(b"</stream:features>")
    writer.write(b"<message to='csc@followup.test/followup'><body>")
    sent = await flood(writer.write, writer.drain, lambda: False)
    assert sent < 100 * MiB
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    assert memory(site) - before < 30 * MiB
    await talk.goes_on()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"<!DOCTYPE x [<!ENTITY a 'ha'>]>", id="a DTD in the stream"),
        pytest.param(b"<message to='csc@followup.test/followup'><body>&a;</body></message>", id="an entity"),
        pytest.param(
            b"<message to='csc@followup.test/followup'><body>\xff\xfe</body></message>", id="no UTF-8"
        ),
        pytest.param(b"<message to='csc@followup.test/followup'><body>\0</body></message>", id="a NUL"),
        pytest.param(
            b"<message to='csc@followup.test/followup'><body>&#0;</body></message>", id="a NUL by number"
        ),
        pytest.param(
            b"<message to='csc@followup.test/followup'><body>\x1b[2J</body></message>", id="control"
        ),
        pytest.param(b"<message to='csc@followup.test/followup'></body>", id="tags that cross"),
        pytest.param("<?xml version='1.0' encoding='UTF-16'?>".encode("utf-16"), id="another encoding"),
        pytest.param(b"<?evil do?>", id="an instruction"),
    ],
)
async def test_what_is_not_xmpp_ends_its_senders_stream(site: Site, raw: bytes) -> None:
    talk = await talk_at(site)
    bad = await site.person("gft-x", "followup")
    bad.transport.write(raw)
    await until(bad.lost.is_set)
    await talk.goes_on()
    assert talk.csc.raws == [b"still there"]


async def test_a_stanza_nested_10000_deep_harms_nobody(site: Site) -> None:
    talk = await talk_at(site)
    bad = await site.person("gft-x", "followup")
    packet = "<packet xmlns='urn:x-followup:packet:1' ivorn='i' sha256='s'>"
    deep = "<a>" * 10_000 + "</a>" * 10_000
    bad.send_raw(f"<message to='csc@{DOMAIN}/followup' type='headline'>{packet}{deep}</packet></message>")
    [arrival] = await talk.csc.received()
    assert arrival.problem == "empty"
    await talk.goes_on()


async def test_a_message_with_thousands_of_packets_is_taken_for_what_it_is(site: Site) -> None:
    talk = await talk_at(site)
    bad = await site.person("gft-x", "followup")
    packets = "<packet xmlns='urn:x-followup:packet:1' ivorn='i' sha256='s'>eA==</packet>" * 5000
    bad.send_raw(f"<message to='csc@{DOMAIN}/followup' type='headline'>{packets}</message>")
    [arrival] = await talk.csc.received()
    assert arrival.problem == "5000 packets in one message"
    await talk.goes_on()


def login(mechanism: str) -> bytes:
    return f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>AGNzYwB4</auth>".encode()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "DIGEST-MD5", "ANONYMOUS"])
async def test_no_login_without_tls(site: Site, mechanism: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.prosody.config.port)
    writer.write(OPENING.encode())
    assert b"<mechanism" not in await reader.readuntil(b"</stream:features>")
    writer.write(login(mechanism))
    answer = await reader.read(4096)
    assert b"<failure" in answer or b"<stream:error" in answer
    assert b"<success" not in answer
    assert b"<challenge" not in answer
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("mechanism", ["PLAIN", "DIGEST-MD5", "OAUTHBEARER", "ANONYMOUS", "X-TOKEN"])
async def test_no_login_but_by_scram(site: Site, mechanism: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.prosody.config.port)
    writer.write(OPENING.encode())
    await reader.readuntil(b"</stream:features>")
    writer.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await reader.readuntil(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await writer.start_tls(ssl.create_default_context(cafile=site.ca_file), server_hostname=DOMAIN)
    writer.write(OPENING.encode())
    features = await reader.readuntil(b"</stream:features>")
    assert mechanism.encode() not in features
    writer.write(login(mechanism))
    assert b"invalid-mechanism" in await reader.readuntil(b"</failure>")
    writer.close()
    await writer.wait_closed()


async def test_nobody_makes_an_account_for_himself(site: Site) -> None:
    person = await site.person("gft-x", "followup")
    heard: list[str] = []
    person.add_filter("in", lambda stanza: heard.append(str(stanza)) or stanza)
    person.send_raw("<iq type='set' id='r1'><query xmlns='jabber:iq:register'><username>csc</username>"
                    "<password>stolen</password></query></iq>")  # fmt: skip
    await until(lambda: any("r1" in stanza for stanza in heard))
    assert any("r1" in stanza and "error" in stanza for stanza in heard)
    csc = await site.opened("csc")
    assert csc.online == [True]
