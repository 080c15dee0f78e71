"""What can be wrong with a packet, from the point of view of someone who receives it."""

from __future__ import annotations


class VOEventError(Exception):
    """Base of all errors about packets; `str()` of it is one line fit for an operator and a receipt."""


class MalformedError(VOEventError):
    """The bytes are not XML, or are XML but not a VOEvent."""


class HostileError(VOEventError):
    """The document carries a DTD, an entity, or a structure built to exhaust its reader."""


class OversizedError(VOEventError):
    """The packet is larger than the limit in force."""


class InvalidError(VOEventError):
    """The packet breaks the grammar of VOEvent 2.0, or the rules of its kind."""
