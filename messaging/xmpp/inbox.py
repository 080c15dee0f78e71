"""What a message stanza brings: arrivals, each with what the server vouches for.

The client library hands over whatever anybody sends, a topic's events forged by any user among them. Only
the `from` of a stanza is the server's own word, so everything is judged by that. Pure: no connection here.

References
----------
XEP-0060, section 7.1.2 (events) and 12.14 (publisher); RFC 6120, section 8.1.2.1 (servers stamp `from`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import islice
from xml.etree.ElementTree import Element

from slixmpp.jid import JID, InvalidJID

from messaging.session import Arrival
from messaging.xmpp.settings import AGENT_RESOURCE, XmppSettings
from messaging.xmpp.wire import PACKET_TAG, unwrap

_EVENT_TAG = "{http://jabber.org/protocol/pubsub#event}event"
_EVENT_NS = "{http://jabber.org/protocol/pubsub#event}"
_PUBSUB_NS = "{http://jabber.org/protocol/pubsub}"


def arrivals(message: Element, settings: XmppSettings, topics: Collection[str]) -> list[Arrival]:
    """Return what a message brings; nothing for an error or for talk among people.

    An agent sends one packet a message. Of several only the first is looked at, and not believed: thousands
    would crowd out what others send.

    Parameters
    ----------
    message
        The stanza, as it came from the server.
    topics
        The topics that we subscribed to; events of others are not believed.
    """
    if message.get("type") == "error":
        return []
    origin = _origin(message.get("from", ""))
    event = message.find(_EVENT_TAG)
    if event is not None:
        items = event.find(f"{_EVENT_NS}items")
        if items is None:
            return []
        if origin is None or str(origin) != settings.service:
            forged = "a topic's event that is not from the topic service"
            return [
                _of_user(packet, origin, settings, forged) for packet in islice(items.iter(PACKET_TAG), 1)
            ]
        topic = items.get("node", "")
        return [
            _of_topic(item, packet, topic, settings, topics)
            for item in items.findall(f"{_EVENT_NS}item")
            for packet in item.findall(PACKET_TAG)
        ]
    packets = message.findall(PACKET_TAG)
    crowd = f"{len(packets)} packets in one message" if len(packets) > 1 else ""
    return [_of_user(packet, origin, settings, crowd) for packet in packets[:1]]


def stored_arrivals(
    answer: Element, topic: str, settings: XmppSettings, topics: Collection[str]
) -> list[Arrival]:
    """Return what the answer to a request for a topic's stored items brings."""
    return [
        replace(_of_topic(item, packet, topic, settings, topics), replayed=True)
        for item in answer.iterfind(f"{_PUBSUB_NS}pubsub/{_PUBSUB_NS}items/{_PUBSUB_NS}item")
        for packet in item.findall(PACKET_TAG)
    ]


def deleted_topic(message: Element, settings: XmppSettings) -> str | None:
    """Name of the topic that a message says was deleted, if the topic service says so."""
    if message.get("from") != settings.service:
        return None
    deletion = message.find(f"{_EVENT_TAG}/{_EVENT_NS}delete")
    return None if deletion is None else deletion.get("node")


def agent_of(address: str, settings: XmppSettings) -> str | None:
    """Site user whose agent has this full address; None when it is no agent's of our domain."""
    origin = _origin(address)
    if origin is None or origin.domain != settings.domain or origin.resource != AGENT_RESOURCE:
        return None
    return origin.user or None


def _origin(address: str) -> JID | None:
    try:
        return JID(address) if address else None
    except InvalidJID:
        return None


def _of_user(packet: Element, origin: JID | None, settings: XmppSettings, problem: str = "") -> Arrival:
    parcel = unwrap(packet)
    if origin is None:
        sender, problem = "", problem or "its sender is not named"
    elif origin.domain != settings.domain:
        sender, problem = origin.bare, problem or f"sent from another domain, by {origin.full}"
    else:
        sender = origin.user
        if origin.resource != AGENT_RESOURCE:
            problem = problem or f"sent by {origin.full}, which is not the agent {sender}"
    return Arrival(
        raw=parcel.raw,
        claimed_sha256=parcel.sha256,
        claimed_ivorn=parcel.ivorn,
        sender=sender,
        problem=problem or parcel.problem,
    )


def _of_topic(
    item: Element, packet: Element, topic: str, settings: XmppSettings, topics: Collection[str]
) -> Arrival:
    parcel = unwrap(packet)
    publisher = _origin(item.get("publisher", ""))
    problem = ""
    if topic not in topics:
        problem = f"an event of the topic {topic!r}, which we did not subscribe to"
    elif publisher is None or publisher.domain != settings.domain or publisher.user != settings.publisher:
        problem = f"published by {item.get('publisher') or 'nobody named'}, not by {settings.publisher}"
    return Arrival(
        raw=parcel.raw,
        claimed_sha256=parcel.sha256,
        claimed_ivorn=parcel.ivorn,
        sender=settings.service,
        topic=topic,
        publisher=publisher.user if publisher is not None else None,
        problem=problem or parcel.problem,
    )
