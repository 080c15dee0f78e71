"""What a site tells of in Prefect, kept in a small file for the agent's next process.

It is for showing only: lost or damaged, it costs people some comfort and the work nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path

from followup.story import Ended, StepState, Story

log = logging.getLogger(__name__)

_MOST = 500


def key_of(flow: str, tags: Sequence[str]) -> str:
    """Tell what a story is about; that of an agent's next process about the same has the same key."""
    return " ".join((flow, *sorted(tags)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A story, and how far Prefect knows it.

    Attributes
    ----------
    run
        Id of the flow run that shows it; empty before there is one.
    state, ended, message
        How it ended (`StepState`, the word for it, the sentence); empty while it goes on.
    ended_at
        When that was, by the wall's clock (ISO 8601).
    """

    key: str
    name: str
    began_at: str
    run: str = ""
    state: str = ""
    ended: str = ""
    message: str = ""
    ended_at: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether the agent's next process has something to go on with."""
        return self.state in {"", StepState.INTERRUPTED}


class Book:
    """The stories that are not shown to their end.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    earlier
        What an earlier process left.
    away_since
        Since when the server has been away; None while it is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = count()
        self._told: dict[int, Told] = {}
        self._complained = False
        self.earlier: tuple[Told, ...] = ()
        self.away_since: datetime | None = None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            self.earlier = tuple(Told(**told) for told in content["told"])
            if content["away_since"]:
                self.away_since = datetime.fromisoformat(content["away_since"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read (%s): going on without", path, error)

    @property
    def now(self) -> tuple[Told, ...]:
        """Stories of this process that are not shown to their end."""
        return tuple(self._told.values())

    @property
    def unheard_since(self) -> datetime | None:
        """Since when Prefect has not heard all that an earlier process told; None when it has."""
        unheard = [datetime.fromisoformat(told.began_at) for told in self.earlier if not told.run]
        return self.away_since or min(unheard, default=None)

    def begin(self, story: Story, at: datetime) -> int:
        """Enter a story; returns its number here."""
        number = next(self._numbers)
        key = key_of(story.flow, story.tags)
        self._told[number] = Told(key=key, name=story.name, began_at=at.isoformat())
        self._save()
        return number

    def shown_by(self, number: int, run: str, name: str) -> None:
        """Note which flow run shows a story."""
        self._change(number, run=run, name=name)

    def ended(self, number: int, event: Ended, at: datetime) -> None:
        """Note how a story ended."""
        facts = {"state": str(event.state), "ended": event.name, "message": event.message}
        self._change(number, **facts, ended_at=at.isoformat())

    def shown(self, number: int) -> None:
        """Strike a story off: Prefect knows it to its end. One that a successor goes on with is kept."""
        told = self._told.get(number)
        if told is not None and not told.goes_on:
            del self._told[number]
            self._save()

    def settled(self, earlier: Sequence[Told]) -> None:
        """Strike off what an earlier process left, once Prefect knows."""
        gone = set(earlier)
        if gone:
            self.earlier = tuple(told for told in self.earlier if told not in gone)
            self._save()

    def away(self, since: datetime | None) -> None:
        """Note that the server went away, or (None) that it is back."""
        if since != self.away_since:
            self.away_since = since
            self._save()

    def _change(self, number: int, **facts: str) -> None:
        if number in self._told:
            self._told[number] = replace(self._told[number], **facts)
            self._save()

    def _save(self) -> None:
        away = "" if self.away_since is None else self.away_since.isoformat()
        told = [asdict(one) for one in (*self.earlier, *self._told.values())][-_MOST:]
        partial = self._path.with_name(f".{self._path.name}.partial")
        try:
            partial.write_text(json.dumps({"away_since": away, "told": told}), encoding="utf-8")
            partial.replace(self._path)
        except OSError as error:
            if not self._complained:
                log.warning("%s cannot be written (%s): going on without", self._path, error)
            self._complained = True
        else:
            self._complained = False
