"""What the science centre is told when people order a telescope to do something."""

from __future__ import annotations

from agents.gft.orders import InForce, Order, Ordered
from voevent.kinds import Status, StatusState

_PAST = {
    Order.HOLD: "held",
    Order.PARK: "held and parked",
    Order.TAKEOVER: "taken over",
    Order.RESUME: "resumed",
    Order.GIVEBACK: "given back",
    Order.ABORT: "aborted",
}


def status_of(ordered: Ordered, after: InForce, *, unsafe: str) -> Status:
    """Say what was ordered, and whether the telescope may observe now.

    Parameters
    ----------
    after
        What people have in force then.
    unsafe
        What else keeps it from observing; empty when nothing does.
    """
    why = f": {ordered.reason}" if ordered.reason else ""
    said = f"{_PAST[ordered.order]} by {ordered.by}{why}"
    still, state = str(after), StatusState.CLEAR
    if ordered.order in {Order.HOLD, Order.PARK, Order.TAKEOVER}:
        state = StatusState.HOLD
    elif still:
        state, said = StatusState.HOLD, f"{said}; still {still}"
    elif unsafe:
        state, said = StatusState.UNSAFE, f"{said}; {unsafe}"
    details = {"order": ordered.order.word, "by": str(ordered.by), "reason": ordered.reason}
    return Status(state=state, text=said, details=details)
