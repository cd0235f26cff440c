"""Measures requests to the REST API beside an app that answers the same bytes from memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from admin.bench.figures import fsync_seconds, spread
from admin.bench.fleet import content
from admin.bench.memory_app import ROUTES
from admin.bench.service import Client, ControlProcess, free_ports
from flocker_lite.testing.fleet import fleet_node

NODES = 10
CLIENTS = 16
LISTS = 20
SCRAPES = 20
WARM_UP_COUNT = 20


class Request(NamedTuple):
    """A client's request."""

    method: str
    path: str
    body: object = None


def requests(containers: int, count: int) -> dict[str, Any]:
    """The figures of each operation: `count` requests, with this many containers."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flocker-bench-")))
        control = ControlProcess(directory, content(NODES, containers // NODES, 0))
        stack.callback(control.stop)
        control.start()
        floor = stack.enter_context(_floor(directory, _answers(control.port)))
        return {
            "containers": containers,
            "fsync_floor": spread(fsync_seconds(directory)),
            "memory_mib": control.memory_bytes() / 2**20,
            "flocker_lite": _measured(control.port, count),
            "floor": _measured(floor, count),
            "scrape": _scrapes(control.port),
        }


def _scrapes(port: int) -> dict[str, Any]:
    """How long GET /metrics takes, and how long another client waits meanwhile."""
    waits: list[float] = []
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as scraping:
        stop = threading.Event()
        others: list[float] = []

        def ask() -> None:
            while not stop.is_set():
                others.extend(_one_client(port, [Request("GET", "/version")]))

        other = threading.Thread(target=ask)
        other.start()
        for _ in range(SCRAPES):
            began = time.monotonic()
            scraping.request("GET", "/metrics")
            scraping.getresponse().read()
            waits.append(time.monotonic() - began)
        stop.set()
        other.join()
    return {"scrape": spread(waits), "meanwhile": spread(others)}


def _answers(port: int) -> dict[str, str]:
    """The control service's answer to one request of each kind."""
    with closing(Client(port)) as client:
        return {
            operation: client.request(*made).decode()
            for operation, (made,) in _batches("first", 1).items()
        }


@contextmanager
def _floor(directory: Path, answers: dict[str, str]) -> Iterator[int]:
    """The port of an app that gives these answers."""
    file = directory / "answers"
    file.write_text(json.dumps(answers), "utf-8")
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [sys.executable, "-m", "admin.bench.memory_app", str(port), str(file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the app that answers from memory did not start")
        yield port
    finally:
        process.terminate()
        process.wait()


def _measured(port: int, count: int) -> dict[str, Any]:
    """How long one client waits, and how many answers a second several clients get together."""
    for batch in _batches("warm", WARM_UP_COUNT).values():
        _one_client(port, batch)
    waits = {name: _one_client(port, batch) for name, batch in _batches("one", count).items()}
    rates = {name: _rate(port, batch) for name, batch in _batches("many", count).items()}
    return {name: {**spread(waits[name]), "per_second": rates[name]} for name in ROUTES}


def _batches(prefix: str, count: int) -> dict[str, list[Request]]:
    """Requests for so many containers, in the order in which they are possible."""
    here, there = fleet_node(0).address, fleet_node(1).address
    path = "/configuration/containers"
    names = [f"{prefix}-{number}" for number in range(count)]
    made = [{"host": here, "name": name, "image": "app:1"} for name in names]
    return {
        "create": [Request("POST", path, body) for body in made],
        "read": [Request("GET", f"{path}/{name}") for name in names],
        "list": [Request("GET", path)] * min(count, LISTS),
        "move": [Request("POST", f"{path}/{name}", {"host": there}) for name in names],
        "delete": [Request("DELETE", f"{path}/{name}") for name in names],
    }


def _one_client(port: int, batch: Sequence[Request]) -> list[float]:
    waits = []
    with closing(Client(port)) as client:
        for request in batch:
            began = time.monotonic()
            client.request(*request)
            waits.append(time.monotonic() - began)
    return waits


def _rate(port: int, batch: Sequence[Request]) -> float:
    shares = [batch[first::CLIENTS] for first in range(CLIENTS)]
    threads = [threading.Thread(target=_one_client, args=(port, share)) for share in shares]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(batch) / (time.monotonic() - began)


def table(result: dict[str, Any]) -> str:
    """The figures for people: each operation beside its floor."""
    title = f"{result['containers']} containers"
    kinds = ("p50 ms", "p99 ms", "/s", "floor p50", "floor p99", "floor /s")
    lines = [f"{title:20}" + "".join(f"{kind:>11}" for kind in kinds)]
    for operation in ROUTES:
        figures = [
            side[operation][key]
            for side in (result["flocker_lite"], result["floor"])
            for key in ("p50_milliseconds", "p99_milliseconds", "per_second")
        ]
        lines.append(f"{operation:20}" + "".join(f"{figure:>11.2f}" for figure in figures))
    fsync = result["fsync_floor"]
    lines.append(
        f"{'an fsync':20}{fsync['p50_milliseconds']:>11.2f}{fsync['p99_milliseconds']:>11.2f}"
    )
    for name, said in (("scrape", "GET /metrics"), ("meanwhile", "another meanwhile")):
        figures = result["scrape"][name]
        middle, most = figures["p50_milliseconds"], figures["p99_milliseconds"]
        lines.append(f"{said:20}{middle:>11.2f}{most:>11.2f}")
    return "\n".join(lines)
