"""What goes with a campaign's records so that it can be played again: on the very pixels, by the same rules.

The master calibration frames, the strategies in force, the site and the detector, the reference stars of
the fields that were observed, and what the devices did. No secrets, and no addresses of servers.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from agents.gft.logbook import Logbook
from agents.gft.paper import write
from agents.gft.reduction.calibration import Masters, write_masters
from agents.gft.reduction.store import write_atomically
from followup.catalogue import ReferenceCatalogue, ReferenceStars
from followup.site import Instrument, Site
from voevent.packet import SkyPosition

MASTERS = "logs/calibration.fits"
STRATEGIES = "logs/strategies.toml"
SITE = "logs/site.json"
STARS = "logs/catalogue.fits"
DEVICES = "logs/devices.jsonl"

_MARGIN_DEG = 0.35
"""Farther than the reduction looks beside a pointing, however the mount was off."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Enclosures:
    """What a telescope has at hand for that.

    Attributes
    ----------
    strategies
        The text of the strategies in force.
    settings
        Further settings that bear on what is observed; no secrets.
    """

    strategies: str
    logbook: Logbook
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    def write(
        self,
        folder: Path,
        *,
        site: Site,
        instrument: Instrument,
        masters: Masters,
        catalogue: ReferenceCatalogue,
        pointings: Sequence[SkyPosition],
        since: datetime,
        until: datetime,
    ) -> list[str]:
        """Write everything into a campaign's folder (blocking).

        Parameters
        ----------
        pointings
            Where the telescope was pointed.
        since, until
            When the campaign went on (sky time).

        Returns
        -------
        list of str
            Paths relative to `folder`.
        """
        facts = {
            "site": dataclasses.asdict(site),
            "instrument": dataclasses.asdict(instrument),
            "settings": self.settings,
            "program": _program(),
        }
        said = json.dumps(facts, indent=1, default=str, ensure_ascii=False)
        write_masters(masters, folder / MASTERS)
        made = [
            MASTERS,
            write(folder, STRATEGIES, self.strategies.encode()),
            write(folder, SITE, said.encode() + b"\n"),
            write(folder, DEVICES, "".join(self.logbook.lines(since, until)).encode() or b"\n"),
        ]
        if pointings:
            reach_deg = (
                math.hypot(instrument.width_px, instrument.height_px) * instrument.pixel_scale_arcsec / 7200.0
            )
            fields = [catalogue.cone(pointing, reach_deg + _MARGIN_DEG) for pointing in pointings]
            _write_stars(fields, instrument.filters, folder / STARS)
            made.append(STARS)
        return made


def _write_stars(fields: Sequence[ReferenceStars], filters: Sequence[str], path: Path) -> None:
    """Write the stars of all fields, each once, as `agents.gft.local_catalogue` reads them."""
    place = np.concatenate([np.column_stack([stars.ra_deg, stars.dec_deg]) for stars in fields])
    _, first = np.unique(place, axis=0, return_index=True)
    columns = [("ra", place[first, 0]), ("dec", place[first, 1])]
    for name in filters:
        for part, of in (("mag", "mags"), ("err", "mag_errs")):
            values = [getattr(stars, of).get(name, np.full(stars.ra_deg.shape, np.nan)) for stars in fields]
            columns.append((f"{part}_{name}", np.concatenate(values)[first]))
    table = fits.BinTableHDU.from_columns(
        [fits.Column(name=name, format="D", array=values) for name, values in columns], name="STARS"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(fits.HDUList([fits.PrimaryHDU(), table]), path)


def _program() -> str:
    try:
        return version("followup")
    except PackageNotFoundError:
        return ""
