"""Whose turn it is."""

from __future__ import annotations

import asyncio

from agents.gft.turns import Turns


class Visits:
    """Who had the telescope, in order."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.had: list[str] = []
        self.go_on: dict[str, asyncio.Event] = {}
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, user: str, priority: int = 0) -> asyncio.Task[None]:
        task = asyncio.create_task(self._visit(user, priority))
        self.tasks.append(task)
        await self.settle()
        return task

    async def _visit(self, user: str, priority: int) -> None:
        async with self.turns.turn(user, priority=priority):
            self.had.append(user)
            await self.go_on.setdefault(user, asyncio.Event()).wait()

    async def leave(self, user: str) -> None:
        self.go_on[user].set()
        await self.settle()

    @staticmethod
    async def settle() -> None:
        for _ in range(10):
            await asyncio.sleep(0)


async def test_the_more_important_first_then_in_order_of_asking() -> None:
    visits = Visits(Turns())
    await visits.ask("a")
    for user, priority in (("b", 0), ("c", 5), ("d", 5)):
        await visits.ask(user, priority)
    assert visits.turns.waiting == ("c", "d", "b")
    for user in "acdb":
        assert visits.turns.user == user
        await visits.leave(user)
    assert not visits.turns.taken
    assert visits.had == list("acdb")


async def test_nobody_else_gets_what_is_reserved() -> None:
    turns = Turns()
    visits = Visits(turns)
    turns.reserve("b")
    assert turns.busy_for("a")
    assert not turns.busy_for("b")
    await visits.ask("a", 9)
    assert visits.had == []
    await visits.ask("b")
    assert turns.waiting == ("a",)
    await visits.leave("b")
    assert visits.had == ["b"], "until it is released: another visit of the same may follow"
    turns.release("b")
    await visits.settle()
    assert visits.had == ["b", "a"]
    await visits.leave("a")


async def test_the_last_one_for_whom_it_is_reserved_comes_first() -> None:
    turns = Turns()
    turns.reserve("b")
    turns.reserve("c")
    assert turns.reserved_for == "c"
    turns.release("c")
    assert turns.reserved_for == "b"
    turns.release("nobody")
    turns.release("b")
    assert turns.reserved_for == ""


async def test_who_gives_up_waiting_holds_nobody_up() -> None:
    visits = Visits(Turns())
    await visits.ask("a")
    waiting = await visits.ask("b", 9)
    await visits.ask("c")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await visits.leave("a")
    assert visits.had == ["a", "c"]
    await visits.leave("c")


async def test_who_gives_way_is_never_next_while_anybody_else_waits() -> None:
    visits = Visits(Turns())
    await visits.ask("first")

    async def focus() -> None:
        async with visits.turns.turn("focus", priority=9, give_way=lambda: None):
            visits.had.append("focus")

    focusing = asyncio.create_task(focus())
    await visits.settle()
    await visits.ask("burst")
    assert visits.turns.waiting == ("burst", "focus")
    await visits.leave("first")
    assert visits.had == ["first", "burst"]
    await visits.leave("burst")
    await focusing
    assert visits.had == ["first", "burst", "focus"]


async def test_who_gives_way_is_asked_to() -> None:
    turns, asked = Turns(), asyncio.Event()

    async def idle() -> None:
        async with turns.turn("focus", give_way=asked.set):
            assert not turns.busy_for("a")
            await asked.wait()

    focusing = asyncio.create_task(idle())
    await Visits.settle()
    async with turns.turn("a"):
        assert asked.is_set()
    await focusing
