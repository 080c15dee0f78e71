"""A few packets: the figures of so few say nothing, but every part of the benchmark has run."""

import pytest

from benchmarks import comet, throughput


@pytest.mark.integration
def test_throughput_is_measured_against_its_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("PACKETS", 40), ("ROUNDS", 1), ("THROUGH_RELAY", 5), ("BACKLOG", 40), ("EVENTS", 5)):
        monkeypatch.setattr(throughput, name, few)
    rows = throughput.run()
    assert all(row["value"] > 0 for row in rows if row["unit"] == "1/s")
    against = {row["against"] for row in rows}
    assert {
        "bare stanzas (goal ×0.5)",
        "the goal of 300 1/s",
        "the steady rate",
        "the goal of 64 MiB",
    } <= against
    assert any("Comet" in row["name"] for row in rows) is (comet.installed() is not None)
