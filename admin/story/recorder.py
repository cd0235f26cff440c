"""Runs a command at a terminal, and keeps what that showed, and when: an asciicast, version 2."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT = 80, 24
PROMPT = "$ "
READ_BYTES = 65536
TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class Recording:
    """What a terminal showed; `events` are texts with their seconds since the start."""

    width: int
    height: int
    command: str
    events: tuple[tuple[float, str], ...]

    def save(self, path: Path) -> None:
        """Write the file, which asciinema plays too."""
        head = {"version": 2, "width": self.width, "height": self.height, "title": self.command}
        lines = [json.dumps(head), *(json.dumps([at, "o", text]) for at, text in self.events)]
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read what `save` wrote."""
        first, *rest = path.read_text("utf-8").splitlines()
        head = json.loads(first)
        events = tuple((float(at), str(text)) for at, kind, text in map(json.loads, rest))
        return cls(head["width"], head["height"], head["title"], events)


def record(
    command: str,
    environment: Mapping[str, str],
    width: int = WIDTH,
    height: int = HEIGHT,
    during: Callable[[int, float], None] = lambda terminal, seconds: None,
) -> tuple[Recording, int]:
    """Run the line of a shell at a terminal of that size; the recording and the exit code.

    `during` is called again and again with the terminal's descriptor and the seconds since the
    start, so that a test can resize it.
    """
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.execve("/bin/bash", ["bash", "-c", command], {**environment, "TERM": "xterm-256color"})
    resize(terminal, width, height)
    began = time.monotonic()
    events: list[tuple[float, str]] = [(0.0, f"{PROMPT}{command}\r\n")]
    while time.monotonic() - began < TIMEOUT_SECONDS:
        during(terminal, time.monotonic() - began)
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(terminal, READ_BYTES)
        except OSError:  # the other end is closed
            break
        events.append((round(time.monotonic() - began, 3), data.decode("utf-8", "replace")))
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return Recording(width, height, command, tuple(events)), os.waitstatus_to_exitcode(status)


def resize(terminal: int, width: int, height: int = HEIGHT) -> None:
    """Give the terminal another size; its process is told."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
