"""The names of packets: IVORNs, taken apart and put together.

References
----------
VOEvent 2.0, IVOA Recommendation 2011-07-11, section 2 (VOEvent identifiers).
IVOA Identifiers 2.0, section 2.3 (authorities, resource keys).
"""

from __future__ import annotations

import hashlib
import re

from voevent.errors import InvalidError
from voevent.kinds import Kind, ReceiptOutcome
from voevent.wording import one_line

NO_CAMPAIGN = "-"
"""The campaign of a receipt about a packet that belongs to none."""

_IVORN = re.compile(r"ivo://([^/#\s]+)/([^#\s]*)#(\S+)")
_AUTHORITY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_AUTHOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_BURST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,46}[A-Za-z0-9])?")
_CAMPAIGN = re.compile(_BURST.pattern + r"\.gft-[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_DATASET = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def sha256_of(raw: bytes) -> str:
    """SHA-256 of `raw` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


def author_of(ivorn: str) -> str:
    """Return who speaks in an IVORN ``ivo://AUTHORITY/AUTHOR#…``, e.g. ``gft-jilin``.

    Raises
    ------
    InvalidError
        When `ivorn` is not of that form.
    """
    return split_ivorn(ivorn)[1]


def split_ivorn(ivorn: str) -> tuple[str, str, str]:
    """Take ``ivo://AUTHORITY/AUTHOR#LOCAL`` apart into these three.

    Raises
    ------
    InvalidError
        When `ivorn` is not of that form.
    """
    found = _IVORN.fullmatch(ivorn)
    if found is None:
        raise InvalidError(
            f"{one_line(ivorn)!r} is not a packet's IVORN: they are spelt ivo://AUTHORITY/STREAM#NAME"
        )
    return found[1], found[2], found[3]


def author_ivorn(authority: str, author: str) -> str:
    """IVORN of a site's user, as AuthorIVORN has it.

    Raises
    ------
    InvalidError
        When one of the two cannot stand in an IVORN of ours.
    """
    if not _AUTHORITY.fullmatch(authority):
        raise InvalidError(
            f"{one_line(authority)!r} cannot be an authority: use letters, digits, dots and dashes"
        )
    if not _AUTHOR.fullmatch(author):
        raise InvalidError(
            f"{one_line(author)!r} cannot be an author: use lower-case letters, digits and dashes"
        )
    return f"ivo://{authority}/{author}"


def packet_ivorn(authority: str, author: str, campaign: str, kind: Kind, sequence: int) -> str:
    """IVORN of a result, upload, status or closing: its number in the campaign makes it unique."""
    return f"{author_ivorn(authority, author)}#{check_campaign(campaign)}.{kind}-{sequence}"


def trigger_ivorn(authority: str, author: str, campaign: str, *, revision: int, notice_sha256: str) -> str:
    """IVORN of a trigger: a function of the notice's digest, the telescope and the revision.

    The same alert heard twice thus gives one name, hence one campaign.
    """
    digest = check_sha256(notice_sha256)[:12]
    return f"{author_ivorn(authority, author)}#{check_campaign(campaign)}.trigger-r{revision}-{digest}"


def receipt_ivorn(
    authority: str, author: str, campaign: str, *, outcome: ReceiptOutcome, cited_sha256: str
) -> str:
    """IVORN of a receipt: one per author, packet and outcome. `campaign` may be `NO_CAMPAIGN`."""
    digest = check_sha256(cited_sha256)[:12]
    where = campaign if campaign == NO_CAMPAIGN else check_campaign(campaign)
    return f"{author_ivorn(authority, author)}#{where}.receipt-{outcome}-{digest}"


def check_burst(name: str) -> str:
    """Return `name` if it can name a burst: letters, digits, dashes, underscores; at most 48.

    Raises
    ------
    InvalidError
        When it cannot.
    """
    if not _BURST.fullmatch(name):
        raise InvalidError(
            f"{one_line(name)!r} cannot name a burst: use at most 48 letters, digits, dashes and underscores"
        )
    return name


def check_campaign(campaign: str) -> str:
    """Return `campaign` if it is spelt ``BURST.gft-NAME``.

    Raises
    ------
    InvalidError
        When it is not.
    """
    if not _CAMPAIGN.fullmatch(campaign):
        raise InvalidError(f"{one_line(campaign)!r} is not a campaign's name: they are spelt BURST.gft-NAME")
    return campaign


def check_dataset(name: str) -> str:
    """Return `name` if it can name a dataset, and thereby a folder wherever its files go.

    Raises
    ------
    InvalidError
        When it cannot.
    """
    if not _DATASET.fullmatch(name):
        raise InvalidError(
            f"{one_line(name, 80)!r} cannot name a dataset: use at most 64 letters, digits, dots, dashes and "
            "underscores"
        )
    return name


def check_sha256(digest: str) -> str:
    """Return `digest` if it is 64 lower-case hexadecimal digits.

    Raises
    ------
    InvalidError
        When it is not.
    """
    if not _SHA256.fullmatch(digest):
        raise InvalidError(
            f"{one_line(digest)!r} is not a SHA-256: 64 lower-case hexadecimal digits are expected"
        )
    return digest
