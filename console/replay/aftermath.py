"""What came of a replay against a party that stores what others upload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console.replay.heard import Heard
from console.replay.parcels import ParcelKey

Digests = Mapping[str, str]
"""Of files, by path."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aftermath:
    """What came of it.

    Attributes
    ----------
    heard
        What the party said, in the order in which it was heard.
    complaints
        Rules that it broke on the way.
    given
        What the played telescope uploaded, whole or damaged.
    kept
        What the party made of it: of the science centre, what is archived; of the relay, what its store gave.
    ended
        Whether the record was played to its end.
    wall_s
        How long all of it took.
    """

    heard: tuple[Heard, ...]
    complaints: tuple[str, ...]
    given: Mapping[ParcelKey, Digests]
    kept: Mapping[ParcelKey, Digests]
    ended: bool
    wall_s: float
