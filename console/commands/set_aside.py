"""``followup packet quarantine``, ``expired``, ``resend``: what was not believed, and what did not arrive."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column

from console import set_aside
from console.commands.options import JsonOption, StateOption, command, print_json, state_of
from console.errors import explained
from console.screen import NARROW, listing, name_column, number_column, say, screen
from console.state import State
from followup.errors import FollowupError
from messaging.records import Outgoing, OutgoingState, Quarantined, ToTopic
from voevent.wording import one_line

SiteArgument = Annotated[
    str | None, typer.Argument(help="Only of this site: csc, csc-ftp or gft-NAME.", show_default=False)
]
_SHOWN_LINES = 40


class NotSetAsideError(FollowupError):
    """There is nothing of that name or number among what is set aside."""


def register(packet: typer.Typer) -> None:
    """Add the commands."""
    for made in (quarantine, expired, resend):
        packet.command()(made)


def quarantine(
    *,
    state: StateOption,
    site: SiteArgument = None,
    number: Annotated[
        int | None, typer.Argument(help="Show this one, by its number in the list.", show_default=False)
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Save the exact bytes of that one in a new file.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="List so many of a site, the latest.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List what came and was not believed, with the reason; show one; save its bytes.

    Nothing of it had any effect. Each site keeps the latest 1000, 16 MiB at most, and counts what made room.

    - `followup packet quarantine csc-ftp`
    - `followup packet quarantine csc-ftp 17 --to evidence.bin`
    """
    with explained():
        where = state_of(state)
        names = set_aside.chosen(where, site)
        if number is not None and site is not None:
            _show(_numbered(where, site, number), to, as_json=as_json)
            return
        if to is not None:
            raise NotSetAsideError(
                "--to saves one packet", hint="followup packet quarantine SITE NUMBER --to FILE"
            )
        document = {name: _standing(where, name, limit) for name in names}
        if as_json:
            print_json({"sites": document})
            return
        _list(where, document)


def expired(*, state: StateOption, site: SiteArgument = None, as_json: JsonOption = False) -> None:
    """List dead letters: packets that were not answered before their deadline passed, or were withdrawn.

    They are kept until they are sent again (`followup packet resend`) or answered after all.
    """
    with explained():
        where = state_of(state)
        found = [
            (name, row)
            for name in set_aside.chosen(where, site)
            for row in set_aside.look(where.root / name, set_aside.expired)
        ]
        if as_json:
            print_json([{"site": name, **_letter(row)} for name, row in found])
            return
        if not found:
            say("no packet has expired")
            return
        console = screen()
        wide = console.width >= NARROW
        table = listing(
            name_column("site"),
            name_column("deadline (UTC)"),
            *((name_column("to"), number_column("tries")) if wide else ()),
            Column("what", ratio=1),
        )
        for name, row in found:
            more = (_address(row), str(row.attempts)) if wide else ()
            why = f" ({row.problem})" if row.problem else ""
            table.add_row(name, _time(row.deadline), *more, one_line(row.body + why, 300))
        console.print(table)
        for ivorn in dict.fromkeys(row.id.ivorn for _, row in found):
            say(command(where, f"packet resend '{ivorn}'"))


def resend(
    ivorn: Annotated[str, typer.Argument(help="The packet's IVORN, as `followup packet expired` has it.")],
    *,
    state: StateOption,
    site: SiteArgument = None,
    as_json: JsonOption = False,
) -> None:
    """Send an expired packet again: exactly the same bytes, its deadline counted from now.

    A telescope still decides by the age of the burst whether it observes.
    """
    with explained():
        where = state_of(state)
        names = set_aside.chosen(where, site)
        again: dict[str, list[str]] = {}
        for name in names:
            rows = [
                row for row in set_aside.look(where.root / name, set_aside.expired) if row.id.ivorn == ivorn
            ]
            for packet in dict.fromkeys(row.id for row in rows):
                if asyncio.run(set_aside.send_again(where.root / name, packet)):
                    again[name] = [_address(row) for row in rows]
        if as_json:
            print_json({"ivorn": ivorn, "sent_again": again})
        elif again:
            for name, addresses in again.items():
                say(f"{name} sends it again to {', '.join(addresses)}")
        if not again:
            raise NotSetAsideError(
                f"{one_line(ivorn)} has not expired at {', '.join(names)}", hint=_why_not(where, names, ivorn)
            )


def _why_not(where: State, names: Sequence[str], ivorn: str) -> str:
    states = {
        row.state
        for name in names
        for row in set_aside.look(where.root / name, lambda reader: reader.outgoing())
        if row.id.ivorn == ivorn
    }
    if OutgoingState.PENDING in states:
        return "it is still on its way, and is sent again by itself"
    if states:
        return "it was answered: there is nothing to send again"
    return f"{command(where, 'packet expired')} lists what has"


def _standing(where: State, name: str, limit: int) -> dict[str, Any]:
    count, kept = set_aside.look(
        where.root / name, lambda reader: (reader.quarantine_count(), reader.quarantined(limit=limit))
    )
    return {
        "kept": count.kept,
        "kept_bytes": count.kept_bytes,
        "dropped": count.dropped,
        "packets": [_facts(one) for one in kept],
    }


def _list(where: State, document: dict[str, dict[str, Any]]) -> None:
    if not any(site["kept"] or site["dropped"] for site in document.values()):
        say("nothing is in quarantine")
        return
    console = screen()
    wide = console.width >= NARROW
    for name, site in document.items():
        if not site["kept"] and not site["dropped"]:
            continue
        dropped = f"; {site['dropped']} earlier ones made room" if site["dropped"] else ""
        table = listing(
            number_column("no."),
            name_column("time (UTC)"),
            name_column("from"),
            *((number_column("bytes"),) if wide else ()),
            Column("why it was not believed", ratio=1, overflow="fold"),
            title=f"{name}: {site['kept']} in quarantine{dropped}",
        )
        for one in site["packets"]:
            size = (str(one["bytes"]),) if wide else ()
            table.add_row(
                str(one["number"]), one["time"][:19].replace("T", " "), _from(one), *size, one["reason"]
            )
        console.print(table, markup=False)
        if site["packets"]:
            say(command(where, f"packet quarantine {name} {site['packets'][0]['number']}") + " shows one")


def _numbered(where: State, site: str, number: int) -> Quarantined:
    found = set_aside.look(where.root / site, lambda reader: reader.quarantined(row=number))
    if not found:
        raise NotSetAsideError(
            f"the quarantine of {site} holds nothing with the number {number}",
            hint=f"{command(where, f'packet quarantine {site}')} lists what it holds",
        )
    return found[0]


def _show(one: Quarantined, to: Path | None, *, as_json: bool) -> None:
    facts = _facts(one)
    if to is not None:
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(one.raw)
    if as_json:
        print_json(
            {**facts, "raw": one.raw.decode("utf-8", "backslashreplace"), "file": str(to) if to else None}
        )
        return
    for name, value in {
        "came": facts["time"],
        "from": _from(facts),
        "claims to be": facts["ivorn"],
        "SHA-256": facts["sha256"],
        "bytes": facts["bytes"],
        "not believed": facts["reason"],
    }.items():
        say(f"{name:13}{value}")
    if to is not None:
        say(f"its bytes are in {to}; to look at them: followup packet show {to}")
        return
    say("")
    lines = one.raw.decode("utf-8", "replace").splitlines()
    for line in lines[:_SHOWN_LINES]:
        say(one_line(line, 200))
    if len(lines) > _SHOWN_LINES:
        say(f"… {len(lines) - _SHOWN_LINES} more lines: --to FILE saves everything")


def _facts(one: Quarantined) -> dict[str, Any]:
    """Facts of something in quarantine; what a stranger wrote is made fit for a terminal."""
    return {
        "number": one.row,
        "time": one.time.isoformat(timespec="milliseconds"),
        "sender": one_line(one.sender),
        "topic": None if one.topic is None else one_line(one.topic),
        "publisher": None if one.publisher is None else one_line(one.publisher),
        "ivorn": one_line(one.ivorn, 512),
        "sha256": one.sha256,
        "bytes": len(one.raw),
        "reason": one_line(one.reason, 400),
    }


def _from(facts: dict[str, Any]) -> str:
    return f"{facts['publisher']} on {facts['topic']}" if facts["topic"] else facts["sender"]


def _letter(row: Outgoing) -> dict[str, Any]:
    return {
        "ivorn": row.id.ivorn,
        "sha256": row.id.sha256,
        "kind": row.kind,
        "campaign": row.campaign,
        "to": _address(row),
        "body": row.body,
        "committed": row.committed,
        "deadline": row.deadline,
        "attempts": row.attempts,
        "last_sent": row.last_sent,
        "problem": row.problem,
    }


def _address(row: Outgoing) -> str:
    to = row.destination
    return f"topic {to.topic}" if isinstance(to, ToTopic) else to.user


def _time(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}" if time else ""
