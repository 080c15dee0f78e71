"""Alerts out of order, twice, and of bursts never heard of: the six sequences of SVOM that were collected."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.csc.triggering import NoTriggerError, Triggered, call_off, taken_back, trigger, triggers_of
from followup.clock import WallClock
from followup.names import CSC, CampaignName
from messaging.author import Author
from messaging.store import Store
from messaging.transaction import Transaction
from tests.agents.world import CENTRE, T0, alert
from voevent.kinds import Trigger, TriggerAction
from voevent.notice import read_notice
from voevent.packet import MAX_PACKET_BYTES, Citation, CiteKind, SkyPosition
from voevent.parse import parse
from voevent.svom import SvomPacketType

FOLDER = Path(__file__).parents[4] / "shared" / "packets" / "svom"
SEQUENCES = {
    name: tuple(path.read_bytes() for path in paths)
    for name, paths in itertools.groupby(sorted(FOLDER.glob("*.xml")), lambda path: path.name[:10])
    for paths in [list(paths)]
}
needs_packets = pytest.mark.skipif(not SEQUENCES, reason="no collection of real packets beside the project")
GFT = "gft-spm"
T = TypeVar("T")


def in_order(raws: Sequence[bytes]) -> list[bytes]:
    return sorted(raws, key=lambda raw: (parse(raw).date or T0, read_notice(parse(raw)).packet_type or 0))


class Ear:
    """A science centre that hears alerts, and nothing else."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.author = Author(site=CSC, authority="followup", sky=WallClock())

    def hear(self, raw: bytes) -> Triggered | None:
        """None for an alert that has no position, of a burst that nobody knows."""
        packet = parse(raw)

        def work(transaction: Transaction) -> Triggered | None:
            try:
                return trigger(
                    transaction,
                    author=self.author,
                    alert=packet,
                    notice=read_notice(packet),
                    telescope=GFT,
                    drill=False,
                    time=T0,
                )
            except NoTriggerError:
                return None

        return self.write(work)

    def write(self, work: Callable[[Transaction], T]) -> T:
        [(value, error)] = self.store.transact([work])
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]  # of this work

    def triggers(self, burst: str) -> list[Trigger]:
        stored = self.store.query(lambda reader: reader.packets(str(CampaignName(burst, GFT))))
        return [content for _, content in triggers_of(stored)]

    def state(self, burst: str) -> tuple[Any, ...] | None:
        """What the last trigger asks for."""
        triggers = self.triggers(burst)
        if not triggers:
            return None
        last = triggers[-1]
        return last.action, last.trigger_time, last.position, last.instrument, last.notice


@contextmanager
def listening(folder: Path) -> Iterator[Ear]:
    store = Store(folder / "journal.sqlite", wall=WallClock(), max_packet_bytes=MAX_PACKET_BYTES)
    try:
        yield Ear(store)
    finally:
        store.close()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    with listening(tmp_path) as ear:
        yield ear


@needs_packets
@pytest.mark.parametrize("burst", SEQUENCES)
def test_a_real_sequence_in_order(ear: Ear, burst: str) -> None:
    for raw in in_order(SEQUENCES[burst]):
        ear.hear(raw)
    expected = {
        "sb26022501": [202, 204, 209],
        "sb26022802": [202, 209, 210],
        "sb26030408": [202, 219],
        "sb26042105": [202, 209],  # the gamma-ray monitor gives no position
        "sb26043009": [],  # seen by the monitor alone, and retracted
        "sb26050905": [202, 204],
    }[burst]
    assert [int(t.features["Packet_Type"]) for t in ear.triggers(burst)] == expected
    assert [t.revision for t in ear.triggers(burst)] == list(range(len(expected)))


@needs_packets
@pytest.mark.parametrize("burst", SEQUENCES)
@given(data=st.data())
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_real_sequence_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, burst: str, data: st.DataObject
) -> None:
    """As it comes to us: shuffled, and each packet as often as the streams like."""
    raws = SEQUENCES[burst]
    heard = data.draw(st.permutations([*raws, *data.draw(st.lists(st.sampled_from(raws), max_size=4))]))
    with listening(tmp_path_factory.mktemp("order")) as ear:
        for raw in in_order(raws):
            ear.hear(raw)
        wanted = ear.state(burst)
    with listening(tmp_path_factory.mktemp("any")) as ear:
        for raw in heard:
            ear.hear(raw)
        found, triggers = ear.state(burst), ear.triggers(burst)
    retracted = any(read_notice(parse(raw)).retraction for raw in raws)
    if retracted and found is None:
        return  # the retraction came before all that it takes back: nobody was troubled
    assert found == wanted
    assert len(triggers) <= len(raws)
    assert [t.action for t in triggers[:-1]] == [TriggerAction.OBSERVE] * (len(triggers) - 1)


@needs_packets
@pytest.mark.parametrize("burst", SEQUENCES)
def test_a_real_sequence_backwards(ear: Ear, burst: str) -> None:
    for raw in reversed(in_order(SEQUENCES[burst])):
        ear.hear(raw)
    kinds = [int(t.features["Packet_Type"]) for t in ear.triggers(burst)]
    # T0 is corrected by the alert that dates the burst at first hand; retracted bursts are never triggered.
    assert (
        kinds
        == {
            "sb26022501": [209, 209],
            "sb26022802": [210, 210],
            "sb26030408": [],
            "sb26042105": [209, 209],
            "sb26043009": [],
            "sb26050905": [204],
        }[burst]
    )


def test_a_retraction_before_the_alert(ear: Ear) -> None:
    first = ear.hear(alert(SvomPacketType.RETRACTION, position=None, after_s=300.0))
    assert first is not None
    assert first.packet is None
    then = ear.hear(alert())
    assert then is not None
    assert then.packet is None
    assert "was retracted" in then.reason
    assert "never triggered" in then.reason


def test_an_alert_after_its_retraction(ear: Ear) -> None:
    ear.hear(alert())
    ear.hear(alert(SvomPacketType.RETRACTION, position=None, after_s=300.0))
    later = ear.hear(alert(SvomPacketType.MXT_INITIAL, after_s=900.0))
    assert later is not None
    assert (later.packet, later.reason) == (None, "the burst was retracted")


def test_an_alert_after_a_person_called_it_off(ear: Ear) -> None:
    ear.hear(alert())
    name = CampaignName(read_notice(parse(alert())).burst, GFT)
    ear.write(partial(call_off, author=ear.author, name=name, reason="clouds"))
    later = ear.hear(alert(SvomPacketType.MXT_INITIAL, after_s=900.0))
    assert later is not None
    assert (later.packet, later.reason) == (None, "the campaign was called off")
    retraction = ear.hear(alert(SvomPacketType.RETRACTION, position=None, after_s=990.0))
    assert retraction is not None
    assert retraction.packet is not None


def test_a_position_that_comes_late_does_not_replace_a_better_one(ear: Ear) -> None:
    rough = SkyPosition(ra_deg=CENTRE.ra_deg, dec_deg=CENTRE.dec_deg + 0.1, error_radius_deg=0.1)
    burst = read_notice(parse(alert())).burst
    ear.hear(alert(SvomPacketType.MXT_INITIAL, after_s=600.0))
    ear.hear(alert(position=rough, after_s=60.0))
    assert ear.triggers(burst)[-1].position == CENTRE


def test_the_monitor_alone_is_waited_with(ear: Ear) -> None:
    monitor = alert(SvomPacketType.GRM_TRIGGER, position=None, after_s=20.0)
    assert ear.hear(monitor) is None
    ear.hear(alert())
    again = ear.hear(monitor)
    assert again is not None
    assert again.packet is None


def test_a_retraction_names_the_burst_by_its_alerts(ear: Ear) -> None:
    """Whatever it calls the burst itself: it may come from another instrument's stream."""
    heard = parse(alert())
    ear.hear(heard.raw)
    said = read_notice(parse(alert(SvomPacketType.RETRACTION, position=None, after_s=300.0)))
    names = ("ivo://a/b#never", heard.ivorn)
    cites = tuple(Citation(ivorn=name, cite=CiteKind.RETRACTION) for name in names)
    burst = read_notice(heard).burst
    assert ear.store.query(partial(taken_back, notice=replace(said, cites=cites))) == {burst}
    assert ear.store.query(partial(taken_back, notice=replace(said, cites=cites[:1]))) == set()
    assert ear.store.query(partial(taken_back, notice=replace(said, cites=cites, retraction=False))) == set()
