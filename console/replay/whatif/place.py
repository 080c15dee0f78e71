"""Where the telescope of a what-if stands, what it carries, and how the air and its mechanics are there."""

from __future__ import annotations

import json
import statistics
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from console.device_settings import Detector, Place
from console.equipment import limited
from console.misread import misread, no_toml
from console.replay.errors import ReplayError
from console.replay.record import Recording
from console.replay.site_record import elsewhere, limits_of, place_of
from console.replay.telescope.devices import lasted_s
from console.replay.whatif.frames import FrameFacts
from console.settings import SETTINGS
from followup.errors import ConfigurationError
from followup.limits import Limits
from followup.site import Instrument, Site
from simulators.filters import PASSBANDS
from simulators.sites import KNOWN_TELESCOPES, Conditions, KnownTelescope, Mechanics, known_telescope

_USUAL_AIR = Conditions(seeing_arcsec=2.0, sky_mag={"g": 21.8, "r": 20.9, "i": 20.1, "z": 19.1, "y": 18.2})
_USUAL_MECHANICS = Mechanics(
    slew_deg_s=4.0,
    settle_s=4.0,
    filter_change_s=3.0,
    dome_s=30.0,
    pointing_error_arcsec=15.0,
    drift_arcsec_min=0.4,
    rotation_deg=0.0,
)
_MOVED_S = 0.5
"""A filter wheel that took less had not to turn."""
_SEEING_ARCSEC = (0.4, 12.0)
_HAZE_MAX = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Observatory:
    """A place with a telescope.

    Attributes
    ----------
    model
        What is simulated.
    remarks
        What is not as it is told there, for people.
    """

    model: KnownTelescope
    limits: Limits
    remarks: tuple[str, ...] = ()


class _Paper(BaseModel):
    """What of a ``site.toml`` bears on what can be observed; secrets and addresses are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = ""
    devices: Literal["simulated", "indi"] = "simulated"
    model: str = ""
    place: Place | None = None
    detector: Detector | None = None
    safety: Limits = Limits()


def recorded_observatory(recording: Recording, frames: Sequence[FrameFacts]) -> Observatory:
    """Give that of a record, with the air and the mechanics as far as its frames and its log tell them."""
    site, instrument = recording.place()
    known = KNOWN_TELESCOPES.get(instrument.telescope)
    air = known.conditions if known else _USUAL_AIR
    mechanics = known.mechanics if known else _USUAL_MECHANICS
    air = _air_of(frames, instrument, air)
    remarks = [f"the air as in the recorded frames: seeing {air.seeing_arcsec:.1f} arcsec"] if frames else []
    return _observatory(
        site,
        instrument,
        recording.limits(),
        air,
        _mechanics_of(recording.devices(), mechanics),
        remarks=remarks,
    )


def given_observatory(path: Path, telescope: str) -> Observatory:
    """Read a site file: ``site.toml`` of a telescope, its folder, or the ``site.json`` of a record.

    Parameters
    ----------
    telescope
        Under whose name it observes: that of the recorded campaign.

    Raises
    ------
    ConfigurationError
        When it cannot be read, or does not say where the telescope stands and what it carries.
    """
    path = path / SETTINGS if path.is_dir() else path
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the site file {path} cannot be read: {error}", hint="followup gft init writes one"
        ) from error
    site, instrument, limits, known = _enclosed(path, text) if path.suffix == ".json" else _paper(path, text)
    remarks = []
    if known is None:
        remarks.append("nothing is known of the air there: usual seeing, a usual dark sky, no haze")
    else:
        remarks.append(f"the air and the mechanics of {known.title}")
    return _observatory(
        limited(site, limits),
        replace(instrument, telescope=telescope),
        limits,
        known.conditions if known else _USUAL_AIR,
        known.mechanics if known else _USUAL_MECHANICS,
        remarks=remarks,
    )


def _observatory(
    site: Site,
    instrument: Instrument,
    limits: Limits,
    air: Conditions,
    mechanics: Mechanics,
    *,
    remarks: Iterable[str],
) -> Observatory:
    """Put it together, without the filters that cannot be simulated."""
    remarks = list(remarks)
    filters = tuple(name for name in instrument.filters if name in PASSBANDS)
    if not filters:
        raise ReplayError(
            f"none of the filters {', '.join(instrument.filters)} can be simulated",
            hint=f"these can: {', '.join(PASSBANDS)}",
        )
    if left := [name for name in instrument.filters if name not in filters]:
        remarks.append(f"filters that cannot be simulated are left out: {', '.join(left)}")
    instrument = replace(
        instrument,
        filters=filters,
        zero_points=tuple((name, zero) for name, zero in instrument.zero_points if name in filters),
    )
    model = KnownTelescope(
        title=f"{instrument.telescope} at {site.name}",
        site=site,
        instrument=instrument,
        conditions=air,
        mechanics=mechanics,
    )
    return Observatory(model=model, limits=limits, remarks=tuple(remarks))


def _enclosed(path: Path, text: str) -> tuple[Site, Instrument, Limits, KnownTelescope | None]:
    try:
        said: Mapping[str, Any] = json.loads(text)
        site, instrument = place_of(said, path.name)
        limits = limits_of(said, path.name)
    except (ValueError, RecursionError, ReplayError) as error:
        raise ConfigurationError(
            f"{path} is no site: {error}", hint="a record encloses one as logs/site.json"
        ) from error
    return site, instrument, limits, KNOWN_TELESCOPES.get(instrument.telescope)


def _paper(path: Path, text: str) -> tuple[Site, Instrument, Limits, KnownTelescope | None]:
    try:
        paper = _Paper.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise misread(path, _Paper, error) from error
    except RecursionError as error:
        raise no_toml(path, ValueError("it is nested too deeply")) from error
    except ValueError as error:
        raise no_toml(path, error) from error
    if paper.place is not None and paper.detector is not None:
        found = paper.place.site(), paper.detector.instrument(paper.name)
        return *found, elsewhere(paper.safety), KNOWN_TELESCOPES.get(paper.name)
    if not paper.model:
        raise ConfigurationError(
            f"{path} does not say where the telescope stands and what it carries",
            hint="fill in [place] and [detector], or model = one of the known telescopes",
        )
    known = known_telescope(paper.model)
    return known.site, known.instrument, elsewhere(paper.safety), known


def _air_of(frames: Sequence[FrameFacts], instrument: Instrument, usual: Conditions) -> Conditions:
    """Tell the seeing and the haze by the widths of stars and by the magnitude scales of frames."""
    zeros = dict(instrument.zero_points)
    seeing, haze = [], []
    for frame in frames:
        band, airmass = PASSBANDS.get(frame.filter), frame.airmass
        if band is None or airmass is None or airmass < 1.0:
            continue
        if frame.fwhm_px is not None:
            blue = (PASSBANDS["r"].wavelength_nm / band.wavelength_nm) ** 0.2
            seeing.append(frame.fwhm_px * instrument.pixel_scale_arcsec / airmass**0.6 / blue)
        if frame.zero_mag is not None and frame.filter in zeros:
            haze.append((zeros[frame.filter] - frame.zero_mag) / airmass - band.extinction)
    low, high = _SEEING_ARCSEC
    return replace(
        usual,
        seeing_arcsec=min(high, max(low, statistics.median(seeing))) if seeing else usual.seeing_arcsec,
        # Less than none is a first guess of the zero points that was too low: what is drawn goes by it, too.
        haze=min(_HAZE_MAX, max(-_HAZE_MAX, statistics.median(haze))) if haze else usual.haze,
    )


def _mechanics_of(devices: Iterable[Mapping[str, Any]], usual: Mechanics) -> Mechanics:
    """Tell by the observing log how long the dome and the filter wheel take."""
    took: dict[tuple[str, str], list[float]] = {("dome", "open"): [], ("filter_wheel", "select"): []}
    for line in devices:
        key = (str(line.get("device")), str(line.get("did")))
        if key in took and "failed" not in line and (seconds := lasted_s(line)) > _MOVED_S:
            took[key].append(seconds)
    opened, selected = took["dome", "open"], took["filter_wheel", "select"]
    return replace(
        usual,
        dome_s=statistics.median(opened) if opened else usual.dome_s,
        filter_change_s=statistics.median(selected) if selected else usual.filter_change_s,
    )
