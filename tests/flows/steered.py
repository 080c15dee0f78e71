"""A process with a telescope and a science centre that only take note of how people steer them in Prefect.

A line is a command for the telescope's people on the spot; what people do in Prefect is said line by line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from console.agent import make_runner
from flows.runner import PrefectRunner
from followup.errors import FollowupError
from followup.steering import Condition

TELESCOPES = ("gft-jilin", "gft-spm")


def say(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)


class Telescope:
    def __init__(self, held: bool) -> None:
        self.held = held

    async def condition(self) -> Condition:
        return Condition(held=self.held, text="somebody holds it" if self.held else "nobody holds it")

    async def hold_for(self, who: str, reason: str) -> None:
        self.held = True
        say(hold=who, reason=reason)

    async def let_go(self, who: str, reason: str) -> None:
        self.held = False
        say(let_go=who, reason=reason)


class Desk:
    def telescopes(self) -> tuple[str, ...]:
        return TELESCOPES

    async def trigger(self, wanted: Mapping[str, Any], asked: datetime) -> tuple[Mapping[str, str], ...]:
        say(wanted=dict(wanted), asked=asked.isoformat())
        if wanted["burst"] == "none":
            raise FollowupError("no such burst", hint="wait for one")
        chosen = wanted["telescopes"] or TELESCOPES
        return tuple(
            {"campaign": f"{wanted['burst']}.{t}", "ivorn": f"ivo://x/csc#{t}", "reason": ""} for t in chosen
        )


async def main() -> None:
    folder, site, api_url, held = sys.argv[1:]
    runner = make_runner(Path(folder), site, api_url)
    assert isinstance(runner, PrefectRunner)
    telescope = Telescope(held == "held")
    if site == "csc":
        runner.serve_form(Desk())
    else:
        runner.held_by_pool(telescope)
    say(ready=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    async for line in commands:
        match line.decode().split():
            case ["hold"]:
                telescope.held = True
            case ["resume"]:
                telescope.held = False
            case ["hang"]:
                sys.stdin.readline()


if __name__ == "__main__":
    asyncio.run(main())
