"""Commands to a running agent, over its socket."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from console.control import Control, _short_path, ask
from followup.errors import ConfigurationError, FollowupError


async def echo(arguments: dict[str, Any]) -> Any:
    return arguments


async def refuse(_arguments: dict[str, Any]) -> Any:
    raise FollowupError("no such campaign", hint="followup campaigns")


async def break_down(_arguments: dict[str, Any]) -> Any:
    raise ZeroDivisionError("a defect")


async def dawdle(_arguments: dict[str, Any]) -> Any:
    await asyncio.Event().wait()


COMMANDS = {"echo": echo, "refuse": refuse, "break": break_down, "dawdle": dawdle}


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    # A Unix socket's address holds 108 bytes: this folder's name alone has more.
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20) / "gft-spm"
    folder.mkdir(parents=True)
    control = Control(folder, COMMANDS)
    await control.start()
    yield folder
    await control.stop()


async def test_a_command_is_answered(folder: Path) -> None:
    alert = "x" * 200_000
    assert await ask(folder, "echo", alert=alert, telescopes=None) == {"alert": alert, "telescopes": None}


async def test_many_ask_at_once(folder: Path) -> None:
    answers = await asyncio.gather(*(ask(folder, "echo", number=n) for n in range(20)))
    assert [answer["number"] for answer in answers] == list(range(20))


async def test_a_refusal_comes_back_with_its_hint(folder: Path) -> None:
    with pytest.raises(FollowupError, match="no such campaign") as error:
        await ask(folder, "refuse")
    assert error.value.hint == "followup campaigns"


async def test_a_defect_does_not_end_the_agent(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL), pytest.raises(FollowupError, match="break failed: a defect"):
        await ask(folder, "break")
    with pytest.raises(FollowupError, match="knows no command 'sing'"):
        await ask(folder, "sing")
    assert await ask(folder, "echo", still="there") == {"still": "there"}


@pytest.mark.parametrize("line", [b"not JSON\n", b"[]\n", b"{}\n", b'"\xff"\n', b"\n", b"no line's end"])
async def test_nonsense_on_the_socket_harms_nothing(folder: Path, line: bytes) -> None:
    with _short_path(folder / "run") as path:
        reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    writer.write_eof()
    assert "not a command" in json.loads(await reader.readline())["error"]
    writer.close()
    await writer.wait_closed()
    assert await ask(folder, "echo", still="there") == {"still": "there"}


async def test_an_agent_that_is_busy_is_not_waited_for_for_ever(folder: Path) -> None:
    with pytest.raises(FollowupError, match=r"did not answer 'dawdle' within 0\.05 s"):
        await ask(folder, "dawdle", timeout_s=0.05)


@pytest.mark.parametrize(
    ("site", "start"),
    [("csc", "csc run"), ("csc-ftp", "relay run"), ("gft-spm", "gft run gft-spm")],
)
async def test_where_no_agent_runs_it_is_said_how_to_start_it(tmp_path: Path, site: str, start: str) -> None:
    with pytest.raises(ConfigurationError, match=f"no agent of {site} is running") as error:
        await ask(tmp_path / site, "status")
    assert error.value.hint == f"start it: followup {start}"


async def test_a_socket_left_by_a_killed_agent_is_no_agent(tmp_path: Path) -> None:
    run = tmp_path / "csc" / "run"
    run.mkdir(parents=True)
    with _short_path(run) as path, socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    with pytest.raises(ConfigurationError, match="no agent of csc"):
        await ask(tmp_path / "csc", "echo")
    control = Control(tmp_path / "csc", COMMANDS)
    await control.start()
    assert await ask(tmp_path / "csc", "echo", a=1) == {"a": 1}
    await control.stop()
    assert list(run.iterdir()) == []
