"""What is said of a command that was run in a container."""

from __future__ import annotations

import pytest

from flocker_lite.containers.execution import (
    COMMAND_CHARACTERS,
    TAIL_BYTES,
    TAIL_CHARACTERS,
    Output,
    describe,
)


def frame(text: bytes, stream: int = 1) -> bytes:
    """As Docker has it."""
    return bytes((stream, 0, 0, 0)) + len(text).to_bytes(4, "big") + text


def test_describe() -> None:
    """The command as one would type it, what became of it, and what it said, in one line."""
    said = describe(("redis-cli", "-p", "a b"), "exited with 1", "NO\n\nAUTH  \n")
    assert said == "`redis-cli -p 'a b'` exited with 1: NO AUTH"
    assert describe(("true",), "exited with 1", " \n") == "`true` exited with 1"


def test_describe_much() -> None:
    """The beginning of the command and the end of its output are enough."""
    said = describe(("x" * 1000,), "failed", f"{'a' * 1000}b")
    assert len(said) < COMMAND_CHARACTERS + TAIL_CHARACTERS + 30
    assert said.endswith("ab")


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("said", [b"one two", b"\1\2", b"\0\0\0and more", b"o"])
def test_output_on_a_terminal(size: int, said: bytes) -> None:
    """It comes without frames, as its beginning shows."""
    output = Output()
    for start in range(0, len(said), size):
        output.take(said[start : start + size])
    assert output.tail == said


@pytest.mark.parametrize("size", [1, 3, 8, 9, 1000])
def test_output(size: int) -> None:
    """Both streams, in the order in which they came, however the frames are cut."""
    frames = frame(b"one ") + frame(b"two", stream=2) + frame(b"") + frame(b" three")
    output = Output()
    for start in range(0, len(frames), size):
        output.take(frames[start : start + size])
    assert output.tail == b"one two three"


def test_output_without_end() -> None:
    """Only the end is kept."""
    output = Output()
    for _ in range(100):
        output.take(frame(b"x" * 1000))
    output.take(frame(b"end"))
    assert len(output.tail) == TAIL_BYTES
    assert output.tail.endswith(b"xend")
