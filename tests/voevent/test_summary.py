# ruff: noqa: E501  # documents and messages stay unbroken
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from tests.voevent.builders import EXAMPLES, make_header, make_trigger, packets
from voevent import build, summarise
from voevent.kinds import Content, Header, Receipt, ReceiptOutcome, Status, StatusState, TriggerAction
from voevent.packet import PacketId

NAME = "[DRILL] sb26112201.gft-jilin: "
LINES = {
    "trigger": "csc asks to observe at RA 189.9811 Dec -17.7676 ± 3.2′, T0 2026-11-22 01:00:03 UTC (ECLAIRs), revision 0",
    "retraction": "csc retracts the burst, T0 2026-11-22 01:00:03 UTC (ECLAIRs), revision 1: not a burst",
    "light curve": "gft-jilin reports a light curve: 1 detection, 1 limit; latest g > 21.50 at 3600 s; alpha 0.91 ± 0.04",
    "sed": "gft-jilin reports an SED of 1 band",
    "upload": "gft-jilin has uploaded t1: 12 files, 25.0 MB",
    "status": "gft-jilin plans 1 task, first at 2026-11-22 01:00:03 UTC: three epochs tonight",
    "closing": "gft-jilin closes the campaign as completed: counterpart found",
    "receipt": "gft-jilin accepts csc's sb26112201.gft-jilin.trigger-r0-abababababab, first epoch 2026-11-22T01:05:00Z",
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_kind_in_one_line(name: str) -> None:
    header, content = EXAMPLES[name]
    assert summarise(header, content) == NAME + LINES[name]
    assert build(header, content).description == NAME + LINES[name]
    assert not summarise(replace(header, drill=False), content).startswith("[DRILL]")


def test_other_wordings() -> None:
    header = make_header("csc")
    assert "refines the trigger" in summarise(header, make_trigger(revision=1))
    assert "calls the campaign off" in summarise(header, make_trigger(action=TriggerAction.CANCEL))
    assert summarise(make_header(), Status(state=StatusState.UNSAFE, text="rain")).endswith(
        "says unsafe: rain"
    )
    odd = Receipt(
        cited=PacketId(ivorn="odd", sha256="00" * 32), outcome=ReceiptOutcome.EXPIRED, reason="late"
    )
    assert summarise(make_header(), odd).endswith("gave up delivering odd: late")


@given(packets())
@settings(max_examples=50, deadline=None)
def test_always_one_printable_line(made: tuple[Header, Content]) -> None:
    line = summarise(*made)
    assert line.isprintable()
    assert 0 < len(line) <= 400
