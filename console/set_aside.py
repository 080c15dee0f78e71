"""What a site has set aside: packets that were not believed, and packets that were not delivered in time.

Reading goes to the journal itself, whether the site's agent runs or not. A running agent is asked to send
again; without one it is written into the journal, and the agent does it when it runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from console.control import ask
from console.state import State, agent_lock
from console.tenure import HeldError, held, holder
from followup.clock import WallClock
from followup.errors import ConfigurationError
from followup.names import CSC, RELAY, TELESCOPE_PREFIX
from messaging.journal import Journal
from messaging.reader import Reader
from messaging.records import Outgoing, OutgoingState
from messaging.store import Store
from messaging.transaction import Transaction
from voevent.packet import MAX_PACKET_BYTES, PacketId

T = TypeVar("T")

JOURNAL = "journal.sqlite"
"""The journal's file in a site's folder."""


def sites(where: State) -> list[str]:
    """Names of the sites of a state that have a journal, the science centre and the relay first."""
    found = {path.parent.name for path in where.root.glob(f"*/{JOURNAL}")}
    telescopes = sorted(name for name in found if name.startswith(TELESCOPE_PREFIX))
    return [*(name for name in (CSC, RELAY) if name in found), *telescopes]


def chosen(where: State, site: str | None) -> list[str]:
    """Return that site's name, or all of them when none is named.

    Raises
    ------
    ConfigurationError
        When there is no such site, or none at all.
    """
    known = sites(where)
    if not known:
        raise ConfigurationError(
            f"{where.root} holds no site that has ever run", hint="is --state right? followup status"
        )
    if site is None:
        return known
    if site not in known:
        raise ConfigurationError(f"no site {site} in {where.root} has a journal", hint=", ".join(known))
    return [site]


def look(folder: Path, query: Callable[[Reader], T]) -> T:
    """Ask a site's journal something.

    Raises
    ------
    JournalError
        When it cannot be read, or another version of this program wrote it.
    """
    with _opened(folder) as store:
        return store.query(query)


def waiting(reader: Reader) -> dict[str, Any]:
    """Count what waits, what has expired, and what is in quarantine, as `followup status` tells it."""
    pending = [row for row in reader.outgoing(states=[OutgoingState.PENDING]) if row.acknowledged]
    quarantine = reader.quarantine_count()
    return {
        "waiting_for_receipt": len(pending),
        "relayed": sum(row.interim for row in pending),
        "expired": [{"ivorn": row.id.ivorn, "body": row.body} for row in expired(reader)],
        "quarantined": quarantine.kept,
        "quarantine_dropped": quarantine.dropped,
    }


def expired(reader: Reader) -> list[Outgoing]:
    """Dead letters: what was not answered within its deadline."""
    return reader.outgoing(states=[OutgoingState.EXPIRED])


async def send_again(folder: Path, packet: PacketId) -> int:
    """Have a site send an expired packet again; give to how many destinations.

    Raises
    ------
    FollowupError
        When its journal cannot be written, or its agent does not answer.
    """
    if holder(agent_lock(folder)) is not None:
        revived: int = await ask(folder, "resend", ivorn=packet.ivorn, sha256=packet.sha256)
        return revived
    try:
        return transact(folder, lambda tx: tx.revive(packet))
    except HeldError:
        # It was started at this moment.
        return await send_again(folder, packet)


def transact(folder: Path, work: Callable[[Transaction], T]) -> T:
    """Do something with the journal of a site whose agent does not run.

    Raises
    ------
    HeldError
        When it runs after all.
    JournalError
        When the journal cannot be written.
    """
    with held(agent_lock(folder)), _opened(folder) as store:
        [(found, error)] = store.transact([work])
    if error is not None:
        raise error
    done: T = found
    return done


async def resend(journal: Journal, wake: Callable[[], None], packet: PacketId) -> int:
    """Do the same in the agent itself."""
    revived = await journal.write(lambda tx: tx.revive(packet))
    wake()
    return revived


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[Store]:
    store = Store(folder / JOURNAL, wall=WallClock(), max_packet_bytes=MAX_PACKET_BYTES)
    try:
        yield store
    finally:
        store.close()
