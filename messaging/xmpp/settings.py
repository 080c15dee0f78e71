"""What a session needs to know of its server and its peers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

AGENT_RESOURCE = "followup"
"""Resource of every agent: its mail goes to ``user@domain/followup``, so that a person logged in under the
same account does not get it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class XmppTiming:
    """Time-outs and intervals of a session, in seconds of the wall clock.

    Attributes
    ----------
    login_s
        For connecting, TLS and authentication together.
    answer_s
        For the server's or the topic service's answer to a request.
    probe_s
        How long a live agent of our own name has to answer.
    tend_s
        Interval of the pings to the server and to absent peers; a dead connection is noticed after at most
        `tend_s` + `answer_s`.
    first_wait_s, longest_wait_s
        Before the first and between later attempts to reconnect; the waits double and are jittered.
    """

    login_s: float = 15.0
    answer_s: float = 10.0
    probe_s: float = 2.0
    tend_s: float = 10.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class XmppSettings:
    """One agent's connection.

    Attributes
    ----------
    host, port
        Where the server listens (STARTTLS).
    domain
        Domain of the accounts; the server's certificate must name it.
    user, password
        The account.
    ca_file
        PEM file of the authority that signed the server's certificate. No other authority is trusted.
    resource
        `AGENT_RESOURCE` for an agent; a command that works under the agent's account takes another one.
    topics
        Topics to subscribe to.
    peers
        Site users to tell that we are there, and whose presence we want to know.
    publisher
        The only site user whose events count.
    pubsub
        Domain of the topic service; ``pubsub.`` + `domain` when empty.
    max_stanza_bytes
        Largest stanza that the server takes. It would end our connection on a larger one.
    """

    host: str
    port: int
    domain: str
    user: str
    password: str = field(repr=False)
    ca_file: Path
    resource: str = AGENT_RESOURCE
    topics: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    publisher: str = "csc-ftp"
    pubsub: str = ""
    max_stanza_bytes: int = 262144
    timing: XmppTiming = XmppTiming()

    @property
    def service(self) -> str:
        """Domain of the topic service."""
        return self.pubsub or f"pubsub.{self.domain}"

    def address_of(self, user: str) -> str:
        """Full address of a site user's agent."""
        return f"{user}@{self.domain}/{AGENT_RESOURCE}"
