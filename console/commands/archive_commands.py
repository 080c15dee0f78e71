"""``followup archive``: questions to the science centre's archive."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from archive.records import Cone
from console.commands.options import JsonOption, StateOption, print_json, state_of
from console.commands.reading import opened_archive
from console.errors import FAILED, explained
from console.screen import listing, name_column, number_column, say, screen
from console.state import archive_files
from followup.errors import FollowupError
from transfer.manifest import Manifest
from voevent.kinds import Kind, Outcome
from voevent.packet import PacketId

archive = typer.Typer(no_args_is_help=True, help="Ask the science centre's archive.")


@archive.command("query")
def archive_query(
    *,
    state: StateOption,
    burst: Annotated[str | None, typer.Option(help="Only this burst.")] = None,
    telescope: Annotated[str | None, typer.Option(help="Only this telescope, gft-NAME.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Trigger time from (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Trigger time before (UTC).")] = None,
    cone: Annotated[
        tuple[float, float, float] | None, typer.Option(help="RA DEC RADIUS in degrees (ICRS).")
    ] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only campaigns that ended so.")] = None,
    kind: Annotated[
        Kind | None, typer.Option(help="List the packets of this kind instead of the campaigns.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find campaigns, or their packets, by burst, telescope, time, place or kind.

    - `followup archive query --cone 102.86 1.78 0.5 --since 2026-11-01`
    - `followup archive query --burst sb26112201 --kind result --json`
    """
    with explained(), opened_archive(state_of(state)) as held:
        found = held.campaigns(
            burst=burst,
            telescope=telescope,
            since=_utc(since),
            until=_utc(until),
            cone=_cone(cone),
            outcome=outcome,
        )
        if kind is None:
            rows: list[dict[str, Any]] = [
                {
                    "campaign": c.name,
                    "outcome": c.outcome,
                    "trigger_time": c.trigger.trigger_time.isoformat() if c.trigger else None,
                    "ra_deg": c.position.ra_deg if c.position else None,
                    "dec_deg": c.position.dec_deg if c.position else None,
                }
                for c in found
            ]
        else:
            rows = [
                {"campaign": c.name, "ivorn": p.id.ivorn, "sha256": p.id.sha256, "time": p.time.isoformat()}
                for c in found
                for p in held.packets(c.name, kind)
            ]
        if as_json:
            print_json(rows)
            return
        if not rows:
            say("nothing fits")
            return
        if kind is not None:
            for row in rows:
                say(f"{row['time'][:19]}  {row['sha256'][:12]}  {row['ivorn']}")
            return
        table = listing(
            *map(name_column, ("campaign", "T0 (UTC)")),
            *map(number_column, ("RA (deg)", "Dec (deg)")),
            name_column("outcome"),
        )
        for row in rows:
            place = ("", "") if row["ra_deg"] is None else (f"{row['ra_deg']:.4f}", f"{row['dec_deg']:+.4f}")
            time = (row["trigger_time"] or "")[:19].replace("T", " ")
            table.add_row(row["campaign"], time, *place, row["outcome"] or "open")
        screen().print(table)


@archive.command("get")
def archive_get(
    what: Annotated[
        str, typer.Argument(help="A campaign (BURST.gft-NAME) for its files, or an IVORN for a packet.")
    ],
    state: StateOption,
    to: Annotated[Path, typer.Option(help="Folder to copy to.")] = Path(),
) -> None:
    """Copy a campaign's files, or a packet's exact bytes, out of the archive; every byte is verified.

    - `followup archive get sb26112201.gft-spm --to files/`
    - `followup archive get 'ivo://followup/gft-spm#sb26112201.gft-spm.result-4'`
    """
    with explained(), opened_archive(state_of(state)) as held:
        if what.startswith("ivo://"):
            ids = [p.id for p in held.packets() if p.id.ivorn == what]
            raw = held.raw(ids[0]) if ids else None
            if raw is None:
                raise FollowupError(
                    f"the archive holds no packet {what}", hint="followup archive query --kind"
                )
            path = to / (_file_name(ids[0]) + ".xml")
            to.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
            say(str(path))
            return
        problems = held.verify(what)
        for problem in problems:
            say(f"{problem.path}: {problem.what}", style="red")
        if problems:
            raise typer.Exit(FAILED)
        files = held.files(what)
        for file in files:
            target = to / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.location, target)
        say(f"{len(files)} files, {sum(f.size_bytes for f in files) / 1e6:.1f} MB in {to.absolute()}")


@archive.command("add")
def archive_add(
    campaign: Annotated[str, typer.Argument(help="The campaign, BURST.gft-NAME.")],
    manifest: Annotated[
        Path, typer.Argument(help="The dataset's manifest, manifests/DATASET-N.json of the telescope.")
    ],
    state: StateOption,
    folder: Annotated[
        Path, typer.Option("--from", help="Where its files are, as in the campaign's folder there.")
    ] = Path(),
) -> None:
    """Put a dataset into the archive that its telescope gave up: the files as they were brought by hand.

    `followup status` shows such datasets as not delivered. The telescope has the files and the manifest in
    `data/CAMPAIGN`. Only what its last upload announced is taken, and every byte is verified; the files
    stay where they are.

    - `followup archive add sb26112201.gft-spm manifests/t1-3.json --from sb26112201.gft-spm/`
    """
    with explained():
        where = state_of(state)
        raw = manifest.read_bytes()
        with opened_archive(where) as held:
            announced = {each.manifest_sha256: each.dataset for each in held.datasets(campaign)}
            dataset = announced.get(hashlib.sha256(raw).hexdigest())
            if dataset is None:
                raise FollowupError(
                    f"{manifest} is not what the last upload of a dataset of {campaign} announced",
                    hint="take the one with the highest number; followup show lists what was announced",
                )
            entries = Manifest.parse(raw).files
            files = archive_files(where.csc)
            files.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".by-hand-", dir=files) as scratch:
                for entry in entries:
                    copy = Path(scratch) / entry.path
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / entry.path, copy)
                held.store_dataset(campaign, raw, Path(scratch))
        say(f"{dataset} of {campaign} is archived: {len(entries)} files, every one verified")


def _file_name(packet: PacketId) -> str:
    return packet.ivorn.rpartition("#")[2].replace("/", "-")


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


def _cone(cone: tuple[float, float, float] | None) -> Cone | None:
    if cone is None:
        return None
    try:
        return Cone(ra_deg=cone[0], dec_deg=cone[1], radius_deg=cone[2])
    except ValueError as error:
        raise FollowupError(str(error), hint="RA DEC RADIUS in degrees") from error
