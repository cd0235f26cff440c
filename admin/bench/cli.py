"""How fast flockerctl is: its start, and its lists of a large cluster, beside a bare Python."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

COMMAND = str(Path(sys.executable).with_name("flockerctl"))
COMMANDS = (
    ("version",),
    ("nodes",),
    ("containers",),
    ("containers", "-o", "json"),
    ("datasets",),
    ("status",),
    ("top",),
)


def measure(nodes: int, containers: int, repeats: int) -> dict[str, Spent]:
    """Of each command, the medians of some; "python" is a Python that does nothing."""
    with _served(_answers(nodes, containers)) as address:
        environment = {
            **os.environ,
            "FLOCKER_CONTROL_SERVICE": address,
            "XDG_CONFIG_HOME": "/nowhere",
        }
        found = {"python": _median([sys.executable, "-c", ""], environment, repeats)}
        found["--help"] = _median([COMMAND, "--help"], environment, repeats)
        for words in COMMANDS:
            found[" ".join(words)] = _median([COMMAND, *words], environment, repeats)
    return found


def table(spent: dict[str, Spent]) -> str:
    """One line for each command."""
    lines = [f"{'':<24} {'passed':>8} {'CPU':>8}"]
    lines += [f"{name:<24} {took:6.2f} s {used:6.2f} s" for name, (took, used) in spent.items()]
    return "\n".join(lines)


Spent = tuple[float, float]
"""Seconds that passed, and seconds of CPU: a busy machine changes only the first."""


def _median(command: Sequence[str], environment: dict[str, str], repeats: int) -> Spent:
    took: list[float] = []
    used: list[float] = []
    for _ in range(repeats):
        began, before = time.monotonic(), _cpu_seconds()
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        took.append(time.monotonic() - began)
        used.append(_cpu_seconds() - before)
        if done.returncode not in (0, 1) or done.stderr:
            raise RuntimeError(f"{command}: {done.stderr}")
    return median(took), median(used)


def _cpu_seconds() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _answers(nodes: int, containers: int) -> dict[str, bytes]:
    """What a control service of that size answers, by path."""
    hosts = [
        f"10.{number // 65536}.{number // 256 % 256}.{number % 256}" for number in range(nodes)
    ]
    machine: dict[str, Any] = {
        "storage_size_bytes": 10**12,
        "storage_free_bytes": 10**11 * 5,
        "load": 1.0,
    }
    machine |= {
        "memory_size_bytes": 10**10,
        "memory_free_bytes": 10**9,
        "release": "1",
        "told_at": 0,
    }
    usage = {"cpu_share": 0.1, "memory_bytes": 10**7, "received_bytes": 1, "sent_bytes": 1}
    configured, states, datasets, copies = [], [], [], []
    used: dict[str, list[dict[str, Any]]] = {host: [] for host in hosts}
    for number in range(containers):
        host, name = hosts[number % nodes], f"container-{number}"
        dataset_id = f"dddddddd-0000-4000-8000-{number:012d}"
        volumes = [{"dataset_id": dataset_id, "mountpoint": "/data"}]
        ports = [{"internal": 80, "external": 20000 + number}]
        item = {"name": name, "host": host, "image": "nginx:latest", "ports": ports}
        configured.append({**item, "volumes": volumes})
        states.append({**item, "volumes": volumes, "running": True})
        datasets.append(
            {
                "dataset_id": dataset_id,
                "primary": host,
                "deleted": False,
                "metadata": {"name": name},
            }
        )
        copies.append(
            {"dataset_id": dataset_id, "primary": host, "path": "/x", "maximum_size": None}
        )
        used[host].append({"name": name, **usage})
    named: list[dict[str, Any]] = [
        {"host": host, "uuid": f"u-{host}", "machine": machine} for host in hosts
    ]
    answers: dict[str, Any] = {
        "/version": {"flocker": "1"},
        "/state/nodes": named,
        "/state/usage": [{**each, "cpus": 8, "containers": used[each["host"]]} for each in named],
        "/state/doctor": {"findings": [], "checks": [], "time": time.time()},
        "/state/moves": [],
        "/state/set_aside": [],
        "/configuration/containers": configured,
        "/state/containers": states,
        "/configuration/datasets": datasets,
        "/state/datasets": copies,
    }
    return {path: json.dumps(body).encode() for path, body in answers.items()}


@contextmanager
def _served(answers: dict[str, bytes]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers[self.path.partition("?")[0].removeprefix("/v1")]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
