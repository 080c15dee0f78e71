"""A short visit to the server under an agent's account, beside the agent, to see what it will find.

The agent, if it runs, keeps its address and its mail: a visitor has another resource and tells nobody that it
is there.

References
----------
XEP-0202: Entity Time; XEP-0060, sections 6.1 and 6.2: subscribe, unsubscribe.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

from followup.clock import Clock
from messaging.session import UndeliverableError
from messaging.xmpp import topics
from messaging.xmpp.settings import AGENT_RESOURCE, XmppSettings
from messaging.xmpp.stream import Stream

_RESOURCE = "preflight"
_TIME_NS = "urn:xmpp:time"
_HALF_A_SECOND = timedelta(seconds=0.5)


class Visit:
    """What a visitor can find out."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def agent_is_there(self) -> bool:
        """Whether an agent is logged in under this account, on whatever computer."""
        settings = self._stream.settings
        address = f"{settings.user}@{settings.domain}/{AGENT_RESOURCE}"
        return bool(await self._stream.answers(address, settings.timing.probe_s))

    async def try_topic(self, topic: str) -> None:
        """Subscribe to a topic as the agent will, and end that again.

        Raises
        ------
        SessionDownError
            When the service does not answer.
        UndeliverableError
            When there is no such topic, or we are no member.
        """
        await topics.subscribe(self._stream, topic)
        await topics.unsubscribe(self._stream, topic)

    async def clock_offset(self, wall: Clock) -> tuple[timedelta, timedelta] | None:
        """Give by how much the server's clock is ahead of ours, and how well that can be told.

        Servers tell whole seconds. None when this one tells no time.

        Raises
        ------
        SessionDownError
            When it does not answer.
        """
        stream = self._stream
        request: Any = stream.make_iq_get(ito=stream.settings.domain)
        request.append(ET.Element(f"{{{_TIME_NS}}}time"))
        before, began = wall.now(), time.monotonic()
        try:
            answer: Any = await stream.ask(request.send(), "asking for the time")
        except UndeliverableError:
            return None
        took = timedelta(seconds=time.monotonic() - began)
        said = answer.xml.find(f".//{{{_TIME_NS}}}utc")
        if said is None or not said.text:
            return None
        theirs = datetime.fromisoformat(said.text).astimezone(UTC)
        whole = theirs.microsecond == 0
        offset = theirs + (_HALF_A_SECOND if whole else timedelta()) - (before + took / 2)
        return offset, took / 2 + (_HALF_A_SECOND if whole else timedelta())


@asynccontextmanager
async def visit(settings: XmppSettings) -> AsyncIterator[Visit]:
    """Log in beside the agent, and leave in the end.

    Raises
    ------
    SessionRefusedError
        When the server's certificate or our password is wrong.
    SessionDownError
        When the server is absent.
    """
    stream = Stream(replace(settings, resource=_RESOURCE), _RESOURCE, resumable=False)
    await stream.login()
    try:
        yield Visit(stream)
    finally:
        await stream.leave()
