"""``followup gft hold`` and the like: what is asked of the agent, what people are told, exit statuses."""

from __future__ import annotations

import asyncio
import getpass
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agents.gft.orders import Order, Ordered, Person
from console.control import Command, Control
from console.set_aside import JOURNAL
from console.state import agent_lock
from console.tenure import held
from followup.campaign import What
from followup.clock import WallClock
from followup.errors import FollowupError
from messaging.store import Store
from messaging.transaction import Transaction
from tests.console.cli import followup
from voevent.packet import MAX_PACKET_BYTES

GFT = "gft-spm"
BY = {"login": getpass.getuser(), "host": socket.gethostname()}
HELD = "held by ana@dome since 2026-11-22 03:04 UTC: guests"


class Agent:
    """Answers commands as a telescope's agent does, and keeps what it was asked.

    Attributes
    ----------
    asked
        Commands with their arguments, in order.
    """

    def __init__(self, folder: Path, answers: dict[str, Any]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers
        self._folder = folder

    async def _answer(self, name: str, arguments: dict[str, Any]) -> Any:
        self.asked.append((name, arguments))
        answer = self._answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @contextmanager
    def running(self) -> Iterator[Agent]:
        self._folder.mkdir(parents=True, exist_ok=True)
        loop = asyncio.new_event_loop()
        commands: dict[str, Command] = {name: partial(self._answer, name) for name in self._answers}
        control = Control(self._folder, commands)
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(control.start(), loop).result()
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(control.stop(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@pytest.mark.parametrize(
    ("words", "order", "given"),
    [
        (("hold", GFT, "--reason", "guests"), "hold", {"reason": "guests", "at_once": False}),
        (("hold", GFT, "--reason", "a bat", "--now"), "hold", {"reason": "a bat", "at_once": True}),
        (("resume", GFT), "resume", {"reason": ""}),
        (("park", GFT, "--reason", "storm"), "park", {"reason": "storm"}),
        (("takeover", GFT, "--reason", "cleaning"), "takeover", {"reason": "cleaning", "park": False}),
        (("takeover", GFT, "--reason", "it", "--park"), "takeover", {"reason": "it", "park": True}),
        (("giveback", GFT), "giveback", {"reason": ""}),
    ],
)
def test_an_order_is_given_with_who_gives_it(
    tmp_path: Path, words: tuple[str, ...], order: str, given: dict[str, Any]
) -> None:
    with Agent(tmp_path / GFT, {order: {"in_force": HELD}}).running() as agent:
        answer = followup("gft", *words, "--state", tmp_path)
        signed = followup("gft", *words, "--as", "Ana Núñez", "--state", tmp_path)
    assert (answer.status, answer.out) == (0, f"{GFT} is {HELD}\n")
    assert signed.status == 0
    assert agent.asked == [
        (order, {"name": BY["login"], **BY, **given}),
        (order, {"name": "Ana Núñez", **BY, **given}),
    ]


def test_a_telescope_that_nobody_holds_any_more(tmp_path: Path) -> None:
    with Agent(tmp_path / GFT, {"resume": {"in_force": ""}}).running():
        answer = followup("gft", "resume", GFT, "--state", tmp_path)
    assert answer.out == f"{GFT} is free: it goes on when there is something, and it is safe\n"


def test_a_reason_is_asked_for(tmp_path: Path) -> None:
    assert followup("gft", "hold", GFT, "--state", tmp_path).status == 2


def test_a_telescope_that_is_not_parked(tmp_path: Path) -> None:
    with Agent(tmp_path / GFT, {"park": {"in_force": HELD, "trouble": "mount: a motor is off"}}).running():
        answer = followup("gft", "park", GFT, "--reason", "storm", "--state", tmp_path)
    assert (answer.status, answer.complaint) == (1, "mount: a motor is off")


@pytest.mark.parametrize(
    ("stopped_s", "status", "said"),
    [(0.25, 0, "sb1.gft-spm is aborted; gft-spm was at rest after 0.25 s\n"), (None, 1, "")],
)
def test_a_campaign_is_aborted(tmp_path: Path, stopped_s: float | None, status: int, said: str) -> None:
    with Agent(tmp_path / GFT, {"abort": {"stopped_after_s": stopped_s}}).running() as agent:
        answer = followup("gft", "abort", f"sb1.{GFT}", "--reason", "a satellite", "--state", tmp_path)
    assert (answer.status, answer.out) == (status, said)
    [(_, given)] = agent.asked
    assert (given["campaign"], given["reason"]) == (f"sb1.{GFT}", "a satellite")


def test_what_the_agent_refuses(tmp_path: Path) -> None:
    refusal = FollowupError("nobody holds gft-spm", hint="followup gft giveback")
    with Agent(tmp_path / GFT, {"resume": refusal}).running():
        answer = followup("gft", "resume", GFT, "--state", tmp_path)
    assert (answer.status, answer.complaint, answer.hint) == (
        2,
        "nobody holds gft-spm",
        "followup gft giveback",
    )


def test_without_an_agent(tmp_path: Path) -> None:
    (tmp_path / GFT / "run").mkdir(parents=True)
    answer = followup("gft", "hold", GFT, "--reason", "guests", "--state", tmp_path)
    assert answer.status == 2
    assert answer.complaint == f"no agent of {GFT} runs: nothing moves it, and nothing can be ordered"
    assert answer.hint.startswith(f"start it: followup gft run {GFT}")
    with held(agent_lock(tmp_path / GFT)):
        answer = followup("gft", "hold", GFT, "--reason", "guests", "--state", tmp_path)
    assert answer.status == 2
    assert "is starting" in answer.complaint


@pytest.mark.parametrize(
    ("words", "hint"), [(("hold", "spm"), "csc telescopes"), (("abort", "sb1"), "gft status")]
)
def test_names_that_cannot_be(tmp_path: Path, words: tuple[str, str], hint: str) -> None:
    answer = followup("gft", *words, "--reason", "x", "--state", tmp_path)
    assert answer.status == 2
    assert hint in answer.hint


LIVE: dict[str, Any] = {
    "telescope": GFT,
    "state": "observing",
    "simulated": True,
    "sky_time": "2026-11-22T03:00:10+00:00",
    "hold": None,
    "takeover": None,
    "why": {},
    "observing": "sb1.gft-spm",
    "exposure_ends_in_s": 12.0,
    "waiting": ["sb2.gft-spm"],
    "sheltered": False,
    "weather": {"safe": True, "reason": "", "age_s": 3.0, "values": {"wind_m_s": 4.5}},
    "safety": {
        "watchdog": "NONE RUNS",
        "watchdog_did": "",
        "not_sheltered": "",
        "not_measured": ["rain_mm_h"],
    },
    "reaches": {
        "connected": True,
        "hears": {"csc": True, "csc-ftp": False},
        "prefect": "away",
        "waiting_for_receipt": 4,
    },
    "campaigns": [
        {
            "campaign": "sb1.gft-spm",
            "drill": True,
            "position": {"ra_deg": 102.86, "dec_deg": -1.78},
            "doing": "exposing",
            "since": "2026-11-22T03:00:02+00:00",
            "exposure": "t1-r-002",
            "seconds": 20.0,
            "task": "t1",
            "stopped": None,
            "tasks": [
                {
                    "task": "t1", "epoch": "first-look", "start": "2026-11-22T02:59:00+00:00",
                    "filters": ["r", "g"], "exposures": 4, "exposure_s": 20.0, "taken": 1,
                    "ended": None, "why": "",
                }
            ],
        }
    ],
    "frames": [
        {
            "frame": "t1-r-001", "campaign": "sb1.gft-spm", "filter": "r",
            "time": "2026-11-22T02:59:58+00:00", "file": "raw/t1-r-001.fits.fz", "problem": "",
            "fwhm_px": 1.4, "seeing_arcsec": 1.78, "limit_mag": 19.44,
        }
    ],
}  # fmt: skip


def test_how_a_telescope_stands(tmp_path: Path) -> None:
    with Agent(tmp_path / GFT, {"live": LIVE}).running():
        answer = followup("gft", "status", GFT, "--state", tmp_path, columns=120)
    assert answer.status == 0
    for words in (
        "gft-spm  observing  simulated: all is a drill",
        "in charge     the agent",
        "sb1.gft-spm  DRILL  102.8600 -1.7800  exposing t1",
        "t1-r-002, 20 s",
        "12 s left",
        "in the queue  sb2.gft-spm",
        "safe  3 s old  wind_m_s 4.5",
        "XMPP yes  relay AWAY  CSC yes  Prefect AWAY  4 packets wait for a receipt",
        "NONE RUNS",
        "t1 first-look   r g       4 × 20 s ",
        "1.8″    19.4",
    ):
        assert words in answer.out


def test_it_can_be_read_by_scripts(tmp_path: Path) -> None:
    with Agent(tmp_path / GFT, {"live": LIVE}).running():
        answer = followup("gft", "status", GFT, "--json", "--state", tmp_path)
    assert '"state": "observing"' in answer.out


def test_who_is_in_charge(tmp_path: Path) -> None:
    hold = {"order": "park", "by": "ana@dome", "since": "2026-11-22T03:04:00+00:00", "reason": "storm"}
    document = LIVE | {"state": "parked", "hold": hold, "why": {"halt": "…", "safety": "wind: 22 m/s"}}
    with Agent(tmp_path / GFT, {"live": document}).running():
        answer = followup("gft", "status", GFT, "--once", "--state", tmp_path, columns=120)
    assert "in charge     parked by ana@dome since 11-22 03:04 UTC: storm" in answer.out
    assert "safety        wind: 22 m/s" in answer.out


def test_what_the_journal_says_without_an_agent(tmp_path: Path) -> None:
    answer = followup("gft", "status", GFT, "--state", tmp_path)
    assert answer.status == 2
    assert "has never run here" in answer.complaint
    (tmp_path / GFT).mkdir()
    at = datetime(2026, 11, 22, 3, 4, tzinfo=UTC)
    ana = Person(name="ana", login="ana", host="dome")
    ordered = Ordered(order=Order.HOLD, by=ana, reason="guests", time=at)
    accepted = {"ivorn": "ivo://followup/csc#x", "sha256": "0" * 64, "revision": 0, "drill": True}

    def write(transaction: Transaction) -> None:
        transaction.note(GFT, ordered.order, ordered.to_data(), time=at)
        transaction.note(f"sb1.{GFT}", What.ACCEPTED, accepted, time=at)
        transaction.note(f"sb1.{GFT}", What.EXPOSED, {"exposure": "t1-r-001", "file": "raw/x"}, time=at)

    store = Store(tmp_path / GFT / JOURNAL, wall=WallClock(), max_packet_bytes=MAX_PACKET_BYTES)
    store.transact([write])
    store.close()
    answer = followup("gft", "status", GFT, "--state", tmp_path, columns=120)
    assert answer.status == 0
    assert "gft-spm  no agent runs" in answer.out
    assert "held by ana@dome since 11-22 03:04 UTC: guests" in answer.out
    assert f"sb1.{GFT}  DRILL" in answer.out
    assert "not reduced" in answer.out
    assert f"start the agent: followup gft run {GFT}" in answer.out
