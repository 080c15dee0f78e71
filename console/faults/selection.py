"""Which faults a run strikes, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from console.faults import catalogue
from console.faults.strikes import Fault
from followup.errors import ConfigurationError

_WEIGHTS = {"kill gft": 0.30, "kill csc": 0.26, "kill relay": 0.24, "kill xmpp": 0.20}
_WEIGHTS |= {"kill prefect": 0.3, "kill postgresql": 0.3}


def chosen(
    rng: np.random.Generator, *, rounds: int, only: Sequence[str] = (), all_servers: bool = False
) -> list[Fault]:
    """Draw so many faults: every named one once, the rest random kills.

    Parameters
    ----------
    all_servers
        Whether there are Prefect and PostgreSQL to be killed: then only random kills are drawn.
    only
        Texts of which one must be in a fault's name and place; then only such ones are drawn, each as often
        as any other.

    Raises
    ------
    ConfigurationError
        When there is no such fault.
    """
    named = [*catalogue.NAMED, *catalogue.NETWORK]
    if only:
        there = [f for f in catalogue.ALL if all_servers or f not in catalogue.SERVERS]
        known = [f for f in there if any(text.casefold() in f.title.casefold() for text in only)]
        if not known:
            raise ConfigurationError(f"no fault is named {' or '.join(only)}", hint="followup faults --list")
        return [known[number % len(known)] for number in range(rounds)]
    if all_servers:
        return [_drawn(rng, (*catalogue.RANDOM_KILLS, *catalogue.SERVERS)) for _ in range(rounds)]
    picked = [named[number] for number in rng.permutation(len(named))][:rounds]
    kills = [_drawn(rng, catalogue.RANDOM_KILLS) for _ in range(rounds - len(picked))]
    both = [*picked, *kills]
    return [both[number] for number in rng.permutation(len(both))]


def _drawn(rng: np.random.Generator, faults: Sequence[Fault]) -> Fault:
    weights = np.array([_WEIGHTS[fault.name] for fault in faults])
    return faults[rng.choice(len(faults), p=weights / weights.sum())]
