"""Starts and ends the services of one node. It reports dead ones, and restarts none."""

import http
import http.client
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from admin.hosts.errors import LabError
from admin.hosts.plan import LabPlan, NodePlan
from admin.hosts.processes import parse_stat, wait_until
from admin.hosts.services import DOCKER_SOCKET, Service, log_file

START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 20.0
PROBE_TIMEOUT_SECONDS = 2.0
LOG_TAIL_CHARACTERS = 2000


class Run(Protocol):
    """Run a command on a node to its end; with `check` a non-zero exit is a LabError."""

    def __call__(
        self, argv: Sequence[str], *, timeout_seconds: float = ..., check: bool = ...
    ) -> subprocess.CompletedProcess[str]: ...


class Daemons:
    """The services of one node. `root` is the machine's path to the node's file system."""

    def __init__(self, plan: LabPlan, node: NodePlan, services: tuple[Service, ...]) -> None:
        self.services = services
        self._plan = plan
        self._node = node

    def named(self, name: str) -> Service:
        """The service of that name; raises LabError when the node has none."""
        for service in self.services:
            if service.name == name:
                return service
        known = ", ".join(service.name for service in self.services) or "none"
        raise LabError(f"{self._node.name} has no service {name!r}; it has: {known}")

    def running(self, root: Path | None) -> dict[str, bool]:
        """For each service, whether its process lives; `root` is None when the node is down."""
        return {
            service.name: root is not None and pid_of(service, root) is not None
            for service in self.services
        }

    def launch(self, service: Service, root: Path, run: Run) -> None:
        """Start a service without waiting for it to answer."""
        if pid_of(service, root) is not None:
            raise LabError(f"{service.name} runs on {self._node.name} already")
        below(root, service.pid_file).unlink(missing_ok=True)
        log = str(log_file(self._plan, self._node, service.name))
        if service.detaches:
            # If it fails, it says why in its log, which await_ready quotes.
            run(["sh", "-c", 'exec "$@" >>"$0" 2>&1 </dev/null', log, *service.argv], check=False)
            return
        # setsid makes the daemon a child of the node's first process, which reaps it at its end.
        script = 'echo $$ >"$1"; log=$0; shift; exec "$@" >>"$log" 2>&1 </dev/null'
        quiet = 'exec setsid --fork sh -c "$@" >>"$0" 2>&1 </dev/null'
        run(["sh", "-c", quiet, log, script, log, service.pid_file, *service.argv])

    def await_ready(self, service: Service, root: Path) -> None:
        """Wait until a service answers; LabError with the end of its log when it does not."""

        def settled() -> bool:
            return self._answers(service, root) or has_died(service, root)

        wait_until(settled, START_TIMEOUT_SECONDS)
        if not self._answers(service, root):
            raise LabError(
                f"{service.name} does not start on {self._node.name}: {self.log_tail(service.name)}"
            )

    def end(self, service: Service, root: Path, run: Run, number: signal.Signals) -> None:
        """Send a service a signal and wait until it is gone."""
        pid = pid_of(service, root)
        if pid is None:
            raise LabError(f"{service.name} does not run on {self._node.name}")
        run(["kill", f"-{number.value}", str(pid)])
        if not wait_until(lambda: pid_of(service, root) is None, STOP_TIMEOUT_SECONDS):
            raise LabError(
                f"{service.name} on {self._node.name} does not end: {self.log_tail(service.name)}"
            )

    def log_tail(self, service_name: str) -> str:
        """The end of a service's log."""
        path = log_file(self._plan, self._node, service_name)
        text = path.read_text(errors="replace") if path.exists() else "(no log)"
        return text[-LOG_TAIL_CHARACTERS:].strip()

    def _answers(self, service: Service, root: Path) -> bool:
        if pid_of(service, root) is None:
            return False
        if service.ready_socket == DOCKER_SOCKET:
            return docker_answers(below(root, DOCKER_SOCKET))
        if service.ready_socket is not None:
            return below(root, service.ready_socket).is_socket()
        if service.ready_port is not None:
            return port_answers(self._node.address, service.ready_port)
        return True


def below(root: Path, path: str) -> Path:
    """The machine's path to an absolute path of the node."""
    return root / path.lstrip("/")


def pid_of(service: Service, root: Path) -> int | None:
    """The pid, inside the node, of a service that runs; None when it does not."""
    try:
        pid = int(below(root, service.pid_file).read_text())
        state, _ = parse_stat((root / f"proc/{pid}/stat").read_text())
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else pid


def has_died(service: Service, root: Path) -> bool:
    """Whether we started the service and its process has ended."""
    return (service.detaches or _pid_written(service, root)) and pid_of(service, root) is None


def _pid_written(service: Service, root: Path) -> bool:
    """Whether the shell, which first makes the pid file empty, has written all of it."""
    try:
        return below(root, service.pid_file).read_text().endswith("\n")
    except OSError:
        return False


def port_answers(address: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((address, port), PROBE_TIMEOUT_SECONDS).close()
    except OSError:
        return False
    return True


def docker_answers(path: Path) -> bool:
    """Whether a Docker engine answers on this unix socket."""
    connection = http.client.HTTPConnection("localhost", timeout=PROBE_TIMEOUT_SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(PROBE_TIMEOUT_SECONDS)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", "/_ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
