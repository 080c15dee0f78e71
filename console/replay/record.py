"""A recorded campaign, read from its bundle: what was said, when, by whom, and what the devices did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.gft.enclosures import DEVICES, MASTERS, SITE, STARS, STRATEGIES
from archive.bundle.importing import Unpacked, open_bundle
from console.replay.conversation import Conversation, Said
from console.replay.errors import ReplayError
from console.replay.keys import Names
from console.replay.site_record import limits_of, place_of
from followup.limits import Limits
from followup.names import CampaignName
from followup.site import Instrument, Site
from voevent.kinds import Content, Header, Receipt
from voevent.packet import Packet
from voevent.read import kind_of, read

LOGS = "logs"
_DECISIONS = "decisions.json"
_OLD = "it was recorded before telescopes enclosed their calibration: only newer campaigns can be replayed"


@dataclass(kw_only=True)
class Recording(Conversation):
    """What a replay plays: the conversation, and what the telescope enclosed."""

    bundle: Unpacked

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
        ReplayError
            When its decisions cannot be read.
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
        recording = cls(
            bundle=bundle,
            name=CampaignName.parse(bundle.campaign),
            said=tuple(
                Said(packet=p, header=h, content=c, key=names.known[p.id]) for p, h, c in found.values()
            ),
        )
        recording.decisions()
        return recording

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

    def encloses(self, path: str) -> bool:
        """Whether the telescope enclosed a file: not in a campaign that it refused."""
        return (self.bundle.files(LOGS) / path).is_file()

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
        return place_of(self._site(), f"{SITE} of {self.name}")

    def limits(self) -> Limits:
        """Give the safety limits in force, but for what is about the computer, which is another one now."""
        return limits_of(self._site(), f"{SITE} of {self.name}")

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
        """Why the telescope planned as it did.

        Raises
        ------
        ReplayError
            When they cannot be read.
        """
        try:
            found = json.loads((self.bundle.folder / _DECISIONS).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise ReplayError(f"{_DECISIONS} of {self.name} cannot be read: {error}") from error
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise ReplayError(f"{_DECISIONS} of {self.name} is no list of decisions")
        return found

    def _site(self) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = json.loads(self.enclosed(SITE).read_bytes())
        except (ValueError, RecursionError) as error:
            raise ReplayError(f"{SITE} of {self.name} cannot be read: {error}") from error
        return found
