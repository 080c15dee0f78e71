"""What a check has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How a check came out."""

    PASS = "pass"  # noqa: S105 - no password
    """As it should be."""
    WARNING = "warning"
    """The night can begin; something should be looked at."""
    FAIL = "fail"
    """The night cannot begin like this."""
    SKIPPED = "skipped"
    """Not looked at; the reason says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of the preflight.

    Attributes
    ----------
    check
        What was looked at.
    said
        What was found, one line.
    advice
        What to do about it; empty when nothing has to be done.
    values
        Figures, for scripts.
    """

    check: str
    verdict: Verdict
    said: str
    advice: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


def passed(check: str, said: str, **values: Any) -> Finding:
    """All is well."""
    return Finding(check=check, verdict=Verdict.PASS, said=said, values=values)


def warned(check: str, said: str, advice: str, **values: Any) -> Finding:
    """Something should be looked at."""
    return Finding(check=check, verdict=Verdict.WARNING, said=said, advice=advice, values=values)


def failed(check: str, said: str, advice: str, **values: Any) -> Finding:
    """Something has to be mended."""
    return Finding(check=check, verdict=Verdict.FAIL, said=said, advice=advice, values=values)


def skipped(check: str, said: str, advice: str = "") -> Finding:
    """Nobody looked."""
    return Finding(check=check, verdict=Verdict.SKIPPED, said=said, advice=advice)
