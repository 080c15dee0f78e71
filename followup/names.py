"""The names that every site and command spells the same way."""

from __future__ import annotations

import re
from dataclasses import dataclass

CSC = "csc"
RELAY = "csc-ftp"
TELESCOPE_PREFIX = "gft-"

_TELESCOPE = re.compile(r"gft-[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_BURST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,46}[A-Za-z0-9])?")


def check_telescope(name: str) -> str:
    """Return `name` if it is a telescope's user name (``gft-`` and lower-case letters, digits, dashes).

    Raises
    ------
    ValueError
        When it is not.
    """
    if not _TELESCOPE.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a telescope's name: use gft-NAME with lower-case letters, digits and dashes"
        )
    return name


def check_burst(name: str) -> str:
    """Return `name` if it can name a burst (letters, digits, dashes, underscores; at most 48).

    Raises
    ------
    ValueError
        When it cannot.
    """
    if not _BURST.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot name a burst: use at most 48 letters, digits, dashes and underscores"
        )
    return name


@dataclass(frozen=True, slots=True, order=True)
class CampaignName:
    """One burst at one telescope, spelt ``BURST.gft-NAME`` everywhere."""

    burst: str
    telescope: str

    def __post_init__(self) -> None:
        check_burst(self.burst)
        check_telescope(self.telescope)

    def __str__(self) -> str:
        return f"{self.burst}.{self.telescope}"

    @classmethod
    def parse(cls, text: str) -> CampaignName:
        """Read ``BURST.gft-NAME``.

        Raises
        ------
        ValueError
            When `text` is not of that form.
        """
        burst, dot, telescope = text.partition(".")
        if not dot:
            raise ValueError(f"{text!r} is not a campaign's name: they are spelt BURST.gft-NAME")
        return cls(burst, telescope)


def title_of(name: CampaignName, *, drill: bool, revision: int = 0) -> str:
    """Say a campaign's name as people see it: a drill is announced as one."""
    again = f" · revision {revision}" if revision else ""
    return f"{name.burst} · {name.telescope}{again}{' · DRILL' if drill else ''}"


def topic_of(telescope: str) -> str:
    """Name of a telescope's pubsub node."""
    return f"followup/{check_telescope(telescope)}"
