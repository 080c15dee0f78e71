"""A suite: a folder of bundles, replayed one after the other; one that cannot be keeps no other from it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from archive.bundle.container import SUFFIX
from followup.errors import ConfigurationError, FollowupError

if TYPE_CHECKING:
    from console.replay.verdict import Verdict

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one bundle.

    Attributes
    ----------
    name
        Of its file.
    verdicts
        One for each party that was under test; none when it could not be replayed.
    problem, hint
        Why it could not be, and what to do about it.
    """

    name: str
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""
    hint: str = ""

    @property
    def good(self) -> bool:
        """Whether all is as recorded."""
        return bool(self.verdicts) and all(verdict.good for verdict in self.verdicts)


def bundles_in(folder: Path) -> tuple[Path, ...]:
    """Find the bundles of a suite, by name (blocking).

    Raises
    ------
    ConfigurationError
        When there is none.
    """
    found = tuple(sorted(folder.glob(f"*{SUFFIX}")))
    if not found:
        raise ConfigurationError(
            f"{folder} holds no bundle", hint="followup export CAMPAIGN --to-suite FOLDER puts one there"
        )
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why something could not be done with a bundle, and what to do about it."""

    text: str
    hint: str = ""


def tried(bundle: Path, work: Callable[[Path], T]) -> T | Problem:
    """Do something with a bundle of a suite (blocking); whatever befalls it, the others have their turn."""
    try:
        return work(bundle)
    except FollowupError as error:
        return Problem(text=str(error), hint=error.hint)
    except Exception as error:
        log.exception("%s", bundle)
        return Problem(text=f"{type(error).__name__}: {error}")


def replay_each(bundles: Iterable[Path], replay: Callable[[Path], Sequence[Verdict]]) -> Iterator[Outcome]:
    """Replay bundles, one after the other (blocking); tell of each as soon as it is done."""
    for bundle in bundles:
        found = tried(bundle, replay)
        if isinstance(found, Problem):
            yield Outcome(name=bundle.name, problem=found.text, hint=found.hint)
        else:
            yield Outcome(name=bundle.name, verdicts=tuple(found))
