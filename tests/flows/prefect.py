"""A Prefect server of the tests' own, looked at through its API, and the processes whose stories it shows."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from deploy.prefect import PrefectServer

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(look: Callable[[], T | None], timeout_s: float = 150.0) -> T:
    """Look again and again until there is something to be seen."""
    deadline = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
    return seen


class Prefect:
    """A server, which may be killed and started again over the same home."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.Runner()
        self._server = PrefectServer(folder, port=free_port())
        self._client = httpx.Client(base_url=self._server.api_url, timeout=30.0)
        self._ready = False

    @property
    def api_url(self) -> str:
        return self._server.api_url

    def start(self) -> None:
        """Start it; the first question waits until it answers."""
        self._loop.run(self._server.start())
        self._ready = False

    def kill(self) -> None:
        assert self._server.pid is not None
        os.kill(self._server.pid, signal.SIGKILL)
        self._loop.run(self._server.stop())

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it take connections, and answer nothing."""
        assert self._server.pid is not None
        os.kill(self._server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._server.pid, signal.SIGCONT)

    def close(self) -> None:
        self._client.close()
        self._loop.run(self._server.stop())
        self._loop.close()

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        if not self._ready:
            self._loop.run(self._server.ready())
            self._ready = True

        def answered() -> httpx.Response | None:
            # Its database was busy: clients try again, and so do we.
            answer = self._client.request(method, path, json=body)
            return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

        return until(answered)

    def ask(self, path: str, **body: Any) -> Any:
        answer = self._call("POST", path, body)
        assert answer.is_success, answer.text
        return answer.json()

    def read(self, path: str) -> Any:
        """What is there; None when nothing is."""
        answer = self._call("GET", path)
        return answer.json() if answer.is_success else None

    def change(self, path: str, **body: Any) -> None:
        answer = self._call("PATCH", path, body)
        assert answer.is_success, answer.text

    def refusal(self, path: str, **body: Any) -> str:
        """Why something cannot be made."""
        answer = self._call("POST", path, body)
        assert answer.is_client_error, answer.text
        return answer.text

    def delete(self, path: str) -> None:
        answer = self._call("DELETE", path)
        # Gone already: an answer to an earlier try was lost with its busy database.
        assert answer.is_success or answer.status_code == httpx.codes.NOT_FOUND, answer.text

    def runs(self, name: str) -> list[dict[str, Any]]:
        """All flow runs whose names begin so, the oldest first."""
        found = self.ask("/flow_runs/filter", flow_runs={"name": {"like_": name}}, sort="START_TIME_ASC")
        # A run that was made just now has no state yet.
        return [run for run in found if run["name"].startswith(name) and run["state"]]

    def run(self, name: str, *states: str) -> dict[str, Any]:
        """Wait for the one run of this name, and until its state has one of these names."""

        def look() -> dict[str, Any] | None:
            runs = [run for run in self.runs(name) if run["name"] == name]
            assert len(runs) < 2
            return runs[0] if runs and (not states or runs[0]["state"]["name"] in states) else None

        return until(look)

    def tasks(self, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Task runs of a flow run by name."""
        found = self.ask("/task_runs/filter", flow_runs={"id": {"any_": [run["id"]]}})
        assert len({task["name"] for task in found}) == len(found)
        return {task["name"]: task for task in found}

    def settled_tasks(self, run: dict[str, Any]) -> dict[str, dict[str, Any]] | None:
        """The same, when all have ended: their states reach the server as events, a little later."""
        tasks = self.tasks(run)
        ended = all(task["state_type"] not in {None, "PENDING", "RUNNING"} for task in tasks.values())
        return tasks if ended else None

    def logs(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = {"flow_run_id": {"any_": [run["id"]]}}
        lines: list[dict[str, Any]] = self.ask("/logs/filter", logs=wanted, sort="TIMESTAMP_ASC")
        return lines

    def artifacts(self, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Artifacts of a flow run by key."""
        found = self.ask("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run["id"]]}})
        return {artifact["key"]: artifact for artifact in found}

    def flow_of(self, run: dict[str, Any]) -> dict[str, Any]:
        answer = self._call("GET", f"/flows/{run['flow_id']}")
        flow: dict[str, Any] = answer.json()
        return flow

    def set_state(self, run: dict[str, Any], state: str) -> None:
        path = f"/flow_runs/{run['id']}/set_state"
        assert self.ask(path, state={"type": state})["status"] == "ACCEPT"


class Answers:
    """What a process says, one JSON document a line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def expect(self, what: str, timeout_s: float = 150.0) -> dict[str, Any]:
        """Wait for the next thing it says, which must be this."""
        answer = self._answers.get(timeout=timeout_s)
        assert what in answer, answer
        return answer

    def silent(self) -> bool:
        return self._answers.empty()

    def close(self) -> None:
        """When the process has ended."""
        self._reader.join()
        self._lines.close()

    def _read(self) -> None:
        for line in self._lines:
            self._answers.put(json.loads(line))
        self._answers.put({"ended": "its log says why"})


class Agent:
    """A process that tells stories (`tests.flows.teller`)."""

    def __init__(self, folder: Path, site: str, api_url: str, *, silence_s: float | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._log = (folder / "teller.log").open("ab")
        silence = [] if silence_s is None else [str(silence_s)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.flows.teller", str(folder), site, api_url, *silence],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._answers = Answers(self._process)
        self._ready = False

    def answer(self, what: str, timeout_s: float = 150.0) -> dict[str, Any]:
        return self._answers.expect(what, timeout_s)

    def silent(self) -> bool:
        return self._answers.silent()

    def follow(self, story: str, **facts: Any) -> dict[str, Any]:
        facts = {"flow": "observe", "subject": "sb26112201", "name": story, "tags": ["sb26112201"]} | facts
        self._command("follow", story, **facts)
        return self.answer("followed")

    def tell(self, story: str, what: str, *args: Any, **facts: Any) -> None:
        self._command("tell", story, what, *args, **facts)

    def settle(self, timeout_s: float = 60.0) -> dict[str, Any]:
        self._command("settle", timeout_s)
        return self.answer("settled", timeout_s + 30.0)

    def remembers(self, text: str) -> None:
        """Wait until this stands in what it keeps for its next process."""
        book = self._folder / "prefect" / "told.json"
        until(lambda: book.is_file() and text in book.read_text())

    def kill(self) -> None:
        self._process.kill()
        self.close()

    def close(self) -> None:
        if self._log.closed:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20.0)
        finally:
            self._process.kill()
            self._process.wait()
            self._answers.close()
            self._log.close()

    def _command(self, command: str, *args: Any, **facts: Any) -> None:
        if not self._ready:  # Prefect's import takes seconds, in which others may begin
            self.answer("ready")
            self._ready = True
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([command, args, facts]) + "\n")
        self._process.stdin.flush()
