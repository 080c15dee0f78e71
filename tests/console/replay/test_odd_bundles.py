"""Bundles that are whole, and hold what no telescope writes; and packets that do not look as ours do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.replay.case import check_case
from console.replay.errors import ReplayError
from console.replay.player import Player
from console.replay.record import Recording
from console.replay.whatif import playing
from tests.console.cli import followup
from tests.console.replay.repacked import repacked
from tests.console.replay.test_conversation import TRIGGER, said
from voevent.kinds import Trigger
from voevent.packet import Packet
from voevent.parse import parse

KEPT = Path(__file__).parent / "bundles"
LIGHT = KEPT / "small-light.tar.zst"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[1]", "decisions.json of sb26112201.gft-spm is no list of decisions"),
        (b"{}", "decisions.json of sb26112201.gft-spm is no list of decisions"),
        (b"not JSON", "decisions.json of sb26112201.gft-spm cannot be read: "),
    ],
)
def test_decisions_that_are_none_are_refused_in_one_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    bundle = repacked(LIGHT, tmp_path / "odd.tar.zst", {"decisions.json": content})
    answer = followup("replay", bundle)
    assert answer.status == 2
    assert answer.complaint.startswith(complaint)


def test_a_what_if_of_a_suite_goes_on_after_a_bundle_that_cannot_be_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = tmp_path / "nights"
    suite.mkdir()
    (suite / "a.tar.zst").write_bytes(LIGHT.read_bytes()[:9000])
    (suite / "b.tar.zst").write_bytes(LIGHT.read_bytes())
    true = playing.what_if

    def played(path: Path, *facts: Any, **more: Any) -> Any:
        if path.name == "b.tar.zst":
            return SimpleNamespace(faults=(), to_data=lambda: {"campaign": path.name})
        return true(path, *facts, **more)

    monkeypatch.setattr(playing, "what_if", played)
    answer = followup("replay", "--suite", suite, "--shift", "6h", "--json")
    assert answer.status == 2
    broken, whole = json.loads(answer.out)
    assert (broken["bundle"], broken["problem"]) == ("a.tar.zst", "a.tar.zst: it is cut off")
    assert whole == {"bundle": "b.tar.zst", "campaign": "b.tar.zst"}
    (suite / "a.tar.zst").unlink()
    answer = followup("replay", "--suite", suite, "--shift", "6h", "--json")
    assert answer.status == 0
    assert json.loads(answer.out) == [whole], "a suite is a list, even of one"


def test_a_drill_that_a_telescope_triggered_itself_is_no_test_case(monkeypatch: pytest.MonkeyPatch) -> None:
    true = Recording.read

    def untriggered(path: Path, folder: Path) -> Recording:
        recording = true(path, folder)
        return replace(
            recording, said=tuple(one for one in recording.said if not isinstance(one.content, Trigger))
        )

    check_case(LIGHT)
    monkeypatch.setattr(Recording, "read", untriggered)
    with pytest.raises(
        ReplayError, match=r"cannot be a test case: .* holds no trigger of the science centre"
    ):
        check_case(LIGHT)


class Undescribed(Player):
    """A player that notes what it says."""

    def __init__(self) -> None:
        self.party, self.complaints, self.brought = "csc", [], list[bytes]()
        self.names = SimpleNamespace(known={})  # type: ignore[assignment]  # as much as is needed

        async def nothing(_question: object) -> None:
            return None

        self._journal = SimpleNamespace(read=nothing)  # type: ignore[assignment]

    async def _bring(self, raw: bytes, *_facts: Any) -> None:
        self.brought.append(raw)

    part = way = needs = before = key = listened = None  # type: ignore[assignment]


async def test_a_packet_without_a_description_is_damaged_all_the_same() -> None:
    raw = said("csc", 1, TRIGGER, 5.0).packet.raw
    start, end = raw.index(b"<Description>"), raw.index(b"</Description>") + len(b"</Description>")
    packet: Packet = parse(raw[:start] + raw[end:])
    player = Undescribed()
    player.names.known[packet.id] = ("trigger",)
    await player._try(packet, None)  # type: ignore[arg-type]  # nothing is sent
    [damaged] = player.brought
    assert damaged != packet.raw
    assert player.names.known[packet.id] == ("trigger",), "what is whole is not taken for damaged"
