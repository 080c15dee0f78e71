"""Good examples to begin from: packets of every kind, real alerts if at hand, stanzas, manifests."""

from __future__ import annotations

import base64
from functools import cache
from xml.sax.saxutils import quoteattr

from tests.voevent.builders import EXAMPLES, shared_packets
from transfer.manifest import Manifest, ManifestEntry
from voevent.build import build
from voevent.packet import Packet

_EVENT = "http://jabber.org/protocol/pubsub#event"
_PUBSUB = "http://jabber.org/protocol/pubsub"


def packets() -> list[bytes]:
    """One packet of each kind, and every real alert that this machine has."""
    return [build(*example).raw for example in EXAMPLES.values()] + [p.read_bytes() for p in shared_packets()]


def stanzas() -> list[bytes]:
    """Each packet as mail, as a topic's event, and as a stored item."""
    found = []
    for example in EXAMPLES.values():
        inner = _element(build(*example))
        item = f'<item id="x" publisher="csc-ftp@followup.test">{inner}</item>'
        items = f'<items node="followup/gft-jilin">{item}</items>'
        found += [
            f'<message from="gft-jilin@followup.test/followup" type="headline">{inner}</message>',
            f'<message from="csc@followup.test/followup"><body>a line</body>{inner}</message>',
            f'<message from="pubsub.followup.test"><event xmlns="{_EVENT}">{items}</event></message>',
            f'<message from="csc@followup.test/x"><event xmlns="{_EVENT}">{items}</event></message>',
            f'<iq from="pubsub.followup.test" type="result"><pubsub xmlns="{_PUBSUB}">{items}</pubsub></iq>',
        ]
    found.append(
        f'<message from="pubsub.followup.test"><event xmlns="{_EVENT}"><delete node="x"/></event></message>'
    )
    return [stanza.encode() for stanza in found]


def manifests() -> list[bytes]:
    """A small one and a larger one."""
    entries = [ManifestEntry(path=f"raw/t1-r-{n:03}.fits", bytes=n, sha256=f"{n:064x}") for n in range(20)]
    return [
        Manifest(campaign="sb26112201.gft-jilin", dataset=f"t{n}", files=tuple(entries[:n])).to_bytes()
        for n in (1, 20)
    ]


@cache
def seeds(target: str) -> list[bytes]:
    """What a target begins from."""
    return {"packet": packets, "arrival": packets, "stanza": stanzas, "manifest": manifests}[target]()


TOKENS = [
    b"<!DOCTYPE a [<!ENTITY e 'x'>]>", b"&e;", b"&#0;", b"&#x202e;", b"<![CDATA[", b"]]>", b"<!--", b"-->",
    b"<?xml version='1.0' encoding='UTF-16'?>", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[2J", b"\r\n",
    b"nan", b"inf", b"1e999", b"-1", b"9" * 30, b"2026-13-45T99:99:99", b"\xd9\xa3", b"../", b"/etc/passwd",
    b"ivo://followup/csc#", b"gft-jilin", b"csc-ftp", b'kind="', b'value="', b'sha256="', b"<packet/>",
    b' xmlns="urn:x-followup:packet:1"', b"====", b'"path": "', b"[" * 500, b"{" * 500,
]  # fmt: skip
"""What a mutation may put in."""


def _element(packet: Packet) -> str:
    text = base64.b64encode(packet.raw).decode()
    return (
        f'<packet xmlns="urn:x-followup:packet:1" ivorn={quoteattr(packet.ivorn)} sha256="{packet.sha256}"'
        f' summary="x">{text}</packet>'
    )
