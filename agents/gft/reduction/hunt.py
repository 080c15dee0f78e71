"""The counterpart: which of the candidates of all searches is believed to be the afterglow."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np

from agents.gft.reduction.errors import ReductionError
from agents.gft.reduction.flux import mean
from agents.gft.reduction.plates import Group, Plates, separation_arcsec
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
_LASTING = 0.25
_CERTAIN_SIGMA = 10.0
"""A source this significant needs no further search; a weaker one gives way to a stronger one found later."""


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

    def source(self, groups: Sequence[Group]) -> Candidate | None:
        """Find the best candidate of all searches; these groups are searched unless it is certain."""
        best = self._best()
        for group in groups:
            if best is not None and best.snr >= _CERTAIN_SIGMA:
                break
            self.search(group)
            best = self._best()
        return best

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

    def _best(self) -> Candidate | None:
        """Find the candidate that is the most significant over all groups that show it."""
        everything = [
            c for group, (_, s) in self._searches.items() for c in s.candidates if self._believed(c, group)
        ]

        def together(candidate: Candidate) -> float:
            return sum(
                other.snr**2
                for other in everything
                if separation_arcsec(candidate.position, other.position) < _SAME_SOURCE_ARCSEC
            )

        return max(everything, key=lambda c: (together(c), c.snr), default=None)

    def _believed(self, candidate: Candidate, group: Group) -> bool:
        """Whether the candidate is more than the luckiest of the many places that were looked at.

        In 100,000 independent apertures noise alone exceeds 5 standard deviations in one search of thirty;
        on a single frame a faint cosmic ray can look like a star. Such a source is believed when the task's
        other filters show something at its place as well.
        """
        alone = _ALONE_SIGMA if len(self._plates.of(group)) > 1 else _ALONE_ON_ONE_FRAME_SIGMA
        if candidate.snr >= alone:
            return True
        others = [g for g in self._plates.groups() if g[0] == group[0] and g != group]
        measured = [self._plates.measured(other, candidate.position) for other in others]
        support = [mean([m.flux for m in series]).snr for series in measured if series]
        return bool(support) and sum(support) / math.sqrt(len(support)) >= _SUPPORT_SIGMA

    def _lasts(self, candidate: Candidate, group: Group) -> bool:
        """Whether the candidate is seen without the frame that shows it best: a cosmic ray is not."""
        measured = self._plates.measured(group, candidate.position)
        fluxes = sorted((m.flux for m in measured), key=lambda f: f.snr)
        if len(fluxes) < 2:
            return bool(fluxes)
        # A constant source would keep nearly all its significance; a fading one keeps a good part of it.
        expected = candidate.snr * math.sqrt((len(fluxes) - 1) / len(self._plates.of(group)))
        return mean(fluxes[:-1]).snr > max(1.0, _LASTING * expected)


def _joint_limit(limits: Sequence[float]) -> float:
    """Limit of several frames together, from the limits of each."""
    noise = np.array([10.0 ** (-0.4 * m) for m in limits])
    return float(-2.5 * np.log10(np.sum(noise**-2.0) ** -0.5))
