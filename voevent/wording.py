"""Texts of strangers and of people, made fit for a log, an error, a receipt and a document."""

from __future__ import annotations

import re

UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document can hold (XML 1.0, section 2.2)."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def one_line(text: str, limit: int = 160) -> str:
    """Return `text` on one line, without what a terminal would act upon, at most `limit` characters long."""
    line = " ".join(text[: 4 * limit].split())
    if not line.isprintable():
        line = "".join(c if c.isprintable() else _REPLACEMENT for c in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def writable(text: str) -> str:
    """Return prose with U+FFFD in place of each character that a document cannot hold.

    A device's or a system's error message must not keep a receipt or a closing from being written.
    """
    return UNWRITABLE.sub(_REPLACEMENT, text)
