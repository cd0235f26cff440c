"""The display of a move at a real pseudo-terminal, of any width, and at a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from admin.picture.terminal import screens
from admin.story.recorder import Recording, record, resize

CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND = f"{sys.executable} -m tests.cli.shown_progress"
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8"}
COLOR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])m")


def recorded(
    width: int,
    during: Callable[[int, float], None] = lambda terminal, seconds: None,
    **environment: str,
) -> Recording:
    """What it shows at a terminal."""
    recording, code = record(COMMAND, {**ENVIRONMENT, **environment}, width, during=during)
    assert code == 0
    return recording


@pytest.mark.parametrize("width", [40, 80, 200])
def test_width(width: int) -> None:
    """It is redrawn in place, no line is wider than the terminal, and at the end it is gone."""
    recording = recorded(width)
    text = "".join(text for _, text in recording.events[1:])
    assert "\x1b[2K" in text
    shown = [
        ["".join(cell.text for cell in row) for row in rows]
        for _, rows in screens(10_000, recording.events[1:])
    ]
    # However many steps there were, they are drawn over each other.
    assert max(len(rows) for rows in shown) <= 6
    assert max(len(row) for rows in shown for row in rows) <= width
    assert any("pause of 250 ms predicted"[: width - 30] in row for rows in shown for row in rows)
    assert [row for row in shown[-1] if row] == ["done"]
    assert COLOR.search(text)


def test_resize() -> None:
    """A terminal that becomes narrower gets narrower lines."""
    sizes: list[float] = []

    def narrow(terminal: int, seconds: float) -> None:
        if seconds > 0.5 and not sizes:
            sizes.append(seconds)
            resize(terminal, 40)

    recording = recorded(100, narrow)
    late = "".join(text for at, text in recording.events if at > sizes[0] + 0.3)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", late)
    assert max(len(line) for line in re.split(r"[\r\n]+", plain)) <= 40


def test_no_color() -> None:
    """NO_COLOR is heeded; it is redrawn all the same."""
    text = "".join(text for _, text in recorded(80, NO_COLOR="1").events[1:])
    assert not COLOR.search(text)
    assert "\x1b[2K" in text


def test_a_terminal_that_can_do_nothing() -> None:
    """TERM=dumb gets lines, as a pipe does."""
    command = f"TERM=dumb {COMMAND}"
    recording, _ = record(command, ENVIRONMENT)
    assert "\x1b" not in "".join(text for _, text in recording.events[1:])


def test_pipe() -> None:
    """A line for each phase, round and error; no control characters, and never a flood."""
    done = subprocess.run(
        COMMAND.split(), env=ENVIRONMENT, cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", done.stdout)
    assert len(done.stdout.splitlines()) == 7
    assert done.stdout.splitlines()[-1] == "done"
