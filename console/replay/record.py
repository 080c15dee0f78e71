"""A recorded campaign, read from its bundle: what was said, when, by whom, and what the devices did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.gft.enclosures import DEVICES, MASTERS, SITE, STARS, STRATEGIES
from archive.bundle.importing import Unpacked, open_bundle
from console.replay.errors import ReplayError
from console.replay.keys import Key, Names
from followup.limits import Limits
from followup.names import CSC, CampaignName
from followup.site import Instrument, Site
from voevent.kinds import Content, Header, Receipt, Trigger
from voevent.packet import Packet
from voevent.read import kind_of, read

LOGS = "logs"
_LEAST_FREE_GB = 0.1
_OLD = "it was recorded before telescopes enclosed their calibration: only newer campaigns can be replayed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A packet of the conversation, with its place in it."""

    packet: Packet
    header: Header
    content: Content
    key: Key


@dataclass(kw_only=True)
class Recording:
    """What a replay plays.

    Attributes
    ----------
    said
        Every packet of the campaign, in the order in which the CSC committed them.
    """

    bundle: Unpacked
    name: CampaignName
    said: tuple[Said, ...]
    names: Names = field(repr=False)

    @classmethod
    def read(cls, path: Path, folder: Path) -> Recording:
        """Read a bundle (blocking).

        Parameters
        ----------
        folder
            An empty one, for its files.

        Raises
        ------
        BundleError
            When it is damaged or hostile.
        """
        bundle = open_bundle(path, folder)
        found: dict[str, tuple[Packet, Header, Content]] = {}
        for one in bundle.deliveries:
            if one.packet.sha256 not in found and kind_of(one.packet):
                found[one.packet.sha256] = (one.packet, *read(one.packet))
        names = Names()
        # Receipts are named by what they are about, which may have come after them.
        in_order = sorted(found.values(), key=lambda each: (isinstance(each[2], Receipt), each[1].sequence))
        for packet, _, content in in_order:
            names.key(packet.id, content)
        return cls(
            bundle=bundle,
            name=CampaignName.parse(bundle.campaign),
            said=tuple(
                Said(packet=p, header=h, content=c, key=names.known[p.id]) for p, h, c in found.values()
            ),
            names=names,
        )

    def by(self, author: str) -> tuple[Said, ...]:
        """Give what one site said, in the order of its own numbers."""
        return tuple(
            sorted((s for s in self.said if s.header.author == author), key=lambda s: s.header.sequence)
        )

    @property
    def triggers(self) -> tuple[Said, ...]:
        """The triggers, by time."""
        found = [said for said in self.by(CSC) if isinstance(said.content, Trigger)]
        if not found:
            raise ReplayError(f"the record of {self.name} holds no trigger")
        return tuple(sorted(found, key=lambda said: said.header.date))

    @property
    def start(self) -> datetime:
        """When the first trigger was written (sky time)."""
        return self.triggers[0].header.date

    @property
    def end(self) -> datetime:
        """When the last packet was written (sky time)."""
        return max(said.header.date for said in self.said)

    def receipts(self, cited: Packet) -> tuple[Said, ...]:
        """Give the receipts about a packet in the order in which they were written."""
        found = [s for s in self.said if isinstance(s.content, Receipt) and s.content.cited == cited.id]
        return tuple(sorted(found, key=_receipt_order))

    # --- what the telescope enclosed ---------------------------------------------------------------

    def enclosed(self, path: str) -> Path:
        """Where a file that the telescope enclosed is.

        Raises
        ------
        ReplayError
            When the record does not have it.
        """
        found = self.bundle.files(LOGS) / path
        if not found.is_file():
            light = " (it is a light bundle)" if self.bundle.manifest.light else ""
            raise ReplayError(f"the record of {self.name} has no {path}{light}", hint=_OLD)
        return found

    @property
    def masters(self) -> Path:
        """The master calibration frames."""
        return self.enclosed(MASTERS)

    @property
    def stars(self) -> Path:
        """The reference stars."""
        return self.enclosed(STARS)

    @property
    def strategies(self) -> str:
        """The strategies in force."""
        return self.enclosed(STRATEGIES).read_text(encoding="utf-8")

    def place(self) -> tuple[Site, Instrument]:
        """Give the site and its detector."""
        said = self._site()
        try:
            site = {**said["site"], "horizon": tuple(map(tuple, said["site"]["horizon"]))}
            instrument = {
                **said["instrument"],
                "filters": tuple(said["instrument"]["filters"]),
                "zero_points": tuple(map(tuple, said["instrument"]["zero_points"])),
            }
            return Site(**site), Instrument(**instrument)
        except (KeyError, TypeError) as error:
            raise ReplayError(f"{SITE} of {self.name} cannot be understood: {error}") from error

    def limits(self) -> Limits:
        """Give the safety limits in force, but for the room on the disk, which is another one now."""
        said = self._site().get("settings", {}).get("limits", {})
        try:
            limits = Limits(
                **{**said, "power_lost_file": Path(said.get("power_lost_file", "run/power-lost"))}
            )
        except (TypeError, ValueError) as error:
            raise ReplayError(
                f"{SITE} of {self.name} has limits that cannot be understood: {error}"
            ) from error
        return replace(limits, min_free_gb=_LEAST_FREE_GB)

    @property
    def weather_changes(self) -> tuple[datetime, ...]:
        """When the weather station said something new."""
        return tuple(
            datetime.fromisoformat(line["time"]) for line in self.devices() if line.get("device") == "weather"
        )

    def devices(self) -> list[Mapping[str, Any]]:
        """Tell what the devices did, line by line."""
        text = self.enclosed(DEVICES).read_text(encoding="utf-8")
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise ReplayError(f"{DEVICES} of {self.name} cannot be read: {error}") from error

    def frames(self) -> list[Path]:
        """Find the frames as the camera gave them."""
        return sorted((self.bundle.folder / "files").glob("*/raw/*.fits.fz"))

    def decisions(self) -> list[Mapping[str, Any]]:
        """Why the telescope planned as it did."""
        found: list[Mapping[str, Any]] = json.loads((self.bundle.folder / "decisions.json").read_bytes())
        return found

    def _site(self) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = json.loads(self.enclosed(SITE).read_bytes())
        except ValueError as error:
            raise ReplayError(f"{SITE} of {self.name} cannot be read: {error}") from error
        return found


def _receipt_order(said: Said) -> tuple[bool, datetime]:
    """Interim receipts first: their authors' clocks need not agree."""
    return isinstance(said.content, Receipt) and said.content.outcome.final, said.header.date
