"""The counterpart: which of the candidates of all searches is believed to be the afterglow."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np

from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.flux import mean
from agents.gft.reduction.overexposed import overexposed
from agents.gft.reduction.plates import Group, Plates, separation_arcsec
from agents.gft.reduction.sed import WAVELENGTH_NM
from agents.gft.reduction.transient import Candidate, Search, search
from voevent.kinds import Trigger
from voevent.packet import SkyPosition

_log = logging.getLogger(__name__)

_CIRCLE_MARGIN = 1.5
"""The error radius holds 90 % of the bursts, one and a half times as much 99 %."""
_LEAST_RADIUS_DEG = 5.0 / 3600.0
_UNKNOWN_RADIUS_DEG = 0.2
_SAME_SOURCE_ARCSEC = 2.0
_ALONE_SIGMA = 6.0
_ALONE_ON_ONE_FRAME_SIGMA = 10.0
_SUPPORT_SIGMA = 2.0
_AGAIN_SIGMA = 3.0
_STEEPEST = 3.0
"""No afterglow fades faster, as a power law of time."""
_LEAST_PART = 0.5
_SAME_PATCH_ARCSEC = 5.0
_LASTING = 0.25
_CERTAIN_SIGMA = 10.0
"""A source this significant on more than one frame needs no further search."""


class Hunt:
    """The search for one burst's counterpart on the plates of a campaign.

    Parameters
    ----------
    trigger
        The burst, with its position and error circle.

    Attributes
    ----------
    circle, radius_deg
        The burst's position, and how far around it the search goes.

    Raises
    ------
    ReductionError
        When the trigger has no position.
    """

    def __init__(self, plates: Plates, trigger: Trigger) -> None:
        if trigger.position is None:
            raise ReductionError(
                f"the trigger of {trigger.burst} has no position to search at",
                hint="a retraction or a cancellation is not observed",
            )
        self.circle: SkyPosition = trigger.position
        error_deg = trigger.position.error_radius_deg
        self.radius_deg = (
            _UNKNOWN_RADIUS_DEG if error_deg is None else max(_LEAST_RADIUS_DEG, _CIRCLE_MARGIN * error_deg)
        )
        self._plates = plates
        self._labels = {"burst": trigger.burst, "campaign": f"{trigger.burst}.{trigger.telescope}"}
        self._searches: dict[Group, tuple[int, Search]] = {}
        self._too_bright: dict[Group, tuple[int, SkyPosition | None]] = {}

    def source(self, groups: Sequence[Group]) -> Candidate | None:
        """Find the best candidate of all searches; these groups are searched unless it is certain."""
        best = self._best()
        for group in groups:
            if best is not None and self._certain(*best):
                break
            self.search(group)
            best = self._best()
        return None if best is None else best[0]

    def search(self, group: Group) -> Search:
        """Search a group, once for as long as it does not grow."""
        frames = self._plates.of(group)
        count, done = self._searches.get(group, (0, None))
        if done is not None and count == len(frames):
            return done
        try:
            image = self._plates.combined(group)
            stars = self._plates.stars_on(frames[0])
            found = search(image, stars, group[1], self.circle, self.radius_deg)
        except ReductionError as error:
            _log.warning("no search in %s %s: %s", *group, error, extra=self._labels)
            found = Search(candidates=(), limit_mag=_joint_limit([f.limit_mag for f in frames]))
        lasting = tuple(c for c in found.candidates if self._lasts(c, group))
        done = Search(candidates=lasting, limit_mag=found.limit_mag)
        self._searches[group] = (len(frames), done)
        return done

    def too_bright(self, group: Group) -> SkyPosition | None:
        """Where most frames of a group show something new that they cannot measure: no limit holds then."""
        frames = self._plates.of(group)
        count, place = self._too_bright.get(group, (0, None))
        if count == len(frames):
            return place
        places = []
        for frame in frames:
            try:
                image, saturated = frame.image(), frame.saturated()
            except ReductionError as error:
                _log.warning("%s", error, extra=self._labels)
                continue
            stars = self._plates.stars_on(frame)
            found = overexposed(image, saturated, stars, group[1], (self.circle, self.radius_deg))
            if found is not None:
                places.append(found)
        # A trail or a cosmic ray is there on one of them.
        place = next((p for p in places if 2 * _near(p, places) > len(frames)), None)
        if place is not None:
            _log.warning(
                "something at %.5f %+.5f is too bright to be measured in %s %s: no limit is given",
                place.ra_deg,
                place.dec_deg,
                *group,
                extra=self._labels,
            )
        self._too_bright[group] = (len(frames), place)
        return place

    def in_doubt(self, group: Group) -> bool:
        """Whether a group shows something significant that is not believed: no limit holds then."""
        return any(
            candidate.snr >= _ALONE_ON_ONE_FRAME_SIGMA and not self._believed(candidate, group)
            for candidate in self.search(group).candidates
        )

    def _best(self) -> tuple[Candidate, Group] | None:
        """Find the candidate for which there is most evidence, and where it shows best."""
        believed = [
            (candidate, group)
            for group, (_, found) in self._searches.items()
            for candidate in found.candidates
            if self._believed(candidate, group)
        ]
        places: list[tuple[Candidate, Group]] = []
        for candidate, group in sorted(believed, key=lambda sighting: -sighting[0].snr):
            if all(
                separation_arcsec(candidate.position, other.position) >= _SAME_SOURCE_ARCSEC
                for other, _ in places
            ):
                places.append((candidate, group))
        if len(places) < 2:
            return next(iter(places), None)
        return max(places, key=lambda place: self._evidence(place[0]))

    def _evidence(self, candidate: Candidate) -> float:
        """Add up what all frames show at its place, whether or not it stood out there by itself.

        A faint afterglow shows a little in many series, a cosmic ray much in one.
        """
        significances = self._significances(candidate, self._plates.groups())
        return sum(max(0.0, snr) ** 2 for snr in significances)

    def _believed(self, candidate: Candidate, group: Group) -> bool:
        """Whether the candidate is more than the luckiest of the many places that were looked at.

        In 100,000 independent apertures noise alone exceeds 5 standard deviations in one search of thirty.
        On a single frame a cosmic ray can look like a star, the more so upon one. Such a source is believed
        when other frames show something at its place as well; a bright one that has the shape of a star also
        as long as none contradicts it.
        """
        if self._supported(candidate, group):
            return True
        if len(self._plates.of(group)) > 1:
            return candidate.snr >= _ALONE_SIGMA
        alone = candidate.snr >= _ALONE_ON_ONE_FRAME_SIGMA and not candidate.blended
        return alone and not self._contradicted(candidate, group)

    def _certain(self, candidate: Candidate, group: Group) -> bool:
        """Whether nothing that other frames may show can matter any more."""
        seen_again = len(self._plates.of(group)) > 1 or self._supported(candidate, group)
        return candidate.snr >= _CERTAIN_SIGMA and seen_again

    def _supported(self, candidate: Candidate, group: Group) -> bool:
        """Whether the task's other filters together, or the filter in another task, show something there."""
        groups = self._plates.groups()
        beside = self._significances(candidate, [g for g in groups if g[0] == group[0] and g != group])
        again = self._significances(candidate, [g for g in groups if g[1] == group[1] and g != group])
        together = sum(beside) / math.sqrt(len(beside)) if beside else 0.0
        return together >= _SUPPORT_SIGMA or any(snr >= _AGAIN_SIGMA for snr in again)

    def _contradicted(self, candidate: Candidate, group: Group) -> bool:
        """Whether a later frame lacks what it would show of any afterglow, however fast it fades.

        Afterglows are red: a filter of a longer wavelength shows them, too, while one of a shorter wavelength
        need not (absorption by neutral hydrogen on the way).
        """
        shown = self._plates.measured(group, candidate.position)
        if not shown:
            return False
        flux, start_s = mean([m.flux for m in shown]), max(shown[0].start_s, 1.0)
        for other in self._plates.groups():
            if not _as_red(other[1], group[1]):
                continue
            for later in self._plates.measured(other, candidate.position):
                faded = flux.ujy * (later.start_s / start_s) ** -_STEEPEST
                most = later.flux.ujy + _AGAIN_SIGMA * later.flux.sky_err_ujy
                if later.start_s > start_s and most < _LEAST_PART * faded:
                    return True
        return False

    def _significances(self, candidate: Candidate, groups: Sequence[Group]) -> list[float]:
        """Measure at the candidate's place, in each group that shows it."""
        measured = [self._plates.measured(group, candidate.position) for group in groups]
        return [mean([m.flux for m in series]).snr for series in measured if series]

    def _lasts(self, candidate: Candidate, group: Group) -> bool:
        """Whether the candidate is seen without the frame that shows it best: a cosmic ray is not."""
        measured = self._plates.measured(group, candidate.position)
        fluxes = sorted((m.flux for m in measured), key=lambda f: f.snr)
        if len(fluxes) < 2:
            return bool(fluxes)
        # A constant source would keep nearly all its significance; a fading one keeps a good part of it.
        expected = candidate.snr * math.sqrt((len(fluxes) - 1) / len(self._plates.of(group)))
        return mean(fluxes[:-1]).snr > max(1.0, _LASTING * expected)


def _as_red(filter_name: str, other: str) -> bool:
    """Whether a filter's wavelength is known to be no shorter than another one's."""
    if filter_name == other:
        return True
    return WAVELENGTH_NM.get(filter_name, 0.0) > WAVELENGTH_NM.get(other, math.inf)


def _near(place: SkyPosition, places: Sequence[SkyPosition]) -> int:
    """How many of the places are about the same."""
    return sum(separation_arcsec(place, other) < _SAME_PATCH_ARCSEC for other in places)


def _joint_limit(limits: Sequence[float]) -> float:
    """Limit of several frames together, from the limits of each."""
    noise = np.array([10.0 ** (-0.4 * m) for m in limits])
    return float(-2.5 * np.log10(np.sum(noise**-2.0) ** -0.5))
