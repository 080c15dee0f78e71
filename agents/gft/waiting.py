"""Waiting until the telescope may be used again, and telling the science centre why, and when it goes on."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from agents.gft.bench import Bench
from agents.gft.gate import LIMITS, NOT_SHELTERED, PEOPLE, SAFETY
from agents.gft.record import Record
from voevent.kinds import Status, StatusState


async def may_go_on(bench: Bench, record: Record, *, until: datetime) -> bool:
    """Wait until the telescope's gate is free; False when it was not before a time (of the sky).

    The science centre is told once why it is waited, and again when that gets worse: from a pause to bad
    weather, or from bad weather to a dome that does not shut.
    """
    if not bench.gate.reasons:
        return True
    told: tuple[StatusState, str] | None = None
    over = asyncio.ensure_future(bench.sky.sleep((until - bench.sky.now()).total_seconds()))
    try:
        while bench.gate.reasons and not over.done():
            changed = bench.gate.changes.listen()
            trouble = bench.observatory.trouble
            unsafe = bench.gate.shut_by(SAFETY) or (bench.gate.shut_by(LIMITS) and bool(trouble))
            state = StatusState.UNSAFE if unsafe else StatusState.HOLD
            # That a mount is being parked is soon over, and no weather, unless it does not park.
            worth_telling = bool(trouble) or bench.gate.shut_by(SAFETY, *PEOPLE)
            if (
                worth_telling
                and (state, trouble) != told
                and (told is None or trouble or state is not told[0])
            ):
                text = str(bench.gate)
                if trouble and trouble not in text:
                    text += f"{NOT_SHELTERED}{trouble}"  # the safety watch will say so when it looks next
                record.story.say(f"{state}: {text}", level=logging.WARNING)
                # Of what people order it is told as soon as they do, if the campaign is open by then.
                if state is StatusState.UNSAFE or trouble or not record.told_of_hold:
                    await record.say(Status(state=state, text=text), notes={})
                told = state, trouble
                record.told_of_hold |= state is StatusState.HOLD
                continue
            await asyncio.wait({changed, over}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.cancel()
    if bench.gate.reasons:
        return False
    if told is not None:
        record.story.say("clear: the telescope may be used again")
        if told[0] is StatusState.UNSAFE:
            await record.say(
                Status(state=StatusState.CLEAR, text="the telescope may be used again"), notes={}
            )
    return True
