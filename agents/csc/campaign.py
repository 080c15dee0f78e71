"""A campaign as the science centre sees it, told as a story."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from archive.records import LedgerEntry
from followup.clock import Clock
from followup.names import CampaignName, title_of
from followup.story import StepState, Story
from messaging.desk import Answer
from messaging.records import StoredPacket
from voevent.kinds import (
    Closing,
    Content,
    Outcome,
    Product,
    Receipt,
    ReceiptOutcome,
    Result,
    Trigger,
    TriggerAction,
    Upload,
)
from voevent.packet import Packet, PacketId

log = logging.getLogger(__name__)

_STATES = {
    Outcome.COMPLETED: (StepState.COMPLETED, "Closed"),
    Outcome.RETRACTED: (StepState.COMPLETED, "Retracted"),
    Outcome.ABORTED: (StepState.CANCELLED, "Aborted"),
    Outcome.FAILED: (StepState.FAILED, "Failed"),
    Outcome.DECLINED: (StepState.COMPLETED, "Declined"),
}


class FollowedCampaign:
    """Tells the story of one campaign at the science centre.

    Parameters
    ----------
    trigger
        The trigger in force.
    accepted
        Whether the telescope accepted a trigger of it before.
    drill
        Whether it is a drill: it is announced as one.
    on_cancel
        Called when a person cancels the run that shows it.
    """

    def __init__(
        self,
        name: CampaignName,
        trigger: Trigger,
        *,
        accepted: bool,
        drill: bool,
        clock: Clock,
        on_cancel: Callable[[str], None],
    ) -> None:
        self.name = name
        self.over = False
        self._accepted = accepted
        self._awaited: set[str] = set()
        self.story = Story(
            flow="follow-up",
            name=title_of(name, drill=drill, revision=trigger.revision),
            subject=name.burst,
            clock=clock,
            tags=(name.burst, name.telescope),
            parameters={
                "burst": trigger.burst,
                "telescope": trigger.telescope,
                "T0": trigger.trigger_time.isoformat(),
                "instrument": trigger.instrument,
                "alert": trigger.notice.ivorn,
            },
            on_cancel=on_cancel,
        )

    def triggered(self, packet: Packet, trigger: Trigger) -> None:
        """Tell that a trigger is on its way."""
        step = f"trigger:{packet.sha256[:12]}"
        self._awaited.add(packet.sha256)
        self.story.begin(
            step,
            f"trigger {self.name.telescope}: {trigger.action}, revision {trigger.revision}",
            packet.description,
        )

    def trigger_answered(self, cited: StoredPacket, trigger: Trigger, receipt: Receipt) -> None:
        """Tell what the telescope said; a campaign that it never accepted is then over."""
        if not receipt.outcome.final:
            return
        self.story.end(f"trigger:{cited.id.sha256[:12]}", message=f"{receipt.outcome}: {receipt.reason}")
        accepted = receipt.outcome is ReceiptOutcome.ACCEPTED
        self._accepted |= accepted and trigger.action is TriggerAction.OBSERVE
        self._awaited.discard(cited.id.sha256)
        if self._accepted or self._awaited:
            return
        self.over = True
        if accepted:
            self.story.finish(StepState.COMPLETED, "Called off", receipt.reason)
        elif receipt.outcome is ReceiptOutcome.REFUSED:
            self.story.finish(StepState.COMPLETED, "Declined", receipt.reason)
        else:
            self.story.finish(StepState.FAILED, "Unreachable", receipt.reason)

    def received(self, packet: Packet, content: Content) -> None:
        """Tell of a packet that came in, and show what it carries."""
        if isinstance(content, Closing):
            return
        step = f"receive:{packet.sha256[:12]}"
        self.story.begin(step, packet.description[:120], packet.ivorn)
        self.story.end(step, message="archived")

    def show_result(self, result: Result) -> None:
        """Draw a light curve or an SED (blocking)."""
        from followup.figures.lightcurve import light_curve_figure  # noqa: PLC0415 - matplotlib is slow to load
        from followup.figures.sed import sed_figure  # noqa: PLC0415

        if result.product is Product.LIGHT_CURVE:
            picture = light_curve_figure(result.points, title=str(self.name), fit=result.fit)
            self.story.show("light-curve", "Light curve", png=picture)
        else:
            picture = sed_figure(
                result.sed, epoch_s=result.epoch_s or 0.0, title=str(self.name), fit=result.fit
            )
            self.story.show("sed", "Spectral energy distribution", png=picture)

    def download_begins(self, upload: Upload) -> None:
        """Tell that a dataset is being fetched."""
        size = upload.manifest.total_bytes / 1e6
        what = f"download {upload.dataset}: {upload.manifest.files} files, {size:.1f} MB"
        self.story.begin(_download(upload), what, "Every file is verified against the manifest.")

    def download_progress(self, upload: Upload, fraction: float) -> None:
        """Tell how far it is; called from the thread that downloads."""
        self.story.progress(f"download {upload.dataset}", f"download of {upload.dataset}", fraction)

    def download_ends(self, upload: Upload, answer: Answer) -> None:
        """Tell whether it is archived."""
        good = answer.outcome is ReceiptOutcome.ACCEPTED
        self.story.end(_download(upload), StepState.COMPLETED if good else StepState.FAILED, answer.reason)
        log.info(
            "dataset %s of %s %s: %s",
            upload.dataset,
            self.name,
            answer.outcome,
            answer.reason,
            extra={
                "event": "dataset.archived" if good else "dataset.refused",
                "campaign": str(self.name),
                "dataset": upload.dataset,
                "files": upload.manifest.files,
                "bytes": upload.manifest.total_bytes,
            },
        )

    def interrupted(self) -> None:
        """End the story, not the campaign: the agent is being ended."""
        self.story.finish(StepState.INTERRUPTED, "Interrupted", "the agent was ended; its successor goes on")

    def closing_begins(self, closing: Closing) -> None:
        """Tell that the telescope has closed the campaign."""
        self.story.begin("close:", f"closing: {closing.outcome}", closing.summary)

    def closing_waits(self, missing: Sequence[PacketId]) -> None:
        """Tell what is still missing."""
        text = f"{len(missing)} packets are still on their way, first {missing[0].ivorn}"
        self.story.say(text, step="close:", level=logging.WARNING)

    def closed(self, closing: Closing, ledger: Sequence[LedgerEntry]) -> None:
        """End the story."""
        self.story.end("close:", message=f"{len(closing.packets)} packets held")
        self.story.show("ledger", "Every packet and its receipts", table=tuple(map(_row, ledger)))
        state, word = _STATES[closing.outcome]
        self.story.finish(state, word, closing.summary)


def _download(upload: Upload) -> str:
    return f"download:{upload.dataset}-{upload.attempt}"


def _row(entry: LedgerEntry) -> dict[str, str]:
    final = entry.final
    began = entry.sent or entry.arrived
    delay = f"{(final.time - began).total_seconds():.2f} s" if final and began else ""
    return {
        "packet": entry.id.ivorn.rpartition("#")[2],
        "from": entry.author,
        "to": entry.addressee,
        "receipts": " ".join(receipt.outcome for receipt in entry.receipts),
        "final": f"{final.outcome}: {final.reason}" if final else "none yet",
        "after": delay,
    }
