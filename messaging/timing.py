"""When to send again."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Delays of the courier, in wall seconds.

    Attributes
    ----------
    first_s, cap_s
        Time from the first sending to the second, and the longest between two; in between it doubles.
    slow_first_s, slow_cap_s
        The same after an interim receipt, which says that the packet is in good hands.
    jitter
        Each delay is made longer by up to this fraction, so that sites do not fall into step.
    unanswered
        So many packets to one destination may wait for an answer, for `first_s`; the others wait in line. A
        peer that was away for a day is not flooded, and one that cannot deal with some gets the others all
        the same.
    batch
        So many packets are read and sent at once.
    pace_s
        Pause after a whole batch of receipts: for these no answer is waited for.
    window
        So many publications are handed to the server before its answers are waited for.
    gather_s
        While something is being sent, look no sooner than this for what else there is to send.
    retry_s
        Time to wait after the server, or the disk, did not do its part.
    poll_s
        How often to look for what another process (a person's command) put into the journal.
    sweep_s
        How often to look for packets whose consideration failed.
    """

    first_s: float = 10.0
    cap_s: float = 60.0
    slow_first_s: float = 60.0
    slow_cap_s: float = 300.0
    jitter: float = 0.2
    unanswered: int = 128
    batch: int = 64
    pace_s: float = 0.05
    window: int = 16
    gather_s: float = 0.005
    retry_s: float = 5.0
    poll_s: float = 1.0
    sweep_s: float = 60.0

    def delay_s(self, attempts: int, *, interim: bool, rng: random.Random) -> float:
        """How long to wait for a receipt after so many attempts (from 1)."""
        first, cap = (self.slow_first_s, self.slow_cap_s) if interim else (self.first_s, self.cap_s)
        doublings = min(attempts - 1, 16)
        return min(cap, first * 2.0**doublings) * (1.0 + self.jitter * rng.random())
