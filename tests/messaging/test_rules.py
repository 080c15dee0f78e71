from __future__ import annotations

import pytest

from messaging.records import ToTopic, ToUser
from messaging.rules import Rules
from messaging.session import Arrival
from tests.messaging.world import BURST, START, campaign_of, status, trigger, upload
from voevent.kinds import Content, Header, Kind, Receipt, ReceiptOutcome, Status, Trigger
from voevent.packet import PacketId

ENROLLED = ("gft-a", "gft-b")
RULES = {
    "csc": Rules.for_csc(lambda: ENROLLED),
    "csc-ftp": Rules.for_relay(lambda: ENROLLED),
    "gft-a": Rules.for_telescope("gft-a"),
}


def receipt(author: str = "gft-a") -> Receipt:
    cited = PacketId(ivorn=f"ivo://followup/{author}#x", sha256="0" * 64)
    return Receipt(cited=cited, outcome=ReceiptOutcome.ACCEPTED)


def kind(content: Content) -> Kind:
    if isinstance(content, Trigger):
        return Kind.TRIGGER
    if isinstance(content, Receipt):
        return Kind.RECEIPT
    return Kind.STATUS if isinstance(content, Status) else Kind.UPLOAD


def forbids(
    site: str,
    way: str,
    author: str,
    content: Content,
    campaign: str = campaign_of("gft-a"),
    *,
    drill: bool = True,
) -> str:
    sender, _, topic = way.partition(" on ")
    arrival = Arrival(
        raw=b"x",
        claimed_sha256="",
        sender="pubsub" if topic else sender,
        topic=f"followup/{topic}" if topic else None,
        publisher=sender if topic else None,
    )
    header = Header(authority="f", author=author, campaign=campaign, sequence=1, date=START, drill=drill)
    return RULES[site].forbids(arrival, header, content, kind(content))


@pytest.mark.parametrize(
    ("site", "way", "author", "content"),
    [
        ("gft-a", "csc", "csc", trigger()),
        ("gft-a", "csc-ftp on gft-a", "csc", receipt()),
        ("gft-a", "csc-ftp on gft-a", "csc-ftp", receipt()),
        ("gft-a", "csc-ftp", "csc", receipt()),
        ("gft-a", "csc-ftp", "csc-ftp", receipt()),
        ("csc", "csc-ftp on gft-a", "gft-a", trigger()),  # a drill of its own
        ("csc-ftp", "gft-a", "gft-a", trigger()),
        ("csc", "csc-ftp on gft-a", "gft-a", status()),
        ("csc", "csc-ftp on gft-a", "gft-a", upload()),
        ("csc", "csc-ftp on gft-a", "gft-a", receipt("csc")),
        ("csc", "csc-ftp on gft-a", "csc-ftp", receipt()),
        ("csc-ftp", "gft-a", "gft-a", upload()),
        ("csc-ftp", "gft-a", "gft-a", receipt("csc")),
        ("csc-ftp", "csc", "csc", receipt()),
    ],
)
def test_what_the_conversation_needs_is_permitted(site: str, way: str, author: str, content: Content) -> None:
    assert forbids(site, way, author, content) == ""


@pytest.mark.parametrize(
    ("site", "way", "author", "content"),
    [
        ("gft-a", "csc-ftp", "csc", trigger()),  # the relay does not bring triggers
        ("gft-a", "csc-ftp on gft-a", "csc", trigger()),
        ("gft-a", "gft-a", "csc", trigger()),
        ("gft-a", "csc", "csc", status()),
        ("gft-a", "csc", "csc", receipt()),  # receipts come by the relay
        ("gft-a", "csc on gft-a", "csc", receipt()),  # nobody else publishes
        ("gft-a", "csc-ftp on gft-b", "csc", receipt()),
        ("csc", "gft-a", "gft-a", status()),  # a telescope never addresses the science centre
        ("csc", "csc-ftp", "gft-a", status()),
        ("csc", "gft-a on gft-a", "gft-a", status()),
        ("csc", "csc-ftp on gft-b", "gft-a", status()),
        ("csc", "csc-ftp on gft-a", "gft-b", status()),
        ("csc", "csc-ftp on gft-a", "csc-ftp", status()),
        ("csc-ftp", "gft-b", "gft-a", status()),  # another's word
        ("csc-ftp", "gft-b", "gft-b", status()),  # another's campaign
        ("csc-ftp", "csc", "csc", trigger()),
        ("csc-ftp", "csc", "gft-a", receipt("csc")),
        ("csc-ftp", "gft-a", "gft-a", receipt("gft-a")),  # nobody settles packets of its own
        ("csc-ftp", "gft-a", "gft-a", receipt("gft-b")),  # or those of a third
        ("csc-ftp", "gft-a", "gft-a", receipt("csc-ftp")),
        ("csc-ftp", "csc", "csc", receipt("csc")),
        ("csc", "csc-ftp on gft-a", "csc-ftp", receipt("csc")),  # triggers do not go by the relay
        ("gft-a", "csc-ftp on gft-a", "csc", receipt("gft-b")),
    ],
)
def test_all_else_is_forbidden(site: str, way: str, author: str, content: Content) -> None:
    assert forbids(site, way, author, content) != ""


@pytest.mark.parametrize(("site", "way"), [("csc", "csc-ftp on gft-a"), ("csc-ftp", "gft-a")])
def test_a_telescope_triggers_itself_for_a_drill_only(site: str, way: str) -> None:
    assert forbids(site, way, "gft-a", trigger(), drill=True) == ""
    assert "for a drill only" in forbids(site, way, "gft-a", trigger(), drill=False)


def test_a_telescope_that_is_not_enrolled_is_not_heard() -> None:
    campaign = campaign_of("gft-z")
    assert "not enrolled" in forbids("csc-ftp", "gft-z", "gft-z", status(), campaign)
    assert "not enrolled" in forbids("gft-a", "csc", "csc", trigger("gft-z"), campaign)


@pytest.mark.parametrize(
    ("site", "way", "author", "cited", "permitted"),
    [
        ("csc-ftp", "gft-a", "gft-a", "csc", True),
        ("csc-ftp", "csc", "csc", "gft-a", True),
        ("csc-ftp", "csc", "csc", "csc-ftp", False),
        ("csc", "csc-ftp on gft-a", "gft-a", "csc", True),
        ("csc", "csc-ftp on gft-b", "gft-a", "csc", False),
        ("gft-a", "csc-ftp on gft-a", "csc", "gft-a", True),
    ],
)
def test_a_receipt_without_a_campaign_belongs_to_its_parties(
    site: str, way: str, author: str, cited: str, *, permitted: bool
) -> None:
    assert (forbids(site, way, author, receipt(cited), "-") == "") is permitted


def test_only_receipts_are_without_a_campaign() -> None:
    assert forbids("csc-ftp", "gft-a", "gft-a", status(), "-") != ""


def test_answers_go_by_the_relay() -> None:
    assert RULES["csc"].answers_to("gft-a") == ToUser("csc-ftp")
    assert RULES["gft-a"].answers_to("gft-a") == ToUser("csc-ftp")
    assert RULES["csc-ftp"].answers_to("gft-a") == ToTopic("followup/gft-a")


def test_the_campaign_name_used_here_is_one() -> None:
    assert campaign_of("gft-a") == f"{BURST}.gft-a"
