"""Has a node stand still at a command of its agent's, for as long as a test wants."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from admin.hosts import LabError, Node
from tests.functional.agents_lab import CHECKOUT, wait_for
from tests.functional.crashes.steps import Step

FOLDER = "/run/crashes"
DOCKER_SOCKET = "/run/docker.sock"
WAITING_SOCKET = "/run/crashes/docker.sock"
STAND_SECONDS_MAX = 60.0
REACH_SECONDS_MAX = 90.0
"""A busy machine may take its time until a step: how long is no part of what is tested."""
BEFORE_ALL_OTHERS = "/usr/local/sbin"
"""The first place where agents look for commands; a lab's node has one of its own."""


class Standstill:
    """One node, with a `zfs` and a Docker that wait where they are told to."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._folder = node.root / FOLDER.lstrip("/")
        self._docker: subprocess.Popen[Any] | None = None
        self._gate = -1

    def install(self) -> None:
        """Put both before the true ones; the agent's `docker-socket` has to be WAITING_SOCKET."""
        self._folder.mkdir()
        os.mkfifo(self._folder / "gate")
        # Held open, so that a line is not lost between the end of one reader and the next.
        self._gate = os.open(self._folder / "gate", os.O_RDWR | os.O_NONBLOCK)
        self.node.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", BEFORE_ALL_OTHERS])
        program = self.node.root / BEFORE_ALL_OTHERS.lstrip("/") / "zfs"
        program.write_text(zfs_that_waits(self._real_zfs()))
        program.chmod(0o755)
        self._docker = self.node.spawn(
            [
                *(sys.executable, "-m", "tests.functional.crashes.docker_that_waits"),
                *(WAITING_SOCKET, DOCKER_SOCKET, FOLDER, str(STAND_SECONDS_MAX)),
            ],
            env={"PYTHONPATH": str(CHECKOUT)},
        )
        wait_for((self.node.root / WAITING_SOCKET.lstrip("/")).exists, "Docker that waits")

    def remove(self) -> None:
        """End what runs; the node itself is about to go."""
        if self._docker is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._docker.pid, signal.SIGTERM)
            self._docker.wait(10)
        if self._gate >= 0:
            os.close(self._gate)

    def arm(self, step: Step, dataset_id: str) -> None:
        """Have the next command that is the step stand still."""
        self.disarm()
        (self._folder / "arming").write_text(
            f"{step.when.value}\n{step.command.format(id=dataset_id)}\n"
        )
        (self._folder / "arming").rename(self._folder / "armed")

    def disarm(self) -> None:
        """Have no command stand still any more."""
        for name in ("armed", "taken", "reached"):
            (self._folder / name).unlink(missing_ok=True)
        with suppress(BlockingIOError):
            os.read(self._gate, 100)

    def await_reached(self, step: Step) -> int:
        """Wait until the step is reached; returns the pid, on the node, of what stands."""
        wait_for((self._folder / "reached").exists, step.name, REACH_SECONDS_MAX)
        return int((self._folder / "reached").read_text())

    def let_go(self) -> None:
        """Let what stands go on, if it lives."""
        os.write(self._gate, b"\n")

    def lease(self, dataset_id: str) -> str:
        """What is written on the node's copy, as it is at this instant; "" when there is none."""
        name = f"{self.node.pool}/flocker-lite/{dataset_id}"
        command = [self._real_zfs(), "get", "-H", "-o", "value", "flocker:lease", name]
        value = self.node.run(command, check=False).stdout.strip()
        return "" if value == "-" else value

    def _real_zfs(self) -> str:
        found = shutil.which("zfs", path="/usr/sbin:/usr/bin:/sbin:/bin")
        if found is None:
            raise LabError("there is no zfs here: run admin/setup")
        return found


def zfs_that_waits(real: str) -> str:
    """The text of the program that stands before `real`."""
    text = Path(__file__).with_name("zfs_that_waits.sh").read_text()
    for word, value in {
        "@FOLDER@": FOLDER,
        "@REAL@": real,
        "@TIMEOUT_SECONDS@": f"{STAND_SECONDS_MAX:.0f}",
    }.items():
        text = text.replace(word, value)
    return text
