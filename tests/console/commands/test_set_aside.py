"""``followup packet quarantine``, ``expired`` and ``resend``, at sites whose agents run and do not run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console import settings
from console.control import ask
from console.set_aside import JOURNAL
from console.state import State
from deploy.ca import open_authority
from followup.clock import WallClock
from followup.errors import FollowupError
from messaging import inbox, outbox
from messaging.author import Author
from messaging.records import OutgoingState, ToUser
from messaging.session import Arrival
from messaging.store import Store
from messaging.transaction import Transaction
from tests.console.cli import busy_port, child, followup, interrupt
from tests.messaging.world import campaign_of, trigger
from tests.transfer.sites import make_key
from voevent.packet import MAX_PACKET_BYTES, PacketId

CAMPAIGN = campaign_of("gft-a")
NASTY = b"<voe\x1b[31m\x00\xff \xe2\x80\xae &a;>\nsecond line\n"
LATER = "ivo://followup/gft-a#nasty\u202e"


def write(folder: Path, *works: Callable[[Transaction], Any]) -> list[Any]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(folder / JOURNAL, wall=WallClock(), max_packet_bytes=MAX_PACKET_BYTES)
    results = store.transact(works)
    store.close()
    assert [error for _, error in results if error] == []
    return [value for value, _ in results]


def keep(raw: bytes, reason: str, **facts: Any) -> Callable[[Transaction], bool]:
    arrival = Arrival(raw=raw, claimed_sha256="", **({"sender": "gft-a"} | facts))
    return lambda tx: inbox.quarantine(tx, arrival, ivorn=LATER, reason=reason)


def outgoing(folder: Path) -> list[tuple[OutgoingState, float]]:
    store = Store(folder / JOURNAL, wall=WallClock(), max_packet_bytes=MAX_PACKET_BYTES)
    rows = store.query(lambda reader: reader.outgoing())
    store.close()
    return [
        (row.state, ((row.deadline or datetime.now(UTC)) - datetime.now(UTC)).total_seconds()) for row in rows
    ]


def expire(folder: Path) -> PacketId:
    """Have the science centre's trigger expire."""
    author = Author(site="csc", authority="followup", sky=WallClock())

    def say(tx: Transaction) -> PacketId:
        made = author.compose(tx, CAMPAIGN, trigger(), to=ToUser("gft-a"), drill=True, deadline_s=3600.0)
        # As if it had been said two hours ago.
        tx.connection.exec_driver_sql("UPDATE outgoing SET deadline = deadline - 7200000000")
        return made.id

    said, _ = write(folder, say, outbox.expire)
    packet: PacketId = said
    return packet


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state")
    content = {"xmpp": {"host": "127.0.0.1", "domain": "x"}, "sftp": {"host": "127.0.0.1", "port": 1}}
    settings.write(state.csc, content)
    write(
        state.relay,
        keep(b"first", "it is early"),
        keep(NASTY, "it is nasty\u202e\x1b[2J"),
        keep(b"third", "of a topic", sender="pubsub.x", topic="followup/gft-a", publisher="gft-b"),
    )
    expire(state.csc)
    return state


def test_quarantine_is_listed_with_reasons_and_counts(state: State) -> None:
    answer = followup("packet", "quarantine", "--state", state.root)
    assert (answer.status, answer.err) == (0, "")
    assert "csc-ftp: 3 in quarantine" in answer.out
    text = " ".join(answer.out.split())
    for said in ("it is early", "it is nasty", "gft-b on followup/gft-a"):
        assert said in text
    assert "csc:" not in text, "nothing is in the centre's"
    assert max(map(len, answer.out.split("csc-ftp: ")[1].splitlines()[:-1])) <= 80
    document = json.loads(followup("packet", "quarantine", "csc-ftp", "--state", state.root, "--json").out)
    assert {name: (site["kept"], site["dropped"]) for name, site in document["sites"].items()} == {
        "csc-ftp": (3, 0)
    }
    assert [one["number"] for one in document["sites"]["csc-ftp"]["packets"]] == [3, 2, 1]


def test_what_made_room_is_counted(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_QUARANTINED", 2)
    write(state.relay, keep(b"fourth", "late"))
    assert "csc-ftp: 2 in quarantine; 2 earlier ones made room" in (
        followup("packet", "quarantine", "--state", state.root).out
    )


def test_nothing_that_a_stranger_wrote_reaches_the_terminal(state: State) -> None:
    for words in (("quarantine",), ("quarantine", "csc-ftp", "2")):
        out = followup("packet", *words, "--state", state.root).out
        assert "nasty" in out
        assert all(c.isprintable() or c == "\n" for c in out)
    assert "second line" in out


def test_one_is_saved_to_the_byte(state: State, tmp_path: Path) -> None:
    file = tmp_path / "evidence"
    words = ("packet", "quarantine", "csc-ftp", "2", "--state", state.root)
    shown = followup(*words, "--to", file)
    assert shown.status == 0
    assert f"its bytes are in {file}" in shown.out
    assert file.read_bytes() == NASTY
    assert file.stat().st_mode & 0o077 == 0
    again = followup(*words, "--to", file)
    assert (again.status, again.complaint) == (2, f"{file}: File exists")
    document = json.loads(followup(*words, "--json").out)
    assert (document["number"], document["bytes"], document["sender"]) == (2, len(NASTY), "gft-a")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("quarantine", "csc-ftp", "99"), "holds nothing with the number 99"),
        (("quarantine", "gft-z"), "no site gft-z"),
        (("quarantine", "../csc"), "no site ../csc"),
        (("quarantine", "--to", "file"), "--to saves one packet"),
        (("expired", "gft-z"), "no site gft-z"),
        (("resend", "ivo://followup/csc#nothing"), "has not expired at csc, csc-ftp"),
    ],
)
def test_what_is_not_there(state: State, words: tuple[str, ...], complaint: str) -> None:
    answer = followup("packet", *words, "--state", state.root)
    assert answer.status == 2
    assert complaint in answer.complaint
    assert answer.hint
    assert not Path("file").exists()


@pytest.mark.parametrize("words", [("quarantine",), ("expired",), ("resend", "ivo://a/b#c")])
def test_a_state_without_sites(tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = followup("packet", *words, "--state", tmp_path / "none")
    assert answer.status == 2
    assert "holds no site" in answer.complaint
    assert not (tmp_path / "none").exists()


def test_an_expired_packet_is_listed_and_sent_again(state: State) -> None:
    listed = followup("packet", "expired", "--state", state.root)
    assert listed.status == 0
    [letter] = json.loads(followup("packet", "expired", "--state", state.root, "--json").out)
    assert (letter["site"], letter["kind"], letter["campaign"], letter["to"]) == (
        "csc", "trigger", CAMPAIGN, "gft-a",
    )  # fmt: skip
    assert f"followup packet resend '{letter['ivorn']}' --state {state.root}" in listed.out
    assert [state_ for state_, _ in outgoing(state.csc)] == [OutgoingState.EXPIRED]
    again = followup("packet", "resend", letter["ivorn"], "--state", state.root)
    assert (again.status, again.out.strip()) == (0, "csc sends it again to gft-a")
    [(now, left_s)] = outgoing(state.csc)
    assert now is OutgoingState.PENDING
    assert 3500 < left_s <= 3600
    assert "no packet has expired" in followup("packet", "expired", "--state", state.root).out
    twice = followup("packet", "resend", letter["ivorn"], "--state", state.root)
    assert twice.status == 2
    assert twice.hint == "it is still on its way, and is sent again by itself"


def test_status_counts_both_and_says_what_to_do(state: State) -> None:
    document = json.loads(followup("status", "--state", state.root, "--json").out)["sites"]
    assert {
        name: (site["pid"], site["waiting_for_receipt"], len(site["expired"]), site["quarantined"])
        for name, site in document.items()
    } == {"csc": (None, 0, 1, 0), "csc-ftp": (None, 0, 0, 3)}
    shown = followup("status", "--state", state.root, columns=160).out
    assert "csc – 0 1 0 its agent is not running" in " ".join(shown.split())
    assert f"followup packet expired --state {state.root} lists what has expired" in shown
    assert f"followup packet quarantine --state {state.root} tells what was not believed" in shown


def test_status_of_a_journal_of_another_version(state: State) -> None:
    with contextlib.closing(sqlite3.connect(state.csc / JOURNAL)) as connection:
        connection.execute("PRAGMA user_version = 99")
    document = json.loads(followup("status", "--state", state.root, "--json").out)["sites"]
    assert "waiting_for_receipt" not in document["csc"]
    assert document["csc-ftp"]["quarantined"] == 3


@pytest.fixture
def agent(state: State) -> Iterator[subprocess.Popen[str]]:
    """The science centre's agent, that has no server to connect to."""
    (state.csc / "password").touch(mode=0o600)
    (state.csc / "relay_host_key.pub").write_text(make_key(state.csc / "id_ed25519"))
    authority = open_authority(state.csc / "ca", now=datetime.now(UTC))
    shutil.copyfile(authority.certificate, state.csc / "ca.pem")
    with busy_port() as port:
        pass
    with child("csc", "run", "--state", state.root, FOLLOWUP_XMPP__PORT=str(port)) as process:
        yield process


@pytest.mark.integration
def test_a_running_agent_is_asked_to_send_again(state: State, agent: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 40.0
    while True:
        try:
            asyncio.run(ask(state.csc, "status"))
        except FollowupError:
            assert agent.poll() is None, agent.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            break
    [letter] = json.loads(followup("packet", "expired", "csc", "--state", state.root, "--json").out)
    assert followup("packet", "resend", letter["ivorn"], "--state", state.root).status == 0
    assert [now for now, _ in outgoing(state.csc)] == [OutgoingState.PENDING]
    assert interrupt(agent).status == 0
