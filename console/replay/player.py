"""Plays those who are not under test, one word after the other, as the science centre heard them then.

With a clock that jumps, each word comes when the party under test has nothing more to say to the last one;
with one that runs, at its recorded time. Both ways it waits for what it answers.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from console.replay.clock import JumpingClock
from console.replay.conversation import Said
from console.replay.errors import ReplayError
from console.replay.heard import Heard, Witness
from console.replay.insisting import insist
from console.replay.keys import Key, Names, spelt
from console.replay.record import Recording
from console.replay.retelling import Retelling
from console.replay.stillness import CountedJournal
from console.replay.untold import untold
from followup.clock import Clock
from messaging.reader import Reader
from messaging.session import Arrival, Envelope
from voevent.errors import InvalidError, VOEventError
from voevent.identity import sha256_of
from voevent.kinds import Content, Header, Receipt
from voevent.packet import Packet, PacketId
from voevent.parse import parse
from voevent.read import read

log = logging.getLogger(__name__)

_LOOK_S = 0.005
_LEAST_S = 0.001
"""A clock that jumps stops for so short a while, too: whoever works gets done first."""
_ANSWERS_S = 60.0
_DAMAGED: Key = ("damaged copy",)

Send = Callable[[Envelope], Coroutine[Any, Any, None]]
"""Says something to the party under test."""
Part = Callable[[Said], Coroutine[Any, Any, None]]
"""What is done when something that was recorded has its turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a player works with.

    Attributes
    ----------
    party
        Site user that is under test.
    journal
        Its journal.
    witness
        Looks at it at the moment something is heard of it.
    sky
        The replay's clock.
    """

    recording: Recording
    retelling: Retelling
    party: str
    journal: CountedJournal
    witness: Witness
    sky: Clock


class Player(ABC):
    """Plays the record to one party.

    Attributes
    ----------
    heard
        What the party has said, each packet once, in the order in which it came.
    complaints
        Rules that it broke.
    names
        Tells which packet is which.
    """

    def __init__(self, setting: Setting) -> None:
        self.recording = setting.recording
        self.party = setting.party
        self.heard: list[Heard] = []
        self.complaints: list[str] = []
        self.names = Names()
        self._setting = setting
        self._journal, self._sky = setting.journal, setting.sky
        self._by_party = {said.key: said.packet.id for said in setting.recording.by(setting.party)}
        self._known: set[str] = set()
        self._settled: set[str] = set()
        self._at_work = 0
        self._task: asyncio.Task[None] | None = None
        self._tried = False

    def start(self) -> None:
        """Begin to play."""
        self._task = asyncio.get_running_loop().create_task(self._play())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def busy(self) -> bool:
        """Whether something is just being said, or heard."""
        return self._at_work > 0

    @property
    def over(self) -> bool:
        """Whether all was said."""
        return self._task is not None and self._task.done() and not self.busy

    def unanswered(self, sha256: str) -> bool:
        """Whether a packet of the party has yet to be heard, or to be settled by the answer that it got."""
        return sha256 not in self._known or sha256 in self._settled

    # --- what each player does in its own way --------------------------------------------------------

    @abstractmethod
    def part(self, said: Said) -> Part | None:
        """Tell what is done when this has its turn (`say` it, mostly); None for nothing."""

    @abstractmethod
    def way(self, said: Said) -> Send:
        """Tell how the party gets to hear this."""

    @abstractmethod
    def needs(self, said: Said) -> Sequence[Key]:
        """Tell what must have been heard of the party before this can be said."""

    @abstractmethod
    async def before(self, said: Said) -> None:
        """Do what was done before this was said."""

    @abstractmethod
    def key(self, packet: Packet, header: Header, content: Content) -> Key:
        """Give the key of something that was heard.

        Raises
        ------
        InvalidError
            When it is nothing that the party may say.
        """

    @abstractmethod
    async def listened(self, heard: Heard) -> None:
        """Do what follows from something that was heard."""

    # --- saying --------------------------------------------------------------------------------------

    async def _play(self) -> None:
        try:
            for said in self.recording.said:
                if (part := self.part(said)) is not None:
                    await self._in_time(said, part)
        except ReplayError as error:
            self.complaints.append(str(error))
        except Exception as error:
            log.exception("a played part broke off")
            self.complaints.append(f"the replay itself broke off: {type(error).__name__}: {error}")

    async def _in_time(self, said: Said, part: Part) -> None:
        wait_s = (said.header.date - self._sky.now()).total_seconds()
        await self._sky.sleep(max(_LEAST_S, wait_s))
        self._at_work += 1
        try:
            await part(said)
        finally:
            self._at_work -= 1

    async def say(self, said: Said) -> None:
        """Say what was said then, and wait until the party has dealt with it."""
        send = self.way(said)
        if await self._missing(self.needs(said)) and isinstance(said.content, Receipt):
            self.complaints.append(
                f"{spelt(said.key)} by {said.header.author} could not be said: what it is about was not heard"
            )
            return
        await self.before(said)
        packet = self._setting.retelling.told(said)
        self.names.known[packet.id] = said.key
        _, content = read(packet)
        if isinstance(content, Receipt):
            if content.outcome.final:
                self._settled.add(content.cited.sha256)
        elif not self._tried:
            self._tried = True
            await self._try(packet, send)
        await self._bring(packet.raw, Envelope(raw=packet.raw, id=packet.id, body=packet.description), send)

    async def _try(self, packet: Packet, send: Send) -> None:
        """Say something first whose bytes are not what they are announced as: a byte of it was changed."""
        raw = packet.raw.replace(b"<Description>", b"<Description>~", 1)
        if raw == packet.raw:
            raw += b"\n"  # no such element is spelt in it
        damaged = PacketId(ivorn=packet.ivorn, sha256=sha256_of(raw))
        self.names.known[damaged] = _DAMAGED
        with untold(packet.ivorn):
            await self._bring(raw, Envelope(raw=raw, id=packet.id, body=packet.description), send)
        if await self._journal.read(lambda reader: reader.stored(damaged)) is not None:
            what = spelt(self.names.known[packet.id])
            self.complaints.append(
                f"{what}: accepted with a wrong checksum: its bytes were changed on the way"
            )

    async def _bring(self, raw: bytes, envelope: Envelope, send: Send) -> None:
        """Say something until the party has dealt with it.

        Raises
        ------
        ReplayError
            When it does not.
        """
        taken = partial(_taken, packet=PacketId(ivorn=envelope.id.ivorn, sha256=sha256_of(raw)))
        clock = asyncio.get_running_loop().time

        async def dealt_with(at_most_s: float) -> bool:
            until = clock() + at_most_s
            while clock() < until:
                if await self._journal.read(taken):
                    return True
                await asyncio.sleep(_LOOK_S)
            return False

        await insist(envelope, send, dealt_with)

    async def _missing(self, keys: Sequence[Key]) -> list[Key]:
        """Wait for what must have been heard; tell what was not.

        A clock that jumps has stood until there was nothing more to be heard.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + (0.0 if isinstance(self._sky, JumpingClock) else _ANSWERS_S)
        while True:
            heard = {each.key for each in self.heard}
            missing = [key for key in keys if key not in heard]
            if not missing or clock() >= until:
                return missing
            await asyncio.sleep(_LOOK_S)

    # --- hearing -------------------------------------------------------------------------------------

    async def hear(self, arrival: Arrival) -> None:
        """Take what the party says."""
        self._at_work += 1
        try:
            await self._hear(arrival)
        except VOEventError as error:
            self.complaints.append(f"{self.party} said something that it may not: {error}")
        finally:
            self._at_work -= 1

    async def _hear(self, arrival: Arrival) -> None:
        if arrival.problem:
            raise InvalidError(arrival.problem)
        packet = parse(arrival.raw)
        if packet.sha256 in self._known:
            return
        self._known.add(packet.sha256)
        header, content = read(packet)
        if isinstance(content, Receipt) and self.names.known.get(content.cited) == _DAMAGED:
            return
        key = self.key(packet, header, content)
        heard = Heard(packet=packet, header=header, content=content, key=key, time=self._sky.now())
        self.heard.append(heard)
        if key in self._by_party:
            self._setting.retelling.note(self._by_party[key], packet.id)
        if complaint := await self._setting.witness(heard):
            self.complaints.append(complaint)
        await self.listened(heard)


def _taken(reader: Reader, *, packet: PacketId) -> bool:
    stored = reader.stored(packet)
    if stored is not None:
        return stored.considered
    return any(each.sha256 == packet.sha256 for each in reader.quarantined(limit=20))
