"""What a test may leave behind: nothing. Threads, child processes, asyncio tasks, files in the working tree.

What a fixture of a wider scope starts may last as long as the fixture, and no longer.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]

_MARK = "FOLLOWUP_TEST_RUN"
_CACHES = {".git", ".venv", ".hypothesis", ".pytest_cache", ".mypy_cache", ".ruff_cache",
           ".import_linter_cache", "__pycache__"}  # fmt: skip
_LOOP_WORKER = "asyncio_"
"""Threads of a loop's own pool end with the loop; a loop left open is a warning, which is an error."""


class Leftovers:
    """Looks for what tests leave behind.

    Threads and processes are compared before and after each test. Tasks are seen by their loop when it
    closes. Files are noticed when this process makes them; what child processes make is looked for at the
    top of the working tree, their working directory.

    Parameters
    ----------
    grace_s
        A thread or process that was told to end may take so long.
    """

    def __init__(self, *, grace_s: float = 5.0) -> None:
        self._grace_s = grace_s
        self._watching = False
        self._before: set[object] = set()
        self._names: set[Path] = set()
        self._lasting: dict[object, set[object]] = {}
        self._overdue: set[object] = set()
        self._tasks: list[str] = []
        self._made: set[str] = set()
        self._starters: dict[threading.Thread, threading.Thread] = {}
        self._mark = uuid.uuid4().hex
        self._undo: list[Callable[[], object]] = []

    def install(self) -> None:
        """Begin to watch this process."""
        self._watching = True
        os.environ[_MARK] = self._mark
        self._undo.append(lambda: os.environ.pop(_MARK, None))
        self._watch_threads()
        self._watch_loops()
        sys.addaudithook(self._audit)

    def uninstall(self) -> None:
        """End it (an audit hook stays, and does nothing any more)."""
        self._watching = False
        while self._undo:
            self._undo.pop()()

    def begin(self) -> None:
        """Say that a test is about to be set up."""
        self._before = {*threading.enumerate(), *_children()}
        self._names = set(ROOT.iterdir())
        self._tasks.clear()
        self._made.clear()

    def end(self) -> list[str]:
        """Say that a test was torn down; return what it left."""
        deadline = time.monotonic() + self._grace_s
        while (left := list(self._alive())) and time.monotonic() < deadline:
            time.sleep(0.02)
        found = [_name(one) for one in left]
        found += [f"task {task}" for task in self._tasks]
        # The next test is not to be blamed for these.
        self._overdue.clear()
        new = {str(path) for path in set(ROOT.iterdir()) - self._names if path.name not in _CACHES}
        return found + [f"file {path}" for path in sorted(self._made | new) if os.path.lexists(path)]

    def lasting(self, fixture: object) -> Iterator[None]:
        """Watch the set-up of a fixture that outlives its test."""
        before = {*threading.enumerate(), *_children()}
        yield
        # What a fixture asked for by this one has started is that one's.
        others = set().union(*self._lasting.values())
        self._lasting[fixture] = {*threading.enumerate(), *_children()} - before - others

    def over(self, fixture: object) -> None:
        """Say that a fixture was torn down: now nothing of it may be left."""
        self._overdue |= self._lasting.pop(fixture, set())

    def strays(self) -> list[str]:
        """Return processes of this run that are still there, whoever their parent is by now."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get(_MARK) == self._mark
            except (psutil.Error, OSError):
                continue
            if ours and process.pid != os.getpid():
                found.append(_name(process))
        return found

    def _alive(self) -> Iterator[object]:
        lasting = set().union(*self._lasting.values())
        for one in (*threading.enumerate(), *_children()):
            if one in self._overdue or not (
                one in self._before or one in lasting or self._grown(one, lasting)
            ):
                yield one

    def _grown(self, one: object, lasting: set[object]) -> bool:
        """Whether something was started by what a lasting fixture had started."""
        if not isinstance(one, threading.Thread):
            return False
        if one.name.startswith(_LOOP_WORKER):
            return True
        starter = self._starters.get(one)
        while starter is not None and starter is not threading.main_thread():
            if starter in lasting or starter in self._before:
                return True
            starter = self._starters.get(starter)
        return False

    def _watch_threads(self) -> None:
        start = threading.Thread.start

        def watched(thread: threading.Thread) -> None:
            self._starters = {t: by for t, by in self._starters.items() if t.is_alive()}
            self._starters[thread] = threading.current_thread()
            start(thread)

        threading.Thread.start = watched  # type: ignore[method-assign]  # undone below
        self._undo.append(lambda: setattr(threading.Thread, "start", start))

    def _watch_loops(self) -> None:
        runners: Any = asyncio.runners
        cancel = runners._cancel_all_tasks

        def watched(loop: asyncio.AbstractEventLoop) -> None:
            if threading.current_thread() is threading.main_thread():
                self._tasks += [f"{task.get_name()}: {task.get_coro()}" for task in asyncio.all_tasks(loop)]
            cancel(loop)

        runners._cancel_all_tasks = watched
        self._undo.append(lambda: setattr(runners, "_cancel_all_tasks", cancel))

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        match event:
            case "open":
                if isinstance(args[2], int) and args[2] & os.O_CREAT:
                    self._note(args[0])
            case "os.mkdir" | "sqlite3.connect":
                self._note(args[0])
            case "os.rename" | "os.link" | "os.symlink":
                self._note(args[1])

    def _note(self, path: object) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - called for every file: pathlib is slow
        inside = whole.removeprefix(f"{ROOT}{os.sep}")
        if inside != whole and not os.path.lexists(whole) and _CACHES.isdisjoint(Path(inside).parts):
            self._made.add(whole)


def _children() -> Iterable[psutil.Process]:
    """Direct children; those of children are theirs to end (see `Leftovers.strays`)."""
    own = Path("/proc/self/task")
    pids = {int(pid) for task in own.iterdir() for pid in _words(task / "children")}
    for pid in pids:
        try:
            yield psutil.Process(pid)
        except psutil.NoSuchProcess:
            continue


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:  # the thread ended
        return []


def _name(one: object) -> str:
    if isinstance(one, psutil.Process):
        try:
            return f"process {one.pid}: {' '.join(one.cmdline()) or one.status()}"
        except psutil.Error:
            return f"process {one.pid}"
    return f"thread {one}"
