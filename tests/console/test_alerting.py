"""Alerts that people write: by a command, and in the form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.alerting import FormDesk, alert_on
from followup.clock import SkyClock, WallClock
from followup.errors import FollowupError
from voevent.notice import read_notice
from voevent.parse import parse

NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
FILLED_IN: dict[str, Any] = {
    "who": "Ana",
    "what": "real",
    "burst": " sb1 ",
    "ra_deg": 102.86,
    "dec_deg": -1.78,
    "error_arcmin": 3.0,
    "trigger_time": "2026-11-22T03:00:00",
    "telescopes": [],
}


class Centre:
    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Sequence[str] | None, bool]] = []

    async def trigger(
        self,
        raw: bytes,
        telescopes: Sequence[str] | None,
        drill: bool,
    ) -> Sequence[Mapping[str, str]]:
        self.asked.append((raw, telescopes, drill))
        return [{"campaign": "sb1.gft-spm", "ivorn": "ivo://followup/csc#x", "reason": ""}]


def desk(centre: Centre, sky: Any = None) -> FormDesk:
    return FormDesk(
        enrolled=lambda: ("gft-spm", "gft-jilin"),
        triggers=centre.trigger,
        sky=sky or WallClock(),
        authority="followup",
    )


async def test_a_form_is_an_alert() -> None:
    centre = Centre()
    asked = desk(centre)
    assert asked.telescopes() == ("gft-jilin", "gft-spm")
    [made] = await asked.trigger(FILLED_IN, NOW)
    assert made["campaign"] == "sb1.gft-spm"
    await asked.trigger({**FILLED_IN, "what": "drill", "telescopes": ["gft-spm"]}, NOW)
    await asked.trigger(FILLED_IN, NOW)
    (raw, telescopes, drill), (_, chosen, is_drill), (again, _, _) = centre.asked
    assert (telescopes, drill, chosen, is_drill) == (None, False, ["gft-spm"], True)
    assert again == raw, "asked again for the same time it says nothing new"
    notice = read_notice(parse(raw))
    assert (notice.burst, notice.drill) == ("sb1", False)
    assert notice.trigger_time == datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    assert notice.position is not None
    assert (notice.position.ra_deg, notice.position.dec_deg) == (102.86, -1.78)
    assert "position given by Ana" in (parse(raw).description or "")


async def test_the_time_of_a_simulated_sky() -> None:
    centre = Centre()
    sky = SkyClock(sky_epoch=NOW + timedelta(days=30), wall_epoch=NOW, rate=10.0, wall=WallClock())
    await desk(centre, sky).trigger({**FILLED_IN, "trigger_time": ""}, NOW + timedelta(seconds=6))
    notice = read_notice(parse(centre.asked[0][0]))
    assert notice.trigger_time == NOW + timedelta(days=30, seconds=60)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"who": "  "}, "nobody has signed"),
        ({"what": "perhaps"}, "'perhaps' is neither drill nor real"),
        ({"burst": "sb 1"}, "cannot name a burst"),
        ({"ra_deg": 400.0}, "right ascension 400.0 is outside"),
        ({"dec_deg": "north"}, "the declination is 'north', which is no number"),
        ({"error_arcmin": -1.0}, "error radius"),
        ({"trigger_time": "yesterday"}, "'yesterday' is not a time"),
        ({"trigger_time": "2026-11-23T00:00:00"}, "which is to come"),
        ({"who": "a\x00b"}, "no alert can be made of this"),
    ],
)
async def test_what_cannot_be_is_said(wrong: dict[str, Any], words: str) -> None:
    centre = Centre()
    with pytest.raises(FollowupError, match=words) as refused:
        await desk(centre).trigger(FILLED_IN | wrong, NOW)
    assert refused.value.hint
    assert not centre.asked


def test_a_person_without_a_name() -> None:
    alert = alert_on(
        "sb1", ra_deg=1.0, dec_deg=2.0, error_arcmin=3.0, trigger_time="", now=NOW, by="",
        authority="followup", drill=True,
    )  # fmt: skip
    assert alert.description == "sb1: position given by a person"
    assert read_notice(alert).trigger_time == NOW
