from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.buffered_pipe import PipeTimeout
from paramiko.packet import NeedRekeyException

from transfer.wire import BufferingPacketizer, ChunkPipe


class ScriptedSocket:
    """Gives the scripted answers to reads; takes `accepts` bytes per write, then times out."""

    def __init__(self, *answers: bytes | Exception, accepts: tuple[int, ...] = ()) -> None:
        self.answers = list(answers)
        self.accepts = list(accepts)
        self.sent = b""

    def recv_into(self, buffer: Any) -> int:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        buffer[: len(answer)] = answer
        return len(answer)

    def send(self, data: Any) -> int:
        if not self.accepts:
            raise TimeoutError
        taken = min(self.accepts.pop(0), len(data))
        self.sent += bytes(data[:taken])
        return taken

    def close(self) -> None:
        pass


def packetizer(*answers: bytes | Exception, accepts: tuple[int, ...] = ()) -> BufferingPacketizer:
    scripted: Any = ScriptedSocket(*answers, accepts=accepts)
    return BufferingPacketizer(scripted)


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1), st.data())
def test_reads_give_the_stream_whatever_the_blocks(blocks: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(blocks)
    reader = packetizer(*blocks)
    got = b""
    while len(got) < len(stream):
        got += reader.read_all(data.draw(st.integers(1, len(stream) - len(got))))
    assert got == stream
    assert reader.closed is False


def test_what_follows_the_greeting_is_kept() -> None:
    reader = packetizer(b"hello\r\nSSH-2.0-x\r", b"\nrest")
    assert reader.readline(1) == "hello"
    assert reader.readline(1) == "SSH-2.0-x"
    assert reader.read_all(4) == b"rest"


def test_an_endless_greeting_is_cut() -> None:
    with pytest.raises(EOFError):
        packetizer(*[b"x" * 1000] * 20).readline(1)


def test_a_silent_server_is_waited_for_so_long() -> None:
    with pytest.raises(TimeoutError):
        packetizer(*[TimeoutError()] * 3).readline(-1)


def test_the_end_of_the_connection() -> None:
    with pytest.raises(EOFError):
        packetizer(b"ab", b"").read_all(3)


def test_time_outs_between_bytes_are_no_end() -> None:
    assert packetizer(TimeoutError(), b"ab", TimeoutError(), b"c").read_all(3) == b"abc"


def test_keys_are_renewed_between_packets_only() -> None:
    reader = packetizer(TimeoutError(), b"ab", TimeoutError(), b"c")
    reader._trigger_rekey()
    with pytest.raises(NeedRekeyException):
        reader.read_all(3, check_rekey=True)
    assert reader.read_all(3, check_rekey=True) == b"abc"  # inside a packet the time-out is only a pause


def test_a_closed_packetizer_ends_reads_and_writes() -> None:
    reader = packetizer(TimeoutError())
    reader.close()
    with pytest.raises(EOFError):
        reader.read_all(1)
    with pytest.raises(EOFError):
        reader.write_all(b"x")


def test_writes_go_on_after_partial_ones() -> None:
    scripted: Any = ScriptedSocket(accepts=(1, 2, 100))
    BufferingPacketizer(scripted).write_all(b"abcdef")
    assert scripted.sent == b"abcdef"


def test_a_peer_that_takes_nothing_counts_as_gone() -> None:
    writer = packetizer(accepts=(1,))
    writer.stall_timeout_s = 0.01
    with pytest.raises(EOFError):
        writer.write_all(b"abcdef")


@given(st.lists(st.one_of(st.binary(max_size=8), st.integers(1, 10))))
def test_the_pipe_is_a_queue_of_bytes(steps: list[bytes | int]) -> None:
    pipe, model = ChunkPipe(), b""
    for step in steps:
        if isinstance(step, bytes):
            pipe.feed(step)
            model += step
        elif model:
            got = pipe.read(step, 0.0)
            assert 1 <= len(got) <= step
            assert model.startswith(got)
            model = model[len(got) :]
        else:
            with pytest.raises(PipeTimeout):
                pipe.read(step, 0.0)
        assert len(pipe) == len(model)
        assert pipe.read_ready() == bool(model)
    pipe.close()
    while model:
        got = pipe.read(3)
        model = model[len(got) :]
    assert pipe.read(3) == b""


def test_emptying_the_pipe_returns_what_is_left() -> None:
    pipe = ChunkPipe()
    pipe.feed("abc")
    pipe.feed(b"def")
    assert pipe.read(2) == b"ab"
    assert pipe.empty() == b"cdef"
    assert len(pipe) == 0


def test_a_reader_is_woken() -> None:
    pipe = ChunkPipe()
    threading.Timer(0.05, pipe.feed, (b"x",)).start()
    assert pipe.read(10, 5) == b"x"
    threading.Timer(0.05, pipe.close).start()
    assert pipe.read(10, 5) == b""
