"""A real control service as a process of its own, on loopback, and an agent that only reports."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from flocker_lite.control.store.content import Content
from flocker_lite.control.store.database import Database
from flocker_lite.model import codec, deltas
from flocker_lite.model.records import Change, Configuration, Node
from flocker_lite.model.state import NodeState
from tests.conformance.rows import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2

CHECKOUT = Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 20.0
REQUEST_SECONDS_MAX = 30.0
POLL_SECONDS = 0.05

NODES = (Node(NODE_1, ADDRESS_1), Node(NODE_2, ADDRESS_2))
TWO_NODES = Content(
    "cccccccc-0000-4000-8000-000000000001",
    deltas.apply(Configuration(), [Change("nodes", node.node_id, node) for node in NODES]),
)
"""A cluster that has these and nothing else."""


@dataclass(frozen=True)
class Reply:
    """An answer; `body` is the JSON value, or None when it is no JSON."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """The JSON value."""
        return json.loads(self.content)


def fill(data_path: Path, content: Content) -> None:
    """Make a store with this in it."""
    with closing(Database(data_path)) as database:
        database.fill(content)


class ControlProcess:
    """`twistd flocker-control` on a store; its log is beside it. `command` is what runs Python."""

    def __init__(
        self,
        data_path: Path,
        *options: str,
        command: Sequence[str] = (sys.executable,),
        checkout: Path = CHECKOUT,
    ) -> None:
        self.data_path = data_path
        self._options = options
        self._command = command
        self._checkout = checkout
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.agent_port = _free_ports(2)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    @property
    def resident_bytes(self) -> int:
        """The memory that it has."""
        for line in Path(f"/proc/{self.pid}/status").read_text("ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("there is no VmRSS")

    @property
    def log(self) -> str:
        """What it said."""
        return self._log.read_text("utf-8")

    @property
    def _log(self) -> Path:
        return self.data_path.with_name(self.data_path.name + ".log")

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            assert self._process is not None
            assert self._process.poll() is None, self.log
            try:
                self.request("GET", "/v1/version")
            except OSError:
                assert time.monotonic() < deadline, self.log
                time.sleep(POLL_SECONDS)
            else:
                return

    def launch(self) -> None:
        """Start it, and do not wait."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(*self._command, "-m", "twisted", "--log-format=text", "flocker-control"),
                    f"--data-path={self.data_path}",
                    f"--port=tcp:{self.port}:interface=127.0.0.1:backlog=1024",
                    f"--agent-port=tcp:{self.agent_port}:interface=127.0.0.1:backlog=1024",
                    *self._options,
                ],
                cwd=self._checkout,
                env={**os.environ, "PYTHONPATH": str(self._checkout)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait(self) -> int:
        """The exit code, once it has ended."""
        assert self._process is not None
        return self._process.wait(STOP_SECONDS_MAX)

    def signal(self, what: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(what)

    def kill(self) -> None:
        """As a crash."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """In order; nothing when it does not run."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self.wait()

    def connect(self) -> HTTPConnection:
        """A connection to it."""
        return HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_SECONDS_MAX)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One request on a connection of its own."""
        with closing(self.connect()) as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            content = response.read()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, names, content)

    def post(self, path: str, body: Any) -> Reply:
        """POST a JSON value."""
        headers = {"Content-Type": "application/json"}
        return self.request("POST", path, json.dumps(body).encode(), headers)


class ReportingAgent:
    """The process of an agent that reports one state, whatever it is told."""

    def __init__(self, control: ControlProcess, node: Node, era: str, state: NodeState) -> None:
        changes = [codec.change_to_json(change) for change in deltas.whole(state)]
        told = {
            "port": control.agent_port,
            "node_id": node.node_id,
            "address": node.address,
            "era": era,
            "changes": changes,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.reporting_agent", json.dumps(told)],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS_MAX
        path = f"/v1/state/nodes/{node.node_id}"
        while control.request("GET", path).status != 200:
            assert time.monotonic() < deadline, control.log
            assert self._process.poll() is None
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(STOP_SECONDS_MAX)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
