"""A visitor's question for the time, and what answers mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest

from messaging.session import UndeliverableError
from messaging.xmpp.stream import Stream
from messaging.xmpp.visit import Visit

NOW = datetime(2026, 11, 22, 3, 4, 5, 250_000, tzinfo=UTC)


class Server:
    """Stands in for a connection: what the server says to the question."""

    def __init__(self, said: str | None) -> None:
        self.settings = SimpleNamespace(domain="followup.localhost")
        self.said = said

    def make_iq_get(self, *, ito: str) -> Any:
        assert ito == self.settings.domain
        return SimpleNamespace(append=lambda _: None, send=lambda: None)

    async def ask(self, _request: object, _what: str) -> Any:
        if self.said is None:
            raise UndeliverableError("asking for the time: service-unavailable")
        text = f'<iq><time xmlns="urn:xmpp:time">{self.said}</time></iq>'
        return SimpleNamespace(xml=ET.fromstring(text))  # noqa: S314 - our own


@pytest.fixture(autouse=True)
def took(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes after 0.2 s."""
    monkeypatch.setattr("messaging.xmpp.visit.time", SimpleNamespace(monotonic=iter((7.0, 7.2)).__next__))


async def offset(said: str | None) -> tuple[timedelta, timedelta] | None:
    visit = Visit(cast("Stream", Server(said)))
    return await visit.clock_offset(cast("Any", SimpleNamespace(now=lambda: NOW)))


async def test_whole_seconds_are_told_to_half_a_second() -> None:
    found = await offset("<tzo>+00:00</tzo><utc>2026-11-22T03:04:12Z</utc>")
    assert found is not None
    ahead, sure = (part.total_seconds() for part in found)
    assert ahead == pytest.approx(12.0 + 0.5 - (5.25 + 0.1), abs=1e-5)
    assert sure == pytest.approx(0.5 + 0.1, abs=1e-5)


async def test_a_server_that_tells_fractions() -> None:
    found = await offset("<utc>2026-11-22T03:04:04.500000Z</utc>")
    assert found is not None
    assert found[0].total_seconds() == pytest.approx(4.5 - (5.25 + 0.1), abs=1e-5)
    assert found[1].total_seconds() == pytest.approx(0.1, abs=1e-5)


@pytest.mark.parametrize("said", [None, "", "<tzo>+00:00</tzo>"])
async def test_a_server_that_tells_no_time(said: str | None) -> None:
    assert await offset(said) is None
