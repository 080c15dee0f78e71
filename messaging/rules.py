"""Who may say what to a site, by which way; and where the site's answers go."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from followup.names import CSC, RELAY, TELESCOPE_PREFIX, CampaignName, topic_of
from messaging.records import Destination, ToTopic, ToUser
from messaging.session import Arrival
from voevent.errors import VOEventError
from voevent.identity import NO_CAMPAIGN, author_of
from voevent.kinds import Content, Header, Kind, Receipt
from voevent.wording import one_line

TELESCOPE = "gft-*"
"""In a permission: the telescope that the packet's campaign is about."""

_RECEIPT = frozenset({Kind.RECEIPT})
_ANY = frozenset(Kind)
"""A telescope's own trigger among them: it triggers itself for a drill, and for nothing else."""


class Way(StrEnum):
    """How something comes."""

    DIRECT = "direct"
    """From the agent of a site user."""
    TOPIC = "topic"
    """As an event of the telescope's topic, published by the relay."""


@dataclass(frozen=True, slots=True)
class Permission:
    """`author` may say packets of these kinds, when they come this way from `sender`."""

    way: Way
    sender: str
    author: str
    kinds: frozenset[Kind]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What one site listens to.

    Attributes
    ----------
    site
        The site user whose rules these are.
    permissions
        All that is permitted; what is not here is forbidden.
    telescopes
        Names of the telescopes enrolled now.
    """

    site: str
    permissions: tuple[Permission, ...]
    telescopes: Callable[[], Collection[str]]

    @classmethod
    def for_csc(cls, telescopes: Callable[[], Collection[str]]) -> Rules:
        """Rules of the science centre: the telescopes' topics, and nobody directly."""
        return cls(
            site=CSC,
            permissions=(
                Permission(Way.TOPIC, RELAY, TELESCOPE, _ANY),
                Permission(Way.TOPIC, RELAY, RELAY, _RECEIPT),
            ),
            telescopes=telescopes,
        )

    @classmethod
    def for_telescope(cls, name: str) -> Rules:
        """Rules of a telescope: triggers from the science centre, receipts by way of the relay."""
        return cls(
            site=name,
            permissions=(
                Permission(Way.DIRECT, CSC, CSC, frozenset({Kind.TRIGGER})),
                *(Permission(way, RELAY, author, _RECEIPT) for way in Way for author in (CSC, RELAY)),
            ),
            telescopes=lambda: (name,),
        )

    @classmethod
    def for_relay(cls, telescopes: Callable[[], Collection[str]]) -> Rules:
        """Rules of the relay: each telescope for itself, and the science centre's receipts."""
        return cls(
            site=RELAY,
            permissions=(
                Permission(Way.DIRECT, TELESCOPE, TELESCOPE, _ANY),
                Permission(Way.DIRECT, CSC, CSC, _RECEIPT),
            ),
            telescopes=telescopes,
        )

    @property
    def relays(self) -> bool:
        """Whether this site passes receipts on and answers duplicates to their sender directly, too."""
        return self.site == RELAY

    def echo(self, arrival: Arrival, author: str | None) -> bool:
        """Whether this is our own word coming back on a topic (`author` is None when not yet known)."""
        if arrival.topic is None:
            return False
        return arrival.publisher == self.site or (arrival.publisher == RELAY and author == self.site)

    def forbids(self, arrival: Arrival, header: Header, content: Content, kind: Kind) -> str:
        """Why this may not be said to us in this way, by this author; empty when it may."""
        telescope = telescope_of(header.campaign, header.author, content)
        if telescope is None:
            return f"{header.campaign!r} is not a campaign, and nothing else says which telescope it is about"
        if telescope not in self.telescopes():
            return f"telescope {telescope} is not enrolled here"
        if unfit := _unfit(header, content, kind, telescope):
            return unfit
        if arrival.topic is not None and arrival.topic != topic_of(telescope):
            return f"a packet of {telescope} does not belong on topic {arrival.topic}"
        way = Way.DIRECT if arrival.topic is None else Way.TOPIC
        came_from = arrival.sender if arrival.topic is None else arrival.publisher
        for permission in self.permissions:
            sender, author = (
                telescope if name == TELESCOPE else name for name in (permission.sender, permission.author)
            )
            if (way, came_from, header.author) == (permission.way, sender, author) and (
                kind in permission.kinds
            ):
                return ""
        how = "directly" if arrival.topic is None else f"on topic {arrival.topic}"
        return f"{came_from} may not bring a {kind} by {header.author} to {self.site} {how}"

    def answerable(self, arrival: Arrival, author: str) -> bool:
        """Whether a refusal of this may be sent to `author`.

        It may when the server, or the relay, vouches that it was `author` who said it, and `author` is
        one whom we answer at all; strangers get no word out of us.
        """
        if arrival.topic is None:
            way, vouched = Way.DIRECT, arrival.sender == author
        else:
            way = Way.TOPIC
            vouched = arrival.publisher == RELAY and arrival.topic == f"followup/{author}"
        role = TELESCOPE if author in self.telescopes() else author
        return vouched and any(
            permission.way is way and permission.author == role and permission.kinds != _RECEIPT
            for permission in self.permissions
        )

    def answers_to(self, telescope: str) -> Destination:
        """Where receipts go that this site writes about a packet of this telescope's campaigns."""
        return ToTopic(topic_of(telescope)) if self.relays else ToUser(RELAY)


def _unfit(header: Header, content: Content, kind: Kind, telescope: str) -> str:
    """Why nobody may say this, in whatever way; empty when somebody may."""
    if kind is Kind.TRIGGER and header.author != CSC and not header.drill:
        return f"{header.author} may trigger itself for a drill only"
    return _stray(content, header.author, telescope) if isinstance(content, Receipt) else ""


def _stray(receipt: Receipt, author: str, telescope: str) -> str:
    """Why a receipt by `author` cannot be about what it cites; empty when it can.

    A telescope answers the science centre, and the others answer the telescope: nobody settles their own
    packets, or those of a third.
    """
    answered = CSC if author == telescope else telescope
    try:
        cited = author_of(receipt.cited.ivorn)
    except VOEventError as error:
        return str(error)
    if cited == answered:
        return ""
    return f"a receipt by {author} can be about packets of {answered} only, not of {one_line(cited)}"


def telescope_of(campaign: str, author: str, content: Content) -> str | None:
    """Return the telescope that a packet is about: its campaign's, or that of a receipt without one."""
    if campaign != NO_CAMPAIGN:
        try:
            return CampaignName.parse(campaign).telescope
        except ValueError:
            return None
    if not isinstance(content, Receipt):
        return None
    if author.startswith(TELESCOPE_PREFIX):
        return author
    try:
        cited_author = author_of(content.cited.ivorn)
    except VOEventError:
        return None
    return cited_author if cited_author.startswith(TELESCOPE_PREFIX) else None
