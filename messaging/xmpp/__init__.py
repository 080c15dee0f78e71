"""The session with a real XMPP server, on slixmpp."""

from messaging.xmpp.session import XmppSession
from messaging.xmpp.settings import AGENT_RESOURCE, XmppSettings, XmppTiming
from messaging.xmpp.topics import create_topic, delete_topic

__all__ = ["AGENT_RESOURCE", "XmppSession", "XmppSettings", "XmppTiming", "create_topic", "delete_topic"]
