"""An INDI server whose one device does what a test tells it: what real simulators cannot be made to do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Values = dict[str, str]
Reaction = Callable[[Values], "str | None"]
"""Gives what the device says to new values; None to hang up on everybody."""

_ASKED = re.compile(
    rb'<new(?P<type>\w+)Vector[^>]*name="(?P<name>\w+)".*?</new(?P=type)Vector>|<getProperties', re.DOTALL
)
_MEMBER = re.compile(rb'<one\w+ name="(\w+)"[^>]*>\s*([^<]*?)\s*</one')

MOUNT = "Mount"


def number(name: str, values: Mapping[str, float], *, state: str = "Ok", verb: str = "set") -> str:
    tag = "def" if verb == "def" else "one"
    limits = ' label="" format="%g" min="-90" max="360" step="0"' if verb == "def" else ""
    members = "".join(
        f'<{tag}Number name="{key}"{limits}>{value}</{tag}Number>' for key, value in values.items()
    )
    return _vector("Number", name, members, state, verb)


def switch(name: str, values: Mapping[str, bool], *, state: str = "Ok", verb: str = "set") -> str:
    tag = "def" if verb == "def" else "one"
    members = "".join(
        f'<{tag}Switch name="{key}">{"On" if on else "Off"}</{tag}Switch>' for key, on in values.items()
    )
    return _vector("Switch", name, members, state, verb)


def message(text: str) -> str:
    return f'<message device="{MOUNT}" message="{text}"/>'


def _vector(kind: str, name: str, members: str, state: str, verb: str) -> str:
    more = ' perm="rw" rule="OneOfMany" label="" group=""' if verb == "def" else ""
    tag = f"{verb}{kind}Vector"
    return f'<{tag} device="{MOUNT}" name="{name}" state="{state}"{more}>{members}</{tag}>'


PROPERTIES = "".join(
    (
        switch("CONNECTION", {"CONNECT": True, "DISCONNECT": False}, verb="def"),
        number("EQUATORIAL_EOD_COORD", {"RA": 0.0, "DEC": 90.0}, verb="def"),
        switch("ON_COORD_SET", {"TRACK": True, "SLEW": False}, verb="def"),
        switch("TELESCOPE_ABORT_MOTION", {"ABORT": False}, verb="def"),
    )
)


FOCUSER_PROPERTIES = "".join(
    (
        switch("CONNECTION", {"CONNECT": True, "DISCONNECT": False}, verb="def"),
        number("ABS_FOCUS_POSITION", {"FOCUS_ABSOLUTE_POSITION": 100.0}, verb="def"),
        switch("FOCUS_ABORT_MOTION", {"ABORT": False}, verb="def"),
    )
)


@dataclass
class FakeMount:
    """A mount that reacts as it is told, by property; what it is not told it does not answer.

    With other properties it is another device.
    """

    reactions: dict[str, Reaction] = field(default_factory=dict)
    properties: str = PROPERTIES
    asked: list[tuple[str, Values]] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Serve on a port that is given."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            self._hang_up()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        text = b""
        while part := await reader.read(65536):
            text += part
            while found := _ASKED.search(text):
                text = text[found.end() :]
                answer = self.properties if found["name"] is None else self._react(found)
                if answer is None:
                    self._hang_up()
                    return
                writer.write(answer.encode())
        writer.close()

    def _react(self, found: re.Match[bytes]) -> str | None:
        name = found["name"].decode()
        values = {key.decode(): value.decode() for key, value in _MEMBER.findall(found[0])}
        self.asked.append((name, values))
        reaction = self.reactions.get(name)
        return reaction(values) if reaction else ""

    def _hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()
