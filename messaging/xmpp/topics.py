"""The topics of telescopes on the server's pubsub service: made and removed by the relay, read by members.

A topic is delivery, not a record: the service drops its oldest items.

References
----------
XEP-0060: sections 8.1 (create), 8.2 (configure), 8.9 (affiliations), 6.1 (subscribe), 6.5 (retrieve).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from followup.names import CSC, check_telescope, topic_of
from messaging.session import Arrival, UndeliverableError
from messaging.xmpp.inbox import stored_arrivals
from messaging.xmpp.stream import Stream
from messaging.xmpp.wire import PACKET_NS

if TYPE_CHECKING:
    from messaging.xmpp.session import XmppSession

_CONFIG = {
    "pubsub#access_model": "whitelist",
    "pubsub#publish_model": "publishers",
    "pubsub#persist_items": "1",
    "pubsub#max_items": "200",
    # Of type headline, chat clients would not show the body.
    "pubsub#notification_type": "normal",
    "pubsub#type": PACKET_NS,
    # Whoever subscribes again gets what it missed by asking, not one more copy of the last item.
    "pubsub#send_last_published_item": "never",
}
_LISTED_TAG = "{http://jabber.org/protocol/disco#items}item"
_BATCH = 20
"""Items asked for at once: a few hundred KiB, so that live events are not held up behind a long answer."""


async def create_topic(session: XmppSession, telescope: str) -> None:
    """Make a telescope's topic, or put an existing one right: its only members are the CSC and the telescope.

    Only the relay's account may. The session may be under any resource of it.

    Raises
    ------
    SessionDownError
        When not connected or not answered in time.
    UndeliverableError
        When the account may not make topics.
    """
    stream = session.stream
    settings = stream.settings
    topic = topic_of(telescope)
    pubsub = stream.pubsub
    what = f"making the topic {topic}"
    try:
        await stream.ask(pubsub.create_node(settings.service, topic, config=_form(stream, _CONFIG)), what)
    except UndeliverableError as error:
        if "conflict" not in str(error):
            raise
        await stream.ask(pubsub.set_node_config(settings.service, topic, _form(stream, _CONFIG)), what)
    members = [(f"{user}@{settings.domain}", "member") for user in (CSC, check_telescope(telescope))]
    await stream.ask(pubsub.modify_affiliations(settings.service, topic, members), what)


async def delete_topic(session: XmppSession, telescope: str) -> None:
    """Remove a telescope's topic with its items; removing one that is not there does nothing.

    Raises
    ------
    SessionDownError
        When not connected or not answered in time.
    UndeliverableError
        When the account may not remove topics.
    """
    stream = session.stream
    topic = topic_of(telescope)
    request = stream.pubsub.delete_node(stream.settings.service, topic)
    try:
        await stream.ask(request, f"removing the topic {topic}")
    except UndeliverableError as error:
        if "item-not-found" not in str(error):
            raise


async def subscribe(stream: Stream, topic: str) -> None:
    """Have a topic's events sent to this connection's full address, with a body.

    Raises
    ------
    SessionDownError
        When not connected or not answered in time.
    UndeliverableError
        When there is no such topic, or we are no member.
    """
    options = _form(
        stream, {"pubsub#include_body": "1"}, form_type="http://jabber.org/protocol/pubsub#subscribe_options"
    )
    request = stream.pubsub.subscribe(stream.settings.service, topic, bare=False, options=options)
    await stream.ask(request, f"subscribing to the topic {topic}")


async def unsubscribe(stream: Stream, topic: str) -> None:
    """End this connection's subscription to a topic.

    Raises
    ------
    SessionDownError
        When not connected or not answered in time.
    UndeliverableError
        When there is none.
    """
    request = stream.pubsub.unsubscribe(stream.settings.service, topic, bare=False)
    await stream.ask(request, f"ending the subscription to the topic {topic}")


async def item_ids(stream: Stream, topic: str) -> list[str]:
    """Return the ids (digests) of a topic's items, oldest first."""
    request = stream.pubsub.get_item_ids(stream.settings.service, topic)
    answer = await stream.ask(request, f"listing the topic {topic}")
    # The service lists the latest first. The library's own reading of the list loses the order.
    names = (item.get("name") for item in answer.xml.iter(_LISTED_TAG))
    return [name for name in names if name][::-1]


async def items(stream: Stream, topic: str, ids: Sequence[str], topics: Iterable[str]) -> list[Arrival]:
    """Fetch items of a topic, at most 20 at once."""
    request = stream.pubsub.get_items(stream.settings.service, topic, item_ids=ids)
    answer = await stream.ask(request, f"reading the topic {topic}")
    return stored_arrivals(answer.xml, topic, stream.settings, tuple(topics))


def batches(ids: Sequence[str]) -> list[Sequence[str]]:
    """Cut a list of item ids into requests."""
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]


def _form(
    stream: Stream,
    values: dict[str, str],
    *,
    form_type: str = "http://jabber.org/protocol/pubsub#node_config",
) -> Any:
    form = stream.forms.make_form(ftype="submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value=form_type)
    for name, value in values.items():
        form.add_field(var=name, value=value)
    return form
