"""A recorded campaign played again to the real science centre and the real relay, and to changed ones.

One dataset was refused in the record, for a damaged file, and sent again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.csc.downloads import Downloads
from agents.ftp_relay.service import RelayAgent
from console.replay.centre import stage as centre_stage
from console.replay.parties import Party
from console.replay.playing import replay_bundle
from console.replay.relay import stage as relay_stage
from console.replay.verdict import Sameness, Verdict
from followup.names import CSC, RELAY, topic_of
from messaging import judgement
from messaging.desk import Answer
from messaging.session import Arrival
from tests.console.cli import followup
from tests.console.replay.hasty import make_hasty
from voevent.kinds import ReceiptOutcome
from voevent.packet import Packet
from voevent.parse import parse

pytestmark = pytest.mark.integration

KEPT = Path(__file__).parent / "bundles"
REPAIRED = KEPT / "repaired-light.tar.zst"
CALLED_OFF = KEPT / "centre" / "called-off-light.tar.zst"
"""Called off before the telescope had planned, within a tenth of a second: the sky went 200 times as fast."""


def told(verdict: Verdict) -> str:
    return json.dumps(verdict.to_data(), indent=1, default=str)


def lone(verdict: Verdict, sameness: Sameness) -> set[str]:
    return {line.what for line in verdict.lines if line.sameness is sameness}


@pytest.fixture(scope="module")
def in_turn(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the command says of each party in turn."""
    work = tmp_path_factory.mktemp("parties") / "work"
    answer = followup("replay", REPAIRED, "--against", "all", "--work", work, "--json")
    assert answer.status == 0, answer.out
    assert not answer.err
    assert sorted(path.name for path in work.iterdir()) == ["csc", "gft", "relay"]
    verdicts: list[dict[str, Any]] = json.loads(answer.out)
    return verdicts


def test_each_party_in_turn_does_as_recorded(in_turn: list[dict[str, Any]]) -> None:
    assert [verdict["against"] for verdict in in_turn] == ["gft", "csc", "relay"]
    assert all(verdict["good"] for verdict in in_turn)
    said = [{line["what"] for line in verdict["packets"]} for verdict in in_turn]
    assert "upload t1 completed attempt 2" in said[0]
    assert "receipt refused of upload t1 completed attempt 1" in said[1]
    assert {"published upload t1 completed attempt 2", "receipt relayed of closing"} <= said[2]


@pytest.mark.parametrize("party", [Party.CSC, Party.RELAY])
def test_another_replay_is_alike(in_turn: list[dict[str, Any]], party: Party) -> None:
    [first] = [verdict for verdict in in_turn if verdict["against"] == party]
    again = replay_bundle(REPAIRED, against=party)
    assert again.good, told(again)
    assert again.digest == first["digest"]
    assert {line.what for line in again.datasets} >= {"dataset logs", "dataset t1", "dataset t2"}


def test_a_campaign_that_a_person_called_off() -> None:
    verdict = replay_bundle(CALLED_OFF, against=Party.CSC)
    assert verdict.good, told(verdict)
    assert "trigger cancel revision 1" in {line.what for line in verdict.packets}


def test_a_receipt_of_the_centre_that_comes_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    make_hasty(monkeypatch, centre_stage, CSC, "unfounded")
    verdict = replay_bundle(REPAIRED, against=Party.CSC)
    assert not verdict.good
    assert verdict.faults == ("receipt accepted of status plan was said before it was committed",)


def test_a_centre_that_accepts_a_wrong_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = Downloads._until_answered

    async def gullible(self: Downloads, *facts: Any) -> Any:
        return replace(await verified(self, *facts), outcome=ReceiptOutcome.ACCEPTED)

    monkeypatch.setattr(Downloads, "_until_answered", gullible)
    verdict = replay_bundle(REPAIRED, against=Party.CSC)
    assert not verdict.good
    accepted = "receipt accepted of upload t1 completed attempt 1"
    assert verdict.faults == (f"{accepted}: raw/t1-r-001.fits.fz was accepted with a wrong checksum",)
    assert lone(verdict, Sameness.EXTRA) == {accepted}
    assert lone(verdict, Sameness.MISSING) == {"receipt refused of upload t1 completed attempt 1"}


def test_a_receipt_of_the_relay_that_comes_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    make_hasty(monkeypatch, relay_stage, RELAY, "uncustodied", topic=topic_of("gft-spm"))
    verdict = replay_bundle(REPAIRED, against=Party.RELAY)
    assert not verdict.good
    assert verdict.faults == ("receipt relayed of status plan was said before it was committed",)


def test_a_relay_that_accepts_a_wrong_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    def gullible(arrival: Arrival) -> Packet:
        return parse(arrival.raw)

    monkeypatch.setattr(judgement, "_opened", gullible)
    verdict = replay_bundle(REPAIRED, against=Party.RELAY)
    assert not verdict.good
    assert "status plan: accepted with a wrong checksum: its bytes were changed on the way" in verdict.faults
    assert "published status plan" in lone(verdict, Sameness.MISSING)


def test_a_relay_that_keeps_nothing_in_custody(monkeypatch: pytest.MonkeyPatch) -> None:
    consider = RelayAgent.consider

    async def careless(self: RelayAgent, *facts: Any) -> Answer:
        return replace(await consider(self, *facts), effect=None)

    monkeypatch.setattr(RelayAgent, "consider", careless)
    verdict = replay_bundle(CALLED_OFF, against=Party.RELAY)
    assert not verdict.good
    assert "receipt relayed of closing was said before the relay had it in custody" in verdict.faults
    assert "published closing" in lone(verdict, Sameness.MISSING)
