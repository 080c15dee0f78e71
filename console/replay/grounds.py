"""The grounds of a replay: servers of its own, with accounts and keys made for it, and nothing else.

Nothing here can reach anything real: the servers are embedded ones in a new folder, with a certificate
authority, passwords and keys made for it, and an agent is only let go when its settings lead there.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from agents.ftp_relay.store import SftpServer
from console import enrolment, settings
from console.replay.refusals import check_folder, check_settings
from console.servers import HOST, NONE, embedded
from console.settings import CscSettings, RelaySettings, TelescopeSettings, secret
from console.state import State
from console.store_login import sftp_settings
from followup.clock import Clock, WallClock
from followup.names import CSC, RELAY
from messaging.xmpp.session import XmppSession
from messaging.xmpp.settings import XmppSettings
from transfer.settings import SftpSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounds:
    """The servers of a replay, running, and the settings of the three parties.

    Attributes
    ----------
    telescope
        Its name.
    store
        Folder of the relay's store that is the telescope's.
    wall
        The machine's clock.
    """

    state: State
    telescope: str
    gft: TelescopeSettings
    csc: CscSettings
    relay: RelaySettings
    store: Path
    wall: Clock

    def folder(self, user: str) -> Path:
        """Folder of a party."""
        return {CSC: self.state.csc, RELAY: self.state.relay}.get(user) or self.state.telescope(user)

    def session(self, user: str, *, peers: tuple[str, ...], topics: tuple[str, ...] = ()) -> XmppSession:
        """Make a session of a party, not open yet."""
        folder, xmpp = self.folder(user), self.gft.xmpp
        return XmppSession(
            XmppSettings(
                host=xmpp.host,
                port=xmpp.port,
                domain=xmpp.domain,
                user=user,
                password=secret(folder / "password"),
                ca_file=folder / "ca.pem",
                peers=peers,
                topics=topics,
            ),
            wall=self.wall,
            rng=random.Random(1),  # noqa: S311 - jitter
        )

    def sftp(self, user: str) -> SftpSettings:
        """Give the login of a party at the store."""
        config = self.csc.sftp if user == CSC else self.gft.sftp
        return sftp_settings(self.folder(user), user, config)


@contextlib.asynccontextmanager
async def laid_out(state: State, telescope: str) -> AsyncIterator[Grounds]:
    """Start the servers, and enrol the three parties; take everything down in the end.

    Raises
    ------
    ReplayRefusedError
        When something real might be reached.
    """
    check_folder(state.root)
    state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with embedded(state, prefect=NONE) as servers, contextlib.AsyncExitStack() as stack:
        await enrolment.make_centre(state, servers)
        enrolled = await enrolment.admit_telescope(state, servers.prosody, telescope)
        folder = state.telescope(telescope)
        enrolment.install_enrolment(enrolled, folder, {"devices": "simulated", "model": "played"})
        gft = settings.read(TelescopeSettings, folder)
        csc = settings.read(CscSettings, state.csc)
        relay = settings.read(RelaySettings, state.relay)
        for config in (gft, csc, relay):
            check_settings(config, servers)
        accounts = enrolment.relay_store(state.relay)
        store = SftpServer(
            accounts.root, accounts.keys, state.relay / "host_key", servers.ports.sftp, host=HOST
        )
        await store.start()
        stack.push_async_callback(store.stop)
        yield Grounds(
            state=state,
            telescope=telescope,
            gft=gft,
            csc=csc,
            relay=relay,
            store=accounts.root / telescope,
            wall=WallClock(),
        )
