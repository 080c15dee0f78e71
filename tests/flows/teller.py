"""A process that tells stories as an agent does, on command: one JSON document a line in, and out.

Prefect is imported here and not in the process of the tests: it reads its settings at import, and starts
threads of its own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import threading
import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import console.agent
from console.agent import make_runner
from flows.runner import PrefectRunner
from followup.clock import WallClock
from followup.story import StepState, Story


def say(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)


class Teller:
    def __init__(self, folder: Path, site: str, api_url: str) -> None:
        self.runner = make_runner(folder, site, api_url)
        self.stories: dict[str, Story] = {}

    def follow(self, story: str, **facts: Any) -> None:
        def cancelled(why: str) -> None:
            say(cancelled=story, why=why, thread=threading.current_thread().name)

        told = Story(clock=WallClock(), on_cancel=cancelled, **facts)
        self.stories[story] = told
        began = time.monotonic()
        self.runner.follow(told)
        say(followed=story, seconds=time.monotonic() - began)

    def tell(self, story: str, what: str, *args: Any, **facts: Any) -> None:
        if "png" in facts:
            facts["png"] = base64.b64decode(facts["png"])
        if "table" in facts:
            facts["table"] = tuple(facts["table"])
        if "until" in facts:
            facts["until"] = datetime.fromisoformat(facts["until"])
        if "state" in facts:
            facts["state"] = StepState(facts["state"])
        getattr(self.stories[story], what)(*args, **facts)

    def settle(self, timeout_s: float) -> None:
        began = time.monotonic()
        asyncio.run(self.runner.settle(timeout_s))
        say(settled=time.monotonic() - began)


def main() -> None:
    folder, site, api_url, *silence_s = sys.argv[1:]
    if silence_s:
        silence = timedelta(seconds=float(silence_s[0]))
        console.agent.PrefectRunner = partial(PrefectRunner, silence=silence)  # type: ignore[attr-defined, assignment]
    teller = Teller(Path(folder), site, api_url)
    say(ready=True)
    for line in sys.stdin:
        command, args, facts = json.loads(line)
        getattr(teller, command)(*args, **facts)
    teller.runner.close()


if __name__ == "__main__":
    main()
