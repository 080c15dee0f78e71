"""One campaign's frames at one telescope: reduced as they come, searched, measured, summed up."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from agents.gft.reduction.calibration import Masters, calibrate
from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.exposure import measure_exposure
from agents.gft.reduction.flux import Flux, mean, measure_at
from agents.gft.reduction.frame import Provenance, ReducedFrame, read_frame, write_frame
from agents.gft.reduction.image import Neighbours, SkyImage
from agents.gft.reduction.lightcurve import Measured, fit_power_law, limit_point, points
from agents.gft.reduction.sed import Sed, build_sed
from agents.gft.reduction.stack import stack
from agents.gft.reduction.transient import Candidate, Search, search
from followup.catalogue import ReferenceCatalogue, ReferenceStars
from followup.devices import RawFrame
from followup.site import Instrument, Site
from voevent.kinds import PhotometryPoint, PowerLaw, Trigger
from voevent.packet import SkyPosition

_log = logging.getLogger(__name__)

_CIRCLE_MARGIN = 1.5
"""The error radius holds 90 % of the bursts, one and a half times as much 99 %."""
_LEAST_RADIUS_DEG = 5.0 / 3600.0
_UNKNOWN_RADIUS_DEG = 0.2
_POINTING_ERROR_DEG = 0.15
_SAME_POINTING_DEG = 0.05
_SAME_SOURCE_ARCSEC = 2.0
_CERTAIN_SNR = 10.0
"""A source this significant needs no further search; a weaker one gives way to a stronger one found later."""
_ALONE_SIGMA = 6.0
_ALONE_ON_ONE_FRAME_SIGMA = 10.0
_SUPPORT_SIGMA = 2.0
_LASTING = 0.25
_CHUNK = 12
"""Frames stacked at a time, so that long series do not fill the memory."""

Group = tuple[str, str]
"""A task and a filter."""


class FieldReduction:
    """The reduction of one campaign. Its methods block; they may be called from several threads.

    Everything it knows is in the FITS files of its folder: made anew over the same folder, it goes on where
    another one ended.

    Parameters
    ----------
    trigger
        The burst, with its position and error circle.
    campaign
        ``BURST.gft-NAME``.
    masters
        Of the instrument's detector.
    folder
        Where the calibrated frames go.
    drill
        Whether the frames are simulated; their headers say so.

    Raises
    ------
    ReductionError
        When the trigger has no position.
    """

    def __init__(
        self,
        *,
        trigger: Trigger,
        campaign: str,
        instrument: Instrument,
        site: Site,
        catalogue: ReferenceCatalogue,
        masters: Masters,
        folder: Path,
        drill: bool,
    ) -> None:
        self._trigger = trigger
        self._circle, self._radius_deg = _search_circle(trigger)
        self._campaign = campaign
        self._instrument = instrument
        self._site = site
        self._catalogue = catalogue
        self._masters = masters
        self._folder = folder
        self._drill = drill
        self._lock = threading.RLock()
        self._stars: list[tuple[SkyPosition, ReferenceStars]] = []
        self._searches: dict[Group, tuple[tuple[int, ...], Search]] = {}
        self._fluxes: dict[tuple[Path, SkyPosition], Flux | None] = {}
        self._frames: dict[tuple[str, int], ReducedFrame] = {}
        for path in sorted(folder.glob("*.fits")):
            self._take_up(path)

    @property
    def frames(self) -> tuple[ReducedFrame, ...]:
        """All frames so far, in order of time."""
        with self._lock:
            return tuple(sorted(self._frames.values(), key=lambda f: f.start))

    def retarget(self, trigger: Trigger) -> None:
        """Search in another error circle from now on: a later trigger refined the position.

        Raises
        ------
        ReductionError
            When the trigger has no position.
        """
        circle, radius_deg = _search_circle(trigger)
        with self._lock:
            self._trigger, self._circle, self._radius_deg = trigger, circle, radius_deg
            self._searches.clear()
            self._fluxes.clear()

    def reduce(self, raw: RawFrame, *, task: str, number: int) -> ReducedFrame:
        """Calibrate a frame, solve it, find its magnitude scale, and write its FITS file.

        A frame without usable stars is kept, with the reason in `ReducedFrame.problem`. Reducing the same
        frame again replaces it.

        Parameters
        ----------
        raw
            A light frame.
        task, number
            Task of the campaign and number of the frame in it.

        Raises
        ------
        ReductionError
            When the frame does not come from this detector.
        """
        pixels, mask, history = calibrate(raw, self._masters, self._instrument)
        frame = ReducedFrame(
            path=self._folder / f"{self._trigger.burst}_{task}_{raw.filter}_{number:03d}.fits",
            task=task,
            number=number,
            filter=raw.filter,
            start=raw.date_obs,
            exposure_s=raw.exposure_s,
            wcs=None,
            shape=None,
            zero=None,
        )
        outcome = measure_exposure(
            frame,
            raw,
            pixels,
            mask != 0,
            instrument=self._instrument,
            stars=self._around,
            circle=self._circle,
            radius_deg=self._radius_deg,
        )
        frame = outcome.frame
        if outcome.solution is not None:
            history = (
                *history,
                f"TAN through {outcome.solution.stars} stars, rms {outcome.solution.rms_arcsec:.3f} arcsec",
            )
        frame = write_frame(frame, pixels, mask, self._provenance(raw, frame, history))
        with self._lock:
            self._frames[task, number] = frame
            for key in [k for k in self._fluxes if k[0] == frame.path]:
                del self._fluxes[key]
        if frame.problem:
            _log.warning("frame %s is not usable: %s", frame.path.name, frame.problem, extra=self._extra())
        return frame

    def photometry(self, task: str, filter_name: str) -> list[PhotometryPoint]:
        """Search and measure the frames of one task and filter.

        Returns
        -------
        list of PhotometryPoint
            Measurements, or one upper limit; empty while there is no usable frame.
        """
        with self._lock:
            group = (task, filter_name)
            if not self._usable(group):
                return []
            source = self._source(groups=(group,))
            return self._points(group, source)

    def result(self) -> tuple[list[PhotometryPoint], SkyPosition | None, PowerLaw | None]:
        """Everything so far.

        Returns
        -------
        points
            Of all tasks and filters, in order of time, all at the same place.
        source
            Position of the counterpart with its 1-sigma radius; None while none was found.
        fit
            Power law through the detections.
        """
        with self._lock:
            groups = self._groups()
            source = self._source(groups=groups)
            curve = [point for group in groups for point in self._points(group, source)]
            curve.sort(key=lambda p: p.t_s)
            return curve, None if source is None else source.position, fit_power_law(curve)

    def sed(self) -> Sed | None:
        """Spectral energy distribution: points, epoch (s since the trigger time), fit; None without one."""
        curve, _, decay = self.result()
        return build_sed(curve, decay)

    def deepest(self, filter_name: str | None = None) -> SkyImage | None:
        """Stack the task and filter with the most usable frames, for the finding chart."""
        with self._lock:
            groups = [g for g in self._groups() if filter_name in {None, g[1]}]
            if not groups:
                return None
            group = max(groups, key=lambda g: len(self._usable(g)))
            return self._combined(group)

    def _take_up(self, path: Path) -> None:
        """Read a frame that an earlier process left."""
        try:
            frame = read_frame(path)
        except ReductionError as error:
            _log.warning("%s", error, extra=self._extra())
            return
        self._frames[frame.task, frame.number] = frame

    def _groups(self) -> list[Group]:
        found = {(f.task, f.filter): f.start for f in reversed(self.frames) if f.usable}
        return sorted(found, key=lambda g: found[g])

    def _usable(self, group: Group) -> list[ReducedFrame]:
        return [f for f in self.frames if (f.task, f.filter) == group and f.usable]

    def _source(self, *, groups: Sequence[Group]) -> Candidate | None:
        """Find the best candidate of all searches; these groups are searched unless it is certain."""
        best = self._best_candidate()
        for group in groups:
            if best is not None and best.snr >= _CERTAIN_SNR:
                break
            self._search(group)
            best = self._best_candidate()
        return best

    def _best_candidate(self) -> Candidate | None:
        """Find the candidate that is the most significant over all groups that show it."""
        everything = [
            c for group, (_, s) in self._searches.items() for c in s.candidates if self._believed(c, group)
        ]

        def together(candidate: Candidate) -> float:
            return math.sqrt(
                sum(
                    other.snr**2
                    for other in everything
                    if _separation_arcsec(candidate.position, other.position) < _SAME_SOURCE_ARCSEC
                )
            )

        return max(everything, key=lambda c: (together(c), c.snr), default=None)

    def _believed(self, candidate: Candidate, group: Group) -> bool:
        """Whether the candidate is more than the luckiest of the many places that were looked at.

        In 100,000 independent apertures noise alone exceeds 5 standard deviations in one search of thirty;
        on a single frame a faint cosmic ray can look like a star. Such a source is believed when the task's
        other filters show something at its place as well.
        """
        alone = _ALONE_SIGMA if len(self._usable(group)) > 1 else _ALONE_ON_ONE_FRAME_SIGMA
        if candidate.snr >= alone:
            return True
        others = [
            self._measured(self._usable(other), candidate.position)
            for other in self._groups()
            if other[0] == group[0] and other != group
        ]
        support = [mean([m.flux for m in measured]).snr for measured in others if measured]
        return bool(support) and sum(support) / math.sqrt(len(support)) >= _SUPPORT_SIGMA

    def _search(self, group: Group) -> None:
        frames = self._usable(group)
        numbers = tuple(f.number for f in frames)
        if group in self._searches and self._searches[group][0] == numbers:
            return
        stars = self._around(self._circle)
        try:
            image = self._combined(group)
            found = search(image, stars, group[1], self._circle, self._radius_deg)
        except ReductionError as error:
            _log.warning("no search in %s %s: %s", *group, error, extra=self._extra())
            found = Search(candidates=(), limit_mag=_joint_limit([f.limit_mag for f in frames]))
        lasting = tuple(c for c in found.candidates if self._lasts(c, frames))
        self._searches[group] = (numbers, Search(candidates=lasting, limit_mag=found.limit_mag))

    def _lasts(self, candidate: Candidate, frames: Sequence[ReducedFrame]) -> bool:
        """Whether the candidate is seen without the frame that shows it best: a cosmic ray is not."""
        fluxes = sorted((m.flux for m in self._measured(frames, candidate.position)), key=lambda f: f.snr)
        if len(fluxes) < 2:
            return bool(fluxes)
        # A constant source would keep nearly all its significance; a fading one keeps a good part of it.
        expected = candidate.snr * math.sqrt((len(fluxes) - 1) / len(frames))
        return mean(fluxes[:-1]).snr > max(1.0, _LASTING * expected)

    def _combined(self, group: Group) -> SkyImage:
        """All usable frames of the group as one image."""
        frames = self._usable(group)
        stars = self._around(self._circle)
        images: Iterator[SkyImage] = (frame.image() for frame in frames)
        if len(frames) == 1:
            return next(images)
        if len(frames) <= _CHUNK:
            return stack(images, stars, group[1])
        chunks = np.array_split(np.arange(len(frames)), math.ceil(len(frames) / _CHUNK))
        return stack(
            (stack((frames[i].image() for i in chunk), stars, group[1]) for chunk in chunks), stars, group[1]
        )

    def _points(self, group: Group, source: Candidate | None) -> list[PhotometryPoint]:
        frames = self._usable(group)
        if source is not None:
            measured = self._measured(frames, source.position)
            if measured:
                return points(measured, task=group[0], filter_name=group[1])
        self._search(group)
        times = [(self._since_s(f), f.exposure_s) for f in frames]
        limit_mag = self._searches[group][1].limit_mag
        return [limit_point(times, limit_mag, task=group[0], filter_name=group[1])]

    def _measured(self, frames: Sequence[ReducedFrame], position: SkyPosition) -> list[Measured]:
        """Measure the source on each frame that shows its place; leave out those a cosmic ray hit there."""
        measured = []
        for frame in frames:
            flux = self._flux(frame, position)
            if flux is not None:
                measured.append(
                    Measured(start_s=self._since_s(frame), exposure_s=frame.exposure_s, flux=flux)
                )
        clean = [m for m in measured if m.flux.starlike]
        # When most look wrong it is the star profile that is wrong, not the source.
        return clean if 2 * len(clean) >= len(measured) else measured

    def _flux(self, frame: ReducedFrame, position: SkyPosition) -> Flux | None:
        key = (frame.path, position)
        if key not in self._fluxes:
            image = frame.image()
            neighbours = Neighbours(
                self._around(self._circle), frame.filter, image.wcs, image.shape, image.zero
            )
            self._fluxes[key] = measure_at(image, neighbours, position)
        return self._fluxes[key]

    def _since_s(self, frame: ReducedFrame) -> float:
        return (frame.start - self._trigger.trigger_time).total_seconds()

    def _around(self, pointing: SkyPosition) -> ReferenceStars:
        """Catalogue stars of a field, asked for once per pointing."""
        with self._lock:
            for centre, stars in self._stars:
                if _separation_arcsec(centre, pointing) < _SAME_POINTING_DEG * 3600.0:
                    return stars
            scale_deg = self._instrument.pixel_scale_arcsec / 3600.0
            half_diagonal = (
                math.hypot(self._instrument.width_px, self._instrument.height_px) * scale_deg / 2.0
            )
            stars = self._catalogue.cone(pointing, half_diagonal + _POINTING_ERROR_DEG + _SAME_POINTING_DEG)
            self._stars.append((pointing, stars))
            return stars

    def _provenance(self, raw: RawFrame, frame: ReducedFrame, history: tuple[str, ...]) -> Provenance:
        trigger, site = self._trigger, self._site
        since_s = (frame.mid - trigger.trigger_time).total_seconds()
        cards: tuple[tuple[str, str | int | float | bool, str], ...] = (
            ("OBJECT", trigger.burst, "burst in the field"),
            ("BURST", trigger.burst, "name of the burst"),
            ("CAMPAIGN", self._campaign, "campaign"),
            ("TRIGTIME", trigger.trigger_time.replace(tzinfo=None).isoformat(), "trigger time of the burst"),
            ("T-TRIG", since_s, "[s] mid-exposure since the trigger time"),
            ("TELESCOP", self._instrument.telescope, "telescope"),
            ("SITENAME", site.name, "observatory"),
            ("SITELAT", site.latitude_deg, "[deg] geodetic latitude"),
            ("SITELONG", site.longitude_deg, "[deg] longitude, east positive"),
            ("SITEELEV", site.elevation_m, "[m] elevation"),
            ("RA", raw.pointing.ra_deg, "[deg] pointing of the mount, ICRS"),
            ("DEC", raw.pointing.dec_deg, "[deg] pointing of the mount, ICRS"),
            ("CIRCRA", self._circle.ra_deg, "[deg] centre of the error circle"),
            ("CIRCDEC", self._circle.dec_deg, "[deg] centre of the error circle"),
            (
                "CIRCRAD",
                self._circle.error_radius_deg or 0.0,
                "[deg] radius of the error circle; 0: not given",
            ),
            ("GAIN", 1.0, "[electron] per unit of the pixels"),
            ("ADUGAIN", self._instrument.gain_e_adu, "[electron/adu] of the detector"),
            ("RDNOISE", self._instrument.read_noise_e, "[electron] read-out noise"),
            ("DRILL", self._drill, "whether the frame is simulated"),
        )
        return Provenance(cards=cards, driver=raw.header, history=history)

    def _extra(self) -> dict[str, str]:
        return {"burst": self._trigger.burst, "campaign": self._campaign}


def _search_circle(trigger: Trigger) -> tuple[SkyPosition, float]:
    if trigger.position is None:
        raise ReductionError(
            f"the trigger of {trigger.burst} has no position to search at",
            hint="a retraction or a cancellation is not observed",
        )
    radius = trigger.position.error_radius_deg
    wide = _UNKNOWN_RADIUS_DEG if radius is None else max(_LEAST_RADIUS_DEG, _CIRCLE_MARGIN * radius)
    return trigger.position, wide


def _joint_limit(limits: Sequence[float]) -> float:
    """Limit of several frames together, from the limits of each."""
    noise = np.array([10.0 ** (-0.4 * m) for m in limits])
    return float(-2.5 * np.log10(np.sum(noise**-2.0) ** -0.5))


def _separation_arcsec(a: SkyPosition, b: SkyPosition) -> float:
    dec_a, dec_b = math.radians(a.dec_deg), math.radians(b.dec_deg)
    half_ra = math.radians(b.ra_deg - a.ra_deg) / 2.0
    chord2 = math.sin((dec_b - dec_a) / 2.0) ** 2 + math.cos(dec_a) * math.cos(dec_b) * math.sin(half_ra) ** 2
    return math.degrees(2.0 * math.asin(min(1.0, math.sqrt(chord2)))) * 3600.0
