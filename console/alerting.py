"""Alerts that people write: by a command, or in the form in Prefect. Both go the same way from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from followup.clock import Clock, SkyClock
from followup.errors import FollowupError
from followup.names import CSC, check_burst
from voevent.alert import Alert, build_alert
from voevent.errors import VOEventError
from voevent.packet import Packet, SkyPosition

Triggers = Callable[[bytes, Sequence[str] | None, bool], Awaitable[Sequence[Mapping[str, str]]]]
"""Triggers telescopes on an alert: its bytes, which telescopes (None for all), whether it is a drill."""


def alert_on(
    burst: str,
    *,
    ra_deg: float,
    dec_deg: float,
    error_arcmin: float,
    trigger_time: str,
    now: datetime,
    by: str,
    authority: str,
    drill: bool,
) -> Packet:
    """Write the alert of a person who gives coordinates.

    Parameters
    ----------
    trigger_time
        ISO 8601, UTC unless it says otherwise; empty for now.
    by
        Who gives them; empty when it is not known.

    Raises
    ------
    FollowupError
        When a value cannot be, with what would do.
    """
    time = read_time(trigger_time) if trigger_time else now
    if time > now:
        raise FollowupError(
            f"T0 is {time:%Y-%m-%d %H:%M:%S} UTC, which is to come", hint="give a time that has passed"
        )
    alert = Alert(
        burst=_burst(burst),
        trigger_time=time,
        date=now,
        position=_position(ra_deg, dec_deg, error_arcmin),
        instrument="coordinates",
        description=f"{burst}: position given by {by or 'a person'}",
    )
    try:
        return build_alert(alert, authority=authority, author=CSC, drill=drill)
    except VOEventError as error:
        raise FollowupError(f"no alert can be made of this: {error}", hint="use plain text") from error


def read_time(text: str) -> datetime:
    """Read a time that a person gives; UTC unless it says otherwise.

    Raises
    ------
    FollowupError
        When it is not one.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise FollowupError(f"{text!r} is not a time", hint="write it like 2026-11-22T03:04:05") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


class FormDesk:
    """Triggers as a form asks for it (`followup.steering.TriggerForm`).

    Parameters
    ----------
    enrolled
        Names of the telescopes that can be triggered now.
    """

    def __init__(
        self, *, enrolled: Callable[[], tuple[str, ...]], triggers: Triggers, sky: Clock, authority: str
    ) -> None:
        self._enrolled = enrolled
        self._triggers = triggers
        self._sky = sky
        self._authority = authority

    def telescopes(self) -> tuple[str, ...]:
        """Names of the telescopes that can be triggered now."""
        return tuple(sorted(self._enrolled()))

    async def trigger(self, wanted: Mapping[str, Any], asked: datetime) -> tuple[Mapping[str, str], ...]:
        """Trigger as a person wants it; the same form, asked again, is the same alert and changes nothing.

        Raises
        ------
        FollowupError
            When it cannot be, with what to do about it.
        """
        who = str(wanted["who"]).strip()
        if not who:
            raise FollowupError("nobody has signed the form", hint="fill in your name")
        drill = _is_drill(wanted["what"])
        alert = alert_on(
            str(wanted["burst"]).strip(),
            ra_deg=_number(wanted, "ra_deg", "the right ascension"),
            dec_deg=_number(wanted, "dec_deg", "the declination"),
            error_arcmin=_number(wanted, "error_arcmin", "the error radius"),
            trigger_time=str(wanted["trigger_time"] or ""),
            now=self._sky.sky_at(asked) if isinstance(self._sky, SkyClock) else asked,
            by=who,
            authority=self._authority,
            drill=drill,
        )
        return tuple(await self._triggers(alert.raw, list(wanted["telescopes"]) or None, drill))


def _is_drill(what: Any) -> bool:
    if what not in {"drill", "real"}:
        raise FollowupError(f"{what!r} is neither drill nor real", hint="choose one of them")
    return bool(what == "drill")


def _number(wanted: Mapping[str, Any], field: str, name: str) -> float:
    try:
        return float(wanted[field])
    except (TypeError, ValueError) as error:
        raise FollowupError(f"{name} is {wanted[field]!r}, which is no number", hint="degrees") from error


def _burst(name: str) -> str:
    try:
        return check_burst(name)
    except ValueError as error:
        raise FollowupError(str(error), hint="give the burst another name (--burst)") from error


def _position(ra_deg: float, dec_deg: float, error_arcmin: float) -> SkyPosition:
    try:
        return SkyPosition(ra_deg=ra_deg, dec_deg=dec_deg, error_radius_deg=error_arcmin / 60)
    except ValueError as error:
        raise FollowupError(str(error), hint="degrees, ICRS; the error radius in arcmin") from error
