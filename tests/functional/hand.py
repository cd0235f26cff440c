"""A person at a shell who has `flockerctl`, with a terminal and without."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

from admin.hosts import Lab

CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND = str(CHECKOUT / ".venv/bin/flockerctl")
TIMEOUT_SECONDS = 120.0


class Hand:
    """A person at a shell, whose configuration directory is the test's."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab = lab
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "XDG_CONFIG_HOME": str(home),
            "TERM": "xterm",
        }

    def run(
        self, *words: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The command with these words, without a terminal."""
        return subprocess.run(
            [COMMAND, *words],
            env=self.environment | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )

    def done(self, *words: str) -> str:
        """What it says when it succeeds."""
        found = self.run(*words)
        assert found.returncode == 0, (words, found.stdout, found.stderr)
        return found.stdout

    def on_terminal(self, width: int, *words: str, env: dict[str, str] | None = None) -> str:
        """All that a terminal of this width is sent."""
        pid, master = pty.fork()
        if pid == 0:  # pragma: no cover
            os.environ.clear()
            os.environ.update(self.environment | {"COLUMNS": str(width)} | (env or {}))
            os.execv(COMMAND, [COMMAND, *words])
        seen = b""
        ends = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < ends:
            if not select.select([master], [], [], 1.0)[0]:
                continue
            try:
                data = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            seen += data
        os.close(master)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0, seen
        return seen.decode()

    def address(self, node: str) -> str:
        return self.lab.node(node).address

    def redis(self, *words: str) -> str:
        """What redis answers at the first node, wherever it runs."""
        command = ["redis-cli", "-h", self.address("n1"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip()
