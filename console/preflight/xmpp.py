"""The XMPP server: it must let the telescope in, and onto its topic."""

from __future__ import annotations

from collections.abc import AsyncIterator

from console.preflight.finding import Finding, failed, passed
from console.preflight.subject import Subject
from console.settings import secret
from followup.names import topic_of
from messaging.session import UndeliverableError
from messaging.xmpp.settings import XmppSettings, XmppTiming
from messaging.xmpp.visit import visit

_TIMING = XmppTiming(login_s=10.0, probe_s=1.0)


def login(subject: Subject) -> XmppSettings:
    """Give the telescope's login.

    Raises
    ------
    ConfigurationError
        When the password's file is missing or readable by others.
    """
    config = subject.config
    return XmppSettings(
        host=config.xmpp.host,
        port=config.xmpp.port,
        domain=config.xmpp.domain,
        user=config.name,
        password=secret(subject.folder / config.xmpp.password_file),
        ca_file=subject.folder / config.xmpp.ca_file,
        timing=_TIMING,
    )


async def xmpp(subject: Subject) -> AsyncIterator[Finding]:
    """Log in beside the agent, and subscribe to the telescope's topic for a moment."""
    settings = login(subject)
    async with visit(settings) as visitor:
        elsewhere = await visitor.agent_is_there() and subject.agent_pid is None
        where = f"{settings.user}@{settings.domain} is let in at {settings.host}:{settings.port}"
        if elsewhere:
            yield failed(
                "xmpp",
                f"{where}, but an agent of this name runs already, on another computer or folder",
                "end that one: one agent of each name",
            )
        else:
            yield passed("xmpp", f"{where}; its certificate is that of {settings.ca_file.name}")
        topic = topic_of(subject.config.name)
        try:
            await visitor.try_topic(topic)
        except UndeliverableError as error:
            if "item-not-found" in str(error):
                yield failed(
                    "topic", f"there is no topic {topic}", "is the relay's agent running? It makes the topic"
                )
            else:
                yield failed("topic", str(error), "is the telescope admitted? followup csc admit")
        else:
            yield passed("topic", f"{topic} can be subscribed to")
