"""Whatever the order in which packets come, and however often: the archive tells the same."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import Archive
from tests.archive.conftest import Databases
from tests.archive.conversation import WALL, Delivery
from tests.archive.snapshot import rows, told
from tests.conftest import shared
from voevent import parse


@pytest.fixture(scope="module")
def in_order(
    databases: Databases, deliveries: tuple[Delivery, ...], tmp_path_factory: pytest.TempPathFactory
) -> tuple[object, object]:
    with Archive.open(databases.migrated(), tmp_path_factory.mktemp("files")) as archive:
        for delivery in deliveries:
            delivery.into(archive)
        return told(archive), rows(archive)


# Real databases: a few, but long, examples.
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rng=st.randoms(use_true_random=False))
def test_any_order_of_ingest_gives_the_same_archive(
    rng: random.Random,
    databases: Databases,
    deliveries: tuple[Delivery, ...],
    in_order: tuple[object, object],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    again = rng.choices(deliveries, k=5)
    late = [
        Delivery(packet=d.packet, direction=d.direction, peer=d.peer, time=d.time + timedelta(hours=1))
        for d in rng.choices(deliveries, k=5)
    ]
    shuffled = [*deliveries, *again, *late]
    rng.shuffle(shuffled)
    with Archive.open(databases.scratch(), tmp_path_factory.getbasetemp()) as archive:
        for delivery in shuffled:
            delivery.into(archive)
        assert rows(archive) == in_order[1]
        assert told(archive) == in_order[0]


def test_real_alerts_are_archived_as_they_are(tmp_path: Path) -> None:
    alerts = [parse(path.read_bytes()) for path in sorted(shared("packets").rglob("*.xml"))]
    with Archive.open(f"sqlite:///{tmp_path}/a.sqlite", tmp_path) as archive:
        for alert in alerts * 2:
            archive.ingest(alert, direction="received", peer="gcn", time=WALL)
        assert {record.id for record in archive.packets()} == {alert.id for alert in alerts}
        assert all(archive.raw(alert.id) == alert.raw for alert in alerts)
