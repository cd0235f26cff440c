"""A control service and a fleet of simulated agents, as processes of this machine on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from admin.bench.figures import cpu_seconds, waited_seconds
from flocker_lite.control.store.content import Content
from flocker_lite.control.store.database import Database

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0
REQUEST_SECONDS_MAX = 60.0
POLL_SECONDS = 0.02
AGENTS_PER_PROCESS = 250
GIVING_WAY = ("nice", "-n", "10")
"""Agents are on other machines; so here they leave the processors to the control service."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Client:
    """One connection to a REST API that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS_MAX)

    def request(self, method: str, path: str, body: object = None) -> bytes:
        """The bytes of the answer; RuntimeError when that is an error."""
        text = None if body is None else json.dumps(body).encode()
        headers = {} if text is None else {"Content-Type": "application/json"}
        self._connection.request(method, f"/v1{path}", text, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:500]!r}")
        return content

    def get(self, path: str) -> Any:
        """The JSON value of the answer to a GET."""
        return json.loads(self.request("GET", path))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class ControlProcess:
    """`twistd flocker-control` on a store in this directory; its log is beside it.

    `options` are more for its command line.
    """

    def __init__(self, directory: Path, content: Content, *options: str) -> None:
        self._options = options
        self.port, self.agent_port = free_ports(2)
        self.data_path = directory / "store"
        self._log_path = directory / "control.log"
        self._process: subprocess.Popen[bytes] | None = None
        with closing(Database(self.data_path)) as database:
            database.fill(content)

    def start(self) -> None:
        """Start it, and wait until it serves."""
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "twisted", "--log-format=text", "flocker-control"),
                    f"--data-path={self.data_path}",
                    f"--port=tcp:{self.port}:interface=127.0.0.1",
                    f"--agent-port=tcp:{self.agent_port}:backlog=1024:interface=127.0.0.1",
                    *self._options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._until_it_serves()

    def _until_it_serves(self) -> None:
        assert self._process is not None
        ends = time.monotonic() + START_SECONDS_MAX
        while True:
            with closing(self.client()) as client:
                try:
                    client.get("/leader")
                except (OSError, RuntimeError):
                    if self._process.poll() is not None or time.monotonic() > ends:
                        raise RuntimeError(f"no control service: see {self._log_path}") from None
                    time.sleep(POLL_SECONDS)
                else:
                    return

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_SECONDS_MAX)
            self._process = None

    def client(self) -> Client:
        """A connection to its REST API."""
        return Client(self.port)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Its CPU time since it began."""
        return cpu_seconds(Path(f"/proc/{self.pid}/stat"))

    def waited_seconds(self) -> float:
        """How long it waited for a processor, because other processes used them."""
        return waited_seconds(Path(f"/proc/{self.pid}"))

    def memory_bytes(self) -> int:
        """Its resident memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text("utf-8").split()[1]) * _PAGE_BYTES


class FleetProcesses:
    """Simulated agents in a few processes, which tell when they learn of a dataset.

    The last agent has a process of its own, which can fall silent.
    """

    def __init__(self, agent_port: int, count: int) -> None:
        self.created_at: dict[str, float] = {}
        self.last = count - 1
        self._created = threading.Condition()
        self._processes: dict[int, subprocess.Popen[str]] = {}
        for first in (*range(0, self.last, AGENTS_PER_PROCESS), self.last):
            size = min(AGENTS_PER_PROCESS, max(self.last - first, 1))
            numbers = (str(agent_port), str(first), str(size))
            self._processes[first] = subprocess.Popen(
                [*GIVING_WAY, sys.executable, "-m", "flocker_lite.testing.fleet", *numbers],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        for process in self._processes.values():
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("a process of the fleet did not start")
            threading.Thread(target=self._listen, args=(process.stdout,), daemon=True).start()

    def go(self) -> None:
        """Start the agents."""
        for first in self._processes:
            self._order(first, "go")

    def stop_last(self) -> None:
        """Stop the last agent, as when its process dies: its connection is closed."""
        self._order(self.last, f"stop {self.last}")

    def start_last(self) -> None:
        """Start it again."""
        self._order(self.last, f"start {self.last}")

    @contextmanager
    def last_silent(self) -> Iterator[None]:
        """Meanwhile the last agent is silent, as when its node loses power."""
        process = self._processes[self.last]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def wait_for(self, dataset_id: str, timeout_seconds: float = 30.0) -> float:
        """When the agent learned of the dataset, by the monotonic clock."""
        with self._created:
            if not self._created.wait_for(lambda: dataset_id in self.created_at, timeout_seconds):
                raise TimeoutError(f"no agent has heard of {dataset_id}")
            return self.created_at[dataset_id]

    def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            process.wait(STOP_SECONDS_MAX)

    def _order(self, first: int, line: str) -> None:
        orders = self._processes[first].stdin
        assert orders is not None
        orders.write(line + "\n")
        orders.flush()

    def _listen(self, lines: Any) -> None:
        for line in lines:
            _, dataset_id, seconds = line.split()
            with self._created:
                self.created_at[dataset_id] = float(seconds)
                self._created.notify_all()


def until(good: Callable[[], bool], timeout_seconds: float, what: str, poll_seconds: float) -> None:
    """Wait until `good()` is true; TimeoutError when that takes too long."""
    ends = time.monotonic() + timeout_seconds
    while not good():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not within {timeout_seconds:g} s")
        time.sleep(poll_seconds)


def free_ports(count: int) -> list[int]:
    """TCP ports of loopback at which nobody listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
