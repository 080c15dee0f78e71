"""One line about a packet for people: the body of its message, the Description in its document."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from voevent.errors import InvalidError
from voevent.identity import author_of
from voevent.kinds import (
    Closing,
    Content,
    Header,
    PhotometryPoint,
    Product,
    Receipt,
    ReceiptOutcome,
    Result,
    Status,
    StatusState,
    Trigger,
    TriggerAction,
    Upload,
    UploadState,
)
from voevent.packet import SkyPosition
from voevent.wording import one_line

_LONGEST = 400


def summarise(header: Header, content: Content) -> str:
    """Say in one line what a packet says, e.g. for a chat client."""
    match content:
        case Trigger():
            said = _trigger(content)
        case Result():
            said = _result(content)
        case Upload():
            said = _upload(content)
        case Status():
            said = _status(content)
        case Closing():
            said = _closing(content)
        case Receipt():
            said = _receipt(content)
        case _:
            assert_never(content)
    drill = "[DRILL] " if header.drill else ""
    return one_line(f"{drill}{header.campaign}: {header.author} {said}", _LONGEST)


def _trigger(trigger: Trigger) -> str:
    what = {
        TriggerAction.OBSERVE: "asks to observe" if trigger.revision == 0 else "refines the trigger",
        TriggerAction.RETRACT: "retracts the burst",
        TriggerAction.CANCEL: "calls the campaign off",
    }[trigger.action]
    where = "" if trigger.position is None else f" at {_position(trigger.position)}"
    when = f", T0 {_time(trigger.trigger_time)}"
    by = f" ({trigger.instrument})" if trigger.instrument else ""
    return f"{what}{where}{when}{by}, revision {trigger.revision}{_because(trigger.reason)}"


def _result(result: Result) -> str:
    if result.product is Product.SED:
        index = f", beta {result.fit.index:.2f} ± {result.fit.index_err:.2f}" if result.fit else ""
        return f"reports an SED of {_count(len(result.sed), 'band')}{index}{_because(result.comment)}"
    detections = [p for p in result.points if not p.limit]
    limits = len(result.points) - len(detections)
    latest = f"; latest {_point(result.points[-1])}" if result.points else ""
    index = f"; alpha {result.fit.index:.2f} ± {result.fit.index_err:.2f}" if result.fit else ""
    return (
        f"reports a light curve: {_count(len(detections), 'detection')}, {_count(limits, 'limit')}"
        f"{latest}{index}{_because(result.comment)}"
    )


def _point(point: PhotometryPoint) -> str:
    error = "" if point.mag_err is None else f" ± {point.mag_err:.2f}"
    return f"{point.filter} {'>' if point.limit else '='} {point.mag:.2f}{error} at {point.t_s:.0f} s"


def _upload(upload: Upload) -> str:
    manifest = upload.manifest
    verb = "uploads" if upload.state is UploadState.STARTING else "has uploaded"
    again = f", attempt {upload.attempt}" if upload.attempt > 1 else ""
    size = f"{manifest.total_bytes / 1e6:.1f} MB"
    return f"{verb} {upload.dataset}: {_count(manifest.files, 'file')}, {size}{again}"


def _status(status: Status) -> str:
    if status.state is StatusState.PLAN:
        first = f", first at {_time(status.tasks[0].start)}" if status.tasks else ""
        return f"plans {_count(len(status.tasks), 'task')}{first}{_because(status.text)}"
    return f"says {status.state}{_because(status.text)}"


def _closing(closing: Closing) -> str:
    return f"closes the campaign as {closing.outcome}{_because(closing.summary)}"


def _receipt(receipt: Receipt) -> str:
    verb = {
        ReceiptOutcome.RELAYED: "has relayed",
        ReceiptOutcome.RECEIVED: "has received",
        ReceiptOutcome.ACCEPTED: "accepts",
        ReceiptOutcome.REFUSED: "refuses",
        ReceiptOutcome.EXPIRED: "gave up delivering",
    }[receipt.outcome]
    try:
        whose = f"{author_of(receipt.cited.ivorn)}'s "
    except InvalidError:
        whose = ""
    cited = receipt.cited.ivorn.rpartition("#")[2]
    epoch = receipt.details.get("first_epoch", "")
    first = f", first epoch {epoch}" if epoch else ""
    return f"{verb} {whose}{cited}{first}{_because(receipt.reason)}"


def _because(text: str) -> str:
    return f": {text}" if text else ""


def _position(position: SkyPosition) -> str:
    radius = position.error_radius_deg
    error = "" if radius is None else f" ± {60 * radius:.2g}′"
    return f"RA {position.ra_deg:.4f} Dec {position.dec_deg:+.4f}{error}"


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
