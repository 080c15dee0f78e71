"""One campaign's frames at one telescope: reduced as they come, searched, measured, summed up."""

from __future__ import annotations

import logging
import math
import threading
from pathlib import Path

from agents.gft.reduction.calibration import Masters, calibrate
from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.exposure import measure_exposure
from agents.gft.reduction.frame import Card, Provenance, ReducedFrame, read_frame, write_frame
from agents.gft.reduction.hunt import Hunt
from agents.gft.reduction.image import SkyImage
from agents.gft.reduction.lightcurve import fit_power_law, limit_point, points
from agents.gft.reduction.plates import Group, Plates
from agents.gft.reduction.sed import Sed, build_sed
from agents.gft.reduction.transient import Candidate
from followup.adapting import Depth
from followup.catalogue import ReferenceCatalogue, ReferenceStars
from followup.devices import RawFrame
from followup.site import Instrument, Site
from voevent.kinds import PhotometryPoint, PowerLaw, Trigger
from voevent.packet import SkyPosition

_log = logging.getLogger(__name__)


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
        self._campaign = campaign
        self._instrument = instrument
        self._site = site
        self._masters = masters
        self._folder = folder
        self._drill = drill
        self._lock = threading.RLock()
        self._plates = Plates(instrument=instrument, catalogue=catalogue, trigger_time=trigger.trigger_time)
        self._plates.look_at(trigger.position)
        self._hunt = Hunt(self._plates, trigger)
        for path in sorted(folder.glob("*.fits")):
            self._take_up(path)

    @property
    def frames(self) -> tuple[ReducedFrame, ...]:
        """All frames so far, in order of time."""
        with self._lock:
            return self._plates.frames

    def retarget(self, trigger: Trigger) -> None:
        """Search in another error circle from now on: a later trigger refined the position.

        Frames that do not show the middle of it are kept, but not measured.

        Raises
        ------
        ReductionError
            When the trigger has no position.
        """
        with self._lock:
            self._plates.look_at(trigger.position)
            self._hunt = Hunt(self._plates, trigger)
            self._plates.trigger_time = trigger.trigger_time
            self._trigger = trigger

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
        path = self._folder / f"{self._trigger.burst}_{task}_{raw.filter}_{number:03d}.fits"
        frame = ReducedFrame.unmeasured(raw, path=path, task=task, number=number)
        outcome = measure_exposure(
            frame,
            raw,
            pixels,
            mask != 0,
            instrument=self._instrument,
            stars=self._stars_around,
            circle=self._hunt.circle,
            radius_deg=self._hunt.radius_deg,
        )
        frame = outcome.frame
        if outcome.solution is not None:
            history = (
                *history,
                f"TAN through {outcome.solution.stars} stars, rms {outcome.solution.rms_arcsec:.3f} arcsec",
            )
        frame = write_frame(frame, pixels, mask, self._provenance(raw, frame, history))
        with self._lock:
            self._plates.add(frame)
        if frame.problem:
            _log.warning("frame %s is not usable: %s", frame.path.name, frame.problem, extra=self._labels())
        return frame

    def photometry(self, task: str, filter_name: str) -> list[PhotometryPoint]:
        """Search and measure the frames of one task and filter.

        Returns
        -------
        list of PhotometryPoint
            Measurements, or one upper limit; empty while there is no usable frame, and when something is too
            bright to be measured, so that no limit holds.
        """
        with self._lock:
            group = (task, filter_name)
            if not self._plates.of(group):
                return []
            return self._points(group, self._hunt.source([group]))

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
            groups = self._plates.groups()
            source = self._hunt.source(groups)
            curve = [point for group in groups for point in self._points(group, source)]
            curve.sort(key=lambda p: p.t_s)
            return curve, None if source is None else source.position, fit_power_law(curve)

    def sed(self) -> Sed | None:
        """Spectral energy distribution: points, epoch (s since the trigger time), fit; None without one."""
        curve, _, decay = self.result()
        return build_sed(curve, decay)

    def depths(self) -> dict[str, Depth]:
        """Tell what one exposure through each filter reached, by the latest usable frame."""
        with self._lock:
            return {
                frame.filter: Depth(
                    exposure_s=frame.exposure_s,
                    limit_mag=frame.limit_mag,
                    zero_mag=frame.zero.mag - 2.5 * math.log10(frame.exposure_s),
                )
                for frame in self._plates.frames
                if frame.usable and frame.zero is not None and math.isfinite(frame.limit_mag)
            }

    def deepest(self) -> SkyImage | None:
        """Stack the task and filter with the most usable frames, for the finding chart."""
        with self._lock:
            groups = self._plates.groups()
            if not groups:
                return None
            return self._plates.combined(max(groups, key=lambda g: len(self._plates.of(g))))

    def _take_up(self, path: Path) -> None:
        """Read a frame that an earlier process left."""
        try:
            self._plates.add(read_frame(path))
        except ReductionError as error:
            _log.warning("%s", error, extra=self._labels())

    def _points(self, group: Group, source: Candidate | None) -> list[PhotometryPoint]:
        """Measure the group at the source; give the limit of the search where there is none, if it holds."""
        if source is not None:
            measured = self._plates.measured(group, source.position)
            if measured:
                return points(measured, task=group[0], filter_name=group[1])
        if self._hunt.too_bright(group) is not None or self._hunt.in_doubt(group):
            return []
        times = self._plates.times_s(self._plates.of(group))
        limit_mag = self._hunt.search(group).limit_mag
        return [limit_point(times, limit_mag, task=group[0], filter_name=group[1])]

    def _stars_around(self, pointing: SkyPosition) -> ReferenceStars:
        with self._lock:
            return self._plates.stars_around(pointing)

    def _provenance(self, raw: RawFrame, frame: ReducedFrame, history: tuple[str, ...]) -> Provenance:
        trigger, site, circle = self._trigger, self._site, self._hunt.circle
        since_s = (frame.mid - trigger.trigger_time).total_seconds()
        cards: tuple[tuple[str, Card, str], ...] = (
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
            ("CIRCRA", circle.ra_deg, "[deg] centre of the error circle"),
            ("CIRCDEC", circle.dec_deg, "[deg] centre of the error circle"),
            ("CIRCRAD", circle.error_radius_deg or 0.0, "[deg] its radius; 0 when not given"),
            ("GAIN", 1.0, "[electron] per unit of the pixels"),
            ("ADUGAIN", self._instrument.gain_e_adu, "[electron/adu] of the detector"),
            ("RDNOISE", self._instrument.read_noise_e, "[electron] read-out noise"),
            ("DRILL", self._drill, "whether the frame is simulated"),
        )
        return Provenance(cards=cards, driver=raw.header, history=history)

    def _labels(self) -> dict[str, str]:
        return {"burst": self._trigger.burst, "campaign": self._campaign}
