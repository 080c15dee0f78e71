"""What people and alert streams ask the science centre for: triggers for telescopes, on an alert."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agents.csc.triggering import NoTriggerError, Triggered, taken_back, trigger
from followup.errors import FollowupError
from messaging.author import Author
from messaging.transaction import Transaction
from voevent.errors import VOEventError
from voevent.notice import Notice, read_notice
from voevent.packet import Packet
from voevent.parse import parse


class BadAlertError(FollowupError):
    """An alert cannot be read."""


class RehearsedError(Exception):
    """Undoes what a rehearsal has written; `triggered` is what it came to."""

    def __init__(self, triggered: list[Triggered]) -> None:
        super().__init__("a rehearsal")
        self.triggered = triggered


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """An alert that was read, and whom to trigger on it."""

    alert: Packet
    notice: Notice
    telescopes: tuple[str, ...]
    drill: bool

    @classmethod
    def read(
        cls, raw: bytes, telescopes: Sequence[str] | None, *, enrolled: Collection[str], drill: bool
    ) -> Asking:
        """Read what is asked for.

        Parameters
        ----------
        telescopes
            Which; None for all that are enrolled.
        drill
            Whether to make it a drill, even if the alert does not say so.

        Raises
        ------
        BadAlertError
            When the bytes are not an alert that can be read.
        NoTriggerError
            When a telescope is unknown, or there is none.
        """
        try:
            alert = parse(raw)
            notice = read_notice(alert)
        except VOEventError as error:
            raise BadAlertError(
                f"the alert cannot be read: {error}", hint="followup packet validate FILE"
            ) from error
        chosen = sorted(enrolled) if telescopes is None else list(telescopes)
        unknown = [name for name in chosen if name not in enrolled]
        if unknown or not chosen:
            raise NoTriggerError(
                f"unknown telescope: {', '.join(unknown)}" if unknown else "no telescope is enrolled",
                hint=f"enrolled are: {', '.join(sorted(enrolled)) or 'none'}; "
                "followup csc admit gft-NAME enrols one",
            )
        return cls(alert=alert, notice=notice, telescopes=tuple(chosen), drill=drill or notice.drill)

    def write(self, transaction: Transaction, *, author: Author, time: datetime) -> list[Triggered]:
        """Commit the triggers that follow.

        Raises
        ------
        NoTriggerError
            When the alert cannot lead to a trigger.
        """
        about = (self.notice.burst, *sorted(taken_back(transaction, self.notice) - {self.notice.burst}))
        return [
            trigger(
                transaction,
                author=author,
                alert=self.alert,
                notice=replace(self.notice, burst=burst),
                telescope=telescope,
                drill=self.drill,
                time=time,
            )
            for burst in about
            for telescope in self.telescopes
        ]

    def rehearse(self, *, author: Author, time: datetime) -> Callable[[Transaction], None]:
        """Give a transaction that writes the triggers and then undoes them: it always raises.

        Raises
        ------
        RehearsedError
            With what would have been sent; any other error is what would have been in the way.
        """

        def work(transaction: Transaction) -> None:
            raise RehearsedError(self.write(transaction, author=author, time=time))

        return work
