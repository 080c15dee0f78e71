"""Logging in, being refused, losing the connection and getting it back, on a real Prosody."""

import asyncio
import base64
import os
import signal
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.ca import open_authority, server_certificate
from messaging.session import SessionDownError, SessionRefusedError
from messaging.xmpp.stream import Stream

from .conftest import DOMAIN, TIMING, GateClock, Site, envelope, free_port, until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


async def test_a_wrong_password_is_refused_in_one_clear_line(site: Site) -> None:
    with pytest.raises(SessionRefusedError, match=r"refuses the password of csc@followup\.test") as caught:
        await site.opened("csc", password="wrong")
    assert "\n" not in str(caught.value)
    assert "wrong" not in str(caught.value)
    assert caught.value.hint


async def test_an_unknown_account_is_refused(site: Site) -> None:
    with pytest.raises(SessionRefusedError, match="refuses the password"):
        await site.opened("csc", user="nobody")


async def test_a_server_with_another_authority_is_refused(site: Site, tmp_path: Path) -> None:
    other = open_authority(tmp_path, now=datetime.now(UTC))
    with pytest.raises(SessionRefusedError, match=r"does not verify .*ca\.pem: "):
        await site.opened("csc", ca_file=other.certificate)


async def test_a_server_of_another_domain_is_refused(site: Site) -> None:
    with pytest.raises(SessionRefusedError, match=r"does not serve the domain elsewhere\.test"):
        await site.opened("csc", domain="elsewhere.test")


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_unreadable_authority_is_named(site: Site, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SessionRefusedError, match="cannot read the authority's certificate"):
        await site.opened("csc", ca_file=path)


async def test_an_absent_server_is_named_and_open_can_be_called_again(site: Site) -> None:
    agent = site.agent("csc", port=(port := free_port()))
    for _ in range(2):
        with pytest.raises(SessionDownError, match=f"no XMPP server answers at 127.0.0.1:{port}"):
            await agent.session.open()
    assert agent.online == []


async def test_a_silent_server_does_not_hold_us_up(site: Site) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        stream = Stream(site.settings("csc", port=port, timing=_hasty()), "phone", resumable=False)
        with pytest.raises(SessionDownError, match=r"did not let csc@followup\.test in within"):
            await stream.login()


def _hasty() -> object:
    return type(TIMING)(login_s=0.3)


@pytest.mark.parametrize(
    ("tls", "name", "refusal"),
    [
        (True, DOMAIN, "offers no login by SCRAM"),
        (False, DOMAIN, "offers no encryption"),
        (True, "elsewhere.test", r"does not verify for followup\.test"),
    ],
)
async def test_the_password_is_never_sent_in_the_clear(
    site: Site, tmp_path: Path, *, tls: bool, name: str, refusal: str
) -> None:
    """A server that only takes PLAIN, has no TLS or has another's certificate hears nothing of it."""
    now = datetime.now(UTC)
    authority = open_authority(tmp_path / "ca", now=now)
    certificate = server_certificate(authority, tmp_path, (name,), now=now)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    heard = bytearray()
    opening = (
        b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' from='followup.test' id='1' version='1.0'"
        b" xmlns:stream='http://etherx.jabber.org/streams'><stream:features>%s</stream:features>"
    )
    plain = b"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"version='1.0'>"))
        if tls:
            writer.write(
                opening % b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
            )
            heard.extend(await reader.readuntil(b"starttls"))
            await reader.readuntil(b">")
            writer.write(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            try:
                await writer.start_tls(context)
            except ssl.SSLError:
                writer.close()
                return
            heard.extend(await reader.readuntil(b"version='1.0'>"))
        writer.write(opening % plain)
        heard.extend(await reader.read())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SessionRefusedError, match=refusal):
            await site.opened("csc", port=port, ca_file=authority.certificate)
    assert b"<auth" not in heard
    assert site.passwords["csc"].encode() not in heard


async def test_the_server_refuses_plain(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.prosody.config.port)
    opening = (
        f"<stream:stream to='{DOMAIN}' xmlns='jabber:client'"
        " xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    ).encode()
    writer.write(opening)
    features = await reader.readuntil(b"</stream:features>")
    assert b"<required/>" in features
    assert b"mechanism" not in features
    writer.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    assert b"proceed" in await reader.readuntil(b">")
    await writer.start_tls(ssl.create_default_context(cafile=site.ca_file), server_hostname=DOMAIN)
    writer.write(opening)
    features = await reader.readuntil(b"</stream:features>")
    assert b"SCRAM-SHA-256" in features
    assert b"PLAIN" not in features
    password = base64.b64encode(f"\0csc\0{site.passwords['csc']}".encode())
    writer.write(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + password + b"</auth>")
    assert b"invalid-mechanism" in await reader.readuntil(b"</failure>")
    writer.close()
    await writer.wait_closed()


async def test_a_second_live_agent_leaves_and_the_first_stays(site: Site) -> None:
    first, gft = await site.opened("csc"), await site.opened("gft-x")
    second = site.agent("csc")
    with pytest.raises(SessionRefusedError, match=r"already running as csc@followup\.test/followup"):
        await second.session.open()
    await gft.session.send("csc", envelope(b"still there?"))
    await first.received()
    assert first.online == [True]


async def test_a_killed_agent_can_come_back_at_once(site: Site) -> None:
    killed = await site.opened("csc")
    gft = await site.opened("gft-x", peers=("csc",))
    await _kill(killed.session)
    again = await site.opened("csc")
    await gft.session.send("csc", envelope(b"welcome back"))
    await until(lambda: b"welcome back" in again.raws)


async def _kill(session: object) -> None:
    """What a SIGKILL leaves: the socket closed without a word, nothing running on our side."""
    for task in session._tasks:  # type: ignore[attr-defined]
        task.cancel()
    await asyncio.wait(session._tasks)  # type: ignore[attr-defined]
    await session._stream.drop()  # type: ignore[attr-defined]


async def test_an_agent_whose_place_is_taken_stops_with_an_error(site: Site) -> None:
    csc = await site.opened("csc")
    await site.person("csc", "followup")  # somebody who does not ask first
    with pytest.raises(SessionRefusedError, match="took this one's place"):
        async with asyncio.timeout(5):
            await csc.session.ended()
    assert csc.online == [True, False]
    with pytest.raises(SessionDownError):
        await csc.session.send("gft-x", envelope(b"x"))


async def test_an_agent_whose_account_is_removed_stops_with_an_error(site: Site) -> None:
    site.passwords["gft-gone"] = await site.prosody.add_account("gft-gone")
    gone = await site.opened("gft-gone")
    await site.prosody.remove_account("gft-gone")
    with pytest.raises(SessionRefusedError, match="was removed"):
        async with asyncio.timeout(5):
            await gone.session.ended()
    with pytest.raises(SessionRefusedError, match="refuses the password"):
        await gone.session.open()


async def test_a_closed_session_ends_quietly(site: Site) -> None:
    csc = await site.opened("csc")
    await csc.session.close()
    await csc.session.ended()
    assert csc.online == [True, False]
    await csc.session.open()
    assert csc.online == [True, False, True]


async def test_a_cut_connection_is_resumed_without_loss(site: Site) -> None:
    clock = GateClock()
    csc, gft = await site.opened("csc", clock=clock), await site.opened("gft-x", peers=("csc",))
    await until(lambda: ("csc", True) in gft.presence)
    clock.gate.clear()
    csc.session.stream.transport.abort()
    await until(lambda: csc.online == [True, False])
    for number in range(20):
        await gft.session.send("csc", envelope(b"%d" % number))
    clock.gate.set()
    await csc.received(20)
    assert csc.raws == [b"%d" % number for number in range(20)]
    assert csc.online == [True, False, True]
    assert ("csc", False) not in gft.presence


async def test_a_resumed_place_is_not_taken_from_another_agent(site: Site) -> None:
    clock = GateClock()
    cut_off = await site.opened("csc", clock=clock)
    clock.gate.clear()
    cut_off.session.stream.transport.abort()
    await until(lambda: cut_off.online == [True, False])
    other = await site.opened("csc")
    clock.gate.set()
    with pytest.raises(SessionRefusedError, match="already running"):
        async with asyncio.timeout(5):
            await cut_off.session.ended()
    assert other.online == [True]


async def test_a_server_that_hangs_is_left_and_found_again(site: Site) -> None:
    pid = site.prosody.pid
    assert pid is not None
    hasty = type(TIMING)(
        login_s=8, answer_s=0.5, probe_s=0.5, tend_s=0.2, first_wait_s=0.1, longest_wait_s=0.2
    )
    csc = await site.opened("csc", timing=hasty)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(SessionDownError):
            await csc.session.publish("followup/gft-x", envelope(b"x"))
        await until(lambda: csc.online == [True, False])
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: csc.online == [True, False, True], timeout_s=30)


async def test_missed_items_are_fetched_after_the_server_was_killed(site: Site, topic: str) -> None:
    clock = GateClock()
    relay = await site.opened("csc-ftp")
    csc = await site.subscribed("csc", topic, clock=clock)
    await relay.session.publish(topic, envelope(b"before"))
    await csc.received()
    pid = site.prosody.pid
    assert pid is not None
    clock.gate.clear()
    os.kill(pid, signal.SIGKILL)
    await until(lambda: csc.online == [True, False] and site.prosody.pid is None)
    with pytest.raises(SessionDownError):
        await csc.session.send("csc-ftp", envelope(b"x"))
    await site.prosody.start()
    await until(lambda: relay.online == [True, False, True])
    for number in range(3):
        await relay.session.publish(topic, envelope(b"missed %d" % number))
    clock.gate.set()
    await csc.received(4)
    assert csc.raws == [b"before", b"missed 0", b"missed 1", b"missed 2"]
    assert [arrival.replayed for arrival in csc.arrivals] == [False, True, True, True]
    await relay.session.publish(topic, envelope(b"live again"))
    await csc.received(5)
    assert not csc.arrivals[4].replayed
